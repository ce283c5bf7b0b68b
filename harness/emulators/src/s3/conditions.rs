//! Conditional requests: `If-Match`, `If-None-Match` and the two dates, of writes, reads and copies.
use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};
use time::OffsetDateTime;

use crate::s3::memory::{BucketState, Object};

/// The conditions of a write: `If-None-Match: *` and `If-Match`.
pub(super) fn precondition(
    bucket: &BucketState,
    key: &str,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let held = bucket.objects.get(key).map(|object| ETag::Strong(object.etag.clone()));
    match (if_match, &held) {
        (Some(_), None) => {
            return Err(s3_error!(NoSuchKey, "The specified key does not exist."));
        }
        (Some(ETagCondition::ETag(wanted)), Some(held)) if !held.strong_cmp(wanted) => {
            return Err(failed());
        }
        _ => {}
    }
    match if_none_match {
        Some(ETagCondition::Any) if held.is_some() => Err(failed()),
        Some(ETagCondition::ETag(_)) => Err(s3_error!(
            NotImplemented,
            "A header you provided implies functionality that is not implemented"
        )),
        _ => Ok(()),
    }
}

type ByTag<'a> = (Option<&'a ETagCondition>, Option<&'a ETagCondition>);
type ByTime = (Option<Timestamp>, Option<Timestamp>);

/// The conditions of a read (RFC 9110, section 13): an entity tag outranks a date.
pub(super) fn conditions(object: &Object, tags: ByTag<'_>, times: ByTime) -> S3Result<()> {
    match judge(object, tags, times) {
        Judged::Passed => Ok(()),
        Judged::Failed => Err(failed()),
        Judged::NotModified => {
            let mut error = s3_error!(NotModified, "Not Modified");
            error.set_status_code(http::StatusCode::NOT_MODIFIED);
            Err(error)
        }
    }
}

/// The same of a copy's source, where "not modified" is a failure too.
pub(super) fn conditions_of_copy(object: &Object, tags: ByTag<'_>, times: ByTime) -> S3Result<()> {
    match judge(object, tags, times) {
        Judged::Passed => Ok(()),
        Judged::Failed | Judged::NotModified => Err(failed()),
    }
}

enum Judged {
    Passed,
    Failed,
    NotModified,
}

fn judge(object: &Object, (wanted, unwanted): ByTag<'_>, (since, until): ByTime) -> Judged {
    let held = ETag::Strong(object.etag.clone());
    // Dates on the wire have whole seconds.
    let modified = object.modified_ms.div_euclid(1000);
    let seconds = |time: Timestamp| OffsetDateTime::from(time).unix_timestamp();
    let matched = match wanted {
        Some(ETagCondition::ETag(wanted)) => held.strong_cmp(wanted),
        Some(ETagCondition::Any) => true,
        None => until.is_none_or(|until| modified <= seconds(until)),
    };
    if !matched {
        return Judged::Failed;
    }
    let unmodified = match unwanted {
        Some(ETagCondition::ETag(unwanted)) => held.weak_cmp(unwanted),
        Some(ETagCondition::Any) => true,
        None => since.is_some_and(|since| modified <= seconds(since)),
    };
    if unmodified { Judged::NotModified } else { Judged::Passed }
}

fn failed() -> s3s::S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}
