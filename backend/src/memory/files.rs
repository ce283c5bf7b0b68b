//! Objects, and the reading of what was uploaded, in memory.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::{Switch, failure, locked};
use crate::domain::document::{DocumentType, NotADocument};
use crate::domain::leftovers::StoredObject;
use crate::ports::{
    Dependency, DocumentReader, FileStore, Listing, ObjectFacts, Parts, PortErrorKind, PortFuture,
    PresignedPut, PromisedObject,
};
use crate::spool::{Spooled, disk_error};

/// Objects.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    /// Makes it fail.
    pub trouble: Switch,
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// When objects were written; long ago, where no test says otherwise.
    modified: Mutex<BTreeMap<String, OffsetDateTime>>,
    now: Mutex<Option<OffsetDateTime>>,
}

impl MemoryFiles {
    /// All objects by key.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        locked(&self.objects).clone()
    }

    /// Puts an object there that no call of ours wrote.
    pub fn hold(&self, key: &str, bytes: Bytes) {
        let now = self.now();
        locked(&self.modified).insert(key.to_owned(), now);
        locked(&self.objects).insert(key.to_owned(), bytes);
    }

    /// When what is written now was written.
    pub(super) fn now(&self) -> OffsetDateTime {
        locked(&self.now).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Objects are written now, from now on.
    pub fn at(&self, now: OffsetDateTime) {
        *locked(&self.now) = Some(now);
    }

    /// Takes an object away that no call of ours removed.
    pub fn lose(&self, key: &str) {
        locked(&self.objects).remove(key);
    }

    async fn store(&self, key: &str, bytes: Bytes) -> Result<(), crate::ports::PortError> {
        self.trouble.before(Dependency::Files).await?;
        self.hold(key, bytes);
        self.trouble.after(Dependency::Files).await
    }
}

impl FileStore for MemoryFiles {
    fn put<'a>(&'a self, key: &'a str, _content_type: &'a str, bytes: Bytes) -> PortFuture<'a, ()> {
        Box::pin(self.store(key, bytes))
    }

    fn put_file<'a>(
        &'a self,
        key: &'a str,
        _content_type: &'a str,
        file: &'a Spooled,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move { self.store(key, Bytes::from(whole(file)?)).await })
    }

    fn get<'a>(&'a self, key: &'a str, bytes_max: usize) -> PortFuture<'a, Bytes> {
        Box::pin(async move {
            self.trouble.before(Dependency::Files).await?;
            let object = locked(&self.objects).get(key).cloned();
            match object {
                Some(object) if object.len() <= bytes_max => Ok(object),
                Some(_) => Err(failure(Dependency::Files, PortErrorKind::Corrupt)),
                None => Err(failure(Dependency::Files, PortErrorKind::Unavailable)),
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Files).await?;
            locked(&self.objects).remove(key);
            self.trouble.after(Dependency::Files).await
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<ObjectFacts>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Files).await?;
            let facts = |bytes: &Bytes| ObjectFacts {
                size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                sha256: Some(hex::encode(Sha256::digest(bytes))),
            };
            Ok(locked(&self.objects).get(key).map(facts))
        })
    }

    fn fetch<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Parts>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Files).await?;
            let bytes = locked(&self.objects).get(key).cloned();
            Ok(bytes.map(|bytes| futures::stream::iter([Ok(bytes)]).boxed()))
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u16,
    ) -> PortFuture<'a, Listing> {
        Box::pin(async move {
            self.trouble.before(Dependency::Files).await?;
            let (objects, modified) = (locked(&self.objects), locked(&self.modified));
            let wanted =
                |key: &&String| key.starts_with(prefix) && after.is_none_or(|a| key.as_str() > a);
            let mut keys = objects.keys().filter(wanted);
            let stored = |key: &String| StoredObject { key: key.clone(), modified: modified[key] };
            let page = keys.by_ref().take(usize::from(limit)).map(stored).collect();
            Ok(Listing { objects: page, more: keys.next().is_some() })
        })
    }

    fn presign<'a>(
        &'a self,
        key: &'a str,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, String> {
        Box::pin(async move { Ok(url(key, start, valid)) })
    }

    fn presign_put<'a>(
        &'a self,
        promised: &'a PromisedObject,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, PresignedPut> {
        Box::pin(async move {
            let headers = [
                ("content-length", promised.size.to_string()),
                ("content-type", promised.content_type.to_owned()),
            ];
            let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
            Ok(PresignedPut { url: url(&promised.key, start, valid), headers })
        })
    }

    fn probe(&self) -> PortFuture<'_, ()> {
        Box::pin(self.trouble.before(Dependency::Files))
    }
}

fn url(key: &str, start: OffsetDateTime, valid: Duration) -> String {
    let (start, valid) = (start.unix_timestamp(), valid.as_secs());
    format!("https://files.invalid/{key}?from={start}&for={valid}")
}

/// Reading in this process: for documents that a test made itself.
#[derive(Debug, Default)]
pub struct MemoryDocuments {
    /// Makes it fail.
    pub trouble: Switch,
}

impl DocumentReader for MemoryDocuments {
    fn pages(
        &self,
        document: DocumentType,
        bytes: Bytes,
    ) -> PortFuture<'_, Result<u32, NotADocument>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Reader).await?;
            Ok(document.pages(&bytes))
        })
    }

    fn pages_of_file<'a>(
        &'a self,
        document: DocumentType,
        file: &'a Spooled,
    ) -> PortFuture<'a, Result<u32, NotADocument>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Reader).await?;
            Ok(document.pages(&whole(file)?))
        })
    }
}

fn whole(file: &Spooled) -> Result<Vec<u8>, crate::ports::PortError> {
    let mut bytes = Vec::new();
    let read = file.open().and_then(|mut file| file.read_to_end(&mut bytes));
    read.map(|_length| bytes).map_err(disk_error)
}
