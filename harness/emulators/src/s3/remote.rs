//! Objects of an S3 that is somebody else's, for the emulators that read and write objects themselves.
use std::net::SocketAddr;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::s3::store::ObjectInfo;

/// A cheap clone of a client.
#[derive(Debug, Clone)]
pub(crate) struct Remote(Client);

impl Remote {
    pub(crate) fn new(address: SocketAddr, region: &str) -> Self {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::new("test", "test", None, None, "external"))
            .endpoint_url(format!("http://{address}"))
            .force_path_style(true)
            .build();
        Self(Client::from_conf(config))
    }

    pub(crate) async fn list(&self, bucket: &str, prefix: &str) -> Vec<ObjectInfo> {
        let mut found = Vec::new();
        let mut pages =
            self.0.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        while let Some(Ok(page)) = pages.next().await {
            found.extend(page.contents().iter().filter_map(|object| {
                Some(ObjectInfo {
                    key: object.key()?.to_owned(),
                    etag: object.e_tag()?.trim_matches('"').to_owned(),
                    size: u64::try_from(object.size()?).ok()?,
                })
            }));
        }
        found.sort_by(|left, right| left.key.cmp(&right.key));
        found
    }

    pub(crate) async fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let object = self.0.get_object().bucket(bucket).key(key).send().await.ok()?;
        object.body.collect().await.ok().map(aws_sdk_s3::primitives::AggregatedBytes::into_bytes)
    }

    pub(crate) async fn has_bucket(&self, bucket: &str) -> bool {
        self.0.head_bucket().bucket(bucket).send().await.is_ok()
    }

    pub(crate) async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        content_type: &str,
    ) -> bool {
        let put = self.0.put_object().bucket(bucket).key(key).content_type(content_type);
        put.body(ByteStream::from(body)).send().await.is_ok()
    }
}
