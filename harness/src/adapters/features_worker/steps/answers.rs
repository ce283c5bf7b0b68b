//! What an answer says and cites.

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::world::FeatureWorld;

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
    check(answer.sources.is_empty(), "no sources", seen.summary())
}
