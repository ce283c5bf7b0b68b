//! What of a stage answers, what is missing, and which suites can run on it and why the others cannot.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use manuel_client::ManuelClient;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::answers::VersionAnswer;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use verdict::domain::stage::Capability;
use verdict::domain::stage::Environment;
use verdict::domain::stage::StageDescription;

use crate::adapters::provision;
use crate::adapters::stores::Stores;
use crate::adapters::system_clock;
use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::features;
use crate::config::profile_file;
use crate::config::questions;
use verdict::plan::load::plan;

/// One look.
const LOOK: Duration = Duration::from_secs(8);
/// Signatures are good for five minutes; half of that is worth a word.
const SKEW_S: i64 = 150;

/// Lines, and whether one of them is bad.
struct Report {
    bad: bool,
}

impl Report {
    fn good(what: &str, detail: &str) {
        out(&format!("  ✓ {what:<22}{detail}"));
    }

    fn bad(&mut self, what: &str, detail: &str) {
        self.bad = true;
        out(&format!("  ✗ {what:<22}{detail}"));
    }

    fn told(what: &str, detail: &str) {
        out(&format!("  · {what:<22}{detail}"));
    }
}

/// Looks at a backend of which only the URL is known.
pub(super) async fn url(base_url: &str) -> Exit {
    let mut report = Report { bad: false };
    out(base_url);
    backend(base_url, &mut report).await;
    out(
        "only its URL is known: a stage file says what else there is (scenarios/stages/remote-example.toml)",
    );
    if report.bad { Exit::Environment } else { Exit::Pass }
}

/// Looks at everything that the description names.
pub(super) async fn stage(stage: StageDescription, root: &Path) -> Result<Exit, CommandError> {
    let mut report = Report { bad: false };
    out(&format!("{} at {}", stage.name, stage.base_url));
    backend(&stage.base_url, &mut report).await;
    users(&stage, &mut report).await;
    stores(&stage, &mut report).await;
    let absent = |capability: Capability| !stage.capabilities.has(capability);
    let all: [(Capability, &str); 10] = [
        (Capability::Clock, "clock"),
        (Capability::StoresReadable, "stores_readable"),
        (Capability::ProvisionUsers, "provision_users"),
        (Capability::DeterministicModel, "deterministic_model"),
        (Capability::Outages, "outages"),
        (Capability::LocalProcesses, "local_processes"),
        (Capability::SourceAddresses, "source_addresses"),
        (Capability::PinnedEgress, "pinned_egress"),
        (Capability::Allowlist, "allowlist"),
        (Capability::Edge, "edge"),
    ];
    let names = |wanted: bool| {
        let named = all.iter().filter(|(capability, _)| absent(*capability) != wanted);
        named.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    };
    Report::told("offers", &names(true));
    Report::told("does not offer", &names(false));
    suites(&stage, root)?;
    Ok(if report.bad { Exit::Environment } else { Exit::Pass })
}

async fn backend(base_url: &str, report: &mut Report) {
    let client = match ManuelClient::new(base_url, None, LOOK, LOOK) {
        Ok(client) => client,
        Err(error) => return report.bad("backend", &error.to_string()),
    };
    let prepared = match client.prepare_request(&Request::Version, &SendOptions::default()) {
        Ok(prepared) => prepared,
        Err(error) => return report.bad("backend", &error.to_string()),
    };
    let exchange = match client.send(&prepared, &|| 0).await {
        Ok(exchange) => exchange,
        Err(failure) => {
            let hint = if failure.to_string().contains("ertificate") {
                "; `tls_ca_file` names an authority that the machine does not trust"
            } else {
                ""
            };
            return report.bad("backend", &format!("does not answer: {failure}{hint}"));
        }
    };
    if (300..400).contains(&exchange.status) {
        let location = exchange.headers.get("location").and_then(|l| l.to_str().ok());
        let detail = format!(
            "redirects ({}) to {}: name that URL instead, for tokens are never sent on",
            exchange.status,
            location.unwrap_or("nowhere")
        );
        return report.bad("backend", &detail);
    }
    if let Ok(version) = serde_json::from_slice::<VersionAnswer>(&exchange.body) {
        let defects = if version.defects.is_empty() { "" } else { ", with seeded defects" };
        Report::good("backend", &format!("is Manuel, commit {}{defects}", version.git_commit));
    } else {
        let status = exchange.status;
        report.bad("backend", &format!("is not Manuel: GET /version was answered with {status}"));
    }
    let date = exchange.headers.get("date").and_then(|date| date.to_str().ok());
    let theirs = date.map(|date| date.replace("GMT", "+0000"));
    let theirs = theirs.and_then(|date| OffsetDateTime::parse(&date, &Rfc2822).ok());
    let Some(theirs) = theirs else { return };
    let skew = theirs.unix_timestamp() - system_clock::unix_now_s();
    if skew.abs() > SKEW_S {
        let detail = format!("{skew} s off this machine's: signatures would be out of time");
        report.bad("clock", &detail);
    } else {
        Report::good("clock", &format!("{skew} s off this machine's"));
    }
}

