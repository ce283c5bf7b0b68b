//! What each toxic does to real connections.
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{Echo, PATIENCE, call, echoed, let_pass, proxy, server, toxic};

async fn before_echo() -> (faultproxy::FaultProxy, Echo, std::net::SocketAddr) {
    let (server, echo) = (server().await, Echo::start().await);
    let at = proxy(&server, echo.address).await;
    (server, echo, at)
}

/// Reads to the end: what came, and how it ended.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, std::io::Result<usize>) {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    (bytes, read.unwrap())
}

#[tokio::test]
async fn latency_comes_and_goes_on_a_live_connection() {
    let (server, _echo, at) = before_echo().await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    echoed(&mut stream, b"a").await.unwrap();
    toxic(&server, r#"{"type":"latency","attributes":{"latency":200}}"#).await;
    let began = Instant::now();
    echoed(&mut stream, b"b").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(197), "{:?}", began.elapsed());
    // What waits is let go when the toxic is.
    call(
        &server,
        "PATCH",
        "/proxies/p/toxics/latency_downstream",
        r#"{"attributes":{"latency":19000}}"#,
    )
    .await;
    let began = Instant::now();
    stream.write_all(b"c").await.unwrap();
    let_pass(Duration::from_millis(50)).await;
    call(&server, "DELETE", "/proxies/p/toxics/latency_downstream", "").await;
    stream.read_exact(&mut [0]).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!(echoed(&mut stream, b"d").await.unwrap(), b"d");
}

#[tokio::test]
async fn chunks_wait_together() {
    let (server, _echo, at) = before_echo().await;
    toxic(&server, r#"{"type":"latency","attributes":{"latency":300}}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let began = Instant::now();
    for byte in b"0123456789" {
        stream.write_all(&[*byte]).await.unwrap();
        let_pass(Duration::from_millis(5)).await;
    }
    let mut back = [0; 10];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"0123456789");
    assert!(began.elapsed() < Duration::from_millis(2900), "ten delays would be 3 s");
}

#[tokio::test]
async fn bandwidth_takes_its_time_and_a_rate_of_nothing_for_ever() {
    let (server, _echo, at) = before_echo().await;
    toxic(&server, r#"{"type":"bandwidth","attributes":{"rate":100}}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let began = Instant::now();
    let bytes: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    assert_eq!(echoed(&mut stream, &bytes).await.unwrap(), bytes);
    assert!(began.elapsed() >= Duration::from_millis(480), "{:?}", began.elapsed());
    call(
        &server,
        "PATCH",
        "/proxies/p/toxics/bandwidth_downstream",
        r#"{"attributes":{"rate":0}}"#,
    )
    .await;
    stream.write_all(b"x").await.unwrap();
    let stalled =
        tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut [0])).await;
    assert!(stalled.is_err());
    call(&server, "POST", "/reset", "").await;
    stream.read_exact(&mut [0]).await.unwrap();
}

#[tokio::test]
async fn slow_close_delays_the_end_only() {
    let (server, _echo, at) = before_echo().await;
    toxic(&server, r#"{"type":"slow_close","attributes":{"delay":300}}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let began = Instant::now();
    echoed(&mut stream, b"now").await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(290));
    let began = Instant::now();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await.1.unwrap(), 0);
    assert!(began.elapsed() >= Duration::from_millis(297), "{:?}", began.elapsed());
}

#[tokio::test]
async fn timeout_swallows_and_closes_and_its_removal_closes_too() {
    let (server, _echo, at) = before_echo().await;
    toxic(&server, r#"{"type":"timeout","attributes":{"timeout":200}}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let began = Instant::now();
    stream.write_all(b"lost").await.unwrap();
    assert_eq!(rest(&mut stream).await.0, b"");
    assert!(began.elapsed() >= Duration::from_millis(197));
    call(
        &server,
        "PATCH",
        "/proxies/p/toxics/timeout_downstream",
        r#"{"attributes":{"timeout":0}}"#,
    )
    .await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"lost").await.unwrap();
    let hole = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut [0])).await;
    assert!(hole.is_err(), "a black hole stays open");
    call(&server, "DELETE", "/proxies/p/toxics/timeout_downstream", "").await;
    assert_eq!(rest(&mut stream).await.0, b"");
}

#[tokio::test]
async fn limit_data_passes_so_many_bytes_and_closes() {
    let (server, _echo, at) = before_echo().await;
    toxic(&server, r#"{"type":"limit_data","attributes":{"bytes":100}}"#).await;
    for sizes in [&[250][..], &[99, 1], &[60, 60], &[100]] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        for size in sizes {
            stream.write_all(&vec![7; *size]).await.unwrap();
        }
        let (bytes, end) = rest(&mut stream).await;
        assert_eq!((bytes.len(), end.is_ok()), (100, true), "{sizes:?}");
    }
}

