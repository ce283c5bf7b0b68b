//! Breakers: a dependency that fails most calls is left alone for a while instead of being waited for by everybody.
//!
//! `Circuit` is the rule, without a clock: it is told the time. Closed, it keeps the outcomes of the last ten seconds, a
//! hundred at most, and opens when at least ten are known and half of them failed. One user whose calls all fail is far
//! from half of everybody's; a dependency that is dark is known after a few of its failures. Open, it lets nothing
//! through for five seconds or so; then, half open, one call at a time shows how it is: two good ones close it, a bad one
//! opens it again. Time is monotonic and runs on while a sandbox is frozen: after that an open breaker is simply due.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::{self, Clock};
use crate::context;
use crate::defects::{self, Defect};
use crate::metrics;
use crate::ports::{CircuitOpen, Dependency, PortError, PortErrorKind};

/// Outcomes older than this do not count.
const WINDOW: Duration = Duration::from_secs(10);

/// No more outcomes than this are kept.
const OUTCOMES_MAX: usize = 100;

/// With fewer outcomes nothing is concluded.
const OUTCOMES_MIN: usize = 10;

/// How long it stays open, but for the jitter.
const OPEN_FOR: Duration = Duration::from_secs(5);

/// The jitter, as a part of [`OPEN_FOR`] to either side: processes must not come back together.
const JITTER: f64 = 0.2;

/// Good calls in a row, half open, that close it.
const GOOD_TO_CLOSE: u32 = 2;

/// A timer may ring this much before an attempt would have: the call still counts as one that had its time.
const TIMER_SLACK: Duration = Duration::from_millis(50);

/// Whether calls pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum State {
    /// All of them.
    #[default]
    Closed,
    /// One at a time.
    HalfOpen,
    /// None.
    Open,
}

/// What a call told about its dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is there: it answered, be it with a refusal.
    Good,
    /// It is out, overloaded or too slow.
    Bad,
    /// Nothing: the caller went away too early to tell.
    Unknown,
}

/// The right to make a call; its outcome counts only while the circuit is as it was when the call began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass(u64);

/// The state machine.
#[derive(Debug)]
pub struct Circuit {
    phase: Phase,
    changes: u64,
}

#[derive(Debug)]
enum Phase {
    Closed { outcomes: VecDeque<(Instant, bool)> },
    Open { until: Instant },
    HalfOpen { busy: bool, good: u32 },
}

impl State {
    /// The word in `/health/deep`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

impl Default for Circuit {
    fn default() -> Self {
        Self { phase: Phase::Closed { outcomes: VecDeque::new() }, changes: 0 }
    }
}

impl Circuit {
    /// Lets a call through, or says how long to wait; an open circuit that is due becomes half open.
    pub fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        if let Phase::Open { until } = self.phase {
            let left = until.saturating_duration_since(now);
            if !left.is_zero() || defects::is_on(Defect::BreakerNeverCloses) {
                return Err(left);
            }
            self.change(Phase::HalfOpen { busy: false, good: 0 });
        }
        match &mut self.phase {
            Phase::HalfOpen { busy: true, .. } => Err(Duration::ZERO),
            Phase::HalfOpen { busy, .. } => {
                *busy = true;
                Ok(Pass(self.changes))
            }
            Phase::Closed { .. } | Phase::Open { .. } => Ok(Pass(self.changes)),
        }
    }

    /// Books how a call ended. `roll`, from 0 to 1, places the jitter should this open the circuit.
    pub fn record(&mut self, now: Instant, pass: Pass, outcome: Outcome, roll: f64) {
        if pass != Pass(self.changes) {
            return;
        }
        let next = match &mut self.phase {
            Phase::Closed { outcomes } => {
                if outcome != Outcome::Unknown {
                    outcomes.push_back((now, outcome == Outcome::Bad));
                }
                while outcomes.len() > OUTCOMES_MAX
                    || outcomes
                        .front()
                        .is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW)
                {
                    outcomes.pop_front();
                }
                let bad = outcomes.iter().filter(|(_, bad)| *bad).count();
                let opens = outcome == Outcome::Bad
                    && outcomes.len() >= OUTCOMES_MIN
                    && bad * 2 >= outcomes.len();
                opens.then(|| open(now, roll))
            }
            Phase::HalfOpen { busy, good } => {
                *busy = false;
                match outcome {
                    Outcome::Good => {
                        *good += 1;
                        let closes = *good >= GOOD_TO_CLOSE;
                        closes.then(|| Phase::Closed { outcomes: VecDeque::new() })
                    }
                    Outcome::Bad => Some(open(now, roll)),
                    Outcome::Unknown => None,
                }
            }
            Phase::Open { .. } => None,
        };
        if let Some(next) = next {
            self.change(next);
        }
    }

    /// How it is, as the next call would find it.
    pub fn state(&self, now: Instant) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until } if now < until => State::Open,
            Phase::Open { .. } if defects::is_on(Defect::BreakerNeverCloses) => State::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.changes += 1;
    }
}

