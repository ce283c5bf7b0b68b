//! `harness chaos` from the command line to the exit code: what holds, what shows nothing, what a defect looks like, and that
//! an interrupted run leaves no fault behind.

use std::ops::ControlFlow;
use std::time::Duration;

use harness::adapters::poll;
use harness::adapters::poll::Pace;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::processes::Harness;
use super::processes::backend_with_defects;
use super::processes::turn;
use crate::load::project::Project;
use crate::load::project::json;
use crate::load::project::text;

/// A reverted fault is gone within this.
const REVERTED: Duration = Duration::from_secs(1);

/// A project with one scenario, `mine`: every call to the model is throttled for `fault_ms`.
fn project(env: &str, fault_ms: u32) -> Project {
    let project = Project::new();
    let folder = project.path().join("scenarios/chaos");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        r#"
schema = "manuel-chaos/1"
title = "Throttled questions are refused and not charged"
tiers = ["smoke"]
{env}
[load]
users = 8
manuals = ["router"]
rate_per_s = 12.0
mix = {{ query = 3, list_manuals = 1 }}
steady_ms = 1500
fault_ms = {fault_ms}
recovery_ms = 9000

[[faults]]
name = "throttle"
on = "bedrock-runtime:Converse"
do = "error ThrottlingException"
at_least = 3
affects = ["query"]
answers = ["429 model_throttled"]

[expect]
breakers = ["model"]
unaffected = ["list_manuals"]
recovery_within_ms = 8500
"#
    );
    std::fs::write(folder.join("mine.toml"), text).unwrap();
    project
}

const NO_CACHE: &str = "[stage]\nenv = { CACHE_TTL_S = \"0\" }\n";

#[tokio::test]
async fn a_scenario_holds_shows_nothing_without_its_faults_and_finds_a_defect() {
    let server = backend_with_defects().await;
    let _turn = turn();
    let project = project(NO_CACHE, 1_500);
    let server = server.to_str().unwrap();
    let chaos = async |name: &str, more: &[&str]| {
        let folder = project.path().join(name);
        let folder_text = folder.to_str().unwrap().to_owned();
        let mut args = vec!["chaos", "--scenario", "mine", "--seed", "5", "--backend-bin", server];
        args.extend(["--run-dir", &folder_text]);
        args.extend(more);
        let ended = project.harness(&args).await;
        (ended, folder)
    };

    let (ended, folder) = chaos("held", &[]).await;
    ended.expect(0);
    let verdict = json(&folder, "verdict.json");
    assert_eq!(verdict["suite"], "chaos");
    assert_eq!(verdict["coverage"]["fault:bedrock-runtime"]["executed"], 1);
    assert!(verdict["requests"]["mine"]["surfaced"].as_u64().unwrap() >= 3, "{verdict}");
    for part in ["What became of the faults", "`mine`", "`throttle`"] {
        assert!(text(&folder, "summary.md").contains(part), "{part}");
    }
    assert!(text(&folder, "report.html").contains("<svg"));
    assert!(text(&folder, "junit.xml").contains("chaos.mine"));
    // The same evidence gives the same bytes.
    let again = project.harness(&["judge", folder.to_str().unwrap(), "--json"]).await;
    again.expect(0);
    assert_eq!(again.stdout, text(&folder, "verdict.json"));

    let (ended, folder) = chaos("off", &["--faults", "off"]).await;
    ended.expect(3);
    let verdict = json(&folder, "verdict.json");
    assert_eq!(verdict["judgement"]["causes"][0]["cause"], "fault_never_fired");

    let (ended, folder) = chaos("defect", &["--defects", "retry-after-missing"]).await;
    ended.expect(1);
    let verdict = json(&folder, "verdict.json");
    let breach = &verdict["judgement"]["breaches"][0];
    assert_eq!(breach["objective"], "I8 no-leak", "{verdict}");
    // From the folder alone: the same scenario, seed and defect.
    let repro = json(&folder, "repro.json");
    assert_eq!(repro["scenarios"], serde_json::json!(["mine"]));
    assert_eq!(
        (&repro["seed"], &repro["stage"]["defects"][0]),
        (&5.into(), &"retry-after-missing".into())
    );
    let reproduce = breach["reproduce"].as_str().unwrap();
    assert!(reproduce.contains("chaos --scenario mine --seed 5"), "{reproduce}");
    assert!(reproduce.contains("--defects retry-after-missing"), "{reproduce}");
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_before_anything_starts() {
    let project = project(NO_CACHE, 1_500);
    let ended = project.harness(&["chaos", "--scenario", "yours"]).await;
    ended.expect(2).said("no scenario is called `yours`");
    let file = project.path().join("scenarios/chaos/mine.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("ThrottlingException", "ThrottledException")).unwrap();
    let ended = project.harness(&["chaos", "--list"]).await;
    ended.expect(2).said("scenarios/chaos/mine.toml");
    assert!(project.runs().is_empty());
}

/// The rules that are on at an injector.
async fn rules(injector: &str) -> usize {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{injector}/rules")).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["rules"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_interrupted_run_leaves_no_fault_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json"]).await;
    let stage = up.json().await["stage"].clone();
    let injector = stage["admin"]["injector_url"].as_str().unwrap();
    let file = folder.path().join("stage.json");
    let project = project("", 20_000);
    let args = ["chaos", "--scenario", "mine", "--stage", file.to_str().unwrap()];
    let runner = project.start(&args);
    let on = poll::until(Pace::quick(Duration::from_secs(30)), (), async || {
        if rules(injector).await > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    on.await.expect("a fault that is on");
    runner.ctrl_c();
    let off = poll::until(Pace::quick(REVERTED), (), async || {
        if rules(injector).await == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    off.await.expect("no fault a second later");
    let ended = runner.ended().await;
    ended.expect(130);
    let verdict = json(&project.run(), "verdict.json");
    assert_eq!(verdict["judgement"]["causes"][0]["cause"], "interrupted", "{verdict}");
    up.signal(Signal::SIGINT);
    up.ended().await;
}
