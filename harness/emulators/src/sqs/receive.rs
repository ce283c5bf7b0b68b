//! Receiving: the long poll, what goes to the dead-letter queue, and what a receiver is shown.
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Sqs, digest, refused, texts};
use crate::service::AwsError;
use crate::sqs::checks::{number, visibility};
use crate::sqs::queue::Message;

/// How often a waiting receiver looks again: a time-out may be over, or the test clock moved.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Sqs {
    pub(super) async fn receive(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let max = "Must be between 1 and 10, if provided.";
        let max = number(input, "MaxNumberOfMessages", (1, 10), max)?.unwrap_or(1);
        let visibility = visibility(input)?;
        let wait = "Must be >= 0 and <= 20, if provided.";
        let wait = number(input, "WaitTimeSeconds", (0, 20), wait)?;
        let wait = self.queue(input, |queue| Ok(wait.unwrap_or(queue.spec.wait_s)))?;
        let ends = self.clock.ticks() + Duration::from_secs(wait.unsigned_abs());
        loop {
            let sent = self.sent.notified();
            let received =
                self.receive_now(input, usize::try_from(max).unwrap_or(1), visibility)?;
            let left = ends.saturating_sub(self.clock.ticks());
            if !received.is_empty() || left.is_zero() {
                let messages: Vec<Value> =
                    received.iter().map(|message| self.shown(message, input)).collect();
                // Without messages AWS leaves the member out.
                return Ok(if messages.is_empty() {
                    json!({})
                } else {
                    json!({"Messages": messages})
                });
            }
            tokio::select! {
                () = sent => {}
                () = self.clock.sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    fn receive_now(
        &self,
        input: &Map<String, Value>,
        max: usize,
        visibility_s: Option<i64>,
    ) -> Result<Vec<Message>, AwsError> {
        let now_ms = self.clock.now_ms();
        let (received, dead, target) = self.queue(input, |queue| {
            let (received, dead) = queue.receive(max, visibility_s, now_ms).map_err(refused)?;
            Ok((received, dead, queue.spec.redrive.as_ref().map(|redrive| redrive.target.clone())))
        })?;
        self.with(|queues| {
            let target =
                queues.values_mut().find(|queue| Some(&queue.spec.logical_id) == target.as_ref());
            if let Some(target) = target {
                for message in dead {
                    target.take_dead(message, now_ms);
                }
            }
        });
        Ok(received)
    }

    /// A message as its receiver sees it: attributes only if asked for.
    fn shown(&self, message: &Message, input: &Map<String, Value>) -> Value {
        let mut shown = json!({
            "MessageId": message.id, "ReceiptHandle": message.receipt,
            "Body": message.body, "MD5OfBody": digest::of_body(&message.body),
        });
        let wanted: Vec<&str> = ["AttributeNames", "MessageSystemAttributeNames"]
            .iter()
            .flat_map(|member| texts(input, member))
            .collect();
        let system = [
            ("SenderId", self.account_id.clone()),
            ("SentTimestamp", message.sent_ms.to_string()),
            ("ApproximateReceiveCount", message.receives.to_string()),
            (
                "ApproximateFirstReceiveTimestamp",
                message.first_received_ms.unwrap_or_default().to_string(),
            ),
        ];
        let system: Map<String, Value> = system
            .into_iter()
            .filter(|(name, _)| wanted.contains(name) || wanted.contains(&"All"))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        if !system.is_empty() {
            shown["Attributes"] = system.into();
        }
        let wanted: Vec<&str> = texts(input, "MessageAttributeNames").collect();
        let mut own = message.attributes.clone();
        own.retain(|name, _| wanted.iter().any(|wanted| selects(wanted, name)));
        if let Some(sum) = digest::of_attributes(&own) {
            shown["MD5OfMessageAttributes"] = sum.into();
            shown["MessageAttributes"] = own.into();
        }
        shown
    }
}

/// `All`, `.*`, a name, or a prefix with `.*` after it.
fn selects(wanted: &str, name: &str) -> bool {
    wanted == "All"
        || wanted == name
        || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::selects;

    #[test]
    fn attributes_are_selected_by_name_or_prefix() {
        assert!(selects("All", "x") && selects(".*", "x") && selects("x", "x"));
        assert!(selects("foo.*", "foo.bar"));
        assert!(!selects("foo", "foo.bar") && !selects("bar.*", "foo.bar"));
    }
}
