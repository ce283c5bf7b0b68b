//! Rate limits: exactly the limit in any window, over any number of processes; refused calls prolong nothing; a store
//! that cannot be read is a closed door.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use backend::app::error::AppError;
use backend::app::rate_limit::RateLimiter;
use backend::clock::Clock;
use backend::domain::rate_limit::{RateLimit, Subject};
use backend::domain::user::UserId;
use backend::http::Peer;
use backend::memory::Trouble;
use backend::memory::rate_limit::MemoryRateLimit;
use backend::ports::PortErrorKind;
use http::Method;
use proptest::prelude::*;

use crate::world::{ANNA, Answer, BERT, NOON_S, World};

async fn from(world: &World, user: &str, peer: [u8; 4], path: &str) -> Answer {
    let mut request = world.request(user, Method::GET, path, Vec::new());
    request.extensions_mut().insert(Peer((peer, 40_000).into()));
    world.send(request).await
}

fn seen(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn limited() -> (u16, String) {
    (429, "rate_limited".to_owned())
}

#[tokio::test]
async fn a_users_calls_are_limited_wherever_they_come_from_and_no_other_users() {
    let world = World::with(&[("RATE_LIMIT_REQUESTS", "3")]);
    let asks = (0..7).map(|_| world.get(ANNA, "/api/user/quota"));
    let answers = futures::future::join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.as_u16() == 200).count(), 3);
    for refused in answers.iter().filter(|answer| answer.status.as_u16() != 200) {
        assert_eq!(seen(refused), limited());
        assert_eq!(refused.header("retry-after"), "60");
        assert_eq!(refused.json()["retry_after"], 60);
        assert_eq!(refused.json()["retryable"], true);
    }
    assert_eq!(world.get(BERT, "/api/user/quota").await.status.as_u16(), 200);
}

#[tokio::test]
async fn an_addresss_calls_are_limited_whoever_makes_them_refused_ones_too() {
    let world = World::with(&[("RATE_LIMIT_REQUESTS", "4")]);
    let home = [192, 0, 2, 1];
    assert_eq!(seen(&from(&world, "not/a/user", home, "/api/user/quota").await).0, 401);
    assert_eq!(seen(&from(&world, ANNA, home, "/nowhere").await).0, 404);
    assert_eq!(seen(&from(&world, ANNA, home, "/api/user/quota").await).0, 200);
    assert_eq!(seen(&from(&world, BERT, home, "/api/user/quota").await).0, 200);
    for user in [ANNA, "not/a/user"] {
        assert_eq!(seen(&from(&world, user, home, "/api/user/quota").await), limited());
    }
    for open in ["/health", "/version", "/health/deep"] {
        assert_eq!(from(&world, ANNA, home, open).await.status.as_u16(), 200, "{open}");
    }
    assert_eq!(seen(&from(&world, ANNA, [192, 0, 2, 2], "/api/user/quota").await).0, 200);
}

#[tokio::test]
async fn refused_calls_prolong_nothing_and_the_wait_is_true() {
    let world = World::with(&[("RATE_LIMIT_REQUESTS", "2"), ("RATE_LIMIT_WINDOW_S", "10")]);
    let get = async || world.get(ANNA, "/api/user/quota").await;
    assert_eq!(get().await.status.as_u16(), 200);
    world.move_clock(4);
    assert_eq!(get().await.status.as_u16(), 200);
    for wait in ["6", "5", "4", "3", "2", "1"] {
        let refused = get().await;
        assert_eq!((seen(&refused), refused.header("retry-after")), (limited(), wait));
        world.move_clock(1);
    }
    assert_eq!(get().await.status.as_u16(), 200, "ten seconds after the first");
    assert_eq!(get().await.header("retry-after"), "4", "ten seconds after the second");
}

