//! What can be asked of Manuel, and its bytes. Encoding (JSON, base64, digest) is apart from sending, so that a load
//! generator does it before the clock runs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::percent;

/// One request of the API.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// `GET /health`.
    Health,
    /// `GET /health/deep`.
    DeepHealth,
    /// `GET /version`.
    Version,
    /// `POST /api/query`, typed.
    Query { question: String },
    /// `POST /api/query`, spoken.
    VoiceQuery { content_type: String, bytes: Bytes },
    /// `POST /api/transcribe`.
    Transcribe { content_type: String, bytes: Bytes, filename: Option<String> },
    /// `POST /api/manuals/upload`.
    UploadManual {
        filename: String,
        content_type: String,
        bytes: Bytes,
        idempotency_key: Option<String>,
    },
    /// `POST /api/manuals/upload-url`: a large manual, announced.
    AnnounceManual {
        filename: String,
        content_type: String,
        /// Bytes.
        size: u64,
        /// Hex SHA-256 of the file.
        sha256: String,
        idempotency_key: Option<String>,
    },
    /// `POST /api/manuals/{id}/complete`: its file was put where the announcement said.
    CompleteManual { id: String },
    /// `POST /api/manuals/download`: a manual from a public URL.
    DownloadManual { url: String, filename: Option<String> },
    /// `GET /api/manuals`.
    ListManuals { limit: Option<u32>, cursor: Option<String> },
    /// `GET /api/manuals/{id}`.
    GetManual { id: String },
    /// `DELETE /api/manuals/{id}`.
    DeleteManual { id: String },
    /// `GET /api/user/usage`.
    Usage { days: Option<u32> },
    /// `GET /api/user/quota`.
    Quota,
    /// `GET /api/ingestion/status`.
    IngestionStatus,
    /// `GET /api/ingestion/job/{id}`.
    IngestionJob { id: String },
    /// Anything else, byte for byte: bad input, other routes, other methods.
    Raw {
        method: Method,
        /// Starts with `/`; already percent-encoded; may carry a query.
        path_and_query: String,
        content_type: Option<String>,
        body: Bytes,
        /// Whether [`crate::Signing::Proper`] signs it.
        signed: bool,
    },
}

/// A request's bytes: cheap to clone, good for any number of sends and sessions.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub(crate) kind: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) idempotency_key: Option<HeaderValue>,
    pub(crate) body: Bytes,
    pub(crate) body_sha256: String,
    pub(crate) signed: bool,
}

/// Why a request has no bytes.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// serde refused; no request of ours makes it.
    #[error("cannot write the request body as json")]
    Json {
        #[source]
        source: serde_json::Error,
    },
    /// A control character in a header value.
    #[error("{header} is not a valid header value: {value:?}")]
    Header {
        header: &'static str,
        value: String,
        #[source]
        source: http::header::InvalidHeaderValue,
    },
    /// A raw path has to be absolute.
    #[error("path does not start with a slash: {path:?}")]
    RelativePath { path: String },
}

#[derive(Serialize)]
struct QueryBody<'a> {
    question: &'a str,
}

#[derive(Serialize)]
struct VoiceBody<'a> {
    file_data: String,
    content_type: &'a str,
}

#[derive(Serialize)]
struct TranscribeBody<'a> {
    audio_data: String,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

#[derive(Serialize)]
struct UploadBody<'a> {
    filename: &'a str,
    content_type: &'a str,
    file_data: String,
}

#[derive(Serialize)]
struct AnnounceBody<'a> {
    filename: &'a str,
    content_type: &'a str,
    size: u64,
    sha256: &'a str,
}

#[derive(Serialize)]
struct DownloadBody<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

