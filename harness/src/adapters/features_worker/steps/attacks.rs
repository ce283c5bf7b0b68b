//! Attacks of the corpus, family by family: each is played by an attacker of its own against a victim of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use verdict::domain::attack::Attack;
use verdict::domain::features::RequestSeen;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::person::Person;
use super::super::run::Run;
use super::super::world::FeatureWorld;
use super::super::world::Played;
use crate::adapters::attack;
use crate::adapters::attack::Arena;
use crate::adapters::attack::AttackError;
use crate::adapters::attack::Cast;
use crate::adapters::attack::Outcome;
use crate::adapters::provision::ProvisionedUser;

/// Casts of a scenario that play at once.
const AT_ONCE: usize = 4;
/// Attacks that are told in full where more did harm.
const TOLD: usize = 8;

steps! {
    /// Plays every attack of a family of the corpus (fixtures/attacks), each on a victim whose manual holds a secret.
    When "attackers try everything of the family {text} against somebody else" (world, family: String) => tried(world, family);

    /// Nothing of what was tried told, changed, stored, charged or reached anything that it must not, and each answer was one
    /// that is harmless.
    Then "nothing that was tried did any harm" (world) => harmless(world);

    /// As many were played, or more: a corpus that shrinks does not go unnoticed.
    Then "at least {number} things were tried" (world, many: u64) => many_tried(world, many);
}

async fn tried(world: &mut FeatureWorld, family: String) -> StepResult {
    let run = Arc::clone(&world.run);
    let attacks: Vec<&Attack> =
        run.attacks.iter().filter(|attack| attack.family.name() == family).collect();
    if attacks.is_empty() {
        return Err(StepError::lost(format!("the corpus has no family \"{family}\"")));
    }
    let arena = run.arena().await?;
    let lacks = attacks.iter().find_map(|attack| Some((attack, arena.lacks(attack)?)));
    if let Some((attack, lack)) = lacks {
        return Err(StepError::lost(format!("{} needs {lack}", attack.name)));
    }
    let hands = attack::deal(attacks, &run.stage.limits);
    let names: Vec<String> = (0..hands.len())
        .map(|hand| format!("{}-{}-{hand}", run.plan.run_id, world.ordinal))
        .collect();
    let casts = arena.cast(&names).await.map_err(|error| lost("the cast", &error))?;
    for cast in &casts {
        for user in [&cast.attacker, &cast.victim] {
            world.adopt(person(user, cast));
        }
    }
    let playing = casts.iter().zip(&hands).map(|(cast, hand)| play(arena, cast, hand));
    let played: Vec<_> = stream::iter(playing).buffer_unordered(AT_ONCE).collect().await;
    for hand in played {
        for (played, requests) in hand? {
            for request in requests {
                world.record(request);
            }
            world.played.push(played);
        }
    }
    Ok(())
}

/// One after the other; of those that did harm, the requests too.
async fn play(
    arena: &Arena,
    cast: &Cast,
    hand: &[&Attack],
) -> StepResult<Vec<(Played, Vec<RequestSeen>)>> {
    let mut played = Vec::new();
    for attack in hand {
        let name = attack.name.clone();
        let (harm, requests) = match arena.play(cast, attack).await {
            Ok(Outcome { held: Ok(()), .. }) => (None, Vec::new()),
            Ok(Outcome { held: Err(broken), seen }) => {
                let requests = seen.answers.iter().map(|answered| RequestSeen {
                    request: format!("{} ({name})", answered.call),
                    status: answered.exchange().map(|exchange| exchange.status),
                    request_id: answered
                        .exchange()
                        .and_then(|exchange| exchange.request_id().map(str::to_owned)),
                    trace_id: None,
                });
                (Some(broken.to_string()), requests.collect())
            }
            // What should have gone well before or after it did not: that is the backend's doing.
            Err(AttackError::Unprepared { what, seen, .. }) => {
                (Some(format!("expected {what}; saw {seen}")), Vec::new())
            }
            Err(error) => return Err(lost("an attack could not be played", &error)),
        };
        played.push((Played { name, harm }, requests));
    }
    Ok(played)
}

async fn harmless(world: &mut FeatureWorld) -> StepResult {
    if world.played.is_empty() {
        return Err(StepError::lost("nothing was tried"));
    }
    let harm: Vec<String> = world
        .played
        .iter()
        .filter_map(|played| Some(format!("{}: {}", played.name, played.harm.as_ref()?)))
        .collect();
    let more = harm.len().saturating_sub(TOLD);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    let told: Vec<&str> = harm.iter().take(TOLD).map(String::as_str).collect();
    check(
        harm.is_empty(),
        format!("{} attacks without harm", world.played.len()),
        format!("{} that did harm: {}{more}", harm.len(), told.join("; ")),
    )
}

async fn many_tried(world: &mut FeatureWorld, many: u64) -> StepResult {
    let tried = world.played.len() as u64;
    check(tried >= many, format!("at least {many} attacks"), format!("{tried}"))
}

fn lost(what: &str, error: &AttackError) -> StepError {
    StepError::lost_by(what, error)
}

/// As somebody of the scenario, so that what it has is taken away in the end.
fn person(user: &ProvisionedUser, cast: &Cast) -> (Who, Person) {
    let person = Person {
        name: user.username.clone(),
        username: Some(user.username.clone()),
        sub: user.sub.clone(),
        password: Some(user.password.clone()),
        session: Some(user.session.clone()),
        client: cast.client().clone(),
        manuals: user.manual_ids.clone(),
        sent: BTreeMap::new(),
    };
    (Who(user.username.clone()), person)
}

impl Run {
    /// The stage as one on which attacks are played, opened when the first is.
    async fn arena(&self) -> StepResult<&Arena> {
        let front = attack::Front::of(&self.stage);
        let opened = self.arena.get_or_try_init(|| Arena::open(&self.stage, front));
        opened.await.map_err(|error| lost("attacks cannot be played on this stage", &error))
    }
}
