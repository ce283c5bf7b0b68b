//! After the load: what must add up is read from the stores, and the backend's log is searched for panics.

use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;

use verdict::domain::evidence::BackendDied;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Lost;
use verdict::domain::ledger::LedgerEntry;
use verdict::judge::conservation::conservations;

use super::prepare::Ready;
use crate::adapters::run_dir::EvidenceLog;
use crate::commands::error::CommandError;

/// Adds what can be known only afterwards; returns all evidence, on disk for good.
pub(super) async fn add_up(
    ready: &Ready,
    mut log: EvidenceLog,
) -> Result<Vec<Evidence>, CommandError> {
    let written = |source| CommandError::environment("the evidence cannot be written", source);
    if let Some(panic) = panicked(ready) {
        log.append(Evidence::BackendDied(panic)).map_err(written)?;
    }
    if log.worker_is_done() {
        for line in figures(ready).await? {
            log.append(line).map_err(written)?;
        }
    }
    log.finish().map_err(written)
}

/// The stores' figures against the ledger's answers; what cannot be read is said, never left out.
async fn figures(ready: &Ready) -> Result<Vec<Evidence>, CommandError> {
    let missing = |detail: String| Ok(vec![Evidence::CapabilityMissing(Lost { detail })]);
    let Some(stores) = &ready.prepared.stores else {
        return missing("the stores cannot be read, so nothing can be added up".to_owned());
    };
    let after = match stores.figures(&ready.prepared.subs).await {
        Ok(after) => after,
        Err(error) => {
            return missing(format!("the stores could not be read after the load: {error}"));
        }
    };
    let quota = ready.prepared.run.limits.daily_quota;
    let lines = conservations(&ledger(ready)?, &ready.prepared.before, &after, quota);
    Ok(lines.into_iter().map(Evidence::Conservation).collect())
}

fn ledger(ready: &Ready) -> Result<Vec<LedgerEntry>, CommandError> {
    let text = ready
        .dir
        .read("ledger.jsonl")
        .map_err(|source| CommandError::environment("the request ledger cannot be read", source))?;
    text.lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|source| CommandError::environment("the request ledger does not parse", source))
}

/// A panic that the backend survived is a broken promise as well: its log says so.
fn panicked(ready: &Ready) -> Option<BackendDied> {
    let path = ready.stage.description.admin.backend_log.as_ref()?;
    let mut file = std::fs::File::open(path).ok()?;
    file.seek(SeekFrom::Start(ready.prepared.log_offset)).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let is_panic = |line: &&str| {
        serde_json::from_str::<serde_json::Value>(line)
            .is_ok_and(|line| line.get("message").and_then(|m| m.as_str()) == Some("panic"))
    };
    let panic = text.lines().find(is_panic)?;
    Some(BackendDied {
        at_ms: 0,
        how: "it panicked".to_owned(),
        last_lines: vec![panic.to_owned()],
    })
}
