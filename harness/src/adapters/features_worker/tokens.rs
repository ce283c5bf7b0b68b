//! Tokens by their kind: those of a session, those that the stage's user pool makes with a fault, and forged ones.

use std::time::Duration;

use manuel_client::Session;
use serde::Deserialize;
use serde_json::json;

use super::calls::NOBODYS;
use super::forged;
use super::forged::Known;
use super::manners::Manner;
use super::outcome::StepError;
use super::outcome::StepResult;
use super::params::Who;
use super::world::FeatureWorld;

use crate::adapters::plain_http;

/// The user pool of a stage answers at once; making a key of a stranger's takes half a second.
const POOL: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Minted {
    token: String,
}

#[derive(Deserialize)]
struct PublicKeys {
    keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct PublicKey {
    n: String,
}

/// The person's session.
pub async fn session(world: &mut FeatureWorld, who: &Who) -> StepResult<Session> {
    let person = world.person(who).await?;
    person.session.ok_or_else(|| StepError::lost(format!("{who} has no account")))
}

/// The person's access token.
pub async fn access(world: &mut FeatureWorld, who: &Who) -> StepResult<String> {
    Ok(session(world, who).await?.access_token.expose().to_owned())
}

/// A token of this kind; `Bearer` is put before it.
pub async fn of(world: &mut FeatureWorld, who: &Who, manner: Manner) -> StepResult<String> {
    match manner {
        Manner::IdToken => Ok(session(world, who).await?.id_token.expose().to_owned()),
        Manner::RefreshToken => Ok(session(world, who).await?.refresh_token.expose().to_owned()),
        Manner::Kept => Ok(world.kept_session(who)?.access_token.expose().to_owned()),
        Manner::Minted(fault) => minted(world, who, fault).await,
        Manner::Forged(forgery) => {
            let good = access(world, who).await?;
            let known = known(world, who).await?;
            forged::forged(&good, forgery, &known)
                .ok_or_else(|| StepError::lost("the user pool's token is not one of three parts"))
        }
        Manner::NoToken
        | Manner::InAddress
        | Manner::InCookie
        | Manner::Bare
        | Manner::OtherScheme
        | Manner::Signature(_) => Err(StepError::lost("that is no kind of token")),
    }
}

/// A token for the person with one fault, made by the emulators.
async fn minted(world: &mut FeatureWorld, who: &Who, fault: &str) -> StepResult<String> {
    let person = world.person(who).await?;
    let admin = world.run.stage.admin.emulators_url.as_deref();
    let admin = admin.ok_or_else(|| StepError::lost("the stage makes no tokens (`@local`)"))?;
    let url = format!("{}/tokens", admin.trim_end_matches('/'));
    let body = json!({ "username": person.username, "fault": fault });
    let failed = |error: reqwest::Error| StepError::lost_by("no token was made", &error);
    let answer = http(&url)?.post(url).json(&body).send().await.map_err(failed)?;
    let answer = answer.error_for_status().map_err(failed)?;
    Ok(answer.json::<Minted>().await.map_err(failed)?.token)
}

/// What a forger knows: somebody else of the scenario, and what is public.
async fn known(world: &mut FeatureWorld, who: &Who) -> StepResult<Known> {
    let own = world.person(who).await?.sub;
    let other = world.people().find(|person| person.sub != own && !person.sub.is_empty());
    let other_sub = other.map_or_else(|| NOBODYS.to_owned(), |person| person.sub.clone());
    let pool = &world.run.stage.cognito;
    let url = format!(
        "{}/{}/.well-known/jwks.json",
        pool.endpoint.trim_end_matches('/'),
        pool.user_pool_id
    );
    let failed = |error: reqwest::Error| StepError::lost_by("the pool's public keys", &error);
    let answer = http(&url)?.get(url).send().await.map_err(failed)?;
    let keys: PublicKeys =
        answer.error_for_status().map_err(failed)?.json().await.map_err(failed)?;
    let key = keys.keys.into_iter().next();
    let key = key.ok_or_else(|| StepError::lost("the pool publishes no key"))?;
    Ok(Known { other_sub, modulus: key.n })
}

fn http(url: &str) -> StepResult<reqwest::Client> {
    let client = plain_http::client(url, POOL).build();
    client.map_err(|error| StepError::lost_by("the user pool", &error))
}
