//! Objects, and the reading of what was uploaded.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::domain::document::{DocumentType, NotADocument};
use crate::ports::PortFuture;

/// Objects of one bucket.
pub trait FileStore: Send + Sync + fmt::Debug {
    /// Writes an object; writing it again is no error.
    fn put<'a>(&'a self, key: &'a str, content_type: &'a str, bytes: Bytes) -> PortFuture<'a, ()>;
    /// The object's bytes; one that is not there, or larger than `bytes_max`, is an error.
    fn get<'a>(&'a self, key: &'a str, bytes_max: usize) -> PortFuture<'a, Bytes>;
    /// Removes an object; one that is away already is no error.
    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()>;
    /// A URL that reads the object from `start` on for `valid`; no call is made.
    fn presign<'a>(
        &'a self,
        key: &'a str,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, String>;
    /// Whether the store answers.
    fn probe(&self) -> PortFuture<'_, ()>;
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
}
