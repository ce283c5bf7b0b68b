//! From what a policy file says to what it means: every value checked, every problem reported with its key.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    gate::{POLICY_SCHEMA, PolicyError, RawPolicy, RawSuite, RawWaiver, SuiteKind},
    kind::RequestKind,
    objective::parse::nearest,
    rule::Rule,
    stage::Runtime,
};

/// Longest time that a policy may give itself, in seconds: half a day.
const MAX_BUDGET_S: u32 = 43_200;
/// Most attempts of a suite: who needs more has another trouble.
const MAX_ATTEMPTS: u32 = 3;

pub(super) fn resolve(raw: &RawPolicy) -> Result<(), Vec<PolicyError>> {
    let mut errors = Errors(Vec::new());
    if raw.schema != POLICY_SCHEMA {
        errors.add("schema", format!("expected \"{POLICY_SCHEMA}\", found \"{}\"", raw.schema));
    }
    if raw.stages.is_empty() {
        errors.add("stages", "expected at least one stage: the policy would decide for none");
    }
    if raw.budget_s == 0 || raw.budget_s > MAX_BUDGET_S {
        errors.add("budget_s", format!("expected 1 to {MAX_BUDGET_S}"));
    }
    if raw.max_age_s == 0 {
        errors.add("max_age_s", "expected at least 1: any run would be too old");
    }
    if raw.suites.is_empty() {
        errors.add("suites", "expected at least one suite: the policy would promote anything");
    }
    let mut names = BTreeSet::new();
    for (i, suite) in raw.suites.iter().enumerate() {
        if !names.insert(suite.name.as_str()) {
            errors.add(&format!("suites/{i}/name"), "expected a name that no other suite has");
        }
        suite_of(i, suite, raw.budget_s, &mut errors);
    }
    for (i, waiver) in raw.waivers.iter().enumerate() {
        waiver_of(i, waiver, (&names, &raw.stages), &mut errors);
    }
    if errors.0.is_empty() { Ok(()) } else { Err(errors.0) }
}

struct Errors(Vec<PolicyError>);

impl Errors {
    fn add(&mut self, key: &str, problem: impl Into<String>) {
        let key = key.split('/').map(str::to_owned).collect();
        self.0.push(PolicyError { key, problem: problem.into() });
    }
}

fn suite_of(i: usize, suite: &RawSuite, budget_s: u32, errors: &mut Errors) {
    let key = |name: &str| format!("suites/{i}/{name}");
    let is_name = (1..=64).contains(&suite.name.len())
        && suite.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_name {
        errors.add(&key("name"), "expected 1 to 64 lower-case letters, digits or `-`");
    }
    if suite.timeout_s == 0 || suite.timeout_s > budget_s {
        let problem = format!("expected 1 to {budget_s}, the budget of all suites together");
        errors.add(&key("timeout_s"), problem);
    }
    if !(1..=MAX_ATTEMPTS).contains(&suite.attempts) {
        errors.add(&key("attempts"), format!("expected 1 to {MAX_ATTEMPTS}"));
    }
    if suite.require.count() == 0 {
        let problem = "expected something that must have been put to the test: without, a run that \
                       tests nothing would promote";
        errors.add(&key("require"), problem);
    }
    match suite.kind {
        SuiteKind::Load => load(i, suite, errors),
        SuiteKind::Features => features(i, suite, errors),
        SuiteKind::Chaos => chaos(i, suite, errors),
    }
    let of_zero = [&suite.require.promises, &suite.require.requests].into_iter().chain([
        &suite.require.features,
        &suite.require.tags,
        &suite.require.faults,
    ]);
    for name in of_zero.flat_map(zero) {
        let problem = format!("`{name}` is required at least 0 times, which requires nothing");
        errors.add(&key("require"), problem);
    }
    if suite.require.scenarios == Some(0) {
        errors.add(&key("require/scenarios"), "expected at least 1");
    }
}

fn zero(required: &BTreeMap<String, u64>) -> impl Iterator<Item = &String> {
    required.iter().filter(|(_, at_least)| **at_least == 0).map(|(name, _)| name)
}

