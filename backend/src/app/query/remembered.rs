//! Giving an answer again. What is remembered is a whole answer to this user, from this state of the user's manuals, by
//! this model; a memory that fails or a version that cannot be read only costs the work once more.

use crate::app::query::Answered;
use crate::context::Deadline;
use crate::defects::{self, Defect};
use crate::domain::cached::{AnswerKey, CachedAnswer};
use crate::domain::question::Question;
use crate::domain::user::UserId;
use crate::logging::chain;
use crate::state::App;

/// Where the answer to one question is remembered; nowhere without a cache.
pub(super) struct Memory(Option<AnswerKey>);

impl Memory {
    /// Reads which version the user's manuals have now: an answer that is worked out after this is at least as new.
    pub(super) async fn open(
        app: &App,
        user: &UserId,
        question: &Question,
        deadline: Deadline,
    ) -> Self {
        if app.config.cache_ttl.is_zero() {
            return Self(None);
        }
        let Ok(version) = deadline.bound(app.ports.manuals.set_version(user)).await else {
            return Self(None);
        };
        let asked_of = format!("{}#{}", app.ports.model.id(), app.config.retrieval_results);
        match version {
            Ok(_version) if defects::is_on(Defect::CacheIgnoresUser) => {
                let nobody = UserId::parse("everybody");
                Self(nobody.map(|nobody| AnswerKey::new(&nobody, 0, question, &asked_of)))
            }
            Ok(version) => Self(Some(AnswerKey::new(user, version, question, &asked_of))),
            Err(error) => {
                tracing::warn!(message = "answer cache passed by", cause = chain(&error));
                Self(None)
            }
        }
    }

    /// The answer, if it was given before and is not too old.
    pub(super) async fn recall(&self, app: &App) -> Option<CachedAnswer> {
        let known = match app.ports.answers.get(self.0.as_ref()?).await {
            Ok(known) => known?,
            Err(error) => {
                tracing::warn!(message = "answer cache not read", cause = chain(&error));
                return None;
            }
        };
        (known.expires_at > app.clock.now()).then_some(known)
    }

    /// Remembers an answer that was booked.
    pub(super) async fn keep(self, app: &App, answered: &Answered) {
        let Some(key) = self.0 else { return };
        let answer = CachedAnswer {
            cited: answered.cited.clone(),
            context_used: answered.context_used,
            expires_at: answered.at + app.config.cache_ttl,
        };
        if let Err(error) = app.ports.answers.put(key, answer).await {
            tracing::warn!(message = "answer not remembered", cause = chain(&error));
        }
    }
}
