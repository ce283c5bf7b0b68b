//! How Manuel says no, in the words of a user: what each phrase means in the contract stands in one table.

use manuel_client::Request;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::params::Who;
use super::super::world::FeatureWorld;

/// What a feature calls a refusal → status and code (api.md, "Errors").
const REASONS: &[(&str, u16, &str)] = &[
    ("the question is empty", 400, "question_empty"),
    ("the question is too long", 400, "question_too_long"),
    ("the question cannot be read", 400, "question_invalid"),
    ("the question is both typed and spoken", 400, "question_ambiguous"),
    ("the recording is empty", 400, "file_empty"),
    ("the recording is garbled", 400, "file_data_invalid"),
    ("the recording is too large", 413, "audio_too_large"),
    ("the recording is of no type that is taken", 415, "unsupported_content_type"),
    ("the recording is not what it is called", 415, "content_type_mismatch"),
    ("the recording cannot be read", 422, "audio_unreadable"),
    ("the recording is too short", 422, "audio_too_short"),
    ("the recording is too long", 422, "audio_too_long"),
    ("nothing was said", 422, "no_speech"),
    ("the day's questions are used up", 429, "daily_quota_exceeded"),
    ("the month's questions are used up", 429, "monthly_quota_exceeded"),
    ("there were too many calls", 429, "rate_limited"),
    ("it is not there", 404, "not_found"),
    ("the file is empty", 400, "file_empty"),
    ("the file is too large", 413, "file_too_large"),
    ("the file is too small for a link", 400, "file_too_small"),
    ("the file was garbled", 400, "file_data_invalid"),
    ("the file is not what it is called", 415, "content_type_mismatch"),
    ("files of this type are not taken", 415, "unsupported_content_type"),
    ("the file cannot be read", 422, "manual_unreadable"),
    ("the name cannot be one", 400, "filename_invalid"),
    ("the checksum cannot be one", 400, "checksum_invalid"),
    ("the key cannot be one", 400, "idempotency_key_invalid"),
    ("the key was used for another upload", 409, "idempotency_key_reused"),
    ("the manual of this key was deleted", 409, "manual_deleted"),
    ("the file is not there yet", 409, "upload_incomplete"),
    ("nothing came from that address", 422, "download_failed"),
    ("the address is none", 400, "url_invalid"),
    ("the address is not allowed", 400, "url_not_allowed"),
    ("no page has that size", 400, "limit_invalid"),
    ("the list does not go on there", 400, "cursor_invalid"),
    ("nobody is signed in", 401, "token_missing"),
    ("the session is not valid", 401, "token_invalid"),
    ("the session has ended", 401, "token_expired"),
    ("the call is not signed", 401, "signature_missing"),
    ("the signature is not valid", 401, "signature_invalid"),
    ("the signature is out of time", 401, "signature_expired"),
    ("the signature was used before", 401, "signature_replayed"),
    ("the place is not allowed", 403, "address_not_allowed"),
    ("there is no such call", 404, "no_such_route"),
    ("the call is made in another way", 405, "method_not_allowed"),
    ("the model is overloaded", 429, "model_throttled"),
    ("the model is out", 503, "model_unavailable"),
    ("the search is overloaded", 429, "search_throttled"),
    ("the search is out", 503, "search_unavailable"),
    ("the counters are overloaded", 429, "store_throttled"),
    ("the counters are out", 503, "store_unavailable"),
    ("the files are overloaded", 429, "files_throttled"),
    ("the files are out", 503, "files_unavailable"),
    ("the transcription is overloaded", 429, "transcription_throttled"),
    ("the transcription is out", 503, "transcription_unavailable"),
];

steps! {
    /// The last request was refused for this reason.
    Then "{who} is refused because {text}" (world, who: Who, reason: String) => refused(world, who, reason);

    /// Asks a typed question, which has to be refused for this reason.
    Then "{who} is refused because {text} when asking {text}"
        (world, who: Who, reason: String, question: String) => asks_in_vain(world, who, reason, question);
}

async fn asks_in_vain(
    world: &mut FeatureWorld,
    who: Who,
    reason: String,
    question: String,
) -> StepResult {
    world.send(&who, Request::Query { question }).await?;
    refused(world, who, reason).await
}

async fn refused(world: &mut FeatureWorld, who: Who, reason: String) -> StepResult {
    let known = REASONS.iter().find(|(name, ..)| *name == reason);
    let (_, status, code) = known.ok_or_else(|| {
        let reasons: Vec<&str> = REASONS.iter().map(|(name, ..)| *name).collect();
        StepError::lost(format!(
            "no reason is called \"{reason}\"; there are: {}",
            reasons.join(", ")
        ))
    })?;
    world.seen(&who)?.refused_with(*status, code).map(drop)
}
