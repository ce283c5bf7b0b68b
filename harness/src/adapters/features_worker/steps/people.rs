//! Who is who.

use super::super::catalogue::steps;
use super::super::outcome::StepResult;
use super::super::params::Who;
use super::super::world::FeatureWorld;

steps! {
    /// Makes an account of its own for the person and signs it in.
    Given "{who} is signed in" (world, who: Who) => signed_in(world, who);

    /// A person without an account: what it sends carries no token.
    Given "{who} has no account" (world, who: Who) => async move { world.stranger(&who, None) };
}

async fn signed_in(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.person(&who).await.map(drop)
}
