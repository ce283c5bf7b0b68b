//! Objects, and the reading of what was uploaded.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use time::OffsetDateTime;

use crate::domain::document::{DocumentType, NotADocument};
use crate::domain::leftovers::StoredObject;
use crate::ports::{PortError, PortFuture};
use crate::spool::Spooled;

/// The bytes of an object, part by part.
pub type Parts = BoxStream<'static, Result<Bytes, PortError>>;

/// Objects of one bucket.
pub trait FileStore: Send + Sync + fmt::Debug {
    /// Writes an object; writing it again is no error.
    fn put<'a>(&'a self, key: &'a str, content_type: &'a str, bytes: Bytes) -> PortFuture<'a, ()>;
    /// The object's bytes; one that is not there, or larger than `bytes_max`, is an error.
    fn get<'a>(&'a self, key: &'a str, bytes_max: usize) -> PortFuture<'a, Bytes>;
    /// Writes an object from disk; writing it again is no error.
    fn put_file<'a>(
        &'a self,
        key: &'a str,
        content_type: &'a str,
        file: &'a Spooled,
    ) -> PortFuture<'a, ()>;
    /// Removes an object; one that is away already is no error.
    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()>;
    /// Size and checksum; none when there is no such object.
    fn head<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<ObjectFacts>>;
    /// The object's bytes; none when there is no such object.
    fn fetch<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Parts>>;
    /// At most `limit` (1–1000) objects whose keys begin with `prefix` and come after `after`, in the order of keys.
    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u16,
    ) -> PortFuture<'a, Listing>;
    /// A URL that reads the object from `start` on for `valid`; no call is made.
    fn presign<'a>(
        &'a self,
        key: &'a str,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, String>;
    /// A URL that writes the promised object and no other, from `start` on for `valid`; no call is made.
    fn presign_put<'a>(
        &'a self,
        promised: &'a PromisedObject,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, PresignedPut>;
    /// Whether the store answers.
    fn probe(&self) -> PortFuture<'_, ()>;
}

/// Part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// In the order of their keys.
    pub objects: Vec<StoredObject>,
    /// Whether more come after the last.
    pub more: bool,
}

/// What the store says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Bytes.
    pub size: u64,
    /// Hex SHA-256 of the whole object, if it was sent with one.
    pub sha256: Option<String>,
}

/// An object that somebody else will write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromisedObject {
    /// Where.
    pub key: String,
    /// `Content-Type`
    pub content_type: &'static str,
    /// Bytes.
    pub size: u64,
    /// Hex SHA-256.
    pub sha256: String,
}

/// A URL for one PUT, and the headers that its signature binds: they must be sent as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedPut {
    /// The URL; a secret.
    pub url: String,
    /// Lower-case names and values.
    pub headers: BTreeMap<String, String>,
}

/// Reading what was uploaded. The bytes are a stranger's: whatever they are, reading them has a bound in time and memory
/// and ends in an answer.
pub trait DocumentReader: Send + Sync + fmt::Debug {
    /// The number of pages, or why the bytes are no such document. A port's error says that nobody could look.
    fn pages(
        &self,
        document: DocumentType,
        bytes: Bytes,
    ) -> PortFuture<'_, Result<u32, NotADocument>>;
    /// The same for a large file.
    fn pages_of_file<'a>(
        &'a self,
        document: DocumentType,
        file: &'a Spooled,
    ) -> PortFuture<'a, Result<u32, NotADocument>>;
}
