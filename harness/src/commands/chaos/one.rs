//! One scenario from its stage to its evidence: what the faults will do is written down, then the load runs while the
//! nemesis plays, then everything is counted.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use manuel_client::Traceparent;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use verdict::domain::chaos::ProcessFault;
use verdict::domain::chaos::ScenarioRun;
use verdict::domain::chaos::evidence::Began;
use verdict::domain::chaos::evidence::BreakerChange;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::chaos::evidence::Ended;
use verdict::domain::chaos::evidence::Foretold;
use verdict::domain::chaos::evidence::LoadLine;
use verdict::domain::chaos::evidence::Missing;
use verdict::domain::chaos::evidence::RequestLine;
use verdict::domain::chaos::profile;
use verdict::domain::evidence::Conservation;
use verdict::domain::evidence::Evidence;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::ledger::LedgerEntry;
use verdict::domain::rule::Rule;
use verdict::domain::stage::Runtime;
use verdict::judge::chaos::invariants::monotone_state::WORK_LEFT;
use verdict::plan::load;

use super::secrets;
use crate::adapters::backend_log;
use crate::adapters::chain;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::nemesis::Nemesis;
use crate::adapters::nemesis::Played;
use crate::adapters::stage_process::BackendChoice;
use crate::adapters::stage_process::StageProcess;
use crate::adapters::stores::StoresError;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::load::aftermath;
use crate::commands::load::cleanup;
use crate::commands::load::drive;
use crate::commands::load::job::Faulty;
use crate::commands::load::job::Job;
use crate::commands::load::prepare;
use crate::commands::load::prepare::Ready;
use crate::commands::stand::StageChoice;
use crate::config::chaos_file;
use crate::config::chaos_rules;

/// A backend that was killed is down for this long.
const DOWN_MS: u64 = 300;
/// Work for the index comes to its end within this once nothing fails any more.
const INDEX_REST: std::time::Duration = std::time::Duration::from_secs(20);
/// Sandboxes of each function: as many as a small machine carries.
const SANDBOXES: u32 = 8;
/// How long a request waits for one of them, in milliseconds.
const QUEUE_MS: u64 = 10_000;

/// Names of what is applied right now, for whoever interrupts twice.
#[derive(Debug, Default)]
pub(super) struct Applied(Mutex<Vec<String>>);

impl Applied {
    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, names: &[String]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(names);
    }

    fn remove(&self, names: &[String]) {
        let mut applied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        applied.retain(|name| !names.contains(name));
    }
}

/// What is played, and where.
#[derive(Clone, Debug)]
pub(super) struct Scene<'a> {
    pub(super) scenario: &'a ScenarioRun,
    pub(super) stage: &'a StageChoice,
    pub(super) dir: PathBuf,
    pub(super) faults_off: bool,
    pub(super) applied: &'a Arc<Applied>,
}

/// Plays one scenario; everything that was seen of it.
pub(super) async fn play(
    scene: &Scene<'_>,
    ctx: &Context,
    interrupts: &Interrupts,
) -> Result<Vec<ChaosEvidence>, CommandError> {
    let job = job(scene)?;
    let mut ready = prepare::prepare(&job, ctx, interrupts).await?;
    let lines = on_stage(scene, &mut ready, ctx, interrupts).await;
    cleanup::take_away(&ready).await;
    ready.stage.stop().await;
    lines
}

fn job(scene: &Scene<'_>) -> Result<Job, CommandError> {
    let raw = &scene.scenario.scenario;
    let name = &scene.scenario.name;
    let profile = profile(raw).map_err(|why| {
        CommandError::usage(format!("the load of `{name}` cannot be run: {why}"), None)
    })?;
    let mut stage = scene.stage.clone();
    if let StageChoice::Embedded { env, lambda, backend, .. } = &mut stage {
        env.extend(raw.stage.env.clone());
        if raw.stage.runtime == Runtime::Lambda
            && lambda.is_none()
            && let BackendChoice::Binary(server) = backend
            && let Some(folder) = server.parent()
        {
            // The functions lie beside the server.
            *backend = BackendChoice::Binary(folder.to_path_buf());
        }
        if raw.stage.runtime == Runtime::Lambda {
            let usual = LambdaOptions {
                sandboxes: SANDBOXES,
                queue_ms: QUEUE_MS,
                ..LambdaOptions::default()
            };
            let options = lambda.get_or_insert(usual);
            options.timeout_ms = raw.stage.function_timeout_ms.or(options.timeout_ms);
        }
    }
    let kills = raw.faults.iter().any(|fault| fault.process == Some(ProcessFault::Kill));
    Ok(Job {
        profile_name: name.clone(),
        profile,
        seed: scene.scenario.seed,
        only: None,
        stage,
        expect_commit: None,
        hold: false,
        production: false,
        faulty: Faulty {
            wire: raw.faults.iter().any(|fault| fault.proxy.is_some()),
            respawn_after_ms: kills.then_some(DOWN_MS),
            quiet: true,
        },
        run_dir: Some(scene.dir.clone()),
    })
}

