//! What must add up once everything has come to rest: the ledger's answers against the stores' figures, per user.
//!
//! A request without a complete answer may have taken effect or not (Jepsen's indeterminate): it widens what is right by
//! one, and never excuses more.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{evidence::Conservation, kind::RequestKind, ledger::LedgerEntry, rule::Rule};

/// Objects that a manual has: itself and its sidecar.
const OBJECTS_PER_MANUAL: u64 = 2;

/// What the stores say about a user.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// Questions charged, over all days.
    pub charged: u64,
    /// The same by the counters of months.
    pub monthly: u64,
    /// Reservations that are neither kept nor given back.
    pub open: u64,
    /// Ids of manuals with a row; none where rows cannot be read.
    pub manuals: Option<BTreeSet<String>>,
    /// Keys of objects; none where objects cannot be read.
    pub objects: Option<BTreeSet<String>>,
}

/// Compares what was answered with what the stores say, user by user. `quota` is what a user may be charged in a day.
pub fn conservations(
    ledger: &[LedgerEntry],
    before: &BTreeMap<String, Figures>,
    after: &BTreeMap<String, Figures>,
    quota: u64,
) -> Vec<Conservation> {
    let mut by_user: BTreeMap<&str, Vec<&LedgerEntry>> = BTreeMap::new();
    for entry in ledger {
        by_user.entry(&entry.user).or_default().push(entry);
    }
    let mut lines = Vec::new();
    for (user, now) in after {
        let none = Figures::default();
        let then = before.get(user).unwrap_or(&none);
        let entries = by_user.get(user.as_str()).map_or(&[][..], Vec::as_slice);
        let charged = charged(user, entries, now.charged.saturating_sub(then.charged));
        lines.push(charged);
        lines.extend(at_rest(user, entries, now));
        lines.extend(burst(user, entries, quota.saturating_sub(then.charged)));
        lines.extend(manuals(user, entries, then, now));
    }
    lines
}

/// One for each 2xx, nothing for any other answer.
fn charged(user: &str, entries: &[&LedgerEntry], seen: u64) -> Conservation {
    let asked: Vec<&&LedgerEntry> =
        entries.iter().filter(|entry| entry.kind.is_charged()).collect();
    let answered = asked.iter().filter(|entry| entry.succeeded()).count() as u64;
    let unknown = asked.iter().filter(|entry| entry.is_indeterminate()).count() as u64;
    Conservation {
        rule: Rule::QuotaConserved,
        what: "questions charged against questions answered".to_owned(),
        user: user.to_owned(),
        expected_min: answered,
        expected_max: answered + unknown,
        seen,
        ordinals: asked.iter().map(|entry| entry.ordinal).collect(),
    }
}

/// Once all is answered, nothing is reserved any more, and both counters say the same.
fn at_rest(user: &str, entries: &[&LedgerEntry], now: &Figures) -> [Conservation; 2] {
    let asked: Vec<&&LedgerEntry> =
        entries.iter().filter(|entry| entry.kind.is_charged()).collect();
    let unknown = asked.iter().filter(|entry| entry.is_indeterminate()).count() as u64;
    let line = |what: &str, expected: (u64, u64), seen: u64| Conservation {
        rule: Rule::QuotaConserved,
        what: what.to_owned(),
        user: user.to_owned(),
        expected_min: expected.0,
        expected_max: expected.1,
        seen,
        ordinals: asked.iter().map(|entry| entry.ordinal).collect(),
    };
    [
        line("reservations left open", (0, unknown), now.open),
        line("counters of months against those of days", (now.charged, now.charged), now.monthly),
    ]
}

/// Of more simultaneous questions than are left, exactly as many are answered as were left.
fn burst(user: &str, entries: &[&LedgerEntry], left: u64) -> Option<Conservation> {
    let burst: Vec<&&LedgerEntry> =
        entries.iter().filter(|entry| entry.kind == RequestKind::QuotaBurst).collect();
    if burst.is_empty() {
        return None;
    }
    let unknown = burst.iter().filter(|entry| entry.is_indeterminate()).count() as u64;
    let most = left.min(burst.len() as u64);
    Some(Conservation {
        rule: Rule::QuotaLimit,
        what: format!("answers to {} simultaneous questions with {left} left", burst.len()),
        user: user.to_owned(),
        expected_min: most.saturating_sub(unknown),
        expected_max: most,
        seen: burst.iter().filter(|entry| entry.succeeded()).count() as u64,
        ordinals: burst.iter().map(|entry| entry.ordinal).collect(),
    })
}

