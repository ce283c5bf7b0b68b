//! How a deployment in its Lambda shape behaves on a stage.

use serde::Deserialize;
use serde::Serialize;

use super::gateway::GatewayVersion;
use super::gateway::Throttle;

/// Sandboxes of a function, unless said otherwise.
const SANDBOXES: usize = 4;
/// Lambda keeps an idle sandbox for some minutes and promises nothing.
const IDLE_MS: u64 = 300_000;

/// What may be chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LambdaOptions {
    /// Sandboxes of each function at most (its reserved concurrency, where the deployment gives it none of its own).
    pub sandboxes: usize,
    /// How long an invocation waits for a sandbox, in milliseconds. Lambda refuses at once (0); more stands for the
    /// hundreds of sandboxes that a machine does not have.
    pub queue_ms: u64,
    /// The API in front.
    pub gateway: GatewayVersion,
    /// What it lets through.
    pub throttle: Throttle,
    /// The time-out of every function, in milliseconds; each function's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// A sandbox that nobody has used for so long is ended, in milliseconds.
    pub idle_ms: u64,
}

impl Default for LambdaOptions {
    fn default() -> Self {
        Self {
            sandboxes: SANDBOXES,
            queue_ms: 0,
            gateway: GatewayVersion::default(),
            throttle: Throttle::default(),
            timeout_ms: None,
            idle_ms: IDLE_MS,
        }
    }
}
