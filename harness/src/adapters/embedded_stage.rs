//! The embedded AWS of a stage: the emulators in this process, the backend's variables that point at them, and the
//! description that suites get. It starts no backend and provisions nobody.

pub mod clock;
mod egress;
mod environment;
mod stage_json;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use emulators::Emulators;
use emulators::External;
use emulators::Options;
use emulators::S3Backing;
use rand::Rng as _;
use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;
use verdict::domain::stage::Admin;
use verdict::domain::stage::Capabilities;
use verdict::domain::stage::Capability;
use verdict::domain::stage::CognitoRef;
use verdict::domain::stage::Credentials;
use verdict::domain::stage::Environment;
use verdict::domain::stage::Limits;
use verdict::domain::stage::Processes;
use verdict::domain::stage::Resources;
use verdict::domain::stage::Runtime;
use verdict::domain::stage::STAGE_SCHEMA;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::Services;
use verdict::domain::stage::StageDescription;

pub use environment::BackendSettings;
pub use environment::endpoint_variable;
pub use environment::env_file;
pub use stage_json::StageFileWriteError;
pub use stage_json::write_stage_file;
pub use wire::WireError;

use wire::Wire;

/// The region of every embedded stage: Manuel's own.
const REGION: &str = "eu-west-1";
/// AWS's documentation account; it appears in ARNs only.
const ACCOUNT: &str = "123456789012";
/// Offset of the stage's clock, beside its logs.
const CLOCK_FILE: &str = "clock";
/// What was injected, beside its logs.
const FAULT_LEDGER: &str = "faults.jsonl";

/// How long the emulated model takes: a draw by seed, and a share for its output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelLatency {
    /// Half of the calls take less, in milliseconds.
    pub median_ms: u32,
    /// 95 % of the calls take less, in milliseconds; the same as the median makes every call take as long.
    pub p95_ms: u32,
    /// Milliseconds for each 1 000 output tokens, in addition.
    pub ms_per_1000_output_tokens: u32,
}

/// What an embedded stage is started with.
#[derive(Clone, Debug)]
pub struct EmbeddedSettings {
    /// The project root: the template is there.
    pub root: PathBuf,
    /// Where the clock file goes.
    pub run_dir: PathBuf,
    /// Ids and model latencies derive from it.
    pub seed: u64,
    /// How long the model takes.
    pub model_latency: ModelLatency,
    /// Whether a fault proxy stands before each service.
    pub wire_faults: bool,
    /// Where some of the services are somebody else's.
    pub external: Option<External>,
}

/// The emulators of one stage.
#[derive(Debug)]
pub struct EmbeddedStage {
    emulators: Emulators,
    wire: Option<Wire>,
    hmac_secret: String,
    clock_file: PathBuf,
    egress_file: PathBuf,
}

/// A backend that answers, as the description names it.
#[derive(Clone, Debug)]
pub struct BackendFacts {
    /// Without a trailing slash.
    pub base_url: String,
    /// What `/version` said.
    pub commit: String,
    /// What `/version` said about seeded defects.
    pub defects: Vec<String>,
    /// None when it is run by hand, and of functions.
    pub pid: Option<u32>,
    /// Admin API of the functions' host; none of a server.
    pub lambda_url: Option<String>,
    /// Its log, where it is ours.
    pub log: Option<PathBuf>,
    /// What it enforces.
    pub limits: Limits,
    /// Its outgoing connections end at the stage: `TEST_EGRESS` is the stage's own.
    pub pinned_egress: bool,
    /// Its allowlist leaves out 127.224.0.0/11 and nothing else of this machine.
    pub allowlist: bool,
    /// Origins whose pages may read answers.
    pub web_origins: Vec<String>,
}

