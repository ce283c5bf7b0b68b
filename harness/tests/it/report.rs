//! What a run leaves behind, for each verdict: the texts agree with each other, are well-formed, and let nothing that a
//! target sent act in a browser, a terminal or a CI.

use std::{env, path::PathBuf};

use harness::report::{
    explain::WIDTH,
    html,
    junit::{self, MAX_CASES},
    markdown,
    repro::{Repro, StageRecipe},
    schema, terminal,
};
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::Value;
use verdict::{
    domain::{
        evidence::Evidence,
        run::RunPlan,
        verdict::{Verdict, VerdictFile},
    },
    judge::{canonical::canonical_json, load::judge},
};

pub(crate) mod sample;

/// A run and its verdict.
struct Run {
    plan: RunPlan,
    evidence: Vec<Evidence>,
    verdict: VerdictFile,
}

impl Run {
    fn of(plan: RunPlan, evidence: Vec<Evidence>) -> Self {
        let verdict = judge(&plan, &evidence).unwrap();
        Self { plan, evidence, verdict }
    }

    fn passed() -> Self {
        Self::of(sample::plan(), sample::evidence(20_000, 40))
    }

    fn leaked() -> Self {
        let mut evidence = sample::evidence(20_000, 40);
        evidence.push(sample::finding(7, sample::HOSTILE));
        evidence.push(sample::finding(9, "another user's page"));
        Self::of(sample::plan(), evidence)
    }

    fn slow() -> Self {
        Self::of(sample::plan(), sample::evidence(900_000, 40))
    }

    fn undecided() -> Self {
        Self::of(sample::plan(), sample::evidence(20_000, 1))
    }

    fn replayed() -> Self {
        Self::of(RunPlan { only: Some(vec![7, 9]), ..sample::plan() }, sample::evidence(20_000, 1))
    }

    fn all() -> [Self; 5] {
        [Self::passed(), Self::leaked(), Self::slow(), Self::undecided(), Self::replayed()]
    }

    fn page(&self) -> String {
        html::page(&self.plan, &self.verdict, &self.evidence).unwrap()
    }

    fn page_data(&self) -> Value {
        let page = self.page();
        let start = "<script id=\"data\" type=\"application/json\">";
        let (_, rest) = page.split_once(start).unwrap();
        serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
    }

    fn summary(&self) -> String {
        markdown::summary(&self.plan, &self.verdict, &self.evidence)
    }

    fn junit(&self) -> Report {
        let xml = junit::junit(&self.plan, &self.verdict).unwrap();
        Report::deserialize_from_str(&xml).unwrap()
    }
}

/// Failures, errors and skipped cases.
fn counts(report: &Report) -> (usize, usize, usize) {
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let of = |wanted: NonSuccessKind| {
        cases().filter(|case| matches!(&case.status, TestCaseStatus::NonSuccess { kind, .. } if *kind == wanted)).count()
    };
    let skipped =
        cases().filter(|case| matches!(case.status, TestCaseStatus::Skipped { .. })).count();
    (of(NonSuccessKind::Failure), of(NonSuccessKind::Error), skipped)
}

#[test]
fn the_sample_runs_have_the_verdicts_that_the_tests_are_about() {
    let words = Run::all().map(|run| run.verdict.judgement.word());
    assert_eq!(words, ["pass", "fail", "fail", "inconclusive", "pass"]);
}

#[test]
fn junit_tells_failures_from_errors() {
    assert_eq!(counts(&Run::passed().junit()), (0, 0, 0));
    assert_eq!(counts(&Run::leaked().junit()), (1, 0, 0));
    assert_eq!(counts(&Run::slow().junit()), (1, 0, 0));
    let run = Run::undecided();
    let Verdict::Inconclusive { causes, .. } = &run.verdict.judgement else { panic!("a verdict") };
    let (failures, errors, _) = counts(&run.junit());
    assert_eq!(failures, 0);
    // Each cause, and each objective that it leaves open.
    assert!(errors > causes.as_slice().len(), "{errors} errors");
    let (failures, errors, skipped) = counts(&Run::replayed().junit());
    assert_eq!((failures, errors), (0, 0));
    assert!(skipped > 0);
}

