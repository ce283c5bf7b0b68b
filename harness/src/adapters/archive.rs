//! A `.tar.gz` with the same bytes for the same files, whoever makes it and whenever.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use flate2::Compression;
use flate2::GzBuilder;
use thiserror::Error;

/// An archive that cannot be written.
#[derive(Debug, Error)]
#[error("cannot put {path} into the archive")]
pub struct ArchiveError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Writes `files` (name in the archive → file) to `path`: whole or not at all. The size, in bytes.
pub fn write(path: &Path, files: &BTreeMap<String, PathBuf>) -> Result<u64, ArchiveError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ArchiveError { path, source }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed(folder))?;
    // No name and no time in the head.
    let gz = GzBuilder::new().mtime(0).write(temporary, Compression::fast());
    let mut tar = tar::Builder::new(gz);
    for (name, file) in files {
        let add = || -> io::Result<()> {
            let mut source = File::open(file)?;
            let metadata = source.metadata()?;
            let executable = metadata.permissions().mode() & 0o111 != 0;
            let mut header = tar::Header::new_gnu();
            header.set_size(metadata.len());
            header.set_mode(if executable { 0o755 } else { 0o644 });
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(&mut header, name, &mut source)
        };
        let mut add = add;
        add().map_err(failed(file))?;
    }
    let temporary =
        tar.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(failed(path))?;
    temporary.as_file().sync_all().map_err(failed(path))?;
    let bytes = temporary.as_file().metadata().map_err(failed(path))?.len();
    let persisted = temporary.persist(path).map_err(|error| error.error);
    // The same as any file that a program writes: others may read it.
    persisted
        .and_then(|file| file.set_permissions(std::fs::Permissions::from_mode(0o644)))
        .map_err(failed(path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_the_same_archive() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "some text").unwrap();
        let files: BTreeMap<String, PathBuf> = [("x/a".to_owned(), file.clone())].into();
        let archive = |name: &str| {
            let path = folder.path().join(name);
            let bytes = write(&path, &files).unwrap();
            let read = std::fs::read(path).unwrap();
            assert_eq!(bytes, read.len() as u64);
            read
        };
        assert_eq!(archive("1.tar.gz"), archive("2.tar.gz"));
        let mut read = tar::Archive::new(flate2::read::GzDecoder::new(
            File::open(folder.path().join("1.tar.gz")).unwrap(),
        ));
        let names: Vec<PathBuf> = read
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned())
            .collect();
        assert_eq!(names, [PathBuf::from("x/a")]);
        std::fs::remove_file(file).unwrap();
        assert!(write(&folder.path().join("3.tar.gz"), &files).is_err());
        assert!(!folder.path().join("3.tar.gz").exists());
    }
}