/// What was accepted is there, what was deleted is gone, and nothing else has come or gone.
fn manuals(
    user: &str,
    entries: &[&LedgerEntry],
    before: &Figures,
    after: &Figures,
) -> Vec<Conservation> {
    let (Some(then), Some(now)) = (&before.manuals, &after.manuals) else { return Vec::new() };
    let of_kind = |kind: RequestKind| entries.iter().filter(move |entry| entry.kind == kind);
    let ids = |kind: RequestKind| -> BTreeSet<String> {
        of_kind(kind).filter(|e| e.succeeded()).filter_map(|e| e.manual_id.clone()).collect()
    };
    let unknown = |kind: RequestKind| of_kind(kind).filter(|e| e.is_indeterminate()).count() as u64;
    let (mut uploaded, deleted) = (ids(RequestKind::Upload), ids(RequestKind::Delete));
    uploaded.extend(ids(RequestKind::UploadAgain));
    let expected: BTreeSet<&String> =
        then.union(&uploaded).filter(|id| !deleted.contains(*id)).collect();
    let may_be_more = unknown(RequestKind::Upload) + unknown(RequestKind::UploadAgain);
    // One that failed half-way is finished later, or when it is asked for again.
    let failed = of_kind(RequestKind::Delete).filter(|entry| entry.status >= 500).count() as u64;
    let may_be_less = unknown(RequestKind::Delete) + failed;
    let changing = |entry: &&&LedgerEntry| {
        matches!(
            entry.kind,
            RequestKind::Upload
                | RequestKind::UploadAgain
                | RequestKind::Delete
                | RequestKind::UnsignedUpload
        )
    };
    let ordinals: Vec<u32> = entries.iter().filter(changing).map(|entry| entry.ordinal).collect();
    let line = |what: &str, per_manual: u64, seen: u64| {
        let expected = expected.len() as u64;
        Conservation {
            rule: Rule::ManualsConserved,
            what: what.to_owned(),
            user: user.to_owned(),
            expected_min: expected.saturating_sub(may_be_less) * per_manual,
            expected_max: (expected + may_be_more) * per_manual,
            seen,
            ordinals: ordinals.clone(),
        }
    };
    let mut lines =
        vec![line("rows of manuals against uploads and deletions", 1, now.len() as u64)];
    if let Some(objects) = &after.objects {
        let what = "objects of manuals against uploads and deletions";
        lines.push(line(what, OBJECTS_PER_MANUAL, objects.len() as u64));
        let is_of = |key: &str, id: &str| {
            let name = key.rsplit('/').next().unwrap_or(key);
            name.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'))
        };
        let holds = |id: &&String| now.contains(*id) || objects.iter().any(|key| is_of(key, id));
        lines.push(Conservation {
            expected_min: 0,
            expected_max: 0,
            ..line(
                "deleted manuals that are still stored",
                1,
                deleted.iter().filter(holds).count() as u64,
            )
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::AnswerClass;

    fn entry(ordinal: u32, kind: RequestKind, status: u16, manual: Option<&str>) -> LedgerEntry {
        LedgerEntry {
            ordinal,
            user: "u".to_owned(),
            kind,
            phase: "p".to_owned(),
            due_us: 0,
            sent_us: 0,
            done_us: 1,
            status,
            class: AnswerClass::Ok,
            code: None,
            own_us: None,
            request_id: None,
            trace_id: "t".to_owned(),
            manual_id: manual.map(str::to_owned),
            fault: None,
        }
    }

    fn figures(charged: u64, manuals: &[&str], objects: &[&str]) -> BTreeMap<String, Figures> {
        let set = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
        let figures = Figures {
            charged,
            monthly: charged,
            open: 0,
            manuals: set(manuals),
            objects: set(objects),
        };
        BTreeMap::from([("u".to_owned(), figures)])
    }

    fn unequal(lines: &[Conservation]) -> Vec<(Rule, u64, u64, u64)> {
        let holds = |l: &&Conservation| !(l.expected_min..=l.expected_max).contains(&l.seen);
        lines
            .iter()
            .filter(holds)
            .map(|l| (l.rule, l.expected_min, l.expected_max, l.seen))
            .collect()
    }

    #[test]
    fn a_lost_or_an_extra_charge_is_seen_and_a_lost_reply_is_not() {
        let ledger = [
            entry(0, RequestKind::Query, 200, None),
            entry(1, RequestKind::Query, 503, None),
            entry(2, RequestKind::Query, 0, None),
        ];
        let lines = |charged| {
            unequal(&conservations(&ledger, &figures(3, &[], &[]), &figures(charged, &[], &[]), 50))
        };
        assert_eq!(lines(3), [(Rule::QuotaConserved, 1, 2, 0)]);
        assert_eq!(lines(4), []);
        assert_eq!(lines(5), []);
        assert_eq!(lines(6), [(Rule::QuotaConserved, 1, 2, 3)]);
    }

    #[test]
    fn what_stays_reserved_and_counters_that_differ_are_seen() {
        let ledger = [entry(0, RequestKind::Query, 200, None)];
        let found = |open, monthly| {
            let mut after = figures(1, &[], &[]);
            for figures in after.values_mut() {
                (figures.open, figures.monthly) = (open, monthly);
            }
            unequal(&conservations(&ledger, &figures(0, &[], &[]), &after, 50))
        };
        assert_eq!(found(0, 1), []);
        assert_eq!(found(1, 1), [(Rule::QuotaConserved, 0, 0, 1)]);
        assert_eq!(found(0, 2), [(Rule::QuotaConserved, 1, 1, 2)]);
    }

    #[test]
    fn an_upload_that_is_repeated_is_one_manual() {
        let ledger = [
            entry(0, RequestKind::Upload, 201, Some("a")),
            entry(1, RequestKind::UploadAgain, 201, Some("a")),
        ];
        let after = figures(0, &["a"], &["a.md", "a.md.metadata.json"]);
        assert_eq!(unequal(&conservations(&ledger, &figures(0, &[], &[]), &after, 50)), []);
        let twice = figures(0, &["a", "b"], &["a.md", "a.md.metadata.json"]);
        let found = unequal(&conservations(&ledger, &figures(0, &[], &[]), &twice, 50));
        assert_eq!(found, [(Rule::ManualsConserved, 1, 1, 2)]);
    }

    #[test]
    fn a_burst_is_answered_exactly_as_far_as_the_quota_goes() {
        let burst = |answered: u32| {
            let ledger: Vec<LedgerEntry> = (0..60)
                .map(|i| {
                    entry(i, RequestKind::QuotaBurst, if i < answered { 200 } else { 429 }, None)
                })
                .collect();
            unequal(&conservations(
                &ledger,
                &figures(0, &[], &[]),
                &figures(answered.into(), &[], &[]),
                50,
            ))
        };
        assert_eq!(burst(50), []);
        assert_eq!(burst(51), [(Rule::QuotaLimit, 50, 50, 51)]);
        assert_eq!(burst(49), [(Rule::QuotaLimit, 50, 50, 49)]);
    }

    #[test]
    fn rows_and_objects_follow_uploads_and_deletions() {
        let ledger = [
            entry(0, RequestKind::Upload, 201, Some("a")),
            entry(1, RequestKind::Upload, 201, Some("b")),
            entry(2, RequestKind::Delete, 204, Some("a")),
        ];
        let before = figures(0, &["f"], &["f.pdf", "f.pdf.metadata.json"]);
        let right = ["f.pdf", "f.pdf.metadata.json", "b.md", "b.md.metadata.json"];
        let after = figures(0, &["f", "b"], &right);
        assert_eq!(unequal(&conservations(&ledger, &before, &after, 50)), []);
        let orphan = ["f.pdf", "f.pdf.metadata.json", "b.md", "b.md.metadata.json", "a.md"];
        let after = figures(0, &["f", "b"], &orphan);
        let found = unequal(&conservations(&ledger, &before, &after, 50));
        assert_eq!(found, [(Rule::ManualsConserved, 4, 4, 5), (Rule::ManualsConserved, 0, 0, 1)]);
    }
}
