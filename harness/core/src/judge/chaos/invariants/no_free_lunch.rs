//! I2: never more answers than the quota, whatever fails.

use std::collections::BTreeMap;

use crate::domain::rule::Rule;

use super::{Broken, Checked, Invariant, compared, conservations};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I2 no-free-lunch",
    promise: "Nobody is answered more questions in a day than the quota allows, and a burst gets exactly what is left.",
    check: |view| {
        let Some(began) = view.began else { return Checked::default() };
        let mut answered: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        let charged = view.requests.iter().filter(|r| r.kind.is_charged() && r.succeeded());
        for request in charged {
            answered.entry(&request.user).or_default().push(request.ordinal);
        }
        let bursts = conservations(view, |line| line.rule == Rule::QuotaLimit);
        let tested = answered.len() + bursts.len();
        let over = answered.into_iter().filter(|(_, all)| all.len() as u64 > began.quota);
        let over = over.map(|(user, ordinals)| Broken {
            message: format!(
                "{user} was answered {} questions, and the quota is {}",
                ordinals.len(),
                began.quota
            ),
            ordinals,
            ..Broken::default()
        });
        let wrong = bursts.iter().filter(|l| !(l.expected_min..=l.expected_max).contains(&l.seen));
        let broken = over.chain(wrong.map(|line| compared(line))).collect();
        Checked { tested: tested as u64, broken }
    },
};
