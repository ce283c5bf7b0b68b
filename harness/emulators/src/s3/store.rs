//! A handle with which other emulators (the knowledge base, Transcribe) reach objects directly,
//! whatever the backing is. Callers' own writes go over the wire, where permissions are checked.
use std::path::{Path, PathBuf};

use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::s3::Remote;
use crate::s3::memory::Memory;

/// What a listing tells about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectInfo {
    pub(crate) key: String,
    /// Without quotes.
    pub(crate) etag: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// A cheap clone of a handle to the object store.
#[derive(Debug, Clone)]
pub(crate) enum S3Store {
    Memory(Memory),
    /// The root folder of `s3s-fs`: one folder per bucket, keys as paths.
    Folder(PathBuf),
    /// Somebody else's.
    Remote(Remote),
}

impl S3Store {
    /// Every object of `bucket` whose key begins with `prefix`, in key order. Empty without a bucket.
    pub(crate) async fn list(&self, bucket: &str, prefix: &str) -> Vec<ObjectInfo> {
        match self {
            Self::Memory(memory) => memory.infos(bucket, prefix),
            Self::Remote(remote) => remote.list(bucket, prefix).await,
            Self::Folder(root) => {
                let (root, prefix) = (root.join(bucket), prefix.to_owned());
                let listed = tokio::task::spawn_blocking(move || walk(&root, &prefix)).await;
                listed.unwrap_or_default()
            }
        }
    }

    /// The object's bytes, or `None` where there is no such object.
    pub(crate) async fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        match self {
            Self::Remote(remote) => remote.get(bucket, key).await,
            Self::Memory(memory) => memory.object(bucket, key).map(|object| object.body.clone()),
            Self::Folder(root) => {
                let path = inside(&root.join(bucket), key)?;
                tokio::fs::read(path).await.ok().map(Bytes::from)
            }
        }
    }

    /// Whether there is such a bucket.
    pub(crate) async fn has_bucket(&self, bucket: &str) -> bool {
        match self {
            Self::Memory(memory) => memory.has_bucket(bucket),
            Self::Remote(remote) => remote.has_bucket(bucket).await,
            Self::Folder(root) => {
                let plain = !bucket.is_empty() && !bucket.contains(['/', '.']);
                plain && tokio::fs::try_exists(root.join(bucket)).await.unwrap_or(false)
            }
        }
    }

    /// Puts an object whole; false without such a bucket, or where the folder cannot be written.
    pub(crate) async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        content_type: &str,
    ) -> bool {
        if !self.has_bucket(bucket).await {
            return false;
        }
        match self {
            Self::Remote(remote) => remote.put(bucket, key, body, content_type).await,
            Self::Memory(memory) => memory.put_whole(bucket, key, body, content_type),
            Self::Folder(root) => {
                let Some(path) = inside(&root.join(bucket), key) else { return false };
                let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
                tokio::fs::create_dir_all(folder).await.is_ok()
                    && tokio::fs::write(path, body).await.is_ok()
            }
        }
    }
}

/// The path of a key, unless it leads out of the bucket.
fn inside(bucket: &Path, key: &str) -> Option<PathBuf> {
    let normal = |part| matches!(part, std::path::Component::Normal(_));
    Path::new(key).components().all(normal).then(|| bucket.join(key))
}

fn walk(root: &Path, prefix: &str) -> Vec<ObjectInfo> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Some(key) = path.strip_prefix(root).ok().and_then(Path::to_str)
                && key.starts_with(prefix)
                && let Ok(bytes) = std::fs::read(&path)
            {
                found.push(ObjectInfo {
                    key: key.to_owned(),
                    etag: hex::encode(Md5::digest(&bytes)),
                    size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                });
            }
        }
    }
    found.sort_by(|left, right| left.key.cmp(&right.key));
    found
}
