//! `harness baseline save|compare`: keeps what a load run measured, and says whether a later one is slower.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::baseline::BASELINE_SCHEMA;
use verdict::domain::baseline::Baseline;
use verdict::domain::baseline::Change;
use verdict::domain::baseline::Conditions;
use verdict::domain::evidence::Evidence;
use verdict::domain::histogram::LatencyHistogram;
use verdict::domain::kind::AnswerClass;
use verdict::domain::run::RUN_SCHEMA;
use verdict::domain::run::RunPlan;
use verdict::domain::verdict::Verdict;
use verdict::judge::baseline::compare;
use verdict::judge::canonical::canonical_json;
use verdict::judge::whole::judge_whole;

use crate::adapters::run_dir::RunDir;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// Where baselines are kept, below the project root.
const FOLDER: &str = "reports/baselines";
/// What two runs of one build differ by on a machine with neighbours (load.md §5: p50 within 2 %; p95 up to 36 %).
const THRESHOLD_PERCENT: u64 = 10;

/// Arguments of `harness baseline`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Keep what a load run measured.
    Save(Save),
    /// Say whether a load run is slower than a baseline: exit 1 where one kind of request is.
    Compare(Compare),
}

#[derive(Clone, Debug, clap::Args)]
struct Save {
    /// The run's folder.
    #[arg(value_name = "DIR")]
    run: PathBuf,
    /// Its name as a baseline.
    #[arg(long, value_name = "NAME")]
    name: String,
}

#[derive(Clone, Debug, clap::Args)]
struct Compare {
    /// The run's folder.
    #[arg(value_name = "DIR")]
    run: PathBuf,
    /// The baseline's name, or its file.
    #[arg(long, value_name = "NAME|FILE")]
    to: String,
    /// Smallest change of a median that matters, in percent.
    #[arg(long, value_name = "N", default_value_t = THRESHOLD_PERCENT)]
    threshold: u64,
}

/// Runs the subcommand.
pub fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    match args.action {
        Action::Save(args) => save(&args, ctx),
        Action::Compare(args) => against(&args, ctx),
    }
}

fn save(args: &Save, ctx: &Context) -> Result<Exit, CommandError> {
    let usable = args.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !usable || args.name.is_empty() {
        return Err(CommandError::usage(
            format!("`{}` is no name for a file", args.name),
            "letters, digits, `-`, `_` and `.`".to_owned(),
        ));
    }
    let Some(baseline) = measured(&args.run)? else { return Ok(Exit::Inconclusive) };
    let folder = ctx.root.join(FOLDER);
    let unwritten = |source| CommandError::environment("cannot keep the baseline", source);
    std::fs::create_dir_all(&folder).map_err(unwritten)?;
    let json = canonical_json(&baseline)
        .map_err(|source| CommandError::environment("cannot write the baseline", source))?;
    let name = format!("{}.json", args.name);
    let dir = RunDir::open(folder);
    dir.write(&name, json.as_bytes())
        .map_err(|source| CommandError::environment("cannot keep the baseline", source))?;
    out(&format!("{}: {}", dir.file(&name).display(), baseline.run_id));
    Ok(Exit::Pass)
}

fn against(args: &Compare, ctx: &Context) -> Result<Exit, CommandError> {
    let baseline = kept(&args.to, ctx)?;
    let Some(now) = measured(&args.run)? else { return Ok(Exit::Inconclusive) };
    let differing = differences(&baseline.conditions, &now.conditions);
    if !differing.is_empty() {
        out("NOT COMPARABLE  Timings depend on what is different here:");
        for (what, before, after) in differing {
            out(&format!("  {what}: {before} then, {after} now"));
        }
        return Ok(Exit::Inconclusive);
    }
    let compared = compare(&baseline.latencies, &now.latencies, args.threshold * 10_000);
    let ms = |us: u64| format!("{}.{:02} ms", us / 1000, us % 1000 / 10);
    for one in &compared {
        let word = match one.change {
            Change::Same => "same",
            Change::Faster => "faster",
            Change::Slower => "SLOWER",
            Change::TooFew => "too few",
            Change::Vanished => "GONE",
        };
        out(&format!(
            "  {word:<8}{:<22}median {} → {}, p95 {} → {}, slower of a pair {} % (n {} and {})",
            one.kind,
            ms(one.median_us.0),
            ms(one.median_us.1),
            ms(one.p95_us.0),
            ms(one.p95_us.1),
            one.slower_ppm / 10_000,
            one.baseline_n,
            one.run_n
        ));
    }
    let count = |wanted: Change| compared.iter().filter(|one| one.change == wanted).count();
    let (slower, gone) = (count(Change::Slower), count(Change::Vanished));
    // What is not measured any more is not known to be as fast as it was.
    let decided = gone == 0 && count(Change::TooFew) < compared.len();
    if slower > 0 {
        out(&format!("SLOWER  {slower} kinds of request are slower than in {}.", baseline.run_id));
        return Ok(Exit::Fail);
    }
    if !decided {
        out(&format!("CANNOT TELL  {gone} kinds of request have too few answers now."));
        return Ok(Exit::Inconclusive);
    }
    let threshold = args.threshold;
    out(&format!("SAME  Nothing is slower than {} by {threshold} % or more.", baseline.run_id));
    Ok(Exit::Pass)
}

