//! The rule with times of its own, and the shared breaker over a clock that tests move.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use super::*;

const S: Duration = Duration::from_secs(1);

fn fail(circuit: &mut Circuit, now: Instant, times: u32) {
    for _ in 0..times {
        let pass = circuit.admit(now).unwrap();
        circuit.record(now, pass, Outcome::Bad, 0.5);
    }
}

fn succeed(circuit: &mut Circuit, now: Instant, times: u32) {
    for _ in 0..times {
        let pass = circuit.admit(now).unwrap();
        circuit.record(now, pass, Outcome::Good, 0.5);
    }
}

#[test]
fn it_opens_at_half_of_ten_and_closes_after_two_good_calls() {
    let (mut circuit, start) = (Circuit::default(), clock::monotonic());
    fail(&mut circuit, start, 9);
    assert_eq!(circuit.state(start), State::Closed, "nine are too few");
    fail(&mut circuit, start, 1);
    assert_eq!(circuit.state(start), State::Open);
    assert_eq!(circuit.admit(start + S), Err(4 * S));

    let due = start + 5 * S;
    let probe = circuit.admit(due).unwrap();
    assert_eq!((circuit.state(due), circuit.admit(due)), (State::HalfOpen, Err(Duration::ZERO)));
    circuit.record(due, probe, Outcome::Good, 0.5);
    assert_eq!(circuit.state(due), State::HalfOpen, "one good call is not enough");
    succeed(&mut circuit, due, 1);
    assert_eq!(circuit.state(due), State::Closed);
    fail(&mut circuit, due, 9);
    assert_eq!(circuit.state(due), State::Closed, "it starts afresh");
}

#[test]
fn a_bad_probe_opens_it_again_and_one_that_was_dropped_frees_its_place() {
    let (mut circuit, start) = (Circuit::default(), clock::monotonic());
    fail(&mut circuit, start, 10);
    let due = start + 5 * S;
    let dropped = circuit.admit(due).unwrap();
    circuit.record(due, dropped, Outcome::Unknown, 0.5);
    assert_eq!(circuit.state(due), State::HalfOpen);
    fail(&mut circuit, due, 1);
    assert_eq!(circuit.admit(due), Err(5 * S));
}

#[test]
fn a_minority_that_always_fails_opens_it_for_nobody() {
    let (mut circuit, start) = (Circuit::default(), clock::monotonic());
    for round in 0..1000 {
        let now = start + S * round / 100;
        succeed(&mut circuit, now, 5);
        fail(&mut circuit, now, 4);
    }
    assert_eq!(circuit.state(start), State::Closed);
}

#[test]
fn outcomes_count_for_ten_seconds_and_late_ones_of_another_phase_not_at_all() {
    let (mut circuit, start) = (Circuit::default(), clock::monotonic());
    fail(&mut circuit, start, 9);
    fail(&mut circuit, start + 11 * S, 9);
    assert_eq!(circuit.state(start), State::Closed);

    let slow = circuit.admit(start).unwrap();
    fail(&mut circuit, start + 12 * S, 1);
    assert_eq!(circuit.state(start), State::Open);
    let due = start + 17 * S;
    let probe = circuit.admit(due).unwrap();
    circuit.record(due, slow, Outcome::Good, 0.5);
    circuit.record(due, slow, Outcome::Good, 0.5);
    assert_eq!(circuit.state(due), State::HalfOpen, "a call from before the outage proves nothing");
    circuit.record(due, probe, Outcome::Good, 0.5);
}

#[test]
fn after_long_good_times_an_outage_is_seen_after_fifty_failures() {
    let (mut circuit, start) = (Circuit::default(), clock::monotonic());
    succeed(&mut circuit, start, 5000);
    fail(&mut circuit, start, 50);
    assert_eq!(circuit.state(start), State::Open);
}

#[test]
fn the_jitter_is_a_fifth_to_either_side() {
    for (roll, expected) in [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)] {
        let (mut circuit, start) = (Circuit::default(), clock::monotonic());
        for _ in 0..10 {
            let pass = circuit.admit(start).unwrap();
            circuit.record(start, pass, Outcome::Bad, roll);
        }
        let left = circuit.admit(start).unwrap_err();
        assert!((left.as_secs_f64() - expected).abs() < 1e-6, "{left:?}");
    }
}

