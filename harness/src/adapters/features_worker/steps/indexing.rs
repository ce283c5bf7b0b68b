//! Indexing: how far it is, how it ends, and what can be asked meanwhile.

use std::collections::BTreeMap;

use manuel_client::Request;
use manuel_client::answers::IngestionJobAnswer;
use manuel_client::answers::JobState;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::shelf;
use super::super::shelf::INDEXED;
use super::super::world::Failure;
use super::super::world::FeatureWorld;
use super::super::world::Waiting;

/// A reason is a sentence, no dump.
const REASON_CHARS_MAX: usize = 200;

steps! {
    /// For everybody: the index takes no new work, for it is at other work. Until all is well again.
    Given "the index is busy with other work" (world) => hinder(world, "StartIngestionJob", "ConflictException", 409);

    /// For everybody: the index does not say how far it is. Until all is well again.
    Given "the index does not say how far it is" (world) => hinder(world, "GetIngestionJob", "ThrottlingException", 429);

    /// Looks at the person's jobs.
    Does "{who} looks at the jobs" (world, who: Who) => look_at_all(world, who);

    /// Looks at the job of a manual that the person has sent.
    Does "{who} looks at the job of the manual {text}" (world, who: Who, name: String) => look_at(world, who, name);

    /// The job is in this state: queued, running, complete or failed; from queued it may still get there, at most 20 s.
    Then "the job of the manual {text} of {who} is {thing}" (world, name: String, who: Who, state: String) => job_is(world, name, who, state);

    /// The job ends well, at most 20 s later; the manual can then be asked about.
    Then "the job of the manual {text} of {who} ends well" (world, name: String, who: Who) => ends_well(world, name, who);

    /// The job fails, at most 20 s later, with a reason that a person understands and that names nothing of the inside.
    Then "the job of the manual {text} of {who} fails with a reason" (world, name: String, who: Who) => fails(world, name, who);

    /// The manual is not ready and has not failed: it is being worked on.
    Then "the manual {text} of {who} is being worked on" (world, name: String, who: Who) => worked_on(world, name, who);

    /// The manual can be asked about, at most 20 s later.
    Then "the manual {text} of {who} becomes ready" (world, name: String, who: Who) => async move {
        shelf::ready(world, &who, &name).await
    };

    /// The index has refused the manual, at most 20 s later, and the person is shown that.
    Then "the manual {text} of {who} is shown as failed" (world, name: String, who: Who) => async move {
        shelf::becomes(world, &who, &name, "failed").await
    };

    /// Every job that was shown is one of the person's own, and there is one for each manual; none of anybody else's.
    Then "{who} sees one job for each of the manuals" (world, who: Who) => one_each(world, who);

    /// No job at all was shown.
    Then "{who} sees no job" (world, who: Who) => no_job(world, who);

    /// Every manual of the person becomes ready, at most 20 s later.
    Then "every manual of {who} becomes ready" (world, who: Who) => all_ready(world, who);
}

async fn hinder(
    world: &mut FeatureWorld,
    operation: &'static str,
    error: &'static str,
    status: u16,
) -> StepResult {
    // Work that others left would be waited for, and theirs is not what the scenario is about.
    if let Some(stores) = &world.run.stores {
        let at_rest = stores.index_at_rest(INDEXED).await;
        at_rest.map_err(|error| StepError::lost_by("the index does not come to rest", &error))?;
    }
    let operation = Some(operation);
    let failure = Failure { service: "bedrock-agent", operation, error, status };
    world.break_down(&failure, None).await
}

/// The job that the upload named.
pub(super) async fn job_of(world: &mut FeatureWorld, who: &Who, name: &str) -> StepResult<Request> {
    let sent = shelf::sent(world, who, name).await?;
    let id = sent.job.ok_or_else(|| {
        StepError::broken(format!("a job for \"{name}\""), "an upload that named none")
    })?;
    Ok(Request::IngestionJob { id })
}

async fn look_at_all(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.send(&who, Request::IngestionStatus).await.map(drop)
}

async fn look_at(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let request = job_of(world, &who, &name).await?;
    world.send(&who, request).await.map(drop)
}

fn job(parsed: &Parsed) -> Option<&IngestionJobAnswer> {
    if let Parsed::IngestionJob(job) = parsed { Some(job) } else { None }
}