/// The baseline of this name, or in this file.
fn kept(to: &str, ctx: &Context) -> Result<Baseline, CommandError> {
    let named = ctx.root.join(FOLDER).join(format!("{to}.json"));
    let file = if named.exists() { named } else { PathBuf::from(to) };
    let text = std::fs::read_to_string(&file).map_err(|source| {
        CommandError::usage(
            format!("cannot read the baseline {}: {source}", file.display()),
            format!("`harness baseline save` keeps them in {FOLDER}/"),
        )
    })?;
    let baseline: Baseline = serde_json::from_str(&text).map_err(|source| {
        CommandError::usage(format!("{}:{}: {source}", file.display(), source.line()), None)
    })?;
    if baseline.schema != BASELINE_SCHEMA {
        let found = &baseline.schema;
        let message = format!(
            "{} is of schema `{found}`, and this build reads `{BASELINE_SCHEMA}`",
            file.display()
        );
        return Err(CommandError::usage(message, None));
    }
    Ok(baseline)
}

/// What a run measured; none of one that was interrupted or could not tell, and one that cannot be judged has measured nothing.
fn measured(run: &Path) -> Result<Option<Baseline>, CommandError> {
    let dir = RunDir::open(run.to_path_buf());
    let unusable = |source| CommandError::environment("the run cannot be used", source);
    let text = dir.read("plan.json").map_err(unusable)?;
    let plan: RunPlan = serde_json::from_str(&text).map_err(|source| {
        let place = format!("{}:{}", dir.file("plan.json").display(), source.line());
        CommandError::usage(format!("{place}: {source}"), "only a load run has timings".to_owned())
    })?;
    if plan.schema != RUN_SCHEMA {
        return Err(CommandError::usage(format!("unknown schema `{}`", plan.schema), None));
    }
    let evidence: Vec<Evidence> = dir.read_evidence().map_err(unusable)?;
    let verdict = judge_whole(&plan, &evidence)
        .map_err(|source| CommandError::environment("the run cannot be judged", source))?;
    match &verdict.judgement {
        Verdict::Pass => {}
        Verdict::Fail { .. } => {
            note("warning: the run is a Fail; its timings are taken as they are");
        }
        Verdict::Inconclusive { .. } => {
            out(&format!("CANNOT TELL  {}", verdict.headline));
            return Ok(None);
        }
    }
    let profile = canonical_profile(&plan)?;
    let tool = |name: &str| plan.tools.get(name).cloned().unwrap_or_default();
    Ok(Some(Baseline {
        schema: BASELINE_SCHEMA.to_owned(),
        run_id: plan.run_id.clone(),
        sut_commit: plan.sut_commit.clone(),
        conditions: Conditions {
            profile_name: plan.profile_name.clone(),
            profile_sha256: profile,
            stage: plan.stage.clone(),
            machine: plan.machine.clone(),
            build_profile: tool("build_profile"),
            rustc: tool("rustc"),
        },
        latencies: latencies(&plan, &evidence),
    }))
}

fn canonical_profile(plan: &RunPlan) -> Result<String, CommandError> {
    let json = serde_json::to_vec(plan.profile.raw())
        .map_err(|source| CommandError::environment("cannot write the profile", source))?;
    Ok(hex::encode(Sha256::digest(json)))
}

fn latencies(plan: &RunPlan, evidence: &[Evidence]) -> BTreeMap<String, LatencyHistogram> {
    let gated: Vec<&str> = plan
        .profile
        .raw()
        .stages
        .iter()
        .filter(|stage| stage.gated)
        .map(|stage| stage.name.as_str())
        .collect();
    let mut latencies: BTreeMap<String, LatencyHistogram> = BTreeMap::new();
    for line in evidence {
        let Evidence::Tick(tick) = line else { continue };
        for series in &tick.series {
            if series.class == AnswerClass::Ok && gated.contains(&series.phase.as_str()) {
                latencies.entry(series.kind.name().to_owned()).or_default().add(&series.latency);
            }
        }
    }
    latencies
}

fn differences<'a>(
    before: &'a Conditions,
    after: &'a Conditions,
) -> Vec<(&'static str, String, String)> {
    let machine =
        |c: &Conditions| format!("{} cores, {}, {}", c.machine.cores, c.machine.cpu, c.machine.os);
    let short = |digest: &str| digest.get(..12).unwrap_or_default().to_owned();
    let pairs = [
        ("profile", before.profile_name.clone(), after.profile_name.clone()),
        ("text of the profile", short(&before.profile_sha256), short(&after.profile_sha256)),
        ("stage", before.stage.clone(), after.stage.clone()),
        ("machine", machine(before), machine(after)),
        ("build", before.build_profile.clone(), after.build_profile.clone()),
        ("compiler", before.rustc.clone(), after.rustc.clone()),
    ];
    pairs.into_iter().filter(|(_, before, after)| before != after).collect()
}
