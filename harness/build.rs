//! Tells the code which commit it was built from: `HARNESS_GIT_COMMIT` if given, else what git says of the files that go
//! into the harness. It must not run more often than those files or the commit change: each run rebuilds the package.

use std::path::Path;
use std::process::Command;

/// What decides the content of the binary, relative to the repository's root; only these make a build `-dirty`.
const BUILT_FROM: &[&str] = &["harness", "Cargo.toml", "Cargo.lock", ".cargo"];

fn main() {
    println!("cargo:rerun-if-env-changed=HARNESS_GIT_COMMIT");
    for path in [
        "build.rs",
        "src",
        "core/src",
        "client/src",
        "emulators/src",
        "faultproxy/src",
        "injector/src",
        "Cargo.toml",
        "../Cargo.toml",
        "../Cargo.lock",
    ] {
        rerun_if_changed(Path::new(path));
    }
    let commit = option_env_at_build("HARNESS_GIT_COMMIT").or_else(commit_of_checkout);
    println!("cargo:rustc-env=HARNESS_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo:rustc-env=HARNESS_RUSTC={}", rustc_version().as_deref().unwrap_or("unknown"));
    let release = option_env_at_build("PROFILE").as_deref() == Some("release");
    let profile = if release { "release" } else { "dev" };
    println!("cargo:rustc-env=HARNESS_PROFILE={profile}");
    println!("cargo:rustc-env=HARNESS_GOOSE={}", locked("goose").as_deref().unwrap_or("unknown"));
}

#[expect(clippy::disallowed_methods, reason = "a build script has no configuration module")]
fn option_env_at_build(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `HEAD` as full hex, `-dirty` when a tracked file of the harness differs from it; none outside a repository.
fn commit_of_checkout() -> Option<String> {
    // In a work tree of its own, HEAD is there and the branches are in the common folder.
    for folder in ["--absolute-git-dir", "--git-common-dir"] {
        let folder = git(&["rev-parse", "--path-format=absolute", folder])?;
        for file in ["HEAD", "packed-refs", "refs/heads"] {
            rerun_if_changed(&Path::new(&folder).join(file));
        }
    }
    let head = git(&["rev-parse", "--verify", "HEAD"])?;
    let mut arguments = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    arguments.extend(BUILT_FROM);
    let changes = git(&arguments)?;
    Some(if changes.is_empty() { head } else { format!("{head}-dirty") })
}

/// The version of a package in Cargo.lock.
fn locked(package: &str) -> Option<String> {
    let lock = std::fs::read_to_string("../Cargo.lock").ok()?;
    let entry =
        lock.split("[[package]]").find(|e| e.contains(&format!("name = \"{package}\"\n")))?;
    let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}

fn rustc_version() -> Option<String> {
    let rustc = option_env_at_build("RUSTC")?;
    let output = Command::new(rustc).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-C", "..", "--no-optional-locks"])
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Cargo runs the script every time when a path named here is missing, so only existing ones are named.
fn rerun_if_changed(path: &Path) {
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}
