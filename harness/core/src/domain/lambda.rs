//! How a deployment in its Lambda shape behaves on a stage of this machine. Data only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sandboxes of a function, unless said otherwise.
const SANDBOXES: u32 = 4;
/// Lambda keeps an idle sandbox for some minutes and promises nothing.
const IDLE_MS: u64 = 300_000;

/// What may be chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LambdaOptions {
    /// Sandboxes of each function at most (its reserved concurrency, where the deployment gives it none of its own).
    pub sandboxes: u32,
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

/// Which kind of API stands in front.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GatewayVersion {
    /// A REST API, payload format 1.0.
    #[default]
    V1,
    /// An HTTP API, payload format 2.0.
    V2,
}

/// What an API lets through: a steady rate, and so many at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Tokens that come back in a second.
    pub rate_per_s: u32,
    /// Tokens at most.
    pub burst: u32,
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

impl Default for Throttle {
    /// An account's own, in a large region.
    fn default() -> Self {
        Self { rate_per_s: 10_000, burst: 5_000 }
    }
}
