//! Queues and topics out of the template. What an emulator would do otherwise than AWS is refused by
//! name: a number that is no plain number, a FIFO queue, a dead-letter queue that is not there.
use serde_json::Value;

use super::{TemplateError, name};

/// A queue to create, with AWS's defaults where the template says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueSpec {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    pub(crate) visibility_s: i64,
    pub(crate) retention_s: i64,
    pub(crate) delay_s: i64,
    pub(crate) wait_s: i64,
    pub(crate) max_bytes: i64,
    pub(crate) redrive: Option<Redrive>,
}

/// When a queue gives up on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redrive {
    /// The logical id of the dead-letter queue.
    pub(crate) target: String,
    pub(crate) max_receives: u32,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicSpec {
    pub(crate) logical_id: String,
    pub(crate) name: String,
}

impl QueueSpec {
    /// A queue of which the template says nothing.
    pub(crate) fn of(logical_id: &str, name: &str) -> Self {
        Self {
            logical_id: logical_id.to_owned(),
            name: name.to_owned(),
            visibility_s: 30,
            retention_s: 345_600,
            delay_s: 0,
            wait_s: 0,
            max_bytes: 1_048_576,
            redrive: None,
        }
    }
}

pub(super) fn queue(id: &str, properties: &Value) -> Result<QueueSpec, TemplateError> {
    no_fifo(id, properties, "FifoQueue")?;
    let mut spec = QueueSpec::of(id, &name(id, "Queue"));
    let bounded = |property, default, bounds| number(id, properties, property, (default, bounds));
    spec.visibility_s = bounded("VisibilityTimeout", spec.visibility_s, (0, 43_200))?;
    spec.retention_s = bounded("MessageRetentionPeriod", spec.retention_s, (60, 1_209_600))?;
    spec.delay_s = bounded("DelaySeconds", 0, (0, 900))?;
    spec.wait_s = bounded("ReceiveMessageWaitTimeSeconds", 0, (0, 20))?;
    spec.max_bytes = bounded("MaximumMessageSize", spec.max_bytes, (1024, 1_048_576))?;
    if let Some(policy) = properties.get("RedrivePolicy") {
        spec.redrive = Some(redrive(id, policy)?);
    }
    Ok(spec)
}

pub(super) fn topic(id: &str, properties: &Value) -> Result<TopicSpec, TemplateError> {
    no_fifo(id, properties, "FifoTopic")?;
    Ok(TopicSpec { logical_id: id.to_owned(), name: name(id, "Topic") })
}

/// Every dead-letter queue is one of the template's own.
pub(super) fn check_redrives(queues: &[QueueSpec]) -> Result<(), TemplateError> {
    for queue in queues {
        let target = queue.redrive.as_ref().map(|redrive| &redrive.target);
        if target.is_some_and(|target| !queues.iter().any(|other| other.logical_id == *target)) {
            return Err(bad(&queue.logical_id, "RedrivePolicy"));
        }
    }
    Ok(())
}

fn redrive(id: &str, policy: &Value) -> Result<Redrive, TemplateError> {
    // `!GetAtt Queue.Arn`, whose tag the reader drops, or the long form of it.
    let arn = policy.get("deadLetterTargetArn").map(|arn| arn.get("Fn::GetAtt").unwrap_or(arn));
    let target = match arn {
        Some(Value::String(text)) => text.strip_suffix(".Arn"),
        Some(Value::Array(parts)) => match parts.as_slice() {
            [Value::String(target), Value::String(attribute)] if attribute == "Arn" => {
                Some(target.as_str())
            }
            _ => None,
        },
        _ => None,
    };
    let max_receives = policy
        .get("maxReceiveCount")
        .and_then(Value::as_u64)
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| (1..=1000).contains(count));
    match (target, max_receives) {
        (Some(target), Some(max_receives)) => {
            Ok(Redrive { target: target.to_owned(), max_receives })
        }
        _ => Err(bad(id, "RedrivePolicy")),
    }
}

fn number(
    id: &str,
    properties: &Value,
    property: &'static str,
    (default, (min, max)): (i64, (i64, i64)),
) -> Result<i64, TemplateError> {
    match properties.get(property) {
        None => Ok(default),
        Some(value) => value
            .as_i64()
            .filter(|value| (min..=max).contains(value))
            .ok_or_else(|| bad(id, property)),
    }
}

fn no_fifo(id: &str, properties: &Value, property: &'static str) -> Result<(), TemplateError> {
    match properties.get(property) {
        None | Some(Value::Bool(false)) => Ok(()),
        Some(_) => Err(bad(id, property)),
    }
}

fn bad(id: &str, property: &'static str) -> TemplateError {
    TemplateError::Property(id.to_owned(), property)
}

#[cfg(test)]
mod tests {
    use crate::template::{Redrive, Template};

    fn parse(resources: &str) -> Result<Template, String> {
        Template::parse(&format!("Resources:\n{resources}")).map_err(|error| error.to_string())
    }

    #[test]
    fn queues_and_topics_are_read() {
        let template = parse(
            "
  DeadLetterQueue:
    Type: AWS::SQS::Queue
    Properties: {MessageRetentionPeriod: 1209600, VisibilityTimeout: 180, SqsManagedSseEnabled: true}
  IngestionQueue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub 'manuel-${Stage}-ingestion'
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadLetterQueue.Arn, maxReceiveCount: 3}
  AlertsTopic: {Type: AWS::SNS::Topic, Properties: {KmsMasterKeyId: alias/aws/sns}}
",
        )
        .unwrap();
        let [dead, ingestion] = template.queues.as_slice() else { panic!("{template:?}") };
        assert_eq!(dead.name, "manuel-local-dead-letter");
        assert_eq!((dead.visibility_s, dead.retention_s), (180, 1_209_600));
        let redrive = Redrive { target: "DeadLetterQueue".to_owned(), max_receives: 3 };
        assert_eq!((ingestion.visibility_s, &ingestion.redrive), (30, &Some(redrive)));
        assert_eq!(template.topics[0].name, "manuel-local-alerts");
    }

    #[test]
    fn what_cannot_be_emulated_is_refused_by_name() {
        for (property, value) in [
            ("FifoQueue", "true"),
            ("VisibilityTimeout", "!Ref Timeout"),
            ("VisibilityTimeout", "43201"),
            ("MessageRetentionPeriod", "59"),
            ("RedrivePolicy", "{deadLetterTargetArn: !GetAtt None.Arn, maxReceiveCount: 3}"),
            ("RedrivePolicy", "{deadLetterTargetArn: !GetAtt Q.Arn, maxReceiveCount: 0}"),
        ] {
            let text =
                format!("  Q: {{Type: AWS::SQS::Queue, Properties: {{{property}: {value}}}}}");
            let error = parse(&text).unwrap_err();
            assert!(error.contains("`Q`") && error.contains(property), "{error}");
        }
    }
}
