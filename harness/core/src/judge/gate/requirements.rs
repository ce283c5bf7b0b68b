//! What a policy requires of a suite, and whether it was put to the test.

use std::collections::BTreeMap;

use crate::domain::{
    decision::Requirement,
    gate::{Policy, RawSuite, SuiteKind},
    objective::ObjectiveKind,
    verdict::{Status, VerdictFile},
};

/// The requirements of `suite`, in the policy's order; nothing was tested where there is no verdict.
pub(super) fn requirements(
    policy: &Policy,
    suite: &RawSuite,
    verdict: Option<&VerdictFile>,
) -> Vec<Requirement> {
    let require = &suite.require;
    let mut all = Vec::new();
    let mut add = |name: String, seen: u64, at_least: u64| {
        all.push(Requirement { name, seen, at_least, met: seen >= at_least });
    };
    for (rule, at_least) in &require.promises {
        let tested = verdict.and_then(|v| v.promises.iter().find(|p| p.rule == *rule));
        add(format!("promise {rule}"), tested.map_or(0, |p| p.tested), *at_least);
    }
    for (kind, at_least) in &require.requests {
        let ended = verdict.and_then(|v| v.requests.get(kind)).map_or(0, total);
        add(format!("requests {kind}"), ended, *at_least);
    }
    for name in &require.objectives {
        let result = verdict.and_then(|v| v.objectives.iter().find(|o| o.name == *name));
        let told_only = verdict.is_some_and(|v| !policy.timing_holds(v.services))
            && result.is_some_and(|r| r.kind == ObjectiveKind::Timing);
        if told_only {
            continue;
        }
        let decided = result.is_some_and(|r| r.status != Status::Void && r.observed.is_some());
        add(format!("objective {name}"), u64::from(decided), 1);
    }
    let executed = |key: &String| {
        verdict.and_then(|v| v.coverage.get(key)).map_or(0, |coverage| coverage.executed)
    };
    for (file, at_least) in &require.features {
        add(file.clone(), executed(file), *at_least);
    }
    for (tag, at_least) in &require.tags {
        add(format!("tag {tag}"), executed(tag), *at_least);
    }
    for (family, at_least) in &require.faults {
        add(format!("fault {family}"), executed(&format!("fault:{family}")), *at_least);
    }
    if let Some(at_least) = require.scenarios {
        let tested = verdict.map_or(0, |v| scenarios(v, suite.kind));
        add("scenarios".to_owned(), tested, at_least);
    }
    all
}

/// Where chaos scenarios are: those are counted, and not what fails in them.
const FOLDER: &str = "scenarios/chaos/";

/// Scenarios that were put to the test.
fn scenarios(verdict: &VerdictFile, kind: SuiteKind) -> u64 {
    if verdict.suite != kind.name() {
        return 0;
    }
    match kind {
        SuiteKind::Features => verdict.promises.iter().map(|p| p.tested).sum(),
        SuiteKind::Chaos => {
            let of_files = verdict.coverage.iter().filter(|(key, _)| key.starts_with(FOLDER));
            of_files.map(|(_, coverage)| coverage.executed).sum()
        }
        SuiteKind::Load => 0,
    }
}

fn total(classes: &BTreeMap<String, u64>) -> u64 {
    classes.values().sum()
}
