//! Whether Manuel is up, how its parts are, and which build answers.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use manuel_client::Request;
use manuel_client::answers::DeepHealthAnswer;
use manuel_client::answers::DependencyCheck;
use manuel_client::answers::Health;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::run::How;
use super::super::seen::Seen;
use super::super::world::Failure;
use super::super::world::FeatureWorld;
use super::super::world::Waiting;
use super::calls::request;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// A picture of the parts is shown again for a second, and each part has two to answer (api.md, "Routes").
const SEEN_WITHIN: Duration = Duration::from_secs(12);
/// Health is told within this, whatever is out (api.md, "Routes").
const UP_WITHIN_US: u64 = 50_000;
/// Outcomes of ten seconds count (api.md, "Errors, time-outs, retries"): by then, all of them are of this scenario.
const LEFT_ALONE: Duration = Duration::from_secs(20);
/// Questions at once: no more than a day has.
const ASKED: usize = 8;
/// On a machine that other scenarios keep busy one of so many looks is quick.
const LOOKS: u32 = 5;

/// What a feature calls a part, its name in Manuel's own words, service of AWS, operation, error, status.
type Part = (&'static str, &'static str, &'static str, Option<&'static str>, &'static str, u16);

/// The parts.
const PARTS: &[Part] = &[
    ("the tables", "store", "dynamodb", None, "InternalServerError", 500),
    ("the files", "files", "s3", None, "InternalError", 500),
    ("the user pool", "identity", "cognito-idp", Some("jwks.json"), "InternalErrorException", 503),
    ("the signing key", "secrets", "secretsmanager", None, "InternalServiceError", 500),
    ("the transcription", "transcription", "transcribe", None, "InternalFailureException", 500),
    ("the queue", "queue", "sqs", None, "ServiceUnavailable", 503),
    ("the alerts", "alerts", "sns", None, "InternalError", 500),
];

/// Those of which the calls of people tell.
const TOLD_BY_CALLS: [&str; 3] = ["search", "model", "index"];

steps! {
    /// A part does not answer anybody: "the tables", "the files", "the user pool", "the signing key", "the transcription",
    /// "the queue", "the alerts".
    Given "{text} is/are out" (world, part: String) => out(world, part);

    /// Every part does not answer.
    Given "everything behind Manuel is out" (world) => all_out(world);

    /// Every part answers again.
    Does "everything is there again" (world) => world.mend();

    /// Says that it is up, within 50 ms of its own, and asks nothing behind it for that.
    Then "Manuel tells {who} at once that it is up" (world, who: Who) => up(world, who);

    /// Says that everything is well; waits until it does, at most 12 s.
    Then "Manuel tells {who} that all its parts are well" (world, who: Who) => parts(world, who, Health::Ok, &[]);

    /// Says that this part is out and no other, and that it can still serve; waits, at most 12 s.
    Then "Manuel tells {who} that it goes on without {text} alone" (world, who: Who, part: String) => goes_on(world, who, part);

    /// Says that this part is out and no other, and that it can serve nobody; waits, at most 12 s.
    Then "Manuel tells {who} that it cannot go on without {text}" (world, who: Who, part: String) => stands(world, who, part);

    /// Says that every part is out that can be asked, and that it can serve nobody; waits, at most 12 s.
    Then "Manuel tells {who} that every part is out" (world, who: Who) => every_part(world, who);

    /// Asks again and again until Manuel says that it leaves a part alone, for half of all calls to it failed: "the search" or
    /// "the model"; at most 20 s.
    When "{who} asks {text} until Manuel leaves {text} alone" (world, who: Who, question: String, part: String) => leaves_alone(world, who, question, part);

    /// Neither a table, a bucket, nor anything else that only the inside knows is named.
    Then "the answer to {who} names nothing of the inside" (world, who: Who) => names_nothing(world, who);

    /// Says that its clock was moved for a test.
    Then "Manuel tells {who} that its clock is a test's" (world, who: Who) => test_clock(world, who);

    /// Says which commit it was built from: the one that the stage was put up with, and the defects seeded in it.
    Then "Manuel tells {who} which build it is" (world, who: Who) => build(world, who);

    /// The answer names the commit that the stage was put up with.
    Then "the answer to {who} names the build" (world, who: Who) => names_build(world, who);

    /// Every answer of this scenario named one and the same build; makes each of these calls once.
    Then "one build answers {who} to every call" (world, who: Who) => one_build(world, who);

    /// Health and version say the same number.
    Then "Manuel tells {who} one number of its version" (world, who: Who) => one_number(world, who);
}

fn part(name: &str) -> StepResult<&'static Part> {
    PARTS.iter().find(|(known, ..)| *known == name).ok_or_else(|| {
        let names: Vec<&str> = PARTS.iter().map(|(name, ..)| *name).collect();
        StepError::lost(format!("no part is called \"{name}\"; there are: {}", names.join(", ")))
    })
}

