//! All functions of a deployment, each with its sandboxes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use verdict::domain::lambda::LambdaOptions;

use super::failure::InvokeError;
use super::figures::Figures;
use super::function::Function;
use super::pool::Event;
use super::pool::Pool;
use super::pool::PoolSettings;
use super::process::Spawn;
use super::sandbox::ColdStart;
use super::sandbox::SandboxLimits;
use super::tasks::Tasks;

/// A sandbox ends within 5 s, all of them at once.
const STOP: Duration = Duration::from_secs(6);
/// What stands beside the functions ends at once.
pub(super) const BESIDE: Duration = Duration::from_secs(1);

/// The functions, ready to be invoked.
#[derive(Clone, Debug)]
pub struct Functions {
    pools: Arc<BTreeMap<Function, Arc<Pool>>>,
    tasks: Tasks,
    cancel: CancellationToken,
}

impl Functions {
    /// All functions without any sandbox yet.
    pub fn new(options: LambdaOptions, spawner: &Arc<dyn Spawn>) -> Self {
        let (tasks, cancel) = (Tasks::default(), CancellationToken::new());
        let sandboxes = usize::try_from(options.sandboxes).unwrap_or(usize::MAX);
        let pool = |function: Function| {
            Pool::new(PoolSettings {
                function,
                concurrency: function.reserved().unwrap_or(sandboxes),
                queue: Duration::from_millis(options.queue_ms),
                limits: SandboxLimits {
                    timeout: options.timeout_ms.map_or(function.timeout(), Duration::from_millis),
                    memory_mib: function.memory_mib(),
                },
                idle: Duration::from_millis(options.idle_ms),
                spawner: Arc::clone(spawner),
                tasks: tasks.clone(),
                cancel: cancel.clone(),
            })
        };
        let pools = Function::ALL.into_iter().map(|function| (function, pool(function))).collect();
        Self { pools: Arc::new(pools), tasks, cancel }
    }

    /// A synchronous invocation. Bounded by the queue's time, the init phase and the function time-out.
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
