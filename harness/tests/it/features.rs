//! The features from the command line to the exit code: what passes, what breaks and how that is told, and everything that
//! is refused before anything runs.

use serde_json::Value;

use crate::load::project::Project;
use crate::load::project::json;
use crate::load::project::text;
use crate::stage::processes::backend;
use crate::stage::processes::turn;

/// A project with these features and no others.
fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new();
    let folder = project.path().join("features");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    project
}

const HELD: &str = "Feature: Held
  Scenario: an empty question is refused
    When Anna asks \"  \"
    Then Anna is refused because \"the question is empty\"
";

const BROKEN: &str = "Feature: Broken
  A promise that nobody gave.

  Scenario: an empty question is answered
    Given Anna is signed in
    When Anna asks \"  \"
    Then Anna gets an answer
";

const WIP: &str = "@wip
Feature: Not yet
  Scenario: an empty question is answered one day
    When Anna asks \"  \"
    Then Anna gets an answer
  Scenario: an empty question is refused already
    When Anna asks \"  \"
    Then Anna is refused because \"the question is empty\"
";

#[tokio::test]
async fn a_run_tells_what_held_what_broke_and_how_to_see_it_again() {
    let server = backend().await;
    let _turn = turn();
    let project =
        project(&[("held.feature", HELD), ("broken.feature", BROKEN), ("wip.feature", WIP)]);
    let server = server.to_str().unwrap();
    let features = |more: &[&str]| {
        let mut args = vec!["features", "--seed", "7", "--backend-bin", server];
        args.extend(more);
        args.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = async |args: Vec<String>| {
        project.harness(&args.iter().map(String::as_str).collect::<Vec<_>>()).await
    };

    let ended = run(features(&["--tags", "not @wip", "features/held.feature"])).await;
    ended.expect(0);
    assert!(ended.stdout.contains("PASS  1 scenarios of 1 capabilities held."), "{}", ended.stdout);
    std::fs::remove_dir_all(project.run()).unwrap();

    let ended = run(features(&[])).await;
    ended.expect(1);
    let folder = project.run();
    let verdict = json(&folder, "verdict.json");
    let breach = &verdict["judgement"]["breaches"][0];
    assert_eq!(verdict["judgement"]["breaches"].as_array().unwrap().len(), 1, "{verdict}");
    assert_eq!(breach["objective"], "features/broken.feature:4");
    let scenarios = &verdict["requests"]["scenarios"];
    let counts = [("failed", 1), ("passed", 1), ("pending", 1), ("passed_though_wip", 1)];
    for (fate, count) in counts {
        assert_eq!(scenarios[fate], count, "{fate}: {verdict}");
    }
    assert_eq!(verdict["notes"][0], "features/wip.feature:6 passes: its tag @wip can go.");

    // The summary alone: promise, place, expectation, what was seen, request id, the backend's words, the command.
    let summary = text(&folder, "summary.md");
    for part in [
        "Broken: an empty question is answered.",
        "features/broken.feature:7",
        "- expected: an answer to the question",
        "question\\_empty",
        "Then Anna gets an answer   # <- here",
        "POST /api/query as Anna",
        "\"status\":400",
        "harness -- features features/broken.feature:4 --seed 7 --backend-bin",
    ] {
        let plain = summary.replace("\\_", "_");
        assert!(plain.contains(&part.replace("\\_", "_")), "{part} is not in\n{summary}");
    }
    let id = breach["request_id"].as_str().unwrap();
    assert!(summary.contains(id) && !id.is_empty());
    let junit = text(&folder, "junit.xml");
    assert!(junit.contains("failures=\"1\"") && junit.contains("tests=\"4\""), "{junit}");
    let cucumber: Value = json(&folder, "cucumber.json");
    assert_eq!(cucumber.as_array().unwrap().len(), 3, "one entry a feature");
    assert!(text(&folder, "report.html").contains("<details class=\"failed\" open>"));

    // Judging the same evidence again gives the same bytes.
    let written = text(&folder, "verdict.json");
    let judged = project.harness(&["judge", folder.to_str().unwrap(), "--json"]).await;
    assert_eq!((judged.status.code(), judged.stdout), (Some(1), written));

    // And the repro file runs just what broke.
    let replayed = project.harness(&["replay", folder.to_str().unwrap()]).await;
    replayed.expect(1).said("running 1 scenarios of run");
}

#[tokio::test]
async fn nothing_selected_and_nothing_possible_are_inconclusive() {
    let server = backend().await;
    let _turn = turn();
    let project = project(&[("held.feature", HELD), ("wip.feature", WIP)]);
    let server = server.to_str().unwrap();
    let none = project.harness(&["features", "--tags", "@nothing", "--backend-bin", server]).await;
    none.expect(3);
    assert!(none.stdout.contains("Nothing was put to the test"), "{}", none.stdout);
    let wip = project.harness(&["features", "--tags", "@wip", "--backend-bin", server]).await;
    wip.expect(3);
}

#[tokio::test]
async fn bad_input_is_refused_before_anything_runs() {
    let bad = [
        ("Feature: a\n  Scenario: b\n    Given c\n    Wehn d\n", &[][..], "features/x.feature:"),
        (
            "Feature: a\n  Scenario: b\n    When Anna askes \"c\"\n",
            &[],
            "features/x.feature:3: no step is called `When Anna askes \"c\"`; the nearest is `Given/When {who} asks {text}`",
        ),
        ("Feature: a\n  Scenario: b\n", &[], "features/x.feature:2: the scenario has no steps"),
        (HELD, &["--tags", "@a and"], "the tag expression `@a and` does not parse at column"),
        (HELD, &["--name", "["], "the name pattern `[` is no regular expression"),
        (HELD, &["features/x.feature:9"], "there is no scenario at `features/x.feature:9`"),
        (HELD, &["--stage", "nowhere.json"], "nowhere.json"),
    ];
    for (text, args, sentence) in bad {
        let project = project(&[("x.feature", text)]);
        let ended = project.harness(&[&["features"], args].concat()).await;
        ended.expect(2).said(sentence);
        assert!(project.runs().is_empty(), "nothing was begun: {sentence}");
    }
    let empty = project(&[]);
    empty.harness(&["features"]).await.expect(2).said("no file that ends in `.feature`");
    std::fs::remove_dir(empty.path().join("features")).unwrap();
    empty.harness(&["features"]).await.expect(2).said("cannot read");
}

#[tokio::test]
async fn ctrl_c_keeps_what_was_seen_and_leaves_nothing_behind() {
    let server = backend().await;
    let _turn = turn();
    let project = project(&[("held.feature", HELD)]);
    let mut runner =
        project.start(&["features", "--backend-bin", server.to_str().unwrap(), "--hold"]);
    runner.says("stage ready").await;
    runner.ctrl_c();
    let ended = runner.ended().await;
    assert!(matches!(ended.status.code(), Some(130 | 0)), "{}\n{}", ended.stdout, ended.stderr);
    assert!(crate::stage::processes::processes_of(project.path()).is_empty());
}
