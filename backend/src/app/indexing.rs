//! The pump between the work items and the knowledge base, which runs one job at a time: it looks how the running job
//! is, finishes what that covered, and starts the next job for all that waits. Work items are durable, so any process
//! may pump, at any time; here requests do, and a task in the server.
//!
//! Processes do not wait for each other: each change of a work item demands that it is still covered as it was read. A
//! process that was late leaves the item to the one that was not; at worst a run was started that covers nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use time::OffsetDateTime;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::app::conflict;
use crate::app::error::{AppError, AppResult};
use crate::app::failures::Failures;
use crate::clock::Clock;
use crate::context::{Deadline, RequestContext};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ingestion::{IndexRun, Outcome, Work, outcome_of};
use crate::domain::trace::TraceParent;
use crate::domain::user::UserId;
use crate::metrics::{self, RoundEnded, Task};
use crate::ports::{Indexer, IngestionStore, Started};

/// How many items are written at once.
const WRITES_AT_ONCE: usize = 4;

/// A round of the task may take this long.
const ROUND_WITHIN: Duration = Duration::from_secs(20);

/// A request's own round may take this long: what the request was for is done, and the task goes on with the index.
const PUSH_WITHIN: Duration = Duration::from_secs(3);

/// The task looks again after this while there is work; the wait doubles up to [`BUSY_PAUSE_MAX`].
const BUSY_PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest wait while there is work.
const BUSY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// The wait without work: only for what another process left.
const IDLE_PAUSE: Duration = Duration::from_secs(30);

/// The pump.
#[derive(Debug)]
pub struct Indexing {
    store: Arc<dyn IngestionStore>,
    indexer: Arc<dyn Indexer>,
    clock: Clock,
    failures: Failures,
    stage: &'static str,
    one_round: Mutex<()>,
    woken: Notify,
}

/// Whether anything is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Nothing.
    Idle,
    /// Something runs or waits.
    Open,
}

/// One look at everything that is open.
struct Looked {
    round: Round,
    /// Items of work that were open when it began.
    open: usize,
}

impl Indexing {
    /// A pump; nothing happens until it is pushed.
    pub fn new(
        store: Arc<dyn IngestionStore>,
        indexer: Arc<dyn Indexer>,
        clock: Clock,
        failures: Failures,
        stage: &'static str,
    ) -> Self {
        let (one_round, woken) = (Mutex::new(()), Notify::new());
        Self { store, indexer, clock, failures, stage, one_round, woken }
    }

    /// Tells the task that there may be work.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// One round for a request that has just left work or asks about it. It never fails the request: the work is
    /// durable, and the task goes on. If a round is under way already, the task does one more.
    pub async fn push(self: Arc<Self>, deadline: Deadline) {
        let deadline = Deadline::after(deadline.remaining().min(PUSH_WITHIN));
        if let Ok(_only) = self.one_round.try_lock() {
            match deadline.bound(self.round(deadline)).await {
                Ok(Ok(_looked)) => {}
                Ok(Err(error)) => log_failed_round(&error),
                Err(passed) => log_failed_round(&AppError::Deadline(passed)),
            }
        }
        self.wake();
    }

