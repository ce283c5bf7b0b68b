//! Stages that cannot be: a clear sentence, the right exit code, and nothing left behind.

use super::processes::Harness;
use super::processes::processes_of;
use super::processes::script;

/// What `stage up` says, exit code and stderr, when the backend is this script.
async fn refused(text: &str, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), text);
    let mut args = vec!["--backend-bin", program.to_str().unwrap()];
    args.extend(more);
    let mut up = Harness::up(folder.path(), &args);
    let (status, stderr) = up.ended().await;
    assert_eq!(processes_of(folder.path()), []);
    (status.code(), stderr)
}

#[tokio::test]
async fn a_backend_that_dies_at_start_is_shown_with_its_last_lines() {
    let (code, stderr) = refused("echo starting; echo 'no such table' >&2; exit 3", &[]).await;
    assert_eq!(code, Some(4));
    assert!(stderr.contains("ended before it was ready (exit code 3)"), "{stderr}");
    assert!(stderr.contains("starting") && stderr.contains("no such table"), "{stderr}");
}

#[tokio::test]
async fn a_backend_that_never_listens_is_given_ten_seconds() {
    let (code, stderr) = refused("echo still thinking; exec sleep 1000", &[]).await;
    assert_eq!(code, Some(4));
    assert!(stderr.contains("was not ready within 10s"), "{stderr}");
    assert!(stderr.contains("still thinking"), "{stderr}");
}

#[tokio::test]
async fn a_taken_port_is_a_clear_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let variable = format!("BIND_ADDRESS={address}");
    let (code, stderr) = refused("exec sleep 1000", &["--env", &variable]).await;
    assert_eq!(code, Some(4));
    assert!(stderr.contains(&format!("cannot listen on {address}")), "{stderr}");
    let (code, stderr) = refused("exec sleep 1000", &["--env", "BIND_ADDRESS=0.0.0.0:80"]).await;
    assert_eq!(code, Some(2), "{stderr}");
}

#[tokio::test]
async fn a_missing_binary_has_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up(folder.path(), &["--backend-bin", "/no/such/backend"]);
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("there is no backend binary /no/such/backend"), "{stderr}");
    assert!(stderr.contains("--backend-bin"), "{stderr}");
}

#[tokio::test]
async fn a_configuration_that_the_backend_refuses_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--env", "DAILY_QUOTA=many"]).await;
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("ended before it was ready"), "{stderr}");
    assert!(stderr.contains("DAILY_QUOTA"), "{stderr}");
}

#[tokio::test]
async fn defects_that_the_binary_does_not_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--defects", "quota-fails-open"]).await;
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("does not have the seeded defects quota-fails-open"), "{stderr}");
    assert!(stderr.contains("server-defects"), "{stderr}");
}

/// `--stage FILE` of a suite: exit 2 with the place, before anything is started.
#[tokio::test]
async fn a_stage_file_that_cannot_be_used_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let other = write("other.json", "{ \"schema\": \"manuel-stage/9\" }");
    let broken = write("broken.toml", "schema = \"manuel-stage/1\"\nbase_url = 7\n");
    for (file, said) in [
        ("/no/such/stage.json", "cannot read the stage file /no/such/stage.json"),
        (other.as_str(), "unknown schema `manuel-stage/9`"),
        (broken.as_str(), "broken.toml:2"),
    ] {
        let mut load = Harness::start(&["load", "--profile", "smoke", "--stage", file]);
        let (status, stderr) = load.ended().await;
        assert_eq!(status.code(), Some(2), "{stderr}");
        let unwrapped = stderr.replace("\n  │ ", "");
        assert!(unwrapped.contains(said), "{stderr}");
    }
}

#[tokio::test]
async fn an_edge_takes_only_what_changes_it() {
    for (more, said) in [
        (&["--edge", "--edge-parameter", "WafRateLimit=5"][..], "it takes at least 100"),
        (
            &["--edge", "--edge-parameter", "DailyQuota=5"],
            "does not look at the parameter `DailyQuota`",
        ),
        (&["--edge", "--edge-parameter", "WafRate=5"], "it has no parameter `WafRate`"),
        (&["--edge", "--runtime", "lambda", "--gateway", "v2"], "the gateway is an HTTP API"),
    ] {
        let (code, stderr) = refused("exec sleep 1000", more).await;
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}
