//! The backend of a stage: found or built, started under a guard, and waited for until it answers. Its users and its
//! AWS are not its concern.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use manuel_client::ManuelClient;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::answers::VersionAnswer;
use serde::Deserialize;

use super::launch_error::LaunchError;
use crate::adapters::backend_build;
use crate::adapters::backend_build::BuildPlan;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::guard::last_lines;
use crate::adapters::poll;
use crate::adapters::poll::Pace;
use crate::commands::Context;
use crate::config::root;

/// A backend reads its configuration and binds a port.
const READY: Duration = Duration::from_secs(10);
/// One look at `/version`.
const LOOK: Duration = Duration::from_secs(2);

/// What `/version` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Version {
    pub(super) commit: String,
    pub(super) defects: Vec<String>,
}

/// Builds the workspace's backend.
pub(super) async fn build(
    ctx: &Context,
    root_dir: &Path,
    run_dir: &Path,
    defects: bool,
) -> Result<PathBuf, LaunchError> {
    backend_build::build(build_plan(ctx, root_dir, run_dir, defects))
        .await
        .map_err(|source| LaunchError::Build { source })
}

/// How anything of the workspace's backend is built.
pub(super) fn build_plan(
    ctx: &Context,
    root_dir: &Path,
    run_dir: &Path,
    defects: bool,
) -> BuildPlan {
    let cargo = root::cargo_environment();
    BuildPlan {
        root: root_dir.to_path_buf(),
        harness: ctx.exe.clone(),
        defects,
        cargo: cargo.cargo,
        target_dir: cargo.target_dir,
        env: cargo.variables,
        log: run_dir.join("cargo.log"),
    }
}

/// A binary that was named.
pub(super) fn named(path: &Path) -> Result<PathBuf, LaunchError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    if absolute.is_file() { Ok(absolute) } else { Err(LaunchError::NoBinary { path: absolute }) }
}

/// Refuses an address that others could reach, and one that is taken: said before anything waits for it.
pub(super) fn check_bind_address(text: &str) -> Result<SocketAddr, LaunchError> {
    let refused = || LaunchError::BindAddress { text: text.to_owned() };
    let address: SocketAddr = text.parse().ok().ok_or_else(refused)?;
    if !address.ip().is_loopback() {
        return Err(refused());
    }
    match TcpListener::bind(address) {
        Ok(_free_again) => Ok(address),
        Err(source) => Err(LaunchError::PortTaken { address, source }),
    }
}

/// A port that is free now, for a backend that somebody else starts.
pub(super) fn free_address() -> Result<SocketAddr, LaunchError> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let taken = |source: io::Error| LaunchError::PortTaken { address, source };
    TcpListener::bind(address).and_then(|listener| listener.local_addr()).map_err(taken)
}

/// Starts `binary` under a guard.
pub(super) async fn start(
    ctx: &Context,
    binary: &Path,
    variables: BTreeMap<String, String>,
    (cwd, log): (&Path, &Path),
) -> Result<Guarded, LaunchError> {
    Guarded::start(GuardedCommand {
        harness: ctx.exe.clone(),
        program: binary.to_path_buf(),
        args: Vec::new(),
        env: variables
            .into_iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        cwd: cwd.to_path_buf(),
        log: log.to_path_buf(),
        show_stderr: false,
    })
    .await
    .map_err(|source| LaunchError::Start { source })
}

/// Waits until a guarded backend has said in its log where it listens.
pub(super) async fn listening(
    backend: &mut Guarded,
    binary: &Path,
    log: &Path,
) -> Result<String, LaunchError> {
    let unanswered = "no output".to_owned();
    let said = poll::until(Pace::quick(READY), unanswered, async || match address_in(log) {
        Some(address) => ControlFlow::Break(address),
        None => ControlFlow::Continue(
            last_lines(log, 1).pop().unwrap_or_else(|| "an empty log".to_owned()),
        ),
    });
    let path = || binary.to_path_buf();
    tokio::select! {
        // A backend that both spoke and ended did end.
        biased;
        exit = backend.exited() => Err(LaunchError::Ended { path: path(), exit }),
        said = said => match said {
            Ok(address) => Ok(format!("http://{address}")),
            Err(expired) => Err(LaunchError::NotReady {
                path: path(),
                within: expired.within,
                last_seen: expired.last_seen,
            }),
        },
    }
}

/// Asks `/version` until it answers, within `pace`.
pub(super) async fn version(base_url: &str, pace: Pace) -> Result<Version, poll::Expired<String>> {
    poll::until(pace, "no answer".to_owned(), async || match look(base_url).await {
        Ok(version) => ControlFlow::Break(version),
        Err(seen) => ControlFlow::Continue(seen),
    })
    .await
}

/// The pace at which a backend of ours is asked.
pub(super) const fn pace() -> Pace {
    Pace::quick(READY)
}

async fn look(base_url: &str) -> Result<Version, String> {
    let client =
        ManuelClient::new(base_url, None, LOOK, LOOK).map_err(|error| error.to_string())?;
    let prepared = client
        .prepare_request(&Request::Version, &SendOptions::default())
        .map_err(|error| error.to_string())?;
    let exchange = client.send(&prepared, &|| 0).await.map_err(|failure| failure.to_string())?;
    if exchange.status != 200 {
        return Err(format!("GET /version was answered with {}", exchange.status));
    }
    let answer: VersionAnswer = serde_json::from_slice(&exchange.body)
        .map_err(|error| format!("GET /version is not the documented answer: {error}"))?;
    Ok(Version { commit: answer.git_commit, defects: answer.defects })
}

/// The backend's `listening` line.
#[derive(Deserialize)]
struct LogLine {
    message: String,
    address: Option<SocketAddr>,
}

fn address_in(log: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(log).ok()?;
    text.lines()
        .filter_map(|line| serde_json::from_str::<LogLine>(line).ok())
        .find(|line| line.message == "listening")
        .and_then(|line| line.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert_eq!(address_in(&log), None);
        let text = "warming up\n{\"message\":\"configured\"}\n\
            {\"level\":\"INFO\",\"message\":\"listening\",\"address\":\"127.0.0.1:4242\"}\n{\"mess";
        std::fs::write(&log, text).unwrap();
        assert_eq!(address_in(&log), Some("127.0.0.1:4242".parse().unwrap()));
    }

    #[test]
    fn a_taken_or_public_address_is_refused() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let refused = check_bind_address(&address).unwrap_err();
        assert_eq!(refused.to_string(), format!("cannot listen on {address} for the backend"));
        for text in ["0.0.0.0:80", "8080", "example.com:80"] {
            let refused = check_bind_address(text).unwrap_err();
            assert!(matches!(refused, LaunchError::BindAddress { .. }), "{text}");
        }
        assert!(check_bind_address("127.0.0.1:0").is_ok());
    }
}
