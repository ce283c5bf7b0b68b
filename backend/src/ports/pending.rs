//! Uploads that were announced and have not been completed.

use std::fmt;

use crate::domain::manual::PendingUpload;
use crate::domain::user::UserId;
use crate::ports::{Page, PortFuture};

/// Announced uploads; no list of manuals shows them.
pub trait PendingStore: Send + Sync + fmt::Debug {
    /// Notes one; noting it again renews it.
    fn note<'a>(&'a self, pending: &'a PendingUpload) -> PortFuture<'a, ()>;
    /// One of the user's, however old.
    fn find<'a>(
        &'a self,
        user: &'a UserId,
        manual_id: &'a str,
    ) -> PortFuture<'a, Option<PendingUpload>>;
    /// Forgets one; one that is away already is no error.
    fn forget<'a>(&'a self, user: &'a UserId, manual_id: &'a str) -> PortFuture<'a, ()>;
    /// At most `limit` of all users' after the place `after`, an opaque mark of an earlier page.
    fn all<'a>(
        &'a self,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<PendingUpload>>;
    /// Where in the bucket the next sweep goes on; none at its beginning.
    fn place(&self) -> PortFuture<'_, Option<String>>;
    /// Notes it for whichever process sweeps next.
    fn keep_place<'a>(&'a self, place: Option<&'a str>) -> PortFuture<'a, ()>;
}
