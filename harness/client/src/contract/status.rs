//! Which statuses a route documents, and where `Retry-After` stands (api.md, "Routes" and "Errors are flat").

use http::Method;

use super::{ContractBreach, ContractRule};
use crate::exchange::Exchange;
use crate::request::Request;

/// What the layers before every `/api` route may answer.
const LAYERS: &[u16] = &[400, 401, 403, 429, 503, 504];
/// What a route that reads a body may answer besides.
const BODY: &[u16] = &[413, 415];
/// `Retry-After` of everything but a quota, in seconds.
const RETRY_AFTER_S: std::ops::RangeInclusive<u64> = 1..=60;
/// A monthly quota's reset is at most this far away.
const QUOTA_RESET_S: std::ops::RangeInclusive<u64> = 1..=31 * 24 * 3600;

/// Reports a 2xx that is not the route's own.
pub(super) fn check_success(request: &Request, status: u16, breaches: &mut Vec<ContractBreach>) {
    if !success_of(request).contains(&status) {
        breaches.push(undocumented(request, status));
    }
}

/// Reports a refusal or failure that the route does not document.
pub(super) fn check_failure(request: &Request, status: u16, breaches: &mut Vec<ContractBreach>) {
    if !failures_of(request).iter().any(|some| some.contains(&status)) {
        breaches.push(undocumented(request, status));
    }
}

/// 429 and 503 say when to come again: 1 to 60 s; a quota's own 429 says its reset.
pub(super) fn check_retry_after(
    exchange: &Exchange,
    code: Option<&str>,
    breaches: &mut Vec<ContractBreach>,
) {
    let present = exchange.headers.contains_key("retry-after");
    if !present && !matches!(exchange.status, 429 | 503) {
        return;
    }
    let quota = exchange.status == 429 && code.is_some_and(|code| code.contains("quota"));
    let range = if quota { QUOTA_RESET_S } else { RETRY_AFTER_S };
    let detail = match exchange.retry_after_s() {
        Some(seconds) if range.contains(&seconds) => return,
        Some(seconds) => {
            format!("retry-after is {seconds} s, wanted {} to {}", range.start(), range.end())
        }
        None if present => "retry-after is not a whole number of seconds".to_owned(),
        None => format!("{} without retry-after", exchange.status),
    };
    breaches.push(ContractBreach::new(ContractRule::RetryAfter, detail));
}

fn undocumented(request: &Request, status: u16) -> ContractBreach {
    let detail = format!("{} does not document status {status}", request.kind());
    ContractBreach::new(ContractRule::Status, detail)
}

fn success_of(request: &Request) -> &'static [u16] {
    match request {
        Request::UploadManual { .. }
        | Request::AnnounceManual { .. }
        | Request::CompleteManual { .. }
        | Request::DownloadManual { .. } => &[201],
        Request::DeleteManual { .. } => &[204],
        Request::Raw { method, .. } if *method == Method::OPTIONS => &[204],
        Request::Raw { .. } => &[200, 201, 204],
        Request::Health
        | Request::DeepHealth
        | Request::Version
        | Request::Query { .. }
        | Request::VoiceQuery { .. }
        | Request::Transcribe { .. }
        | Request::ListManuals { .. }
        | Request::GetManual { .. }
        | Request::Usage { .. }
        | Request::Quota
        | Request::IngestionStatus
        | Request::IngestionJob { .. } => &[200],
    }
}

fn failures_of(request: &Request) -> &'static [&'static [u16]] {
    match request {
        // They pass the limits and ask no dependency.
        Request::Health | Request::Version => &[],
        // It passes the limits, and tells of what is out in a body of its own.
        Request::DeepHealth => &[&[403, 503, 504]],
        Request::Query { .. } => &[LAYERS, BODY],
        Request::VoiceQuery { .. }
        | Request::Transcribe { .. }
        | Request::DownloadManual { .. } => &[LAYERS, BODY, &[422]],
        Request::UploadManual { .. } => &[LAYERS, BODY, &[409, 422]],
        // Nothing is read before the file is there.
        Request::AnnounceManual { .. } => &[LAYERS, BODY, &[409]],
        Request::CompleteManual { .. } => &[LAYERS, BODY, &[404, 409, 422]],
        Request::ListManuals { .. }
        | Request::Usage { .. }
        | Request::Quota
        | Request::IngestionStatus => &[LAYERS],
        Request::GetManual { .. } | Request::IngestionJob { .. } => &[LAYERS, &[404]],
        Request::DeleteManual { .. } => &[LAYERS, &[404, 409]],
        Request::Raw { .. } => &[LAYERS, BODY, &[404, 405, 409, 422]],
    }
}