async fn on_stage(
    scene: &Scene<'_>,
    ready: &mut Ready,
    ctx: &Context,
    interrupts: &Interrupts,
) -> Result<Vec<ChaosEvidence>, CommandError> {
    let scenario = scene.scenario;
    let run = &ready.prepared.run;
    let mut lines = vec![ChaosEvidence::Began(Began {
        scenario: scenario.name.clone(),
        sut_commit: run.sut_commit.clone(),
        arrivals: run.arrivals,
        schedule_sha256: run.schedule_sha256.clone(),
        quota: run.limits.daily_quota.min(run.limits.monthly_quota),
    })];
    if !scene.faults_off {
        lines.extend(foretold(scenario, ready)?);
    }
    let (began, begins) = watch::channel(None);
    let stop = CancellationToken::new();
    let nemesis = nemesis(scene, ready);
    let names: Vec<String> = nemesis.faults.iter().map(|fault| fault.name.clone()).collect();
    let interrupted = interrupts.first().clone();
    let playing = async {
        scene.applied.add(&names);
        let ended = stop.clone();
        let stopped = tokio_util::sync::CancellationToken::new();
        let play = nemesis.play(begins, stopped.clone());
        tokio::pin!(play);
        let played = tokio::select! {
            played = &mut play => played,
            () = async { tokio::select! { () = interrupted.cancelled() => {}, () = ended.cancelled() => {} } } => {
                stopped.cancel();
                play.await
            }
        };
        scene.applied.remove(&names);
        played
    };
    let driving = async {
        let log = drive::drive(ready, ctx, interrupts, Some(began)).await;
        // A load that ended early, for whatever reason, leaves no fault behind.
        stop.cancel();
        log
    };
    let ((played, failed), log) = tokio::join!(playing, driving);
    let evidence = aftermath::add_up(ready, log?).await?;
    lines
        .extend(counted(scene, ready, &evidence, played, failed.map(|error| chain(&error))).await?);
    Ok(lines)
}

fn nemesis(scene: &Scene<'_>, ready: &Ready) -> Nemesis {
    let raw = &scene.scenario.scenario;
    let steady_us = raw.load.steady_ms * 1_000;
    let (faults, rules) = if scene.faults_off {
        (Vec::new(), Vec::new())
    } else {
        (raw.faults.clone(), chaos_file::rules(raw))
    };
    Nemesis {
        scenario: scene.scenario.name.clone(),
        faults,
        rules,
        stage: ready.stage.description.clone(),
        state: ready.stage.process.as_ref().map(StageProcess::events),
        seed: scene.scenario.seed,
        span_us: (steady_us, steady_us + raw.load.fault_ms * 1_000),
    }
}

/// What the keyed faults will do to each request, before the first is sent.
fn foretold(scenario: &ScenarioRun, ready: &Ready) -> Result<Vec<ChaosEvidence>, CommandError> {
    let catalogue = chaos_file::catalogue()
        .map_err(|source| CommandError::environment("the scenario cannot be foretold", source))?;
    let run = &ready.prepared.run;
    let questions = &ready.prepared.worker.questions;
    let planned = load::plan(&run.profile, run.seed, &run.limits, questions)
        .map_err(|source| CommandError::environment("the scenario cannot be foretold", source))?;
    let mut lines = Vec::new();
    for arrival in &planned.arrivals {
        let trace = Traceparent::derive(run.seed, arrival.user.into(), arrival.ordinal.into());
        let trace = trace.trace_id();
        for fault in scenario.scenario.faults.iter().zip(&scenario.faults) {
            if !fault.0.affects.iter().any(|kind| kind == arrival.kind.name()) {
                continue;
            }
            let told = chaos_rules::foretold(scenario.seed, fault, &catalogue, &trace);
            lines.extend(told.into_iter().map(|(operation, call, clean_attempt)| {
                ChaosEvidence::Foretold(Foretold {
                    scenario: scenario.name.clone(),
                    ordinal: arrival.ordinal,
                    fault: fault.0.name.clone(),
                    operation,
                    call,
                    clean_attempt,
                })
            }));
        }
    }
    Ok(lines)
}

