//! A bundle: the folder (or archive of it) that a pipeline runs every later step from, without cargo and without sources.
//! It looks like a project root, and `bundle.json` in it says what it is made of.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;

/// The file that makes a folder a bundle.
pub const FILE: &str = "bundle.json";
/// Where its programs are.
pub const PROGRAMS: &str = "bin";
/// The schema that this build writes and the only one it reads.
pub const SCHEMA: &str = "manuel-bundle/1";

/// `bundle.json`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The commit that everything in it was made from.
    pub commit: String,
    /// SHA-256 over the lines `<digest> <path>` of `files`, in hex: what verdicts record.
    pub sha256: String,
    /// Path below the bundle → SHA-256, in hex.
    pub files: BTreeMap<String, String>,
}

/// A bundle that cannot be used.
#[derive(Debug, Error)]
pub enum BundleError {
    /// A file of it cannot be read.
    #[error("cannot read {path} of the bundle")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// `bundle.json` is none.
    #[error("{path} is no description of a bundle")]
    Parse {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Another version.
    #[error("{path} is of schema `{found}`, and this build reads `{SCHEMA}`")]
    Schema {
        /// Which.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A file is not the one that was bundled.
    #[error("{path} is not the file that was bundled: its digest is another")]
    Changed {
        /// Which.
        path: PathBuf,
    },
}

/// The bundle at `root`; none where `root` is the sources.
pub fn read(root: &Path) -> Result<Option<Bundle>, BundleError> {
    let path = root.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(BundleError::Read { path, source }),
    };
    let bundle: Bundle = serde_json::from_str(&text)
        .map_err(|source| BundleError::Parse { path: path.clone(), source })?;
    if bundle.schema != SCHEMA {
        return Err(BundleError::Schema { path, found: bundle.schema });
    }
    Ok(Some(bundle))
}

/// Reads every file again: what is run must be what was bundled.
pub fn verify(root: &Path, bundle: &Bundle) -> Result<(), BundleError> {
    for (name, digest) in &bundle.files {
        let path = root.join(name);
        if file_digest(&path)? != *digest {
            return Err(BundleError::Changed { path });
        }
    }
    if bundle.sha256 == digest_of(&bundle.files) {
        Ok(())
    } else {
        Err(BundleError::Changed { path: root.join(FILE) })
    }
}

/// SHA-256 of a file, in hex.
pub fn file_digest(path: &Path) -> Result<String, BundleError> {
    let unreadable = |source| BundleError::Read { path: path.to_path_buf(), source };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut digest = Sha256::new();
    io::copy(&mut file, &mut digest).map_err(unreadable)?;
    Ok(hex::encode(digest.finalize()))
}

/// The one digest of all files.
pub fn digest_of(files: &BTreeMap<String, String>) -> String {
    let mut digest = Sha256::new();
    for (name, file) in files {
        digest.update(format!("{file} {name}\n"));
    }
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed schema is the one of the type; `UPDATE_SCHEMAS=1` writes it.
    #[test]
    fn the_committed_schema_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/bundle.schema.json");
        let mut value = schemars::schema_for!(Bundle).to_value();
        value.sort_all_objects();
        let current = format!("{value:#}\n");
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), current);
    }

    #[test]
    fn a_changed_file_is_seen() {
        let root = tempfile::tempdir().unwrap();
        assert!(read(root.path()).unwrap().is_none());
        std::fs::write(root.path().join("a"), "a").unwrap();
        let files: BTreeMap<String, String> =
            [("a".to_owned(), file_digest(&root.path().join("a")).unwrap())].into();
        let bundle = Bundle {
            schema: SCHEMA.to_owned(),
            commit: "c".to_owned(),
            sha256: digest_of(&files),
            files,
        };
        std::fs::write(root.path().join(FILE), serde_json::to_vec(&bundle).unwrap()).unwrap();
        assert_eq!(read(root.path()).unwrap(), Some(bundle.clone()));
        verify(root.path(), &bundle).unwrap();
        std::fs::write(root.path().join("a"), "b").unwrap();
        assert!(matches!(verify(root.path(), &bundle), Err(BundleError::Changed { .. })));
        std::fs::remove_file(root.path().join("a")).unwrap();
        assert!(matches!(verify(root.path(), &bundle), Err(BundleError::Read { .. })));
    }
}