#[test]
fn a_junit_failure_says_what_broke_and_how_to_see_it_again() {
    let run = Run::leaked();
    let report = run.junit();
    let suite = &report.test_suites[0];
    let TestCaseStatus::NonSuccess { message, description, .. } = &suite.test_cases[0].status
    else {
        panic!("the first case is no failure");
    };
    let breach = &run.verdict.judgement.breaches()[0];
    let text: String =
        description.as_ref().unwrap().as_str().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(message.as_ref().unwrap().as_str().contains("expected their own manual"));
    for part in [
        &breach.promise,
        &breach.reproduce,
        breach.request_id.as_ref().unwrap(),
        breach.trace_id.as_ref().unwrap(),
    ] {
        assert!(text.contains(part.as_str()), "{part} is not in {text}");
    }
    let property = |name: &str| {
        suite
            .properties
            .iter()
            .find(|p| p.name.as_str() == name)
            .map(|p| p.value.as_str().to_owned())
    };
    assert_eq!(property("seed").as_deref(), Some("18446744073709551615"));
    assert_eq!(property("verdict").as_deref(), Some("fail"));
    for name in ["sut_commit", "harness_commit", "stage", "schedule_sha256"] {
        assert!(property(name).is_some(), "{name}");
    }
}

#[test]
fn junit_is_bounded_and_keeps_the_worst() {
    let mut run = Run::leaked();
    let held = run.verdict.objectives[0].clone();
    for i in 0..MAX_CASES {
        let mut more = held.clone();
        more.name = format!("objective {i}");
        run.verdict.objectives.push(more);
    }
    let report = run.junit();
    assert_eq!(report.test_suites[0].test_cases.len(), MAX_CASES);
    assert_eq!(counts(&report).0, 1);
    let left_out =
        report.test_suites[0].properties.iter().any(|p| p.name.as_str() == "cases_left_out");
    assert!(left_out);
}

#[test]
fn the_summary_names_promise_request_and_command_of_each_breach() {
    for run in [Run::leaked(), Run::slow()] {
        let summary = run.summary();
        assert!(summary.starts_with("# Fail\n"), "{summary}");
        for breach in run.verdict.judgement.breaches() {
            let parts = [
                Some(&breach.promise),
                breach.request_id.as_ref(),
                breach.trace_id.as_ref(),
                Some(&breach.reproduce),
            ];
            for part in parts.into_iter().flatten() {
                assert!(summary.contains(part.as_str()), "{part} is not in\n{summary}");
            }
        }
    }
    let summary = Run::leaked().summary();
    assert!(summary.contains("2 times, first 7.000 s into the load"), "{summary}");
    assert!(!summary.contains("<script"), "{summary}");
    assert!(!summary.contains('\u{1b}'));
}

#[test]
fn the_summary_says_why_a_run_cannot_tell() {
    let run = Run::undecided();
    let summary = run.summary();
    assert!(summary.starts_with("# Inconclusive\n\nThe run cannot tell."), "{summary}");
    assert!(summary.contains("## Why the run cannot tell\n\n- too_few_samples"), "{summary}");
    assert!(Run::passed().summary().starts_with("# Pass\n"));
}

#[test]
fn tables_in_the_summary_have_the_same_cells_in_every_row() {
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for run in Run::all() {
        let summary = run.summary();
        for block in summary.split("\n\n").filter(|block| block.starts_with('|')) {
            let first = cells(block.lines().next().unwrap());
            for line in block.lines() {
                assert_eq!(cells(line), first, "{line}");
            }
        }
    }
}

#[test]
fn the_terminal_gets_no_wide_line_and_no_control_character() {
    for run in Run::all() {
        let text = terminal::table(&run.plan, &run.verdict, &run.evidence);
        for line in text.lines() {
            let width = line.chars().count();
            assert!(width <= WIDTH || line.contains("see it again"), "{width}: {line}");
        }
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        assert!(text.contains(&run.verdict.judgement.word().to_uppercase()), "{text}");
        for breach in run.verdict.judgement.breaches() {
            assert!(text.contains(&breach.reproduce), "{text}");
        }
    }
}

