//! Everything before the first request: files read, the plan made, the stage up, users with their manuals, and
//! `plan.json` written. What can be refused is refused before anything is started.

use std::collections::BTreeMap;

use verdict::domain::question::QuestionSet;
use verdict::domain::run::RUN_SCHEMA;
use verdict::domain::run::RunPlan;
use verdict::domain::stage::Capability;
use verdict::domain::stage::Limits;
use verdict::domain::stage::RateLimit;
use verdict::domain::stage::StageDescription;
use verdict::judge::conservation::Figures;
use verdict::plan::load::LoadPlan;
use verdict::plan::load::plan;

use super::guards;
use super::job::Job;
use crate::adapters::embedded_stage::ModelLatency;
use crate::adapters::emulator_stats;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::lambda_figures;
use crate::adapters::load_worker::plan::WorkerPlan;
use crate::adapters::load_worker::plan::WorkerUser;
use crate::adapters::provision;
use crate::adapters::provision::ProvisionedUser;
use crate::adapters::provision::WantedUser;
use crate::adapters::provision::leftovers;
use crate::adapters::provision::leftovers::Leftovers;
use crate::adapters::resources::machine;
use crate::adapters::run_dir::EvidenceLog;
use crate::adapters::run_dir::RunDir;
use crate::adapters::stage_process::StageRequest;
use crate::adapters::stores::Stores;
use crate::adapters::system_clock;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stage::manual_files;
use crate::commands::stand::StageChoice;
use crate::commands::stand::Stand;
use crate::commands::stand::report_folder;
use crate::commands::stand::run_folder;
use crate::commands::stand::standing;
use crate::config::questions;

/// Users that are made at once.
const CONCURRENCY: usize = 24;

/// A run that may begin.
#[derive(Debug)]
pub(in crate::commands) struct Ready {
    pub(in crate::commands) prepared: Prepared,
    pub(in crate::commands) dir: RunDir,
    pub(in crate::commands) stage: Stand,
}

/// What was made on the stage.
#[derive(Debug)]
pub(in crate::commands) struct Prepared {
    pub(in crate::commands) run: RunPlan,
    pub(in crate::commands) log: Option<EvidenceLog>,
    pub(in crate::commands) worker: WorkerPlan,
    /// Name → `sub` of the users whose figures must add up.
    pub(in crate::commands) subs: BTreeMap<String, String>,
    pub(in crate::commands) stores: Option<Stores>,
    pub(in crate::commands) before: BTreeMap<String, Figures>,
    /// Retrievals without a filter by user before the run; none on a stage of real services.
    pub(in crate::commands) unfiltered_before: Option<u64>,
    /// What the functions had done before the run; none of a server.
    pub(in crate::commands) functions_before: Option<lambda_figures::ByFunction>,
    /// Length of the backend's log before the run.
    pub(in crate::commands) log_offset: u64,
    /// Nothing is shown while it runs.
    pub(in crate::commands) quiet: bool,
}

pub(in crate::commands) async fn prepare(
    job: &Job,
    ctx: &Context,
    interrupts: &Interrupts,
) -> Result<Ready, CommandError> {
    let questions = questions::read(&ctx.root)
        .map_err(|source| CommandError::environment("cannot use the fixtures", source))?;
    // What cannot run is refused before anything is made or built.
    if let StageChoice::File(file) = &job.stage {
        let stage = standing(file)?;
        guards::in_production(job, &stage)?;
        let load = planned(job, &stage.limits, &questions)?;
        guards::affordable(job, &stage, &load)?;
    }
    if let Some(limits) = known_limits(&job.stage)? {
        planned(job, &limits, &questions)?;
    }
    let dir = run_dir(job, ctx)?;
    let mut stage = stage(job, ctx, &dir, interrupts).await?;
    let prepared = tokio::select! {
        prepared = on_stage(job, ctx, (&dir, &stage.description), questions) => prepared,
        () = interrupts.first().cancelled() => Err(CommandError::Interrupted),
    };
    match prepared {
        Ok(prepared) => Ok(Ready { prepared, dir, stage }),
        Err(error) => {
            stage.stop().await;
            Err(error)
        }
    }
}

