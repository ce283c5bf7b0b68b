//! What cannot be used: a clear sentence, the right exit code, and nothing started. None of these needs a stage.

use std::net::TcpListener;

use crate::load::handmade;
use crate::load::project::Ended;
use crate::load::project::Project;
use crate::load::project::workspace;
use crate::stage::processes::processes_of;

/// Runs `harness` in a project that must have no run afterwards.
async fn refused(project: &Project, args: &[&str]) -> Ended {
    let ended = project.harness(args).await;
    assert_eq!(processes_of(project.path()), []);
    ended
}

#[tokio::test]
async fn an_unknown_profile_names_the_known_and_the_nearest() {
    let project = Project::new();
    let ended = refused(&project, &["load", "--profile", "smokey"]).await;
    ended
        .expect(2)
        .said("there is no profile `smokey`; did you mean `smoke`?")
        .said("there are: peak, smoke, sustained");
    assert_eq!(project.runs(), Vec::<std::path::PathBuf>::new());
    let ended = refused(&project, &["load", "--profile", "xylophone"]).await;
    ended.expect(2).said("there is no profile `xylophone`; there are: peak, smoke, sustained");
}

/// `smoke` with one line replaced, as a profile `bad`; and the number of that line.
fn spoilt(project: &Project, line: &str, by: &str) -> usize {
    let text = std::fs::read_to_string(workspace().join("scenarios/load/smoke.toml")).unwrap();
    let at = text.lines().position(|known| known == line).expect("a line of smoke.toml");
    project.write_profile("bad", &text.replacen(line, by, 1));
    at + 1
}

#[tokio::test]
async fn a_bad_profile_is_shown_with_its_line_and_key() {
    let project = Project::new();
    for (line, by, said) in [
        ("users = 24", "userz = 24", "userz"),
        ("max_in_flight = 200", "max_in_flight = \"many\"", "\"many\""),
        ("timeout_ms = 28000", "timeout_ms = ", "timeout_ms"),
        ("model = \"closed\"", "model = \"ajar\"", "ajar"),
        ("health = 6", "helth = 6", "did you mean `health`?"),
        (
            "\"dropped\" = \"share dropped <= 0%\"",
            "\"dropped\" = \"share droped <= 0%\"",
            "did you mean `dropped`?",
        ),
    ] {
        let at = spoilt(&project, line, by);
        let ended = refused(&project, &["load", "--profile", "bad"]).await;
        ended.expect(2).said(&format!("scenarios/load/bad.toml:{at}")).said(said);
        // The key, underlined: its line is quoted, and the mark under it.
        let quoted = format!(" {at} │ {by}");
        let mut lines = ended.stderr.lines().skip_while(|shown| !shown.contains(quoted.trim_end()));
        assert!(lines.next().is_some(), "not quoted: {quoted}\n{}", ended.stderr);
        let mark = lines.next().unwrap_or_default();
        assert!(mark.contains('┬') || mark.contains('─') || mark.contains('▲'), "{}", ended.stderr);
    }
    assert!(project.runs().is_empty(), "{:?}", project.runs());
}

#[tokio::test]
async fn a_profile_that_breaks_a_quota_is_refused_with_the_number_of_users() {
    let project = Project::new();
    // 240 questions, at most 50 of each user and day.
    let text = std::fs::read_to_string(
        Project::with_load("query = 1\n", 12_000).path().join("scenarios/load/mine.toml"),
    );
    project.write_profile("mine", &text.unwrap().replace("users = 12", "users = 4"));
    let ended = refused(&project, &["load", "--profile", "mine"]).await;
    ended.expect(2).said("asks 240 questions of 4 users").said("it needs at least 5 users");
    assert!(!ended.stderr.contains("stage ready"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_unknown_flag_is_a_usage_error() {
    let project = Project::new();
    let ended = refused(&project, &["load", "--profile", "smoke", "--profle", "peak"]).await;
    ended.expect(2).said("unexpected argument '--profle'");
    refused(&project, &["lod"]).await.expect(2).said("load");
    refused(&project, &["load"]).await.expect(2).said("--profile <NAME>");
}

#[tokio::test]
async fn a_report_folder_that_cannot_be_written_starts_nothing() {
    let project = Project::new();
    std::fs::write(project.path().join("reports"), "a file").unwrap();
    let ended = refused(&project, &["load", "--profile", "smoke"]).await;
    ended.expect(4).said("the report folder cannot be used").said("cannot make the run folder");
    assert!(!ended.stderr.contains("stage ready"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_stage_file_that_is_not_there_is_a_usage_error() {
    let project = Project::new();
    let load = ["load", "--profile", "smoke", "--stage", "no/such/stage.json"];
    refused(&project, &load).await.expect(2).said("cannot read the stage file no/such/stage.json");
}

/// The file is right and the stage is gone: the environment's fault (4), not the file's (2), and no verdict (3), since
/// nothing was ever sent.
#[tokio::test]
async fn a_stage_that_is_gone_is_an_environment_error() {
    let project = Project::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = project.path().join("stage.json");
    let stage = handmade::stage(&format!("http://{gone}"));
    std::fs::write(&file, serde_json::to_string(&stage).unwrap()).unwrap();
    let load = ["load", "--profile", "smoke", "--stage", file.to_str().unwrap()];
    let ended = refused(&project, &load).await;
    ended
        .expect(4)
        .said(&format!("the backend at http://{gone} does not answer"))
        .said("because: ");
}

#[tokio::test]
async fn a_recipe_that_is_cut_or_of_another_schema_is_a_usage_error() {
    let project = Project::new();
    let file = project.path().join("repro.json");
    let path = file.to_str().unwrap();
    refused(&project, &["replay", path]).await.expect(2).said("cannot read").said("repro.json");
    std::fs::write(&file, "{\"schema\": \"manuel-repro/1\", \"suite\": \"lo").unwrap();
    refused(&project, &["replay", path]).await.expect(2).said("repro.json").said("line 1");
    std::fs::write(&file, "{\"schema\": \"manuel-repro/9\"}").unwrap();
    refused(&project, &["replay", path]).await.expect(2).said("`manuel-repro/9`");
    assert!(project.runs().is_empty(), "{:?}", project.runs());
}

#[tokio::test]
async fn a_folder_of_no_run_cannot_be_judged() {
    let project = Project::new();
    let folder = project.path().to_str().unwrap();
    refused(&project, &["judge", folder]).await.expect(2).said("is no run's folder");
    std::fs::write(project.path().join("plan.json"), "{\n\"schema\": 7,\n").unwrap();
    refused(&project, &["judge", folder]).await.expect(2).said("plan.json:");
    std::fs::write(project.path().join("plan.json"), "{\"schema\": \"manuel-run/9\"}").unwrap();
    refused(&project, &["judge", folder]).await.expect(2).said("`manuel-run/9`");
}
