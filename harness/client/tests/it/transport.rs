//! Each way to get no whole answer has its own name.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use manuel_client::{AnswerClass, Failure, ManuelClient, Request, SendOptions, TransportReason};
use tokio::net::TcpListener;

use crate::broken_server::{BrokenServer, Then};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(10);

async fn fail(url: &str, timeout: Duration) -> Failure {
    let client = ManuelClient::new(url, None, timeout, LONG).unwrap();
    let prepared = client.prepare_request(&Request::Quota, &SendOptions::default()).unwrap();
    let ticks = AtomicU64::new(0);
    client.send(&prepared, &|| ticks.fetch_add(1, Ordering::Relaxed)).await.unwrap_err()
}

async fn reason(then: Then, timeout: Duration) -> TransportReason {
    let server = BrokenServer::start(then).await;
    fail(&server.url(), timeout).await.fault.reason
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = fail(&format!("http://{address}"), LONG).await;
    assert_eq!(failure.fault.reason, TransportReason::ConnectRefused, "{failure}");
    assert_eq!(AnswerClass::of_failure(failure.fault.reason), AnswerClass::Transport);
    assert_eq!(failure.marks.head_us, None);
    assert!(failure.marks.done_us > failure.marks.sent_us);
}

#[tokio::test]
async fn the_head_does_not_come() {
    assert_eq!(reason(Then::Close(b""), LONG).await, TransportReason::Closed);
    assert_eq!(reason(Then::Close(b"HTTP/1.1 20"), LONG).await, TransportReason::Closed);
    assert_eq!(reason(Then::Reset(b""), LONG).await, TransportReason::Reset);
    assert_eq!(reason(Then::Hold(b"HTTP/1.1 200 OK\r\n"), SHORT).await, TransportReason::Timeout);
    assert_eq!(reason(Then::Close(b"SSH-2.0-x\r\n\r\n"), LONG).await, TransportReason::BadHttp);
}

#[tokio::test]
async fn the_body_does_not_come() {
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nx-request-id: r-9\r\ncontent-length: 9\r\n\r\nabc";
    const CHUNK: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab";
    assert_eq!(reason(Then::Close(CUT), LONG).await, TransportReason::BodyCut);
    assert_eq!(reason(Then::Close(CHUNK), LONG).await, TransportReason::BodyCut);
    assert_eq!(reason(Then::Hold(CUT), SHORT).await, TransportReason::BodyTimeout);
    let server = BrokenServer::start(Then::Close(CUT)).await;
    let failure = fail(&server.url(), LONG).await;
    assert_eq!((failure.status, failure.request_id.as_deref()), (Some(200), Some("r-9")));
    assert_eq!(failure.marks.head_us, Some(1));
}

#[tokio::test]
async fn a_body_has_a_bound() {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};
    let server = MockServer::start().await;
    let body = vec![b'x'; manuel_client::client::MAX_BODY_BYTES + 1];
    let answer = ResponseTemplate::new(200).set_body_bytes(body);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    assert_eq!(fail(&server.uri(), LONG).await.fault.reason, TransportReason::BodyTooLarge);
}

#[tokio::test]
async fn a_connection_comes_from_the_address_asked_for() {
    const EMPTY: &[u8] = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";
    let server = BrokenServer::start(Then::Close(EMPTY)).await;
    let local = "127.0.7.7".parse().unwrap();
    let client = ManuelClient::new(&server.url(), Some(local), LONG, LONG).unwrap();
    let prepared = client.prepare_request(&Request::Quota, &SendOptions::default()).unwrap();
    assert_eq!(client.send(&prepared, &|| 0).await.unwrap().status, 204);
    assert_eq!(server.peer().await.unwrap().ip(), local);
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_named() {
    let server = BrokenServer::start(Then::Close(b"")).await;
    let foreign = "192.0.2.1".parse().unwrap();
    let client = ManuelClient::new(&server.url(), Some(foreign), LONG, LONG).unwrap();
    let prepared = client.prepare_request(&Request::Quota, &SendOptions::default()).unwrap();
    let failure = client.send(&prepared, &|| 0).await.unwrap_err();
    assert_eq!(failure.fault.reason, TransportReason::LocalAddress, "{failure}");
}
