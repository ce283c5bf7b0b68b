//! A stage that stands, met as a deployed one is: what may be done to it, who may use it, and what is left on it.

use std::path::Path;
use std::path::PathBuf;
use std::process::Output;

use harness::adapters::provision::Accounts;
use harness::adapters::provision::ManualFile;
use harness::adapters::provision::WantedUser;
use harness::adapters::provision::believe;
use harness::adapters::provision::leftovers::Leftovers;
use harness::adapters::provision::provision;
use harness::commands::stage::manual_files;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::process::Command;
use verdict::domain::stage::SecretRef;

use super::processes::Harness;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

async fn harness(args: &[&str]) -> (Option<i32>, String) {
    let command =
        Command::new(env!("CARGO_BIN_EXE_harness")).args(args).arg("--root").arg(root()).output();
    let Output { status, stdout, stderr } = command.await.unwrap();
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (status.code(), said)
}

/// The stage's file with one value changed.
fn changed(file: &Path, pointer: &str, value: Value) -> PathBuf {
    let mut stage: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    stage.pointer_mut(parent).unwrap()[key] = value;
    let path = file.with_file_name(format!("{key}.json"));
    std::fs::write(&path, stage.to_string()).unwrap();
    path
}

#[tokio::test]
async fn a_stage_over_tls_is_guarded_leased_checked_and_swept() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json", "--as-remote"]).await;
    up.json().await;
    let file = folder.path().join("stage.json");
    let named = file.to_str().unwrap();
    let stage = harness::config::stage_file::read(&file).unwrap();
    assert!(stage.base_url.starts_with("https://127.77.0.1:"), "{}", stage.base_url);
    assert!(stage.admin.emulators_url.is_none() && stage.processes.is_none());

    // Production takes smoke only, unless file and flag both say so; and nothing that costs too much.
    let production = changed(&file, "/environment", "production".into());
    let (code, said) =
        harness(&["load", "--profile", "peak", "--stage", production.to_str().unwrap()]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("takes the profile `smoke` only"), "{said}");
    let dear = changed(&file, "/limits/max_cost_cents", 1.into());
    let (code, said) =
        harness(&["load", "--profile", "smoke", "--stage", dear.to_str().unwrap()]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("and the stage allows $0.01"), "{said}");
    let clear = changed(&file, "/base_url", "http://10.0.0.1".into());
    let (code, said) = harness(&["features", "--stage", clear.to_str().unwrap()]).await;
    assert_eq!(code, Some(2), "{said}");

    // What answers is told; a stage whose authority nobody knows is at fault, and says why.
    let (code, said) = harness(&["stage", "check", named]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is Manuel, commit") && said.contains("@clock needs"), "{said}");
    let strange = changed(&file, "/tls_ca_file", Value::Null);
    let (code, said) = harness(&["stage", "check", strange.to_str().unwrap()]).await;
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("tls_ca_file"), "{said}");

    // Two runs never share it.
    let held = harness::adapters::lease::Lease::file(&lock(&stage.base_url)).unwrap();
    let (code, said) =
        harness(&["features", "features/versioning.feature", "--stage", named]).await;
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("the stage is in use by process"), "{said}");
    drop(held);

    // What a run that was killed has left is taken away by name.
    believe(&stage).unwrap();
    let manuals: BTreeMap<String, ManualFile> = manual_files(&root()).unwrap();
    let username = format!("u-left-{}", std::process::id());
    let wanted = [WantedUser { username: username.clone(), manuals: vec!["router".to_owned()] }];
    let made = provision(&stage, &manuals, &wanted, 1).await.unwrap();
    let run = root().join("reports").join(&username);
    std::fs::create_dir_all(&run).unwrap();
    let left = Leftovers::of(&stage, vec![username.clone(), "u-never-made".to_owned()]);
    std::fs::write(run.join("created.json"), serde_json::to_vec(&left).unwrap()).unwrap();
    let (code, said) = harness(&["stage", "sweep", named]).await;
    let still = std::fs::read_dir(&run).unwrap().count();
    std::fs::remove_dir_all(&run).unwrap();
    assert_eq!((code, still), (Some(0), 0), "{said}");
    assert!(said.contains("2 of 2 users taken away"), "{said}");
    let mut gone = stage.clone();
    gone.users.push(verdict::domain::stage::StageUser {
        username: username.clone(),
        password: SecretRef::Throwaway(made[0].password.clone()),
        sub: None,
        manuals: Vec::new(),
    });
    assert!(Accounts::new(&gone).unwrap().open(&username).await.is_err(), "the user is gone");
}

fn lock(base_url: &str) -> PathBuf {
    use sha2::Digest as _;
    let digest = hex::encode(sha2::Sha256::digest(base_url));
    std::env::temp_dir().join("manuel-harness-leases").join(format!("{}.lock", &digest[..16]))
}
