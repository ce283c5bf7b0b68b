//! Lambda on loopback, for a backend in its deployed shape: a Runtime API for each sandbox, up to N sandboxes for each
//! function, one invocation at a time in each, an API Gateway in front, a schedule and an event source mapping beside.
//!
//! It is as strict as Lambda where a function can notice: a process is stopped between invocations, killed at its
//! time-out, and gets 6 MB at most. It does not isolate: sandboxes share the machine, its files and its network.

mod admin;
mod dead_letters;
mod environment;
mod failure;
mod figures;
mod function;
mod functions;
pub(in crate::adapters) mod gateway;
pub(in crate::adapters) mod payload;
mod pool;
mod process;
mod pump;
mod runtime_api;
mod sandbox;
pub(in crate::adapters) mod tasks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use verdict::domain::lambda::LambdaOptions;

pub use failure::FailureKind;
pub use failure::FunctionError;
pub use failure::InvokeError;
pub use figures::ColdStarts;
pub use figures::Figures;
pub use function::Function;
pub use functions::Functions;
pub use pool::Event;
pub use process::Child;
pub use process::Processes;
pub use process::Spawn;
pub use sandbox::ColdStart;
pub use sandbox::SandboxLimits;

use dead_letters::Queue;
use gateway::GatewaySettings;
use gateway::INTEGRATION_TIMEOUT;
use tasks::Tasks;

/// The functions with everything that invokes them.
#[derive(Debug)]
pub struct LambdaHost {
    functions: Functions,
    tasks: Tasks,
    cancel: CancellationToken,
    changed: Arc<Notify>,
    gateway: SocketAddr,
    admin_url: String,
}

/// The host does not work.
#[derive(Debug, Error)]
pub enum LambdaError {
    /// A port.
    #[error("cannot listen for the {what}")]
    Listen {
        /// Whose.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A function that cannot be started by itself cannot be started at all.
    #[error("the function `{function}` did not start")]
    Warm {
        /// Its name.
        function: &'static str,
        /// Why.
        #[source]
        source: InvokeError,
    },
}

impl LambdaHost {
    /// Listens at `bind`; every function can be invoked, and none has a sandbox yet.
    pub async fn start(
        options: LambdaOptions,
        bind: SocketAddr,
        spawner: Arc<dyn Spawn>,
    ) -> Result<Self, LambdaError> {
        let listen = |what| move |source| LambdaError::Listen { what, source };
        let (tasks, cancel) = (Tasks::default(), CancellationToken::new());
        let functions = Functions::new(options, &spawner);
        let changed = Arc::new(Notify::new());
        let settings = GatewaySettings {
            version: options.gateway,
            bind,
            throttle: options.throttle,
            timeout: INTEGRATION_TIMEOUT,
        };
        let beside = (functions.clone(), Arc::clone(&changed));
        let gateway = gateway::serve(settings, beside, (&tasks, cancel.clone()))
            .await
            .map_err(listen("gateway"))?;
        let admin_url = admin::serve(functions.clone(), &tasks, cancel.clone())
            .await
            .map_err(listen("admin API"))?;
        Ok(Self { functions, tasks, cancel, changed, gateway, admin_url })
    }

    /// Starts one sandbox of each function, one after the other, so that each start is measured alone.
    pub async fn warm(&self) -> Result<BTreeMap<Function, ColdStart>, LambdaError> {
        let mut starts = BTreeMap::new();
        for function in Function::ALL {
            let warmed = self.functions.warm(function).await;
            let failed = |source| LambdaError::Warm { function: function.name(), source };
            starts.insert(function, warmed.map_err(failed)?);
        }
        Ok(starts)
    }

    /// From now on the schedule and the queue of `variables` invoke, too.
    pub async fn work(&self, variables: &BTreeMap<String, String>) {
        let (changed, cancel) = (Arc::clone(&self.changed), self.cancel.clone());
        self.tasks.spawn(pump::run(self.functions.clone(), changed, cancel));
        if let Some(queue) = Queue::of(variables).await {
            self.tasks.spawn(queue.run(self.functions.clone(), self.cancel.clone()));
        }
    }

    /// The API, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.gateway)
    }

    /// Base URL of `GET /lambda` and `POST /lambda/evict`.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The functions.
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Ends everything, busy sandboxes too; at most 7 s.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.functions.stop().await;
        self.tasks.finish(functions::BESIDE).await;
    }
}

/// An ARN of the stage's region and account; `{}` in `resource` stands for both.
fn arn(resource: &str) -> String {
    format!("arn:aws:{}", resource.replace("{}", "eu-west-1:123456789012"))
}
