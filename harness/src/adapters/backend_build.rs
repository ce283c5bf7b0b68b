//! Builds the backend with cargo, in the profile and target folder of the running harness, so that nothing is compiled
//! twice. It never runs the backend, and passes no flag that changes features of third-party crates.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use tokio::time::timeout;

use crate::adapters::guard::GuardStartError;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::guard::last_lines;

/// A cold build of the backend takes some minutes on two cores; beyond this something hangs.
const BOUND: Duration = Duration::from_mins(20);

/// What to build, and with what.
#[derive(Clone, Debug)]
pub struct BuildPlan {
    /// The project root.
    pub root: PathBuf,
    /// This executable: tells profile and target folder.
    pub harness: PathBuf,
    /// With seeded defects: `server-defects`.
    pub defects: bool,
    /// `cargo`, or what `CARGO` names.
    pub cargo: PathBuf,
    /// `CARGO_TARGET_DIR`, used where the executable does not lie in a target folder.
    pub target_dir: Option<PathBuf>,
    /// The whole environment of cargo.
    pub env: BTreeMap<OsString, OsString>,
    /// Where cargo's JSON messages go.
    pub log: PathBuf,
}

/// There is no backend to start.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Cargo says why on stderr.
    #[error("cargo could not build the backend ({status}); its messages are above")]
    Failed {
        /// How it ended.
        status: String,
    },
    /// Neither cargo nor a binary.
    #[error("there is neither cargo ({cargo}) nor a backend binary at {binary}")]
    NoCargo {
        /// What was called.
        cargo: PathBuf,
        /// Where a binary would be.
        binary: PathBuf,
    },
    /// The guard of cargo did not work.
    #[error("cargo could not be started")]
    Start {
        /// Why.
        #[source]
        source: GuardStartError,
    },
    /// The bound.
    #[error("cargo did not finish within {} min", BOUND.as_secs() / 60)]
    TooLong,
    /// A successful build without the artefact.
    #[error("cargo ended well but named no binary `{binary}`; its messages are in {log}")]
    NoArtifact {
        /// The binary's name.
        binary: &'static str,
        /// Cargo's messages.
        log: PathBuf,
    },
}

/// The profile and target folder that an executable was built in.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Layout {
    target_dir: Option<PathBuf>,
    release: bool,
}

