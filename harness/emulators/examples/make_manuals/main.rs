//! Writes what `fixtures/manuals/` ships from the sources in `fixtures/manuals/src/`: PDF or Markdown,
//! and `manuals.toml`. The same sources give the same bytes; it must not read anything else.
//!
//! `cargo run -p emulators --example make_manuals` from the workspace's root.
mod blocks;
mod pdf;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use sha2::Digest as _;

/// Key, name and shipped file of each manual; the source is `src/<key>.md`.
const MANUALS: [(&str, &str, &str, &str); 4] = [
    ("router", "Nordwind WR-640 router", "router.pdf", "application/pdf"),
    ("coffee", "Caldera Duo 5 coffee machine", "coffee.pdf", "application/pdf"),
    ("ebike", "Velor Tour 9 e-bike", "ebike.md", "text/markdown"),
    ("solar", "Heliox SI-3000 solar inverter", "solar.md", "text/markdown"),
];

#[derive(Debug, thiserror::Error)]
enum MakeError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot set {key} as a PDF")]
    Render {
        key: &'static str,
        #[source]
        source: pdf::RenderError,
    },
}

fn main() -> Result<(), MakeError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/manuals");
    let mut index = String::from(
        "# The manuals that stages seed. Written by `cargo run -p emulators --example make_manuals`.\n",
    );
    for (key, name, file, content_type) in MANUALS {
        let path = folder.join("src").join(format!("{key}.md"));
        let source = std::fs::read_to_string(&path)
            .map_err(|source| MakeError::Read { path: path.clone(), source })?;
        let pages = blocks::parse(&source).len();
        let bytes = if content_type == "application/pdf" {
            pdf::render(&source, name).map_err(|source| MakeError::Render { key, source })?
        } else {
            source.into_bytes()
        };
        let sha256 = hex::encode(sha2::Sha256::digest(&bytes));
        write(&folder.join(file), &bytes)?;
        write!(
            index,
            "\n[[manual]]\nkey = \"{key}\"\nname = \"{name}\"\nfile = \"{file}\"\n\
             content_type = \"{content_type}\"\npages = {pages}\nsha256 = \"{sha256}\"\n"
        )
        .unwrap_or_default();
    }
    write(&folder.join("manuals.toml"), index.as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), MakeError> {
    std::fs::write(path, bytes)
        .map_err(|source| MakeError::Write { path: path.to_path_buf(), source })
}
