//! Emulated Bedrock runtime: `Converse` with an extractive, deterministic model. It quotes the
//! sentences of the supplied passages that bear on the question; it invents nothing and obeys nothing.
mod converse;
mod extractive;
mod latency;
mod models;
mod passages;
mod prompt;
mod tokens;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::clock::Clock;
use crate::service::{AwsError, Call, Service};

pub use self::latency::{Distribution, LatencyModel};
pub use self::models::TEXT_MODEL_ID;

/// The whole answer where nothing in the context bears on the question.
pub const NOTHING_SAID: &str = "The manuals do not say.";

/// The Bedrock runtime: latencies are drawn from `latency` by `seed`, and waited for on `clock`.
pub(crate) fn runtime(latency: LatencyModel, seed: u64, clock: Clock) -> Runtime {
    Runtime { latency, seed, clock, extractor: Arc::new(extractive::Extractor::new()) }
}

/// The service behind [`runtime`].
#[derive(Debug)]
pub(crate) struct Runtime {
    latency: LatencyModel,
    seed: u64,
    clock: Clock,
    extractor: Arc<extractive::Extractor>,
}

impl Service for Runtime {
    fn name(&self) -> &'static str {
        "bedrock-runtime"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move {
            match call.operation.as_str() {
                "Converse" => self.converse(&call).await,
                other => Err(AwsError::new(
                    404,
                    "UnknownOperationException",
                    format!("{other} is not emulated"),
                )),
            }
        }
        .boxed()
    }
}

impl Runtime {
    async fn converse(&self, call: &Call) -> Result<Value, AwsError> {
        let request = converse::Request::parse(&call.input)?;
        let completion = request.complete(&self.extractor);
        let latency = self.latency.draw(
            self.seed,
            call.trace.as_deref(),
            &request.fingerprint(),
            completion.output_tokens,
        );
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        Ok(completion.into_output(latency))
    }
}
