//! Emulated Bedrock knowledge base over one bucket's `manuals/`: ingestion jobs that really index
//! (`bedrock-agent`) and `Retrieve` (`bedrock-agent-runtime`). New content shows when a job is
//! COMPLETE and not before. Reads objects through the store's handle; writes none.
mod agent;
mod chunk;
mod extract;
mod filter;
mod index;
mod ingest;
mod jobs;
mod retrieve;
mod sidecar;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use self::index::{Rankers, Snapshot};
use self::jobs::Jobs;
use crate::clock::Clock;
use crate::s3::store::S3Store;
use crate::service::AwsError;

pub(crate) use self::agent::Agent;
pub(crate) use self::retrieve::AgentRuntime;

/// The data source's inclusion prefix.
const PREFIX: &str = "manuals/";

/// One knowledge base with one data source.
#[derive(Debug)]
pub(crate) struct KnowledgeBase {
    store: S3Store,
    bucket: String,
    id: String,
    data_source_id: String,
    clock: Clock,
    jobs: Mutex<Jobs>,
    index: Mutex<Arc<Snapshot>>,
    rankers: Rankers,
    extractions: extract::Cache,
    /// Running jobs; they end with the knowledge base.
    tasks: Mutex<JoinSet<()>>,
}

impl KnowledgeBase {
    /// An empty knowledge base over `manuals/` in `bucket`; the ids have ten letters and digits.
    pub(crate) fn new(
        store: S3Store,
        bucket: String,
        knowledge_base_id: String,
        data_source_id: String,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            bucket,
            id: knowledge_base_id,
            data_source_id,
            clock,
            jobs: Mutex::new(Jobs::new()),
            index: Mutex::new(Arc::new(Snapshot::empty())),
            rankers: Rankers::new(),
            extractions: extract::Cache::new(),
            tasks: Mutex::new(JoinSet::new()),
        })
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.index.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, snapshot: Snapshot) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// Refuses ids that are not this knowledge base's and its data source's.
    fn check_data_source(&self, knowledge_base_id: &str, id: &str) -> Result<(), AwsError> {
        self.check_id(knowledge_base_id)?;
        if id == self.data_source_id {
            return Ok(());
        }
        Err(not_found(format!(
            "Data source with id {id} under knowledge base with id {knowledge_base_id} does not exist"
        )))
    }

    fn check_id(&self, id: &str) -> Result<(), AwsError> {
        if id == self.id {
            return Ok(());
        }
        Err(not_found(format!("Knowledge Base with id {id} does not exist")))
    }
}

/// The service `bedrock-agent` of `base`.
pub(crate) fn agent(base: Arc<KnowledgeBase>) -> Agent {
    Agent::new(base)
}

/// The service `bedrock-agent-runtime` of `base`.
pub(crate) fn agent_runtime(base: Arc<KnowledgeBase>) -> AgentRuntime {
    AgentRuntime::new(base)
}

fn not_found(message: String) -> AwsError {
    AwsError::new(404, "ResourceNotFoundException", message)
}

fn unknown_operation(operation: &str) -> AwsError {
    AwsError::new(404, "UnknownOperationException", format!("{operation} is not emulated"))
}
