//! How much of each feature file and tag a run put to the test.

use std::collections::BTreeMap;

use crate::{
    domain::{features::FeaturesPlan, verdict::Coverage},
    judge::features::{Fate, Told},
};

/// What was put to the test by file and by tag; what is known not to hold yet (`@wip`) is not.
pub(super) fn of(plan: &FeaturesPlan, told: &[Told<'_>]) -> BTreeMap<String, Coverage> {
    let mut coverage: BTreeMap<String, Coverage> = BTreeMap::new();
    let file = |id: &str| id.rsplit_once(':').map_or(id, |(file, _)| file).to_owned();
    for told in told {
        if !matches!(told.fate, Fate::Passed | Fate::Flaky | Fate::Failed) {
            continue;
        }
        let tags = told.plan.tags.iter().map(|tag| format!("@{tag}"));
        for key in std::iter::once(file(&told.plan.id)).chain(tags) {
            coverage.entry(key).or_default().executed += 1;
        }
    }
    for skipped in &plan.skipped {
        let tags = skipped.tags.iter().map(|tag| format!("@{tag}"));
        for key in std::iter::once(file(&skipped.id)).chain(tags) {
            coverage.entry(key).or_default().skipped += 1;
        }
    }
    coverage
}
