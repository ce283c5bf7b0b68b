//! What was seen of an attack: answers, what changed in the stores, and what the backend dialled. Data only; `check` says
//! what it means.

use std::collections::BTreeSet;
use std::fmt;

use manuel_client::Exchange;
use manuel_client::Request;

use crate::adapters::internet::Connection;
use crate::adapters::stores::Holdings;

/// How much of a body is shown.
const EXCERPT_CHARS: usize = 300;

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Answers in their order.
    pub answers: Vec<Answered>,
    /// What the attacker has now that was not there before, and the other way round.
    pub attacker: Change,
    /// The same of the victim: nothing, ever.
    pub victim: Change,
    /// What the backend dialled because of it.
    pub connections: Vec<Connection>,
}

/// What a request was for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It makes the attack possible: a good upload, whose signature is then used again.
    Before,
    /// The attack.
    Attack,
    /// A health check on the same connection: what was left of the bytes before it?
    Behind,
    /// Nobody asked for this answer.
    Unasked,
}

/// One request and what came back.
#[derive(Clone)]
pub struct Answered {
    /// What it was for.
    pub role: Role,
    /// Method and path as they are known.
    pub call: String,
    /// The request, where it can be written as one.
    pub request: Request,
    /// What came back.
    pub got: Got,
}

/// What came back.
#[derive(Clone)]
pub enum Got {
    /// A whole answer.
    Answer(Box<Exchange>),
    /// The end of the connection, and no answer.
    Closed,
    /// Nothing within our bound, or no HTTP.
    Nothing(String),
}

impl Answered {
    /// The answer, if there is one.
    pub fn exchange(&self) -> Option<&Exchange> {
        match &self.got {
            Got::Answer(exchange) => Some(exchange),
            Got::Closed | Got::Nothing(_) => None,
        }
    }

    /// The code of an error of ours.
    pub fn code(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.exchange()?.body).ok()?;
        Some(body.get("code")?.as_str()?.to_owned())
    }
}

/// For a person: the status, the request's id, and the beginning of the body.
impl fmt::Display for Got {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(exchange) => {
                let body = String::from_utf8_lossy(&exchange.body);
                let mut excerpt: String = body.chars().take(EXCERPT_CHARS).collect();
                if excerpt.len() < body.len() {
                    excerpt.push('…');
                }
                let id = exchange.request_id().unwrap_or("no request id");
                write!(out, "{} ({id}) {excerpt}", exchange.status)
            }
            Self::Closed => out.write_str("closed"),
            Self::Nothing(why) => out.write_str(why),
        }
    }
}

impl fmt::Debug for Got {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {}: {}", self.role, self.call, self.got)
    }
}

/// What became of a user's things between two looks.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Change {
    /// Calls that were charged, by the counters of days.
    pub charged: i64,
    /// The same by those of months.
    pub charged_monthly: i64,
    /// Reservations that stay open.
    pub open: u64,
    /// Recordings that were left behind.
    pub recordings: BTreeSet<String>,
    /// Ids of manuals with a new row.
    pub manuals_added: BTreeSet<String>,
    /// Ids of manuals whose row is gone.
    pub manuals_removed: BTreeSet<String>,
    /// Keys of new objects.
    pub objects_added: BTreeSet<String>,
    /// Keys of objects that are gone or another.
    pub objects_changed: BTreeSet<String>,
    /// Items that are new, gone or another, by table and sort key.
    pub items: BTreeSet<String>,
}

impl Change {
    /// Nothing at all.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn between(before: &Holdings, after: &Holdings) -> Self {
        let counted = |before: u64, after: u64| {
            i64::try_from(after).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX)
        };
        let missing = |from: &BTreeSet<String>, of: &BTreeSet<String>| -> BTreeSet<String> {
            of.difference(from).cloned().collect()
        };
        let other = |key: &&String| after.objects.get(*key) != before.objects.get(*key);
        let new = |key: &&String| !before.objects.contains_key(*key);
        let items = before.items.keys().chain(after.items.keys());
        Self {
            charged: counted(before.charged, after.charged),
            charged_monthly: counted(before.monthly, after.monthly),
            open: after.open.saturating_sub(before.open),
            recordings: missing(&before.recordings, &after.recordings),
            manuals_added: missing(&before.manuals, &after.manuals),
            manuals_removed: missing(&after.manuals, &before.manuals),
            objects_added: after.objects.keys().filter(new).cloned().collect(),
            objects_changed: before.objects.keys().filter(other).cloned().collect(),
            items: items
                .filter(|key| before.items.get(*key) != after.items.get(*key))
                .cloned()
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_what_two_looks_do_not_share() {
        let holding = |charged, manual: &str, digest: &str| Holdings {
            charged,
            monthly: charged,
            manuals: [manual.to_owned()].into(),
            items: [(format!("manuals MANUAL#{manual}"), digest.to_owned())].into(),
            objects: [("a".to_owned(), digest.to_owned())].into(),
            ..Holdings::default()
        };
        let same = holding(3, "m-1", "x");
        assert!(Change::between(&same, &same).is_none());
        let change = Change::between(&same, &holding(5, "m-2", "y"));
        assert_eq!((change.charged, change.charged_monthly), (2, 2));
        assert_eq!(change.manuals_added, ["m-2".to_owned()].into());
        assert_eq!(change.manuals_removed, ["m-1".to_owned()].into());
        assert_eq!(change.objects_changed, ["a".to_owned()].into());
        assert_eq!((change.objects_added.len(), change.items.len()), (0, 2));
        assert_eq!(Change::between(&holding(5, "m", "x"), &holding(4, "m", "x")).charged, -1);
    }
}
