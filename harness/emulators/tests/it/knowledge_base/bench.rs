//! Fresh emulators and the SDK clients of what ingestion, retrieval and the model need.
use std::path::Path;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_bedrockagent::operation::start_ingestion_job::StartIngestionJobError;
use aws_sdk_bedrockagent::operation::start_ingestion_job::builders::StartIngestionJobFluentBuilder;
use aws_sdk_bedrockagent::types::{IngestionJob, IngestionJobStatus};
use aws_sdk_bedrockagentruntime::operation::retrieve::RetrieveError;
use aws_sdk_bedrockagentruntime::operation::retrieve::builders::RetrieveFluentBuilder;
use aws_sdk_bedrockagentruntime::types::{
    FilterAttribute, KnowledgeBaseQuery, KnowledgeBaseRetrievalConfiguration,
    KnowledgeBaseRetrievalResult, KnowledgeBaseVectorSearchConfiguration, RetrievalFilter,
};
use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, Message};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::Document;
use emulators::{Emulators, LatencyModel, Options, S3Backing};

/// How long a test waits for a job.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const REGION: &str = "eu-west-1";
const PAGE_NUMBER: &str = "x-amz-bedrock-kb-document-page-number";

/// Emulators of a test's own.
pub(crate) struct Bench {
    pub(crate) model: aws_sdk_bedrockruntime::Client,
    pub(super) agent: aws_sdk_bedrockagent::Client,
    pub(super) runtime: aws_sdk_bedrockagentruntime::Client,
    pub(super) bucket: String,
    pub(super) knowledge_base_id: String,
    pub(super) data_source_id: String,
    s3: aws_sdk_s3::Client,
    emulators: Emulators,
}

/// The configuration of one service's client.
macro_rules! client {
    ($sdk:ident, $emulators:expr, $service:literal) => {{
        let (id, secret) = $emulators.backend_credentials();
        $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new(REGION))
            .endpoint_url(&$emulators.endpoints()[$service])
            .credentials_provider(Credentials::new(id, secret, None, None, "test"))
    }};
}

impl Bench {
    /// Emulators whose model answers at once.
    pub(crate) async fn start() -> Self {
        Self::start_with(LatencyModel::zero()).await
    }

