//! What a load may do to a stage that stands: little in production, and nothing that costs more than its owner allows.

use verdict::domain::stage::Environment;
use verdict::domain::stage::StageDescription;
use verdict::plan::load::LoadPlan;

use super::job::Job;
use crate::cli::output::note;
use crate::commands::error::CommandError;

/// The one profile that production takes without being asked twice.
const HARMLESS: &str = "smoke";
/// A question's price in thousandths of a US cent where the stage names none: some 2 000 tokens in and 300 out of Claude 3
/// Haiku are 88 (docs/cost.md).
const QUESTION_MILLICENTS: u32 = 100;

/// Refuses what production does not take.
pub(super) fn in_production(job: &Job, stage: &StageDescription) -> Result<(), CommandError> {
    let both = job.production && stage.production_load;
    if stage.environment == Environment::Production && job.profile_name != HARMLESS && !both {
        return Err(CommandError::usage(
            format!("`{}` is production, and takes the profile `{HARMLESS}` only", stage.name),
            "`production_load = true` in its file and --production on the command line allow more"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Refuses what costs more than the stage's owner allows; says what the rest will cost.
pub(super) fn affordable(
    job: &Job,
    stage: &StageDescription,
    load: &LoadPlan,
) -> Result<(), CommandError> {
    let questions = load.arrivals.iter().filter(|arrival| arrival.kind.is_charged()).count() as u64;
    let each = u64::from(stage.question_millicents.unwrap_or(QUESTION_MILLICENTS));
    // Rounded up: an estimate is never understated.
    let cents = (questions * each).div_ceil(1_000);
    let dollars = |cents: u64| format!("${}.{:02}", cents / 100, cents % 100);
    match stage.limits.max_cost_cents.map(u64::from) {
        Some(limit) if cents > limit => Err(CommandError::usage(
            format!(
                "profile `{}` would ask {questions} questions for about {}, and the stage allows {}",
                job.profile_name,
                dollars(cents),
                dollars(limit)
            ),
            "`limits.max_cost_cents` in the stage file".to_owned(),
        )),
        limit => {
            let limit = limit.map(|limit| format!(" of {} allowed", dollars(limit)));
            note(&format!(
                "estimated cost: {}{} for {questions} questions (of emulated services: nothing)",
                dollars(cents),
                limit.unwrap_or_default()
            ));
            Ok(())
        }
    }
}
