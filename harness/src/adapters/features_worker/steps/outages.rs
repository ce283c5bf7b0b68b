//! Dependencies that fail for one person, and how that is told.

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::world::Failure;
use super::super::world::FeatureWorld;
use super::manuals;
use super::questions;

/// What a feature calls a failure → service, operation, error and status, in AWS's own words (chaos.md §2.3).
const FAILURES: &[(&str, &str, Option<&str>, &str, u16)] = &[
    ("the model is overloaded", "bedrock-runtime", None, "ThrottlingException", 429),
    ("the model is out", "bedrock-runtime", None, "ServiceUnavailableException", 503),
    ("the model fails", "bedrock-runtime", None, "InternalServerException", 500),
    ("the model is not ready", "bedrock-runtime", None, "ModelNotReadyException", 429),
    ("the model is forbidden", "bedrock-runtime", None, "AccessDeniedException", 403),
    ("the search is overloaded", "bedrock-agent-runtime", None, "ThrottlingException", 429),
    ("the search fails", "bedrock-agent-runtime", None, "InternalServerException", 500),
    ("the search is gone", "bedrock-agent-runtime", None, "ResourceNotFoundException", 404),
    (
        "the counters are overloaded",
        "dynamodb",
        Some("TransactWriteItems"),
        "ThrottlingException",
        400,
    ),
    ("the counters fail", "dynamodb", Some("TransactWriteItems"), "InternalServerError", 500),
    ("the tables are forbidden", "dynamodb", None, "AccessDeniedException", 400),
    ("the lists cannot be read", "dynamodb", Some("Query"), "InternalServerError", 500),
    ("the calls cannot be counted", "dynamodb", Some("PutItem"), "InternalServerError", 500),
    (
        "what was deleted cannot be read",
        "dynamodb",
        Some("BatchGetItem"),
        "InternalServerError",
        500,
    ),
    ("the files are overloaded", "s3", None, "SlowDown", 503),
    ("the files are forbidden", "s3", None, "AccessDenied", 403),
    ("the files fail", "s3", None, "InternalError", 500),
    ("the transcription is overloaded", "transcribe", None, "LimitExceededException", 400),
    ("the transcription fails", "transcribe", None, "InternalFailureException", 500),
];

steps! {
    /// A dependency fails for this person alone, for as long as the scenario takes.
    Given "{text} for {who}" (world, failure: String, who: Who) => fails(world, failure, who);

    /// The same for everybody: others notice, so such a scenario runs alone.
    Given "{text} for everybody" (world, failure: String) => fails_for_all(world, failure);

    /// The dependency is there again.
    Does "all is well again for {who}" (world, who: Who) => well_again(world, who);

    /// The last refusal says that trying again helps, and when: within a minute.
    Then "{who} is told to try again soon" (world, who: Who) => try_again(world, who);

    /// The last refusal says that trying again does not help.
    Then "{who} is told that trying again does not help" (world, who: Who) => no_use(world, who);
}

async fn fails(world: &mut FeatureWorld, failure: String, who: Who) -> StepResult {
    company(world).await?;
    let person = world.person(&who).await?;
    begin(world, &failure, Some(&person.sub)).await
}

async fn fails_for_all(world: &mut FeatureWorld, failure: String) -> StepResult {
    begin(world, &failure, None).await
}

async fn begin(world: &mut FeatureWorld, failure: &str, sub: Option<&str>) -> StepResult {
    let known = FAILURES.iter().find(|(name, ..)| *name == failure);
    let (_, service, operation, error, status) = known.ok_or_else(|| {
        let names: Vec<&str> = FAILURES.iter().map(|(name, ..)| *name).collect();
        StepError::lost(format!(
            "no failure is called \"{failure}\"; there are: {}",
            names.join(", ")
        ))
    })?;
    let (service, operation, error, status) = (*service, *operation, *error, *status);
    world.break_down(&Failure { service, operation, error, status }, sub).await
}

/// Somebody else for whom all goes well: a failure of one person's calls is then far from half of all, which is what would
/// open a breaker for everybody.
async fn company(world: &mut FeatureWorld) -> StepResult {
    let who = Who("Company".to_owned());
    if world.person(&who).await?.manuals.is_empty() {
        manuals::has(world, who.clone(), "router".to_owned()).await?;
    }
    for id in ["router-01", "router-02", "router-03"] {
        questions::ask_known(world, who.clone(), id.to_owned()).await?;
        world.seen(&who)?.answer()?;
    }
    Ok(())
}

async fn well_again(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.person(&who).await?;
    world.mend().await
}

async fn try_again(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let refusal = seen.refusal()?;
    let soon = refusal.retry_after.is_some_and(|after| (1..=60).contains(&after));
    check(refusal.retryable && soon, "to try again within a minute", seen.summary())
}

async fn no_use(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    check(!seen.refusal()?.retryable, "that trying again does not help", seen.summary())
}
