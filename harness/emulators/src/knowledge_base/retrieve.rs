//! `bedrock-agent-runtime`: `Retrieve` over the chunks that pass the filter, in the shape that AWS
//! gives results from S3. Reads one snapshot; never waits for a job.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::filter::Filter;
use super::index::Hit;
use super::{KnowledgeBase, unknown_operation};
use crate::service::{AwsError, Call, Service};
use crate::stats::Counters;

/// Results when the caller names no number, as AWS documents.
const RESULTS_DEFAULT: usize = 5;

/// The attribute that says whose a document is.
const OWNER: &str = "user_id";

/// The service `bedrock-agent-runtime`.
#[derive(Debug)]
pub(crate) struct AgentRuntime {
    base: Arc<KnowledgeBase>,
    /// Calls that could have found anyone's passages.
    unfiltered: Arc<AtomicU64>,
}

impl AgentRuntime {
    pub(super) fn new(base: Arc<KnowledgeBase>) -> Self {
        Self { base, unfiltered: Arc::default() }
    }

    fn retrieve(&self, input: &Value) -> Result<Value, AwsError> {
        self.base.check_id(input["knowledgeBaseId"].as_str().unwrap_or_default())?;
        let query = input["retrievalQuery"]["text"].as_str().unwrap_or_default();
        // The public model allows an empty text; the service does not.
        if query.trim().is_empty() {
            return Err(AwsError::validation("Text input is required."));
        }
        let search = &input["retrievalConfiguration"]["vectorSearchConfiguration"];
        let limit =
            search["numberOfResults"].as_u64().and_then(|number| usize::try_from(number).ok());
        let filter = search.get("filter").map(Filter::parse).transpose()?;
        if filter.as_ref().and_then(|filter| filter.pinned(OWNER)).is_none() {
            self.unfiltered.fetch_add(1, Ordering::Relaxed);
        }
        let snapshot = self.base.snapshot();
        let documents = snapshot.passing(filter.as_ref());
        let hits = self.base.rankers.search(&documents, query, limit.unwrap_or(RESULTS_DEFAULT));
        let results: Vec<Value> = hits.iter().map(|hit| self.result(hit)).collect();
        Ok(json!({ "retrievalResults": results }))
    }

    /// The members of `KnowledgeBaseRetrievalResult`.
    fn result(&self, hit: &Hit<'_>) -> Value {
        let document = hit.document;
        let uri = format!("s3://{}/{}", self.base.bucket, document.key);
        let mut metadata: Map<String, Value> =
            document.attributes.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let chunk = &document.content.chunks[hit.chunk];
        let id = chunk_id(&document.key, &document.etag, hit.chunk);
        metadata.insert("x-amz-bedrock-kb-source-uri".to_owned(), json!(uri));
        metadata.insert("x-amz-bedrock-kb-chunk-id".to_owned(), json!(id));
        metadata
            .insert("x-amz-bedrock-kb-data-source-id".to_owned(), json!(self.base.data_source_id));
        if let Some(page) = chunk.page {
            let page = json!(f64::from(page));
            metadata.insert("x-amz-bedrock-kb-document-page-number".to_owned(), page);
        }
        json!({
            "content": { "text": chunk.text, "type": "TEXT" },
            "location": { "type": "S3", "s3Location": { "uri": uri } },
            "score": hit.score,
            "metadata": metadata,
        })
    }
}

impl Service for AgentRuntime {
    fn name(&self) -> &'static str {
        "bedrock-agent-runtime"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move {
            match call.operation.as_str() {
                "Retrieve" => self.retrieve(&call.input),
                other => Err(unknown_operation(other)),
            }
        }
        .boxed()
    }

    fn counters(&self) -> Counters {
        [("unfiltered_retrieves", Arc::clone(&self.unfiltered))].into()
    }
}

/// An id in the form of a UUID: the same for the same chunk of the same object.
fn chunk_id(key: &str, etag: &str, chunk: usize) -> String {
    let mut hash = Sha256::new();
    hash.update(key);
    hash.update([0]);
    hash.update(etag);
    hash.update(chunk.to_le_bytes());
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = from;
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
