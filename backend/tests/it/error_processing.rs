//! The error processor: every failure counted once, people told once in a window, nothing lost and nothing tried for ever.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend::app::error_processing::{self, Message, Processed, process};
use backend::context::Deadline;
use backend::domain::failure::{Failure, FailureKind};
use backend::lambda::ErrorProcessor;
use backend::memory::Trouble;
use backend::memory::failures::MemoryErrors;
use backend::ports::{Dependency, ErrorStore, Notice, PortError, PortErrorKind, PortFuture};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::functions::context;
use crate::world::World;

const OUT: Trouble = Trouble::Fails(PortErrorKind::Unavailable);

fn message(world: &World, kind: FailureKind) -> String {
    let failure = Failure::new(kind, "DeleteObject", "not deleted", world.app.clock.now());
    serde_json::to_string(&Failure { request_id: "r-1".to_owned(), ..failure }).unwrap()
}

async fn processed(world: &World, id: &str, body: &str) -> Processed {
    let deadline = Deadline::after(Duration::from_secs(5));
    process(&world.app, &[Message { id, body }], deadline).await[0]
}

fn counts(world: &World) -> Vec<(FailureKind, u64)> {
    world.ports.errors.records().iter().map(|record| (record.kind, record.count)).collect()
}

#[tokio::test]
async fn critical_and_high_are_told_once_a_window_and_the_others_only_counted() {
    for kind in FailureKind::ALL {
        let world = World::new();
        let body = message(&world, kind);
        for id in ["m-1", "m-2", "m-3"] {
            assert_eq!(processed(&world, id, &body).await, Processed::Done);
        }
        assert_eq!(counts(&world), [(kind, 3)]);
        let told = world.ports.alerts.given();
        assert_eq!(told.len(), usize::from(kind.severity().notifies()), "{kind:?}");
        if kind.severity().notifies() {
            assert_eq!((told[0].count, told[0].sample_request_id.as_str()), (1, "r-1"));
            world.move_clock(3599);
            assert_eq!(processed(&world, "m-4", &body).await, Processed::Done);
            assert_eq!(world.ports.alerts.given().len(), 1, "within the hour");
            world.move_clock(1);
            assert_eq!(processed(&world, "m-5", &body).await, Processed::Done);
            assert_eq!(world.ports.alerts.given()[1].count, 5);
        }
    }
}

#[tokio::test]
async fn a_message_counts_once_however_often_it_is_delivered() {
    let world = World::new();
    let body = message(&world, FailureKind::AudioLeft);
    for _ in 0..3 {
        assert_eq!(processed(&world, "m-1", &body).await, Processed::Done);
    }
    assert_eq!(counts(&world), [(FailureKind::AudioLeft, 1)]);
    assert_eq!(world.ports.alerts.given().len(), 1);
}

#[tokio::test]
async fn racing_processors_tell_people_once() {
    let world = World::new();
    let body = message(&world, FailureKind::ForeignPassages);
    let ids: Vec<String> = (0..20).map(|index| format!("m-{index}")).collect();
    let all = futures::future::join_all(ids.iter().map(|id| processed(&world, id, &body))).await;
    assert_eq!(world.ports.alerts.given().len(), 1);
    // Who met the claim comes again, and is done then.
    for (id, _) in ids.iter().zip(all).filter(|(_, processed)| *processed == Processed::Again) {
        assert_eq!(processed(&world, id, &body).await, Processed::Done);
    }
    assert_eq!(counts(&world), [(FailureKind::ForeignPassages, 20)]);
    assert_eq!(world.ports.alerts.given().len(), 1);
}

/// One transaction at an item at a time, as the table has it: who meets another's is refused.
#[derive(Debug)]
struct OneAtATime {
    errors: Arc<MemoryErrors>,
    under_way: Mutex<BTreeSet<String>>,
}

impl ErrorStore for OneAtATime {
    fn count<'a>(
        &'a self,
        message_id: &'a str,
        failure: &'a Failure,
        now: i64,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move {
            if !self.under_way.lock().unwrap().insert(failure.hash()) {
                let kind = PortErrorKind::Conflict;
                return Err(PortError::new(Dependency::Store, "TransactWriteItems", kind));
            }
            tokio::task::yield_now().await;
            let counted = self.errors.count(message_id, failure, now).await;
            self.under_way.lock().unwrap().remove(&failure.hash());
            counted
        })
    }

    fn claim_notice<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, Notice> {
        self.errors.claim_notice(hash, now)
    }

    fn notice_given<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, ()> {
        self.errors.notice_given(hash, now)
    }
}

#[tokio::test]
async fn a_burst_of_one_failure_is_done_with_when_it_is_first_delivered() {
    let mut world = World::new();
    let (errors, under_way) = (world.ports.errors.clone(), Mutex::default());
    Arc::make_mut(&mut world.app.ports).errors = Arc::new(OneAtATime { errors, under_way });
    let body = message(&world, FailureKind::AudioLeft);
    let ids: Vec<String> = (0..20).map(|index| format!("m-{index}")).collect();
    let messages: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), body.as_str())).collect();
    // Two functions get ten each at the same moment.
    let both = messages.chunks(10).map(async |ten| {
        let processor = ErrorProcessor::new(world.app.clone());
        processor.process(batch(ten)).await.unwrap().batch_item_failures.len()
    });
    assert_eq!(futures::future::join_all(both).await, [0, 0]);
    assert_eq!(counts(&world), [(FailureKind::AudioLeft, 20)]);
    assert_eq!(world.ports.alerts.given().len(), 1);
}

