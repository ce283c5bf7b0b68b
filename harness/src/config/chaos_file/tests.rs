//! Mistakes in a scenario are told with file, line and nearest name; nothing that is written makes the reader fall over.

use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"
schema = "manuel-chaos/1"
title = "It holds"
tiers = ["smoke"]

[load]
users = 4
manuals = ["router"]
rate_per_s = 10.0
mix = { query = 3 }
steady_ms = 2000
fault_ms = 3000
recovery_ms = 4000

[[faults]]
name = "throttle"
on = "bedrock-runtime:Converse"
when = { rate = 0.3 }
do = "error ThrottlingException"
affects = ["query"]
answers = ["429 model_throttled"]

[expect]
recovery_within_ms = 2000
"#;

fn read(text: &str) -> Result<(RawScenario, Vec<FaultFacts>), Box<BadToml>> {
    parse("scenarios/chaos/t.toml", text, &Catalogue::builtin().unwrap())
}

/// Line of the first problem, and all of them.
fn refused(from: &str, to: &str) -> (usize, String) {
    assert!(GOOD.contains(from), "{from}");
    let bad = read(&GOOD.replacen(from, to, 1)).unwrap_err();
    let all: Vec<&str> = bad.places.iter().map(|(_, what)| what.as_str()).collect();
    (bad.line, all.join("\n"))
}

#[test]
fn what_a_fault_can_do_comes_from_the_catalogue() {
    let (_, facts) = read(GOOD).unwrap();
    let expected = FaultFacts {
        name: "throttle".to_owned(),
        operations: vec!["bedrock-runtime:Converse".to_owned()],
        attempts: 3,
        fails: true,
        keyed: true,
    };
    assert_eq!(facts, [expected]);
}

#[test]
fn mistakes_name_line_key_and_the_nearest() {
    for (from, to, line, says) in [
        ("title", "titel", 3, "did you mean `title`?"),
        ("bedrock-runtime:Converse", "bedrock-runtime:Convers", 17, "did you mean `Converse`?"),
        (
            "bedrock-runtime:Converse",
            "bedrok-runtime:Converse",
            17,
            "did you mean `bedrock-runtime`?",
        ),
        ("ThrottlingException", "ThrottledException", 19, "ThrottlingException"),
        ("error Thr", "eror Thr", 19, "did you mean `error`?"),
        ("rate = 0.3", "rate = 3", 18, "when.rate: is 3"),
        ("rate = 0.3", "rte = 0.3", 18, "expected one of: calls, every"),
        ("rate = 0.3", "calls = 2", 18, "such as \"1..2\""),
        ("query = 3", "qery = 3", 10, "did you mean `query`?"),
    ] {
        let (found, told) = refused(from, to);
        assert!(told.contains(says), "{from} → {to}: {told}");
        assert_eq!(found, line, "{from} → {to}: {told}");
    }
}

#[test]
fn every_scenario_of_the_project_can_be_played() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = select(&root, &[], None).unwrap();
    assert!(all.scenarios.len() >= 28, "{}", all.scenarios.len());
    for tier in [Tier::Smoke, Tier::Canary, Tier::Nightly] {
        assert!(!select(&root, &[], Some(tier)).unwrap().scenarios.is_empty());
    }
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let told = |glob: &str| select(&root, &[glob.to_owned()], None).unwrap_err().to_string();
    let text = told("bedrock-throttle-3");
    assert!(text.contains("did you mean `bedrock-throttle-30`?"), "{text}");
    assert!(told("[").contains("is no pattern"));
    let empty = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(empty.path().join(FOLDER)).unwrap();
    assert!(matches!(select(empty.path(), &[], None), Err(ChaosFileError::Empty { .. })));
    let nowhere = Path::new("/nowhere");
    assert!(matches!(select(nowhere, &[], None), Err(ChaosFileError::Read { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Anything at all is a scenario or an error with a line in it.
    #[test]
    fn nothing_makes_the_reader_fall_over(text in "\\PC{0,300}") {
        if let Err(bad) = read(&text) {
            prop_assert!(bad.to_string().starts_with("scenarios/chaos/t.toml:"));
        }
    }

    /// A good one with any stretch replaced by anything.
    #[test]
    fn a_scenario_with_a_hole_is_told(at in 0..GOOD.len(), len in 0..40_usize, put in "\\PC{0,20}") {
        let end = (at + len).min(GOOD.len());
        let mut text = GOOD.to_owned();
        text.replace_range(at..end, &put);
        if let Err(bad) = read(&text) {
            prop_assert!(bad.line >= 1 && bad.line <= text.lines().count() + 1, "{}", bad.line);
        }
    }
}