struct Outage {
    breaker: Arc<Breaker>,
    clock_ms: Arc<AtomicI64>,
    dark: AtomicBool,
    calls: AtomicU32,
}

impl Outage {
    fn new(dependency: Dependency) -> Self {
        let clock_ms = Arc::new(AtomicI64::new(1_794_744_000_000));
        let clock = Clock::Manual(Arc::clone(&clock_ms));
        let breaker = Arc::new(Breaker::new(dependency, "local", clock));
        Self { breaker, clock_ms, dark: AtomicBool::new(true), calls: AtomicU32::new(0) }
    }

    fn make(&self) -> impl Future<Output = Result<(), PortError>> {
        let failed =
            || PortError::new(self.breaker.dependency, "Converse", PortErrorKind::Throttled);
        async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.dark.load(Ordering::SeqCst) { Err(failed()) } else { Ok(()) }
        }
    }

    async fn call(&self) -> Result<(), PortError> {
        self.breaker.call("Converse", self.make()).await
    }
}

#[tokio::test]
async fn an_open_breaker_makes_no_call_says_when_and_closes_when_the_outage_ends() {
    let outage = Outage::new(Dependency::Model);
    for _ in 0..10 {
        assert_eq!(outage.call().await.unwrap_err().kind, PortErrorKind::Throttled);
    }
    let refused = outage.call().await.unwrap_err();
    assert_eq!((refused.kind, refused.was_begun()), (PortErrorKind::Unavailable, false));
    assert!((4..=6).contains(&refused.retry_after_s().unwrap()), "{refused:?}");
    assert_eq!(outage.calls.load(Ordering::SeqCst), 10);
    assert_eq!(outage.breaker.state(), State::Open);

    outage.dark.store(false, Ordering::SeqCst);
    outage.clock_ms.fetch_add(6001, Ordering::SeqCst);
    assert!(outage.call().await.is_ok());
    assert_eq!(outage.breaker.state(), State::HalfOpen);
    assert!(outage.call().await.is_ok());
    assert_eq!(outage.breaker.state(), State::Closed);
}

#[tokio::test]
async fn settling_passes_an_open_breaker() {
    let outage = Outage::new(Dependency::Store);
    for _ in 0..10 {
        outage.call().await.unwrap_err();
    }
    assert!(outage.breaker.settle(outage.make()).await.is_err());
    assert_eq!(outage.calls.load(Ordering::SeqCst), 11);
    assert_eq!(outage.breaker.state(), State::Open);
}

#[tokio::test]
async fn conflicts_and_corrupt_rows_and_callers_that_leave_early_do_not_open_it() {
    for kind in [PortErrorKind::Conflict, PortErrorKind::Corrupt] {
        let outage = Outage::new(Dependency::Store);
        for _ in 0..30 {
            let refused = async { Err::<(), _>(PortError::new(Dependency::Store, "x", kind)) };
            outage.breaker.call("x", refused).await.unwrap_err();
        }
        assert_eq!(outage.breaker.state(), State::Closed, "{kind:?}");
    }
    let outage = Outage::new(Dependency::Store);
    for _ in 0..30 {
        let hangs = outage.breaker.call("x", std::future::pending::<Result<(), PortError>>());
        assert!(tokio::time::timeout(Duration::ZERO, hangs).await.is_err());
    }
    assert_eq!(outage.breaker.state(), State::Closed);
}

#[tokio::test]
async fn a_probe_that_was_dropped_leaves_its_place_to_the_next() {
    let outage = Outage::new(Dependency::Store);
    for _ in 0..10 {
        outage.call().await.unwrap_err();
    }
    outage.clock_ms.fetch_add(6001, Ordering::SeqCst);
    let hangs = outage.breaker.call("x", std::future::pending::<Result<(), PortError>>());
    assert!(tokio::time::timeout(Duration::ZERO, hangs).await.is_err());
    outage.dark.store(false, Ordering::SeqCst);
    assert!(outage.call().await.is_ok());
}
