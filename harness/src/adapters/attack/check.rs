//! Whether what was seen of an attack is harmless (the rules are those of `verdict::domain::attack`). Pure: what was seen in,
//! the worst of what it shows out.

use std::collections::BTreeSet;

use manuel_client::Exchange;
use manuel_client::contract::Contract;
use manuel_client::contract::ContractRule;
use thiserror::Error;
use verdict::domain::attack::Allowed;
use verdict::domain::attack::AtEdge;
use verdict::domain::attack::Attack;

use super::Front;
use super::seen::Answered;
use super::seen::Change;
use super::seen::Got;
use super::seen::Role;
use super::seen::Seen;
use super::spelling;

/// Objects that a manual has: itself and its sidecar.
const OBJECTS_PER_MANUAL: usize = 2;
/// Headers that no answer of the service has.
const PLANTED: &[&str] = &["set-cookie", "location", "refresh", "link", "x-evil"];
/// What attacks plant has this word in it, so that it is known again.
const EVIL: &str = "evil";

/// What an attack did that it must not do; the worst first.
#[derive(Clone, Debug, Eq, Error, Ord, PartialEq, PartialOrd)]
pub enum Broken {
    /// Something of another user's was told.
    #[error("{call} told the attacker {what} ({spelled})")]
    Leak {
        /// What: never the secret itself.
        what: &'static str,
        /// How it was spelled.
        spelled: &'static str,
        /// By which answer.
        call: String,
    },
    /// Another user's things are not as before.
    #[error("what the victim has is not as before: {}", what.join(", "))]
    VictimChanged {
        /// Rows, objects, counters.
        what: Vec<String>,
    },
    /// The backend was led elsewhere.
    #[error("the backend connected to {}", to.join(", "))]
    LeftTheStage {
        /// Names, or "an address".
        to: Vec<String>,
    },
    /// A header that the attack brought about.
    #[error("{call} has the header {header}")]
    Planted {
        /// Its name.
        header: String,
        /// Which answer.
        call: String,
    },
    /// A browser could take the answer for a page.
    #[error("{call} is answered with a body of type {content_type}")]
    Html {
        /// `Content-Type`.
        content_type: String,
        /// Which answer.
        call: String,
    },
    /// One request was answered as several.
    #[error("{count} answers came that nobody asked for, the first {first}")]
    Unasked {
        /// How many.
        count: usize,
        /// The first.
        first: String,
    },
    /// Something is stored that no answer has promised, or the other way round.
    #[error("what is stored is not what was answered: {}", what.join(", "))]
    Stored {
        /// What.
        what: Vec<String>,
    },
    /// More or less is charged than was answered.
    #[error("{charged} calls were charged ({monthly} by the month), {answered} were answered")]
    Charged {
        /// By the counters of days.
        charged: i64,
        /// By those of months.
        monthly: i64,
        /// Questions and transcriptions that were answered.
        answered: i64,
    },
    /// A firewall stopped what is legitimate, or what is the backend's to refuse.
    #[error("{call} was blocked before it reached the backend: {seen}")]
    Blocked {
        /// Which request.
        call: String,
        /// The answer.
        seen: String,
    },
    /// A firewall let through what it has to stop.
    #[error("{call} reached the backend, and should have been blocked before: {seen}")]
    NotBlocked {
        /// Which request.
        call: String,
        /// The answer.
        seen: String,
    },
    /// Another answer than one of those that are harmless.
    #[error("{call} was answered with {seen}; harmless is {allowed}")]
    Unexpected {
        /// Which request.
        call: String,
        /// The answer.
        seen: String,
        /// Those that are.
        allowed: String,
    },
    /// The answer is not as the contract has it.
    #[error("{call} breaks the contract: {}", breaches.join("; "))]
    Contract {
        /// Which request.
        call: String,
        /// How.
        breaches: Vec<String>,
    },
    /// A legitimate question was answered without what it asked for.
    #[error("the answer does not say {wanted:?}: {seen}")]
    Unsaid {
        /// What it should say.
        wanted: String,
        /// The answer.
        seen: String,
    },
}

/// What is known beside what was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) attack: &'a Attack,
    pub(super) front: Front,
    /// What was sent, where it is bytes: what stands in it is known to the attacker.
    pub(super) payload: &'a [u8],
    /// What stands in the victim's manual.
    pub(super) secret: &'a str,
    /// What else tells of the victim.
    pub(super) names: [(&'static str, &'a str); 4],
    pub(super) contract: &'a Contract,
}

/// The worst of what was seen, if anything of it is not harmless.
pub(super) fn check(facts: &Facts<'_>, seen: &Seen) -> Result<(), Broken> {
    let mut broken = Vec::new();
    for answered in &seen.answers {
        answer(facts, answered, &mut broken);
    }
    unasked(seen, &mut broken);
    victim(&seen.victim, &mut broken);
    stored(seen, &mut broken);
    dialled(facts, seen, &mut broken);
    said(facts, seen, &mut broken);
    broken.into_iter().min().map_or(Ok(()), Err)
}

