//! The in-memory store: buckets, objects, uploads under way. One lock, held for moments; bodies are
//! shared, never copied.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use s3s::dto::{Checksum, Tag, Timestamp};
use s3s::{S3Result, s3_error};

use crate::clock::Clock;
use crate::s3::attributes::Attributes;
use crate::s3::received::checksum;
use crate::s3::store::ObjectInfo;
use crate::signature;

/// The store; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    buckets: Mutex<BTreeMap<String, BucketState>>,
}

/// One bucket.
#[derive(Debug)]
pub(super) struct BucketState {
    pub(super) created_ms: i64,
    pub(super) objects: BTreeMap<String, Arc<Object>>,
    /// By upload id.
    pub(super) uploads: BTreeMap<String, Upload>,
}

/// One object, replaced whole by every change.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) body: Bytes,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) modified_ms: i64,
    pub(super) attributes: Attributes,
    pub(super) tags: Vec<Tag>,
    pub(super) checksum: Checksum,
    /// The sizes of the parts it was uploaded in; empty if it was put in one piece.
    pub(super) parts: Vec<usize>,
}

/// A multipart upload under way.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) initiated_ms: i64,
    pub(super) attributes: Attributes,
    pub(super) tags: Vec<Tag>,
    /// The checksum that the object will have; CRC-64/NVME of the whole if the client named none.
    pub(super) algorithm: Option<String>,
    pub(super) full_object: bool,
    pub(super) parts: BTreeMap<i32, UploadedPart>,
}

/// One part of an upload.
#[derive(Debug, Clone)]
pub(super) struct UploadedPart {
    pub(super) body: Bytes,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Checksum,
    pub(super) modified_ms: i64,
}

impl Object {
    /// How many parts it was uploaded in, if it was.
    pub(super) fn part_count(&self) -> Option<i32> {
        i32::try_from(self.parts.len()).ok().filter(|count| *count > 0)
    }
}

impl Memory {
    /// An empty store; modification times follow `clock`.
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, buckets: Mutex::default() }))
    }

    /// Makes a bucket; false if it was there.
    pub(crate) fn add_bucket(&self, name: &str) -> bool {
        let created_ms = self.now_ms();
        self.buckets(|buckets| {
            if buckets.contains_key(name) {
                return false;
            }
            let bucket =
                BucketState { created_ms, objects: BTreeMap::new(), uploads: BTreeMap::new() };
            buckets.insert(name.to_owned(), bucket);
            true
        })
    }

    /// What the knowledge base sees.
    pub(super) fn infos(&self, bucket: &str, prefix: &str) -> Vec<ObjectInfo> {
        let listed = self.bucket(bucket, |bucket| {
            let from = bucket.objects.range(prefix.to_owned()..);
            Ok(from
                .take_while(|(key, _)| key.starts_with(prefix))
                .map(|(key, object)| ObjectInfo {
                    key: key.clone(),
                    etag: object.etag.clone(),
                    size: u64::try_from(object.body.len()).unwrap_or(u64::MAX),
                })
                .collect())
        });
        listed.unwrap_or_default()
    }

    /// Whether there is such a bucket.
    pub(super) fn has_bucket(&self, name: &str) -> bool {
        self.buckets(|buckets| buckets.contains_key(name))
    }

    /// Puts an object as a service of AWS does for its caller; false without the bucket.
    pub(super) fn put_whole(&self, bucket: &str, key: &str, body: Bytes, kind: &str) -> bool {
        let modified_ms = self.now_ms();
        let attributes =
            Attributes { content_type: Some(kind.to_owned()), ..Attributes::default() };
        let etag = hex::encode(Md5::digest(&body));
        let Ok(checksum) = checksum(&body, None) else { return false };
        let (tags, parts) = (Vec::new(), Vec::new());
        let object = Object { body, etag, modified_ms, attributes, tags, checksum, parts };
        let put = self.bucket(bucket, |bucket| {
            bucket.objects.insert(key.to_owned(), Arc::new(object));
            Ok(())
        });
        put.is_ok()
    }

    /// The object, if there is one.
    pub(super) fn object(&self, bucket: &str, key: &str) -> Option<Arc<Object>> {
        self.bucket(bucket, |bucket| Ok(bucket.objects.get(key).cloned())).ok().flatten()
    }

    /// The object, or `NoSuchBucket` or `NoSuchKey`.
    pub(super) fn require(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        self.bucket(bucket, |bucket| {
            let found = bucket.objects.get(key).cloned();
            found.ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
        })
    }

    /// Works on one bucket, or fails with `NoSuchBucket`.
    pub(super) fn bucket<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut BucketState) -> S3Result<T>,
    ) -> S3Result<T> {
        self.buckets(|buckets| match buckets.get_mut(name) {
            Some(bucket) => work(bucket),
            None => Err(s3_error!(NoSuchBucket, "The specified bucket does not exist")),
        })
    }

    /// Works on all buckets.
    pub(super) fn buckets<T>(
        &self,
        work: impl FnOnce(&mut BTreeMap<String, BucketState>) -> T,
    ) -> T {
        work(&mut self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The test clock, in milliseconds.
    pub(super) fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

/// Milliseconds since the epoch in the protocol crate's type.
pub(super) fn timestamp(ms: i64) -> Timestamp {
    signature::system_time(ms).into()
}