impl Request {
    /// A stable name for reports and histograms, `snake_case`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::DeepHealth => "deep_health",
            Self::Version => "version",
            Self::Query { .. } => "query",
            Self::VoiceQuery { .. } => "voice_query",
            Self::Transcribe { .. } => "transcribe",
            Self::UploadManual { .. } => "upload_manual",
            Self::AnnounceManual { .. } => "announce_manual",
            Self::CompleteManual { .. } => "complete_manual",
            Self::DownloadManual { .. } => "download_manual",
            Self::ListManuals { .. } => "list_manuals",
            Self::GetManual { .. } => "get_manual",
            Self::DeleteManual { .. } => "delete_manual",
            Self::Usage { .. } => "usage",
            Self::Quota => "quota",
            Self::IngestionStatus => "ingestion_status",
            Self::IngestionJob { .. } => "ingestion_job",
            Self::Raw { .. } => "raw",
        }
    }

    /// Whether the route asks for a signature.
    pub fn changes_state(&self) -> bool {
        match self {
            Self::UploadManual { .. }
            | Self::AnnounceManual { .. }
            | Self::CompleteManual { .. }
            | Self::DownloadManual { .. }
            | Self::DeleteManual { .. } => true,
            Self::Raw { signed, .. } => *signed,
            Self::Health
            | Self::DeepHealth
            | Self::Version
            | Self::Query { .. }
            | Self::VoiceQuery { .. }
            | Self::Transcribe { .. }
            | Self::ListManuals { .. }
            | Self::GetManual { .. }
            | Self::Usage { .. }
            | Self::Quota
            | Self::IngestionStatus
            | Self::IngestionJob { .. } => false,
        }
    }

    /// The method.
    pub fn method(&self) -> Method {
        match self {
            Self::Query { .. }
            | Self::VoiceQuery { .. }
            | Self::Transcribe { .. }
            | Self::UploadManual { .. }
            | Self::AnnounceManual { .. }
            | Self::CompleteManual { .. }
            | Self::DownloadManual { .. } => Method::POST,
            Self::DeleteManual { .. } => Method::DELETE,
            Self::Raw { method, .. } => method.clone(),
            Self::Health
            | Self::DeepHealth
            | Self::Version
            | Self::ListManuals { .. }
            | Self::GetManual { .. }
            | Self::Usage { .. }
            | Self::Quota
            | Self::IngestionStatus
            | Self::IngestionJob { .. } => Method::GET,
        }
    }

    fn path_and_query(&self) -> (String, Option<String>) {
        match self {
            Self::Health => ("/health".to_owned(), None),
            Self::DeepHealth => ("/health/deep".to_owned(), None),
            Self::Version => ("/version".to_owned(), None),
            Self::Query { .. } | Self::VoiceQuery { .. } => ("/api/query".to_owned(), None),
            Self::Transcribe { .. } => ("/api/transcribe".to_owned(), None),
            Self::UploadManual { .. } => ("/api/manuals/upload".to_owned(), None),
            Self::AnnounceManual { .. } => ("/api/manuals/upload-url".to_owned(), None),
            Self::CompleteManual { id } => {
                (format!("/api/manuals/{}/complete", percent::encoded(id.as_bytes())), None)
            }
            Self::DownloadManual { .. } => ("/api/manuals/download".to_owned(), None),
            Self::ListManuals { limit, cursor } => {
                let limit = limit.map(|limit| limit.to_string());
                let pairs = [("limit", limit.as_deref()), ("cursor", cursor.as_deref())];
                ("/api/manuals".to_owned(), query(&pairs))
            }
            Self::GetManual { id } | Self::DeleteManual { id } => {
                (format!("/api/manuals/{}", percent::encoded(id.as_bytes())), None)
            }
            Self::Usage { days } => {
                let days = days.map(|days| days.to_string());
                ("/api/user/usage".to_owned(), query(&[("days", days.as_deref())]))
            }
            Self::Quota => ("/api/user/quota".to_owned(), None),
            Self::IngestionStatus => ("/api/ingestion/status".to_owned(), None),
            Self::IngestionJob { id } => {
                (format!("/api/ingestion/job/{}", percent::encoded(id.as_bytes())), None)
            }
            Self::Raw { path_and_query, .. } => match path_and_query.split_once('?') {
                Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
                None => (path_and_query.clone(), None),
            },
        }
    }

    fn body(&self) -> Result<Bytes, EncodeError> {
        match self {
            Self::Query { question } => json(&QueryBody { question }),
            Self::VoiceQuery { content_type, bytes } => {
                json(&VoiceBody { file_data: STANDARD.encode(bytes), content_type })
            }
            Self::Transcribe { content_type, bytes, filename } => json(&TranscribeBody {
                audio_data: STANDARD.encode(bytes),
                content_type,
                filename: filename.as_deref(),
            }),
            Self::UploadManual { filename, content_type, bytes, .. } => {
                json(&UploadBody { filename, content_type, file_data: STANDARD.encode(bytes) })
            }
            Self::AnnounceManual { filename, content_type, size, sha256, .. } => {
                json(&AnnounceBody { filename, content_type, size: *size, sha256 })
            }
            Self::DownloadManual { url, filename } => {
                json(&DownloadBody { url, filename: filename.as_deref() })
            }
            Self::Raw { body, .. } => Ok(body.clone()),
            Self::Health
            | Self::DeepHealth
            | Self::Version
            | Self::CompleteManual { .. }
            | Self::ListManuals { .. }
            | Self::GetManual { .. }
            | Self::DeleteManual { .. }
            | Self::Usage { .. }
            | Self::Quota
            | Self::IngestionStatus
            | Self::IngestionJob { .. } => Ok(Bytes::new()),
        }
    }

    fn content_type(&self) -> Option<&str> {
        match self {
            Self::Query { .. }
            | Self::VoiceQuery { .. }
            | Self::Transcribe { .. }
            | Self::UploadManual { .. }
            | Self::AnnounceManual { .. }
            | Self::DownloadManual { .. } => Some("application/json"),
            Self::Raw { content_type, .. } => content_type.as_deref(),
            Self::Health
            | Self::DeepHealth
            | Self::Version
            | Self::CompleteManual { .. }
            | Self::ListManuals { .. }
            | Self::GetManual { .. }
            | Self::DeleteManual { .. }
            | Self::Usage { .. }
            | Self::Quota
            | Self::IngestionStatus
            | Self::IngestionJob { .. } => None,
        }
    }
}