fn load(i: usize, suite: &RawSuite, errors: &mut Errors) {
    let key = |name: &str| format!("suites/{i}/{name}");
    let require = &suite.require;
    if suite.profile.is_none() {
        errors.add(&key("kind"), "a load needs `profile`");
    }
    let of_features = [
        (suite.tags.is_some(), "tags"),
        (!suite.places.is_empty(), "places"),
        (suite.edge, "edge"),
        (!require.features.is_empty(), "require/features"),
        (!require.tags.is_empty(), "require/tags"),
        (require.scenarios.is_some(), "require/scenarios"),
        (suite.tier.is_some(), "tier"),
        (!require.faults.is_empty(), "require/faults"),
    ];
    for (_, name) in of_features.into_iter().filter(|(given, _)| *given) {
        errors.add(&key(name), "says something about features or chaos, and this suite is a load");
    }
    let rules = || Rule::ALL.iter().map(|rule| rule.code());
    for name in require.promises.keys().filter(|name| !rules().any(|rule| rule == *name)) {
        errors.add(&key(&format!("require/promises/{name}")), unknown("promise", name, rules()));
    }
    let kinds = || RequestKind::ALL.iter().map(|kind| kind.name());
    for name in require.requests.keys().filter(|name| !kinds().any(|kind| kind == *name)) {
        let problem = unknown("kind of request", name, kinds());
        errors.add(&key(&format!("require/requests/{name}")), problem);
    }
}

fn features(i: usize, suite: &RawSuite, errors: &mut Errors) {
    let key = |name: &str| format!("suites/{i}/{name}");
    let require = &suite.require;
    let of_load = [
        (suite.profile.is_some(), "profile"),
        (!require.promises.is_empty(), "require/promises"),
        (!require.requests.is_empty(), "require/requests"),
        (!require.objectives.is_empty(), "require/objectives"),
        (suite.tier.is_some(), "tier"),
        (!require.faults.is_empty(), "require/faults"),
    ];
    for (_, name) in of_load.into_iter().filter(|(given, _)| *given) {
        errors
            .add(&key(name), "says something about a load or chaos, and this suite is of features");
    }
    if suite.edge && suite.runtime == Runtime::Lambda {
        errors.add(&key("edge"), "expected one of `edge` and `runtime = \"lambda\"`");
    }
    for name in require.tags.keys().filter(|name| !name.starts_with('@') || name.len() < 2) {
        errors.add(&key(&format!("require/tags/{name}")), "expected a tag with its `@`");
    }
}

