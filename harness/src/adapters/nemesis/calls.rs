//! Faults of calls: all rules of a scenario together, under one owner.

use std::time::Duration;

use injector::RuleSpec;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::chaos::evidence::Hit;

use super::Beat;
use super::Nemesis;
use super::NemesisError;
use super::Played;
use super::TTL_MS;
use super::failed;
use super::mark;
use crate::adapters::fault_admin::FaultAdmin;
use crate::adapters::fault_admin::FaultAdminError;

/// A lease is renewed this often.
const RENEW: Duration = Duration::from_secs(4);

/// The rules of a scenario.
pub(super) struct Calls {
    scenario: String,
    owner: String,
    rules: Vec<RuleSpec>,
    url: String,
    seed: u64,
}

impl Calls {
    /// None where nothing of the scenario is about calls.
    pub(super) fn of(nemesis: &Nemesis) -> Option<Self> {
        let owner = format!("chaos-{}-{}", nemesis.scenario, std::process::id());
        let owned = |rule: &RuleSpec| RuleSpec { owner: Some(owner.clone()), ..rule.clone() };
        let rules: Vec<RuleSpec> = nemesis.rules.iter().map(owned).collect();
        (!rules.is_empty()).then(|| Self {
            scenario: nemesis.scenario.clone(),
            owner,
            rules,
            url: nemesis.stage.admin.injector_url.clone().unwrap_or_default(),
            seed: nemesis.seed,
        })
    }

    pub(super) async fn play(
        self,
        beat: Beat,
        until_us: u64,
        stop: CancellationToken,
    ) -> (Played, Option<NemesisError>) {
        let mut played = Played::default();
        let error = self.hold(beat, until_us, stop, &mut played).await.err();
        let error = error.map(|error| failed(&self.owner, "played", &error));
        (played, error)
    }

    async fn hold(
        &self,
        beat: Beat,
        until_us: u64,
        stop: CancellationToken,
        played: &mut Played,
    ) -> Result<(), FaultAdminError> {
        let admin = FaultAdmin::new(&self.url)?;
        admin.set_seed(self.seed).await?;
        let since = admin.last(0).await?.written;
        let asked_us = beat.now_us();
        admin.add(&self.rules).await?;
        let on = (asked_us, beat.now_us());
        let mut renewals = tokio::time::interval(RENEW);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let kept = loop {
            tokio::select! {
                () = tokio::time::sleep_until(beat.until(until_us)) => break Ok(()),
                () = stop.cancelled() => break Ok(()),
                _at = renewals.tick() => match admin.renew(&self.owner, TTL_MS).await {
                    Ok(0) => break Err(FaultAdminError::Refused {
                        text: "the rules were ended by somebody else".to_owned(),
                    }),
                    Ok(_renewed) => {}
                    Err(error) => break Err(error),
                },
            }
        };
        let asked_us = beat.now_us();
        admin.end(&self.owner).await?;
        let off = (asked_us, beat.now_us());
        let left = admin.list().await?;
        for rule in &self.rules {
            played.lines.push(ChaosEvidence::Applied(mark(&self.scenario, &rule.name, on)));
            played.lines.push(ChaosEvidence::Reverted(mark(&self.scenario, &rule.name, off)));
            if left.iter().any(|listed| listed.spec.name == rule.name) {
                played.left_on.push(rule.name.clone());
            }
        }
        // A call that is delayed tells of itself when it is over.
        self.hits(&admin, since, beat, played).await?;
        kept
    }

    async fn hits(
        &self,
        admin: &FaultAdmin,
        mut since: u64,
        beat: Beat,
        played: &mut Played,
    ) -> Result<(), FaultAdminError> {
        loop {
            let lines = admin.activity(since).await?.lines;
            let Some(last) = lines.last() else { return Ok(()) };
            since = last.seq;
            for line in lines {
                if !self.rules.iter().any(|rule| rule.name == line.rule) {
                    continue;
                }
                let key = trace_of(&line.key);
                played.lines.push(ChaosEvidence::Hit(Hit {
                    scenario: self.scenario.clone(),
                    fault: line.rule,
                    at_us: (u64::try_from(line.at_ms).unwrap_or(0) * 1_000)
                        .saturating_sub(beat.began_unix_us),
                    operation: format!("{}:{}", line.service, line.operation),
                    call: key.as_ref().map_or(0, |(_, call)| *call),
                    trace_id: key.map(|(trace, _)| trace),
                    attempt: line.attempt,
                    effect: line.effect,
                    fate: word(line.fate).to_owned(),
                }));
            }
        }
    }
}

/// Trace and call of `TRACE/service:operation/ordinal`.
fn trace_of(key: &str) -> Option<(String, u32)> {
    let mut parts = key.split('/');
    let (trace, _operation, call) = (parts.next()?, parts.next()?, parts.next()?);
    Some((trace.to_owned(), call.parse().ok()?))
}

fn word(fate: injector::ledger::Fate) -> &'static str {
    match fate {
        injector::ledger::Fate::Answered => "answered",
        injector::ledger::Fate::Cut => "cut",
        injector::ledger::Fate::Delayed => "delayed",
        injector::ledger::Fate::HungUp => "hung-up",
    }
}

#[cfg(test)]
mod tests {
    use super::trace_of;

    #[test]
    fn a_key_names_trace_and_call() {
        assert_eq!(trace_of("abc/s3:GetObject/2"), Some(("abc".to_owned(), 2)));
        assert_eq!(trace_of("background"), None);
    }
}