fn open(now: Instant, roll: f64) -> Phase {
    let part = 1.0 + JITTER * (2.0 * roll - 1.0);
    Phase::Open { until: now.checked_add(OPEN_FOR.mul_f64(part)).unwrap_or(now) }
}

/// A circuit that tasks share, and the calls through it.
#[derive(Debug)]
pub struct Breaker {
    dependency: Dependency,
    stage: &'static str,
    clock: Clock,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    circuit: Circuit,
    last: Option<(Instant, Outcome)>,
    said: State,
}

impl Breaker {
    /// A closed one.
    pub fn new(dependency: Dependency, stage: &'static str, clock: Clock) -> Self {
        Self { dependency, stage, clock, shared: Mutex::default() }
    }

    /// Whether calls pass.
    pub fn state(&self) -> State {
        self.locked().circuit.state(self.clock.monotonic())
    }

    /// Whether the last call that told anything was a bad one, within the window that counts.
    pub fn last_was_bad(&self) -> bool {
        let now = self.clock.monotonic();
        self.locked().last.is_some_and(|(at, outcome)| {
            outcome == Outcome::Bad && now.saturating_duration_since(at) <= WINDOW
        })
    }

    /// Makes a call if the circuit lets it; a call that is refused is not begun.
    pub async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        match self.admit() {
            Ok(pass) => self.watch(Some(pass), call).await,
            Err(left) => {
                context::note(|figures| figures.refused(self.dependency));
                let source = Some(CircuitOpen::after(left).into());
                let kind = PortErrorKind::Unavailable;
                Err(PortError { dependency: self.dependency, operation, kind, source })
            }
        }
    }

    /// Makes a call that must be tried even when the circuit is open: it ends something that was begun before, so there
    /// are no more of them than there were calls in flight when it opened.
    pub async fn settle<T>(
        &self,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let pass = self.admit().ok();
        self.watch(pass, call).await
    }

    async fn watch<T>(
        &self,
        pass: Option<Pass>,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        // Books an outcome even when the caller drops the call half-way.
        let mut watched = Watched { breaker: self, pass, began: clock::monotonic(), outcome: None };
        let done = call.await;
        watched.outcome =
            Some(done.as_ref().map_or_else(|error| judged(error.kind), |_| Outcome::Good));
        done
    }

    fn admit(&self) -> Result<Pass, Duration> {
        self.changing(|shared, now| shared.circuit.admit(now))
    }

    fn record(&self, pass: Option<Pass>, outcome: Outcome) {
        self.changing(|shared, now| {
            if outcome != Outcome::Unknown {
                shared.last = Some((now, outcome));
            }
            if let Some(pass) = pass {
                shared.circuit.record(now, pass, outcome, rand::random::<f64>());
            }
        });
    }

    /// Does it under the lock; says so when the state is another after it.
    fn changing<R>(&self, change: impl FnOnce(&mut Shared, Instant) -> R) -> R {
        let now = self.clock.monotonic();
        let (before, after, result) = {
            let mut shared = self.locked();
            let result = change(&mut shared, now);
            let after = shared.circuit.state(now);
            (std::mem::replace(&mut shared.said, after), after, result)
        };
        if before != after {
            let (dependency, state) = (self.dependency.as_str(), after.as_str());
            tracing::warn!(message = "breaker", dependency, state);
            metrics::circuit(self.stage, self.clock.now(), self.dependency, after);
        }
        result
    }

    fn locked(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A conflict is another writer's, and what cannot be read may be one row: both were answered.
fn judged(kind: PortErrorKind) -> Outcome {
    match kind {
        PortErrorKind::Unavailable | PortErrorKind::Throttled => Outcome::Bad,
        PortErrorKind::Conflict | PortErrorKind::Corrupt => Outcome::Good,
    }
}

struct Watched<'a> {
    breaker: &'a Breaker,
    pass: Option<Pass>,
    began: Instant,
    outcome: Option<Outcome>,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or_else(|| {
            let waited = clock::monotonic().saturating_duration_since(self.began);
            let had_its_time = waited + TIMER_SLACK >= self.breaker.dependency.attempt_within();
            if had_its_time { Outcome::Bad } else { Outcome::Unknown }
        });
        self.breaker.record(self.pass, outcome);
    }
}

#[cfg(test)]
mod tests;
