//! The dead-letter queue in SQS: one message a failure, its JSON as the body.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use url::Url;

use crate::aws::error::{other, port_error};
use crate::context::dependency;
use crate::domain::failure::Failure;
use crate::ports::{Dependency, FailureQueue, FailureSource, PortErrorKind, PortFuture, Received};

/// How long SQS waits for a first message: less than an attempt may take.
const WAIT_S: i32 = 1;

/// How many messages are taken at once: the most that SQS gives.
const MESSAGES_MAX: i32 = 10;

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

impl FailureSource for SqsFailures {
    fn receive(&self) -> PortFuture<'_, Vec<Received>> {
        Box::pin(async move {
            let Some(url) = &self.url else { return Ok(Vec::new()) };
            let call = self
                .client
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(MESSAGES_MAX)
                .wait_time_seconds(WAIT_S);
            let got = dependency(call.send()).await;
            let got =
                got.map_err(|error| port_error(Dependency::Queue, "ReceiveMessage", error))?;
            Ok(got.messages.unwrap_or_default().into_iter().filter_map(received).collect())
        })
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let Some(url) = &self.url else { return Ok(()) };
            let call = self.client.delete_message().queue_url(url).receipt_handle(receipt);
            let gone = dependency(call.send()).await;
            gone.map(drop).map_err(|error| port_error(Dependency::Queue, "DeleteMessage", error))
        })
    }
}

/// A message without an id or a receipt is none that SQS sends.
fn received(message: Message) -> Option<Received> {
    Some(Received {
        message_id: message.message_id?,
        receipt: message.receipt_handle?,
        body: message.body.unwrap_or_default(),
    })
}
