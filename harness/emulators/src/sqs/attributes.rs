//! `GetQueueAttributes`.
use serde_json::{Map, Value, json};

use super::{Sqs, texts};
use crate::service::AwsError;
use crate::sqs::queue::Queue;

/// The attributes that are answered, and those that no queue here has.
const KNOWN: [&str; 21] = [
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "RedrivePolicy",
    "Policy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
];

impl Sqs {
    pub(super) fn attributes(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let now_ms = self.clock.now_ms();
        let known = self.queue(input, |queue| {
            queue.forget_old(now_ms);
            Ok(self.all_attributes(queue, now_ms))
        })?;
        let wanted: Vec<&str> = texts(input, "AttributeNames").collect();
        if let Some(name) = wanted.iter().find(|name| **name != "All" && !KNOWN.contains(name)) {
            let message = format!("Unknown Attribute {name}.");
            return Err(AwsError::new(400, "InvalidAttributeName", message));
        }
        let attributes: Map<String, Value> = known
            .into_iter()
            .filter(|(name, _)| wanted.contains(name) || wanted.contains(&"All"))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        Ok(if attributes.is_empty() { json!({}) } else { json!({"Attributes": attributes}) })
    }

    fn all_attributes(&self, queue: &Queue, now_ms: i64) -> Vec<(&'static str, String)> {
        let (spec, counts) = (&queue.spec, queue.counts(now_ms));
        let created = queue.created_ms.div_euclid(1000).to_string();
        let mut attributes = vec![
            ("QueueArn", self.arn(&spec.name)),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("CreatedTimestamp", created.clone()),
            ("LastModifiedTimestamp", created),
            ("VisibilityTimeout", spec.visibility_s.to_string()),
            ("MaximumMessageSize", spec.max_bytes.to_string()),
            ("MessageRetentionPeriod", spec.retention_s.to_string()),
            ("DelaySeconds", spec.delay_s.to_string()),
            ("ReceiveMessageWaitTimeSeconds", spec.wait_s.to_string()),
            ("SqsManagedSseEnabled", "true".to_owned()),
        ];
        if let Some(redrive) = &spec.redrive {
            let target = crate::template::name(&redrive.target, "Queue");
            let policy = json!({
                "deadLetterTargetArn": self.arn(&target), "maxReceiveCount": redrive.max_receives,
            });
            attributes.push(("RedrivePolicy", policy.to_string()));
        }
        attributes
    }
}