#[test]
fn the_page_asks_no_network_and_runs_nothing_that_a_target_sent() {
    for run in Run::all() {
        let page = run.page();
        let lower = page.to_lowercase();
        for outside in [
            "src=",
            "href=\"http",
            "href='http",
            "href=\"//",
            "url(http",
            "url(//",
            "@import",
            "<link",
        ] {
            assert!(!lower.contains(outside), "{outside}");
        }
        for placeholder in ["/*DATA*/", "/*UPLOT_JS*/", "/*UPLOT_CSS*/"] {
            assert!(!page.contains(placeholder), "{placeholder}");
        }
        // The page's own scripts, and none from the data.
        assert_eq!(lower.matches("<script").count(), 3);
        assert_eq!(lower.matches("</script").count(), 3);
    }
    let data = Run::leaked().page_data();
    let message = data["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("</script><script>alert(1)</script>"), "{message}");
}

#[test]
fn the_page_is_told_what_the_run_saw() {
    let run = Run::leaked();
    let data = run.page_data();
    assert_eq!(data["verdict"], "fail");
    assert_eq!(data["plan"]["seed"], "18446744073709551615");
    let ticks = data["ticks"].as_array().unwrap();
    assert_eq!(ticks.len(), 10);
    let completed: u64 = ticks.iter().map(|tick| tick["completed"].as_u64().unwrap()).sum();
    let counted: u64 = run.verdict.requests.values().flat_map(|by_class| by_class.values()).sum();
    assert_eq!(completed, counted);
    assert_eq!(data["resources"].as_array().unwrap().len(), 30);
    assert_eq!(data["limits"]["latency_lines_us"][0]["us"], 500_000);
    assert_eq!(data["breaches"][0]["when_s"], 7.0);
    let points = data["percentiles"][0]["points"].as_array().unwrap();
    assert_eq!(points.last().unwrap()[0], 100_000);
    assert!(run.page().len() < 400_000, "{} bytes", run.page().len());
}

#[test]
fn a_page_with_many_findings_lists_some_of_every_promise_and_says_so() {
    let mut evidence = sample::evidence(20_000, 40);
    evidence.extend((0..500).map(|ordinal| sample::finding(ordinal, "another user's page")));
    evidence.push(sample::leak(501));
    let data = Run::of(sample::plan(), evidence).page_data();
    let findings = data["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 200);
    assert!(findings.iter().any(|finding| finding["rule"] == "leak"));
    let notes = data["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note.as_str().unwrap().starts_with("200 of 501 findings")));
}

#[test]
fn a_replay_is_told_what_to_send_and_what_to_expect() {
    let recipe = StageRecipe {
        name: "embedded".into(),
        defects: vec!["retrieval_filter_dropped".into()],
        ..StageRecipe::default()
    };
    let run = Run::leaked();
    let repro = Repro::of(&run.plan, &run.verdict, recipe.clone());
    assert_eq!(repro.only, Some(vec![7, 9]));
    assert_eq!(repro.expect, ["isolation"]);
    assert_eq!(repro.stage, recipe);
    let text = repro.to_json().unwrap();
    assert_eq!(Repro::parse(&text).unwrap(), repro);
    assert!(Repro::parse(&text.replace("\"seed\"", "\"sede\"")).is_err());
    is_valid("repro.schema.json", &serde_json::from_str(&text).unwrap());

    let slow = Run::slow();
    let repro = Repro::of(&slow.plan, &slow.verdict, recipe.clone());
    assert_eq!((repro.only, repro.expect.len()), (None, 1));
    let again = Run::replayed();
    let repro = Repro::of(&again.plan, &again.verdict, recipe);
    assert_eq!((repro.only, repro.expect.len()), (Some(vec![7, 9]), 0));
}

fn committed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas").join(name)
}

fn is_valid(schema: &str, value: &Value) {
    let schema = std::fs::read_to_string(committed(schema)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let result = validator.validate(value);
    assert!(result.is_ok(), "{result:?}");
}

/// `UPDATE_SCHEMAS=1` writes them.
#[test]
fn the_committed_schemas_are_those_of_the_types() {
    for (name, current) in schema::schemas() {
        if env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(committed("")).unwrap();
            std::fs::write(committed(name), &current).unwrap();
        }
        let file = std::fs::read_to_string(committed(name)).unwrap_or_default();
        assert!(
            file == current,
            "{name}: run this test with UPDATE_SCHEMAS=1 and commit the schema"
        );
    }
}

#[test]
fn every_file_of_a_run_is_what_its_schema_says() {
    for run in Run::all() {
        let verdict: Value = serde_json::from_str(&canonical_json(&run.verdict).unwrap()).unwrap();
        is_valid("verdict.schema.json", &verdict);
        let mut wrong = verdict.clone();
        wrong["judgement"] = serde_json::json!({ "verdict": "fail", "breaches": [] });
        let schema = std::fs::read_to_string(committed("verdict.schema.json")).unwrap();
        let schema = serde_json::from_str(&schema).unwrap();
        assert!(
            !jsonschema::validator_for(&schema).unwrap().is_valid(&wrong),
            "a Fail without a breach"
        );
        is_valid("plan.schema.json", &serde_json::to_value(&run.plan).unwrap());
        is_valid("profile.schema.json", &serde_json::to_value(run.plan.profile.raw()).unwrap());
        for line in &run.evidence {
            is_valid("evidence.schema.json", &serde_json::to_value(line).unwrap());
        }
    }
}
