//! Lambda on loopback, for a backend in its deployed shape: a Runtime API for each sandbox, up to N sandboxes for each
//! function, one invocation at a time in each, an API Gateway in front, a schedule and an event source mapping beside.
//!
//! It is as strict as Lambda where a function can notice: a process is stopped between invocations, killed at its
//! time-out, and gets 6 MB at most. It does not isolate: sandboxes share the machine, its files and its network.

mod environment;
mod failure;
mod figures;
mod function;
mod payload;
mod pool;
mod process;
mod runtime_api;
mod sandbox;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub use failure::FailureKind;
pub use failure::FunctionError;
pub use failure::InvokeError;
pub use figures::ColdStarts;
pub use figures::Figures;
pub use function::Function;
pub use pool::Event;
pub use process::Child;
pub use process::Processes;
pub use process::Spawn;
pub use sandbox::ColdStart;
pub use sandbox::SandboxLimits;

use pool::Pool;
use pool::PoolSettings;
use tasks::Tasks;

/// A sandbox ends within 5 s, all of them at once.
const STOP: Duration = Duration::from_secs(6);

/// What the functions have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostSettings {
    /// Sandboxes of each function (its reserved concurrency).
    pub sandboxes: usize,
    /// Time-out and memory of each.
    pub limits: SandboxLimits,
    /// A sandbox that nobody has used for so long is ended.
    pub idle: Duration,
}

/// The functions, ready to be invoked.
#[derive(Clone, Debug)]
pub struct Functions {
    pools: Arc<BTreeMap<Function, Arc<Pool>>>,
    tasks: Tasks,
    cancel: CancellationToken,
}

impl Functions {
    /// All functions without any sandbox yet.
    pub fn new(settings: HostSettings, spawner: &Arc<dyn Spawn>) -> Self {
        let (tasks, cancel) = (Tasks::default(), CancellationToken::new());
        let pool = |function| {
            Pool::new(PoolSettings {
                function,
                concurrency: settings.sandboxes,
                limits: settings.limits,
                idle: settings.idle,
                spawner: Arc::clone(spawner),
                tasks: tasks.clone(),
                cancel: cancel.clone(),
            })
        };
        let pools = Function::ALL.into_iter().map(|function| (function, pool(function))).collect();
        Self { pools: Arc::new(pools), tasks, cancel }
    }

    /// A synchronous invocation. Bounded by the init phase and the function time-out.
    pub async fn invoke(&self, function: Function, event: Event) -> Result<Bytes, InvokeError> {
        match self.pools.get(&function) {
            Some(pool) => pool.invoke(event).await,
            None => Err(InvokeError::Throttled { limit: 0 }),
        }
    }

    /// Starts one sandbox of `function`.
    pub async fn warm(&self, function: Function) -> Result<ColdStart, InvokeError> {
        match self.pools.get(&function) {
            Some(pool) => pool.warm().await,
            None => Err(InvokeError::Throttled { limit: 0 }),
        }
    }

    /// Ends the sandboxes of `function`, or of all; busy ones after their invocation. How many those are.
    pub fn evict(&self, function: Option<Function>) -> usize {
        let wanted = |name: &Function| function.is_none_or(|function| function == *name);
        self.pools.iter().filter(|(name, _)| wanted(name)).map(|(_, pool)| pool.evict()).sum()
    }

    /// What each function did.
    pub fn figures(&self) -> BTreeMap<Function, Figures> {
        self.pools.iter().map(|(function, pool)| (*function, pool.figures())).collect()
    }

    /// Ends every sandbox, also busy ones; at most 6 s.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.finish(STOP).await;
    }
}

/// An ARN of the stage's region and account; `{}` in `resource` stands for both.
fn arn(resource: &str) -> String {
    format!("arn:aws:{}", resource.replace("{}", "eu-west-1:123456789012"))
}
