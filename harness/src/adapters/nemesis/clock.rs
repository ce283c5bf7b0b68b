//! The stage's clock, moved and moved back.

use std::path::Path;

use tokio_util::sync::CancellationToken;
use verdict::domain::chaos::RawFault;
use verdict::domain::chaos::evidence::ChaosEvidence;

use super::Beat;
use super::NemesisError;
use super::Played;
use super::failed;
use super::mark;

pub(super) async fn play(
    (scenario, fault): (String, RawFault),
    file: Option<String>,
    (beat, until_us): (Beat, u64),
    stop: CancellationToken,
) -> (Played, Option<NemesisError>) {
    let mut played = Played::default();
    let file = file.unwrap_or_default();
    let asked_us = beat.now_us();
    if let Err(error) = set(Path::new(&file), fault.clock_ms.unwrap_or(0)) {
        return (played, Some(failed(&fault.name, "put on", &error)));
    }
    let on = (asked_us, beat.now_us());
    played.lines.push(ChaosEvidence::Applied(mark(&scenario, &fault.name, on)));
    tokio::select! {
        () = tokio::time::sleep_until(beat.until(until_us)) => {}
        () = stop.cancelled() => {}
    }
    let asked_us = beat.now_us();
    if let Err(error) = set(Path::new(&file), 0) {
        played.left_on.push(fault.name.clone());
        return (played, Some(failed(&fault.name, "taken off", &error)));
    }
    let off = (asked_us, beat.now_us());
    played.lines.push(ChaosEvidence::Reverted(mark(&scenario, &fault.name, off)));
    (played, None)
}

/// Whole or not at all: it is read at any moment.
fn set(file: &Path, offset_ms: i64) -> std::io::Result<()> {
    let beside = file.with_extension("part");
    std::fs::write(&beside, format!("{offset_ms}\n"))?;
    std::fs::rename(beside, file)
}