async fn job_is(world: &mut FeatureWorld, name: String, who: Who, state: String) -> StepResult {
    let wanted = match state.as_str() {
        "queued" => JobState::Queued,
        "running" => JobState::Running,
        "complete" => JobState::Complete,
        "failed" => JobState::Failed,
        _ => return Err(StepError::lost(format!("no job is ever {state}"))),
    };
    let request = job_of(world, &who, &name).await?;
    let id = world.manual_id(&who, &name).await?;
    let judge = |seen: &Seen| match job(&seen.parsed) {
        Some(job) if job.manual_id.as_ref().is_some_and(|manual| *manual != id) => Waiting::Never,
        Some(job) if job.status == wanted => Waiting::Over,
        // The index is asked for by one call at a time: this look may have met another's.
        Some(job) if job.status == JobState::Queued => Waiting::On,
        Some(_) | None => Waiting::Never,
    };
    let expected = format!("a job of \"{name}\" that is {state}");
    world.wait_for(&who, (request, INDEXED), expected, judge).await
}

/// Waits until the job has ended.
async fn ended(world: &mut FeatureWorld, who: &Who, name: &str, wanted: JobState) -> StepResult {
    let request = job_of(world, who, name).await?;
    let expected = format!("a job of \"{name}\" that is {wanted:?} within {INDEXED:?}");
    let judge = |seen: &Seen| match job(&seen.parsed).map(|job| job.status) {
        Some(status) if status == wanted => Waiting::Over,
        Some(JobState::Queued | JobState::Running) => Waiting::On,
        Some(JobState::Complete | JobState::Failed) | None => Waiting::Never,
    };
    world.wait_for(who, (request, INDEXED), expected, judge).await
}

async fn ends_well(world: &mut FeatureWorld, name: String, who: Who) -> StepResult {
    ended(world, &who, &name, JobState::Complete).await?;
    // Said to be in the index: it is ready from this moment on, not some time later.
    let id = world.manual_id(&who, &name).await?;
    let seen = world.look(&who, Request::GetManual { id }).await?;
    let ready = matches!(&seen.parsed, Parsed::Manual(manual) if manual.row.status == "ready");
    check(ready, format!("\"{name}\" ready when its job is complete"), seen.summary())
}

async fn fails(world: &mut FeatureWorld, name: String, who: Who) -> StepResult {
    ended(world, &who, &name, JobState::Failed).await?;
    let seen = world.seen(&who)?;
    let reason = job(&seen.parsed).and_then(|job| job.reason.clone()).unwrap_or_default();
    let resources = &world.run.stage.resources;
    let inside =
        [&resources.manuals_bucket, &resources.knowledge_base_id, &resources.data_source_id];
    let tells = inside.iter().any(|name| reason.contains(name.as_str()))
        || ["s3:", "arn:", "manuals/", "Exception"].iter().any(|word| reason.contains(word));
    let sentence = reason.trim().contains(' ') && reason.chars().count() <= REASON_CHARS_MAX;
    check(
        sentence && !tells,
        "a reason in a sentence that tells nothing of the inside",
        seen.summary(),
    )
}

async fn worked_on(world: &mut FeatureWorld, name: String, who: Who) -> StepResult {
    let id = world.manual_id(&who, &name).await?;
    let seen = world.look(&who, Request::GetManual { id }).await?;
    let held = matches!(&seen.parsed, Parsed::Manual(manual) if manual.row.status == "processing");
    check(held, format!("\"{name}\" still worked on"), seen.summary())
}

/// The jobs of the person's last answer: manual → state. A stage that does not say which manual is looked at by job.
fn jobs(world: &FeatureWorld, who: &Who) -> StepResult<Vec<IngestionJobAnswer>> {
    let seen = world.seen(who)?;
    if let Parsed::IngestionStatus(status) = &seen.parsed {
        return Ok(status.jobs.clone());
    }
    Err(StepError::broken("a list of jobs", seen.summary()))
}

async fn one_each(world: &mut FeatureWorld, who: Who) -> StepResult {
    let person = world.person(&who).await?;
    let seen: BTreeMap<String, Option<String>> =
        jobs(world, &who)?.into_iter().map(|job| (job.job_id, job.manual_id)).collect();
    let mut own = BTreeMap::new();
    for (name, sent) in &person.sent {
        if let (Some(job), Some(id)) = (&sent.job, person.manuals.get(name)) {
            own.insert(job.clone(), Some(id.clone()));
        }
    }
    let same = seen.len() == own.len()
        && seen
            .iter()
            .all(|(job, manual)| own.get(job).is_some_and(|own| manual.is_none() || manual == own));
    check(same && !own.is_empty(), format!("the jobs {own:?}"), format!("{seen:?}"))
}

async fn no_job(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = jobs(world, &who)?;
    check(seen.is_empty(), "no job", format!("{seen:?}"))
}

async fn all_ready(world: &mut FeatureWorld, who: Who) -> StepResult {
    let person = world.person(&who).await?;
    for name in person.manuals.keys() {
        shelf::ready(world, &who, name).await?;
    }
    Ok(())
}