fn answer(facts: &Facts<'_>, answered: &Answered, broken: &mut Vec<Broken>) {
    if let Some(exchange) = answered.exchange() {
        leaks(facts, answered, exchange, broken);
        planted(answered, exchange, broken);
        typed(answered, exchange, broken);
    }
    if answered.role != Role::Attack {
        return;
    }
    match at_the_edge(facts, answered) {
        Some(Ok(())) => {}
        Some(Err(found)) => broken.push(found),
        None => {
            expected(facts, answered, broken);
            contract(facts, answered, broken);
        }
    }
}

/// What a firewall has to say about it; none where the backend's own answer counts.
fn at_the_edge(facts: &Facts<'_>, answered: &Answered) -> Option<Result<(), Broken>> {
    let Front::Firewall { managed } = facts.front else { return None };
    // What an HTTP server in front makes of bytes that are no HTTP is not the firewall's business.
    if facts.attack.place.is_on_the_socket() && facts.attack.edge == AtEdge::Passes {
        return None;
    }
    let exchange = answered.exchange();
    let by_backend = exchange.is_some_and(|exchange| exchange.version().is_some());
    let (call, seen) = (answered.call.clone(), answered.got.to_string());
    let refused = exchange.is_none_or(|exchange| (400..500).contains(&exchange.status));
    match (facts.attack.edge, by_backend) {
        (AtEdge::Blocked | AtEdge::Managed, false) if refused => Some(Ok(())),
        (AtEdge::Managed, true) if !managed => None,
        (AtEdge::Blocked | AtEdge::Managed, _) => Some(Err(Broken::NotBlocked { call, seen })),
        (AtEdge::Passes, false) => Some(Err(Broken::Blocked { call, seen })),
        (AtEdge::Passes, true) => None,
    }
}

fn leaks(facts: &Facts<'_>, answered: &Answered, exchange: &Exchange, broken: &mut Vec<Broken>) {
    let mut text = String::from_utf8_lossy(&exchange.body).into_owned();
    // Without the escapes of JSON, too.
    if let Ok(body) = serde_json::from_slice::<serde_json::Value>(&exchange.body) {
        texts(&body, &mut text);
    }
    for (name, value) in &exchange.headers {
        text.extend(["\n", name.as_str(), ": ", &String::from_utf8_lossy(value.as_bytes())]);
    }
    let mut leak = |what, spelled| {
        broken.push(Broken::Leak { what, spelled, call: answered.call.clone() });
    };
    if let Some(spelled) = spelling::spelled(&text, facts.secret) {
        leak("what stands in the victim's manual", spelled);
    }
    let sent = String::from_utf8_lossy(facts.payload);
    for (what, name) in facts.names {
        if text.contains(name) && !sent.contains(name) {
            leak(what, "as it is");
        }
    }
}

