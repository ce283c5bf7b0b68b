//! Tells the code which commit it was built from: `MANUEL_GIT_COMMIT` if given, else what git says of the files that go
//! into the backend. It must not run more often than those files or the commit change: each run rebuilds the package.

use std::path::Path;
use std::process::Command;

/// What decides the content of the binary, relative to the repository's root; only these make a build `-dirty`.
const BUILT_FROM: &[&str] =
    &["backend", "Cargo.toml", "Cargo.lock", ".cargo", "harness/workspace-hack/Cargo.toml"];

fn main() {
    println!("cargo:rerun-if-env-changed=MANUEL_GIT_COMMIT");
    for path in ["build.rs", "src", "Cargo.toml", "../Cargo.toml", "../Cargo.lock", "../.cargo"] {
        rerun_if_changed(Path::new(path));
    }
    let commit = option_env_at_build("MANUEL_GIT_COMMIT").or_else(commit_of_checkout);
    println!("cargo:rustc-env=MANUEL_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

#[expect(clippy::disallowed_methods, reason = "a build script has no configuration module")]
fn option_env_at_build(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `HEAD` as full hex, `-dirty` when a tracked file of the backend differs from it; none outside a repository.
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
