//! Bytes as they are, and every answer to them.

use std::time::Duration;

use manuel_client::{AfterWrite, ManuelClient, WireEnd, WireError};

use crate::broken_server::{BrokenServer, Then};

const BOUND: Duration = Duration::from_secs(5);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n";

fn client(url: &str) -> ManuelClient {
    let here = Some("127.9.8.7".parse().unwrap());
    ManuelClient::new(url, here, BOUND, BOUND).unwrap()
}

#[tokio::test]
async fn every_answer_is_read_and_the_source_address_is_the_clients() {
    let two = b"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let server = BrokenServer::start(Then::Close(two)).await;
    let client = client(&server.url());
    let seen = client.send_bytes(REQUEST, AfterWrite::Cut, BOUND, &|| 7).await.unwrap();
    let statuses: Vec<u16> = seen.answers.iter().map(|answer| answer.status).collect();
    assert_eq!((statuses, seen.end), (vec![400, 200], WireEnd::Closed));
    assert_eq!(seen.answers[0].marks.sent_us, 7);
    assert_eq!(server.peer().await.unwrap().ip().to_string(), "127.9.8.7");
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    let server = BrokenServer::start(Then::Hold(b"HTTP/1.1 200 OK\r\n\r\nand")).await;
    let short = Duration::from_millis(200);
    let client = client(&server.url());
    let seen = client.send_bytes(REQUEST, AfterWrite::Wait, short, &|| 0).await.unwrap();
    assert_eq!((seen.answers.len(), seen.end), (0, WireEnd::Open));
    assert!(seen.rest.ends_with(b"and"));
}

#[tokio::test]
async fn a_reset_is_seen_and_tls_is_not_spoken() {
    let server = BrokenServer::start(Then::Reset(b"")).await;
    let plain = client(&server.url());
    let seen = plain.send_bytes(REQUEST, AfterWrite::Wait, BOUND, &|| 0).await.unwrap();
    assert_eq!((seen.answers.len(), seen.end), (0, WireEnd::Reset));
    let tls = client("https://127.0.0.1:1");
    let refused = tls.send_bytes(REQUEST, AfterWrite::Wait, BOUND, &|| 0).await;
    assert!(matches!(refused, Err(WireError::NotPlain { .. })));
}