/// Everything that is known once the load is over.
async fn counted(
    scene: &Scene<'_>,
    ready: &Ready,
    evidence: &[Evidence],
    played: Played,
    failed: Option<String>,
) -> Result<Vec<ChaosEvidence>, CommandError> {
    let name = &scene.scenario.name;
    let missing = |detail: String| Missing { scenario: name.clone(), detail };
    let mut lines = Vec::new();
    let mut lost = failed.is_some();
    lines.extend(failed.map(|why| ChaosEvidence::Lost(missing(why))));
    let text = ready
        .dir
        .read("ledger.jsonl")
        .map_err(|source| CommandError::environment("the request ledger cannot be read", source))?;
    let entries: Vec<LedgerEntry> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(|source| {
            CommandError::environment("the request ledger does not parse", source)
        })?;
    let requests = entries.len() as u64;
    lines.extend(
        entries
            .into_iter()
            .map(|entry| ChaosEvidence::Request(RequestLine { scenario: name.clone(), entry })),
    );
    let hits = played.lines.iter().filter(|line| matches!(line, ChaosEvidence::Hit(_))).count();
    lines.extend(played.lines);
    lines.extend(breakers(name, ready, played.began_unix_us.unwrap_or(0)));
    for line in evidence {
        match line {
            Evidence::Finding(finding) if finding.rule.is_unexplained() => {}
            Evidence::Finding(_)
            | Evidence::Conservation(_)
            | Evidence::BackendDied(_)
            | Evidence::Version(_) => lines.push(of_load(name, line.clone())),
            Evidence::CapabilityMissing(line) => {
                lines.push(ChaosEvidence::CapabilityMissing(missing(line.detail.clone())));
            }
            Evidence::StageLost(line) | Evidence::WorkerLost(line) => {
                lost = true;
                lines.push(ChaosEvidence::Lost(missing(line.detail.clone())));
            }
            Evidence::Hello(_)
            | Evidence::Tick(_)
            | Evidence::Resource(_)
            | Evidence::Interrupted(_)
            | Evidence::Done(_)
            | Evidence::Closed(_) => {}
        }
    }
    let interrupted = evidence.iter().any(|line| matches!(line, Evidence::Interrupted(_)));
    if !lost && !interrupted {
        lines.extend(at_rest(name, ready).await);
        lines.push(of_load(name, Evidence::Conservation(secrets::found(ready))));
        let ended =
            Ended { scenario: name.clone(), requests, hits: hits as u64, left_on: played.left_on };
        lines.push(ChaosEvidence::Ended(ended));
    }
    Ok(lines)
}

fn of_load(scenario: &str, line: Evidence) -> ChaosEvidence {
    ChaosEvidence::Load(LoadLine { scenario: scenario.to_owned(), line: Box::new(line) })
}

/// Work for the index ends; what is still open is counted, and one that cannot be counted is missing.
async fn at_rest(scenario: &str, ready: &Ready) -> Option<ChaosEvidence> {
    let stores = ready.prepared.stores.as_ref()?;
    let seen = match stores.index_at_rest(INDEX_REST).await {
        Ok(()) => 0,
        Err(StoresError::Busy { .. }) => 1,
        Err(error) => {
            let (scenario, detail) = (scenario.to_owned(), chain(&error));
            return Some(ChaosEvidence::CapabilityMissing(Missing { scenario, detail }));
        }
    };
    Some(of_load(
        scenario,
        Evidence::Conservation(Conservation {
            rule: Rule::ManualsConserved,
            what: WORK_LEFT.to_owned(),
            user: "everybody".to_owned(),
            expected_min: 0,
            expected_max: 0,
            seen,
            ordinals: Vec::new(),
        }),
    ))
}

/// Changes of the backend's breakers, from its log.
fn breakers(scenario: &str, ready: &Ready, began_unix_us: u64) -> Vec<ChaosEvidence> {
    let Some(path) = &ready.stage.description.admin.backend_log else { return Vec::new() };
    let text = backend_log::tail(path, ready.prepared.log_offset).unwrap_or_default();
    let changes = backend_log::breakers(&text).into_iter().map(|change| {
        ChaosEvidence::Breaker(BreakerChange {
            scenario: scenario.to_owned(),
            dependency: change.dependency,
            state: change.state,
            at_us: change.at_unix_us.saturating_sub(began_unix_us),
        })
    });
    changes.collect()
}
