//! The event source mapping from the dead-letter queue to the error processor: messages are received over the wire with
//! the stage's credentials, handed over in batches, and deleted unless the function says that one failed.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Event;
use super::Function;
use super::Functions;
use crate::adapters::chain;

/// Messages in a batch, as the deployment's mapping has it.
const BATCH: i32 = 10;
/// A receive waits so long for a first message.
const WAIT_S: i32 = 2;
/// One call, the wait included.
const OPERATION: Duration = Duration::from_secs(8);
/// After a failure, before the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// A queue and the right to read it.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) client: Client,
    pub(super) url: String,
}

impl Queue {
    /// The dead-letter queue in a backend's `variables`; none where the stage has none.
    pub(super) async fn of(variables: &BTreeMap<String, String>) -> Option<Self> {
        let variable = |name: &str| variables.get(name).cloned();
        let (url, endpoint) = (variable("DLQ_URL")?, variable("AWS_ENDPOINT_URL_SQS")?);
        let keys = Credentials::new(
            variable("AWS_ACCESS_KEY_ID")?,
            variable("AWS_SECRET_ACCESS_KEY")?,
            None,
            None,
            "stage",
        );
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(variable("AWS_REGION")?))
            .endpoint_url(endpoint)
            .credentials_provider(keys)
            .timeout_config(TimeoutConfig::builder().operation_timeout(OPERATION).build())
            .load()
            .await;
        Some(Self { client: Client::new(&config), url })
    }

    /// Feeds the error processor until `cancel`.
    pub(super) async fn run(self, functions: Functions, cancel: CancellationToken) {
        loop {
            let batch = tokio::select! {
                batch = self.receive() => batch,
                () = cancel.cancelled() => return,
            };
            let done = match batch {
                Ok(batch) if batch.is_empty() => Ok(()),
                Ok(batch) => self.hand_over(&functions, batch).await,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                tracing::warn!(error, "the dead-letter queue could not be worked off");
                // Either is the end of the pause.
                timeout(PAUSE, cancel.cancelled()).await.ok();
            }
        }
    }

    async fn receive(&self) -> Result<Vec<Message>, String> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(WAIT_S)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        received.map(|output| output.messages.unwrap_or_default()).map_err(|error| chain(&error))
    }

    /// What the function does not take comes back when its visibility time-out is over.
    async fn hand_over(&self, functions: &Functions, batch: Vec<Message>) -> Result<(), String> {
        let event = Event {
            id: Uuid::new_v4().to_string(),
            payload: sqs_event(&batch, &self.arn()).to_string().into(),
            trace_id: "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned(),
        };
        let answer = functions.invoke(Function::ErrorProcessor, event).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let taken = taken(&batch, &answer);
        if taken.len() < batch.len() {
            tracing::warn!(failed = batch.len() - taken.len(), "messages were not taken");
        }
        for receipt in taken {
            let delete = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
            delete.send().await.map_err(|error| chain(&error))?;
        }
        Ok(())
    }

    fn arn(&self) -> String {
        let name = self.url.rsplit('/').next().unwrap_or_default();
        super::arn(&format!("sqs:{{}}:{name}"))
    }
}

/// The event of a batch (Lambda developer guide, "Using Lambda with Amazon SQS").
fn sqs_event(batch: &[Message], arn: &str) -> Value {
    let records = batch.iter().map(|message| {
        let attributes = message.attributes.iter().flatten();
        let attributes: BTreeMap<&str, &str> =
            attributes.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let own = message.message_attributes.iter().flatten().map(|(name, value)| {
            let value = json!({
                "dataType": value.data_type(),
                "stringValue": value.string_value(),
                "stringListValues": [],
                "binaryListValues": [],
            });
            (name.clone(), value)
        });
        json!({
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": own.collect::<BTreeMap<_, _>>(),
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": "eu-west-1",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Partial {
    #[serde(default)]
    batch_item_failures: Option<Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_identifier: Option<String>,
}

/// The receipts of what may be deleted (`ReportBatchItemFailures`: no failures named is a whole success; one that has no
/// name, an unknown name, or an answer that is not of this form is a whole failure).
fn taken<'a>(batch: &'a [Message], answer: &[u8]) -> Vec<&'a str> {
    let Ok(partial) = serde_json::from_slice::<Option<Partial>>(answer) else { return Vec::new() };
    let failures = partial.and_then(|partial| partial.batch_item_failures).unwrap_or_default();
    let known = |id: &str| batch.iter().any(|message| message.message_id() == Some(id));
    let named: Option<Vec<String>> =
        failures.into_iter().map(|item| item.item_identifier.filter(|id| known(id))).collect();
    let Some(failed) = named else { return Vec::new() };
    batch
        .iter()
        .filter(|message| !failed.iter().any(|id| message.message_id() == Some(id)))
        .filter_map(Message::receipt_handle)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Vec<Message> {
        let message = |id: &str| {
            let receipt = format!("r-{id}");
            let message = Message::builder().message_id(id).receipt_handle(receipt).body("{}");
            message.attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1").build()
        };
        vec![message("a"), message("b")]
    }

    #[test]
    fn only_what_was_taken_is_deleted() {
        let batch = batch();
        let both = vec!["r-a", "r-b"];
        for (answer, deleted) in [
            ("", vec![]),
            ("null", both.clone()),
            ("{}", both.clone()),
            (r#"{"batchItemFailures":null}"#, both.clone()),
            (r#"{"batchItemFailures":[]}"#, both),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, vec!["r-b"]),
            (r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#, vec![]),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, vec![]),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, vec![]),
            (r#"{"batchItemFailures":[{}]}"#, vec![]),
            (r#"{"batchItemFailures":7}"#, vec![]),
        ] {
            assert_eq!(taken(&batch, answer.as_bytes()), deleted, "{answer}");
        }
    }

    #[test]
    fn a_record_has_what_sqs_knows_of_a_message() {
        let event = sqs_event(&batch(), "arn:aws:sqs:eu-west-1:123456789012:dlq");
        let record = &event["Records"][1];
        assert_eq!(record["messageId"], "b");
        assert_eq!(record["receiptHandle"], "r-b");
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
        assert_eq!(record["eventSource"], "aws:sqs");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:eu-west-1:123456789012:dlq");
    }
}
