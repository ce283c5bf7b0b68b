//! `stage.json` on disk: whole or not at all, and for its owner's eyes only.

use std::io;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use verdict::domain::stage::StageDescription;

/// Credentials stand in it.
const OWNER_ONLY: u32 = 0o600;

/// The file could not be written.
#[derive(Debug, Error)]
pub enum StageFileWriteError {
    /// It cannot be written as JSON.
    #[error("cannot write the stage description as json")]
    Json {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file system.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Writes `description` to `path` (temporary file, fsync, rename; mode 0600).
pub fn write_stage_file(
    path: &Path,
    description: &StageDescription,
) -> Result<(), StageFileWriteError> {
    let mut json = serde_json::to_vec_pretty(description)
        .map_err(|source| StageFileWriteError::Json { source })?;
    json.push(b'\n');
    write_private(path, &json)
        .map_err(|source| StageFileWriteError::Write { path: path.to_path_buf(), source })
}

/// Writes a file that holds secrets: whole or not at all, mode 0600.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // `tempfile` makes files of mode 0600; said again, since the promise is ours.
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.as_file().set_permissions(std::fs::Permissions::from_mode(OWNER_ONLY))?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_secrets_is_its_owners_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stage.json");
        std::fs::write(&path, "old").unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no leftovers");
        let missing = folder.path().join("none/stage.json");
        assert!(write_private(&missing, b"x").is_err());
    }
}
