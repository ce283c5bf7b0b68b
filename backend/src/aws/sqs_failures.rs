//! The dead-letter queue in SQS: one message a failure, its JSON as the body.

use aws_sdk_sqs::Client;
use url::Url;

use crate::aws::error::{other, port_error};
use crate::context::dependency;
use crate::domain::failure::Failure;
use crate::ports::{Dependency, FailureQueue, PortErrorKind, PortFuture};

/// One queue; without a URL there is none, and failures are in the log only.
#[derive(Debug)]
pub(super) struct SqsFailures {
    client: Client,
    url: Option<String>,
}

impl SqsFailures {
    pub(super) fn new(client: Client, url: Option<&Url>) -> Self {
        Self { client, url: url.map(|url| url.as_str().to_owned()) }
    }
}

impl FailureQueue for SqsFailures {
    fn send<'a>(&'a self, failure: &'a Failure) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let Some(url) = &self.url else { return Ok(()) };
            let body = serde_json::to_string(failure).map_err(|error| {
                other(Dependency::Queue, "writing a failure", PortErrorKind::Corrupt, error)
            })?;
            let call = self.client.send_message().queue_url(url).message_body(body);
            let sent = dependency(call.send()).await;
            sent.map(drop).map_err(|error| port_error(Dependency::Queue, "SendMessage", error))
        })
    }
}
