//! Which arrivals a replay of part of a run sends.

use std::collections::BTreeSet;

use verdict::domain::kind::RequestKind;
use verdict::plan::load::Arrival;

use super::uploads::upload_of;

/// Keeps the arrivals of a replay: those that are named, the uploads that they refer to, and the whole of a burst of which
/// any question is named: fewer would exhaust no quota.
pub(super) fn keep(arrivals: &mut Vec<Arrival>, only: &[u32]) {
    let mut kept: BTreeSet<u32> = only.iter().copied().collect();
    let named = |arrival: &&Arrival| only.contains(&arrival.ordinal);
    let referred = arrivals.iter().filter(named).filter_map(|arrival| upload_of(arrival.ask));
    kept.extend(referred.collect::<Vec<u32>>());
    let is_burst = |arrival: &Arrival| arrival.kind == RequestKind::QuotaBurst;
    let bursting: BTreeSet<u32> =
        arrivals.iter().filter(|a| is_burst(a)).filter(named).map(|a| a.user).collect();
    arrivals.retain(|arrival| {
        kept.contains(&arrival.ordinal) || (is_burst(arrival) && bursting.contains(&arrival.user))
    });
}

#[cfg(test)]
mod tests {
    use verdict::plan::load::Ask;

    use super::*;

    #[test]
    fn a_replay_holds_what_its_arrivals_need() {
        let arrival = |ordinal, kind, user, ask| Arrival {
            ordinal,
            due_us: u64::from(ordinal),
            stage: 0,
            kind,
            user,
            ask,
        };
        let all = vec![
            arrival(0, RequestKind::Upload, 1, Ask::Upload),
            arrival(1, RequestKind::Upload, 2, Ask::Upload),
            arrival(2, RequestKind::QuotaBurst, 9, Ask::Question(0)),
            arrival(3, RequestKind::QuotaBurst, 9, Ask::Question(1)),
            arrival(4, RequestKind::Delete, 1, Ask::DeleteOf(0)),
            arrival(5, RequestKind::Query, 1, Ask::Question(0)),
        ];
        let kept = |only: &[u32]| {
            let mut arrivals = all.clone();
            keep(&mut arrivals, only);
            arrivals.iter().map(|arrival| arrival.ordinal).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[4]), [0, 4]);
        assert_eq!(kept(&[3, 5]), [2, 3, 5]);
        assert_eq!(kept(&[1]), [1]);
    }
}
