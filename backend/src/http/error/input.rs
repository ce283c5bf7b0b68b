//! What a client is told about input that cannot be used.

use http::StatusCode;

use super::{Told, told};
use crate::app::error::InputError;
use crate::domain::audio::NotAudio;
use crate::domain::document::NotADocument;
use crate::domain::question::NotAQuestion;

pub(super) fn tell_input(error: &InputError) -> Told {
    let bad = |code, sentence| told(StatusCode::BAD_REQUEST, code, sentence);
    match error {
        InputError::Question(error) => tell_question(*error),
        InputError::FileName => bad(
            "filename_invalid",
            "The file name must have 1 to 255 characters, none of them a control character.",
        ),
        InputError::Base64(_) => bad("file_data_invalid", "The file's data is not base64."),
        InputError::EmptyFile => bad("file_empty", "The file is empty."),
        InputError::IdempotencyKey => bad(
            "idempotency_key_invalid",
            "The idempotency key must have 1 to 128 visible ASCII characters.",
        ),
        InputError::Parameter(name) => tell_parameter(name),
        InputError::FileTooLarge => told(
            StatusCode::PAYLOAD_TOO_LARGE,
            "file_too_large",
            "The file is larger than one upload may be.",
        ),
        InputError::FileTooSmall => bad(
            "file_too_small",
            "Files of up to 4 MB are sent with the upload itself, not by URL.",
        ),
        InputError::Url => bad("url_invalid", "The address is not one that can be fetched from."),
        InputError::UrlNotAllowed => bad(
            "url_not_allowed",
            "Manuals are fetched from public https addresses only, without port and credentials.",
        ),
        InputError::Checksum => {
            bad("checksum_invalid", "The checksum must be a SHA-256 in 64 hexadecimal digits.")
        }
        InputError::ContentType => told(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            "A manual must be PDF, plain text or Markdown.",
        ),
        InputError::Document(NotADocument::OtherType) => told(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type_mismatch",
            "The file is not of the type that it is said to be.",
        ),
        InputError::Document(NotADocument::Unreadable { .. }) => {
            told(StatusCode::UNPROCESSABLE_ENTITY, "manual_unreadable", "The file cannot be read.")
        }
        InputError::TypedAndSpoken => {
            bad("question_ambiguous", "Please either type the question or speak it.")
        }
        InputError::AudioType => told(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            "A recording must be WAV, MP4, MPEG, WebM or FLAC.",
        ),
        InputError::AudioTooLarge => told(
            StatusCode::PAYLOAD_TOO_LARGE,
            "audio_too_large",
            "The recording is larger than 4 MB.",
        ),
        InputError::Audio(error) => tell_audio(error),
        InputError::NoSpeech => told(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no_speech",
            "Nothing was said in the recording.",
        ),
    }
}

fn tell_question(error: NotAQuestion) -> Told {
    let (code, sentence) = match error {
        NotAQuestion::Empty => ("question_empty", "Please ask a question."),
        NotAQuestion::TooLong => {
            ("question_too_long", "The question is longer than 1000 characters.")
        }
        NotAQuestion::ControlCharacter => {
            ("question_invalid", "The question holds a character that is not text.")
        }
    };
    told(StatusCode::BAD_REQUEST, code, sentence)
}

fn tell_parameter(name: &str) -> Told {
    let (code, sentence) = match name {
        "limit" => ("limit_invalid", "The limit must be 1 to 100."),
        "days" => ("days_invalid", "The days must be 1 to 90."),
        "cursor" => ("cursor_invalid", "The cursor is not one that was given out."),
        _ => ("parameter_invalid", "A parameter of the address cannot be read."),
    };
    told(StatusCode::BAD_REQUEST, code, sentence)
}

fn tell_audio(error: &NotAudio) -> Told {
    let unusable = |code, sentence| told(StatusCode::UNPROCESSABLE_ENTITY, code, sentence);
    match error {
        NotAudio::OtherType => told(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type_mismatch",
            "The recording is not of the type that it is said to be.",
        ),
        NotAudio::Unreadable { .. } => {
            unusable("audio_unreadable", "The recording cannot be read.")
        }
        NotAudio::TooShort => {
            unusable("audio_too_short", "The recording is shorter than half a second.")
        }
        NotAudio::TooLong => unusable("audio_too_long", "The recording is longer than a minute."),
    }
}
