//! Emulated SQS: the template's standard queues, over awsJson1.0 with the codes of the query API.
//! No FIFO queues, no permissions: what is asked for and not emulated is refused by name.
mod attributes;
mod checks;
mod digest;
mod queue;
mod receive;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::service::{AwsError, Call, Service};
use crate::sqs::checks::{Checked, batch, checked, required, visibility};
use crate::sqs::queue::{Message, Queue, Refused};
use crate::template::QueueSpec;

/// The service.
#[derive(Debug)]
pub(crate) struct Sqs {
    clock: Clock,
    region: String,
    account_id: String,
    /// `http://127.0.0.1:PORT`, told when the port is bound.
    endpoint: OnceLock<String>,
    /// By name.
    queues: Mutex<BTreeMap<String, Queue>>,
    sent: Notify,
}

impl Sqs {
    /// Every queue of the template, empty.
    pub(crate) fn new(
        clock: Clock,
        (region, account_id): (&str, &str),
        specs: &[QueueSpec],
    ) -> Self {
        let now_ms = clock.now_ms();
        let queue = |spec: &QueueSpec| (spec.name.clone(), Queue::new(spec.clone(), now_ms));
        Self {
            clock,
            region: region.to_owned(),
            account_id: account_id.to_owned(),
            endpoint: OnceLock::new(),
            queues: Mutex::new(specs.iter().map(queue).collect()),
            sent: Notify::new(),
        }
    }

    /// Tells where the service is served: queue URLs begin with it. Only the first time counts.
    pub(crate) fn serve_at(&self, endpoint: &str) {
        self.endpoint.get_or_init(|| endpoint.to_owned());
    }

    /// The URL of a queue.
    pub(crate) fn url(&self, name: &str) -> String {
        let endpoint = self.endpoint.get().map(String::as_str).unwrap_or_default();
        format!("{endpoint}/{}/{name}", self.account_id)
    }

