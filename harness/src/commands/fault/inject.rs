//! `harness fault inject`: calls to AWS fail in AWS's words, for as long as this runs.

use injector::OncePer;
use injector::OnlySpec;
use injector::Per;
use injector::RuleSpec;
use injector::WhenSpec;

use super::StageArg;
use super::failed;
use super::hold;
use super::hold::Held;
use super::hold::HoldArgs;
use crate::adapters::fault_admin::FaultAdmin;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// Arguments of `harness fault inject`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct InjectArgs {
    /// SERVICE:OPERATION, the operation a pattern: `dynamodb:UpdateItem`, `s3:*`, `bedrock-runtime:{InvokeModel,Converse*}`.
    on: String,
    /// What happens: `error CODE`, `delay 4s±1s`, `lose-reply`, `fail-after-effect CODE`, `truncate 0.5`, `garbage`,
    /// `limit 60 requests/min`, `skew date +10m`, `stale 2s`, `duplicate 3`, `stream CODE after 3 frames`, `status 503`.
    #[arg(value_name = "DO")]
    verb: String,
    #[command(flatten)]
    when: WhenArgs,
    #[command(flatten)]
    only: OnlyArgs,
    /// The rule's name: the same name and seed hit the same calls.
    #[arg(long, value_name = "NAME", default_value = "by-hand")]
    name: String,
    #[command(flatten)]
    hold: HoldArgs,
    #[command(flatten)]
    stage: StageArg,
}

#[derive(Clone, Debug, clap::Args)]
struct WhenArgs {
    /// The share of attempts, 0 to 1.
    #[arg(long, value_name = "SHARE", value_parser = super::share)]
    rate: Option<f64>,
    /// These attempts of each request, from 1: `1..2`.
    #[arg(long, value_name = "FROM..TO")]
    calls: Option<String>,
    /// Count --calls over all requests.
    #[arg(long, requires = "calls")]
    of_run: bool,
    /// Every n-th attempt.
    #[arg(long, value_name = "N")]
    every: Option<u64>,
    /// The first attempt of each request.
    #[arg(long)]
    once_per_request: bool,
    /// From..until, after the start: `5s..20s`.
    #[arg(long, value_name = "FROM..UNTIL")]
    window: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct OnlyArgs {
    /// A pattern over the hash of the user for whom the backend calls.
    #[arg(long, value_name = "PATTERN")]
    tenant: Option<String>,
    /// A pattern over the table, bucket, model, queue ….
    #[arg(long, value_name = "PATTERN")]
    resource: Option<String>,
}

impl InjectArgs {
    fn rule(&self, owner: &str) -> RuleSpec {
        let when = WhenSpec {
            rate: self.when.rate,
            calls: self.when.calls.clone(),
            per: self.when.of_run.then_some(Per::Run),
            every: self.when.every,
            once_per: self.when.once_per_request.then_some(OncePer::Request),
            window: self.when.window.clone(),
            ramp: None,
        };
        let only = OnlySpec {
            tenant: self.only.tenant.clone(),
            resource: self.only.resource.clone(),
            ..OnlySpec::default()
        };
        RuleSpec {
            name: self.name.clone(),
            on: self.on.clone(),
            only: (only != OnlySpec::default()).then_some(only),
            when: (when != WhenSpec::default()).then_some(when),
            verb: self.verb.clone(),
            ttl_ms: hold::TTL_MS,
            owner: Some(owner.to_owned()),
        }
    }
}

/// Puts the rule on, shows each injection, and takes it away at the end.
pub(super) async fn run(args: InjectArgs, ctx: &Context) -> Result<Exit, CommandError> {
    let stage = args.stage.read(ctx)?;
    let admin = super::injector(&stage)?;
    let interrupts = hold::interrupts()?;
    let owner = format!("fault-{}", std::process::id());
    let since = admin.last(0).await.map_err(failed)?.written;
    admin.add(&[args.rule(&owner)]).await.map_err(failed)?;
    note(&format!(
        "{}: {} — until Ctrl-C; ask the backend at {}",
        args.on, args.verb, stage.base_url
    ));
    let held = Injecting { admin, owner, name: args.name.clone(), since, hits: 0 };
    let held = hold::hold(held, &interrupts, &args.hold).await?;
    if held.hits == 0 {
        note("no call was hit: whatever was seen meanwhile says nothing about this fault");
        return Ok(Exit::Inconclusive);
    }
    Ok(Exit::Pass)
}

struct Injecting {
    admin: FaultAdmin,
    owner: String,
    name: String,
    since: u64,
    hits: u64,
}

impl Held for Injecting {
    async fn renew(&mut self) -> Result<(), CommandError> {
        if self.admin.renew(&self.owner, hold::TTL_MS).await.map_err(failed)? == 0 {
            return Err(CommandError::usage("the rule was ended by somebody else", None));
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), CommandError> {
        loop {
            let lines = self.admin.activity(self.since).await.map_err(failed)?.lines;
            let Some(last) = lines.last() else { return Ok(()) };
            self.since = last.seq;
            for line in lines.iter().filter(|line| line.rule == self.name) {
                self.hits += 1;
                out(&super::overview::injection(line));
            }
        }
    }

    async fn end(&mut self) -> Result<(), CommandError> {
        self.admin.end(&self.owner).await.map_err(failed)?;
        self.look().await?;
        note(&format!("ended; {} calls were hit", self.hits));
        Ok(())
    }
}
