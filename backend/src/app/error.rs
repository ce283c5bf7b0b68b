//! Why a use case did not succeed. What a client is told about it is decided in `http::error`.

use crate::context::DeadlinePassed;
use crate::domain::audio::NotAudio;
use crate::domain::document::NotADocument;
use crate::domain::question::NotAQuestion;
use crate::domain::quota::Period;
use crate::ports::{PortError, WebError};

/// The reasons.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// What was sent cannot be used.
    #[error("bad input")]
    Input(#[source] InputError),
    /// Not there, or another user's: the same to the outside.
    #[error("not found")]
    NotFound,
    /// The idempotency key stands for another body.
    #[error("idempotency key used for another body")]
    IdempotencyKeyReused,
    /// The idempotency key stands for a manual that was deleted since.
    #[error("idempotency key of a deleted manual")]
    IdempotencyKeyOfDeleted,
    /// The object of an announced upload is not there yet.
    #[error("the object of the upload is not there")]
    UploadIncomplete,
    /// The object of an announced upload is another one.
    #[error("the object of the upload has another size or checksum")]
    UploadMismatch,
    /// An origin did not give the file.
    #[error("nothing was downloaded")]
    DownloadFailed(#[source] NoDownload),
    /// A counter is full.
    #[error("the quota of the {period:?} is used up")]
    QuotaExceeded {
        /// Which one.
        period: Period,
        /// Until it starts again.
        resets_in_s: u64,
    },
    /// All places for recordings are taken.
    #[error("too many recordings at once")]
    VoiceBusy,
    /// Too many calls of this user, or from this address.
    #[error("the rate limit is reached")]
    RateLimited {
        /// Until a call is admitted again.
        retry_after_s: u64,
    },
    /// A dependency did not do its part.
    #[error("a dependency failed")]
    Port(#[source] PortError),
    /// Our own time was up.
    #[error("out of time")]
    Deadline(#[source] DeadlinePassed),
    /// A reservation was gone when it should have been kept: the call took longer than it may.
    #[error("the reservation expired during the call")]
    ReservationLost,
}

/// Why an origin did not give a file; a client is told no more than that.
#[derive(Debug, thiserror::Error)]
pub enum NoDownload {
    /// No answer, or not all of it.
    #[error("no whole answer")]
    Web(#[source] WebError),
    /// The name has no address.
    #[error("the name has no address")]
    NoAddress,
    /// Neither a file nor a way to one.
    #[error("the answer has status {0}")]
    Status(u16),
    /// It is packed though that was not asked for.
    #[error("the answer is packed")]
    Packed,
    /// It points elsewhere again and again.
    #[error("too many redirects")]
    Redirects,
    /// All of it together took too long.
    #[error("too slow")]
    Slow,
}

/// What is wrong with the input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The question.
    #[error("bad question")]
    Question(#[source] NotAQuestion),
    /// The file's name.
    #[error("bad file name")]
    FileName,
    /// The file's data is not base64.
    #[error("file data is not base64")]
    Base64(#[source] base64::DecodeError),
    /// There is no data.
    #[error("the file is empty")]
    EmptyFile,
    /// There is more data than one upload may have.
    #[error("the file is too large")]
    FileTooLarge,
    /// There is so little data that it belongs into one upload.
    #[error("the file is too small for an upload by URL")]
    FileTooSmall,
    /// The URL is none.
    #[error("bad URL")]
    Url,
    /// The URL leads, or may lead, elsewhere than to a public server.
    #[error("the URL is not that of a public server")]
    UrlNotAllowed,
    /// The checksum is no SHA-256 in hex.
    #[error("bad checksum")]
    Checksum,
    /// A content type that is no manual's.
    #[error("unknown content type")]
    ContentType,
    /// The bytes are no such document.
    #[error("bad document")]
    Document(#[source] NotADocument),
    /// The `Idempotency-Key` header.
    #[error("bad idempotency key")]
    IdempotencyKey,
    /// A parameter of the query string.
    #[error("bad query parameter {0}")]
    Parameter(&'static str),
    /// A question both typed and spoken.
    #[error("a typed and a spoken question")]
    TypedAndSpoken,
    /// A content type that is no recording's.
    #[error("unknown content type of audio")]
    AudioType,
    /// There is more data than one recording may have.
    #[error("the recording is too large")]
    AudioTooLarge,
    /// The bytes are no recording that can be transcribed.
    #[error("bad recording")]
    Audio(#[source] NotAudio),
    /// Nothing was said.
    #[error("no speech in the recording")]
    NoSpeech,
}

/// What a use case gives.
pub type AppResult<T> = Result<T, AppError>;