/// There is no embedded AWS.
#[derive(Debug, Error)]
pub enum EmbeddedError {
    /// The clock file.
    #[error("cannot write the stage's clock {path}")]
    Clock {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What pins the backend's outgoing connections.
    #[error("cannot write the names of the stage's internet into {path}")]
    Egress {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The emulators.
    #[error("cannot start the embedded AWS")]
    Start {
        /// Why.
        #[source]
        source: emulators::StartError,
    },
    /// The proxies before the services.
    #[error("cannot put fault proxies before the services")]
    Wire {
        /// Why.
        #[source]
        source: WireError,
    },
    /// The template does not have what the backend needs.
    #[error("the template names no {what}")]
    Template {
        /// The logical id.
        what: &'static str,
    },
}

impl EmbeddedStage {
    /// Starts every emulator on 127.0.0.1 and a port of its own.
    pub async fn start(settings: &EmbeddedSettings) -> Result<Self, EmbeddedError> {
        let clock_file = settings.run_dir.join(CLOCK_FILE);
        std::fs::write(&clock_file, "0\n")
            .map_err(|source| EmbeddedError::Clock { path: clock_file.clone(), source })?;
        let hmac_secret = hex::encode(rand::rng().random::<[u8; 32]>());
        let emulators = emulators::start(Options {
            region: REGION.to_owned(),
            account_id: ACCOUNT.to_owned(),
            seed: settings.seed,
            s3: S3Backing::Memory,
            external: settings.external,
            clock_file: Some(clock_file.clone()),
            template: settings.root.join("backend/deploy/template.yaml"),
            model_latency: settings.model_latency.into(),
            transcription_time: emulators::TranscriptionTime::default(),
            hmac_secret: hmac_secret.clone(),
            fault_ledger: Some(settings.run_dir.join(FAULT_LEDGER)),
        })
        .await
        .map_err(|source| EmbeddedError::Start { source })?;
        let egress_file = egress::write(&settings.run_dir, emulators.internet())
            .map_err(|source| EmbeddedError::Egress { path: settings.run_dir.clone(), source })?;
        let wire = if settings.wire_faults {
            let laid = Wire::lay(settings.seed, emulators.endpoints()).await;
            Some(laid.map_err(|source| EmbeddedError::Wire { source })?)
        } else {
            None
        };
        Ok(Self { emulators, wire, hmac_secret, clock_file, egress_file })
    }

    /// Every variable of a backend on this stage.
    pub fn backend_environment(
        &self,
        settings: &BackendSettings,
    ) -> Result<BTreeMap<String, String>, EmbeddedError> {
        let resources = self.resources()?;
        Ok(environment::variables(self, &resources, settings))
    }

    /// What the backend calls: the services, or the proxies before them.
    fn backend_endpoints(&self) -> &BTreeMap<String, String> {
        self.wire.as_ref().map_or_else(|| self.emulators.endpoints(), Wire::endpoints)
    }

    /// What suites are told. Users are added by whoever provisions them.
    pub fn describe(&self, backend: BackendFacts) -> Result<StageDescription, EmbeddedError> {
        let (pinned, listed) = (backend.pinned_egress, backend.allowlist);
        let mut capabilities = [
            Capability::Clock,
            Capability::StoresReadable,
            Capability::ProvisionUsers,
            Capability::DeterministicModel,
            Capability::Outages,
            Capability::LocalProcesses,
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>();
        // Every address in 127.0.0.0/8 is one's own on Linux only.
        if cfg!(target_os = "linux") {
            capabilities.insert(Capability::SourceAddresses);
        }
        if pinned {
            capabilities.insert(Capability::PinnedEgress);
        }
        if listed {
            capabilities.insert(Capability::Allowlist);
        }
        let names = self.emulators.resources();
        let endpoints = self.emulators.endpoints();
        let runtime = if backend.lambda_url.is_some() { Runtime::Lambda } else { Runtime::Server };
        Ok(StageDescription {
            schema: STAGE_SCHEMA.to_owned(),
            name: "embedded".to_owned(),
            base_url: backend.base_url,
            sut_commit: backend.commit,
            sut_defects: backend.defects,
            region: REGION.to_owned(),
            cognito: CognitoRef {
                endpoint: endpoints.get("cognito-idp").cloned().unwrap_or_default(),
                user_pool_id: names.user_pool_id.clone(),
                client_id: names.client_id.clone(),
                admin_credentials: Some(credentials(self.emulators.user_admin_credentials())),
            },
            endpoints: endpoints.clone(),
            resources: self.resources()?,
            store_credentials: Some(credentials(self.emulators.read_only_credentials())),
            hmac_key: SecretRef::Throwaway(self.hmac_secret.clone()),
            users: Vec::new(),
            admin: Admin {
                emulators_url: Some(self.emulators.admin_url().to_owned()),
                injector_url: Some(self.emulators.injector_url().to_owned()),
                toxiproxy_url: self.wire.as_ref().map(Wire::admin_url),
                lambda_url: backend.lambda_url,
                edge_url: None,
                clock_file: Some(self.clock_file.display().to_string()),
                backend_log: backend.log.map(|log| log.display().to_string()),
            },
            processes: Some(Processes { stage_pid: std::process::id(), backend_pid: backend.pid }),
            runtime,
            services: Services::Emulated,
            environment: Environment::Test,
            production_load: false,
            question_millicents: None,
            tls_ca_file: None,
            lease: None,
            web_origins: backend.web_origins,
            capabilities: Capabilities(capabilities),
            limits: backend.limits,
        })
    }

    /// Where the backend's log goes in `run_dir`.
    pub fn backend_log(run_dir: &Path) -> PathBuf {
        run_dir.join("backend.log")
    }

    /// Stops every emulator: 200 ms in order, then at once.
    pub async fn stop(self) {
        if let Some(wire) = self.wire {
            wire.stop().await;
        }
        self.emulators.stop().await;
    }

    fn resources(&self) -> Result<Resources, EmbeddedError> {
        let names = self.emulators.resources();
        let table = |what: &'static str| {
            names.tables.get(what).cloned().ok_or(EmbeddedError::Template { what })
        };
        let bucket = |what: &'static str| {
            names.buckets.get(what).cloned().ok_or(EmbeddedError::Template { what })
        };
        Ok(Resources {
            usage_table: table("UsageTable")?,
            manuals_table: table("ManualsTable")?,
            rate_limit_table: table("RateLimitTable")?,
            errors_table: table("ErrorsTable")?,
            manuals_bucket: bucket("ManualsBucket")?,
            audio_bucket: bucket("AudioBucket")?,
            knowledge_base_id: names.knowledge_base_id.clone(),
            data_source_id: names.data_source_id.clone(),
            dead_letter_queue_url: names.queues.get("DeadLetterQueue").cloned(),
            alerts_topic_arn: names.topics.get("AlertsTopic").cloned(),
        })
    }
}

impl From<ModelLatency> for emulators::LatencyModel {
    fn from(latency: ModelLatency) -> Self {
        let ModelLatency { median_ms, p95_ms, ms_per_1000_output_tokens } = latency;
        let base = if p95_ms <= median_ms {
            emulators::Distribution::Constant { ms: median_ms }
        } else {
            emulators::Distribution::LogNormal { median_ms, p95_ms }
        };
        Self { base, ms_per_1000_output_tokens }
    }
}

fn credentials(pair: (String, String)) -> Credentials {
    let (access_key_id, secret) = pair;
    Credentials { access_key_id, secret_access_key: SecretRef::Throwaway(secret) }
}
