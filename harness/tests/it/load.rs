//! Loads from the command line to the exit code, on embedded stages; and the worker under a server made by hand.
//! Everything that starts a process here takes its turn.

mod cut_short;
pub(crate) mod handmade;
pub(crate) mod project;
mod stalls;

use harness::adapters::run_dir::RunDir;
use harness::commands::judge::plan as read_plan;
use harness::config::profile_file;
use harness::config::questions;
use harness::config::stage_file;
use project::Project;
use project::json;
use project::text;
use project::workspace;
use serde_json::Value;
use verdict::domain::verdict::Cause;
use verdict::domain::verdict::Verdict;
use verdict::judge::canonical::canonical_json;
use verdict::judge::load::judge;
use verdict::plan::load::plan;

use crate::stage::processes::backend;
use crate::stage::processes::backend_with_defects;
use crate::stage::processes::processes_of;
use crate::stage::processes::script;
use crate::stage::processes::turn;

/// Every kind of request that a short run can send.
const MIX: &str = "query = 4\nlist_manuals = 4\nhealth = 4\nunsigned_upload = 3\n";

#[test]
fn one_seed_is_one_schedule() {
    let profile = profile_file::read(&workspace(), "smoke").unwrap();
    let questions = questions::read(&workspace()).unwrap();
    let digest = |seed| plan(&profile, seed, &handmade::limits(), &questions).unwrap().sha256;
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[tokio::test]
async fn a_run_is_judged_to_the_same_bytes_again() {
    let server = backend().await;
    let _turn = turn();
    let project = Project::with_load(MIX, 2_000);
    let server = server.to_str().unwrap();
    let load = ["load", "--profile", "mine", "--seed", "7", "--backend-bin", server];
    let ended = project.harness(&load).await;
    let run = project.run();
    let written = text(&run, "verdict.json");
    let verdict: Value = serde_json::from_str(&written).unwrap();
    ended.expect(verdict["exit_code"].as_i64().unwrap().try_into().unwrap());
    // Timing may suffer from whatever else this machine does; promises may not.
    for promise in verdict["promises"].as_array().unwrap() {
        assert_eq!(promise["broken"], 0, "{verdict}");
    }
    for (kind, class) in [("query", "ok"), ("health", "ok"), ("unsigned_upload", "expected_reject")]
    {
        assert!(verdict["requests"][kind][class].as_u64().unwrap() > 0, "{verdict}");
    }
    for name in ["ledger.jsonl", "junit.xml", "summary.md", "report.html", "repro.json"] {
        assert!(!text(&run, name).is_empty());
    }

    let again = ["judge", run.to_str().unwrap(), "--json"];
    for _ in 0..2 {
        let judged = project.harness(&again).await;
        assert_eq!(judged.status.code(), ended.status.code());
        assert_eq!(judged.stdout, written);
    }

    // The same profile and seed give the same schedule, and the same evidence the same verdict but for the run's name.
    let dir = RunDir::open(run);
    let mut planned = read_plan(&dir).unwrap();
    let questions = questions::read(project.path()).unwrap();
    let load = plan(&planned.profile, planned.seed, &planned.limits, &questions).unwrap();
    assert_eq!(load.sha256, planned.schedule_sha256);
    let run_id = std::mem::replace(&mut planned.run_id, "another-run".to_owned());
    let other = canonical_json(&judge(&planned, &dir.read_evidence().unwrap()).unwrap()).unwrap();
    assert_ne!(other, written);
    assert_eq!(other.replace("another-run", &run_id), written);
}

#[tokio::test]
async fn another_commit_than_the_expected_one_is_inconclusive() {
    let server = backend().await;
    let _turn = turn();
    let project = Project::with_load("health = 1\n", 1_000);
    let server = server.to_str().unwrap();
    let other = "fedcba9876543210";
    let load = ["load", "--profile", "mine", "--backend-bin", server, "--expect-commit", other];
    project.harness(&load).await.expect(3);
    let verdict = json(&project.run(), "verdict.json");
    let judgement: Verdict = serde_json::from_value(verdict["judgement"].clone()).unwrap();
    let Verdict::Inconclusive { causes, .. } = judgement else { panic!("{verdict}") };
    let seen = verdict["sut_commit"].as_str().unwrap().to_owned();
    let changed = Cause::TargetChanged { expected: other.to_owned(), seen };
    assert!(causes.as_slice().contains(&changed), "{causes:?}");
}

#[tokio::test]
async fn a_backend_that_dies_at_start_is_shown_with_its_last_words() {
    let _turn = turn();
    let project = Project::new();
    let server = script(project.path(), "echo 'no such table' >&2; exit 3");
    let load = ["load", "--profile", "smoke", "--backend-bin", server.to_str().unwrap()];
    let ended = project.harness(&load).await;
    ended.expect(4).said("ended before it was ready (exit code 3)").said("no such table");
    assert_eq!(processes_of(project.path()), []);
    assert!(!project.run().join("verdict.json").exists());
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_clear_sentence() {
    let _turn = turn();
    let project = Project::new();
    let server = script(project.path(), "exec sleep 1000");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let variable = format!("BIND_ADDRESS={address}");
    let server = server.to_str().unwrap();
    let load = ["load", "--profile", "smoke", "--backend-bin", server, "--env", &variable];
    project.harness(&load).await.expect(4).said(&format!("cannot listen on {address}"));
    assert_eq!(processes_of(project.path()), []);
}

#[tokio::test]
async fn a_stage_is_held_after_a_run_that_did_not_pass() {
    let server = backend().await;
    let _turn = turn();
    let project = Project::with_load("health = 1\n", 1_000);
    let server = server.to_str().unwrap();
    let unexpected = ["--expect-commit", "fedcba9876543210", "--hold"];
    let load = ["load", "--profile", "mine", "--backend-bin", server];
    let mut runner = project.start(&[&load[..], &unexpected].concat());
    runner.says("The stage is left up").await;
    let stage = stage_file::read(&project.run().join("stage.json")).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let health = http.get(format!("{}/health", stage.base_url)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    runner.ctrl_c();
    runner.ended().await.expect(3);
    assert_eq!(processes_of(project.path()), []);
}

/// Arrivals that a run sent, by its ledger.
fn sent(run: &std::path::Path) -> Vec<u64> {
    let entry =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["ordinal"].as_u64().unwrap();
    let mut sent: Vec<u64> = text(run, "ledger.jsonl").lines().map(entry).collect();
    sent.sort_unstable();
    sent
}

fn signature_is_broken(run: &std::path::Path) {
    let breaches = &json(run, "verdict.json")["judgement"]["breaches"];
    let broken = breaches.as_array().unwrap().iter().find(|b| b["objective"] == "signature");
    let broken = broken.unwrap_or_else(|| panic!("{breaches}"));
    let promise = broken["promise"].as_str().unwrap();
    assert!(promise.contains("without a valid signature"), "{promise}");
    assert!(broken["request_id"].is_string() && broken["trace_id"].is_string(), "{broken}");
    let run_id = run.file_name().unwrap().to_str().unwrap();
    assert!(broken["reproduce"].as_str().unwrap().ends_with(&format!("replay reports/{run_id}")));
}

#[tokio::test]
async fn a_defect_is_found_and_replayed_until_it_is_mended() {
    let (server, defective) = (backend().await, backend_with_defects().await);
    let _turn = turn();
    let project = Project::with_load(MIX, 2_000);
    let load = [
        "load",
        "--profile",
        "mine",
        "--backend-bin",
        defective.to_str().unwrap(),
        "--defects",
        "hmac-skipped-when-missing",
    ];
    project.harness(&load).await.expect(1);
    let first = project.run();
    signature_is_broken(&first);
    let repro = json(&first, "repro.json");
    let only: Vec<u64> = serde_json::from_value(repro["only"].clone()).unwrap();
    assert!(!only.is_empty() && only.len() < sent(&first).len(), "{only:?}");
    assert!(repro["expect"].as_array().unwrap().contains(&"signature".into()), "{repro}");

    let replay = project.harness(&["replay", first.to_str().unwrap()]).await;
    replay.expect(1).said(&format!("replaying {} arrivals", only.len()));
    let second = project.runs().into_iter().find(|run| *run != first).unwrap();
    signature_is_broken(&second);
    assert_eq!(sent(&second), only, "the failing arrivals and no other");

    // Mended: the same arrivals against a backend without the defect.
    let mut mended = repro.clone();
    mended["stage"]["defects"] = Value::Array(Vec::new());
    let file = project.path().join("repro.json");
    std::fs::write(&file, mended.to_string()).unwrap();
    let server = server.to_str().unwrap();
    let replay = ["replay", file.to_str().unwrap(), "--backend-bin", server];
    project.harness(&replay).await.expect(0);
    let third = project.runs().into_iter().find(|run| *run != first && *run != second).unwrap();
    assert_eq!(sent(&third), only);
    assert_eq!(processes_of(project.path()), []);
}
