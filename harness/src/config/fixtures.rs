//! The fixture manuals: `fixtures/manuals/manuals.toml` and the files that it names, checked against their digests. Nothing is
//! uploaded here.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;

/// Where the list is, below the project root.
const LIST: &str = "fixtures/manuals/manuals.toml";
/// Files are named relative to this folder.
const FOLDER: &str = "fixtures/manuals";

/// A manual, as it is uploaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manual {
    /// What questions and stage descriptions call it: `router`.
    pub key: String,
    /// Its title.
    pub name: String,
    /// The last part of its path: what the backend is told.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Its pages.
    pub pages: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The fixtures cannot be used.
#[derive(Debug, Error)]
pub enum FixtureError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The list does not parse.
    #[error("cannot use {path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A file is not what the list says.
    #[error("{path} has the sha256 {found}, but {LIST} says {listed}")]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// What is written.
        listed: String,
    },
    /// Two entries with one key.
    #[error("{LIST} has the key {key:?} twice")]
    Twice {
        /// The key.
        key: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawList {
    manual: Vec<RawManual>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManual {
    key: String,
    name: String,
    file: PathBuf,
    content_type: String,
    pages: u32,
    sha256: String,
}

/// Every fixture manual by key.
pub fn manuals(root: &Path) -> Result<BTreeMap<String, Manual>, FixtureError> {
    let path = root.join(LIST);
    let text = std::fs::read_to_string(&path)
        .map_err(|source| FixtureError::Read { path: path.clone(), source })?;
    let list: RawList = toml::from_str(&text)
        .map_err(|source| FixtureError::Parse { path, source: Box::new(source) })?;
    let mut manuals = BTreeMap::new();
    for raw in list.manual {
        let manual = read(root, raw)?;
        if let Some(twice) = manuals.insert(manual.key.clone(), manual) {
            return Err(FixtureError::Twice { key: twice.key });
        }
    }
    Ok(manuals)
}

fn read(root: &Path, raw: RawManual) -> Result<Manual, FixtureError> {
    let path = root.join(FOLDER).join(&raw.file);
    let bytes =
        std::fs::read(&path).map_err(|source| FixtureError::Read { path: path.clone(), source })?;
    let found = hex::encode(Sha256::digest(&bytes));
    if !found.eq_ignore_ascii_case(&raw.sha256) {
        return Err(FixtureError::Changed { path, found, listed: raw.sha256 });
    }
    let filename = raw
        .file
        .file_name()
        .map_or_else(|| raw.key.clone(), |filename| filename.to_string_lossy().into_owned());
    Ok(Manual {
        key: raw.key,
        name: raw.name,
        filename,
        content_type: raw.content_type,
        pages: raw.pages,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(sha256: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("fixtures/manuals")).unwrap();
        std::fs::write(root.path().join("fixtures/manuals/lamp.md"), "light").unwrap();
        let list = format!(
            "[[manual]]\nkey = \"lamp\"\nname = \"Lamp\"\nfile = \"lamp.md\"\n\
             content_type = \"text/markdown\"\npages = 1\nsha256 = \"{sha256}\"\n"
        );
        std::fs::write(root.path().join(LIST), list).unwrap();
        root
    }

    #[test]
    fn a_manual_is_read_with_its_digest_checked() {
        let digest = hex::encode(Sha256::digest(b"light"));
        let manuals = manuals(project(&digest).path()).unwrap();
        assert_eq!(manuals["lamp"].filename, "lamp.md");
        assert_eq!(manuals["lamp"].bytes, b"light");
    }

    #[test]
    fn a_changed_file_is_refused() {
        let error = manuals(project("00").path()).unwrap_err();
        assert!(
            matches!(&error, FixtureError::Changed { listed, .. } if listed == "00"),
            "{error}"
        );
    }

    #[test]
    fn the_projects_own_fixtures_can_be_used() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let manuals = manuals(&root).unwrap();
        for key in ["router", "coffee", "ebike", "solar"] {
            assert!(manuals.contains_key(key), "{key}");
        }
    }
}
