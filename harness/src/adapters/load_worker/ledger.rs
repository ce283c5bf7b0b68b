//! Writes the request ledger: a line is appended as its request ends.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;

use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::ledger::LedgerEntry;

/// The file, with its running digest.
pub(super) struct Ledger {
    file: BufWriter<File>,
    digest: Sha256,
    failed: Option<std::io::Error>,
}

impl Ledger {
    pub(super) fn create(path: &Path) -> Result<Self, std::io::Error> {
        let file = File::options().write(true).create_new(true).open(path)?;
        Ok(Self { file: BufWriter::new(file), digest: Sha256::new(), failed: None })
    }

    /// Appends; the first failure is kept and reported by [`Ledger::close`], since a hot path has nobody to tell.
    pub(super) fn append(&mut self, entry: &LedgerEntry) {
        let line = match serde_json::to_vec(entry) {
            Ok(mut line) => {
                line.push(b'\n');
                line
            }
            Err(error) => return self.fail(error.into()),
        };
        self.digest.update(&line);
        if let Err(error) = self.file.write_all(&line) {
            self.fail(error);
        }
    }

    /// Makes what was appended readable by others.
    pub(super) fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            self.fail(error);
        }
    }

    /// Ends the file on disk; its digest in hex.
    pub(super) fn close(&mut self) -> Result<String, std::io::Error> {
        self.flush();
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.file.get_ref().sync_all()?;
        Ok(hex::encode(self.digest.clone().finalize()))
    }

    fn fail(&mut self, error: std::io::Error) {
        self.failed.get_or_insert(error);
    }
}
