//! Notifications by SNS, for people: plain text, with a subject that says how much it matters.

use std::fmt::Write as _;

use aws_sdk_sns::Client;
use time::OffsetDateTime;

use crate::aws::error::port_error;
use crate::context::dependency;
use crate::domain::failure::ErrorRecord;
use crate::domain::timestamp::rfc3339;
use crate::ports::{Alerts, Dependency, PortFuture};

/// One topic; without an ARN there is none, and errors are in the log and the table only.
#[derive(Debug)]
pub(super) struct SnsAlerts {
    client: Client,
    topic_arn: Option<String>,
    stage: &'static str,
}

impl SnsAlerts {
    pub(super) fn new(client: Client, topic_arn: Option<&str>, stage: &'static str) -> Self {
        Self { client, topic_arn: topic_arn.map(str::to_owned), stage }
    }
}

impl Alerts for SnsAlerts {
    fn notify<'a>(&'a self, error: &'a ErrorRecord) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let Some(topic) = &self.topic_arn else { return Ok(()) };
            let call = self
                .client
                .publish()
                .topic_arn(topic)
                .subject(subject(error, self.stage))
                .message(text(error, self.stage));
            let told = dependency(call.send()).await;
            told.map(drop).map_err(|error| port_error(Dependency::Alerts, "Publish", error))
        })
    }
}

/// Less than the 100 ASCII characters that SNS takes: all of it is ours.
fn subject(error: &ErrorRecord, stage: &str) -> String {
    format!("Manuel {stage}: {} {}", error.kind.severity().as_str(), error.kind.as_str())
}

fn text(error: &ErrorRecord, stage: &str) -> String {
    let date =
        |seconds| OffsetDateTime::from_unix_timestamp(seconds).map(rfc3339).unwrap_or_default();
    let lines = [
        ("Severity", error.kind.severity().as_str().to_owned()),
        ("Stage", stage.to_owned()),
        ("What", error.kind.as_str().to_owned()),
        ("Operation", error.operation.clone()),
        ("Detail", error.detail.clone()),
        ("Times", error.count.to_string()),
        ("First", date(error.first_seen)),
        ("Last", date(error.last_seen)),
        ("A request", error.sample_request_id.clone()),
        ("Error", error.hash.clone()),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _written: Result<(), std::fmt::Error> = writeln!(text, "{name}: {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureKind;

    #[test]
    fn a_notification_says_what_how_often_and_where_to_look() {
        for kind in FailureKind::ALL {
            let error = ErrorRecord {
                hash: "h".repeat(32),
                kind,
                operation: "Retrieve".into(),
                detail: "left out".into(),
                count: 3,
                first_seen: 1_794_744_000,
                last_seen: 1_794_744_060,
                sample_request_id: "r-1".into(),
            };
            let subject = subject(&error, "production");
            assert!(subject.is_ascii() && subject.len() < 100, "{subject}");
            let text = text(&error, "production");
            for part in ["Times: 3\n", "First: 2026-11-15T12:00:00Z\n", "A request: r-1\n"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }
}
