//! What Manuel writes down of what people send: its log, where the stage says where it is.

use std::ops::ControlFlow;
use std::time::Duration;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::world::FeatureWorld;
use crate::adapters::backend_log;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// A line is written as its answer is sent.
const WRITTEN: Duration = Duration::from_secs(5);

steps! {
    /// The log tells of the last call of the person, and nowhere holds a token of theirs, nor a part of one that would do.
    Then "Manuel writes down the call of {who}, and no token" (world, who: Who) => no_token(world, who);

    /// The log tells of the last call of the person, and nowhere holds these words, which they sent.
    Then "Manuel writes down the call of {who}, and nowhere {text}" (world, who: Who, words: String) => nowhere(world, who, words);
}

fn log(world: &FeatureWorld) -> StepResult<String> {
    let path = world.run.stage.admin.backend_log.as_deref();
    let path = path.ok_or_else(|| StepError::lost("the stage does not say where the log is"))?;
    backend_log::tail(path, 0).map_err(|e| StepError::lost_by("the log cannot be read", &e))
}

/// The log, once it tells of `who`'s last call: before that, nothing in it says anything.
async fn log_with_call(world: &FeatureWorld, who: &Who) -> StepResult<String> {
    let id = world.seen(who)?.exchange.request_id().map(str::to_owned);
    let id = id.ok_or_else(|| StepError::lost("the answer has no request id"))?;
    let written = poll::until(Pace::quick(WRITTEN), (), || async {
        match log(world) {
            Ok(log) if log.contains(&id) => ControlFlow::Break(Ok(log)),
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    });
    written.await.unwrap_or_else(|_expired| {
        Err(StepError::broken("a line of the log for the call", format!("none for {id}")))
    })
}

async fn no_token(world: &mut FeatureWorld, who: Who) -> StepResult {
    let log = log_with_call(world, &who).await?;
    let person = world.person(&who).await?;
    let session = person.session.ok_or_else(|| StepError::lost(format!("{who} has no account")))?;
    for token in [&session.access_token, &session.id_token, &session.refresh_token] {
        // Its signature alone makes it a token; its head and claims are no secret.
        let secret = token.expose().rsplit('.').next().unwrap_or_default();
        let found = log.lines().find(|line| line.contains(secret));
        let seen = found.map(|line| line.replace(secret, "[here]")).unwrap_or_default();
        check(found.is_none(), format!("no token of {who} in the log"), seen)?;
    }
    Ok(())
}

async fn nowhere(world: &mut FeatureWorld, who: Who, words: String) -> StepResult {
    let log = log_with_call(world, &who).await?;
    let found = log.lines().find(|line| line.contains(&words)).unwrap_or_default();
    check(found.is_empty(), format!("\"{words}\" nowhere in the log"), found)
}
