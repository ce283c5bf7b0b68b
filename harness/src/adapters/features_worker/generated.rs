//! Promises that hold "for any": values drawn from the run's seed and the scenario, tried one after another, and on the
//! first that breaks the promise a simpler one that breaks it too. What is drawn does not depend on what else runs, so
//! that the same place with the same seed tries the same values again.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;
use sha2::Digest as _;
use sha2::Sha256;

use super::outcome::StepError;
use super::outcome::StepResult;
use super::params::Who;
use super::world::FeatureWorld;

mod strategies;

pub use strategies::any_case;
pub use strategies::around;
pub use strategies::clock_offsets;
pub use strategies::padding;
pub use strategies::question;
pub use strategies::text_of;

/// Values that one step tries, where it says nothing else: each of them is a request or two.
pub const CASES: u32 = 12;
/// Further values that are tried to make a failing one simpler.
const SIMPLER: u32 = 24;

/// A number of values to try in one step.
#[derive(Clone, Debug)]
pub struct Generated {
    seed: u64,
    scenario: String,
    cases: u32,
}

impl Generated {
    /// [`CASES`] values for a scenario; those of the run's seed.
    pub fn of(world: &FeatureWorld) -> Self {
        Self { seed: world.run.plan.seed, scenario: world.id.clone(), cases: CASES }
    }

    /// As many values as are said, for what is dear.
    #[must_use]
    pub fn cases(self, cases: u32) -> Self {
        Self { cases, ..self }
    }

    /// Tries values of `strategy` until one does not hold, or all are tried. `check` is told whose turn it is, from 0:
    /// people, names and limits of a turn are then its own. What is lost is not made simpler.
    pub async fn hold<S, C>(&self, strategy: S, mut check: C) -> StepResult
    where
        S: Strategy,
        S::Value: Debug,
        C: AsyncFnMut(u32, S::Value) -> StepResult,
    {
        let mut runner = self.runner();
        for case in 0..self.cases {
            let mut tree = strategy.new_tree(&mut runner).map_err(|reason| {
                StepError::lost(format!("no value can be made: {}", reason.message()))
            })?;
            let first = format!("{:?}", tree.current());
            let Err(error) = check(case, tree.current()).await else { continue };
            let StepError::Broken { expected, seen } = error else { return Err(error) };
            let broken = Broken { expected, seen, value: first.clone() };
            let (broken, tried) = self.simplest(&mut tree, broken, &mut check).await;
            let Broken { expected, seen, value } = broken;
            let seen = format!(
                "{seen}; with the value {value}, made simpler in {tried} further tries from {first} \
                 (value {} of {} with --seed {})",
                case + 1,
                self.cases,
                self.seed
            );
            return Err(StepError::Broken { expected, seen });
        }
        Ok(())
    }

    /// The simplest value that breaks the promise, of those that [`SIMPLER`] tries find.
    async fn simplest<T, C>(&self, tree: &mut T, broken: Broken, check: &mut C) -> (Broken, u32)
    where
        T: ValueTree,
        T::Value: Debug,
        C: AsyncFnMut(u32, T::Value) -> StepResult,
    {
        let (mut simplest, mut tried) = (broken, 0);
        let mut more = tree.simplify();
        while more && tried < SIMPLER {
            let value = format!("{:?}", tree.current());
            let outcome = check(self.cases + tried, tree.current()).await;
            tried += 1;
            more = match outcome {
                Ok(()) => tree.complicate(),
                Err(StepError::Broken { expected, seen }) => {
                    simplest = Broken { expected, seen, value };
                    tree.simplify()
                }
                // Nothing is known of this one, and likely of no other: what broke stays told.
                Err(StepError::Lost { .. }) => false,
            };
        }
        (simplest, tried)
    }

    fn runner(&self) -> TestRunner {
        let seed = Sha256::digest(format!("{} {}", self.seed, self.scenario));
        let config = Config { failure_persistence: None, ..Config::default() };
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }
}

/// What broke, and with which value.
#[derive(Debug)]
struct Broken {
    expected: String,
    seen: String,
    value: String,
}

/// Somebody in `who`'s place, for the turn `case`: with quotas and limits that no other turn has used. A name that no
/// feature can write.
pub fn stand_in(who: &Who, case: u32) -> Who {
    Who(format!("{who}-{case}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(seed: u64) -> Generated {
        Generated { seed, scenario: "features/x.feature:3".to_owned(), cases: CASES }
    }

    async fn drawn(generated: &Generated) -> Vec<u64> {
        let mut values = Vec::new();
        let held = generated.hold(0..1_000_000_u64, async |_, value| {
            values.push(value);
            Ok(())
        });
        held.await.unwrap();
        values
    }

    #[tokio::test]
    async fn the_same_seed_and_scenario_draw_the_same_values() {
        let one = drawn(&generated(7)).await;
        assert_eq!(one.len(), CASES as usize);
        assert_eq!(one, drawn(&generated(7)).await);
        assert_ne!(one, drawn(&generated(8)).await);
        let elsewhere = Generated { scenario: "features/x.feature:4".to_owned(), ..generated(7) };
        assert_ne!(one, drawn(&elsewhere).await);
        assert_eq!(drawn(&generated(7).cases(3)).await, one[..3]);
    }

    #[tokio::test]
    async fn what_breaks_is_made_simpler_and_told_with_its_seed() {
        let mut asked = 0;
        let drawing = generated(7);
        let ended = drawing.hold(0..1_000_000_u64, async |_, value| {
            asked += 1;
            let seen = format!("{value} of them");
            super::super::outcome::check(value < 1000, "less than 1000", seen)
        });
        let StepError::Broken { expected, seen } = ended.await.unwrap_err() else {
            panic!("it is broken, not lost");
        };
        assert_eq!(expected, "less than 1000");
        assert!(seen.starts_with("1000 of them; with the value 1000, made simpler in "), "{seen}");
        assert!(seen.ends_with("of 12 with --seed 7)"), "{seen}");
        assert!(asked <= CASES + SIMPLER, "{asked}");
    }

    #[tokio::test]
    async fn what_is_lost_is_told_as_it_is_and_ends_it() {
        let mut asked = 0;
        let drawing = generated(7);
        let ended = drawing.hold(0..9_u64, async |_, _| {
            asked += 1;
            Err(StepError::lost("no stage"))
        });
        assert_eq!(ended.await, Err(StepError::lost("no stage")));
        assert_eq!(asked, 1);
    }

    #[tokio::test]
    async fn a_value_that_cannot_be_judged_while_simplifying_hides_nothing() {
        let mut asked = 0;
        let drawing = generated(7);
        let ended = drawing.hold(500..1_000_000_u64, async |_, value| {
            asked += 1;
            let broken = StepError::broken("none", value.to_string());
            Err(if asked == 1 { broken } else { StepError::lost("the stage went away") })
        });
        let error = ended.await.unwrap_err();
        assert!(matches!(&error, StepError::Broken { expected, .. } if expected == "none"));
        assert_eq!(asked, 2);
    }
}