    /// Every queue with what it holds, for the admin interface.
    pub(crate) fn report(&self) -> Value {
        let now_ms = self.clock.now_ms();
        self.with(|queues| {
            queues
                .values_mut()
                .map(|queue| {
                    queue.forget_old(now_ms);
                    let messages: Vec<Value> =
                        queue.held(now_ms).map(|(message, busy)| reported(message, busy)).collect();
                    json!({
                        "logical_id": queue.spec.logical_id, "name": queue.spec.name,
                        "url": self.url(&queue.spec.name),
                        "sent": queue.sent, "deleted": queue.deleted, "messages": messages,
                    })
                })
                .collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Queue>) -> T) -> T {
        work(&mut self.queues.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works on the queue that the call names by its URL: the account and the name in it count.
    fn queue<T>(
        &self,
        input: &Map<String, Value>,
        work: impl FnOnce(&mut Queue) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let name = self.name_of(required(input, "QueueUrl")?)?;
        self.with(|queues| work(queues.get_mut(&name).ok_or_else(no_queue)?))
    }

    fn name_of(&self, url: &str) -> Result<String, AwsError> {
        let address = || {
            let message = format!("The address {url} is not valid for this endpoint.");
            AwsError::new(404, "InvalidAddress", message)
        };
        let parsed = url::Url::parse(url).map_err(|_no_url| address())?;
        let mut path = parsed.path_segments().ok_or_else(address)?;
        match (path.next(), path.next(), path.next()) {
            (Some(account), Some(name), None) if account == self.account_id => Ok(name.to_owned()),
            (Some(_), Some(_), None) => Err(no_queue()),
            _ => Err(address()),
        }
    }

    fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account_id)
    }

    fn send(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let answer = self.queue(input, |queue| {
            let message = checked(input, queue.spec.max_bytes)?;
            Ok(self.accept(queue, message))
        })?;
        self.sent.notify_waiters();
        Ok(answer)
    }

    fn accept(&self, queue: &mut Queue, message: Checked) -> Value {
        let Checked { body, attributes, delay_s } = message;
        let mut answer = json!({"MD5OfMessageBody": digest::of_body(&body)});
        if let Some(sum) = digest::of_attributes(&attributes) {
            answer["MD5OfMessageAttributes"] = sum.into();
        }
        answer["MessageId"] = queue.send(body, attributes, delay_s, self.clock.now_ms()).into();
        answer
    }

    fn send_batch(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let entries = batch(input)?;
        let answer = self.queue(input, |queue| {
            let (mut successful, mut failed) = (Vec::new(), Vec::new());
            for (id, entry) in entries {
                match checked(entry, queue.spec.max_bytes) {
                    Ok(message) => {
                        let mut answer = self.accept(queue, message);
                        answer["Id"] = id.into();
                        successful.push(answer);
                    }
                    Err(error) => failed.push(failure(id, &error)),
                }
            }
            Ok(json!({"Successful": successful, "Failed": failed}))
        })?;
        self.sent.notify_waiters();
        Ok(answer)
    }

    fn delete(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let receipt = required(input, "ReceiptHandle")?;
        self.queue(input, |queue| queue.delete(receipt).map_err(refused))?;
        Ok(json!({}))
    }

    fn delete_batch(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let entries = batch(input)?;
        self.queue(input, |queue| {
            let (mut successful, mut failed) = (Vec::new(), Vec::new());
            for (id, entry) in entries {
                let receipt = required(entry, "ReceiptHandle")?;
                match queue.delete(receipt).map_err(refused) {
                    Ok(()) => successful.push(json!({"Id": id})),
                    Err(error) => failed.push(failure(id, &error)),
                }
            }
            Ok(json!({"Successful": successful, "Failed": failed}))
        })
    }

    fn change_visibility(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let receipt = required(input, "ReceiptHandle")?;
        let visibility = visibility(input)?.ok_or_else(|| {
            let message = "The request must contain the parameter VisibilityTimeout.";
            AwsError::new(400, "MissingRequiredParameterException", message)
        })?;
        let now_ms = self.clock.now_ms();
        self.queue(input, |queue| {
            queue.change_visibility(receipt, visibility, now_ms).map_err(refused)
        })?;
        Ok(json!({}))
    }

    fn purge(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let now_ms = self.clock.now_ms();
        self.queue(input, |queue| queue.purge(now_ms).map_err(refused))?;
        Ok(json!({}))
    }

    fn url_of(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let name = required(input, "QueueName")?;
        let owner = input.get("QueueOwnerAWSAccountId").and_then(Value::as_str);
        let known = self.with(|queues| queues.contains_key(name));
        if !known || owner.is_some_and(|owner| owner != self.account_id) {
            return Err(no_queue());
        }
        Ok(json!({"QueueUrl": self.url(name)}))
    }
}

impl Service for Arc<Sqs> {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move {
            let empty = Map::new();
            let input = call.input.as_object().unwrap_or(&empty);
            match call.operation.as_str() {
                "SendMessage" => self.send(input),
                "SendMessageBatch" => self.send_batch(input),
                "ReceiveMessage" => self.receive(input).await,
                "DeleteMessage" => self.delete(input),
                "DeleteMessageBatch" => self.delete_batch(input),
                "ChangeMessageVisibility" => self.change_visibility(input),
                "GetQueueUrl" => self.url_of(input),
                "GetQueueAttributes" => self.attributes(input),
                "PurgeQueue" => self.purge(input),
                other => Err(AwsError::new(400, "UnknownOperationException", other)),
            }
        }
        .boxed()
    }
}

/// An entry of a batch that was refused.
fn failure(id: &str, error: &AwsError) -> Value {
    json!({
        "Id": id, "Code": error.code.trim_end_matches("Exception"),
        "Message": error.message, "SenderFault": true,
    })
}

/// A held message for the admin interface.
fn reported(message: &Message, in_flight: bool) -> Value {
    json!({
        "message_id": message.id, "body": message.body, "attributes": message.attributes,
        "sent_ms": message.sent_ms, "receives": message.receives, "in_flight": in_flight,
    })
}

fn no_queue() -> AwsError {
    AwsError::new(400, "QueueDoesNotExist", "The specified queue does not exist.")
}

fn refused(refused: Refused) -> AwsError {
    match refused {
        Refused::Malformed => {
            AwsError::new(404, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        }
        Refused::Gone => checks::invalid(
            "of the handle",
            "ReceiptHandle",
            "Message does not exist or is not available for visibility timeout change.",
        ),
        Refused::NotInFlight => {
            AwsError::new(400, "MessageNotInflight", "The specified message isn't in flight.")
        }
        Refused::OverLimit => {
            AwsError::new(403, "OverLimit", "Too many messages in flight for this queue.")
        }
        Refused::JustPurged => AwsError::new(
            403,
            "PurgeQueueInProgress",
            "Only one PurgeQueue operation on a queue is allowed every 60 seconds.",
        ),
    }
}

/// The strings of a list, none if it was not sent.
fn texts<'a>(input: &'a Map<String, Value>, member: &str) -> impl Iterator<Item = &'a str> {
    input.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
