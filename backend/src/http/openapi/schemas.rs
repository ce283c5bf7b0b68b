//! Pieces of schemas that a derive cannot know: closed lists of words, patterns with a name.

use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::breaker::State;
use crate::domain::audio::{AUDIO_BYTES_MAX, AudioType};
use crate::domain::document::{DocumentType, UPLOAD_BYTES_MAX};
use crate::domain::manual::ManualStatus;
use crate::domain::question::QUESTION_CHARS_MAX;

/// Lower-case UUIDs, as ours are.
pub(super) const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// Standard base64 of at least one byte, padded, no bit of it unused: each file has one encoding.
const BASE64: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)$";

/// Half a second of silence (FLAC): a real recording, which says in its comment what the emulator of the transcriber hears.
pub(in crate::http) const RECORDING: &str = "ZkxhQwAAACIQABAAAAAAAAAAAfQA8AAAEAAIKfcXQKqxq5izPq4h3uEihAAAPwAAAAABAAAAMwAAAENPTU1FTlQ9bWFudWVsLXNwZWVjaDpIb3cgZG8gSSBkZXNjYWxlIHRoZSBrZXR0bGU/AP/4xAgABAAAAPhU";

/// Something visible, and no control character other than a tab or a line end.
const QUESTION: &str = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$";

/// Something visible, and no control character.
const FILE_NAME: &str = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$";

/// `{id}`
#[derive(Debug)]
pub(in crate::http) enum PathId {}

impl IntoParams for PathId {
    fn into_params(_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = ParameterBuilder::new()
            .name("id")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(
                "An id that was given out; any other is answered as one that is not there.",
            ))
            .schema(Some(uuid()))
            .example(Some("5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab".into()));
        vec![id.build()]
    }
}

fn text(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

pub(in crate::http) fn uuid() -> Object {
    formatted("uuid").pattern(Some(UUID)).build()
}

pub(in crate::http) fn uri() -> Object {
    formatted("uri").build()
}

/// What is in it is nobody's business but ours.
pub(in crate::http) fn cursor() -> Object {
    let says = "Opaque: the `next_cursor` of the page before.";
    formatted("cursor").description(Some(says)).build()
}

fn formatted(format: &str) -> ObjectBuilder {
    let format = SchemaFormat::Custom(format.to_owned());
    ObjectBuilder::new().schema_type(Type::String).format(Some(format))
}

pub(in crate::http) fn public_url() -> Object {
    text(r"^[Hh][Tt][Tt][Pp][Ss]://[^@#\x00-\x1F\x7F-\x9F]+$")
        .format(Some(SchemaFormat::Custom("uri".to_owned())))
        .max_length(Some(2048))
        .description(Some(
            "Of a public server: https on its own port, without credentials, fragment and control characters.",
        ))
        .build()
}

pub(in crate::http) fn sha256() -> Object {
    text("^[0-9a-f]{64}$").build()
}

pub(in crate::http) fn any_case_sha256() -> Object {
    text("^[0-9A-Fa-f]{64}$").description(Some("Of the file.")).build()
}

pub(in crate::http) fn question() -> Object {
    text(QUESTION)
        .min_length(Some(1))
        .max_length(Some(QUESTION_CHARS_MAX))
        .description(Some("Trimmed; control characters other than tabs and line ends are refused."))
        .build()
}

pub(in crate::http) fn file_name() -> Object {
    text(FILE_NAME)
        .min_length(Some(1))
        .max_length(Some(255))
        .description(Some("Trimmed; it is what sources are called by."))
        .build()
}

/// A name that is checked and not used; `null` is none.
pub(in crate::http) fn optional_file_name() -> Object {
    let mut name = file_name();
    name.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    name.description = Some("Checked and not used: nothing is stored by this name.".to_owned());
    name
}

/// What must not be there; `null` is as good as nothing.
pub(in crate::http) fn nothing() -> Object {
    ObjectBuilder::new().schema_type(Type::Null).build()
}

pub(in crate::http) fn ignored_text() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("Not looked at."))
        .build()
}

pub(in crate::http) fn manual_data() -> Object {
    text(BASE64)
        .content_encoding("base64")
        .min_length(Some(4))
        .max_length(Some(UPLOAD_BYTES_MAX / 3 * 4))
        .description(Some("The file: at most 4 500 000 bytes before encoding."))
        .build()
}

pub(in crate::http) fn audio_data() -> Object {
    text(BASE64)
        .content_encoding("base64")
        .min_length(Some(4))
        .max_length(Some(AUDIO_BYTES_MAX.div_ceil(3) * 4))
        .description(Some(
            "The recording: at most 4 MiB before encoding, half a second to a minute.",
        ))
        .build()
}

pub(in crate::http) fn audio_type() -> Object {
    let types: Vec<&str> = AudioType::ALL.iter().map(|audio| audio.content_type()).collect();
    text(&format!("^({})(;.*)?$", types.join("|")))
        .description(Some("Parameters are ignored."))
        .build()
}

/// A closed list of words.
pub(super) fn one_of(words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

pub(in crate::http) fn stage() -> Object {
    one_of(["local", "dev", "staging", "production"])
}

pub(in crate::http) fn health() -> Object {
    one_of(["ok", "degraded", "down"])
}

pub(in crate::http) fn check() -> Object {
    one_of(["ok", "down"])
}

pub(in crate::http) fn breaker() -> Object {
    one_of([State::Closed, State::HalfOpen, State::Open].map(State::as_str))
}

pub(in crate::http) fn cache_status() -> Object {
    one_of(["hit", "miss"])
}

pub(in crate::http) fn manual_status() -> Object {
    let all = [ManualStatus::Processing, ManualStatus::Ready, ManualStatus::Failed];
    one_of(all.map(ManualStatus::as_str))
}

pub(in crate::http) fn manual_type() -> Object {
    let all = [DocumentType::Pdf, DocumentType::Text, DocumentType::Markdown];
    one_of(all.map(DocumentType::content_type))
}

pub(in crate::http) fn job_status() -> Object {
    one_of(["queued", "running", "complete", "failed"])
}
