//! The spoken fixtures: `fixtures/voice/index.json` and the recordings that it names.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

/// Where they are, below the project root.
const FOLDER: &str = "fixtures/voice";

/// A recording of the fixtures.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Voice {
    /// Its media type.
    pub content_type: String,
    /// What is said in it; nothing in one that is silent.
    pub text: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The recordings cannot be used.
#[derive(Debug, Error)]
pub enum VoicesError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The index does not parse.
    #[error("{FOLDER}/index.json does not parse")]
    Parse(#[source] serde_json::Error),
    /// Two entries for one file.
    #[error("{FOLDER}/index.json names `{0}` twice")]
    Twice(String),
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    content_type: String,
    text: String,
}

/// Every recording by the name of its file.
pub fn read(root: &Path) -> Result<BTreeMap<String, Voice>, VoicesError> {
    let folder = root.join(FOLDER);
    let bytes = |file: &str| {
        let path = folder.join(file);
        std::fs::read(&path).map_err(|source| VoicesError::Read { path, source })
    };
    let entries: Vec<Entry> =
        serde_json::from_slice(&bytes("index.json")?).map_err(VoicesError::Parse)?;
    let mut voices = BTreeMap::new();
    for Entry { file, content_type, text } in entries {
        let voice = Voice { content_type, text, bytes: bytes(&file)? };
        if voices.insert(file.clone(), voice).is_some() {
            return Err(VoicesError::Twice(file));
        }
    }
    Ok(voices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_there_and_only_silence_says_nothing() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let voices = read(root).unwrap();
        for (file, voice) in &voices {
            assert!(!voice.bytes.is_empty(), "{file}");
            assert_eq!(voice.text.is_empty(), file == "silence.wav");
        }
        for wanted in ["audio/wav", "audio/mp4", "audio/mpeg", "audio/webm", "audio/flac"] {
            assert!(voices.values().any(|voice| voice.content_type == wanted), "{wanted}");
        }
    }

    #[test]
    fn a_file_that_is_named_twice_or_missing_is_told() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        std::fs::create_dir_all(&folder).unwrap();
        let entry = r#"{"file": "a.wav", "content_type": "audio/wav", "text": "Hello"}"#;
        std::fs::write(folder.join("index.json"), format!("[{entry}, {entry}]")).unwrap();
        assert!(read(root.path()).unwrap_err().to_string().ends_with("fixtures/voice/a.wav"));
        std::fs::write(folder.join("a.wav"), "x").unwrap();
        assert!(read(root.path()).unwrap_err().to_string().ends_with("names `a.wav` twice"));
        std::fs::write(folder.join("index.json"), "{").unwrap();
        assert!(matches!(read(root.path()), Err(VoicesError::Parse(_))));
    }
}