async fn on_stage(
    job: &Job,
    ctx: &Context,
    (dir, stage): (&RunDir, &StageDescription),
    questions: QuestionSet,
) -> Result<Prepared, CommandError> {
    let load = planned(job, &stage.limits, &questions)?;
    let run = run_plan(job, (dir, ctx), stage, &load);
    let json = serde_json::to_vec_pretty(&run)
        .map_err(|source| CommandError::environment("cannot write the plan", source))?;
    dir.write("plan.json", &json).map_err(run_folder)?;
    let users = users(job, ctx, stage, &load, dir.path()).await?;
    let subs: BTreeMap<String, String> = load
        .users
        .iter()
        .zip(&users)
        .map(|(plan, user)| (plan.name.clone(), user.sub.clone()))
        .collect();
    let (stores, before) = if stage.capabilities.has(Capability::StoresReadable) {
        let unreadable =
            |source| CommandError::environment("cannot read the stage's stores", source);
        let stores = Stores::of(stage).await.map_err(unreadable)?;
        let before = stores.figures(&subs).await.map_err(unreadable)?;
        (Some(stores), before)
    } else {
        (None, BTreeMap::new())
    };
    let unfiltered_before = match &stage.admin.emulators_url {
        Some(admin) => {
            Some(emulator_stats::unfiltered_retrieves(admin).await.map_err(|source| {
                CommandError::environment("the stage's emulators do not answer", source)
            })?)
        }
        None => None,
    };
    let functions_before = match &stage.admin.lambda_url {
        Some(admin) => Some(lambda_figures::read(admin).await.map_err(|source| {
            CommandError::environment("the stage's functions cannot be counted", source)
        })?),
        None => None,
    };
    let log = dir.evidence().map_err(run_folder)?;
    let worker = WorkerPlan {
        run: run.clone(),
        stage: stage.clone(),
        users: load.users.iter().zip(users).map(|(plan, user)| seat(&plan.name, user)).collect(),
        questions,
        ledger: dir.file("ledger.jsonl"),
    };
    let backend_log = stage.admin.backend_log.as_ref();
    let log_offset =
        backend_log.and_then(|path| std::fs::metadata(path).ok()).map_or(0, |m| m.len());
    Ok(Prepared {
        run,
        log: Some(log),
        worker,
        subs,
        stores,
        before,
        unfiltered_before,
        functions_before,
        log_offset,
        quiet: job.faulty.quiet,
    })
}

fn run_dir(job: &Job, ctx: &Context) -> Result<RunDir, CommandError> {
    let name = format!(
        "{}-{}-{}-{:04x}",
        job.profile_name,
        job.seed,
        system_clock::compact(),
        std::process::id() & 0xffff
    );
    report_folder(job.run_dir.as_deref(), &name, ctx)
}

/// The limits of the stage, where they are known before it is asked.
fn known_limits(stage: &StageChoice) -> Result<Option<Limits>, CommandError> {
    match stage {
        StageChoice::File(file) => Ok(Some(standing(file)?.limits)),
        StageChoice::Embedded { recipe, env, .. }
            if env.is_empty() && recipe.max_rate_per_s.is_none() =>
        {
            Ok(Some(StageRequest::default_limits()))
        }
        StageChoice::Embedded { .. } => Ok(None),
    }
}

fn planned(job: &Job, limits: &Limits, questions: &QuestionSet) -> Result<LoadPlan, CommandError> {
    let planned = |limits: &Limits| plan(&job.profile, job.seed, limits, questions);
    let load = planned(limits).and_then(|load| {
        // The same plan, if it still fits.
        planned(&after_preparation(load.users.len(), job.profile.raw().manuals.len(), limits))
    });
    load.map_err(|error| {
        let hint = format!("edit scenarios/load/{}.toml", job.profile_name);
        CommandError::usage(format!("profile `{}` cannot be run: {error}", job.profile_name), hint)
    })
}

/// What the rate limit leaves to users who were prepared a moment ago.
fn after_preparation(users: usize, manuals: usize, limits: &Limits) -> Limits {
    let prepared = provision::requests_per_user(users, manuals);
    let left =
        |rate: RateLimit| RateLimit { requests: rate.requests.saturating_sub(prepared), ..rate };
    Limits { rate_limit: limits.rate_limit.map(left), ..limits.clone() }
}