#[tokio::test]
async fn a_hundred_live_connections_are_reset() {
    let (server, _echo, at) = before_echo().await;
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        echoed(&mut stream, b"a").await.unwrap();
        open.push(stream);
    }
    toxic(&server, r#"{"type":"reset_peer","attributes":{"timeout":0}}"#).await;
    let mut resets = 0;
    for mut stream in open {
        stream.write_all(b"b").await.unwrap();
        let (_, end) = rest(&mut stream).await;
        resets +=
            u32::from(end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    }
    assert_eq!(resets, 100);
    // A toxicity of nothing resets nobody, not even at the end.
    call(&server, "PATCH", "/proxies/p/toxics/reset_peer_downstream", r#"{"toxicity":0}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    echoed(&mut stream, b"c").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await.1.unwrap(), 0);
}

#[tokio::test]
async fn a_reset_does_not_wait_for_a_reader() {
    let (server, _echo, at) = before_echo().await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    // The echo fills every buffer on the way back: nobody reads here.
    let (mut reading, mut writing) = stream.split();
    let chunk = vec![7; 65_536];
    let filling = async {
        while tokio::time::timeout(Duration::from_millis(300), writing.write(&chunk)).await.is_ok()
        {
        }
    };
    filling.await;
    toxic(&server, r#"{"type":"reset_peer","stream":"upstream","attributes":{"timeout":0}}"#).await;
    toxic(&server, r#"{"type":"reset_peer","attributes":{"timeout":0}}"#).await;
    let mut sink = vec![0; 65_536];
    let end = async {
        loop {
            match reading.read(&mut sink).await {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    };
    assert!(tokio::time::timeout(PATIENCE, end).await.expect("an end in time"));
}

#[tokio::test]
async fn slices_and_several_toxics_change_no_byte() {
    let (server, _echo, at) = before_echo().await;
    toxic(
        &server,
        r#"{"type":"slicer","attributes":{"average_size":64,"size_variation":32,"delay":10}}"#,
    )
    .await;
    toxic(
        &server,
        r#"{"type":"latency","stream":"upstream","attributes":{"latency":20,"jitter":15}}"#,
    )
    .await;
    toxic(&server, r#"{"type":"bandwidth","attributes":{"rate":1000}}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).take(60_000).collect();
    assert_eq!(echoed(&mut stream, &bytes).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_lease_ends_in_the_middle_of_a_connection_unless_it_is_renewed() {
    let (server, _echo, at) = before_echo().await;
    toxic(&server, r#"{"type":"latency","attributes":{"latency":60000},"ttl_ms":400}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"a").await.unwrap();
    for _ in 0..3 {
        let_pass(Duration::from_millis(200)).await;
        let renewed =
            call(&server, "PATCH", "/proxies/p/toxics/latency_downstream", r#"{"ttl_ms":400}"#)
                .await;
        assert_eq!(renewed.status, 200, "{}", renewed.body);
    }
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut byte));
    read.await.expect("it ends by itself").unwrap();
    assert_eq!(call(&server, "GET", "/proxies/p/toxics", "").await.body, "[]");
}

#[tokio::test]
async fn down_refuses_and_closes_and_up_again_serves() {
    let (server, _echo, at) = before_echo().await;
    toxic(&server, r#"{"type":"latency","attributes":{"latency":1}}"#).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    echoed(&mut stream, b"a").await.unwrap();
    call(&server, "POST", "/proxies/p", r#"{"enabled":false}"#).await;
    assert_eq!(rest(&mut stream).await.0, b"");
    let refused = TcpStream::connect(at).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let again = call(&server, "POST", "/proxies/p", r#"{"enabled":true}"#).await;
    assert!(again.body.contains("latency_downstream"), "toxics stay: {}", again.body);
    let mut stream = TcpStream::connect(at).await.unwrap();
    echoed(&mut stream, b"b").await.unwrap();
}

#[tokio::test]
async fn down_is_a_lease_too() {
    let (server, _echo, at) = before_echo().await;
    let body = r#"{"enabled":false,"ttl_ms":300}"#;
    assert_eq!(call(&server, "POST", "/proxies/p", body).await.status, 200);
    TcpStream::connect(at).await.unwrap_err();
    let up = async {
        while TcpStream::connect(at).await.is_err() {
            let_pass(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.unwrap();
    let bad = call(&server, "POST", "/proxies/p", r#"{"enabled":false,"ttl_ms":99999}"#).await;
    assert!(bad.status == 400 && bad.body.contains("`ttl_ms`"), "{}", bad.body);
}

#[tokio::test]
async fn nothing_is_left_of_two_hundred_connections() {
    let (server, _echo, at) = before_echo().await;
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut first = TcpStream::connect(at).await.unwrap();
    echoed(&mut first, b"warm").await.unwrap();
    let before = descriptors();
    toxic(&server, r#"{"type":"latency","attributes":{"latency":5},"toxicity":0.5}"#).await;
    for round in 0..200_u32 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        if round % 3 == 0 {
            stream.write_all(b"gone").await.unwrap();
        } else {
            echoed(&mut stream, b"seen").await.unwrap();
        }
    }
    let gone = async {
        while descriptors() > before {
            let_pass(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, gone).await;
    assert!(waited.is_ok(), "{} descriptors, {before} before", descriptors());
    server.stop().await;
    assert!(TcpStream::connect(at).await.is_err());
}
