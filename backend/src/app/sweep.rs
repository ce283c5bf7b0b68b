//! Repairs what crashes left: rows and objects are made to agree again, announcements that nobody completed are taken away,
//! and so are recordings, transcripts and transcription jobs that nobody deleted.
//!
//! A sweep may run at any time, in any number of processes at once: every repair is a step that can be repeated, and an
//! object without a row is removed only after a mark was set that forbids the row for ever. What is younger than
//! an hour is left alone: somebody may be at work on it.
//!
//! Its bound: a run looks at 20 pages of 1000 objects and at the rows of the users whose objects these are; the
//! next run, wherever it is, goes on from the place that was noted. So it takes (objects / 20 000) runs to see everything,
//! and no scan of the table. A user none of whose objects is left is seen only while there is open work of theirs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::app::error::{AppError, AppResult};
use crate::clock;
use crate::context::{Deadline, RequestContext};
use crate::domain::trace::TraceParent;
use crate::metrics::{self, RoundEnded, Task};
use crate::state::App;

mod repairs;

use repairs::Run;

/// Bound of a run.
const RUN_WITHIN: Duration = Duration::from_mins(2);

/// The first run comes this long after the start, and the next ones in this distance.
const FIRST_AFTER: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_mins(10);

/// What a run has repaired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Manuals without a row whose objects were removed, announced ones included.
    pub discarded: u32,
    /// Rows whose object is missing.
    pub failed: u32,
    /// Sidecars that were written again.
    pub sidecars: u32,
    /// Rows whose work for the index was missing or never done.
    pub requeued: u32,
    /// Recordings and transcripts that were removed.
    pub recordings: u32,
    /// Transcription jobs that were removed and of which nothing was stored any more.
    pub jobs: u32,
}

impl Swept {
    /// Its figures by name.
    fn parts(self) -> [(&'static str, u32); 6] {
        let Self { discarded, failed, sidecars, requeued, recordings, jobs } = self;
        [
            ("discarded", discarded),
            ("failed", failed),
            ("sidecars", sidecars),
            ("requeued", requeued),
            ("recordings", recordings),
            ("jobs", jobs),
        ]
    }
}

/// Sweeps until cancelled.
pub async fn run(app: App, cancelled: CancellationToken) {
    let mut wait = FIRST_AFTER;
    loop {
        tokio::select! {
            () = cancelled.cancelled() => return,
            () = clock::pause(wait) => {}
        }
        wait = EVERY;
        tokio::select! {
            () = cancelled.cancelled() => return,
            () = round(&app, Deadline::after(RUN_WITHIN)) => {}
        }
    }
}

/// One run that nobody waits for, within the deadline: what came of it is in the log and in the metrics.
pub async fn round(app: &App, deadline: Deadline) {
    let context = Arc::new(RequestContext::new(TraceParent::fresh(), deadline.remaining()));
    let swept = Arc::clone(&context).scope(once(app, deadline)).await;
    let parts = swept.as_ref().map_or_else(|_failed| Vec::new(), |swept| swept.parts().to_vec());
    let ended = RoundEnded {
        stage: app.config.stage.as_str(),
        at: app.clock.now(),
        task: Task::Sweep,
        took: context.elapsed(),
        found: swept.is_ok().then(|| parts.iter().map(|(_, count)| u64::from(*count)).sum()),
        parts: &parts,
        ids: context.ids(),
    };
    metrics::round(&ended, &context.take_figures());
    match swept {
        Ok(found) => tracing::info!(message = "swept", found = ?found),
        Err(error) => {
            tracing::warn!(message = "sweep failed", cause = crate::logging::chain(&error));
        }
    }
}

/// When a process that is only invoked now and then has swept last.
#[derive(Debug, Default)]
pub struct Sweeps(Mutex<Option<Instant>>);

impl Sweeps {
    /// Whether a sweep is due; who asks does it.
    pub fn is_due(&self) -> bool {
        let now = clock::monotonic();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.duration_since(last) >= EVERY);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// One run, within the deadline. The parts do not wait for each other's success; the first error is given after all.
pub async fn once(app: &App, deadline: Deadline) -> AppResult<Swept> {
    let mut run = Run { app, deadline, now: app.clock.now(), swept: Swept::default() };
    let bounded = async {
        let announced = run.announcements().await;
        let recordings = run.recordings().await;
        let manuals = run.manuals().await;
        // Last: they cost nothing and hold no speech, and the service deletes few a second.
        let jobs = run.jobs().await;
        announced.and(recordings).and(manuals).and(jobs)
    };
    let outcome = deadline.bound(bounded).await.map_err(AppError::Deadline).flatten();
    let swept = run.swept;
    if swept != Swept::default() {
        app.indexing.wake();
    }
    outcome.map(|()| swept)
}
