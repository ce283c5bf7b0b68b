//! Objects of manuals in S3. Each is sent with its SHA-256, so that what is stored is what was meant.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::aws::error::{other, port_error};
use crate::context::dependency;
use crate::ports::{Dependency, FileStore, PortError, PortErrorKind, PortFuture};

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

impl FileStore for S3Manuals {
    fn put<'a>(&'a self, key: &'a str, content_type: &'a str, bytes: Bytes) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let checksum = STANDARD.encode(Sha256::digest(&bytes));
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

    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let call = self.client.delete_object().bucket(&self.bucket).key(key);
            let deleted = dependency(call.send()).await;
            deleted.map(drop).map_err(|error| port_error(Dependency::Files, "DeleteObject", error))
        })
    }

    fn presign<'a>(
        &'a self,
        key: &'a str,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, String> {
        Box::pin(async move {
            let presigning =
                PresigningConfig::builder().start_time(start.into()).expires_in(valid).build();
            let presigning = presigning.map_err(|error| {
                other(Dependency::Files, "presigning", PortErrorKind::Corrupt, error)
            })?;
            let call = self.client.get_object().bucket(&self.bucket).key(key);
            let presigned = call.presigned(presigning).await;
            presigned
                .map(|request| request.uri().to_owned())
                .map_err(|error| port_error(Dependency::Files, "presigning", error))
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