    /// Pumps until cancelled: soon after a wake and while there is work, seldom otherwise.
    pub async fn run(self: Arc<Self>, cancelled: CancellationToken) {
        let mut pause = BUSY_PAUSE_MIN;
        while !cancelled.is_cancelled() {
            let round = self.round_of_task(ROUND_WITHIN).await;
            let wait = match round {
                Some(Round::Idle) => {
                    pause = BUSY_PAUSE_MIN;
                    IDLE_PAUSE
                }
                Some(Round::Open) | None => {
                    pause = (pause * 2).min(BUSY_PAUSE_MAX);
                    pause
                }
            };
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = self.woken.notified() => pause = BUSY_PAUSE_MIN,
                () = crate::clock::pause(wait) => {}
            }
        }
    }

    /// Rounds until nothing is open or the deadline is near: how many, and what the last one found, if it found anything.
    pub async fn pump(&self, deadline: Deadline) -> (u32, Option<Round>) {
        let mut pause = BUSY_PAUSE_MIN;
        let mut rounds = 0;
        loop {
            let found = self.round_of_task(deadline.remaining().min(ROUND_WITHIN)).await;
            rounds += 1;
            if found == Some(Round::Idle) || deadline.remaining() <= pause {
                return (rounds, found);
            }
            crate::clock::pause(pause).await;
            pause = (pause * 2).min(BUSY_PAUSE_MAX);
        }
    }

    async fn round_of_task(&self, within: Duration) -> Option<Round> {
        let deadline = Deadline::after(within);
        let round = async {
            let _only = self.one_round.lock().await;
            self.round(deadline).await
        };
        // A trace of its own: nobody asked for this round.
        let context = Arc::new(RequestContext::new(TraceParent::fresh(), within));
        let bounded = Arc::clone(&context).scope(deadline.bound(round));
        let outcome = bounded.await.map_err(AppError::Deadline).flatten();
        let ended = RoundEnded {
            stage: self.stage,
            at: self.clock.now(),
            task: Task::Pump,
            took: context.elapsed(),
            found: outcome.as_ref().ok().map(|looked| looked.open as u64),
            parts: &[],
            ids: context.ids(),
        };
        metrics::round(&ended, &context.take_figures());
        match outcome {
            Ok(looked) => Some(looked.round),
            Err(error) => {
                log_failed_round(&error);
                None
            }
        }
    }

    /// One look at everything that is open. The caller holds `one_round`.
    async fn round(&self, deadline: Deadline) -> AppResult<Looked> {
        let open = self.store.open_work().await.map_err(AppError::Port)?;
        let looked = |round| Looked { round, open: open.len() };
        if open.is_empty() {
            return Ok(looked(Round::Idle));
        }
        let mut covered: BTreeMap<&str, Vec<&Work>> = BTreeMap::new();
        let mut waiting: Vec<Work> = Vec::new();
        for work in &open {
            match work.covered_by.as_deref() {
                Some(run) => covered.entry(run).or_default().push(work),
                None => waiting.push(work.clone()),
            }
        }
        let mut active = false;
        for (run, items) in covered {
            let state = self.indexer.run(run).await.map_err(AppError::Port)?;
            if state == IndexRun::Active {
                active = true;
            } else {
                waiting.extend(self.settle(&items, &state, deadline).await?);
            }
        }
        if waiting.is_empty() {
            return Ok(looked(if active { Round::Open } else { Round::Idle }));
        }
        if !active {
            self.start(&waiting.iter().collect::<Vec<_>>(), deadline).await?;
        }
        Ok(looked(Round::Open))
    }

    /// Finishes what the run decided; gives what waits for another run from now on.
    async fn settle(
        &self,
        items: &[&Work],
        run: &IndexRun,
        deadline: Deadline,
    ) -> AppResult<Vec<Work>> {
        self.tell_of_change(items, run, deadline).await?;
        let now = self.clock.now();
        let mut again = Vec::new();
        for some in items.chunks(WRITES_AT_ONCE) {
            let mut writes = Vec::new();
            for work in some {
                match outcome_of(work, run) {
                    Some(outcome) => writes.push(self.finish(work, outcome, now, deadline)),
                    None => again.push(*work),
                }
            }
            try_join_all(writes).await?;
        }
        self.cover(&again, None, deadline).await
    }

    /// Answers from the old index are out of date from here on. Before the work is finished, so that a crash between the
    /// two tells it again.
    async fn tell_of_change(
        &self,
        items: &[&Work],
        run: &IndexRun,
        deadline: Deadline,
    ) -> AppResult<()> {
        let decided = items.iter().filter(|work| outcome_of(work, run).is_some());
        let users: BTreeSet<&UserId> = decided.map(|work| &work.user).collect();
        let users: Vec<&UserId> = users.into_iter().collect();
        for some in users.chunks(WRITES_AT_ONCE) {
            let tell = |user: &&UserId| {
                let user = (*user).clone();
                async move { conflict::resolve(deadline, || self.store.manuals_changed(&user)).await }
            };
            try_join_all(some.iter().map(tell)).await?;
        }
        Ok(())
    }

    async fn finish(
        &self,
        work: &Work,
        outcome: Outcome,
        now: OffsetDateTime,
        deadline: Deadline,
    ) -> AppResult<()> {
        conflict::resolve(deadline, || self.store.finish(work, &outcome, now)).await?;
        if matches!(outcome, Outcome::Failed { .. }) {
            let (operation, detail) = ("indexing", "a manual is not in the index");
            let failure = Failure::new(FailureKind::IngestionFailed, operation, detail, now);
            self.failures.report(failure.of_user(&work.user));
        }
        Ok(())
    }

    /// Starts a run for all that waits: everything in `waiting` was stored before this, so the run covers it.
    async fn start(&self, waiting: &[&Work], deadline: Deadline) -> AppResult<()> {
        let token = uuid::Uuid::new_v4().to_string();
        match self.indexer.start(&token).await.map_err(AppError::Port)? {
            Started::Run(run) => self.cover(waiting, Some(&run), deadline).await.map(drop),
            Started::Busy => Ok(()),
        }
    }

    /// The items that are covered by `run` now, as they are stored now; without those that another process was faster with.
    async fn cover(
        &self,
        items: &[&Work],
        run: Option<&str>,
        deadline: Deadline,
    ) -> AppResult<Vec<Work>> {
        let now = self.clock.now();
        let mut covered = Vec::new();
        for some in items.chunks(WRITES_AT_ONCE) {
            let mut writes = Vec::new();
            for work in some {
                writes.push(self.cover_one(work, run, now, deadline));
            }
            covered.extend(try_join_all(writes).await?.into_iter().flatten());
        }
        Ok(covered)
    }

    async fn cover_one(
        &self,
        work: &Work,
        run: Option<&str>,
        now: OffsetDateTime,
        deadline: Deadline,
    ) -> AppResult<Option<Work>> {
        let was_as_seen = conflict::resolve(deadline, || self.store.cover(work, run, now)).await?;
        let covered_by = run.map(str::to_owned);
        Ok(was_as_seen.then(|| Work { covered_by, ..work.clone() }))
    }
}

fn log_failed_round(error: &AppError) {
    tracing::warn!(message = "indexing round failed", error = crate::logging::chain(error));
}
