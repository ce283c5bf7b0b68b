//! Writes `fixtures/voice/`: recordings that say a question of `fixtures/questions.toml`, one of each
//! container that Manuel takes, and `index.json`. What is heard are tones, one a word; what is said
//! stands in the metadata, where the emulated Transcribe reads it. The same source gives the same bytes.
//!
//! `cargo run -p emulators --example make_voices` from the workspace's root.
mod voices;

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
enum MakeError {
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn main() -> Result<(), MakeError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/voice");
    std::fs::create_dir_all(&folder)
        .map_err(|source| MakeError::Write { path: folder.clone(), source })?;
    for voice in &voices::VOICES {
        write(&folder.join(voice.file), &voice.bytes())?;
    }
    write(&folder.join("index.json"), voices::index().as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), MakeError> {
    std::fs::write(path, bytes)
        .map_err(|source| MakeError::Write { path: path.to_path_buf(), source })
}
