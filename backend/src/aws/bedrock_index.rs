//! Ingestion runs of the Bedrock knowledge base: `StartIngestionJob` and `GetIngestionJob`. It runs one at a time and
//! answers a second start with a conflict.

use aws_sdk_bedrockagent::Client;
use aws_sdk_bedrockagent::operation::get_ingestion_job::GetIngestionJobError;
use aws_sdk_bedrockagent::operation::start_ingestion_job::StartIngestionJobError;
use aws_sdk_bedrockagent::types::{IngestionJob, IngestionJobStatus};

use crate::aws::error::port_error;
use crate::context::dependency;
use crate::domain::ingestion::IndexRun;
use crate::ports::{Dependency, Indexer, PortError, PortErrorKind, PortFuture, Started};

/// One data source of one knowledge base.
#[derive(Debug)]
pub(super) struct BedrockIndex {
    client: Client,
    knowledge_base_id: String,
    data_source_id: String,
}

impl BedrockIndex {
    pub(super) fn new(client: Client, knowledge_base_id: &str, data_source_id: &str) -> Self {
        Self {
            client,
            knowledge_base_id: knowledge_base_id.to_owned(),
            data_source_id: data_source_id.to_owned(),
        }
    }
}

impl Indexer for BedrockIndex {
    fn start<'a>(&'a self, token: &'a str) -> PortFuture<'a, Started> {
        Box::pin(async move {
            let call = self
                .client
                .start_ingestion_job()
                .knowledge_base_id(&self.knowledge_base_id)
                .data_source_id(&self.data_source_id)
                .client_token(token);
            match dependency(call.send()).await {
                Ok(started) => started
                    .ingestion_job()
                    .map(|job| Started::Run(job.ingestion_job_id().to_owned()))
                    .ok_or_else(|| {
                        let kind = PortErrorKind::Corrupt;
                        PortError::new(Dependency::Index, "StartIngestionJob", kind)
                    }),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(StartIngestionJobError::is_conflict_exception) =>
                {
                    Ok(Started::Busy)
                }
                Err(error) => Err(port_error(Dependency::Index, "StartIngestionJob", error)),
            }
        })
    }

    fn run<'a>(&'a self, id: &'a str) -> PortFuture<'a, IndexRun> {
        Box::pin(async move {
            let call = self
                .client
                .get_ingestion_job()
                .knowledge_base_id(&self.knowledge_base_id)
                .data_source_id(&self.data_source_id)
                .ingestion_job_id(id);
            match dependency(call.send()).await {
                Ok(got) => Ok(got.ingestion_job().map_or(IndexRun::Unknown, state)),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(GetIngestionJobError::is_resource_not_found_exception) =>
                {
                    Ok(IndexRun::Unknown)
                }
                Err(error) => Err(port_error(Dependency::Index, "GetIngestionJob", error)),
            }
        })
    }
}

fn state(job: &IngestionJob) -> IndexRun {
    match job.status() {
        IngestionJobStatus::Complete => {
            IndexRun::Complete { failure_texts: job.failure_reasons().to_vec() }
        }
        IngestionJobStatus::Failed | IngestionJobStatus::Stopped => IndexRun::Failed,
        // `_` is what a later SDK may add: it goes on.
        IngestionJobStatus::Starting
        | IngestionJobStatus::InProgress
        | IngestionJobStatus::Stopping
        | _ => IndexRun::Active,
    }
}
