//! The backend of a stage in its deployed shape: the functions' binaries found or built, their host started and warm.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use verdict::domain::lambda::LambdaOptions;

use super::backend_start;
use super::launch_error::LaunchError;
use crate::adapters::backend_build;
use crate::adapters::lambda_host::ColdStart;
use crate::adapters::lambda_host::Function;
use crate::adapters::lambda_host::LambdaHost;
use crate::adapters::lambda_host::Processes;
use crate::commands::Context;

/// Where each function's binary is.
pub(super) type Binaries = BTreeMap<Function, PathBuf>;

/// Builds the workspace's functions.
pub(super) async fn build(
    ctx: &Context,
    root: &Path,
    run_dir: &Path,
) -> Result<Binaries, LaunchError> {
    let names = Function::ALL.map(Function::name);
    let plan = backend_start::build_plan(ctx, root, run_dir, false);
    let built = backend_build::build_all(plan, &names)
        .await
        .map_err(|source| LaunchError::Build { source })?;
    Ok(Function::ALL.into_iter().zip(built).collect())
}

/// The binaries in a folder that was named.
pub(super) fn named(folder: &Path) -> Result<Binaries, LaunchError> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    Function::ALL
        .into_iter()
        .map(|function| {
            let path = folder.join(function.name());
            if path.is_file() { Ok((function, path)) } else { Err(LaunchError::NoBinary { path }) }
        })
        .collect()
}

/// Where the functions run, and what they are told.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) bind: SocketAddr,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) cwd: &'a Path,
    pub(super) log: PathBuf,
}

/// Starts the host of `binaries`; no function runs yet.
pub(super) async fn start(
    ctx: &Context,
    options: LambdaOptions,
    binaries: Binaries,
    place: Place<'_>,
) -> Result<LambdaHost, LaunchError> {
    let processes = Processes {
        harness: ctx.exe.clone(),
        binaries,
        variables: place.variables,
        cwd: place.cwd.to_path_buf(),
        log: place.log,
    };
    LambdaHost::start(options, place.bind, Arc::new(processes))
        .await
        .map_err(|source| LaunchError::Lambda { source })
}

/// What the first starts took, as a person reads it.
pub(super) fn cold_starts(starts: &BTreeMap<Function, ColdStart>) -> String {
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let each = starts.iter().map(|(function, cold)| {
        format!("{} {:.0} ms (+{:.0})", function.name(), ms(cold.init), ms(cold.start))
    });
    format!(
        "cold starts, process to first `next` (+ guard and process): {}",
        each.collect::<Vec<_>>().join(", ")
    )
}
