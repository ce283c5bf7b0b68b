//! Counters: never over the limit, kept only by answers, healed after crashes, exact when read.

use std::sync::Arc;
use std::time::Duration;

use backend::app::caller::Caller;
use backend::app::error::AppError;
use backend::app::failures::Failures;
use backend::app::quota::QuotaKeeper;
use backend::clock::Clock;
use backend::context::Deadline;
use backend::domain::quota::{Charge, Operation, QuotaLimits, Reservation};
use backend::domain::user::UserId;
use backend::memory::Trouble;
use backend::memory::failures::MemoryFailures;
use backend::memory::quota::MemoryQuota;
use backend::ports::PortErrorKind;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::world::{ANNA, BERT, NOON_S, World, passage};

fn left_behind(id: &str, expires_at: i64) -> Reservation {
    Reservation {
        id: id.to_owned(),
        user: UserId::parse(ANNA).unwrap(),
        day: "2026-11-15".to_owned(),
        month: "2026-11".to_owned(),
        expires_at,
    }
}

#[tokio::test]
async fn racing_calls_never_pass_the_limit() {
    let world = World::with(&[("DAILY_QUOTA", "7")]);
    let asks = (0..30).map(|_| world.ask(ANNA, "What?"));
    let answers = futures::future::join_all(asks).await;
    let answered = answers.iter().filter(|answer| answer.status.as_u16() == 200).count();
    assert_eq!(answered, 7);
    for refused in answers.iter().filter(|answer| answer.status.as_u16() != 200) {
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (429, "daily_quota_exceeded")
        );
        assert_eq!(refused.header("retry-after"), "43200", "noon to midnight");
    }
    assert_eq!(world.figures(ANNA), (7, 7, 7, 0));
    assert_eq!(world.ask(BERT, "What?").await.status.as_u16(), 200);
}

#[tokio::test]
async fn days_and_months_start_again_in_utc() {
    let world = World::with(&[("DAILY_QUOTA", "1"), ("MONTHLY_QUOTA", "2")]);
    let status = async || world.ask(ANNA, "What?").await;
    assert_eq!(status().await.status.as_u16(), 200);
    assert_eq!(status().await.code(), "daily_quota_exceeded");
    world.move_clock(12 * 3600);
    assert_eq!(status().await.status.as_u16(), 200);
    let month_full = status().await;
    assert_eq!(month_full.code(), "monthly_quota_exceeded");
    assert_eq!(month_full.header("retry-after"), (15 * 86_400).to_string());
    world.move_clock(15 * 86_400);
    assert_eq!(status().await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_store_that_is_out_refuses_and_never_shows_zeros() {
    let world = World::new();
    world.ports.quota.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    for answer in [
        world.ask(ANNA, "What?").await,
        world.get(ANNA, "/api/user/usage").await,
        world.get(ANNA, "/api/user/quota").await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "store_unavailable"));
    }
    assert!(world.ports.model.messages().is_empty());
}

#[tokio::test]
async fn usage_and_quota_are_what_was_answered() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    let cost = world.ask(ANNA, "What?").await.json()["cost"]["total_cost"].as_f64().unwrap();
    world.move_clock(86_400);
    for _ in 0..2 {
        assert_eq!(world.ask(ANNA, "What?").await.status.as_u16(), 200);
    }
    let usage = world.get(ANNA, "/api/user/usage?days=2").await.json();
    assert_eq!((&usage["daily_used"], &usage["monthly_used"]), (&json!(2), &json!(3)));
    let days = usage["days"].as_array().unwrap();
    assert_eq!(
        (days.len(), &days[0]["date"], &days[0]["queries"]),
        (2, &json!("2026-11-15"), &json!(1))
    );
    assert!((days[0]["cost"].as_f64().unwrap() - cost).abs() < 1e-12);
    let today = world.get(ANNA, "/api/user/usage?days=1").await.json();
    assert_eq!(today["days"].as_array().unwrap().len(), 1);
    let quota = world.get(ANNA, "/api/user/quota").await.json();
    assert_eq!(
        quota,
        json!({ "daily_limit": 50, "monthly_limit": 1000, "daily_remaining": 48,
            "monthly_remaining": 997, "resets_at": "2026-11-17T00:00:00Z" })
    );
    for bad in ["0", "91", "x", "-1"] {
        let answer = world.get(ANNA, &format!("/api/user/usage?days={bad}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "days_invalid"),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn what_a_crash_left_is_given_back_after_it_expired_and_not_before() {
    let world = World::with(&[("DAILY_QUOTA", "2")]);
    world.ports.quota.leave_behind(&left_behind("crashed-1", NOON_S + 60));
    world.ports.quota.leave_behind(&left_behind("crashed-2", NOON_S + 60));
    assert_eq!(world.ask(ANNA, "What?").await.code(), "daily_quota_exceeded");
    world.move_clock(61);
    // Both of these meet the full counter; healing makes room exactly twice.
    let asks = (0..4).map(|_| world.ask(ANNA, "What?"));
    let answers = futures::future::join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.as_u16() == 200).count(), 2);
    assert_eq!(world.figures(ANNA), (2, 2, 2, 0));
}

