//! Sessions: kept, renewed, ended; and that nothing but a token lets anybody in.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use manuel_client::Request;
use manuel_client::SignInError;
use proptest::sample::Index;
use proptest::sample::select;
use proptest::strategy::Strategy as _;

use super::super::catalogue::steps;
use super::super::generated::Generated;
use super::super::generated::any_case;
use super::super::manners::Mannered;
use super::super::manners::authorized;
use super::super::manners::mannered;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::tokens;
use super::super::world::Failure;
use super::super::world::FeatureWorld;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// What a token is made of (RFC 7515, base64url).
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Keys that could not be fetched are asked for again a second later.
const KEYS_AGAIN: Duration = Duration::from_secs(10);

steps! {
    /// The session as it is now is remembered: moving the clock signs everybody in anew.
    Given "{who} keeps the session" (world, who: Who) => keep(world, who);

    /// The kept session gives new tokens, with which the person goes on.
    Does "{who} renews the kept session" (world, who: Who) => renew(world, who);

    /// The kept session is ended at the user pool.
    Does "{who} signs out" (world, who: Who) => sign_out(world, who);

    /// The account is taken out of the user pool.
    Does "the account of {who} is deleted" (world, who: Who) => delete_account(world, who);

    /// The user pool gives no new tokens for the kept session.
    Then "{who} cannot renew the kept session" (world, who: Who) => cannot_renew(world, who);

    /// Whatever single letter of the good token is another, whoever shows it is refused.
    Then "no token of {who} that is altered in one letter lets anybody in" (world, who: Who) => no_altered(world, who);

    /// Texts that are no token, some with its form, are refused.
    Then "no text that is not a token lets {who} in" (world, who: Who) => no_other_text(world, who);

    /// The word before the token is the same in capitals, small letters, and any mixture.
    Then "{who} is let in however the word before the token is spelt" (world, who: Who) => any_scheme(world, who);

    /// Nobody can fetch the public keys of the user pool.
    Given "the keys of the user pool cannot be reached" (world) => no_keys(world);

    /// The last call got nothing: refused for the token, or because nobody can tell.
    Then "{who} gets nothing" (world, who: Who) => gets_nothing(world, who);

    /// The keys of the user pool can be fetched again: a token of a key that nobody has is refused for what it is. Waits, at
    /// most 10 s.
    Then "Manuel can tell tokens of {who} from others again" (world, who: Who) => keys_again(world, who);
}

async fn keep(world: &mut FeatureWorld, who: Who) -> StepResult {
    let session = tokens::session(world, &who).await?;
    world.sessions.insert(who, session);
    Ok(())
}

async fn renew(world: &mut FeatureWorld, who: Who) -> StepResult {
    let kept = world.kept_session(&who)?.clone();
    let renewed = world.run.accounts.renew(&kept).await;
    let renewed = renewed.map_err(|e| StepError::lost_by("the session is not renewed", &e))?;
    let same = renewed.sub == kept.sub && renewed.access_token != kept.access_token;
    check(same, "a new token of the same person", "another person's, or the same token")?;
    world.change(&who, |person| person.session = Some(renewed)).await
}

async fn sign_out(world: &mut FeatureWorld, who: Who) -> StepResult {
    let kept = world.kept_session(&who)?.clone();
    let ended = world.run.accounts.sign_out(&kept).await;
    ended.map_err(|e| StepError::lost_by("the session is not ended", &e))
}

async fn delete_account(world: &mut FeatureWorld, who: Who) -> StepResult {
    let username = world.person(&who).await?.username;
    let username = username.ok_or_else(|| StepError::lost(format!("{who} has no account")))?;
    world.run.accounts.close(&username).await;
    // Nobody signs in to it again, and nobody takes it away again.
    world.change(&who, |person| person.username = None).await
}

async fn cannot_renew(world: &mut FeatureWorld, who: Who) -> StepResult {
    let kept = world.kept_session(&who)?.clone();
    match world.run.accounts.renew(&kept).await {
        Err(SignInError::Refused { .. }) => Ok(()),
        Err(error) => Err(StepError::lost_by("the user pool", &error)),
        Ok(_) => Err(StepError::broken("no new tokens", "the user pool gave new tokens")),
    }
}

