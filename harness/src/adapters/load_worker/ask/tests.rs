//! What is sent for each kind: signatures that are wrong in every way, uploads that are the same again.

use std::time::Duration;

use manuel_client::ManuelClient;
use manuel_client::SignatureHeaders;

use super::super::plan::WorkerUser;
use super::super::shot::Earlier;
use super::super::uploads::Stored;
use super::*;

fn seat() -> Seat {
    let user = WorkerUser {
        name: "load-0".to_owned(),
        username: "u".to_owned(),
        password: "p".to_owned(),
        sub: "sub-0".to_owned(),
        access_token: "a.b.c".to_owned(),
        manual_ids: std::collections::BTreeMap::new(),
    };
    let second = Duration::from_secs(1);
    Seat::new(user, ManuelClient::new("http://127.0.0.1:9", None, second, second).unwrap(), None)
}

fn shot(kind: RequestKind, ordinal: u32, earlier: Option<Earlier>) -> Shot<'static> {
    Shot {
        ordinal,
        kind,
        seat: 0,
        phase: "p",
        due_us: 0,
        question: None,
        manual: None,
        outage: None,
        earlier,
    }
}

fn encodings() -> Encodings {
    Encodings::new("run", &QuestionSet { questions: Vec::new() }).unwrap()
}

fn sent(shot: &Shot<'_>) -> (Request, Option<SignatureHeaders>, bool) {
    let (seat, signer) = (seat(), Signer::new(b"key").unwrap());
    let time = SigningTime { now_s: 1_000, offset_s: 500 };
    let sender = Sender { seat: &seat, signer: &signer, time, other: "sub-1" };
    let (request, encoded) = encodings().request(shot, false).unwrap();
    let prepared = prepare(&sender, shot, &encoded, Traceparent::derive(1, 2, 3)).unwrap();
    let has_token = prepared.headers().contains_key("authorization");
    (request, prepared.signature().cloned(), has_token)
}

#[test]
fn an_unsigned_upload_is_wrong_in_one_way_or_another() {
    let of = |ordinal| sent(&shot(RequestKind::UnsignedUpload, ordinal, None)).1;
    let proper = |ordinal| sent(&shot(RequestKind::Upload, ordinal, None)).1.unwrap();
    // The stage's clock is 500 s ahead.
    assert_eq!(proper(1).timestamp, 1_500);
    assert_eq!(of(0), None);
    let (altered, other_body, stale) = (of(1).unwrap(), of(2).unwrap(), of(3).unwrap());
    assert_eq!(altered.timestamp, 1_500);
    assert_eq!(altered.signature[..63], proper(1).signature[..63]);
    assert_ne!(altered, proper(1));
    assert_eq!(other_body.timestamp, 1_500);
    assert_ne!(other_body.signature[..63], proper(2).signature[..63]);
    assert!(stale.timestamp < 1_500 - 300);
}

#[test]
fn a_replay_is_the_upload_that_was_signed_with_its_very_headers() {
    let (first, signature, _) = sent(&shot(RequestKind::Upload, 7, None));
    let earlier = |stored| Some(Earlier { ordinal: 7, stored });
    let stored = Stored { id: "m".to_owned(), signature: signature.clone() };
    let replay = shot(RequestKind::UnsignedUpload, 12, earlier(Some(stored)));
    assert_eq!(sent(&replay), (first, signature.clone(), true));
    // Without a signature that was accepted it is altered, whatever its turn.
    let altered = sent(&shot(RequestKind::UnsignedUpload, 12, earlier(None))).1;
    assert!(altered.is_some() && altered != signature);
}

#[test]
fn a_repetition_is_the_same_upload_with_the_same_key() {
    let first = encodings().request(&shot(RequestKind::Upload, 7, None), true).unwrap().0;
    let earlier = Some(Earlier { ordinal: 7, stored: None });
    let again = shot(RequestKind::UploadAgain, 12, earlier);
    assert_eq!(encodings().request(&again, false).unwrap().0, first);
    let Request::UploadManual { idempotency_key: Some(key), .. } = first else { panic!() };
    assert_eq!(key.len(), 32);
    let plain = encodings().request(&shot(RequestKind::Upload, 7, None), false).unwrap().0;
    assert!(matches!(plain, Request::UploadManual { idempotency_key: None, .. }));
}

#[test]
fn an_id_that_nobody_knows_looks_like_one_that_was_given_out() {
    let of = |ordinal| sent(&shot(RequestKind::Delete, ordinal, None)).0;
    let Request::DeleteManual { id } = of(3) else { panic!() };
    assert_eq!(uuid::Uuid::try_parse(&id).unwrap().to_string(), id);
    assert_ne!(of(3), of(4));
}

#[test]
fn a_bad_token_may_be_none() {
    assert!(!sent(&shot(RequestKind::BadToken, 0, None)).2);
    assert!(sent(&shot(RequestKind::Quota, 0, None)).2);
}
