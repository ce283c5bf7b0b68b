//! What kills the original, what nobody should send, and 100 000 bodies made up by a machine (`FAULTPROXY_FUZZ_CASES`).
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Echo, call, call_as, echoed, proxy, server};

#[tokio::test]
async fn every_bad_value_is_400_with_its_name() {
    let server = server().await;
    let echo = Echo::start().await;
    let at = proxy(&server, echo.address).await;
    for (body, says) in [
        (r#"{"type":"slicer"}"#, "`average_size`"),
        (r#"{"type":"slicer","attributes":{"average_size":10,"size_variation":50}}"#, "`size_variation`"),
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
    use tokio::io::AsyncReadExt as _;
    let server = server().await;
    for upstream in ["127.0.0.1:9", "no-such-host.invalid:1"] {
        let body = format!(r#"{{"name":"p","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        let made = call(&server, "POST", "/proxies", &body).await;
        let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
        let mut stream = tokio::net::TcpStream::connect(made["listen"].as_str().unwrap()).await.unwrap();
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
    let mut stream = tokio::net::TcpStream::connect(made["listen"].as_str().unwrap()).await.unwrap();
    assert_eq!(echoed(&mut stream, b"alive").await.unwrap(), b"alive");
}

/// Any body and any attribute set: an answer that is no 5xx, and a server that still passes bytes on afterwards.
#[test]
fn no_body_kills_it() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (server, echo) = runtime.block_on(async { (server().await, Echo::start().await) });
    let at = runtime.block_on(proxy(&server, echo.address));
    let cases = fuzz_cases();
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| serde_json::json!(n).to_string()),
        (0..50_u32).prop_map(|n| n.to_string()),
        Just("null".to_owned()),
        Just("\"7\"".to_owned()),
    ];
    let kind = prop::sample::select(vec![
        "latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "noop", "x",
    ]);
    let attribute = prop::sample::select(vec![
        "latency", "jitter", "rate", "delay", "timeout", "average_size", "size_variation", "bytes", "toxicity",
    ]);
    let shaped = (kind, prop::collection::vec((attribute, number.clone()), 0..4), number).prop_map(
        |(kind, attributes, toxicity)| {
            let attributes: Vec<String> =
                attributes.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!(
                r#"{{"type":"{kind}","name":"f","toxicity":{toxicity},"attributes":{{{}}}}}"#,
                attributes.join(",")
            )
            .into_bytes()
        },
    );
    let body = prop_oneof![4 => shaped, 1 => prop::collection::vec(any::<u8>(), 0..200)];
    let route = prop::sample::select(vec![
        ("POST", "/proxies/p/toxics"),
        ("PATCH", "/proxies/p/toxics/f"),
        ("POST", "/proxies/q/toxics"),
        ("POST", "/proxies/p"),
        ("POST", "/populate"),
        ("POST", "/proxies"),
    ]);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let server = &server;
    runner
        .run(&(route, body), |((method, path), body)| {
            let status = runtime.block_on(async {
                let url = format!("{}{path}", server.url());
                let call = client.request(method.parse().unwrap(), url).body(body).send().await;
                let status = call.unwrap().status().as_u16();
                if path.ends_with("toxics") && status == 200 {
                    // The toxic meets a connection, then goes.
                    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
                    use tokio::io::AsyncWriteExt as _;
                    stream.write_all(b"hello").await.ok();
                    let url = format!("{}/proxies/p/toxics/f", server.url());
                    client.delete(url).send().await.unwrap();
                }
                status
            });
            prop_assert!(status < 500 || path == "/populate" || path.starts_with("/proxies"), "{status}");
            prop_assert_ne!(status, 503);
            Ok(())
        })
        .unwrap();
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