async fn no_altered(world: &mut FeatureWorld, who: Who) -> StepResult {
    let good = tokens::access(world, &who).await?;
    let letters: Vec<char> = LETTERS.chars().collect();
    let places = (proptest::arbitrary::any::<Index>(), select(letters));
    Generated::of(world)
        .hold(places, async |_, (place, letter)| {
            let Some(altered) = altered(&good, place.index(good.len()), letter) else {
                return Ok(());
            };
            refused(world, &who, Mannered::token(list(), altered)).await
        })
        .await
}

/// None where nothing would change, or where the points between the parts stand.
fn altered(good: &str, place: usize, letter: char) -> Option<String> {
    let mut letters: Vec<char> = good.chars().collect();
    let old = letters.get_mut(place).filter(|old| **old != letter && **old != '.')?;
    *old = letter;
    Some(letters.into_iter().collect())
}

async fn no_other_text(world: &mut FeatureWorld, who: Who) -> StepResult {
    let part = "[A-Za-z0-9_-]{0,60}";
    let texts = [
        format!("{part}\\.{part}\\.{part}"),
        format!("{part}(\\.{part}){{3,5}}"),
        "[!-~]{1,200}".to_owned(),
        "[!-~]{9000,9100}".to_owned(),
    ];
    Generated::of(world)
        .hold(select(texts.to_vec()).prop_flat_map(text_like), async |_, text| {
            refused(world, &who, authorized(list(), &format!("Bearer {text}"))?).await
        })
        .await
}

/// Texts that the pattern matches; patterns are ours and match some.
fn text_like(pattern: String) -> impl proptest::strategy::Strategy<Value = String> {
    proptest::string::string_regex(&pattern).map_or_else(
        |_error| proptest::strategy::Just(pattern).boxed(),
        proptest::strategy::Strategy::boxed,
    )
}

async fn any_scheme(world: &mut FeatureWorld, who: Who) -> StepResult {
    let good = tokens::access(world, &who).await?;
    Generated::of(world)
        .hold(any_case("Bearer"), async |_, scheme| {
            let call = authorized(list(), &format!("{scheme} {good}"))?;
            world.send_as(&who, call.request.clone(), call.how()).await?.success().map(drop)
        })
        .await
}

fn list() -> Request {
    Request::ListManuals { limit: None, cursor: None }
}

async fn refused(world: &mut FeatureWorld, who: &Who, call: Mannered) -> StepResult {
    let seen = world.send_as(who, call.request.clone(), call.how()).await?;
    let unauthorised = seen.exchange.status == 401 && seen.refusal().is_ok();
    check(unauthorised, "nobody let in", seen.summary())
}

async fn no_keys(world: &mut FeatureWorld) -> StepResult {
    let failure = Failure {
        service: "cognito-idp",
        operation: Some("jwks.json"),
        error: "InternalErrorException",
        status: 503,
    };
    world.break_down(&failure, None).await
}

async fn gets_nothing(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let told = seen.refusal()?;
    let known = ["token_invalid", "identity_unavailable"].contains(&told.code.as_str());
    check(known, "a refusal for the token, or for the keys", seen.summary())
}

async fn keys_again(world: &mut FeatureWorld, who: Who) -> StepResult {
    let stranger = "a token of a key that the pool never had";
    let call = mannered(world, &who, Request::Quota, stranger).await?;
    let person = world.person(&who).await?;
    let run = Arc::clone(&world.run);
    let waited = poll::until(Pace::sparing(KEYS_AGAIN), "no answer".to_owned(), async || match run
        .exchange(&person, &call.request, &call.how())
        .await
        .1
    {
        Ok(seen) if seen.refused_with(401, "token_invalid").is_ok() => ControlFlow::Break(Ok(())),
        Ok(seen) => ControlFlow::Continue(seen.summary()),
        Err(error) => ControlFlow::Break(Err(error)),
    });
    waited.await.unwrap_or_else(|expired| {
        Err(StepError::broken("a token of a strange key refused for that", expired.last_seen))
    })
}
