//! The causes that operations name. A new error belongs to one of them, or is a new one; `tests/it/openapi.rs` fails when an
//! answer has a code that its operation does not name.

use base64::DecodeError;
use serde::de::Error as _;

use super::fails::Cause;
use crate::app::error::{AppError, InputError, NoDownload};
use crate::auth::jwks::KeyError;
use crate::auth::jwt::TokenError;
use crate::auth::signature::SignatureError;
use crate::context::DeadlinePassed;
use crate::domain::audio::NotAudio;
use crate::domain::document::NotADocument;
use crate::domain::question::NotAQuestion;
use crate::domain::quota::Period;
use crate::http::error::{ApiError, BodyError};
use crate::ports::{Dependency, PortError, PortErrorKind};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident => $errors:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(in crate::http) enum $name {}

        impl Cause for $name {
            fn errors() -> Vec<ApiError> {
                $errors
            }
        }
    )+};
}

causes! {
    /// Our own time is up.
    Deadline => vec![ApiError::App(AppError::Deadline(DeadlinePassed))];

    /// What is not there in production, and elsewhere behind the allowlist.
    Production => vec![ApiError::NoSuchRoute, ApiError::AddressNotAllowed];

    /// The IP allowlist.
    Listed => vec![ApiError::AddressNotAllowed];

    /// What every call that needs a user passes: the layers up to and with authentication, and the deadline.
    SignedIn => {
        let mut errors: Vec<ApiError> = [
            TokenError::Missing,
            TokenError::Expired,
            TokenError::Invalid(None),
            TokenError::Key(KeyError::Unavailable(Some(unavailable(Dependency::Identity)))),
        ].into_iter().map(ApiError::Token).collect();
        errors.push(ApiError::Body(BodyError::TooLarge));
        errors.push(ApiError::App(AppError::RateLimited { retry_after_s: 12 }));
        errors.extend(Listed::errors());
        errors.extend(Store::errors());
        errors.extend(Deadline::errors());
        errors
    };

    /// The signature, and the memory of used ones.
    Signed => {
        let mut errors: Vec<ApiError> = [
            SignatureError::Missing,
            SignatureError::OutsideWindow,
            SignatureError::Mismatch,
            SignatureError::Replayed,
            SignatureError::NoKey,
        ].into_iter().map(ApiError::Signature).collect();
        errors.push(ApiError::Body(BodyError::Broken("the body broke off".into())));
        errors.extend(out_or_busy(Dependency::Secrets));
        errors.extend(Store::errors());
        errors
    };

    /// A body that must be JSON of a certain form.
    JsonBody => [
        BodyError::TooLarge,
        BodyError::NotJson,
        BodyError::Malformed(serde_json::Error::custom("not what the call takes")),
        BodyError::Broken("the body broke off".into()),
    ].into_iter().map(ApiError::Body).collect();

    /// The counters of a user.
    Quota => [Period::Day, Period::Month]
        .map(|period| ApiError::App(AppError::QuotaExceeded { period, resets_in_s: 43_200 }))
        .into();

    /// Tables.
    Store => out_or_busy(Dependency::Store);
    /// Objects.
    Files => out_or_busy(Dependency::Files);
    /// Retrieval.
    Search => out_or_busy(Dependency::Search);
    /// The language model.
    Model => out_or_busy(Dependency::Model);
    /// The process that reads documents: out, but it never asks us to slow down.
    Reader => vec![ApiError::App(AppError::Port(unavailable(Dependency::Reader)))];

    /// An id of nothing, or of another user's.
    Absent => vec![ApiError::App(AppError::NotFound)];

    /// `limit` and `cursor`.
    PageParameters => inputs(["limit", "cursor", "query"].map(InputError::Parameter));
    /// `days`.
    DaysParameter => inputs(["days", "query"].map(InputError::Parameter));

    /// A typed question.
    TypedQuestion => inputs([
        InputError::Question(NotAQuestion::Empty),
        InputError::Question(NotAQuestion::TooLong),
        InputError::Question(NotAQuestion::ControlCharacter),
    ]);

    /// A spoken question, beside what transcribing it leads to.
    SpokenQuestion => inputs([InputError::TypedAndSpoken]);

    /// The name of a recording.
    RecordingName => inputs([InputError::FileName]);

    /// A recording, its bucket and its transcription.
    Transcription => {
        let mut errors = inputs([
            InputError::AudioType,
            InputError::Base64(DecodeError::InvalidPadding),
            InputError::EmptyFile,
            InputError::AudioTooLarge,
            InputError::Audio(NotAudio::OtherType),
            InputError::Audio(NotAudio::Unreadable { source: None }),
            InputError::Audio(NotAudio::TooShort),
            InputError::Audio(NotAudio::TooLong),
            InputError::NoSpeech,
        ]);
        errors.push(ApiError::App(AppError::VoiceBusy));
        errors.extend(Files::errors());
        errors.extend(out_or_busy(Dependency::Transcriber));
        errors
    };

    /// The file of an upload.
    ManualFile => inputs([
        InputError::FileName,
        InputError::Base64(DecodeError::InvalidPadding),
        InputError::EmptyFile,
        InputError::FileTooLarge,
        InputError::ContentType,
        InputError::Document(NotADocument::OtherType),
        InputError::Document(NotADocument::Unreadable { source: None }),
    ]);

    /// The file that is announced.
    AnnouncedFile => inputs([
        InputError::FileName,
        InputError::ContentType,
        InputError::FileTooSmall,
        InputError::FileTooLarge,
        InputError::Checksum,
    ]);

    /// The file at a URL, and the way to it.
    FetchedFile => {
        let mut errors = inputs([
            InputError::FileName,
            InputError::Url,
            InputError::UrlNotAllowed,
            InputError::EmptyFile,
            InputError::FileTooLarge,
            InputError::ContentType,
            InputError::Document(NotADocument::OtherType),
            InputError::Document(NotADocument::Unreadable { source: None }),
        ]);
        errors.push(ApiError::App(AppError::DownloadFailed(NoDownload::Slow)));
        errors
    };

    /// The file that was announced and written.
    WrittenFile => {
        let mut errors = inputs([
            InputError::Document(NotADocument::OtherType),
            InputError::Document(NotADocument::Unreadable { source: None }),
        ]);
        errors.push(ApiError::App(AppError::UploadIncomplete));
        errors.push(ApiError::App(AppError::UploadMismatch));
        errors
    };

    /// The header `Idempotency-Key`.
    IdempotencyKey => {
        let mut errors = inputs([InputError::IdempotencyKey]);
        errors.push(ApiError::App(AppError::IdempotencyKeyReused));
        errors.push(ApiError::App(AppError::IdempotencyKeyOfDeleted));
        errors
    };
}

fn inputs<const N: usize>(errors: [InputError; N]) -> Vec<ApiError> {
    errors.map(|error| ApiError::App(AppError::Input(error))).into()
}

fn out_or_busy(dependency: Dependency) -> Vec<ApiError> {
    let busy = PortError::new(dependency, "any", PortErrorKind::Throttled);
    [unavailable(dependency), busy].map(|error| ApiError::App(AppError::Port(error))).into()
}

fn unavailable(dependency: Dependency) -> PortError {
    PortError::new(dependency, "any", PortErrorKind::Unavailable)
}