    pub(crate) async fn start_with(model_latency: LatencyModel) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let emulators = emulators::start(Options {
            region: REGION.to_owned(),
            account_id: "123456789012".to_owned(),
            seed: 7,
            s3: S3Backing::Memory,
            external: None,
            clock_file: None,
            template: root.join("backend/deploy/template.yaml"),
            model_latency,
            transcription_time: emulators::TranscriptionTime::zero(),
            hmac_secret: "secret".to_owned(),
            fault_ledger: None,
        })
        .await
        .unwrap();
        let resources = emulators.resources();
        let model = client!(aws_sdk_bedrockruntime, emulators, "bedrock-runtime").build();
        let agent = client!(aws_sdk_bedrockagent, emulators, "bedrock-agent").build();
        let runtime =
            client!(aws_sdk_bedrockagentruntime, emulators, "bedrock-agent-runtime").build();
        let s3 = client!(aws_sdk_s3, emulators, "s3").force_path_style(true).build();
        Self {
            model: aws_sdk_bedrockruntime::Client::from_conf(model),
            agent: aws_sdk_bedrockagent::Client::from_conf(agent),
            runtime: aws_sdk_bedrockagentruntime::Client::from_conf(runtime),
            s3: aws_sdk_s3::Client::from_conf(s3),
            bucket: resources.buckets["ManualsBucket"].clone(),
            knowledge_base_id: resources.knowledge_base_id.clone(),
            data_source_id: resources.data_source_id.clone(),
            emulators,
        }
    }

    /// What `/stats` counts of them.
    pub(super) async fn unfiltered_retrieves(&self) -> u64 {
        let url = format!("{}/stats", self.emulators.admin_url());
        let stats: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        stats["services"]["bedrock-agent-runtime"]["unfiltered_retrieves"].as_u64().unwrap()
    }

    /// Stores an object and the sidecar that gives it to `user`.
    pub(super) async fn put(&self, key: &str, bytes: &[u8], user: &str) {
        self.put_object(key, bytes).await;
        let sidecar = serde_json::json!({ "metadataAttributes": { "user_id": user } });
        let sidecar = sidecar.to_string();
        self.put_object(&format!("{key}.metadata.json"), sidecar.as_bytes()).await;
    }

    pub(super) async fn put_object(&self, key: &str, bytes: &[u8]) {
        let body = ByteStream::from(bytes.to_vec());
        self.s3.put_object().bucket(&self.bucket).key(key).body(body).send().await.unwrap();
    }

    /// Deletes an object and its sidecar.
    pub(super) async fn delete(&self, key: &str) {
        for key in [key.to_owned(), format!("{key}.metadata.json")] {
            self.s3.delete_object().bucket(&self.bucket).key(key).send().await.unwrap();
        }
    }

    /// Starts a job of the one data source; its id.
    pub(super) async fn start_job(
        &self,
        request: StartIngestionJobFluentBuilder,
    ) -> Result<String, StartIngestionJobError> {
        let request = request.knowledge_base_id(&self.knowledge_base_id);
        let output = request.data_source_id(&self.data_source_id).send().await;
        let output = output.map_err(aws_sdk_bedrockagent::error::SdkError::into_service_error)?;
        Ok(output.ingestion_job().unwrap().ingestion_job_id().to_owned())
    }

    /// Waits until a job is COMPLETE.
    pub(super) async fn wait(&self, id: &str) -> IngestionJob {
        let request = || {
            let request = self.agent.get_ingestion_job().knowledge_base_id(&self.knowledge_base_id);
            request.data_source_id(&self.data_source_id).ingestion_job_id(id).send()
        };
        let complete = async {
            loop {
                let job = request().await.unwrap().ingestion_job.unwrap();
                if job.status() == &IngestionJobStatus::Complete {
                    break job;
                }
                let under_way = [IngestionJobStatus::Starting, IngestionJobStatus::InProgress];
                assert!(under_way.contains(job.status()), "{job:?}");
            }
        };
        tokio::time::timeout(PATIENCE, complete).await.unwrap()
    }

    /// Runs a job to its end.
    pub(super) async fn ingest(&self) -> IngestionJob {
        let id = self.start_job(self.agent.start_ingestion_job()).await.unwrap();
        self.wait(&id).await
    }

    /// Five results for `query` among what passes `filter`.
    pub(super) async fn retrieve(
        &self,
        query: &str,
        filter: RetrievalFilter,
    ) -> Vec<KnowledgeBaseRetrievalResult> {
        let request = self.runtime.retrieve().knowledge_base_id(&self.knowledge_base_id);
        self.send(request, query, Some(filter), 5).await.unwrap()
    }

    pub(super) async fn send(
        &self,
        request: RetrieveFluentBuilder,
        query: &str,
        filter: Option<RetrievalFilter>,
        results: i32,
    ) -> Result<Vec<KnowledgeBaseRetrievalResult>, RetrieveError> {
        let search = KnowledgeBaseVectorSearchConfiguration::builder()
            .number_of_results(results)
            .set_filter(filter)
            .build();
        let configuration =
            KnowledgeBaseRetrievalConfiguration::builder().vector_search_configuration(search);
        let query = KnowledgeBaseQuery::builder().text(query).build();
        let request = request.retrieval_query(query);
        let output = request.retrieval_configuration(configuration.build()).send().await;
        let output =
            output.map_err(aws_sdk_bedrockagentruntime::error::SdkError::into_service_error)?;
        Ok(output.retrieval_results)
    }

    /// The owners of results, sorted, each once.
    pub(super) fn users_of(results: &[KnowledgeBaseRetrievalResult]) -> Vec<String> {
        let user = |result: &KnowledgeBaseRetrievalResult| {
            result.metadata().unwrap()["user_id"].as_string().unwrap().to_owned()
        };
        let mut users: Vec<String> = results.iter().map(user).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// The model's answer to one user message.
    pub(super) async fn converse(&self, prompt: &str) -> String {
        let message = Message::builder()
            .role(ConversationRole::User)
            .content(ContentBlock::Text(prompt.to_owned()))
            .build()
            .unwrap();
        let request = self.model.converse().model_id(emulators::TEXT_MODEL_ID).messages(message);
        let output = request.send().await.unwrap();
        let answer = output.output().unwrap().as_message().unwrap();
        answer.content()[0].as_text().unwrap().clone()
    }
}

/// Passes what belongs to `user`.
pub(crate) fn equals(user: &str) -> RetrievalFilter {
    let attribute = FilterAttribute::builder().key("user_id").value(Document::from(user));
    RetrievalFilter::Equals(attribute.build().unwrap())
}

/// The page number that a result carries.
pub(super) fn page(result: &KnowledgeBaseRetrievalResult) -> Option<u32> {
    let number = result.metadata().unwrap().get(PAGE_NUMBER)?.as_number().unwrap().to_f64_lossy();
    let page = (1..1000).find(|page| f64::from(*page).total_cmp(&number).is_eq());
    assert!(page.is_some(), "{number}");
    page
}

/// What `future` gives, and how long it took.
#[expect(clippy::disallowed_methods, reason = "measures")]
pub(crate) async fn timed<F: Future>(future: F) -> (F::Output, Duration) {
    let started = Instant::now();
    let output = future.await;
    (output, started.elapsed())
}
