//! What a start is given, and why it can fail. Data only.
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::bedrock::LatencyModel;
use crate::external::{External, ExternalError};
use crate::transcribe::TranscriptionTime;

/// Where the emulated S3 keeps its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum S3Backing {
    /// In memory: everything S3 documents for the operations used, and gone with the process.
    Memory,
    /// In a folder, by `s3s-fs`: to look at objects with ordinary tools. Object tags, the listing of
    /// multipart uploads, and the keys `a` and `a/b` at one time do not work there.
    Folder(PathBuf),
}

/// One start of the emulators.
#[derive(Clone)]
pub struct Options {
    /// The region that requests must be signed for.
    pub region: String,
    /// Twelve digits; appears in ARNs only.
    pub account_id: String,
    /// Ids and model latencies derive from it; keys and secrets add the machine's randomness.
    pub seed: u64,
    pub s3: S3Backing,
    /// Where S3, SQS, SNS, Secrets Manager and `DynamoDB` are not emulated here; `s3` then says nothing.
    pub external: Option<External>,
    /// A file with a signed offset in milliseconds, read again within 100 ms: tokens, expiries and
    /// time to live follow it.
    pub clock_file: Option<PathBuf>,
    /// The `CloudFormation` template that names tables, their time-to-live attributes, and buckets.
    pub template: PathBuf,
    pub model_latency: LatencyModel,
    /// None at all where the model's latency is zero.
    pub transcription_time: TranscriptionTime,
    /// The preset value of the HMAC key's secret.
    pub hmac_secret: String,
    /// Where injected faults are written, a JSON line each; in memory only if absent.
    pub fault_ledger: Option<PathBuf>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the HMAC key: it must not reach a log.
        f.debug_struct("Options")
            .field("region", &self.region)
            .field("account_id", &self.account_id)
            .field("seed", &self.seed)
            .field("s3", &self.s3)
            .field("external", &self.external)
            .field("clock_file", &self.clock_file)
            .field("template", &self.template)
            .field("model_latency", &self.model_latency)
            .field("transcription_time", &self.transcription_time)
            .finish_non_exhaustive()
    }
}

/// Why a start failed; nothing is left running after one.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot use the template {}", path.display())]
    Template {
        path: PathBuf,
        #[source]
        source: crate::template::TemplateError,
    },
    #[error("cannot use the fault ledger")]
    Ledger(#[source] injector::ledger::LedgerError),
    #[error("cannot read the catalogue of errors")]
    Faults(#[source] injector::catalogue::CatalogueError),
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    #[error("cannot make the rest of the world")]
    Internet(#[source] crate::internet::InternetError),
    #[error("cannot prepare the tables")]
    Tables(#[source] crate::dynamodb::TablesError),
    #[error("cannot prepare the services that are not emulated here")]
    External(#[source] ExternalError),
    #[error("cannot prepare the object store")]
    ObjectStore(#[source] crate::s3::StoreError),
    #[error("the model of {service} is unusable")]
    Model {
        service: &'static str,
        #[source]
        source: crate::model::ModelError,
    },
}
