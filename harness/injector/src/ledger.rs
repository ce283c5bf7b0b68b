//! The fault ledger: one JSON line per injection, appended before the caller sees it, so that no crash makes a
//! fault that nobody knows of.
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How many injections are kept in memory for `activity`.
const KEPT: usize = 10_000;

/// What became of the injected attempt, as far as the injector can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The caller got the fault as an answer.
    Answered,
    /// The connection was closed under the caller.
    Cut,
    /// The call went on after its delay.
    Delayed,
    /// The caller was gone before the fault was over.
    HungUp,
}

/// One injection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// From 1, in the order of writing.
    pub seq: u64,
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// The rule's name.
    pub rule: String,
    /// The endpoint's name.
    pub service: String,
    /// Of the service's model.
    pub operation: String,
    /// The table, bucket, model … if the rule looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// `TRACE/service:operation/ordinal`, or `background`.
    pub key: String,
    /// From 1.
    pub attempt: u32,
    /// The verb as it was written.
    #[serde(rename = "do")]
    pub verb: String,
    /// Whether the decision depended on seed, rule, key and attempt alone.
    pub keyed: bool,
    /// Whether the call had its effect.
    pub effect: bool,
    /// What the caller got.
    pub fate: Fate,
}

/// A file that cannot be a ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Opening or reading.
    #[error("cannot use the ledger {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line in the middle that is none.
    #[error("{}:{line}: no line of a fault ledger: {source}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// Where injections are written.
#[derive(Debug)]
pub struct Ledger {
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    seq: u64,
    /// Lines that could not be written.
    lost: u64,
    recent: VecDeque<Line>,
}

impl Ledger {
    /// In memory only: the last 10 000.
    pub fn in_memory() -> Self {
        Self { path: None, state: Mutex::default() }
    }