async fn out(world: &mut FeatureWorld, name: String) -> StepResult {
    begin(world, part(&name)?).await
}

async fn all_out(world: &mut FeatureWorld) -> StepResult {
    for part in PARTS {
        begin(world, part).await?;
    }
    Ok(())
}

async fn begin(world: &mut FeatureWorld, part: &Part) -> StepResult {
    let (_, _, service, operation, error, status) = *part;
    let failure = Failure { service, operation, error, status };
    world.break_down(&failure, None).await
}

async fn leaves_alone(
    world: &mut FeatureWorld,
    who: Who,
    question: String,
    part: String,
) -> StepResult {
    let name = part.strip_prefix("the ").unwrap_or(&part).to_owned();
    let person = world.person(&who).await?;
    let run = Arc::clone(&world.run);
    let (request, how) = (Request::Query { question }, How::default());
    let waited = poll::until(Pace::sparing(LEFT_ALONE), "no answer".to_owned(), async || {
        let asked = (0..ASKED).map(|_| run.exchange(&person, &request, &how));
        drop(join_all(asked).await);
        match run.exchange(&person, &Request::DeepHealth, &how).await.1 {
            Ok(seen) if is_open(&seen, &name) => ControlFlow::Break(Ok(())),
            Ok(seen) => ControlFlow::Continue(seen.summary()),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    });
    waited.await.unwrap_or_else(|expired| {
        Err(StepError::broken(format!("{part} left alone, its breaker open"), expired.last_seen))
    })
}

fn is_open(seen: &Seen, name: &str) -> bool {
    let Parsed::DeepHealth(picture) = &seen.parsed else { return false };
    let open = |check: &DependencyCheck| check.name == name && check.breaker == "open";
    picture.checks.iter().any(open)
}

async fn up(world: &mut FeatureWorld, who: Who) -> StepResult {
    let mut quickest = u64::MAX;
    for _ in 0..LOOKS {
        let seen = world.send(&who, Request::Health).await?;
        let Parsed::Health(_) = &seen.parsed else {
            return Err(StepError::broken("that Manuel is up", seen.summary()));
        };
        let timing = seen.exchange.server_timing();
        let timing = timing.map_err(|e| StepError::broken("how long it took", e.to_string()))?;
        check(timing.dep_us == 0, "nothing asked behind Manuel", format!("{timing:?}"))?;
        quickest = quickest.min(timing.own_us);
        if quickest <= UP_WITHIN_US {
            return Ok(());
        }
    }
    Err(StepError::broken(format!("{UP_WITHIN_US} µs at most"), format!("{quickest} µs at least")))
}

fn down(picture: &DeepHealthAnswer) -> BTreeSet<&str> {
    let down = picture.checks.iter().filter(|check| check.status != "ok");
    down.map(|check| check.name.as_str()).collect()
}

/// Waits for a picture in which exactly these are out, of all the parts that there are.
async fn parts(world: &mut FeatureWorld, who: Who, whole: Health, out: &[&str]) -> StepResult {
    let out: BTreeSet<&str> = out.iter().copied().collect();
    let all: BTreeSet<&str> = PARTS.iter().map(|part| part.1).chain(TOLD_BY_CALLS).collect();
    let expected = format!("{whole:?} with {out:?} out, of {all:?}");
    world
        .wait_for(&who, (Request::DeepHealth, SEEN_WITHIN), expected, |seen| {
            let Parsed::DeepHealth(picture) = &seen.parsed else { return Waiting::Never };
            let named: BTreeSet<&str> =
                picture.checks.iter().map(|check| check.name.as_str()).collect();
            let held = picture.status == whole && down(picture) == out && named == all;
            if held { Waiting::Over } else { Waiting::On }
        })
        .await
}

async fn goes_on(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    parts(world, who, Health::Degraded, &[part(&name)?.1]).await
}

async fn stands(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    parts(world, who, Health::Down, &[part(&name)?.1]).await
}

async fn every_part(world: &mut FeatureWorld, who: Who) -> StepResult {
    let all: Vec<&str> = PARTS.iter().map(|part| part.1).collect();
    parts(world, who, Health::Down, &all).await
}

async fn names_nothing(world: &mut FeatureWorld, who: Who) -> StepResult {
    let pool = &world.run.stage.cognito;
    let of_pool = [pool.user_pool_id.as_str(), pool.client_id.as_str()];
    let resources = world.run.stage.resources.names();
    let mut inside = resources.iter().chain(&of_pool);
    let seen = world.seen(&who)?;
    let text = String::from_utf8_lossy(&seen.exchange.body).to_lowercase();
    let named = inside.any(|name| text.contains(&name.to_lowercase()));
    let told = text.contains("arn:") || text.contains("http") || text.contains("exception");
    check(!named && !told, "no name, address or error of the inside", seen.summary())
}

async fn test_clock(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.send(&who, Request::DeepHealth).await?;
    let Parsed::DeepHealth(picture) = &seen.parsed else {
        return Err(StepError::broken("how the parts are", seen.summary()));
    };
    let offset = picture.test_hooks.and_then(|hooks| hooks.clock_offset_ms);
    check(offset.is_some(), "that the clock is a test's", seen.summary())
}

async fn build(world: &mut FeatureWorld, who: Who) -> StepResult {
    let (commit, defects) =
        (world.run.stage.sut_commit.clone(), world.run.stage.sut_defects.clone());
    let seen = world.send(&who, Request::Version).await?;
    let Parsed::Version(version) = &seen.parsed else {
        return Err(StepError::broken("which build it is", seen.summary()));
    };
    let held = version.git_commit == commit && version.defects == defects;
    check(held, format!("build {commit} with {} seeded defects", defects.len()), seen.summary())
}

async fn names_build(world: &mut FeatureWorld, who: Who) -> StepResult {
    let commit = world.run.stage.sut_commit.clone();
    let seen = world.seen(&who)?;
    let told = seen.exchange.version();
    check(told == Some(&commit), format!("build {commit}"), format!("{told:?}"))
}

/// One call of each program that Manuel is deployed as.
async fn one_build(world: &mut FeatureWorld, who: Who) -> StepResult {
    let calls = [
        "ask a question",
        "have a recording written down",
        "list the manuals",
        "see the quota",
        "see whether Manuel is up",
        "see which build it is",
        "see how its parts are",
        "call what is not there",
    ];
    for what in calls {
        let request = request(world, &who, what).await?;
        world.send(&who, request).await?;
        names_build(world, who.clone()).await?;
    }
    Ok(())
}

async fn one_number(world: &mut FeatureWorld, who: Who) -> StepResult {
    let health = world.look(&who, Request::Health).await?;
    let version = world.look(&who, Request::Version).await?;
    let (Parsed::Health(health), Parsed::Version(version)) = (&health.parsed, &version.parsed)
    else {
        return Err(StepError::broken("health and version", version.summary()));
    };
    check(
        health.version == version.version && !version.version.is_empty(),
        "one number of the version",
        format!("health says {}, version {}", health.version, version.version),
    )
}
