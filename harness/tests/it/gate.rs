//! The gate as a pipeline calls it, over runs that were made before: whatever is wrong with one, it never promotes, and it
//! says what.

use std::path::Path;
use std::path::PathBuf;

use harness::adapters::run_dir::RunDir;
use serde_json::Value;
use tokio::process::Command;
use verdict::domain::evidence::Closed;
use verdict::domain::evidence::Evidence;
use verdict::domain::run::RunPlan;
use verdict::judge::canonical::canonical_json;
use verdict::judge::whole::judge_whole;

use crate::report::sample;
use crate::stage::processes::processes_of;
use crate::stage::processes::turn;

const POLICY: &str = r#"
schema = "manuel-gate/1"
title = "t"
stages = ["embedded"]
budget_s = 60
max_age_s = 4000000000

[[suites]]
name = "load"
kind = "load"
profile = "smoke"
seed = 1
timeout_s = 5

[suites.require]
requests = { query = 100 }
"#;
const COMMIT: &str = "2222222";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A folder with a policy, and a run that it promotes unless `plan` is changed.
struct Made(tempfile::TempDir);

impl Made {
    fn new(change: impl FnOnce(&mut RunPlan)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
        let mut plan = RunPlan { profile_name: "smoke".to_owned(), ..sample::plan() };
        change(&mut plan);
        let mut evidence = sample::evidence(20_000, 40);
        evidence.push(Evidence::Closed(Closed { lines: evidence.len() as u64 }));
        let verdict = judge_whole(&plan, &evidence).unwrap();
        let dir = RunDir::create(folder.path().join("load")).unwrap();
        dir.write("plan.json", &serde_json::to_vec(&plan).unwrap()).unwrap();
        let lines: Vec<String> =
            evidence.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        dir.write("evidence.jsonl", lines.concat().as_bytes()).unwrap();
        dir.write("verdict.json", canonical_json(&verdict).unwrap().as_bytes()).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("load").join(name)
    }

    fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        std::fs::write(self.file(name), edit(text)).unwrap();
    }

    /// Exit code, decision.json, and its text.
    async fn decided(&self, out: &str) -> (Option<i32>, Value, String) {
        let out = self.0.path().join(out);
        let output = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["gate", "--commit", COMMIT, "--policy"])
            .arg(self.0.path().join("policy.toml"))
            .arg("--from")
            .arg(self.0.path())
            .arg("--run-dir")
            .arg(&out)
            .arg("--root")
            .arg(root())
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .await
            .unwrap();
        let text = std::fs::read_to_string(out.join("decision.json"));
        let text = text.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), serde_json::from_str(&text).unwrap(), text)
    }
}

fn codes(decision: &Value) -> Vec<&str> {
    let reasons = decision["suites"][0]["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_whole_run_promotes_with_the_same_bytes_each_time() {
    let made = Made::new(|_| {});
    let (code, decision, first) = made.decided("1").await;
    assert_eq!((code, decision["decision"].as_str()), (Some(0), Some("promote")), "{decision:#}");
    let (_, _, second) = made.decided("2").await;
    assert_eq!(first, second);
    let page = std::fs::read_to_string(made.0.path().join("1/report.html")).unwrap();
    assert!(page.contains("<h1>PROMOTE</h1>"), "{page}");
    let schema = std::fs::read_to_string(root().join("docs/schemas/decision.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(validator.is_valid(&decision));
}

type Break = fn(&Made);
type Change = fn(&mut RunPlan);

#[tokio::test]
async fn whatever_is_wrong_with_a_run_never_promotes() {
    let cases: [(&str, Break); 9] = [
        ("missing", |m| std::fs::remove_file(m.file("verdict.json")).unwrap()),
        ("unreadable", |m| m.edit("verdict.json", |text| text[..text.len() / 2].to_owned())),
        ("unreadable", |m| m.edit("verdict.json", |_| String::new())),
        ("unreadable", |m| std::fs::remove_file(m.file("evidence.jsonl")).unwrap()),
        ("other_schema", |m| {
            m.edit("verdict.json", |text| text.replace("manuel-verdict/2", "manuel-verdict/3"));
        }),
        ("not_its_evidence", |m| m.edit("verdict.json", |text| text.replace("2222222", "3333333"))),
        ("not_its_evidence", |m| {
            m.edit("evidence.jsonl", |text| text.lines().take(9).collect::<Vec<_>>().join("\n"));
        }),
        ("not_its_evidence", |m| m.edit("plan.json", |text| text.replace("2222222", "3333333"))),
        ("other_schema", |m| {
            m.edit("plan.json", |text| text.replace("manuel-run/1", "manuel-run/9"));
        }),
    ];
    for (expected, break_it) in cases {
        let made = Made::new(|_| {});
        break_it(&made);
        let (code, decision, _) = made.decided("out").await;
        assert_eq!((code, codes(&decision)), (Some(3), vec![expected]), "{decision:#}");
    }
    let planned: [(&str, Change); 4] = [
        ("other_build", |plan| plan.sut_commit = "3333333".to_owned()),
        ("unknown_build", |plan| plan.sut_commit = "2222222-dirty".to_owned()),
        ("other_stage", |plan| plan.stage = "staging".to_owned()),
        ("unreadable", |plan| plan.started_at = "yesterday".to_owned()),
    ];
    for (expected, change) in planned {
        let (code, decision, _) = Made::new(change).decided("out").await;
        assert_eq!((code, codes(&decision)), (Some(3), vec![expected]), "{decision:#}");
    }
    let defects = Made::new(|plan| plan.sut_defects = vec!["quota-fails-open".to_owned()]);
    let (code, decision, _) = defects.decided("out").await;
    assert_eq!((code, codes(&decision)), (Some(3), vec!["not_comparable"]), "{decision:#}");
}

#[tokio::test]
async fn a_suite_that_does_not_end_is_stopped_and_leaves_nothing() {
    let _turn = turn();
    crate::stage::processes::backend().await;
    let made = Made::new(|_| {});
    let out = made.0.path().join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["gate", "--commit", COMMIT, "--policy"])
        .arg(made.0.path().join("policy.toml"))
        .arg("--run-dir")
        .arg(&out)
        .arg("--root")
        .arg(root())
        .output()
        .await
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    // 13 s of load do not fit into 5 s.
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let text = std::fs::read_to_string(out.join("decision.json")).unwrap();
    let decision: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(codes(&decision), ["over_time"], "{decision:#}");
    assert_eq!(processes_of(&out), []);
}
