//! After the load: what must add up is read from the stores, and the backend's log is searched for panics.

use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::evidence::BackendDied;
use verdict::domain::evidence::Conservation;
use verdict::domain::evidence::Done;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Lost;
use verdict::domain::kind::RequestKind;
use verdict::domain::ledger::LedgerEntry;
use verdict::domain::rule::Rule;
use verdict::judge::conservation::conservations;

use super::prepare::Ready;
use crate::adapters::backend_log;
use crate::adapters::emulator_stats;
use crate::adapters::lambda_figures;
use crate::adapters::run_dir::EvidenceLog;
use crate::adapters::stage_process::StageProcess;
use crate::cli::output::note;
use crate::commands::error::CommandError;

/// Adds what can be known only afterwards; returns all evidence, on disk for good.
pub(in crate::commands) async fn add_up(
    ready: &Ready,
    mut log: EvidenceLog,
) -> Result<Vec<Evidence>, CommandError> {
    let written = |source| CommandError::environment("the evidence cannot be written", source);
    if let Some(done) = log.done() {
        let ledger = ledger(ready, done)?;
        let mut lines = figures(ready, &ledger).await?;
        lines.extend(unfiltered(ready, &ledger).await);
        for line in lines {
            log.append(line).map_err(written)?;
        }
    }
    if let Some(line) = deaths(ready).await {
        log.append(line).map_err(written)?;
    }
    for line in last_looks(ready, &log) {
        log.append(line).map_err(written)?;
    }
    log.close().map_err(written)
}

/// The stores' figures against the ledger's answers; what cannot be read is said, never left out.
async fn figures(ready: &Ready, ledger: &[LedgerEntry]) -> Result<Vec<Evidence>, CommandError> {
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
    let limits = &ready.prepared.run.limits;
    let quota = limits.daily_quota.min(limits.monthly_quota);
    let lines = conservations(ledger, &ready.prepared.before, &after, quota);
    Ok(lines.into_iter().map(Evidence::Conservation).collect())
}

/// Retrievals that were not filtered by user, where the stage counts them: right answers do not excuse them.
async fn unfiltered(ready: &Ready, ledger: &[LedgerEntry]) -> Option<Evidence> {
    let before = ready.prepared.unfiltered_before?;
    let admin = ready.stage.description.admin.emulators_url.as_ref()?;
    let after = match emulator_stats::unfiltered_retrieves(admin).await {
        Ok(after) => after,
        Err(error) => {
            return Some(Evidence::CapabilityMissing(Lost { detail: error.to_string() }));
        }
    };
    Some(Evidence::Conservation(Conservation {
        rule: Rule::Isolation,
        what: "retrievals that are not filtered by user".to_owned(),
        user: "anybody".to_owned(),
        expected_min: 0,
        expected_max: 0,
        seen: after.saturating_sub(before),
        // Any question shows it again.
        ordinals: ledger
            .iter()
            .filter(|e| e.kind == RequestKind::Query)
            .take(20)
            .map(|e| e.ordinal)
            .collect(),
    }))
}

/// A function's process that ended by itself is as broken a promise as a server's.
async fn deaths(ready: &Ready) -> Option<Evidence> {
    let before = ready.prepared.functions_before.as_ref()?;
    let admin = ready.stage.description.admin.lambda_url.as_ref()?;
    let after = match lambda_figures::read(admin).await {
        Ok(after) => after,
        Err(error) => {
            return Some(Evidence::CapabilityMissing(Lost { detail: error.to_string() }));
        }
    };
    note(&lambda_figures::summary(&after));
    let deaths = lambda_figures::deaths(before, &after);
    (!deaths.is_empty()).then(|| {
        Evidence::BackendDied(BackendDied {
            at_ms: 0,
            how: deaths.join("; "),
            last_lines: Vec::new(),
        })
    })
}

/// The ledger, which must be the one that the worker wrote.
fn ledger(ready: &Ready, done: &Done) -> Result<Vec<LedgerEntry>, CommandError> {
    let text = ready
        .dir
        .read("ledger.jsonl")
        .map_err(|source| CommandError::environment("the request ledger cannot be read", source))?;
    let entries: Vec<LedgerEntry> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(|source| {
            CommandError::environment("the request ledger does not parse", source)
        })?;
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    if done.ledger_sha256 == digest && done.completed == entries.len() as u64 {
        return Ok(entries);
    }
    Err(CommandError::Environment {
        what: "the request ledger is not the one that the worker wrote".to_owned(),
        source: None,
        hint: Some("is the disk full, or does somebody else write in the run's folder?".to_owned()),
    })
}

/// What came to light while nobody looked: a panic that the backend survived, or its end at the very end.
fn last_looks(ready: &Ready, log: &EvidenceLog) -> Vec<Evidence> {
    let mut lines = Vec::new();
    lines.extend(panics(ready));
    let events = ready.stage.process.as_ref().map(StageProcess::events);
    let state = events.map(|events| events.borrow().clone()).unwrap_or_default();
    if let Some(exit) = state.backend_exited.filter(|_| !log.has_backend_died()) {
        let (at_ms, how) = (ready.prepared.run.profile.duration_us() / 1_000, exit.to_string());
        lines.push(Evidence::BackendDied(BackendDied { at_ms, how, last_lines: exit.last_lines }));
    }
    lines
}

/// A panic that the backend survived is a broken promise as well: its log says so.
fn panics(ready: &Ready) -> Option<Evidence> {
    let path = ready.stage.description.admin.backend_log.as_ref()?;
    let text = match backend_log::tail(path, ready.prepared.log_offset) {
        Ok(text) => text,
        Err(error) => {
            let detail = format!("the backend's log {path} cannot be read for panics: {error}");
            return Some(Evidence::CapabilityMissing(Lost { detail }));
        }
    };
    let panic = backend_log::panic(&text)?;
    Some(Evidence::BackendDied(BackendDied {
        at_ms: 0,
        how: "it panicked".to_owned(),
        last_lines: vec![panic],
    }))
}
