//! Typed questions.

use manuel_client::Request;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::params::Who;
use super::super::world::FeatureWorld;

steps! {
    /// Asks a typed question and reads the whole answer.
    Does "{who} asks {text}" (world, who: Who, question: String) => ask(world, who, question);

    /// Asks a question of the fixtures by its id, `router-01`.
    Does "{who} asks the question {thing}" (world, who: Who, id: String) => ask_known(world, who, id);

    /// Asks the same question as often as is said, all at once.
    Does "{who} asks {text} {number} times at once" (world, who: Who, question: String, times: u64) => ask_at_once(world, who, question, times);
}

async fn ask(world: &mut FeatureWorld, who: Who, question: String) -> StepResult {
    world.send(&who, Request::Query { question }).await.map(drop)
}

pub(super) async fn ask_known(world: &mut FeatureWorld, who: Who, id: String) -> StepResult {
    let known = world.run.questions.questions.iter().find(|question| question.id == id);
    let question = known.map(|known| known.question.clone());
    let unknown = || StepError::lost(format!("fixtures/questions.toml has no question `{id}`"));
    ask(world, who, question.ok_or_else(unknown)?).await
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