async fn stage(
    job: &Job,
    ctx: &Context,
    dir: &RunDir,
    interrupts: &Interrupts,
) -> Result<Stand, CommandError> {
    let mut request = StageRequest::new(ctx.root.clone(), dir.path().to_path_buf(), job.seed);
    if let Some(latency) = job.profile.raw().model_latency {
        request.model_latency = ModelLatency {
            median_ms: latency.median_ms,
            p95_ms: latency.p95_ms,
            ms_per_1000_output_tokens: latency.ms_per_1000_output_tokens,
        };
    }
    request.wire_faults = job.faulty.wire;
    request.respawn_after_ms = job.faulty.respawn_after_ms;
    Stand::up(&job.stage, request, ctx, interrupts).await
}

async fn users(
    job: &Job,
    ctx: &Context,
    stage: &StageDescription,
    load: &LoadPlan,
    run_dir: &std::path::Path,
) -> Result<Vec<ProvisionedUser>, CommandError> {
    let manuals = manual_files(&ctx.root)
        .map_err(|source| CommandError::environment("cannot use the fixtures", source))?;
    let wanted_manuals = &job.profile.raw().manuals;
    if let Some(unknown) = wanted_manuals.iter().find(|key| !manuals.contains_key(*key)) {
        let known: Vec<&str> = manuals.keys().map(String::as_str).collect();
        return Err(CommandError::usage(
            format!("profile `{}` wants the manual `{unknown}`", job.profile_name),
            format!("fixtures/manuals/manuals.toml has: {}", known.join(", ")),
        ));
    }
    // A run's users are its own: their quotas are whole, whatever ran on the stage before.
    let run =
        run_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let wanted: Vec<WantedUser> = load
        .users
        .iter()
        .map(|user| WantedUser {
            username: format!("{}-{run}", user.name),
            manuals: wanted_manuals.clone(),
        })
        .collect();
    // On a stage that stays, what is made is written down first.
    if matches!(job.stage, StageChoice::File(_)) {
        let names = wanted.iter().map(|user| user.username.clone()).collect();
        let left = serde_json::to_vec_pretty(&Leftovers::of(stage, names))
            .map_err(|source| CommandError::environment("cannot write down the users", source))?;
        RunDir::open(run_dir.to_path_buf()).write(leftovers::FILE, &left).map_err(run_folder)?;
    }
    let tell = |text: &str| {
        if !job.faulty.quiet {
            note(text);
        }
    };
    tell(&format!("preparing {} users with {} manuals each", wanted.len(), wanted_manuals.len()));
    let began = system_clock::Stopwatch::start();
    let users =
        provision::provision(stage, &manuals, &wanted, CONCURRENCY).await.map_err(|source| {
            CommandError::environment("cannot prepare the users of the run", source)
        })?;
    tell(&format!("users ready in {} ms", began.us() / 1_000));
    Ok(users)
}

fn seat(name: &str, user: ProvisionedUser) -> WorkerUser {
    WorkerUser {
        name: name.to_owned(),
        username: user.username,
        password: user.password,
        sub: user.sub,
        access_token: user.session.access_token.expose().to_owned(),
        manual_ids: user.manual_ids,
    }
}

fn run_plan(
    job: &Job,
    (dir, ctx): (&RunDir, &Context),
    stage: &StageDescription,
    load: &LoadPlan,
) -> RunPlan {
    let run_id = dir.path().file_name().map(|name| name.to_string_lossy().into_owned());
    let arrivals = job.only.as_ref().map_or(load.arrivals.len(), Vec::len) as u64;
    RunPlan {
        schema: RUN_SCHEMA.to_owned(),
        run_id: run_id.unwrap_or_default(),
        suite: "load".to_owned(),
        profile_name: job.profile_name.clone(),
        profile: job.profile.clone(),
        seed: job.seed,
        only: job.only.clone(),
        schedule_sha256: load.sha256.clone(),
        arrivals,
        harness_commit: env!("HARNESS_COMMIT").to_owned(),
        sut_commit: stage.sut_commit.clone(),
        expect_commit: job.expect_commit.clone(),
        sut_defects: stage.sut_defects.clone(),
        stage: stage.name.clone(),
        services: stage.services,
        runtime: stage.runtime,
        behind_edge: stage.capabilities.has(Capability::Edge),
        bundle_sha256: ctx.bundle_sha256(),
        limits: stage.limits.clone(),
        exact_answers: stage.capabilities.has(Capability::DeterministicModel),
        machine: machine(),
        tools: crate::commands::tools(),
        started_at: system_clock::rfc3339(),
    }
}
