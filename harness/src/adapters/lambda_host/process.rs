//! The process in a sandbox: started, stopped where it is, continued, killed. A trait, so that the host is tested
//! without processes; the real one is a guarded child.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::PathBuf;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use procfs::process::Process;

use super::environment;
use super::function::Function;
use crate::adapters::guard::GuardStartError;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::guard::ProgramExit;

/// Starts what runs in a sandbox.
pub trait Spawn: Debug + Send + Sync {
    /// Starts `function` against the Runtime API at `api`, as its `ordinal`-th sandbox.
    fn spawn(
        &self,
        function: Function,
        api: SocketAddr,
        ordinal: u64,
    ) -> BoxFuture<'_, Result<Box<dyn Child>, GuardStartError>>;
}

/// A process in a sandbox.
pub trait Child: Debug + Send {
    /// Its process id.
    fn pid(&self) -> u32;
    /// Its resident memory, in KiB; none where that cannot be read.
    fn rss_kib(&self) -> Option<u64>;
    /// Stops it where it is.
    fn suspend(&self);
    /// Lets it go on.
    fn resume(&self);
    /// Kills it; [`exited`](Self::exited) tells when it is gone.
    fn kill(&self);
    /// Waits for its end; may be dropped and called again.
    fn exited(&mut self) -> BoxFuture<'_, ProgramExit>;
    /// Ends it in order, within 5 s.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ProgramExit>;
}

/// The functions' binaries, each under a guard.
#[derive(Clone, Debug)]
pub struct Processes {
    /// This executable: the guard is one of its subcommands.
    pub harness: PathBuf,
    /// Where each function's binary is.
    pub binaries: BTreeMap<Function, PathBuf>,
    /// The backend's variables on this stage.
    pub variables: BTreeMap<String, String>,
    /// The folder that the programs run in.
    pub cwd: PathBuf,
    /// Where all of them write; each line is appended whole.
    pub log: PathBuf,
}

impl Spawn for Processes {
    fn spawn(
        &self,
        function: Function,
        api: SocketAddr,
        ordinal: u64,
    ) -> BoxFuture<'_, Result<Box<dyn Child>, GuardStartError>> {
        async move {
            let program = self.binaries.get(&function).ok_or_else(|| GuardStartError::Program {
                program: function.name().into(),
                error: "there is no binary of this function".to_owned(),
                missing: true,
            })?;
            let cwd = self.cwd.display().to_string();
            let sandbox = environment::Sandbox {
                function,
                api,
                ordinal,
                memory_mib: function.memory_mib(),
                task_root: &cwd,
            };
            let guarded = Guarded::start(GuardedCommand {
                harness: self.harness.clone(),
                program: program.clone(),
                args: Vec::new(),
                env: environment::variables(&sandbox, &self.variables)
                    .into_iter()
                    .map(|(name, value)| (OsString::from(name), OsString::from(value)))
                    .collect(),
                cwd: self.cwd.clone(),
                log: self.log.clone(),
                show_stderr: false,
            })
            .await?;
            Ok(Box::new(guarded) as Box<dyn Child>)
        }
        .boxed()
    }
}

impl Child for Guarded {
    fn pid(&self) -> u32 {
        Self::pid(self)
    }

    fn rss_kib(&self) -> Option<u64> {
        let process = Process::new(i32::try_from(Self::pid(self)).ok()?).ok()?;
        Some(process.statm().ok()?.resident * procfs::page_size() / 1_024)
    }

    fn suspend(&self) {
        Self::suspend(self);
    }

    fn resume(&self) {
        Self::resume(self);
    }

    fn kill(&self) {
        Self::kill(self);
    }

    fn exited(&mut self) -> BoxFuture<'_, ProgramExit> {
        Self::exited(self).boxed()
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ProgramExit> {
        Self::stop(*self).boxed()
    }
}
