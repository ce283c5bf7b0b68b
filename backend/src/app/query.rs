//! Answering a question: reserve, retrieve, check, ask the model, book, answer. Whatever fails after the
//! reservation gives it back before the failure is answered.

use time::OffsetDateTime;

use crate::app::caller::Caller;
use crate::app::charged::{Priced, charged};
use crate::app::error::{AppError, AppResult};
use crate::app::failures;
use crate::context;
use crate::defects::{self, Defect};
use crate::domain::cost::{self, CostLine, TokenUse};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::prompt::{self, Cited, NOT_IN_MANUALS, Passage};
use crate::domain::question::Question;
use crate::domain::quota::{Operation, UsageSnapshot, day_of};
use crate::state::App;

mod remembered;

use remembered::Memory;

/// The counters after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageFigures {
    /// This UTC day, the call itself included.
    pub daily_used: u64,
    /// Per day.
    pub daily_limit: u64,
    /// This UTC month, the call itself included.
    pub monthly_used: u64,
    /// Per month.
    pub monthly_limit: u64,
}

/// An answered question.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The trimmed question.
    pub question: String,
    /// Text and sources.
    pub cited: Cited,
    /// Whether passages were given to the model.
    pub context_used: bool,
    /// Whether the answer was given before.
    pub from_cache: bool,
    /// The counters.
    pub usage: UsageFigures,
    /// What it cost.
    pub cost: Vec<CostLine>,
    /// When.
    pub at: OffsetDateTime,
}

/// Answers a question from the caller's own manuals.
pub async fn answer(app: &App, caller: &Caller, question: Question) -> AppResult<Answered> {
    // The version is read while the quota is reserved: neither needs the other.
    let (held, memory) = tokio::join!(
        app.quota.reserve(caller),
        Memory::open(app, &caller.user, &question, caller.deadline),
    );
    let work = work(app, caller, &question, memory);
    let worked = charged(held?, caller, Operation::Query, work).await?;
    Ok(worked.remember(app).await)
}

/// An answer, and where it may be remembered.
pub(super) struct Worked {
    pub(super) answered: Answered,
    memory: Option<Memory>,
}

impl Worked {
    /// The answer, once it is booked.
    pub(super) async fn remember(self, app: &App) -> Answered {
        if let Some(memory) = self.memory {
            memory.keep(app, &self.answered).await;
        }
        self.answered
    }
}

impl Priced for Worked {
    fn cost(&self) -> &[CostLine] {
        &self.answered.cost
    }
}

/// Works out the answer to a question for which a call is reserved already.
pub(super) async fn work_out(app: &App, caller: &Caller, question: &Question) -> AppResult<Worked> {
    let memory = Memory::open(app, &caller.user, question, caller.deadline).await;
    work(app, caller, question, memory).await
}

async fn work(
    app: &App,
    caller: &Caller,
    question: &Question,
    memory: Memory,
) -> AppResult<Worked> {
    let at = app.clock.now();
    let today = day_of(at);
    if let Some(known) = memory.recall(app).await {
        let snapshot = counters(app, caller, &today).await?;
        let answered = Answered {
            question: question.as_str().to_owned(),
            cited: known.cited,
            context_used: known.context_used,
            from_cache: true,
            usage: figures(app, &snapshot, &today),
            cost: cost::of_tokens(app.ports.model.id(), TokenUse::default()),
            at,
        };
        return Ok(Worked { answered, memory: None });
    }
    // The counters are read while the index searches: neither needs the other.
    let (found, snapshot) =
        tokio::try_join!(own_passages(app, caller, question), counters(app, caller, &today),)?;
    let usage = figures(app, &snapshot, &today);
    let context_used = !found.passages.is_empty();
    let (cited, tokens, complete) = if context_used {
        let message = prompt::message(&found.passages, question.as_str());
        let written = app.ports.model.converse(prompt::SYSTEM, &message).await;
        let written = written.map_err(AppError::Port)?;
        (prompt::cite(&written.text, &found.passages), written.tokens, written.complete)
    } else {
        (prompt::cite(NOT_IN_MANUALS, &[]), TokenUse::default(), true)
    };
    let cost = cost::of_tokens(app.ports.model.id(), tokens);
    let question = question.as_str().to_owned();
    let answered = Answered { question, cited, context_used, from_cache: false, usage, cost, at };
    Ok(Worked { answered, memory: (complete && found.whole).then_some(memory) })
}

pub(super) async fn counters(app: &App, caller: &Caller, today: &str) -> AppResult<UsageSnapshot> {
    match app.quota.read(&caller.user, today, caller.deadline).await {
        Err(AppError::Port(_)) if defects::is_on(Defect::QuotaFailsOpen) => {
            Ok(UsageSnapshot::default())
        }
        read => read,
    }
}

/// What the index found for a question.
struct Found {
    passages: Vec<Passage>,
    /// Whether everything that the index gave could be used: an answer from less is not given again.
    whole: bool,
}

/// What the index finds, without what is not the caller's and what the caller has deleted.
async fn own_passages(app: &App, caller: &Caller, question: &Question) -> AppResult<Found> {
    let results = app.config.retrieval_results;
    let found = app.ports.search.retrieve(&caller.user, question.as_str(), results).await;
    let mut passages = found.map_err(AppError::Port)?;
    let given = passages.len();
    if !defects::is_on(Defect::RetrievalFilterDropped) {
        let before = passages.len();
        passages.retain(|passage| passage.user_id == caller.user.as_str());
        if passages.len() < before {
            // The filter in the query should have seen to it; that it did not is worth an alarm.
            let foreign = before - passages.len();
            tracing::error!(message = "retrieval returned passages of another user", foreign);
            let (operation, detail) = ("Retrieve", "passages of another user were left out");
            let at = app.clock.now();
            let failure = Failure::new(FailureKind::ForeignPassages, operation, detail, at);
            failures::report(app, failure.of_user(&caller.user));
        }
    }
    let passages = without_deleted(app, caller, passages).await?;
    Ok(Found { whole: passages.len() == given, passages })
}

/// The index forgets a deleted manual only with its next run; until then its passages are left out here.
async fn without_deleted(
    app: &App,
    caller: &Caller,
    mut passages: Vec<Passage>,
) -> AppResult<Vec<Passage>> {
    let mut ids: Vec<String> = passages.iter().map(|passage| passage.manual_id.clone()).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(passages);
    }
    let deleted = match app.ports.manuals.deleted(&caller.user, &ids, None).await {
        Err(_) if defects::is_on(Defect::QuotaFailsOpen) => Vec::new(),
        deleted => deleted.map_err(AppError::Port)?,
    };
    passages.retain(|passage| !deleted.contains(&passage.manual_id));
    Ok(passages)
}

/// The figures of a snapshot that was read on `today`.
pub fn figures(app: &App, snapshot: &UsageSnapshot, today: &str) -> UsageFigures {
    let limits = app.quota.limits();
    let daily_used = snapshot.day_used(today);
    context::note(|measured| {
        measured.quota(daily_used, limits.daily);
        measured.quota(snapshot.month_used, limits.monthly);
    });
    UsageFigures {
        daily_used,
        daily_limit: limits.daily,
        monthly_used: snapshot.month_used,
        monthly_limit: limits.monthly,
    }
}
