//! Emulated SNS: publishing to the template's topics over the query protocol. Nobody is subscribed:
//! what was published is kept for the admin interface, which is where tests and judges read it.
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Clock;
use crate::service::{AwsError, Call, Service};
use crate::template::TopicSpec;

/// A message and its attributes together.
const MAX_BYTES: usize = 256 * 1024;
const MAX_SUBJECT: usize = 100;
/// Messages that are remembered for a topic; the oldest is forgotten first.
const KEPT: usize = 10_000;
/// An ARN has six parts.
const ARN_PARTS: usize = 6;

/// The service.
#[derive(Debug)]
pub(crate) struct Sns {
    clock: Clock,
    account_id: String,
    /// By ARN.
    topics: Mutex<BTreeMap<String, Topic>>,
}

#[derive(Debug, Default)]
struct Topic {
    logical_id: String,
    /// Since the start.
    count: u64,
    published: VecDeque<Value>,
}

impl Sns {
    /// Every topic of the template, with nothing published.
    pub(crate) fn new(
        clock: Clock,
        (region, account_id): (&str, &str),
        specs: &[TopicSpec],
    ) -> Self {
        let topic = |spec: &TopicSpec| {
            let arn = format!("arn:aws:sns:{region}:{account_id}:{}", spec.name);
            (arn, Topic { logical_id: spec.logical_id.clone(), ..Topic::default() })
        };
        Self {
            clock,
            account_id: account_id.to_owned(),
            topics: Mutex::new(specs.iter().map(topic).collect()),
        }
    }

    /// Logical id → ARN.
    pub(crate) fn arns(&self) -> BTreeMap<String, String> {
        self.with(|topics| {
            topics.iter().map(|(arn, topic)| (topic.logical_id.clone(), arn.clone())).collect()
        })
    }

    /// Every topic with what was published, for the admin interface.
    pub(crate) fn report(&self) -> Value {
        self.with(|topics| {
            topics
                .iter()
                .map(|(arn, topic)| {
                    json!({
                        "logical_id": topic.logical_id, "arn": arn,
                        "count": topic.count, "published": topic.published,
                    })
                })
                .collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Topic>) -> T) -> T {
        work(&mut self.topics.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        for unsupported in ["PhoneNumber", "MessageDeduplicationId", "MessageGroupId"] {
            if input.contains_key(unsupported) {
                return Err(invalid(format!("{unsupported} is not emulated")));
            }
        }
        let arn = text(input, "TopicArn").or_else(|| text(input, "TargetArn")).unwrap_or_default();
        known_form(arn)?;
        let message = checked_message(input)?;
        let id = Uuid::new_v4().to_string();
        let published = json!({
            "message_id": id, "published_ms": self.clock.now_ms(),
            "subject": input.get("Subject"), "message": message,
            "attributes": input.get("MessageAttributes"),
        });
        self.with(|topics| {
            let topic = topics.get_mut(arn).ok_or_else(no_topic)?;
            topic.count += 1;
            topic.published.push_back(published);
            if topic.published.len() > KEPT {
                topic.published.pop_front();
            }
            Ok(json!({"MessageId": id}))
        })
    }

    fn attributes(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let arn = text(input, "TopicArn").unwrap_or_default();
        known_form(arn)?;
        if !self.with(|topics| topics.contains_key(arn)) {
            return Err(no_topic());
        }
        let attributes = [
            ("TopicArn", arn),
            ("Owner", &self.account_id),
            ("SubscriptionsConfirmed", "0"),
            ("SubscriptionsPending", "0"),
            ("SubscriptionsDeleted", "0"),
        ];
        let entries: Vec<Value> =
            attributes.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        Ok(json!({"Attributes": {"entry": entries}}))
    }
}

impl Service for Arc<Sns> {
    fn name(&self) -> &'static str {
        "sns"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move {
            let empty = Map::new();
            let input = call.input.as_object().unwrap_or(&empty);
            match call.operation.as_str() {
                "Publish" => self.publish(input),
                "GetTopicAttributes" => self.attributes(input),
                other => Err(AwsError::new(400, "UnknownOperationException", other)),
            }
        }
        .boxed()
    }
}

/// The message, after everything about it was checked.
fn checked_message(input: &Map<String, Value>) -> Result<&str, AwsError> {
    let message = text(input, "Message").filter(|message| !message.is_empty());
    let message = message.ok_or_else(|| invalid("Empty message"))?;
    if let Some(subject) = text(input, "Subject")
        && (subject.is_empty()
            || subject.chars().count() > MAX_SUBJECT
            || subject.chars().any(char::is_control))
    {
        return Err(invalid("Subject"));
    }
    let attributes = input.get("MessageAttributes").and_then(Value::as_object);
    let mut size = message.len();
    for (name, value) in attributes.into_iter().flatten() {
        size += attribute(name, value)?;
    }
    if size > MAX_BYTES {
        return Err(invalid("Message too long"));
    }
    match text(input, "MessageStructure") {
        None => Ok(message),
        Some("json") => {
            let parts: Value = serde_json::from_str(message).map_err(|_no_json| {
                invalid("Message Structure - JSON message body failed to parse")
            })?;
            let default = parts.get("default").is_some_and(Value::is_string);
            let missing = "Message Structure - No default entry in JSON message body";
            if default { Ok(message) } else { Err(invalid(missing)) }
        }
        Some(_) => Err(invalid("MessageStructure")),
    }
}

/// The size of one attribute that may be sent.
fn attribute(name: &str, value: &Value) -> Result<usize, AwsError> {
    let member = |member| value.get(member).and_then(Value::as_str);
    let kind = member("DataType").unwrap_or_default();
    let content = match kind.split('.').next().unwrap_or_default() {
        "String" | "Number" => member("StringValue"),
        "Binary" => member("BinaryValue"),
        _ => {
            let message = format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
            );
            return Err(AwsError::new(400, "ParameterValueInvalid", message));
        }
    };
    let content = content.filter(|content| !content.is_empty()).ok_or_else(|| {
        let message = format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'."
        );
        AwsError::new(400, "ParameterValueInvalid", message)
    })?;
    Ok(name.len() + kind.len() + content.len())
}

fn known_form(arn: &str) -> Result<(), AwsError> {
    let parts = arn.split(':').count();
    if parts < ARN_PARTS {
        let reason = format!("An ARN must have at least {ARN_PARTS} elements, not {parts}");
        return Err(invalid(format!("TopicArn Reason: {reason}")));
    }
    Ok(())
}

fn no_topic() -> AwsError {
    AwsError::new(404, "NotFound", "Topic does not exist")
}

fn invalid(what: impl std::fmt::Display) -> AwsError {
    AwsError::new(400, "InvalidParameter", format!("Invalid parameter: {what}"))
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}
