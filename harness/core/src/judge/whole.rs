//! Whether evidence is whole: nothing cut off, nothing lost on the way, nothing sent and never accounted for. Only whole
//! evidence is judged; what was lost could have been the breach.

use crate::{
    domain::{
        evidence::{Done, Evidence},
        run::RunPlan,
        verdict::VerdictFile,
    },
    judge::{load::judge, seen::JudgeError},
};

/// Judges `evidence` of `plan` if it is whole.
pub fn judge_whole(plan: &RunPlan, evidence: &[Evidence]) -> Result<VerdictFile, JudgeError> {
    let verdict = judge(plan, evidence)?;
    check(evidence)?;
    Ok(verdict)
}

fn check(evidence: &[Evidence]) -> Result<(), JudgeError> {
    let interrupted = evidence.iter().any(|line| matches!(line, Evidence::Interrupted(_)));
    let died = evidence.iter().any(|line| matches!(line, Evidence::BackendDied(_)));
    match evidence.split_last() {
        Some((Evidence::Closed(closed), before)) if closed.lines == before.len() as u64 => {}
        // A runner that was killed after Ctrl-C has closed nothing, and nothing but the interruption is judged.
        Some(_) | None if interrupted => {}
        Some(_) | None => return Err(JudgeError::CutOff),
    }
    let done = evidence
        .iter()
        .find_map(|line| if let Evidence::Done(done) = line { Some(done) } else { None });
    match done {
        Some(done) if !interrupted => consistent(evidence, done, died),
        Some(_) | None => Ok(()),
    }
}

/// The ticks must add up to the worker's own account, and what was sent must have ended.
fn consistent(evidence: &[Evidence], done: &Done, died: bool) -> Result<(), JudgeError> {
    let (mut started, mut dropped, mut ended) = (0, 0, 0);
    for line in evidence {
        if let Evidence::Tick(tick) = line {
            started += tick.started;
            dropped += tick.dropped;
            ended += tick.series.iter().map(|series| series.latency.count()).sum::<u64>();
        }
    }
    let figures = [
        ("requests sent", done.started, started),
        ("arrivals dropped", done.dropped, dropped),
        ("requests ended", done.completed, ended),
    ];
    if let Some((what, said, counted)) =
        figures.into_iter().find(|(_, said, counted)| said != counted)
    {
        return Err(JudgeError::DoesNotAddUp { what: what.to_owned(), said, counted });
    }
    if done.completed < done.started && !died {
        let (sent, ended) = (done.started, done.completed);
        return Err(JudgeError::Unaccounted { sent, ended });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
