//! Where a payload is put.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place in a request. Everything else about the request is in order: its token, its signature, its headers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// A typed question.
    Question,
    /// A spoken question: the recording.
    Voice {
        /// What it is said to be.
        content_type: String,
    },
    /// A recording to be transcribed.
    Transcription {
        /// What it is said to be.
        content_type: String,
    },
    /// An id in the path.
    Id(IdCall),
    /// The path itself, written to the socket as it stands, query and all.
    Path {
        /// `GET`, `POST` …
        method: String,
    },
    /// The value of a parameter of a `GET`.
    Parameter {
        /// The path.
        path: String,
        /// The parameter.
        name: String,
    },
    /// The value of a header.
    Header {
        /// Its name.
        name: String,
        /// Of which request.
        on: Carrier,
    },
    /// The name of a manual.
    Filename(FilenameCall),
    /// A manual that is uploaded.
    Manual {
        /// What it is said to be.
        content_type: String,
        /// What it is called.
        filename: String,
        /// Asked once it is indexed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ask: Option<String>,
    },
    /// A manual that goes to the store itself: announced, put there, completed.
    LargeManual {
        /// What it is said to be.
        content_type: String,
    },
    /// The URL that a manual is fetched from.
    DownloadUrl,
    /// A whole body.
    Body {
        /// The path of a `POST`.
        path: String,
        /// `Content-Type`; none is sent where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// Whether it is signed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        signed: bool,
    },
    /// The bearer token of a list of manuals.
    Token,
    /// The signature of an upload.
    Signature,
    /// The timestamp of an upload; the signature is right for it.
    Timestamp,
    /// Everything that is written to the socket.
    Raw {
        /// Whether our side ends behind it. Otherwise a plain `GET /health` follows, so that what the bytes leave
        /// behind for the next request is seen.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
    },
}

/// A call with an id in its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdCall {
    /// `GET /api/manuals/{id}`.
    Read,
    /// `DELETE /api/manuals/{id}`, signed.
    Delete,
    /// `POST /api/manuals/{id}/complete`, signed.
    Complete,
    /// `GET /api/ingestion/job/{id}`.
    Job,
}

/// A request that carries a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// `GET /health`, of nobody.
    Health,
    /// `GET /api/manuals`.
    List,
    /// `POST /api/query`.
    Question,
    /// `POST /api/manuals/upload`.
    Upload,
}

/// A call that names a manual.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilenameCall {
    /// `POST /api/manuals/upload`.
    Upload,
    /// `POST /api/manuals/upload-url`.
    Announce,
    /// `POST /api/manuals/download`.
    Download,
}

/// What can be put somewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Takes {
    Text,
    Bytes,
    BytesOrFile,
    TokenOrText,
    SignatureOrText,
}

impl Place {
    pub(super) fn takes(&self) -> Takes {
        match self {
            Self::Question | Self::Filename(_) | Self::DownloadUrl => Takes::Text,
            Self::Id(_)
            | Self::Path { .. }
            | Self::Parameter { .. }
            | Self::Header { .. }
            | Self::Timestamp
            | Self::Body { .. }
            | Self::Raw { .. } => Takes::Bytes,
            Self::Voice { .. }
            | Self::Transcription { .. }
            | Self::Manual { .. }
            | Self::LargeManual { .. } => Takes::BytesOrFile,
            Self::Token => Takes::TokenOrText,
            Self::Signature => Takes::SignatureOrText,
        }
    }

    /// Whether bytes are written to a socket that no HTTP library would send: only a plain connection takes them as they are.
    pub fn is_on_the_socket(&self) -> bool {
        matches!(self, Self::Path { .. } | Self::Raw { .. })
    }

    /// Whether a call that is charged may be made.
    pub fn may_be_charged(&self) -> bool {
        match self {
            Self::Id(_)
            | Self::Parameter { .. }
            | Self::Filename(_)
            | Self::LargeManual { .. }
            | Self::DownloadUrl
            | Self::Token
            | Self::Signature
            | Self::Timestamp
            | Self::Manual { ask: None, .. } => false,
            Self::Header { on, .. } => *on == Carrier::Question,
            Self::Question
            | Self::Voice { .. }
            | Self::Transcription { .. }
            | Self::Path { .. }
            | Self::Manual { ask: Some(_), .. }
            | Self::Body { .. }
            | Self::Raw { .. } => true,
        }
    }

    /// Whether a question is asked, so that an answer can say something.
    pub(super) fn asks(&self) -> bool {
        matches!(self, Self::Question | Self::Voice { .. } | Self::Manual { ask: Some(_), .. })
    }
}
