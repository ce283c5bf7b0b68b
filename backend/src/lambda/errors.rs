//! The function that empties the dead-letter queue: SQS delivers batches, and what is not done with comes again alone.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::LambdaEvent;

use super::invocation::{self, FunctionError};
use crate::app::error_processing::{Message, Processed, process};
use crate::state::App;

/// What is kept of an invocation for saying what is not done with.
const END_MARGIN: Duration = Duration::from_secs(1);

/// The application.
#[derive(Debug)]
pub struct ErrorProcessor {
    app: App,
}

impl ErrorProcessor {
    /// Over the application's table and topic.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    /// One batch: at most ten messages.
    pub async fn process(
        &self,
        event: LambdaEvent<SqsEvent>,
    ) -> Result<SqsBatchResponse, FunctionError> {
        let ends = invocation::end_of(&event.context);
        let by = ends.earlier_by(END_MARGIN);
        let work = async {
            let messages: Vec<Message<'_>> = event.payload.records.iter().map(message_of).collect();
            let processed = process(&self.app, &messages, by).await;
            let again = messages.iter().zip(processed);
            let again = again.filter(|(_, processed)| *processed == Processed::Again);
            let mut response = SqsBatchResponse::default();
            response.set_failures(again.map(|(message, _)| message.id));
            response
        };
        invocation::whole(&self.app, ends, work).await
    }
}

fn message_of(message: &SqsMessage) -> Message<'_> {
    // SQS sends none without an id, and there would be no way to say that it must come again.
    let id = message.message_id.as_deref().unwrap_or_default();
    Message { id, body: message.body.as_deref().unwrap_or_default() }
}
