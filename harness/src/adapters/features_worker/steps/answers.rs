//! What an answer says and cites.

use manuel_client::Request;
use manuel_client::answers::CacheStatus;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::questions::what_was_said;

/// What Manuel says where no manual of the asker answers.
const DO_NOT_SAY: &str = "The manuals do not say.";

steps! {
    /// The last question was answered; what the answer says is looked at by other steps.
    Then "{who} gets an answer" (world, who: Who) => async move {
        world.seen(&who)?.answer().map(drop)
    };

    /// The answer contains these words, whatever their case and white space.
    Then "the answer to {who} says {text}" (world, who: Who, words: String) => says(world, who, words);

    /// The answer cites this page of this manual (its key in the fixtures).
    Then "the answer to {who} cites page {number} of the manual {text}" (world, who: Who, page: u64, manual: String) => cites(world, who, page, manual);

    /// The answer holds the words, and cites the page, that `fixtures/questions.toml` gives for this question; it was found in the manuals.
    Then "the answer to {who} is that of the question {thing}" (world, who: Who, id: String) => known(world, who, id);

    /// Every source is of this manual, and there is at least one.
    Then "the answer to {who} cites nothing but the manual {text}" (world, who: Who, manual: String) => cites_only(world, who, manual);

    /// The question that the answer tells, character by character.
    Then "the question of {who} is taken as {text}" (world, who: Who, question: String) => async move {
        taken_as(world.seen(&who)?, &question)
    };

    /// The question that the answer tells is the one that was sent, character by character.
    Then "the question of {who} is taken as it was asked" (world, who: Who) => as_asked(world, who);

    /// The answer says that it was given before.
    Then "the answer to {who} is remembered" (world, who: Who) => from_memory(world, who, CacheStatus::Hit);

    /// The answer says that it was not given before.
    Then "the answer to {who} is worked out anew" (world, who: Who) => from_memory(world, who, CacheStatus::Miss);

    /// Text and sources are those of the answer before.
    Then "the answer to {who} is the one from before" (world, who: Who) => from_before(world, who);

    /// The answer is that the manuals do not say, and it cites nothing.
    Then "the manuals of {who} do not say" (world, who: Who) => do_not_say(world, who);
}

async fn says(world: &mut FeatureWorld, who: Who, words: String) -> StepResult {
    let seen = world.seen(&who)?;
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let held = plain(&seen.answer()?.answer).contains(&plain(&words));
    check(held, format!("an answer that says \"{words}\""), seen.summary())
}

async fn cites(world: &mut FeatureWorld, who: Who, page: u64, manual: String) -> StepResult {
    let id = world.manual_id(&who, &manual).await?;
    let seen = world.seen(&who)?;
    let sources = &seen.answer()?.sources;
    let held = sources
        .iter()
        .any(|source| source.manual_id == id && source.page_number.map(u64::from) == Some(page));
    check(held, format!("page {page} of \"{manual}\" among the sources"), seen.summary())
}

async fn do_not_say(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let answer = seen.answer()?;
    if answer.answer != DO_NOT_SAY {
        return Err(StepError::broken(format!("\"{DO_NOT_SAY}\""), seen.summary()));
    }
    check(answer.sources.is_empty(), "no sources", seen.summary())?;
    check(!answer.context_found, "an answer that says that nothing was found", seen.summary())
}

async fn known(world: &mut FeatureWorld, who: Who, id: String) -> StepResult {
    let known = world.run.questions.questions.iter().find(|question| question.id == id);
    let known = known.and_then(|known| {
        let question = known.clone();
        Some((question.manual?, question.page?, question.phrase?))
    });
    let (manual, page, phrase) = known.ok_or_else(|| {
        StepError::lost(format!("fixtures/questions.toml has no answer to a question `{id}`"))
    })?;
    says(world, who.clone(), phrase).await?;
    cites(world, who.clone(), u64::from(page), manual).await?;
    let seen = world.seen(&who)?;
    let answer = seen.answer()?;
    let held = answer.context_used && answer.context_found;
    check(held, "an answer that says that it was found", seen.summary())
}

async fn cites_only(world: &mut FeatureWorld, who: Who, manual: String) -> StepResult {
    let id = world.manual_id(&who, &manual).await?;
    let seen = world.seen(&who)?;
    let sources = &seen.answer()?.sources;
    let held = !sources.is_empty() && sources.iter().all(|source| source.manual_id == id);
    check(held, format!("sources in \"{manual}\" and no other"), seen.summary())
}

/// Whether the question that the answer tells is `question`.
pub(super) fn taken_as(seen: &Seen, question: &str) -> StepResult {
    let told = &seen.answer()?.question;
    check(told == question, format!("the question {question:?}"), format!("{told:?}"))
}

async fn as_asked(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let Request::Query { question } = &seen.request else {
        return Err(StepError::lost(format!("{who} has typed no question")));
    };
    taken_as(seen, question)
}

async fn from_memory(world: &mut FeatureWorld, who: Who, expected: CacheStatus) -> StepResult {
    let seen = world.seen(&who)?;
    let status = seen.answer()?.cache_status;
    let seen = format!("{status:?}: {}", seen.summary());
    check(status == expected, format!("an answer whose cache status is {expected:?}"), seen)
}

async fn from_before(world: &mut FeatureWorld, who: Who) -> StepResult {
    let before = world.kept(&format!("the answer to {who} before"))?;
    let now = what_was_said(world.seen(&who)?.answer()?);
    check(now == before, before, now)
}