#[tokio::test]
async fn a_message_waits_for_another_who_is_telling_people() {
    let world = World::new();
    let (now, errors) = (world.now_s(), world.ports.errors.clone());
    let body = message(&world, FailureKind::AudioLeft);
    let failure = Failure::parse(&body).unwrap();
    errors.count("m-1", &failure, now).await.unwrap();
    let claimed = errors.claim_notice(&failure.hash(), now).await.unwrap();
    assert!(matches!(claimed, Notice::Due(_)));
    let other_tells = async {
        while counts(&world) != [(FailureKind::AudioLeft, 2)] {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        errors.notice_given(&failure.hash(), now).await.unwrap();
    };
    let (processed, ()) = tokio::join!(processed(&world, "m-2", &body), other_tells);
    assert_eq!(processed, Processed::Done);
    assert!(world.ports.alerts.given().is_empty(), "the other told them");
}

#[tokio::test]
async fn whatever_fails_on_the_way_the_message_comes_again_and_nobody_is_forgotten() {
    for lost in [OUT, Trouble::LosesReplies] {
        let world = World::new();
        let body = message(&world, FailureKind::AudioLeft);
        world.ports.errors.trouble.set(Some(lost));
        assert_eq!(processed(&world, "m-1", &body).await, Processed::Again);
        world.ports.errors.trouble.set(None);
        world.ports.alerts.trouble.set(Some(OUT));
        assert_eq!(processed(&world, "m-1", &body).await, Processed::Again);
        world.ports.alerts.trouble.set(None);
        // The claim of the one that failed holds for a moment: it cannot be told from one that is still at work.
        assert_eq!(processed(&world, "m-1", &body).await, Processed::Again);
        world.move_clock(30);
        assert_eq!(processed(&world, "m-1", &body).await, Processed::Done);
        assert_eq!(counts(&world), [(FailureKind::AudioLeft, 1)]);
        assert_eq!(world.ports.alerts.given().len(), 1);
    }
}

#[tokio::test]
async fn a_notification_whose_reply_is_lost_is_repeated_not_lost() {
    let world = World::new();
    let body = message(&world, FailureKind::AudioLeft);
    world.ports.alerts.trouble.set(Some(Trouble::LosesReplies));
    assert_eq!(processed(&world, "m-1", &body).await, Processed::Again);
    world.ports.alerts.trouble.set(None);
    world.move_clock(30);
    assert_eq!(processed(&world, "m-1", &body).await, Processed::Done);
    assert_eq!(world.ports.alerts.given().len(), 2);
}

fn batch(messages: &[(&str, &str)]) -> LambdaEvent<aws_lambda_events::event::sqs::SqsEvent> {
    let recorded: Value = serde_json::from_str(include_str!("events/sqs.json")).unwrap();
    let records: Vec<Value> = messages
        .iter()
        .map(|(id, body)| {
            let mut record = recorded["Records"][0].clone();
            record["messageId"] = json!(id);
            record["body"] = json!(body);
            record
        })
        .collect();
    let event = json!({ "Records": records }).to_string();
    LambdaEvent::new(serde_json::from_str(&event).unwrap(), context(Duration::from_secs(30)))
}

#[tokio::test]
async fn of_a_batch_only_what_is_not_done_comes_again() {
    let world = World::new();
    let processor = ErrorProcessor::new(world.app.clone());
    let low = message(&world, FailureKind::ReservationLeft);
    let high = message(&world, FailureKind::AudioLeft);
    world.ports.alerts.trouble.set(Some(OUT));
    let event = batch(&[("m-1", &low), ("m-2", &high), ("m-3", "a stranger's text"), ("m-4", "")]);
    let response = serde_json::to_value(processor.process(event).await.unwrap()).unwrap();
    assert_eq!(response, json!({ "batchItemFailures": [{ "itemIdentifier": "m-2" }] }));
    let mut counted = counts(&world);
    counted.sort();
    let expected = [
        (FailureKind::ReservationLeft, 1),
        (FailureKind::AudioLeft, 1),
        (FailureKind::Unreadable, 2),
    ];
    assert_eq!(counted, expected);
    let kept = format!("{:?}", world.ports.errors.records());
    assert!(!kept.contains("stranger"), "nothing of a message that is not ours is kept: {kept}");

    let none = processor.process(batch(&[])).await.unwrap();
    assert_eq!(serde_json::to_value(none).unwrap(), json!({ "batchItemFailures": [] }));
}

#[tokio::test]
async fn a_batch_that_takes_too_long_comes_again() {
    let world = World::new();
    world.ports.errors.trouble.set(Some(Trouble::Hangs));
    let processor = ErrorProcessor::new(world.app.clone());
    let mut event = batch(&[("m-1", "x"), ("m-2", "y")]);
    event.context = context(Duration::from_millis(1300));
    let response = processor.process(event).await.unwrap();
    assert_eq!(response.batch_item_failures.len(), 2);
}

#[tokio::test]
async fn the_servers_own_processor_empties_the_queue_until_it_is_cancelled() {
    let world = World::new();
    for kind in [FailureKind::AudioLeft, FailureKind::SweepFinding] {
        let failure = Failure::new(kind, "step", "detail", world.app.clock.now());
        backend::app::failures::report(&world.app, failure);
    }
    world.settle().await;
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(error_processing::run(world.app.clone(), stop.clone()));
    let emptied = async {
        while world.ports.failures.deleted() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), emptied).await.expect("both are deleted");
    assert_eq!(world.ports.alerts.given().len(), 1);
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), running.join_next());
    ended.await.expect("it ends").unwrap().unwrap();
}
