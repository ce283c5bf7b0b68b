//! `bedrock-agent`: starting, reading and listing ingestion jobs of the one data source. One job runs
//! at a time. Requests fit the service's model already.
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::jobs::{Job, Started, Statistics, Status};
use super::{KnowledgeBase, ingest, not_found, unknown_operation};
use crate::service::{AwsError, Call, Service};

/// Jobs on a page when the caller names no number.
const PAGE_DEFAULT: usize = 10;

/// The service `bedrock-agent`.
#[derive(Debug)]
pub(crate) struct Agent(Arc<KnowledgeBase>);

impl Agent {
    pub(super) fn new(base: Arc<KnowledgeBase>) -> Self {
        Self(base)
    }

    fn answer(&self, call: &Call) -> Result<Value, AwsError> {
        let text = |member: &str| call.input[member].as_str().unwrap_or_default();
        self.0.check_data_source(text("knowledgeBaseId"), text("dataSourceId"))?;
        match call.operation.as_str() {
            "StartIngestionJob" => start(&self.0, &call.input),
            "GetIngestionJob" => get(&self.0, text("ingestionJobId")),
            "ListIngestionJobs" => list(&self.0, &call.input),
            other => Err(unknown_operation(other)),
        }
    }
}

impl Service for Agent {
    fn name(&self) -> &'static str {
        "bedrock-agent"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move { self.answer(&call) }.boxed()
    }
}

fn start(base: &Arc<KnowledgeBase>, input: &Value) -> Result<Value, AwsError> {
    let text = |member: &str| input[member].as_str().map(str::to_owned);
    let started = base.jobs().start(text("clientToken"), text("description"), base.clock.now());
    let job = match started {
        Ok(Started::Known(job)) => job,
        Ok(Started::New(job)) => {
            spawn(base, job.ordinal);
            job
        }
        Err(ongoing) => {
            return Err(AwsError::new(
                409,
                "ConflictException",
                format!(
                    "Ongoing ingestion job {} for data source {} and knowledge base {}",
                    ongoing.0, base.data_source_id, base.id
                ),
            ));
        }
    };
    Ok(details(base, &job))
}

/// Runs a job in the knowledge base's own set of tasks.
fn spawn(base: &Arc<KnowledgeBase>, ordinal: u64) {
    let mut tasks = base.tasks.lock().unwrap_or_else(PoisonError::into_inner);
    while tasks.try_join_next().is_some() {}
    let base = Arc::clone(base);
    tasks.spawn(async move {
        let nothing = (Statistics::default(), Vec::new());
        base.jobs().update(ordinal, Status::InProgress, nothing, base.clock.now());
        match AssertUnwindSafe(ingest::run(&base)).catch_unwind().await {
            Ok(outcome) => {
                // Published first: who reads COMPLETE finds the new content.
                base.publish(outcome.snapshot);
                base.extractions.trim();
                let counted = (outcome.statistics, outcome.failure_reasons);
                base.jobs().update(ordinal, Status::Complete, counted, base.clock.now());
            }
            Err(_panic) => {
                let reason = vec!["An internal error occurred during ingestion.".to_owned()];
                let counted = (Statistics::default(), reason);
                base.jobs().update(ordinal, Status::Failed, counted, base.clock.now());
            }
        }
    });
}

fn get(base: &KnowledgeBase, id: &str) -> Result<Value, AwsError> {
    let job = base.jobs().get(id).cloned();
    let job = job.ok_or_else(|| not_found(format!("Ingestion job with id {id} does not exist")))?;
    Ok(details(base, &job))
}

fn details(base: &KnowledgeBase, job: &Job) -> Value {
    json!({ "ingestionJob": job.details(&base.id, &base.data_source_id) })
}

/// Jobs by `filters` (status), `sortBy` and page; the token of the next page is its offset.
fn list(base: &KnowledgeBase, input: &Value) -> Result<Value, AwsError> {
    let offset: usize = match input["nextToken"].as_str() {
        Some(token) => token
            .parse()
            .map_err(|_not_ours| AwsError::validation("The provided token is invalid."))?,
        None => 0,
    };
    let size = input["maxResults"].as_u64().and_then(|size| usize::try_from(size).ok());
    let size = size.unwrap_or(PAGE_DEFAULT);
    let wanted = |job: &Job| {
        input["filters"].as_array().into_iter().flatten().all(|filter| {
            let values = filter["values"].as_array().map(Vec::as_slice).unwrap_or_default();
            values.iter().any(|value| value == job.status.name())
        })
    };
    let mut jobs: Vec<Job> = base.jobs().iter().filter(|job| wanted(job)).cloned().collect();
    if input["sortBy"]["attribute"] == "STATUS" {
        jobs.sort_by_key(|job| (job.status, job.ordinal));
    }
    if input["sortBy"]["order"] != "ASCENDING" {
        jobs.reverse();
    }
    let page = jobs.iter().skip(offset).take(size);
    let summaries: Vec<Value> =
        page.map(|job| job.summary(&base.id, &base.data_source_id)).collect();
    let mut output = json!({ "ingestionJobSummaries": summaries });
    let end = offset.saturating_add(size);
    if end < jobs.len() {
        output["nextToken"] = json!(end.to_string());
    }
    Ok(output)
}
