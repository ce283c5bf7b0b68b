//! Making the clients: region, credentials and endpoints as the SDK finds them in its environment, bounds and retries
//! as the contract says. Nothing is called here.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::answer_cache::ProcessCache;
use crate::aws::bedrock_index::BedrockIndex;
use crate::aws::bedrock_model::BedrockModel;
use crate::aws::bedrock_search::BedrockSearch;
use crate::aws::connections;
use crate::aws::dynamo::Table;
use crate::aws::dynamo_errors::DynamoErrors;
use crate::aws::dynamo_ingestion::DynamoIngestion;
use crate::aws::dynamo_manuals::DynamoManuals;
use crate::aws::dynamo_pending::DynamoPending;
use crate::aws::dynamo_quota::DynamoQuota;
use crate::aws::dynamo_rate_limit::DynamoRateLimit;
use crate::aws::dynamo_replay::DynamoReplay;
use crate::aws::jwks::HttpJwks;
use crate::aws::probes::AwsProbes;
use crate::aws::s3_manuals::S3Manuals;
use crate::aws::secret::SecretsManager;
use crate::aws::sns_alerts::SnsAlerts;
use crate::aws::sqs_failures::SqsFailures;
use crate::aws::trace::{CountRetries, TraceHeaders};
use crate::aws::transcribe::Transcribe;
use crate::config::Config;
use crate::egress::web::WebClient;
use crate::pdf_reader::PdfReader;
use crate::ports::Dependency;
use crate::state::Ports;

const CONNECT: Duration = Duration::from_secs(1);

/// `DynamoDB`, S3, Secrets Manager, Transcribe, SQS, SNS, ingestion: one attempt and a whole operation.
const STORES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(8));

/// Retrieve.
const SEARCH: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(9));

/// Converse; the request's deadline ends it earlier where it must.
const MODEL: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(25));

/// What the SDK finds in its environment, with our retries.
pub async fn sdk_config(config: &Config) -> SdkConfig {
    loader(config).load().await
}

/// The same in a Lambda function: its credentials are in the environment, and nobody else is asked for them.
pub async fn function_sdk_config(config: &Config) -> SdkConfig {
    let credentials = EnvironmentVariableCredentialsProvider::new();
    loader(config).credentials_provider(credentials).load().await
}

fn loader(config: &Config) -> ConfigLoader {
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(100))
        .with_max_backoff(Duration::from_secs(2));
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .http_client(connections::shared())
        .retry_config(retries)
        .timeout_config(bounds(STORES))
}

/// A client's configuration with the interceptors that all have: `of!(aws_sdk_sqs, sdk, Queue)`.
macro_rules! of {
    ($service:ident, $sdk:expr, $dependency:ident) => {
        $service::config::Builder::from($sdk)
            .interceptor(TraceHeaders)
            .interceptor(CountRetries(Dependency::$dependency))
    };
}

/// The adapters over one SDK configuration.
pub fn ports(sdk: &SdkConfig, config: &Config) -> Ports {
    let dynamo = aws_sdk_dynamodb::Client::from_conf(of!(aws_sdk_dynamodb, sdk, Store).build());
    let table = |name: &str| Table::new(dynamo.clone(), name);
    let s3 = of!(aws_sdk_s3, sdk, Files).force_path_style(config.s3_path_style).build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    let search = of!(aws_sdk_bedrockagentruntime, sdk, Search).timeout_config(bounds(SEARCH));
    let model = of!(aws_sdk_bedrockruntime, sdk, Model).timeout_config(bounds(MODEL));
    let index = of!(aws_sdk_bedrockagent, sdk, Index);
    let secrets = aws_sdk_secretsmanager::Client::from_conf(
        of!(aws_sdk_secretsmanager, sdk, Secrets).build(),
    );
    let speech = of!(aws_sdk_transcribe, sdk, Transcriber);
    let speech = aws_sdk_transcribe::Client::from_conf(speech.build());
    let queue = aws_sdk_sqs::Client::from_conf(of!(aws_sdk_sqs, sdk, Queue).build());
    let alerts = aws_sdk_sns::Client::from_conf(of!(aws_sdk_sns, sdk, Alerts).build());
    let probes = AwsProbes {
        secrets: secrets.clone(),
        secret_id: config.hmac_key_secret_id.clone(),
        transcribe: speech.clone(),
        sqs: queue.clone(),
        queue_url: config.dlq_url.as_ref().map(ToString::to_string),
        sns: alerts.clone(),
        topic_arn: config.alerts_topic_arn.clone(),
    };
    let queue = Arc::new(SqsFailures::new(queue, config.dlq_url.as_ref()));
    Ports {
        quota: Arc::new(DynamoQuota::new(table(&config.tables.usage))),
        manuals: Arc::new(DynamoManuals::new(table(&config.tables.manuals))),
        pending: Arc::new(DynamoPending::new(table(&config.tables.manuals))),
        ingestion: Arc::new(DynamoIngestion::new(table(&config.tables.manuals))),
        replay: Arc::new(DynamoReplay::new(table(&config.tables.rate_limit))),
        rate_limit: Arc::new(DynamoRateLimit::new(table(&config.tables.rate_limit))),
        files: Arc::new(S3Manuals::new(s3.clone(), &config.buckets.manuals)),
        audio: Arc::new(S3Manuals::new(s3, &config.buckets.audio)),
        transcriber: Arc::new(Transcribe::new(
            speech,
            &config.buckets.audio,
            &config.voice.language,
        )),
        documents: Arc::new(PdfReader::of_this_program()),
        web: Arc::new(WebClient::new(config.test_hooks.egress.clone())),
        search: Arc::new(BedrockSearch::new(
            aws_sdk_bedrockagentruntime::Client::from_conf(search.build()),
            &config.knowledge_base_id,
        )),
        model: Arc::new(BedrockModel::new(
            aws_sdk_bedrockruntime::Client::from_conf(model.build()),
            &config.text_model_id,
        )),
        answers: Arc::new(ProcessCache::new(config.cache_ttl)),
        indexer: Arc::new(BedrockIndex::new(
            aws_sdk_bedrockagent::Client::from_conf(index.build()),
            &config.knowledge_base_id,
            &config.data_source_id,
        )),
        secret: Arc::new(SecretsManager::new(secrets, config.hmac_key_secret_id.as_deref())),
        jwks: Arc::new(HttpJwks::new(&config.jwks_url, config.test_hooks.egress.clone())),
        failures: queue.clone(),
        failure_source: queue,
        errors: Arc::new(DynamoErrors::new(table(&config.tables.errors))),
        alerts: Arc::new(SnsAlerts::new(
            alerts,
            config.alerts_topic_arn.as_deref(),
            config.stage.as_str(),
        )),
        probes: Arc::new(probes),
    }
}

fn bounds((attempt, operation): (Duration, Duration)) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}
