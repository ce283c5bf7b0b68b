//! What an answer repeats of its request has to be what was sent: the file, and the id that was asked about.

use sha2::{Digest as _, Sha256};

use super::Parsed;
use crate::request::Request;

/// Where the answer contradicts the request, one sentence each.
pub(super) fn contradictions(request: &Request, parsed: &Parsed) -> Vec<String> {
    let mut wrong = Vec::new();
    if let (Request::UploadManual { bytes, .. }, Parsed::Uploaded(answer)) = (request, parsed) {
        if u64::try_from(bytes.len()).ok() != Some(answer.size) {
            wrong.push(format!("size is {}, {} bytes were sent", answer.size, bytes.len()));
        }
        if hex::encode(Sha256::digest(bytes)) != answer.sha256 {
            wrong.push("sha256 is not that of what was sent".to_owned());
        }
    }
    if let Parsed::Uploaded(answer) = parsed
        && answer.status != "processing"
    {
        wrong.push(format!("status is {:?}, not processing", answer.status));
    }
    if let Parsed::Announced(answer) = parsed
        && !["https://", "http://"].iter().any(|scheme| answer.upload_url.starts_with(scheme))
    {
        wrong.push("upload_url is no url".to_owned());
    }
    if let (Some(asked), Some(told)) = (asked_about(request), told_about(parsed))
        && asked != told
    {
        wrong.push(format!("the answer is about {told:?}, not about {asked:?}"));
    }
    wrong
}

/// The id in the request's path.
fn asked_about(request: &Request) -> Option<&str> {
    if let Request::GetManual { id }
    | Request::CompleteManual { id }
    | Request::IngestionJob { id } = request
    {
        Some(id)
    } else {
        None
    }
}

/// The id of what the answer describes.
fn told_about(parsed: &Parsed) -> Option<&str> {
    if let Parsed::Manual(manual) = parsed {
        Some(&manual.row.id)
    } else if let Parsed::Uploaded(uploaded) = parsed {
        Some(&uploaded.manual_id)
    } else if let Parsed::IngestionJob(job) = parsed {
        Some(&job.job_id)
    } else {
        None
    }
}
