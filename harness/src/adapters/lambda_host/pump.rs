//! The schedule of the ingestion function: every two seconds, and sooner after a manual was changed; one at a time. A
//! deployment's schedule is a minute, which no test waits for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Event;
use super::Function;
use super::Functions;
use super::InvokeError;
use crate::adapters::embedded_stage::clock::unix_ms;

/// Between two invocations, at most.
const EVERY: Duration = Duration::from_secs(2);

/// Invokes until `cancel`. What goes wrong is counted with the function, and tried again at the next turn.
pub(super) async fn run(functions: Functions, changed: Arc<Notify>, cancel: CancellationToken) {
    loop {
        let turn = timeout(EVERY, changed.notified());
        tokio::select! {
            _ = turn => {}
            () = cancel.cancelled() => return,
        }
        let id = Uuid::new_v4().to_string();
        let event = Event {
            payload: scheduled(&id, unix_ms()).to_string().into(),
            id,
            trace_id: "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned(),
        };
        if let Err(error @ (InvokeError::Throttled { .. } | InvokeError::TooLarge { .. })) =
            functions.invoke(Function::Ingestion, event).await
        {
            tracing::warn!(%error, "the schedule could not invoke the pump");
        }
    }
}

/// What `EventBridge` Scheduler sends to a target without an input of its own ("Adding context attributes", default
/// payload of a schedule).
fn scheduled(id: &str, at_ms: u64) -> serde_json::Value {
    let at =
        i64::try_from(at_ms / 1_000).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let time = at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": time,
        "region": "eu-west-1",
        "resources": [super::arn("scheduler:{}:schedule/default/ingestion")],
        "detail": "{}",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedules_event_says_when() {
        let event = scheduled("i", 1_428_582_896_000);
        assert_eq!(event["time"], "2015-04-09T12:34:56Z");
        let arn = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/ingestion";
        assert_eq!(event["resources"][0], arn);
    }
}
