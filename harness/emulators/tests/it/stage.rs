//! Running emulators with an SDK client for each service, for one test.
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use emulators::{Distribution, Emulators, LatencyModel, Options, S3Backing, TranscriptionTime};
use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for what must come by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// A password that the pool's policy allows.
pub(crate) const PASSWORD: &str = "Correct-horse-1";

/// One start and what its test needs.
pub(crate) struct Stage {
    pub(crate) emulators: Emulators,
    folder: TempDir,
    pub(crate) http: reqwest::Client,
}

impl Stage {
    /// Everything in memory, a clock that can be moved.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = options(&folder, S3Backing::Memory);
        Self::start_with(folder, options).await
    }

    /// Jobs take their time: a third of `time.base_ms` they are queued.
    pub(crate) async fn start_with_slow_jobs(time: TranscriptionTime) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&folder, S3Backing::Memory);
        options.transcription_time = time;
        options.model_latency =
            LatencyModel { base: Distribution::Constant { ms: 1 }, ms_per_1000_output_tokens: 0 };
        Self::start_with(folder, options).await
    }

    /// Another template, which must name the manuals' bucket.
    pub(crate) async fn start_from(template: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.yaml");
        std::fs::write(&path, template).unwrap();
        let options = Options { template: path, ..options(&folder, S3Backing::Memory) };
        Self::start_with(folder, options).await
    }

    /// Objects in a folder.
    pub(crate) async fn start_in_folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = options(&folder, S3Backing::Folder(folder.path().join("objects")));
        Self::start_with(folder, options).await
    }

    async fn start_with(folder: TempDir, options: Options) -> Self {
        let emulators = emulators::start(options).await.unwrap();
        Self { emulators, folder, http: reqwest::Client::new() }
    }

    /// Moves the test clock and waits until the emulators follow.
    pub(crate) async fn move_clock(&self, offset_ms: i64) {
        std::fs::write(self.folder.path().join("clock"), offset_ms.to_string()).unwrap();
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.stats().await["clock"]["offset_ms"] != offset_ms {
                tokio::task::yield_now().await;
            }
        });
        waited.await.unwrap();
    }

    /// A file of the test's own.
    pub(crate) fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) async fn stats(&self) -> Value {
        self.admin(reqwest::Method::GET, "/stats", None).await.1
    }

    /// One admin call: status and body.
    pub(crate) async fn admin(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.emulators.admin_url());
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) fn url(&self, service: &str) -> String {
        self.emulators.endpoints()[service].clone()
    }

    pub(crate) fn table(&self, logical_id: &str) -> String {
        self.emulators.resources().tables[logical_id].clone()
    }

    pub(crate) fn bucket(&self) -> String {
        self.emulators.resources().buckets["ManualsBucket"].clone()
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb_as(self.emulators.backend_credentials())
    }

    pub(crate) fn dynamodb_as(&self, pair: (String, String)) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config("dynamodb", pair))
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        self.s3_as(self.emulators.backend_credentials())
    }

    pub(crate) fn s3_as(&self, pair: (String, String)) -> aws_sdk_s3::Client {
        let config = self.config("s3", pair);
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(crate) fn cognito(&self) -> aws_sdk_cognitoidentityprovider::Client {
        self.cognito_as(self.emulators.user_admin_credentials())
    }

    pub(crate) fn cognito_as(
        &self,
        pair: (String, String),
    ) -> aws_sdk_cognitoidentityprovider::Client {
        aws_sdk_cognitoidentityprovider::Client::new(&self.config("cognito-idp", pair))
    }

    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let pair = self.emulators.backend_credentials();
        aws_sdk_secretsmanager::Client::new(&self.config("secretsmanager", pair))
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config("sqs", self.emulators.backend_credentials()))
    }

    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config("sns", self.emulators.backend_credentials()))
    }

    pub(crate) fn transcribe(&self) -> aws_sdk_transcribe::Client {
        let pair = self.emulators.backend_credentials();
        aws_sdk_transcribe::Client::new(&self.config("transcribe", pair))
    }

    /// An SDK configuration for one service: no retries, so that a test sees each answer.
    pub(crate) fn config(&self, service: &str, (id, secret): (String, String)) -> SdkConfig {
        let credentials = Credentials::new(id, secret, None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(self.url(service))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .build()
    }
}

/// What the machine's clock says; the test clock starts there.
#[expect(clippy::disallowed_methods, reason = "what is tested is how time passes")]
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// Tells how long ago it was made.
#[expect(clippy::disallowed_methods, reason = "what is tested is how time passes")]
pub(crate) fn stopwatch() -> impl Fn() -> Duration {
    let began = Instant::now();
    move || began.elapsed()
}

/// The backend's own template: what is deployed is what is tested.
pub(crate) fn template() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../backend/deploy/template.yaml"))
}

fn options(folder: &TempDir, s3: S3Backing) -> Options {
    Options {
        external: None,
        region: "eu-west-1".to_owned(),
        account_id: "123456789012".to_owned(),
        seed: 7,
        s3,
        clock_file: Some(folder.path().join("clock")),
        template: template(),
        model_latency: LatencyModel::zero(),
        transcription_time: emulators::TranscriptionTime::zero(),
        hmac_secret: "the key of the test".to_owned(),
        fault_ledger: None,
    }
}
