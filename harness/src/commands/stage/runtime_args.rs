//! `--runtime` and what goes with it: the same for every command that puts up a stage.

use std::num::NonZeroU32;

use clap::ValueEnum;
use verdict::domain::lambda::GatewayVersion;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::lambda::Throttle;

use crate::commands::error::CommandError;

/// What the backend runs as.
#[derive(Clone, Debug, clap::Args)]
pub struct RuntimeArgs {
    /// One process that listens, or functions behind an API Gateway, as they are deployed.
    #[arg(long, value_enum, default_value_t = RuntimeName::Server)]
    runtime: RuntimeName,
    /// Lambda: the API in front, a REST API (v1) or an HTTP API (v2) [default: v1].
    #[arg(long, value_enum, value_name = "KIND")]
    gateway: Option<GatewayName>,
    /// Lambda: sandboxes of each function at most [default: 4; 16 under load].
    #[arg(long, value_name = "N")]
    sandboxes: Option<NonZeroU32>,
    /// Lambda: how long a request waits for a free sandbox, in ms [default: 0 as on Lambda, which refuses; 10000 under
    /// load, where a few sandboxes stand for an account's hundreds].
    #[arg(long, value_name = "MS")]
    queue_ms: Option<u64>,
    /// Lambda: requests per second that the gateway lets through [default: 10000].
    #[arg(long, value_name = "N")]
    gateway_rate: Option<u32>,
    /// Lambda: requests at once that the gateway lets through [default: 5000].
    #[arg(long, value_name = "N")]
    gateway_burst: Option<u32>,
    /// Lambda: the time-out of every function, in ms [default: each function's own in the deployment].
    #[arg(long, value_name = "MS")]
    function_timeout_ms: Option<u64>,
    /// Lambda: a sandbox that nobody has used for so many ms is ended [default: 300000].
    #[arg(long, value_name = "MS")]
    sandbox_idle_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum RuntimeName {
    Server,
    Lambda,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum GatewayName {
    V1,
    V2,
}

impl RuntimeArgs {
    /// The choice, on top of what is usual; none for a server.
    pub fn lambda(&self, usual: LambdaOptions) -> Result<Option<LambdaOptions>, CommandError> {
        if self.runtime == RuntimeName::Server {
            return match self.first_of_lambda() {
                None => Ok(None),
                Some(option) => Err(CommandError::usage(
                    format!("{option} says something about functions, and the backend is a server"),
                    "add --runtime lambda".to_owned(),
                )),
            };
        }
        Ok(Some(LambdaOptions {
            sandboxes: self.sandboxes.map_or(usual.sandboxes, NonZeroU32::get),
            queue_ms: self.queue_ms.unwrap_or(usual.queue_ms),
            gateway: match self.gateway {
                Some(GatewayName::V2) => GatewayVersion::V2,
                Some(GatewayName::V1) => GatewayVersion::V1,
                None => usual.gateway,
            },
            throttle: Throttle {
                rate_per_s: self.gateway_rate.unwrap_or(usual.throttle.rate_per_s),
                burst: self.gateway_burst.unwrap_or(usual.throttle.burst),
            },
            timeout_ms: self.function_timeout_ms.or(usual.timeout_ms),
            idle_ms: self.sandbox_idle_ms.unwrap_or(usual.idle_ms),
        }))
    }

    fn first_of_lambda(&self) -> Option<&'static str> {
        [
            (self.gateway.is_some(), "--gateway"),
            (self.sandboxes.is_some(), "--sandboxes"),
            (self.queue_ms.is_some(), "--queue-ms"),
            (self.gateway_rate.is_some(), "--gateway-rate"),
            (self.gateway_burst.is_some(), "--gateway-burst"),
            (self.function_timeout_ms.is_some(), "--function-timeout-ms"),
            (self.sandbox_idle_ms.is_some(), "--sandbox-idle-ms"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        runtime: RuntimeArgs,
    }

    fn lambda(args: &[&str]) -> Result<Option<LambdaOptions>, CommandError> {
        let usual = LambdaOptions { queue_ms: 7, ..LambdaOptions::default() };
        Cli::parse_from([&["x"], args].concat()).runtime.lambda(usual)
    }

    #[test]
    fn a_runtime_is_chosen_whole() {
        assert_eq!(lambda(&[]).unwrap(), None);
        let usual = LambdaOptions { queue_ms: 7, ..LambdaOptions::default() };
        assert_eq!(lambda(&["--runtime", "lambda"]).unwrap(), Some(usual));
        let args = "--runtime lambda --gateway v2 --sandboxes 8 --queue-ms 0 --gateway-rate 20 \
                    --gateway-burst 40 --function-timeout-ms 500 --sandbox-idle-ms 9";
        let chosen = lambda(&args.split_whitespace().collect::<Vec<_>>()).unwrap().unwrap();
        let expected = LambdaOptions {
            sandboxes: 8,
            queue_ms: 0,
            gateway: GatewayVersion::V2,
            throttle: Throttle { rate_per_s: 20, burst: 40 },
            timeout_ms: Some(500),
            idle_ms: 9,
        };
        assert_eq!(chosen, expected);
        assert!(Cli::try_parse_from(["x", "--sandboxes", "0"]).is_err());
    }

    #[test]
    fn what_a_server_does_not_have_is_refused_by_name() {
        let refused = lambda(&["--sandboxes", "3"]).unwrap_err();
        assert!(refused.to_string().starts_with("--sandboxes says"), "{refused}");
    }
}
