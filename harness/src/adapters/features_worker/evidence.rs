//! From the runner's events to lines of evidence: one for each attempt at a scenario that ended.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use cucumber::Event;
use cucumber::Writer;
use cucumber::cli;
use cucumber::event;
use cucumber::event::Hook;
use cucumber::event::RetryableScenario;
use cucumber::event::Scenario;
use cucumber::event::StepError as RunnerError;
use cucumber::gherkin;
use cucumber::parser;
use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::RequestSeen;
use verdict::domain::features::ScenarioOutcome;
use verdict::domain::features::ScenarioSeen;
use verdict::domain::features::StepBroken;

use super::outcome::StepError;
use super::world::FeatureWorld;
use crate::adapters::system_clock::Stopwatch;

/// Says what became of each attempt.
#[derive(Debug)]
pub(super) struct EvidenceWriter {
    clock: Stopwatch,
    under_way: BTreeMap<(String, usize), UnderWay>,
    /// Attempts that were told.
    attempts: Arc<AtomicU64>,
}

/// An attempt that has not ended.
#[derive(Debug)]
struct UnderWay {
    began_us: u64,
    step_us: u64,
    steps_ms: Vec<u64>,
    failed: Option<ScenarioOutcome>,
    requests: Vec<RequestSeen>,
}

impl EvidenceWriter {
    /// Counts what it tells in `attempts`.
    pub(super) fn new(attempts: Arc<AtomicU64>) -> Self {
        Self { clock: Stopwatch::start(), under_way: BTreeMap::new(), attempts }
    }

    fn scenario(
        &mut self,
        feature: &gherkin::Feature,
        scenario: &gherkin::Scenario,
        event: RetryableScenario<FeatureWorld>,
    ) {
        let file = feature.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let id = format!("{file}:{}", scenario.position.line);
        let attempt = event.retries.map_or(0, |retries| retries.current);
        let key = (id.clone(), attempt);
        let now_us = self.clock.us();
        let under_way = self.under_way.entry(key.clone()).or_insert_with(|| UnderWay::at(now_us));
        match event.event {
            Scenario::Started
            | Scenario::Log(_)
            | Scenario::Hook(_, Hook::Started | Hook::Passed) => {}
            Scenario::Hook(kind, Hook::Failed(_, info)) => {
                under_way.fail(&format!("({kind} hook)"), &file, scenario.position.line, &info);
            }
            Scenario::Background(step, event) | Scenario::Step(step, event) => {
                under_way.step(&step, event, (&file, now_us));
            }
            Scenario::Finished => {
                let Some(ended) = self.under_way.remove(&key) else { return };
                self.attempts.fetch_add(1, Ordering::SeqCst);
                say(&FeaturesEvidence::Scenario(Box::new(ScenarioSeen {
                    id,
                    attempt: u32::try_from(attempt).unwrap_or(u32::MAX).saturating_add(1),
                    outcome: ended.failed.unwrap_or(ScenarioOutcome::Passed),
                    at_ms: now_us / 1000,
                    took_ms: now_us.saturating_sub(ended.began_us) / 1000,
                    steps_ms: ended.steps_ms,
                    requests: ended.requests,
                })));
            }
        }
    }
}

impl UnderWay {
    fn at(now_us: u64) -> Self {
        Self {
            began_us: now_us,
            step_us: now_us,
            steps_ms: Vec::new(),
            failed: None,
            requests: Vec::new(),
        }
    }

    fn step(
        &mut self,
        step: &gherkin::Step,
        event: event::Step<FeatureWorld>,
        (file, now_us): (&str, u64),
    ) {
        let text = format!("{} {}", step.keyword.trim(), step.value);
        let took_ms = now_us.saturating_sub(self.step_us) / 1000;
        match event {
            event::Step::Started => self.step_us = now_us,
            event::Step::Passed(..) => self.steps_ms.push(took_ms),
            // Every step was matched before the run, so a step without a function is a fault of the harness.
            event::Step::Skipped => self.lost(&text, file, step.position.line, "nothing runs it"),
            event::Step::Failed(_, _, world, error) => {
                self.steps_ms.push(took_ms);
                if let Some(world) = world {
                    self.requests.clone_from(&world.requests);
                }
                match error {
                    RunnerError::Panic(info) => self.fail(&text, file, step.position.line, &info),
                    RunnerError::NotFound | RunnerError::AmbiguousMatch(_) => {
                        self.lost(&text, file, step.position.line, &error.to_string());
                    }
                }
            }
        }
    }

    fn lost(&mut self, step: &str, file: &str, line: usize, what: &str) {
        self.failed.get_or_insert_with(|| {
            ScenarioOutcome::Lost(StepBroken {
                step: step.to_owned(),
                place: format!("{file}:{line}"),
                expected: "to be run".to_owned(),
                seen: what.to_owned(),
            })
        });
    }

    /// What a step unwound with: an error of ours, or the text of a panic, which is a fault of the harness.
    fn fail(&mut self, step: &str, file: &str, line: usize, info: &event::Info) {
        match info.downcast_ref::<StepError>() {
            Some(StepError::Broken { expected, seen }) => {
                self.failed.get_or_insert_with(|| {
                    ScenarioOutcome::Broken(StepBroken {
                        step: step.to_owned(),
                        place: format!("{file}:{line}"),
                        expected: expected.clone(),
                        seen: seen.clone(),
                    })
                });
            }
            Some(StepError::Lost { what }) => self.lost(step, file, line, what),
            None => {
                let text = info
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| info.downcast_ref::<&str>().copied());
                let what = format!("the step panicked: {}", text.unwrap_or("no text"));
                self.lost(step, file, line, &what);
            }
        }
    }
}

impl Writer<FeatureWorld> for EvidenceWriter {
    type Cli = cli::Empty;

    async fn handle_event(
        &mut self,
        event: parser::Result<Event<event::Cucumber<FeatureWorld>>>,
        _cli: &cli::Empty,
    ) {
        let Ok(event) = event else { return };
        if let event::Cucumber::Feature(feature, event) = event.value {
            match event {
                event::Feature::Scenario(scenario, event)
                | event::Feature::Rule(_, event::Rule::Scenario(scenario, event)) => {
                    self.scenario(&feature, &scenario, event);
                }
                event::Feature::Started
                | event::Feature::Finished
                | event::Feature::Rule(_, event::Rule::Started | event::Rule::Finished) => {}
            }
        }
    }
}

/// One line of evidence on stdout. A runner that is gone takes its worker with it: nobody is left to be told.
pub fn say(evidence: &FeaturesEvidence) {
    let Ok(mut line) = serde_json::to_vec(evidence) else { return };
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(&line).and_then(|()| stdout.flush()));
}