async fn users(stage: &StageDescription, report: &mut Report) {
    if stage.users.is_empty() {
        let may = stage.capabilities.has(Capability::ProvisionUsers);
        let detail = if may {
            "none given; a run makes its own"
        } else {
            "none given, and none may be made"
        };
        return if may { Report::told("users", detail) } else { report.bad("users", detail) };
    }
    match provision::sign_in_all(stage).await {
        Ok(sessions) => Report::good("users", &format!("{} sign in", sessions.len())),
        Err(error) => {
            let why = std::error::Error::source(&error);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            report.bad("users", &format!("{error}{why}"));
        }
    }
}

async fn stores(stage: &StageDescription, report: &mut Report) {
    if !stage.capabilities.has(Capability::StoresReadable) {
        return Report::told("stores", "are not read: nothing will be added up");
    }
    let stores = match Stores::of(stage).await {
        Ok(stores) => stores,
        Err(error) => return report.bad("stores", &error.to_string()),
    };
    // Nobody's books: whatever is missing, says so.
    let nobody =
        BTreeMap::from([("nobody".to_owned(), "00000000-0000-0000-0000-000000000000".to_owned())]);
    match stores.figures(&nobody).await {
        Ok(_) => Report::good("stores", "can be read"),
        Err(error) => {
            let chain = std::iter::successors(std::error::Error::source(&error), |e| e.source());
            let chain: Vec<String> = chain.map(ToString::to_string).collect();
            report.bad("stores", &format!("{error}: {}", chain.join(": ")));
        }
    }
}

fn suites(stage: &StageDescription, root: &Path) -> Result<(), CommandError> {
    out("suites:");
    let (runnable, skipped) = features::fitting(root, stage)?;
    Report::told("features", &format!("{runnable} scenarios can run, {} cannot", skipped.len()));
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    for skipped in skipped {
        *why.entry(skipped.why).or_default() += 1;
    }
    for (why, count) in why {
        out(&format!("      {count:>4}  {why}"));
    }
    let questions = questions::read(root)
        .map_err(|source| CommandError::environment("cannot use the fixtures", source))?;
    for name in profile_file::names(root).unwrap_or_default() {
        let Ok(profile) = profile_file::read(root, &name) else { continue };
        let production = stage.environment == Environment::Production && name != "smoke";
        match plan(&profile, 1, &stage.limits, &questions) {
            _ if production => {
                Report::told(&format!("load {name}"), "not in production: only smoke is");
            }
            Ok(load) => Report::good(
                &format!("load {name}"),
                &format!("{} requests of {} users", load.arrivals.len(), load.users.len()),
            ),
            Err(error) => Report::told(&format!("load {name}"), &format!("does not fit: {error}")),
        }
    }
    let faults = match (&stage.admin.injector_url, stage.limits.chaos) {
        (Some(_), true) => "AWS's faults can be put in (admin.injector_url)",
        (Some(_), false) => "not allowed (limits.chaos)",
        (None, _) => "nothing can be put in: no admin.injector_url",
    };
    Report::told("faults", faults);
    Ok(())
}