#[tokio::test]
async fn what_is_refused_by_the_rate_is_neither_charged_nor_signed_off() {
    let world = World::with(&[("RATE_LIMIT_REQUESTS", "1")]);
    assert_eq!(world.upload(ANNA, "a.md", "# a").await.status.as_u16(), 201);
    let objects = world.ports.files.objects();
    let calls = world.ports.rows.calls();
    assert_eq!(seen(&world.upload(ANNA, "b.md", "# b").await), limited());
    assert_eq!(seen(&world.ask(ANNA, "What?").await), limited());
    assert_eq!(world.ports.rows.calls(), calls, "not even the signature was looked up");
    assert_eq!(world.ports.files.objects(), objects);
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_a_closed_door() {
    for (kind, expected) in [
        (PortErrorKind::Unavailable, (503, "store_unavailable".to_owned())),
        (PortErrorKind::Throttled, (429, "store_throttled".to_owned())),
    ] {
        let world = World::new();
        world.ports.rate_limit.trouble.set(Some(Trouble::Fails(kind)));
        let answer = world.ask(ANNA, "What?").await;
        assert_eq!(seen(&answer), expected);
        assert!(world.ports.model.messages().is_empty());
        let health = from(&world, ANNA, [192, 0, 2, 1], "/health").await;
        assert_eq!(health.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn a_store_that_was_out_leaves_no_slot_that_looks_taken() {
    let limit = RateLimit { requests: 3, window: Duration::from_mins(1) };
    let store = Arc::new(MemoryRateLimit::default());
    let limiter = RateLimiter::new(store.clone(), Clock::System, limit);
    store.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    for _ in 0..6 {
        let refused = limiter.admit(anna()).await.unwrap_err();
        assert!(matches!(refused, AppError::Port(_)), "{refused}");
    }
    store.trouble.set(Some(Trouble::Hangs));
    for _ in 0..6 {
        let call = limiter.admit(anna());
        assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
    }
    store.trouble.set(None);
    for _ in 0..3 {
        limiter.admit(anna()).await.unwrap();
    }
    assert!(matches!(limiter.admit(anna()).await, Err(AppError::RateLimited { .. })));
}

#[tokio::test]
async fn a_call_costs_one_step_in_the_store_and_a_refused_one_none() {
    let limit = RateLimit { requests: 50, window: Duration::from_mins(1) };
    let store = Arc::new(MemoryRateLimit::default());
    let limiter = RateLimiter::new(store.clone(), Clock::System, limit);
    for _ in 0..50 {
        limiter.admit(anna()).await.unwrap();
    }
    assert_eq!(store.calls(), 50);
    for _ in 0..50 {
        assert!(limiter.admit(anna()).await.is_err());
    }
    assert_eq!(store.calls(), 50);
    // Another process does not know yet; it looks once.
    let other = RateLimiter::new(store.clone(), Clock::System, limit);
    for _ in 0..50 {
        assert!(other.admit(anna()).await.is_err());
    }
    assert_eq!(store.calls(), 52);
}

#[tokio::test]
async fn two_hundred_calls_over_eight_processes_are_admitted_exactly_up_to_the_limit() {
    let limit = RateLimit { requests: 60, window: Duration::from_mins(1) };
    for _run in 0..20 {
        let store = Arc::new(MemoryRateLimit::default());
        let clock = Clock::Manual(Arc::new(AtomicI64::new(NOON_S * 1000)));
        let processes: Vec<RateLimiter> =
            (0..8).map(|_| RateLimiter::new(store.clone(), clock.clone(), limit)).collect();
        let calls = (0..200).map(|index| processes[index % 8].admit(anna()));
        let outcomes = futures::future::join_all(calls).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 60);
    }
}

fn anna() -> Subject {
    Subject::user(&UserId::parse(ANNA).unwrap())
}

/// Whether a call was admitted; one that was not was told how long to wait.
fn admitted(outcome: &Result<(), AppError>) -> bool {
    if let Err(error) = outcome {
        let wait = matches!(error, AppError::RateLimited { retry_after_s: 1..=60 });
        assert!(wait, "{error:?}");
    }
    outcome.is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// One call after another, by whichever process: the same as a log of all admitted calls, exactly.
    #[test]
    fn processes_together_admit_what_one_exact_log_admits(
        requests in 1_u32..6, window_s in 1_u64..4,
        calls in proptest::collection::vec((0_i64..1500, 0_usize..4), 1..60),
    ) {
        let limit = RateLimit { requests, window: Duration::from_secs(window_s) };
        let window_ms = i64::try_from(window_s * 1000).unwrap();
        let now_ms = Arc::new(AtomicI64::new(NOON_S * 1000));
        let store = Arc::new(MemoryRateLimit::default());
        let clock = Clock::Manual(Arc::clone(&now_ms));
        let processes: Vec<RateLimiter> =
            (0..4).map(|_| RateLimiter::new(store.clone(), clock.clone(), limit)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut log: Vec<i64> = Vec::new();
        for (step_ms, process) in calls {
            let now = now_ms.fetch_add(step_ms, Ordering::SeqCst) + step_ms;
            let room = log.iter().filter(|at| **at > now - window_ms).count() < requests as usize;
            let outcome = runtime.block_on(processes[process].admit(anna()));
            prop_assert_eq!(admitted(&outcome), room);
            if room {
                log.push(now);
            }
        }
    }

    /// At the same time, in any interleaving, with the clock moving in between: no window holds more than the limit,
    /// and a burst is admitted up to it.
    #[test]
    fn no_interleaving_passes_the_limit(
        requests in 1_u32..8, bursts in proptest::collection::vec((1_usize..25, 0_i64..2500), 1..6),
        order in any::<u64>(),
    ) {
        let limit = RateLimit { requests, window: Duration::from_secs(2) };
        let now_ms = Arc::new(AtomicI64::new(NOON_S * 1000));
        let store = Arc::new(MemoryRateLimit::default());
        let clock = Clock::Manual(Arc::clone(&now_ms));
        let processes: Vec<RateLimiter> =
            (0..5).map(|_| RateLimiter::new(store.clone(), clock.clone(), limit)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut log: Vec<i64> = Vec::new();
        for (size, step_ms) in bursts {
            let now = now_ms.fetch_add(step_ms, Ordering::SeqCst) + step_ms;
            let used = log.iter().filter(|at| **at > now - 2000).count();
            let calls = (0..size).map(|index| {
                let process = &processes[index % 5];
                async move {
                    for _ in 0..((order >> (index % 64)) & 7) {
                        tokio::task::yield_now().await;
                    }
                    process.admit(anna()).await
                }
            });
            let outcomes = runtime.block_on(futures::future::join_all(calls));
            let passed = outcomes.iter().filter(|outcome| admitted(outcome)).count();
            prop_assert_eq!(passed, size.min(requests as usize - used));
            log.extend(std::iter::repeat_n(now, passed));
        }
    }
}