fn texts(value: &serde_json::Value, all: &mut String) {
    match value {
        serde_json::Value::String(text) => all.extend(["\n", text]),
        serde_json::Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        serde_json::Value::Object(members) => members.values().for_each(|item| texts(item, all)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

fn planted(answered: &Answered, exchange: &Exchange, broken: &mut Vec<Broken>) {
    for (name, value) in &exchange.headers {
        let name = name.as_str();
        let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        let known = PLANTED.iter().any(|planted| name.starts_with(planted));
        if known || value.contains(EVIL) {
            let (header, call) = (name.to_owned(), answered.call.clone());
            broken.push(Broken::Planted { header, call });
        }
    }
}

fn typed(answered: &Answered, exchange: &Exchange, broken: &mut Vec<Broken>) {
    if exchange.body.is_empty() {
        return;
    }
    let content_type = exchange.text("content-type").unwrap_or("(none)");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let (content_type, call) = (content_type.to_owned(), answered.call.clone());
        broken.push(Broken::Html { content_type, call });
    }
}

/// What kind of answer it is.
fn kind(answered: &Answered) -> Option<Allowed> {
    match &answered.got {
        Got::Closed => Some(Allowed::Closed),
        Got::Nothing(_) => None,
        Got::Answer(exchange) if exchange.is_success() => Some(Allowed::Success(exchange.status)),
        // All that is ours says by which version of us it was made.
        Got::Answer(exchange) => Some(match (answered.code(), exchange.version()) {
            (Some(code), Some(_)) => Allowed::Error(exchange.status, code),
            _ => Allowed::Bare(exchange.status),
        }),
    }
}

fn expected(facts: &Facts<'_>, answered: &Answered, broken: &mut Vec<Broken>) {
    let allowed = facts.attack.answers.as_slice();
    if kind(answered).is_none_or(|kind| !allowed.contains(&kind)) {
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        broken.push(Broken::Unexpected {
            call: answered.call.clone(),
            seen: answered.got.to_string(),
            allowed: allowed.join(" or "),
        });
    }
}

fn contract(facts: &Facts<'_>, answered: &Answered, broken: &mut Vec<Broken>) {
    let Some(exchange) = answered.exchange() else { return };
    // Refusals of an HTTP server know nothing of our headers.
    if matches!(kind(answered), Some(Allowed::Bare(_))) {
        return;
    }
    let Err(breaches) = facts.contract.check(&answered.request, exchange) else { return };
    let breaches: Vec<String> = breaches
        .iter()
        // Which statuses are right is said by the attack.
        .filter(|breach| breach.rule != ContractRule::Status)
        .map(|breach| format!("{}: {}", breach.rule.as_str(), breach.detail))
        .collect();
    if !breaches.is_empty() {
        broken.push(Broken::Contract { call: answered.call.clone(), breaches });
    }
}

fn unasked(seen: &Seen, broken: &mut Vec<Broken>) {
    let unasked = seen.answers.iter().filter(|answered| answered.role == Role::Unasked);
    let all: Vec<String> = unasked.map(|answered| answered.got.to_string()).collect();
    if let Some(first) = all.first() {
        broken.push(Broken::Unasked { count: all.len(), first: first.clone() });
    }
}

fn victim(change: &Change, broken: &mut Vec<Broken>) {
    if !change.is_none() {
        let mut what: Vec<String> = change.items.iter().cloned().collect();
        what.extend(change.objects_added.iter().chain(&change.objects_changed).cloned());
        what.extend(change.recordings.iter().cloned());
        broken.push(Broken::VictimChanged { what });
    }
}

/// What the answers of this play promise, by the routes that promise something.
fn answered_with(seen: &Seen, route: impl Fn(&str) -> bool, status: u16) -> usize {
    let is = |answered: &&Answered| {
        let path = answered.call.split(' ').nth(1).unwrap_or_default();
        // Of an answer that nobody asked for it is not known what it answers.
        answered.role != Role::Unasked
            && route(path.split('?').next().unwrap_or_default())
            && answered.exchange().is_some_and(|exchange| exchange.status == status)
    };
    seen.answers.iter().filter(is).count()
}

fn stored(seen: &Seen, broken: &mut Vec<Broken>) {
    let charging = |path: &str| matches!(path, "/api/query" | "/api/transcribe");
    let answered = i64::try_from(answered_with(seen, charging, 200)).unwrap_or(i64::MAX);
    let Change { charged, charged_monthly, .. } = seen.attacker;
    if (charged, charged_monthly) != (answered, answered) {
        broken.push(Broken::Charged { charged, monthly: charged_monthly, answered });
    }
    let storing = |path: &str| {
        matches!(path, "/api/manuals/upload" | "/api/manuals/download")
            || path.ends_with("/complete")
    };
    let promised = answered_with(seen, storing, 201);
    let Change { manuals_added, manuals_removed, objects_added, objects_changed, .. } =
        &seen.attacker;
    let mut what = Vec::new();
    if manuals_added.len() != promised {
        what.push(format!("{} manuals are new, {promised} were answered", manuals_added.len()));
    }
    if objects_added.len() != promised * OBJECTS_PER_MANUAL {
        what.push(format!("{} objects are new", objects_added.len()));
    }
    let known = |key: &&String| manuals_added.iter().any(|id| key.contains(id.as_str()));
    what.extend(objects_added.iter().filter(|key| !known(key)).map(|key| format!("object {key}")));
    what.extend(objects_changed.iter().map(|key| format!("object {key} is gone or another")));
    what.extend(manuals_removed.iter().map(|id| format!("manual {id} is gone")));
    what.extend(seen.attacker.recordings.iter().map(|key| format!("recording {key} is left")));
    if seen.attacker.open > 0 {
        what.push(format!("{} reservations stay open", seen.attacker.open));
    }
    if !what.is_empty() {
        broken.push(Broken::Stored { what });
    }
}

fn dialled(facts: &Facts<'_>, seen: &Seen, broken: &mut Vec<Broken>) {
    let forbidden = seen.connections.iter().filter(|one| one.elsewhere || !facts.attack.visits);
    let to: BTreeSet<String> = forbidden
        .map(|one| {
            let host = one.name.clone().unwrap_or_else(|| "an address".to_owned());
            let asked = one.request.as_ref().map(|asked| format!(" ({asked})"));
            let kind = if one.elsewhere { " that is not public" } else { "" };
            format!("{host}{kind}{}", asked.unwrap_or_default())
        })
        .collect();
    if !to.is_empty() {
        broken.push(Broken::LeftTheStage { to: to.into_iter().collect() });
    }
}

/// The last answer is the one to the question.
fn said(facts: &Facts<'_>, seen: &Seen, broken: &mut Vec<Broken>) {
    let Some(wanted) = &facts.attack.says else { return };
    let last = seen.answers.iter().rev().find_map(Answered::exchange);
    let answer = last.and_then(|exchange| {
        let body: serde_json::Value = serde_json::from_slice(&exchange.body).ok()?;
        Some(body.get("answer")?.as_str()?.to_owned())
    });
    let answer = answer.unwrap_or_default();
    if !answer.to_lowercase().contains(&wanted.to_lowercase()) {
        broken.push(Broken::Unsaid { wanted: wanted.clone(), seen: answer });
    }
}

#[cfg(test)]
#[path = "check/tests.rs"]
mod tests;
