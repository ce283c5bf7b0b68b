//! Room for what takes long: recordings have so many places and no more, so that typed questions, which never ask for
//! one, find threads, connections and memory whatever the recordings do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::error::{AppError, AppResult};
use crate::context::Deadline;

/// How long a recording waits for a place: a short rush passes, and who waits longer had better come back.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// The places.
#[derive(Debug)]
pub struct Bulkhead(Arc<Semaphore>);

/// A place; dropping it frees it.
#[derive(Debug)]
#[must_use = "a place that is dropped is free"]
pub struct Place(#[expect(dead_code, reason = "held, and freed by its drop")] OwnedSemaphorePermit);

impl Bulkhead {
    /// So many places.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// A place, if one is free soon.
    pub async fn enter(&self) -> AppResult<Place> {
        let entered = Deadline::after(WAIT_MAX).bound(Arc::clone(&self.0).acquire_owned()).await;
        match entered {
            Ok(Ok(permit)) => Ok(Place(permit)),
            // It is never closed; if it were, there would be no room either.
            Ok(Err(_)) | Err(_) => Err(AppError::VoiceBusy),
        }
    }
}