    /// Appended to `path`. A half line that a crash left at its end is closed first.
    pub fn append_to(path: &Path) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io { path: path.to_owned(), source };
        let kept = std::fs::read(path).unwrap_or_default();
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
        if kept.last().is_some_and(|&last| last != b'\n') {
            file.write_all(b"\n").map_err(io)?;
        }
        let lines = kept.split(|&b| b == b'\n').filter(|line| !line.is_empty()).count();
        let seq = u64::try_from(lines).unwrap_or(0);
        let state = State { file: Some(file), seq, ..State::default() };
        Ok(Self { path: Some(path.to_owned()), state: Mutex::new(state) })
    }

    /// Where it is kept, if it is.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Writes `line` under the next number.
    pub(crate) fn write(&self, mut line: Line) {
        let mut state = self.state();
        state.seq += 1;
        line.seq = state.seq;
        if let Some(file) = &mut state.file {
            let mut text = serde_json::to_vec(&line).unwrap_or_default();
            text.push(b'\n');
            // One write of one line to a file opened for appending: whole or, at a crash, last.
            if let Err(error) = file.write_all(&text) {
                state.lost += 1;
                tracing::error!(%error, "cannot write the fault ledger");
            }
        }
        if state.recent.len() == KEPT {
            state.recent.pop_front();
        }
        state.recent.push_back(line);
    }

    /// Makes what was written survive the machine, not only the process.
    pub fn sync(&self) -> std::io::Result<()> {
        let file = self.state().file.as_ref().map(File::try_clone).transpose()?;
        file.map_or(Ok(()), |file| file.sync_data())
    }

    /// How many were written since the ledger began, and how many of them were lost.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.seq, state.lost)
    }

    /// The last ones in memory after number `since`, oldest first, at most `limit`.
    pub fn recent(&self, since: u64, limit: usize) -> Vec<Line> {
        let state = self.state();
        state.recent.iter().filter(|line| line.seq > since).take(limit).cloned().collect()
    }

    /// The hash of all that was written, see [`hash`]: of the file, or of what is in memory. None if not all of it is
    /// there any more.
    pub fn hash(&self) -> Option<String> {
        let all = usize::try_from(self.counts().0).unwrap_or(usize::MAX);
        let lines = match &self.path {
            Some(path) => read(path).ok()?.0,
            None => self.state().recent.iter().cloned().collect(),
        };
        (lines.len() == all).then(|| hash(&lines))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256, in hex, over the injections sorted by rule, key and attempt: no time, sequence or fate, and only what
/// was decided by key. Two runs with one seed and one load have one hash, whatever ran first.
pub fn hash(lines: &[Line]) -> String {
    let mut keyed: Vec<_> = lines
        .iter()
        .filter(|line| line.keyed)
        .map(|line| (&line.rule, &line.key, line.attempt, &line.verb, &line.resource))
        .collect();
    keyed.sort_unstable();
    let mut hash = Sha256::new();
    for (rule, key, attempt, verb, resource) in keyed {
        let resource = resource.as_deref().unwrap_or_default();
        hash.update(format!("{rule}\t{key}\t{attempt}\t{verb}\t{resource}\n"));
    }
    hex::encode(hash.finalize())
}

/// Reads a ledger. A half line at the end, which a crash leaves, is left out; the second value says whether.
pub fn read(path: &Path) -> Result<(Vec<Line>, bool), LedgerError> {
    let text =
        std::fs::read(path).map_err(|source| LedgerError::Io { path: path.to_owned(), source })?;
    let cut = text.last().is_some_and(|&last| last != b'\n');
    let mut lines = Vec::new();
    let mut parts = text.split(|&b| b == b'\n').enumerate().peekable();
    while let Some((index, part)) = parts.next() {
        if part.is_empty() || (cut && parts.peek().is_none()) {
            continue;
        }
        let line = serde_json::from_slice(part).map_err(|source| LedgerError::Line {
            path: path.to_owned(),
            line: index + 1,
            source,
        })?;
        lines.push(line);
    }
    Ok((lines, cut))
}

#[cfg(test)]
mod tests {
    use super::{Fate, Ledger, Line, hash, read};

    fn line(rule: &str, key: &str, attempt: u32, keyed: bool) -> Line {
        Line {
            seq: 0,
            at_ms: 1,
            rule: rule.into(),
            service: "s3".into(),
            operation: "GetObject".into(),
            resource: None,
            key: key.into(),
            attempt,
            verb: "error SlowDown".into(),
            keyed,
            effect: false,
            fate: Fate::Answered,
        }
    }

    #[test]
    fn the_hash_knows_no_order_time_or_fate_and_no_background() {
        let (a, b) = (line("r", "t/1", 1, true), line("r", "t/2", 1, true));
        let mut late = b.clone();
        (late.at_ms, late.seq, late.fate) = (9, 9, Fate::HungUp);
        let first = hash(&[a.clone(), b]);
        assert_eq!(first, hash(&[late, line("r", "background", 1, false), a.clone()]));
        assert_ne!(first, hash(&[a]));
    }

    #[test]
    fn a_hash_is_of_everything_or_there_is_none() {
        let (folder, memory) = (tempfile::tempdir().unwrap(), Ledger::in_memory());
        let file = Ledger::append_to(&folder.path().join("faults.jsonl")).unwrap();
        for attempt in 0..10_001 {
            memory.write(line("r", "k", attempt, true));
            file.write(line("r", "k", attempt, true));
        }
        assert!(memory.hash().is_none(), "the first is forgotten");
        let again = Ledger::append_to(file.path().unwrap()).unwrap();
        assert_eq!((file.hash().map(|hash| hash.len()), again.hash()), (Some(64), file.hash()));
    }

    #[test]
    fn a_half_line_is_left_out_and_closed_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults.jsonl");
        let ledger = Ledger::append_to(&path).unwrap();
        ledger.write(line("r", "k", 1, true));
        ledger.write(line("r", "k", 2, true));
        drop(ledger);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 7]).unwrap();
        let (lines, cut) = read(&path).unwrap();
        assert!(cut && lines.len() == 1 && lines[0].seq == 1, "{lines:?}");
        Ledger::append_to(&path).unwrap().write(line("r", "k", 3, true));
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(":2: no line of a fault ledger"), "{error}");
    }
}
