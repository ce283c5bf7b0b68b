//! The function that empties the dead-letter queue: SQS delivers batches, and what is not done with comes again alone.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::join_all;
use lambda_runtime::LambdaEvent;

use super::invocation::{self, FunctionError};
use crate::app::error_processing::{Processed, process};
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

    /// One batch: at most ten messages, so they are worked on at once.
    pub async fn process(
        &self,
        event: LambdaEvent<SqsEvent>,
    ) -> Result<SqsBatchResponse, FunctionError> {
        let ends = invocation::end_of(&event.context);
        let by = ends.earlier_by(END_MARGIN);
        let work = async {
            let messages = event.payload.records.iter().map(async |message| {
                // SQS sends none without an id, and there would be no way to say that it must come again.
                let id = message.message_id.as_deref().unwrap_or_default();
                let body = message.body.as_deref().unwrap_or_default();
                (process(&self.app, id, body, by).await == Processed::Again).then_some(id)
            });
            let mut response = SqsBatchResponse::default();
            response.set_failures(join_all(messages).await.into_iter().flatten());
            response
        };
        invocation::whole(&self.app, ends, work).await
    }
}
