//! Typed questions.

use std::time::Duration;

use manuel_client::Request;
use manuel_client::answers::QueryAnswer;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::params::DocString;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::super::world::Waiting;

/// Characters that are no text, by what people call them.
const NO_TEXT: &[(&str, char)] = &[
    ("a bell", '\u{7}'),
    ("a NUL", '\0'),
    ("an escape", '\u{1b}'),
    ("a deletion", '\u{7f}'),
    ("a control of terminals", '\u{9b}'),
    ("a mark that turns the text around", '\u{202e}'),
    ("a mark that isolates a direction", '\u{2067}'),
];

steps! {
    /// Asks a typed question and reads the whole answer.
    Does "{who} asks {text}" (world, who: Who, question: String) => ask(world, who, question);

    /// Asks a question of the fixtures by its id, `router-01`.
    Does "{who} asks the question {thing}" (world, who: Who, id: String) => ask_known(world, who, id);

    /// Asks a question of the fixtures until it is answered, at most so many seconds.
    Then "{who} gets an answer to the question {thing} again within {number} seconds"
        (world, who: Who, id: String, seconds: u64) => answered_again(world, who, id, seconds);

    /// Asks a typed question as before; what was answered last is kept, to be compared.
    Does "{who} asks {text} again" (world, who: Who, question: String) => ask_again(world, who, question);

    /// Asks a question that is this text, so many times over.
    Does "{who} asks a question of {number} times {text}" (world, who: Who, times: u64, text: String) => async move {
        ask(world, who, text.repeat(usize::try_from(times.min(100_000)).unwrap_or(0))).await
    };

    /// Asks a question of several lines.
    Does "{who} asks in these lines" (world, who: Who, lines: DocString) => ask(world, who, lines.0);

    /// Asks a question that holds a character that is no text: `a bell`, `a NUL`, `an escape`, `a deletion`, `a control of terminals`, `a mark that turns the text around` or `a mark that isolates a direction`.
    Does "{who} asks a question that holds {text}" (world, who: Who, name: String) => ask_no_text(world, who, name);

    /// Asks the same question as often as is said, all at once.
    Does "{who} asks {text} {number} times at once" (world, who: Who, question: String, times: u64) => ask_at_once(world, who, question, times);
}

async fn ask(world: &mut FeatureWorld, who: Who, question: String) -> StepResult {
    world.send(&who, Request::Query { question }).await.map(drop)
}

pub(super) async fn ask_known(world: &mut FeatureWorld, who: Who, id: String) -> StepResult {
    let question = known(world, &id)?;
    ask(world, who, question).await
}

/// A question of the fixtures.
fn known(world: &FeatureWorld, id: &str) -> StepResult<String> {
    let known = world.run.questions.questions.iter().find(|question| question.id == id);
    let unknown = || StepError::lost(format!("fixtures/questions.toml has no question `{id}`"));
    known.map(|known| known.question.clone()).ok_or_else(unknown)
}

async fn answered_again(
    world: &mut FeatureWorld,
    who: Who,
    id: String,
    seconds: u64,
) -> StepResult {
    let question = known(world, &id)?;
    let bound = Duration::from_secs(seconds);
    let expected = format!("an answer within {seconds} s");
    let is_answer = |seen: &Seen| {
        if seen.answer().is_ok() { Waiting::Over } else { Waiting::On }
    };
    world.wait_for(&who, (Request::Query { question }, bound), expected, is_answer).await
}

async fn ask_at_once(
    world: &mut FeatureWorld,
    who: Who,
    question: String,
    times: u64,
) -> StepResult {
    let requests = (0..times).map(|_| Request::Query { question: question.clone() }).collect();
    world.send_at_once(&who, requests).await
}

async fn ask_again(world: &mut FeatureWorld, who: Who, question: String) -> StepResult {
    let before = world.seen(&who)?.answer()?;
    let before = what_was_said(before);
    world.kept.insert(format!("the answer to {who} before"), before);
    ask(world, who, question).await
}

/// Text and sources: what must not change while nothing else does.
pub(super) fn what_was_said(answer: &QueryAnswer) -> String {
    format!("{} citing {:?}", answer.answer, answer.sources)
}

async fn ask_no_text(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let known = NO_TEXT.iter().find(|(called, _)| *called == name);
    let (_, character) =
        known.ok_or_else(|| StepError::lost(format!("no character is called \"{name}\"")))?;
    ask(world, who, format!("How do I {character}reset it?")).await
}
