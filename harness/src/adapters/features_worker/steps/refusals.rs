//! How Manuel says no, in the words of a user: what each phrase means in the contract stands in one table.

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::params::Who;
use super::super::world::FeatureWorld;

/// What a feature calls a refusal → status and code (api.md, "Errors").
const REASONS: &[(&str, u16, &str)] = &[("the question is empty", 400, "question_empty")];

steps! {
    /// The last request was refused for this reason.
    Then "{who} is refused because {text}" (world, who: Who, reason: String) => refused(world, who, reason);
}

async fn refused(world: &mut FeatureWorld, who: Who, reason: String) -> StepResult {
    let known = REASONS.iter().find(|(name, ..)| *name == reason);
    let (_, status, code) = known.ok_or_else(|| {
        let reasons: Vec<&str> = REASONS.iter().map(|(name, ..)| *name).collect();
        StepError::lost(format!(
            "no reason is called \"{reason}\"; there are: {}",
            reasons.join(", ")
        ))
    })?;
    world.seen(&who)?.refused_with(*status, code).map(drop)
}
