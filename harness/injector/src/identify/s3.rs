//! S3 is asked by method, path and sub-resource.
//!
//! Source: the request syntax of each operation in the S3 API reference; "Virtual hosting of buckets" for the host.
use http::header;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::Target;

/// What `head` asks.
pub(super) fn target(head: &Parts) -> Option<Target> {
    let path = head.uri.path().trim_start_matches('/');
    let (bucket, key) = match virtual_host(head) {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let asked: Vec<String> =
        url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect();
    let has = |name: &str| asked.iter().any(|one| one == name);
    let copies = head.headers.contains_key("x-amz-copy-source");
    let in_bucket = key.is_empty();
    let operation = match (head.method.as_str(), in_bucket) {
        ("GET", true) if has("uploads") => "ListMultipartUploads",
        ("GET", true) => "ListObjectsV2",
        ("HEAD", true) => "HeadBucket",
        ("POST", true) if has("delete") => "DeleteObjects",
        ("GET", false) if has("attributes") => "GetObjectAttributes",
        ("GET", false) if has("tagging") => "GetObjectTagging",
        ("GET", false) if has("uploadId") => "ListParts",
        ("GET", false) => "GetObject",
        ("HEAD", false) => "HeadObject",
        ("PUT", false) if has("tagging") => "PutObjectTagging",
        ("PUT", false) if has("partNumber") => "UploadPart",
        ("PUT", false) if copies => "CopyObject",
        ("PUT", false) => "PutObject",
        ("POST", false) if has("uploads") => "CreateMultipartUpload",
        ("POST", false) if has("uploadId") => "CompleteMultipartUpload",
        ("DELETE", false) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", false) => "DeleteObject",
        _ => return None,
    };
    let bucket = percent_decode_str(bucket).decode_utf8_lossy().into_owned();
    (!bucket.is_empty()).then(|| Target {
        operation: operation.to_owned(),
        resource: Some(bucket),
        tokens: None,
    })
}

/// The bucket, where the host names it.
fn virtual_host(head: &Parts) -> Option<&str> {
    let host = head.headers.get(header::HOST)?.to_str().ok()?;
    let at = host.find(".s3.").or_else(|| host.find(".s3-"))?;
    Some(&host[..at])
}
