//! What kills the original, what nobody should send, and 100 000 bodies made up by a machine (`FAULTPROXY_FUZZ_CASES`).
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Echo, call, call_as, echoed, proxy, server};

#[tokio::test]
async fn every_bad_value_is_400_with_its_name() {
    let server = server().await;
    let echo = Echo::start().await;
    let at = proxy(&server, echo.address).await;
    for (body, says) in [
        (r#"{"type":"slicer"}"#, "`average_size`"),
        (
            r#"{"type":"slicer","attributes":{"average_size":10,"size_variation":50}}"#,
            "`size_variation`",
        ),
        (r#"{"type":"bandwidth","attributes":{"rate":-1}}"#, "`rate`"),
        (r#"{"type":"latency","attributes":{"jitter":9000000000000000000}}"#, "`jitter`"),
        (r#"{"type":"latency","attributes":{"latency":"1s"}}"#, "`latency`"),
        (r#"{"type":"latency","toxicity":2.5}"#, "`toxicity`"),
        (r#"{"type":"latency","toxicity":-0.1}"#, "`toxicity`"),
        (r#"{"type":"noop","toxicity":NaN}"#, "bad request body"),
        (r#"{"type":"noop","ttl_ms":0}"#, "`ttl_ms`"),
        (r#"{"type":"noop","ttl_ms":15001}"#, "`ttl_ms`"),
        (r#"{"type":"noop","stream":5}"#, "bad request body"),
        (r#"{"type":"noop","attributes":[]}"#, "bad request body"),
        (r#"{"type":"noop","attr"#, "bad request body"),
    ] {
        let answer = call(&server, "POST", "/proxies/p/toxics", body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert!(answer.body.contains(says), "{body}: {}", answer.body);
    }
    let large = vec![b'['; 10 << 20];
    assert_eq!(call_as(&server, "x", "POST", "/populate", &large).await.status, 413);
    let long = format!(r#"{{"name":"{}","upstream":"x:1"}}"#, "n".repeat(300));
    assert!(call(&server, "POST", "/proxies", &long).await.body.contains("`name` has 300 bytes"));
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    assert_eq!(echoed(&mut stream, b"alive").await.unwrap(), b"alive");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_closes_the_connection() {
    let server = server().await;
    for upstream in ["127.0.0.1:9", "no-such-host.invalid:1"] {
        let body = format!(r#"{{"name":"p","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        let made = call(&server, "POST", "/proxies", &body).await;
        let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
        let mut stream =
            tokio::net::TcpStream::connect(made["listen"].as_str().unwrap()).await.unwrap();
        let read = tokio::time::timeout(crate::support::PATIENCE, stream.read(&mut [0; 1])).await;
        assert_eq!(read.expect("no hang").unwrap_or(0), 0);
        call(&server, "DELETE", "/proxies/p", "").await;
    }
}

#[tokio::test]
async fn ten_thousand_toxics_are_the_most_and_still_answered() {
    let server = server().await;
    let echo = Echo::start().await;
    proxy(&server, echo.address).await;
    let many: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"type":"noop","name":"t{n}"}}"#)).collect();
    call(&server, "DELETE", "/proxies/p", "").await;
    let body = format!(
        r#"{{"name":"p","listen":"127.0.0.1:0","upstream":"{}","toxics":[{}]}}"#,
        echo.address,
        many.join(",")
    );
    let made = call(&server, "POST", "/proxies", &body).await;
    assert_eq!(made.status, 201);
    let more = call(&server, "POST", "/proxies/p/toxics", r#"{"type":"noop","name":"more"}"#).await;
    assert!(more.status == 400 && more.body.contains("10000"), "{}", more.body);
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let mut stream =
        tokio::net::TcpStream::connect(made["listen"].as_str().unwrap()).await.unwrap();
    assert_eq!(echoed(&mut stream, b"alive").await.unwrap(), b"alive");
}

/// Bodies of toxics with any numbers in them, and bytes that are nothing.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| serde_json::json!(n).to_string()),
        (0..50_u32).prop_map(|n| n.to_string()),
        Just("null".to_owned()),
        Just("\"7\"".to_owned()),
    ];
    let kind = prop::sample::select(vec![
        "latency",
        "bandwidth",
        "slow_close",
        "timeout",
        "reset_peer",
        "slicer",
        "limit_data",
        "noop",
        "x",
    ]);
    let attribute = prop::sample::select(vec![
        "latency",
        "jitter",
        "rate",
        "delay",
        "timeout",
        "average_size",
        "size_variation",
        "bytes",
    ]);
    let shaped = (kind, prop::collection::vec((attribute, number.clone()), 0..4), number).prop_map(
        |(kind, attributes, toxicity)| {
            let attributes: Vec<String> =
                attributes.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            let attributes = attributes.join(",");
            format!(
                r#"{{"type":"{kind}","name":"f","toxicity":{toxicity},"attributes":{{{attributes}}}}}"#
            )
            .into_bytes()
        },
    );
    prop_oneof![4 => shaped, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

/// Any body and any attribute set: an answer that is no 5xx, and a server that still passes bytes on afterwards.
#[test]
fn no_body_kills_it() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (server, echo) = runtime.block_on(async { (server().await, Echo::start().await) });
    let at = runtime.block_on(proxy(&server, echo.address));
    let route = prop::sample::select(vec![
        ("POST", "/proxies/p/toxics"),
        ("PATCH", "/proxies/p/toxics/f"),
        ("POST", "/proxies/q/toxics"),
        ("POST", "/populate"),
        ("POST", "/proxies"),
    ]);
    let config = Config { cases: fuzz_cases(), failure_persistence: None, ..Config::default() };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let server = &server;
    let taken = std::cell::Cell::new(0_u32);
    let sent = |method: &str, path: &str, body: Vec<u8>| {
        runtime.block_on(async {
            let url = format!("{}{path}", server.url());
            let call = client.request(method.parse().unwrap(), url).body(body).send().await;
            let status = call.unwrap().status().as_u16();
            if path.ends_with("toxics") && status == 200 {
                // The toxic meets a connection, then goes.
                taken.set(taken.get() + 1);
                let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
                stream.write_all(b"hello").await.ok();
                let url = format!("{}/proxies/p/toxics/f", server.url());
                client.delete(url).send().await.unwrap();
            }
            status
        })
    };
    TestRunner::new(config)
        .run(&(route, bodies()), |((method, path), body)| {
            prop_assert!(sent(method, path, body) < 500);
            Ok(())
        })
        .unwrap();
    assert!(taken.get() > 10, "only {} toxics were good ones", taken.get());
    runtime.block_on(async {
        call(server, "POST", "/reset", "").await;
        let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
        assert_eq!(echoed(&mut stream, b"alive").await.unwrap(), b"alive");
    });
}

#[expect(clippy::disallowed_methods, reason = "a longer run is asked for by hand")]
fn fuzz_cases() -> u32 {
    std::env::var("FAULTPROXY_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1500)
}
