//! What holds for any typed question: values are drawn, and each is asked by somebody of its own.

use manuel_client::Request;
use manuel_client::answers::CacheStatus;
use proptest::strategy::Strategy as _;

use super::super::catalogue::steps;
use super::super::generated::Generated;
use super::super::generated::any_case;
use super::super::generated::around;
use super::super::generated::padding;
use super::super::generated::question;
use super::super::generated::stand_in;
use super::super::generated::text_of;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::world::FeatureWorld;
use super::answers::taken_as;
use super::quota;

/// A question in many dresses.
const PLAIN: &str = "how many wireless devices can connect to the router";
/// Characters to either side of a limit.
const REACH: usize = 40;
/// Values of a step that asks twice for each.
const FEW: u32 = 6;

steps! {
    /// For questions in many scripts: each is answered, is told back as it was asked, and is charged once.
    Then "any question of {who} is answered as it was asked and charged once" (world, who: Who) => any_script(world, who);

    /// For white space of many kinds before and after a question: the question that is answered has none of it.
    Then "white space around any question of {who} is left out" (world, who: Who) => any_padding(world, who);

    /// For questions of a length around the limit, each in one script: answered and charged up to it, refused for free above it.
    Then "any question of {who} is answered up to exactly {number} characters" (world, who: Who, limit: u64) => any_length(world, who, limit);

    /// For ways to write the same question, in case and white space: the answer that was given to one is remembered for the other.
    Then "{who} is remembered whatever case and white space a question has" (world, who: Who) => any_dress(world, who);
}

async fn any_script(world: &mut FeatureWorld, who: Who) -> StepResult {
    Generated::of(world)
        .hold(question(), async |case, question| {
            let who = stand_in(&who, case);
            let seen = world.send(&who, Request::Query { question: question.clone() }).await?;
            taken_as(seen, &question)?;
            quota::charged(world, who, 1).await
        })
        .await
}

async fn any_padding(world: &mut FeatureWorld, who: Who) -> StepResult {
    Generated::of(world)
        .hold((padding(), question(), padding()), async |case, (before, question, after)| {
            let padded = format!("{before}{question}{after}");
            let who = stand_in(&who, case);
            taken_as(world.send(&who, Request::Query { question: padded }).await?, &question)
        })
        .await
}

async fn any_length(world: &mut FeatureWorld, who: Who, limit: u64) -> StepResult {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Generated::of(world)
        .hold(around(limit, REACH).prop_flat_map(text_of), async |case, question| {
            let who = stand_in(&who, case);
            let long = question.chars().count() > limit;
            let seen = world.send(&who, Request::Query { question: question.clone() }).await?;
            if long {
                seen.refused_with(400, "question_too_long")?;
            } else {
                taken_as(seen, &question)?;
            }
            quota::charged(world, who, u64::from(!long)).await
        })
        .await
}

async fn any_dress(world: &mut FeatureWorld, who: Who) -> StepResult {
    Generated::of(world)
        .cases(FEW)
        .hold((padding(), any_case(PLAIN), padding()), async |case, (before, words, after)| {
            let who = stand_in(&who, case);
            let question = PLAIN.to_owned();
            world.send(&who, Request::Query { question }).await?.answer()?;
            let question = format!("{before}{}{after}?", words.replace(' ', "  "));
            let seen = world.send(&who, Request::Query { question }).await?;
            let remembered = seen.answer()?.cache_status == CacheStatus::Hit;
            check(remembered, "an answer that is remembered", seen.summary())
        })
        .await
}