impl Encoded {
    /// Computes the bytes of a request.
    pub fn new(request: &Request) -> Result<Self, EncodeError> {
        let (path, query) = request.path_and_query();
        if !path.starts_with('/') {
            return Err(EncodeError::RelativePath { path });
        }
        let body = request.body()?;
        let idempotency_key = if let Request::UploadManual { idempotency_key, .. }
        | Request::AnnounceManual { idempotency_key, .. } = request
        {
            idempotency_key.as_deref()
        } else {
            None
        };
        Ok(Self {
            kind: request.kind(),
            method: request.method(),
            path,
            query,
            content_type: header("content-type", request.content_type())?,
            idempotency_key: header("idempotency-key", idempotency_key)?,
            body_sha256: hex::encode(Sha256::digest(&body)),
            body,
            signed: request.changes_state(),
        })
    }

    /// [`Request::kind`].
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The body as it is sent.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The path as it is sent and signed, without the query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

fn json(body: &impl Serialize) -> Result<Bytes, EncodeError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|source| EncodeError::Json { source })
}

fn header(name: &'static str, value: Option<&str>) -> Result<Option<HeaderValue>, EncodeError> {
    let Some(value) = value else { return Ok(None) };
    HeaderValue::from_str(value).map(Some).map_err(|source| EncodeError::Header {
        header: name,
        value: value.to_owned(),
        source,
    })
}

fn query(pairs: &[(&str, Option<&str>)]) -> Option<String> {
    let given: Vec<String> = pairs
        .iter()
        .filter_map(|(name, value)| {
            value.map(|value| format!("{name}={}", percent::encoded(value.as_bytes())))
        })
        .collect();
    (!given.is_empty()).then(|| given.join("&"))
}

#[cfg(test)]
#[path = "request/tests.rs"]
mod tests;
