//! `harness fault gateway`: an injector before endpoints that are not ours. Before AWS it signs again with credentials of
//! its own, so that a local backend on a development account can be throttled and denied.

use std::net::SocketAddr;
use std::path::PathBuf;

use aws_credential_types::Credentials;
use injector::Injector;
use injector::ledger::Ledger;
use injector::reverse;
use injector::reverse::Signing;
use injector::serve;
use injector::serve::Serving;
use url::Url;

use super::hold;
use crate::adapters::embedded_stage::endpoint_variable;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stage::pair;
use crate::config::root;

/// Arguments of `harness fault gateway`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct GatewayArgs {
    /// Service and endpoint: `dynamodb=http://127.0.0.1:4566`, `bedrock-runtime=https://bedrock-runtime.eu-west-1.amazonaws.com`.
    #[arg(required = true, value_name = "SERVICE=URL", value_parser = pair)]
    endpoints: Vec<(String, String)>,
    /// Sign again for this region with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of this shell
    /// (`aws configure export-credentials --format env`).
    #[arg(long, value_name = "REGION")]
    sign_for: Option<String>,
    /// Where rules are set.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// From which rates are drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Append each injection to this file, a JSON line each.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// Stands until Ctrl-C.
pub(super) async fn run(args: GatewayArgs) -> Result<Exit, CommandError> {
    let bad = |error: &dyn std::fmt::Display| CommandError::usage(error.to_string(), None);
    if !args.admin.ip().is_loopback() {
        return Err(bad(&format!("--admin {}: expected an address of this machine", args.admin)));
    }
    let ledger = args.ledger.as_deref().map(Ledger::append_to).transpose();
    let ledger = ledger.map_err(|error| bad(&error))?.unwrap_or_else(Ledger::in_memory);
    let injector = Injector::new(args.seed, ledger).map_err(|error| bad(&error))?;
    let signing = args.sign_for.as_deref().map(signing).transpose()?;
    let interrupts = hold::interrupts()?;
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut standing: Vec<Serving> = Vec::new();
    for (service, endpoint) in &args.endpoints {
        let url =
            Url::parse(endpoint).map_err(|error| bad(&format!("{service}={endpoint}: {error}")))?;
        let proxy = reverse::start(injector.clone(), service, (local, &url), signing.clone())
            .await
            .map_err(|error| bad(&error))?;
        if let Some(variable) = endpoint_variable(service) {
            out(&format!("export {variable}={}", proxy.url()));
        }
        standing.push(proxy);
    }
    let rules = injector.clone();
    let answering =
        serve::answering(move |request| injector::admin::answer(rules.clone(), request));
    let admin = serve::serve(args.admin, answering).await.map_err(|source| {
        CommandError::environment(format!("cannot listen on {}", args.admin), source)
    })?;
    note(&format!("rules: curl -X POST {}/rules -d '{}'", admin.url(), EXAMPLE));
    note("Ctrl-C ends it");
    interrupts.first().cancelled().await;
    injector.kill(true);
    for serving in standing {
        serving.stop().await;
    }
    admin.stop().await;
    injector
        .ledger()
        .sync()
        .map_err(|source| CommandError::environment("cannot keep the ledger", source))?;
    Ok(Exit::Pass)
}

const EXAMPLE: &str = r#"{"name":"t","on":"dynamodb:*","do":"error ThrottlingException","when":{"rate":0.3},"ttl_ms":15000}"#;

fn signing(region: &str) -> Result<Signing, CommandError> {
    let [key, secret, token] =
        root::variables(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);
    let (Some(key), Some(secret)) = (key, secret) else {
        let hint = "eval \"$(aws configure export-credentials --format env)\"".to_owned();
        let what = "--sign-for needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        return Err(CommandError::usage(what, hint));
    };
    let credentials = Credentials::from_keys(key, secret, token);
    Ok(Signing { credentials, region: region.to_owned() })
}
