//! `harness fault proxy`: a toxic on the wire between the backend and one service, for as long as this runs.

use faultproxy::client::Client;
use faultproxy::client::ClientError;
use faultproxy::client::Toxic;

use super::StageArg;
use super::hold;
use super::hold::Held;
use super::hold::HoldArgs;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stage::pair;

/// Arguments of `harness fault proxy`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct WireArgs {
    /// The service, as in the stage's endpoints: dynamodb, s3, bedrock-runtime ….
    service: String,
    /// `down`, latency, bandwidth, `slow_close`, timeout, `reset_peer`, slicer, `limit_data`.
    toxic: String,
    /// The toxic's attributes: latency=200 jitter=50, rate=64, timeout=0, bytes=1000 ….
    #[arg(value_name = "NAME=NUMBER", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// `upstream` (to AWS) or `downstream` (from it).
    #[arg(long, value_name = "STREAM", default_value = "downstream")]
    stream: String,
    /// The share of connections, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = super::share)]
    toxicity: f64,
    #[command(flatten)]
    hold: HoldArgs,
    #[command(flatten)]
    stage: StageArg,
}

impl WireArgs {
    fn toxic(&self) -> Result<Toxic, CommandError> {
        let mut toxic = Toxic::new(&self.toxic, &self.stream, &[]);
        toxic.name = format!("by-hand-{}", std::process::id());
        toxic.toxicity = self.toxicity;
        toxic.ttl_ms = Some(hold::TTL_MS);
        for (name, value) in &self.attributes {
            let number = value.parse().map_err(|_not_one| {
                CommandError::usage(format!("{name}={value}: expected a whole number"), None)
            })?;
            toxic.attributes.insert(name.clone(), number);
        }
        Ok(toxic)
    }
}

/// Puts the toxic on and takes it away at the end.
pub(super) async fn run(args: WireArgs, ctx: &Context) -> Result<Exit, CommandError> {
    let stage = args.stage.read(ctx)?;
    let url = stage.admin.toxiproxy_url.as_deref().ok_or_else(|| {
        let hint = "start it with `harness stage up --wire-faults`".to_owned();
        CommandError::usage("no proxy stands before the stage's services", hint)
    })?;
    let client = Client::new(url).map_err(failed)?;
    let known = client.proxies().await.map_err(failed)?;
    if !known.contains_key(&args.service) {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let message = format!("no service `{}`; there are {}", args.service, names.join(", "));
        return Err(CommandError::usage(message, None));
    }
    let interrupts = hold::interrupts()?;
    let service = args.service.clone();
    if args.toxic == "down" {
        client.down(&service, hold::TTL_MS).await.map_err(failed)?;
        note(&format!("{service} refuses connections — until Ctrl-C"));
        let held = Down { client, service };
        hold::hold(held, &interrupts, &args.hold).await?;
        return Ok(Exit::Pass);
    }
    let toxic = client.add_toxic(&service, &args.toxic()?).await.map_err(failed)?;
    note(&format!("{service}: {} — until Ctrl-C", described(&toxic)));
    hold::hold(Toxicated { client, service, toxic }, &interrupts, &args.hold).await?;
    Ok(Exit::Pass)
}

struct Toxicated {
    client: Client,
    service: String,
    toxic: Toxic,
}

impl Held for Toxicated {
    async fn renew(&mut self) -> Result<(), CommandError> {
        self.client.update_toxic(&self.service, &self.toxic).await.map_err(failed).map(drop)
    }

    async fn look(&mut self) -> Result<(), CommandError> {
        Ok(())
    }

    async fn end(&mut self) -> Result<(), CommandError> {
        self.client.delete_toxic(&self.service, &self.toxic.name).await.map_err(failed)?;
        note("ended");
        Ok(())
    }
}

struct Down {
    client: Client,
    service: String,
}

impl Held for Down {
    async fn renew(&mut self) -> Result<(), CommandError> {
        self.client.down(&self.service, hold::TTL_MS).await.map_err(failed).map(drop)
    }

    async fn look(&mut self) -> Result<(), CommandError> {
        Ok(())
    }

    async fn end(&mut self) -> Result<(), CommandError> {
        self.client.enable(&self.service, true).await.map_err(failed)?;
        note("ended");
        Ok(())
    }
}

/// A toxic as a line.
pub(super) fn described(toxic: &Toxic) -> String {
    let attributes: Vec<String> =
        toxic.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "{} {} {} (toxicity {})",
        toxic.kind,
        toxic.stream,
        attributes.join(" "),
        toxic.toxicity
    )
}

/// What the proxy refuses is about what was typed; the rest is the stage's.
pub(super) fn failed(error: ClientError) -> CommandError {
    if let ClientError::Refused { text, .. } = &error {
        return CommandError::usage(text.clone(), None);
    }
    CommandError::Environment {
        what: "the stage's proxy does not answer".to_owned(),
        source: Some(Box::new(error)),
        hint: Some("is the stage still up?".to_owned()),
    }
}
