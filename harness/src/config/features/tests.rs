//! Tests of reading and selecting features: rows, backgrounds, places, and every kind of bad input.

use super::*;

const QUOTA: &str = "@quota
Feature: Quota
  Background:
    Given Anna is signed in

  @daily
  Scenario: the last question
    When Anna asks \"a\"

  Scenario Outline: <who> is refused
    When <who> asks \"b\"
    Examples:
      | who  |
      | Bert |
      | Cleo |
";

fn features() -> Features {
    Features { scenarios: parse("features/quota.feature", QUOTA).unwrap(), sha256: String::new() }
}

fn ids(scenarios: &[Scenario]) -> Vec<&str> {
    scenarios.iter().map(|scenario| scenario.plan.id.as_str()).collect()
}

#[test]
fn rows_are_scenarios_and_backgrounds_are_steps() {
    let all = features().scenarios;
    assert_eq!(
        ids(&all),
        ["features/quota.feature:7", "features/quota.feature:14", "features/quota.feature:15"]
    );
    assert_eq!(all[0].plan.tags, ["daily", "quota"]);
    assert_eq!(all[0].plan.steps, ["Given Anna is signed in", "When Anna asks \"a\""]);
    assert_eq!(all[2].plan.name, "Cleo is refused");
    assert_eq!(all[2].feature.scenarios.len(), 1);
}

#[test]
fn scenarios_are_selected_by_tag_name_and_place() {
    let select = |tags: Option<&str>, name: Option<&str>, places: &[&str]| {
        let places: Vec<String> = places.iter().map(|place| (*place).to_owned()).collect();
        let selected = Filter::new(tags, name, &places).unwrap().select(&features()).unwrap();
        ids(&selected).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(select(None, None, &[]).len(), 3);
    assert_eq!(select(Some("@quota and not @daily"), None, &[]).len(), 2);
    assert_eq!(select(None, Some("^Cleo"), &[]), ["features/quota.feature:15"]);
    assert_eq!(select(None, None, &["./features/quota.feature:7"]), ["features/quota.feature:7"]);
    assert_eq!(select(None, None, &["features/quota.feature"]).len(), 3);
    assert_eq!(select(None, None, &["features/"]).len(), 3);
    assert!(select(Some("@nothing"), None, &[]).is_empty());
}

#[test]
fn what_was_typed_wrongly_is_said() {
    let error = Filter::new(Some("@a and and"), None, &[]).unwrap_err().to_string();
    assert!(error.contains("`@a and and`") && error.contains("column"), "{error}");
    let error = Filter::new(None, Some("("), &[]).unwrap_err().to_string();
    assert!(error.contains("`(`"), "{error}");
    let places = ["features/quota.feature:8".to_owned()];
    let error = Filter::new(None, None, &places).unwrap().select(&features()).unwrap_err();
    let FeaturesError::Place { nearest, .. } = error else { unreachable!("{error}") };
    assert_eq!(nearest.as_deref(), Some("features/quota.feature:7"));
}

#[test]
fn broken_gherkin_is_named_by_file_line_and_column() {
    for (text, line) in [
        ("Feature: a\n  Scenario: b\n    Given c\n    Wehn Anna\n", 4),
        ("Scenario: b\n", 1),
        ("", 1),
        ("Feature: a\n  Scenario: b\n    Given c\n      | a | b |\n      | c |\n", 5),
    ] {
        let error = parse("features/x.feature", text).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, FeaturesError::Gherkin { line: l, .. } if l <= line + 1), "{text}");
        assert!(text.starts_with("features/x.feature:"), "{text}");
    }
}

#[test]
fn a_step_with_a_misspelt_keyword_is_no_prose() {
    let text = "Feature: a\n  Scenario: b\n    Givn Anna\n    When c\n";
    let error = parse("features/x.feature", text).unwrap_err().to_string();
    assert_eq!(error, "features/x.feature:2: `Givn` begins no step; did you mean `Given`?");
    let prose = "Feature: a\n  Scenario: b\n    Giving is better. Them too.\n    When c\n";
    assert_eq!(parse("features/x.feature", prose).unwrap().len(), 1);
}

#[test]
fn what_would_hold_without_being_tried_is_refused() {
    for (text, what) in [
        ("Feature: a\n  Scenario: b\n", "no steps"),
        (
            "Feature: a\n  Scenario Outline: b\n    Given <c>\n    Examples:\n      | c |\n",
            "no rows",
        ),
        ("Feature: a\n  Scenario Outline: b\n    Given <c>\n", "no examples"),
    ] {
        let error = parse("features/x.feature", text).unwrap_err().to_string();
        assert!(error.starts_with("features/x.feature:2: ") && error.contains(what), "{error}");
    }
    let text = "Feature: a\n  Scenario Outline: b\n    Given <d>\n    Examples:\n      | c |\n      | 1 |\n";
    assert!(matches!(parse("x", text), Err(FeaturesError::Examples { .. })));
}

#[test]
fn an_empty_or_missing_folder_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(read(root.path()), Err(FeaturesError::Read { .. })));
    std::fs::create_dir(root.path().join("features")).unwrap();
    assert!(matches!(read(root.path()), Err(FeaturesError::Empty { .. })));
    std::fs::create_dir(root.path().join("features/deep")).unwrap();
    std::fs::write(root.path().join("features/deep/quota.feature"), QUOTA).unwrap();
    let features = read(root.path()).unwrap();
    assert_eq!(features.scenarios[0].plan.id, "features/deep/quota.feature:7");
    assert_eq!(features.sha256.len(), 64);
}