/// The one message of `--message-format=json` that is of interest.
#[derive(Deserialize)]
struct Artifact {
    target: ArtifactTarget,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

/// Builds the backend and gives the binary's path.
pub async fn build(plan: BuildPlan) -> Result<PathBuf, BuildError> {
    let (binary, log) = (binary_name(plan.defects), plan.log.clone());
    let built = build_all(plan, &[binary]).await?;
    built.into_iter().next().ok_or(BuildError::NoArtifact { binary, log })
}

/// Builds `binaries` of the backend and gives their paths, in the same order. Cargo runs under a guard: it ends when
/// this process does. Where there is no cargo, binaries that lie beside the harness are taken.
pub async fn build_all(
    plan: BuildPlan,
    binaries: &[&'static str],
) -> Result<Vec<PathBuf>, BuildError> {
    let layout = layout(&plan.harness, plan.target_dir.as_deref());
    let no_cargo = || {
        let beside = binaries.iter().map(|binary| plan.harness.with_file_name(binary));
        beside
            .map(|binary| {
                if binary.is_file() {
                    Ok(binary)
                } else {
                    Err(BuildError::NoCargo { cargo: plan.cargo.clone(), binary })
                }
            })
            .collect()
    };
    if !plan.root.join("backend/Cargo.toml").is_file() {
        return no_cargo();
    }
    let command = GuardedCommand {
        harness: plan.harness.clone(),
        program: plan.cargo.clone(),
        args: arguments(binaries, plan.defects, &layout),
        env: plan.env.clone(),
        cwd: plan.root.clone(),
        log: plan.log.clone(),
        show_stderr: true,
    };
    let mut cargo = match Guarded::start(command).await {
        Ok(cargo) => cargo,
        Err(GuardStartError::Program { missing: true, .. }) => return no_cargo(),
        Err(source) => return Err(BuildError::Start { source }),
    };
    let Ok(exit) = timeout(BOUND, cargo.exited()).await else {
        cargo.stop().await;
        return Err(BuildError::TooLong);
    };
    if exit.code != Some(0) {
        return Err(BuildError::Failed { status: exit.to_string() });
    }
    let messages = last_lines(&plan.log, 50 + binaries.len());
    let executables = binaries
        .iter()
        .map(|binary| {
            executable(&messages, binary)
                .ok_or_else(|| BuildError::NoArtifact { binary, log: plan.log.clone() })
        })
        .collect::<Result<_, _>>()?;
    // Hundreds of kilobytes that say "fresh"; where it cannot be removed, it stays.
    std::fs::remove_file(&plan.log).ok();
    Ok(executables)
}

/// The binary's name.
pub fn binary_name(defects: bool) -> &'static str {
    if defects { "server-defects" } else { "server" }
}

fn arguments(binaries: &[&str], defects: bool, layout: &Layout) -> Vec<OsString> {
    let bins = binaries.iter().flat_map(|binary| ["--bin", *binary]);
    let mut args: Vec<OsString> =
        ["build", "-p", "backend"].into_iter().chain(bins).map(OsString::from).collect();
    if defects {
        args.extend(["--features", "defects"].map(OsString::from));
    }
    if layout.release {
        args.push("--release".into());
    }
    if let Some(target_dir) = &layout.target_dir {
        args.extend(["--target-dir".into(), target_dir.into()]);
    }
    args.extend(["--message-format", "json-render-diagnostics"].map(OsString::from));
    args
}

/// `target/<profile>/harness`, also seen from `target/<profile>/deps/`. Cargo marks its target folder with a
/// `CACHEDIR.TAG`; an executable elsewhere says nothing about the folder, and the environment decides.
fn layout(harness: &Path, from_env: Option<&Path>) -> Layout {
    let profile = harness
        .ancestors()
        .skip(1)
        .find(|dir| dir.parent().is_some_and(|target| target.join("CACHEDIR.TAG").is_file()));
    match profile {
        Some(profile) => Layout {
            target_dir: profile.parent().map(Path::to_path_buf),
            release: profile.file_name().is_some_and(|name| name == "release"),
        },
        None => Layout { target_dir: from_env.map(Path::to_path_buf), release: false },
    }
}

fn executable(messages: &[String], binary: &str) -> Option<PathBuf> {
    messages
        .iter()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.target.name == binary)
        .find_map(|artifact| artifact.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> tempfile::TempDir {
        let target = tempfile::tempdir().unwrap();
        std::fs::write(target.path().join("CACHEDIR.TAG"), "").unwrap();
        target
    }

    #[test]
    fn the_profile_is_that_of_the_running_harness() {
        let target = target();
        let dev = layout(&target.path().join("debug/harness"), None);
        assert_eq!(dev, Layout { target_dir: Some(target.path().to_path_buf()), release: false });
        assert!(layout(&target.path().join("release/harness"), None).release);
        assert!(!layout(&target.path().join("debug/deps/it-1"), None).release);
        let elsewhere = layout(Path::new("/usr/bin/harness"), Some(Path::new("/t")));
        assert_eq!(elsewhere, Layout { target_dir: Some("/t".into()), release: false });
    }

    #[test]
    fn no_flag_changes_what_third_party_crates_are_built_with() {
        let dev = arguments(&["server"], false, &Layout { target_dir: None, release: false });
        assert_eq!(dev[..5], ["build", "-p", "backend", "--bin", "server"]);
        let release =
            arguments(&["server-defects"], true, &Layout { target_dir: None, release: true });
        assert!(release.contains(&"--release".into()));
        assert!(release.windows(2).any(|pair| pair == ["--features", "defects"]));
    }

    #[test]
    fn the_binary_is_the_one_that_cargo_names() {
        let messages = [
            r#"{"reason":"compiler-artifact","target":{"name":"backend"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"server"},"executable":"/t/debug/server"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ]
        .map(str::to_owned);
        assert_eq!(executable(&messages, "server"), Some("/t/debug/server".into()));
        assert_eq!(executable(&messages, "server-defects"), None);
    }

    #[tokio::test]
    async fn without_sources_and_binary_there_is_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let plan = BuildPlan {
            root: folder.path().to_path_buf(),
            harness: folder.path().join("harness"),
            defects: false,
            cargo: "cargo".into(),
            target_dir: None,
            env: BTreeMap::new(),
            log: folder.path().join("log"),
        };
        let error = build(plan.clone()).await.unwrap_err();
        assert!(error.to_string().starts_with("there is neither cargo"), "{error}");
        std::fs::write(folder.path().join("server"), "").unwrap();
        assert_eq!(build(plan).await.unwrap(), folder.path().join("server"));
    }
}
