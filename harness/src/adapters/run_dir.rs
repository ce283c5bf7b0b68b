//! A run's folder, `reports/<run-id>/`: whole files are written beside their name, synced, and renamed; evidence is
//! appended line by line. What stands there is whole or not there at all.

use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::evidence::Closed;
use verdict::domain::evidence::Done;
use verdict::domain::evidence::Evidence;
use verdict::domain::features::FeaturesEvidence;

/// The folder cannot be used.
#[derive(Debug, Error)]
pub enum RunDirError {
    /// It cannot be made.
    #[error("cannot make the run folder {path}")]
    Create {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file in it cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file in it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line of evidence is none.
    #[error("{path}:{line}: not a line of evidence")]
    Evidence {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the folder, which must not exist.
    pub fn create(path: PathBuf) -> Result<Self, RunDirError> {
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::create_dir(&path))
            .map_err(|source| RunDirError::Create { path: path.clone(), source })?;
        Ok(Self { path })
    }

    /// A folder that exists.
    pub fn open(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a whole file: under another name, synced, renamed, and the folder synced.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunDirError> {
        let (path, beside) = (self.file(name), self.file(&format!(".{name}.part")));
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| RunDirError::Write { path: path.clone(), source })
    }

    /// Reads a whole file.
    pub fn read(&self, name: &str) -> Result<String, RunDirError> {
        let path = self.file(name);
        std::fs::read_to_string(&path).map_err(|source| RunDirError::Read { path, source })
    }

    /// Begins `evidence.jsonl`.
    pub fn evidence<E: EvidenceLine>(&self) -> Result<EvidenceLog<E>, RunDirError> {
        let path = self.file("evidence.jsonl");
        let file = File::options().append(true).create_new(true).open(&path);
        let file = file.map_err(|source| RunDirError::Write { path: path.clone(), source })?;
        Ok(EvidenceLog { path, file, kept: Vec::new() })
    }

    /// Reads `evidence.jsonl`. A last line without its end is one that was being written when the run was cut off.
    pub fn read_evidence<E: EvidenceLine>(&self) -> Result<Vec<E>, RunDirError> {
        let path = self.file("evidence.jsonl");
        let text = self.read("evidence.jsonl")?;
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        let parse = |(index, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|source| RunDirError::Evidence {
                path: path.clone(),
                line: index + 1,
                source,
            })
        };
        whole.lines().enumerate().map(parse).collect()
    }
}

/// A line of `evidence.jsonl`: of a load, or of the features.
pub trait EvidenceLine: Serialize + DeserializeOwned {
    /// The last line of a file.
    fn closed(closed: Closed) -> Self;
}

impl EvidenceLine for Evidence {
    fn closed(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl EvidenceLine for ChaosEvidence {
    fn closed(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl EvidenceLine for FeaturesEvidence {
    fn closed(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

/// `evidence.jsonl` while it grows.
#[derive(Debug)]
pub struct EvidenceLog<E = Evidence> {
    path: PathBuf,
    file: File,
    kept: Vec<E>,
}

impl<E: EvidenceLine> EvidenceLog<E> {
    /// Appends a line; it is in the file when this returns.
    pub fn append(&mut self, evidence: E) -> Result<(), RunDirError> {
        let written =
            serde_json::to_vec(&evidence).map_err(io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                self.file.write_all(&line)
            });
        self.kept.push(evidence);
        written.map_err(|source| RunDirError::Write { path: self.path.clone(), source })
    }

    /// What was appended.
    pub fn lines(&self) -> &[E] {
        &self.kept
    }

    /// Ends the file with its `closed` line; all lines, on disk for good.
    pub fn close(mut self) -> Result<Vec<E>, RunDirError> {
        let lines = self.kept.len() as u64;
        self.append(E::closed(Closed { lines }))?;
        self.file.sync_all().map_err(|source| RunDirError::Write { path: self.path, source })?;
        Ok(self.kept)
    }
}

impl EvidenceLog {
    /// What a worker said at its end.
    pub fn done(&self) -> Option<&Done> {
        self.kept
            .iter()
            .find_map(|line| if let Evidence::Done(done) = line { Some(done) } else { None })
    }

    /// Whether the backend's end has been seen.
    pub fn has_backend_died(&self) -> bool {
        self.kept.iter().any(|line| matches!(line, Evidence::BackendDied(_)))
    }
}

#[cfg(test)]
mod tests {
    use verdict::domain::evidence::Interrupted;

    use super::*;

    #[test]
    fn evidence_comes_back_but_for_a_line_that_was_cut() {
        let root = tempfile::tempdir().unwrap();
        let dir = RunDir::create(root.path().join("reports/run-1")).unwrap();
        let mut log = dir.evidence().unwrap();
        let line = Evidence::Interrupted(Interrupted { at_ms: 7 });
        log.append(line.clone()).unwrap();
        log.append(line.clone()).unwrap();
        assert_eq!(log.close().unwrap().len(), 3);
        assert_eq!(dir.read_evidence::<Evidence>().unwrap()[..2], [line.clone(), line.clone()]);
        assert_eq!(dir.read_evidence::<Evidence>().unwrap().len(), 3);
        let mut text = dir.read("evidence.jsonl").unwrap();
        text.truncate(text.len() - 4);
        std::fs::write(dir.file("evidence.jsonl"), text).unwrap();
        assert_eq!(dir.read_evidence::<Evidence>().unwrap(), [line.clone(), line]);
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let dir = RunDir::create(root.path().join("run-1")).unwrap();
        std::fs::create_dir(dir.file("verdict.json")).unwrap();
        let error = dir.write("verdict.json", b"{}").unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        assert!(RunDir::create(root.path().join("run-1")).is_err());
    }
}