#[tokio::test]
async fn reading_the_quota_heals_too() {
    let world = World::new();
    world.ports.quota.leave_behind(&left_behind("crashed", NOON_S - 1));
    let quota = world.get(ANNA, "/api/user/quota").await.json();
    assert_eq!(
        (&quota["daily_remaining"], &quota["monthly_remaining"]),
        (&json!(50), &json!(1000))
    );
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn lost_replies_never_charge_what_was_not_answered() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    // The reservation is made but its reply is lost.
    world.ports.quota.trouble.set(Some(Trouble::LosesReplies));
    assert_eq!(world.ask(ANNA, "What?").await.status.as_u16(), 503);
    world.ports.quota.trouble.set(None);
    world.settle().await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

fn failures(tasks: &TaskTracker) -> Failures {
    Failures::new(Arc::new(MemoryFailures::default()), tasks.clone())
}

#[tokio::test]
async fn a_booking_whose_reply_is_lost_is_undone_by_its_receipt() {
    let store = Arc::new(MemoryQuota::default());
    let tasks = TaskTracker::new();
    let limits = QuotaLimits { daily: 5, monthly: 5 };
    let keeper = QuotaKeeper::new(store.clone(), Clock::System, limits, failures(&tasks));
    let caller = Caller {
        user: UserId::parse(ANNA).unwrap(),
        request_id: "r-1".to_owned(),
        deadline: Deadline::after(Duration::from_secs(5)),
    };
    let held = keeper.reserve(&caller).await.unwrap();
    store.trouble.set(Some(Trouble::LosesReplies));
    let charge = Charge { operation: Operation::Query, cost: Decimal::new(5, 3) };
    let kept = held.keep(charge, caller.deadline).await;
    assert!(matches!(kept, Err(AppError::Port(_))), "{kept:?}");
    store.trouble.set(None);
    tasks.close();
    tasks.wait().await;
    let now = Clock::System.now();
    let (day, month) = (backend::domain::quota::day_of(now), backend::domain::quota::month_of(now));
    assert_eq!(store.figures(&caller.user, &day, &month), (0, 0, 0, 0));
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Kept,
    GivenBack,
    Dropped,
    KeptWithLostReply,
}

fn endings() -> impl Strategy<Value = Vec<Ending>> {
    let ending = prop_oneof![
        4 => Just(Ending::Kept),
        2 => Just(Ending::GivenBack),
        1 => Just(Ending::Dropped),
        1 => Just(Ending::KeptWithLostReply),
    ];
    proptest::collection::vec(ending, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the interleaving and however calls end: never over the limits, and at the end the counters are exactly
    /// the calls that were answered.
    #[test]
    fn counters_equal_answers_for_any_interleaving(
        endings in endings(), daily in 1_u64..12, monthly in 1_u64..12, order in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (answered, most, figures) = runtime.block_on(interleave(endings, daily, monthly, order));
        prop_assert!(most <= daily.min(monthly), "{most} in flight or answered");
        prop_assert_eq!(figures, (answered, answered, answered, 0));
    }
}

/// Runs the calls concurrently, shaken by `order`; gives the answered ones, the most ever counted, and the end.
async fn interleave(
    endings: Vec<Ending>,
    daily: u64,
    monthly: u64,
    order: u64,
) -> (u64, u64, (u64, u64, u64, usize)) {
    let store = Arc::new(MemoryQuota::default());
    let clock_ms = Arc::new(std::sync::atomic::AtomicI64::new(NOON_S * 1000));
    let tasks = TaskTracker::new();
    let limits = QuotaLimits { daily, monthly };
    let keeper = QuotaKeeper::new(store.clone(), Clock::Manual(clock_ms), limits, failures(&tasks));
    let user = UserId::parse(ANNA).unwrap();
    let calls = endings.into_iter().enumerate().map(|(index, ending)| {
        let (keeper, user, store) = (keeper.clone(), user.clone(), store.clone());
        async move {
            for _ in 0..((order >> (index % 64)) & 7) {
                tokio::task::yield_now().await;
            }
            let deadline = Deadline::after(Duration::from_secs(30));
            let caller = Caller { user: user.clone(), request_id: index.to_string(), deadline };
            let Ok(held) = keeper.reserve(&caller).await else { return (0, 0) };
            let seen = store.figures(&user, "2026-11-15", "2026-11").0;
            let charge = Charge { operation: Operation::Query, cost: Decimal::ONE };
            let answered = match ending {
                Ending::Kept => u64::from(held.keep(charge, deadline).await.is_ok()),
                Ending::GivenBack => {
                    held.give_back(deadline).await;
                    0
                }
                Ending::Dropped => {
                    drop(held);
                    0
                }
                Ending::KeptWithLostReply => {
                    // Booked, but the answer could not be given: the receipt undoes it.
                    let reply = tokio::time::timeout(Duration::ZERO, held.keep(charge, deadline));
                    u64::from(reply.await.is_ok_and(|kept| kept.is_ok()))
                }
            };
            (answered, seen)
        }
    });
    let outcomes = futures::future::join_all(calls).await;
    tasks.close();
    tasks.wait().await;
    let answered = outcomes.iter().map(|(answered, _)| answered).sum();
    let most = outcomes.iter().map(|(_, seen)| *seen).max().unwrap_or(0);
    (answered, most, store.figures(&user, "2026-11-15", "2026-11"))
}
