//! Objects of manuals in S3. Each is sent with its SHA-256, so that what is stored is what was meant.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, Object};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::timeout::TimeoutConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::aws::error::{other, port_error};
use crate::context::dependency;
use crate::domain::leftovers::StoredObject;
use crate::many_bytes;
use crate::ports::{
    Dependency, FileStore, Listing, ObjectFacts, Parts, PortError, PortErrorKind, PortFuture,
    PresignedPut, PromisedObject,
};
use crate::spool::{Spooled, disk_error};

/// Bound of one attempt to write a large file; that of the whole call.
const LARGE_WITHIN: Duration = Duration::from_secs(8);

/// The most pages without an object that a listing follows: a store may give some where much was deleted.
const EMPTY_PAGES_MAX: usize = 20;

/// One bucket.
#[derive(Debug)]
pub(super) struct S3Manuals {
    client: Client,
    bucket: String,
}

impl S3Manuals {
    pub(super) fn new(client: Client, bucket: &str) -> Self {
        Self { client, bucket: bucket.to_owned() }
    }
}

/// A large file takes one attempt as long as the whole call may take: two seconds would ask for 200 Mbit/s.
fn patient() -> aws_sdk_s3::config::Builder {
    let bounds = TimeoutConfig::builder().operation_attempt_timeout(LARGE_WITHIN).build();
    aws_sdk_s3::config::Builder::new().timeout_config(bounds)
}

/// A hex SHA-256 as S3 has it.
fn to_base64(sha256: &str) -> Result<String, PortError> {
    let bytes = hex::decode(sha256);
    let kind = PortErrorKind::Corrupt;
    bytes
        .map(|bytes| STANDARD.encode(bytes))
        .map_err(|error| other(Dependency::Files, "reading a checksum", kind, error))
}

/// The other way; what is no checksum of a whole object is none.
fn to_hex(sha256: &str) -> Option<String> {
    STANDARD.decode(sha256).ok().map(hex::encode)
}

fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl FileStore for S3Manuals {
    fn put<'a>(&'a self, key: &'a str, content_type: &'a str, bytes: Bytes) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let hashed = bytes.clone();
            let checksum =
                many_bytes::over(bytes.len(), move || STANDARD.encode(Sha256::digest(&hashed)));
            let checksum = checksum.await;
            let call = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .content_type(content_type)
                .checksum_sha256(checksum)
                .body(ByteStream::from(bytes));
            let put = Box::pin(dependency(call.send())).await;
            put.map(drop).map_err(|error| port_error(Dependency::Files, "PutObject", error))
        })
    }

    fn get<'a>(&'a self, key: &'a str, bytes_max: usize) -> PortFuture<'a, Bytes> {
        Box::pin(async move {
            let call = self.client.get_object().bucket(&self.bucket).key(key);
            let got = dependency(call.send()).await;
            let got = got.map_err(|error| port_error(Dependency::Files, "GetObject", error))?;
            let mut body = got.body;
            let mut bytes = Vec::new();
            while let Some(part) = dependency(body.next()).await {
                let part = part.map_err(|error| {
                    other(Dependency::Files, "GetObject", PortErrorKind::Unavailable, error)
                })?;
                bytes.extend_from_slice(&part);
                if bytes.len() > bytes_max {
                    let kind = PortErrorKind::Corrupt;
                    return Err(PortError::new(Dependency::Files, "GetObject", kind));
                }
            }
            Ok(Bytes::from(bytes))
        })
    }

    fn put_file<'a>(
        &'a self,
        key: &'a str,
        content_type: &'a str,
        file: &'a Spooled,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let body = ByteStream::from_path(file.path()).await;
            let body = body.map_err(|error| disk_error(std::io::Error::other(error)))?;
            let call = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .content_type(content_type)
                .content_length(length(file.size))
                .checksum_sha256(to_base64(&file.sha256)?)
                .body(body)
                .customize()
                .config_override(patient());
            let put = Box::pin(dependency(call.send())).await;
            put.map(drop).map_err(|error| port_error(Dependency::Files, "PutObject", error))
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<ObjectFacts>> {
        Box::pin(async move {
            let call = self
                .client
                .head_object()
                .bucket(&self.bucket)
                .key(key)
                .checksum_mode(ChecksumMode::Enabled);
            match dependency(call.send()).await {
                Ok(head) => Ok(Some(ObjectFacts {
                    size: head.content_length().and_then(|n| n.try_into().ok()).unwrap_or(0),
                    sha256: head.checksum_sha256().and_then(to_hex),
                })),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(port_error(Dependency::Files, "HeadObject", error)),
            }
        })
    }

    fn fetch<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Parts>> {
        Box::pin(async move {
            let call = self.client.get_object().bucket(&self.bucket).key(key);
            match dependency(call.send()).await {
                Ok(got) => Ok(Some(parts(got.body))),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(port_error(Dependency::Files, "GetObject", error)),
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let call = self.client.delete_object().bucket(&self.bucket).key(key);
            let deleted = dependency(call.send()).await;
            deleted.map(drop).map_err(|error| port_error(Dependency::Files, "DeleteObject", error))
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u16,
    ) -> PortFuture<'a, Listing> {
        Box::pin(async move {
            let corrupt =
                || PortError::new(Dependency::Files, "ListObjectsV2", PortErrorKind::Corrupt);
            let mut token = None;
            for _page in 0..EMPTY_PAGES_MAX {
                let call = self
                    .client
                    .list_objects_v2()
                    .bucket(&self.bucket)
                    .prefix(prefix)
                    .set_start_after(after.map(str::to_owned))
                    .set_continuation_token(token)
                    .max_keys(i32::from(limit));
                let listed = dependency(call.send()).await;
                let listed = listed
                    .map_err(|error| port_error(Dependency::Files, "ListObjectsV2", error))?;
                let objects = listed.contents().iter().map(stored).collect::<Option<Vec<_>>>();
                let objects = objects.ok_or_else(corrupt)?;
                let more = listed.is_truncated().unwrap_or(false);
                if !(objects.is_empty() && more) {
                    return Ok(Listing { objects, more });
                }
                // No key to go on from: only the store's own token leads further.
                token = Some(listed.next_continuation_token.ok_or_else(corrupt)?);
            }
            Err(corrupt())
        })
    }

    fn presign<'a>(
        &'a self,
        key: &'a str,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, String> {
        Box::pin(async move {
            let call = self.client.get_object().bucket(&self.bucket).key(key);
            let presigned = call.presigned(presigning(start, valid)?).await;
            presigned
                .map(|request| request.uri().to_owned())
                .map_err(|error| port_error(Dependency::Files, "presigning", error))
        })
    }

    fn presign_put<'a>(
        &'a self,
        promised: &'a PromisedObject,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, PresignedPut> {
        Box::pin(async move {
            let call = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(&promised.key)
                .content_type(promised.content_type)
                .content_length(length(promised.size))
                .checksum_sha256(to_base64(&promised.sha256)?);
            let presigned = call.presigned(presigning(start, valid)?).await;
            let presigned =
                presigned.map_err(|error| port_error(Dependency::Files, "presigning", error))?;
            // The trace is added after signing: it is ours, and no part of what the client must send.
            let bound = |name: &str| name.starts_with("content-") || name.starts_with("x-amz-");
            let headers = presigned.headers();
            let headers = headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .filter(|(name, _)| bound(name));
            Ok(PresignedPut { url: presigned.uri().to_owned(), headers: headers.collect() })
        })
    }

    fn probe(&self) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let call = self.client.head_bucket().bucket(&self.bucket);
            let answered = dependency(call.send()).await;
            answered.map(drop).map_err(|error| port_error(Dependency::Files, "HeadBucket", error))
        })
    }
}

fn presigning(start: OffsetDateTime, valid: Duration) -> Result<PresigningConfig, PortError> {
    let config = PresigningConfig::builder().start_time(start.into()).expires_in(valid).build();
    let kind = PortErrorKind::Corrupt;
    config.map_err(|error| other(Dependency::Files, "presigning", kind, error))
}

/// An object's bytes as they come; waiting for them is waiting for the store.
fn parts(body: ByteStream) -> Parts {
    let next = |mut body: ByteStream| async {
        let part = dependency(body.try_next()).await.map_err(|error| {
            other(Dependency::Files, "GetObject", PortErrorKind::Unavailable, error)
        })?;
        Ok(part.map(|part| (part, body)))
    };
    futures::stream::try_unfold(body, next).boxed()
}

/// A HEAD has no body, so its 404 has no code of its own.
fn is_missing<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 404)
}

fn stored(object: &Object) -> Option<StoredObject> {
    let modified = object.last_modified()?.as_nanos();
    let modified = OffsetDateTime::from_unix_timestamp_nanos(modified).ok()?;
    Some(StoredObject { key: object.key()?.to_owned(), modified })
}