fn chaos(i: usize, suite: &RawSuite, errors: &mut Errors) {
    let key = |name: &str| format!("suites/{i}/{name}");
    let require = &suite.require;
    if suite.tier.is_none() {
        errors.add(&key("kind"), "chaos needs `tier`: smoke, canary or nightly");
    }
    let of_others = [
        (suite.profile.is_some(), "profile"),
        (suite.tags.is_some(), "tags"),
        (!suite.places.is_empty(), "places"),
        (suite.edge, "edge"),
        (suite.runtime == Runtime::Lambda, "runtime"),
        (!require.promises.is_empty(), "require/promises"),
        (!require.requests.is_empty(), "require/requests"),
        (!require.objectives.is_empty(), "require/objectives"),
        (!require.features.is_empty(), "require/features"),
        (!require.tags.is_empty(), "require/tags"),
    ];
    for (_, name) in of_others.into_iter().filter(|(given, _)| *given) {
        errors.add(&key(name), "says something about another suite, and this one is chaos");
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = nearest(name, known.iter().copied());
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("unknown {what} `{name}`{hint} expected some of: {}", known.join(", "))
}

fn waiver_of(
    i: usize,
    waiver: &RawWaiver,
    (suites, stages): (&BTreeSet<&str>, &[String]),
    errors: &mut Errors,
) {
    let key = |name: &str| format!("waivers/{i}/{name}");
    if !suites.contains(waiver.suite.as_str()) {
        errors.add(&key("suite"), unknown("suite", &waiver.suite, suites.iter().copied()));
    }
    let texts = [("breach", &waiver.breach), ("owner", &waiver.owner), ("reason", &waiver.reason)];
    for (name, _) in texts.into_iter().filter(|(_, text)| text.trim().is_empty()) {
        errors.add(&key(name), "expected some text");
    }
    if waiver.stages.is_empty() {
        errors.add(&key("stages"), "expected at least one stage");
    }
    for stage in waiver.stages.iter().filter(|stage| !stages.contains(stage)) {
        errors.add(
            &key("stages"),
            unknown("stage of this policy", stage, stages.iter().map(String::as_str)),
        );
    }
    if !is_day(&waiver.expires) {
        errors.add(&key("expires"), "expected a day, such as \"2026-12-31\"");
    }
}

/// `YYYY-MM-DD`: such days are ordered as their texts are.
fn is_day(text: &str) -> bool {
    let part = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    text.len() == 10
        && part(0, 4).is_some()
        && part(5, 7).is_some_and(|month| (1..=12).contains(&month))
        && part(8, 10).is_some_and(|day| (1..=31).contains(&day))
        && text.bytes().enumerate().all(|(at, b)| (b == b'-') == (at == 4 || at == 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
        "schema": "manuel-gate/1", "title": "t", "stages": ["embedded"], "budget_s": 200, "max_age_s": 60,
        "suites": [
            {"name": "smoke", "kind": "load", "profile": "smoke", "seed": 7, "timeout_s": 90,
             "require": {"promises": {"isolation": 1}, "requests": {"dependency_out": 6}, "objectives": ["x"]}},
            {"name": "features", "kind": "features", "seed": 7, "timeout_s": 200,
             "require": {"tags": {"@stores": 100}, "scenarios": 300}}
        ],
        "waivers": [{"suite": "smoke", "breach": "contract", "stages": ["embedded"], "owner": "o", "reason": "r",
                     "expires": "2026-12-31"}]
    }"#;

    fn problems(from: &str, to: &str) -> Vec<String> {
        assert!(GOOD.contains(from), "{from}");
        let raw = serde_json::from_str(&GOOD.replacen(from, to, 1)).unwrap();
        let Err(errors) = resolve(&raw) else { return Vec::new() };
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_policy_that_promotes_anything_is_none() {
        assert_eq!(problems("manuel", "manuel"), Vec::<String>::new());
        let cases = [
            (
                r#""tags": {"@stores": 100}, "scenarios": 300"#,
                "",
                "suites.1.require: expected something",
            ),
            (r#""@stores": 100"#, r#""@stores": 0"#, "requires nothing"),
            (r#""@stores": 100"#, r#""stores": 100"#, "expected a tag with its `@`"),
            (r#""isolation": 1"#, r#""isolaton": 1"#, "did you mean `isolation`?"),
            (r#""dependency_out": 6"#, r#""dependency_in": 6"#, "did you mean `dependency_out`?"),
            (r#""timeout_s": 200"#, r#""timeout_s": 201"#, "suites.1.timeout_s: expected 1 to 200"),
            (r#""name": "features""#, r#""name": "smoke""#, "that no other suite has"),
            (r#""name": "features""#, r#""name": "Fea""#, "lower-case"),
            (r#""profile": "smoke", "#, "", "a load needs `profile`"),
            (
                r#""stages": ["embedded"], "budget_s""#,
                r#""stages": [], "budget_s""#,
                "at least one stage",
            ),
            (r#""max_age_s": 60"#, r#""max_age_s": 0"#, "too old"),
            (r#""2026-12-31""#, r#""31.12.2026""#, "waivers.0.expires: expected a day"),
            (r#""2026-12-31""#, r#""2026-13-31""#, "expected a day"),
            (r#""suite": "smoke""#, r#""suite": "smok""#, "did you mean `smoke`?"),
            (r#""owner": "o""#, r#""owner": " ""#, "waivers.0.owner"),
            (r#""kind": "load""#, r#""kind": "features""#, "says something about a load"),
            ("manuel-gate/1", "manuel-gate/2", "expected \"manuel-gate/1\""),
        ];
        for (from, to, problem) in cases {
            let found = problems(from, to);
            assert!(found.iter().any(|found| found.contains(problem)), "{to}: {found:?}");
        }
    }
}
