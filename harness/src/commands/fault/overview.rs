//! `harness fault list` and `clear`: both planes of a stage.

use faultproxy::client::Client;
use injector::ledger::Line;
use verdict::domain::stage::StageDescription;

use super::failed;
use super::wire;
use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// How many of the last injections are shown.
const SHOWN: u64 = 20;

/// Rules, toxics, and the last injections.
pub(super) async fn list(stage: &StageDescription) -> Result<Exit, CommandError> {
    let admin = super::injector(stage)?;
    let rules = admin.list().await.map_err(failed)?;
    out(&format!("rules: {}", rules.len()));
    for rule in rules {
        out(&format!(
            "  {}  {}  {}  (seen {}, hit {}, lease {} ms)",
            rule.spec.name, rule.spec.on, rule.spec.verb, rule.seen, rule.hits, rule.left_ms
        ));
    }
    if let Some(url) = &stage.admin.toxiproxy_url {
        let proxies =
            Client::new(url).map_err(wire::failed)?.proxies().await.map_err(wire::failed)?;
        let toxics: usize = proxies.values().map(|proxy| proxy.toxics.len()).sum();
        out(&format!("toxics: {toxics}"));
        for proxy in proxies.values() {
            if !proxy.enabled {
                out(&format!("  {}  down", proxy.name));
            }
            for toxic in &proxy.toxics {
                out(&format!("  {}  {}", proxy.name, wire::described(toxic)));
            }
        }
    }
    let lines = admin.last(SHOWN).await.map_err(failed)?.lines;
    if !lines.is_empty() {
        out("the last injections:");
    }
    for line in lines {
        out(&format!("  {}", injection(&line)));
    }
    Ok(Exit::Pass)
}

/// Ends everything.
pub(super) async fn clear(stage: &StageDescription) -> Result<Exit, CommandError> {
    let ended = super::injector(stage)?.clear().await.map_err(failed)?;
    if let Some(url) = &stage.admin.toxiproxy_url {
        Client::new(url).map_err(wire::failed)?.reset().await.map_err(wire::failed)?;
    }
    out(&format!("ended {ended} rules; every toxic is gone"));
    Ok(Exit::Pass)
}

/// One injection as a line.
pub(super) fn injection(line: &Line) -> String {
    let resource = line.resource.as_deref().map(|name| format!(" on {name}")).unwrap_or_default();
    let effect = if line.effect { "kept its effect" } else { "had no effect" };
    format!(
        "#{} {}:{}{resource} attempt {}: {}, {effect} [{}]",
        line.seq, line.service, line.operation, line.attempt, line.verb, line.key
    )
}
