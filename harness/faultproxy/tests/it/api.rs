//! Every route of Toxiproxy's API as a transcript: request, status, content type, body to the byte.
use crate::support::{Answer, Echo, call, call_as, server};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

fn is(answer: &Answer, status: u16, content_type: &str, body: &str) {
    assert_eq!(
        (answer.status, answer.content_type.as_str(), answer.body.as_str()),
        (status, content_type, body)
    );
}

fn refused(answer: &Answer, status: u16, text: &str) {
    let body = format!("{{\"error\":{},\"status\":{status}}}\n", serde_json::json!(text));
    is(answer, status, TEXT, &body);
    assert!(answer.head.to_lowercase().contains("x-content-type-options: nosniff"));
}

#[tokio::test]
async fn version_and_what_is_no_route() {
    let server = server().await;
    let version = call(&server, "GET", "/version", "").await;
    is(&version, 200, "application/json;charset=utf-8", "{\"version\": \"2.12.0\"}\n");
    assert!(version.head.to_lowercase().contains("x-toxiproxy-request-id: "), "{}", version.head);
    is(&call(&server, "GET", "/nothing", "").await, 404, TEXT, "404 page not found\n");
    is(&call(&server, "GET", "/proxies/", "").await, 404, TEXT, "404 page not found\n");
    for (method, path) in
        [("PUT", "/proxies"), ("GET", "/reset"), ("POST", "/version"), ("PUT", "/proxies/p")]
    {
        is(&call(&server, method, path, "").await, 405, "", "");
    }
    let browser = call_as(&server, "Mozilla/5.0", "GET", "/version", b"").await;
    is(&browser, 403, TEXT, "User agent not allowed\n");
}

#[tokio::test]
async fn proxies() {
    let server = server().await;
    is(&call(&server, "GET", "/proxies", "").await, 200, JSON, "{}");
    let create = |body: &'static str| call(&server, "POST", "/proxies", body);
    refused(&create("").await, 400, "bad request body: EOF");
    refused(&create("{}").await, 400, "missing required field: name");
    refused(&create(r#"{"upstream":"x"}"#).await, 400, "missing required field: name");
    refused(&create(r#"{"name":"p"}"#).await, 400, "missing required field: upstream");
    assert_eq!(create("{\"name\":").await.status, 400);
    let made = create(r#"{"name":"p","listen":"localhost:0","upstream":"127.0.0.1:9"}"#).await;
    let listen = serde_json::from_str::<serde_json::Value>(&made.body).unwrap()["listen"].clone();
    let listen = listen.as_str().unwrap();
    assert!(listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"), "{listen}");
    let shown = |enabled: bool, upstream: &str| {
        format!(
            r#"{{"name":"p","listen":"{listen}","upstream":"{upstream}","enabled":{enabled},"toxics":[]}}"#
        )
    };
    is(&made, 201, JSON, &shown(true, "127.0.0.1:9"));
    refused(&create(r#"{"name":"p","upstream":"x:1"}"#).await, 409, "proxy already exists");
    let all = format!("{{\"p\":{}}}", shown(true, "127.0.0.1:9"));
    is(&call(&server, "GET", "/proxies", "").await, 200, JSON, &all);
    is(&call(&server, "GET", "/proxies/p", "").await, 200, JSON, &shown(true, "127.0.0.1:9"));
    refused(&call(&server, "GET", "/proxies/q", "").await, 404, "proxy not found");

    let taken = format!(r#"{{"name":"q","listen":"{listen}","upstream":"x:1"}}"#);
    let text = format!("listen tcp {listen}: bind: address already in use");
    refused(&call(&server, "POST", "/proxies", &taken).await, 500, &text);
    refused(
        &create(r#"{"name":"q","listen":"20000","upstream":"x:1"}"#).await,
        500,
        "listen tcp: address 20000: missing port in address",
    );

    // PATCH, and the deprecated POST, with any part of it.
    for method in ["PATCH", "POST"] {
        let update = |body: &'static str| call(&server, method, "/proxies/p", body);
        is(&update(r#"{"enabled":false}"#).await, 200, JSON, &shown(false, "127.0.0.1:9"));
        is(&update(r#"{"enabled":true}"#).await, 200, JSON, &shown(true, "127.0.0.1:9"));
        is(&update(r#"{"upstream":"127.0.0.1:8"}"#).await, 200, JSON, &shown(true, "127.0.0.1:8"));
        is(&update(r#"{"upstream":"127.0.0.1:9"}"#).await, 200, JSON, &shown(true, "127.0.0.1:9"));
        refused(&update(r#"{"listen":"127.0.0.1:1x"}"#).await, 500, "lookup tcp/1x: unknown port");
        assert_eq!(update("{").await.status, 400);
        let nobody = call(&server, method, "/proxies/q", "{}").await;
        refused(&nobody, 404, "proxy not found");
    }
    is(&call(&server, "DELETE", "/proxies/p", "").await, 204, "", "");
    refused(&call(&server, "DELETE", "/proxies/p", "").await, 404, "proxy not found");
    is(&call(&server, "GET", "/proxies", "").await, 200, JSON, "{}");
}

#[tokio::test]
async fn toxics() {
    let server = server().await;
    let echo = Echo::start().await;
    crate::support::proxy(&server, echo.address).await;
    let add = |body: &'static str| call(&server, "POST", "/proxies/p/toxics", body);
    is(&call(&server, "GET", "/proxies/p/toxics", "").await, 200, JSON, "[]");
    let latency = r#"{"attributes":{"latency":100,"jitter":0},"name":"latency_downstream","type":"latency","stream":"downstream","toxicity":1}"#;
    is(&add(r#"{"type":"latency","attributes":{"latency":100}}"#).await, 200, JSON, latency);
    // The stream is read in any case and echoed as it was written.
    let upper = r#"{"attributes":{"rate":10},"name":"bandwidth_UPSTREAM","type":"bandwidth","stream":"UPSTREAM","toxicity":0.5}"#;
    is(
        &add(r#"{"type":"bandwidth","stream":"UPSTREAM","toxicity":0.5,"attributes":{"rate":10}}"#)
            .await,
        200,
        JSON,
        upper,
    );
    is(
        &call(&server, "GET", "/proxies/p/toxics", "").await,
        200,
        JSON,
        &format!("[{upper},{latency}]"),
    );
    refused(&add(r#"{"type":"latency"}"#).await, 409, "toxic already exists");
    refused(&add(r#"{"type":"lag"}"#).await, 400, "invalid toxic type");
    refused(&add("{}").await, 400, "invalid toxic type");
    refused(
        &add(r#"{"type":"noop","stream":"sideways"}"#).await,
        400,
        "stream was invalid, can be either upstream or downstream",
    );
    refused(&add("").await, 400, "bad request body: EOF");
    refused(&call(&server, "POST", "/proxies/q/toxics", "{}").await, 404, "proxy not found");
    refused(&call(&server, "GET", "/proxies/q/toxics", "").await, 404, "proxy not found");
    is(
        &add(r#"{"type":"noop","name":"nothing"}"#).await,
        200,
        JSON,
        r#"{"attributes":{},"name":"nothing","type":"noop","stream":"downstream","toxicity":1}"#,
    );

    let one = "/proxies/p/toxics/latency_downstream";
    is(&call(&server, "GET", one, "").await, 200, JSON, latency);
    refused(&call(&server, "GET", "/proxies/p/toxics/none", "").await, 404, "toxic not found");
    refused(&call(&server, "GET", "/proxies/q/toxics/none", "").await, 404, "proxy not found");
    for method in ["PATCH", "POST"] {
        // Name, stream and type stay; attributes are merged.
        let body = r#"{"name":"x","stream":"upstream","type":"noop","toxicity":0,"attributes":{"jitter":7}}"#;
        let changed = latency
            .replace("\"jitter\":0", "\"jitter\":7")
            .replace("\"toxicity\":1", "\"toxicity\":0");
        is(&call(&server, method, one, body).await, 200, JSON, &changed);
        let body = r#"{"toxicity":1.0,"attributes":{"jitter":0}}"#;
        is(&call(&server, method, one, body).await, 200, JSON, latency);
        refused(
            &call(&server, method, "/proxies/p/toxics/none", "{}").await,
            404,
            "toxic not found",
        );
        refused(&call(&server, method, one, "").await, 400, "bad request body: EOF");
    }
    is(&call(&server, "DELETE", one, "").await, 204, "", "");
    refused(&call(&server, "DELETE", one, "").await, 404, "toxic not found");
    refused(&call(&server, "DELETE", "/proxies/q/toxics/x", "").await, 404, "proxy not found");

    call(&server, "POST", "/proxies/p", r#"{"enabled":false}"#).await;
    is(&call(&server, "POST", "/reset", "").await, 204, "", "");
    let after: serde_json::Value =
        serde_json::from_str(&call(&server, "GET", "/proxies/p", "").await.body).unwrap();
    assert_eq!((&after["enabled"], after["toxics"].as_array().unwrap().len()), (&true.into(), 0));
}

#[tokio::test]
async fn populate() {
    let server = server().await;
    let populate = |body: String| {
        let server = &server;
        async move { call(server, "POST", "/populate", &body).await }
    };
    is(&populate("[]".to_owned()).await, 201, JSON, r#"{"proxies":null}"#);
    let two = r#"[{"name":"a","listen":"127.0.0.1:0","upstream":"127.0.0.1:9"},{"name":"b"}]"#;
    let bad =
        r#"{"error":"missing required field: upstream at proxy 2","status":400,"proxies":null}"#;
    is(&populate(two.to_owned()).await, 400, JSON, bad);
    is(&call(&server, "GET", "/proxies", "").await, 200, JSON, "{}");
    let a = r#"[{"name":"a","listen":"127.0.0.1:0","upstream":"127.0.0.1:9","enabled":true,"toxics":[]}]"#;
    let made: serde_json::Value = serde_json::from_str(&populate(a.to_owned()).await.body).unwrap();
    let listen = made["proxies"][0]["listen"].as_str().unwrap().to_owned();

    // The same addresses: left as it is, with its toxics; `enabled` is not looked at.
    call(&server, "POST", "/proxies/a/toxics", r#"{"type":"noop"}"#).await;
    let same =
        format!(r#"[{{"name":"a","listen":"{listen}","upstream":"127.0.0.1:9","enabled":false}}]"#);
    let kept = populate(same).await;
    assert_eq!(kept.status, 201);
    assert!(kept.body.contains("\"enabled\":true") && kept.body.contains("noop"), "{}", kept.body);
    // Others: replaced.
    let differs = format!(r#"[{{"name":"a","listen":"{listen}","upstream":"127.0.0.1:8"}}]"#);
    let replaced = populate(differs).await;
    assert!(
        replaced.body.contains("127.0.0.1:8") && !replaced.body.contains("noop"),
        "{}",
        replaced.body
    );

    // What was made before an error stays, as with the original …
    let half = format!(
        r#"[{{"name":"c","listen":"127.0.0.1:0","upstream":"127.0.0.1:9"}},{{"name":"d","listen":"{listen}","upstream":"x:1"}}]"#
    );
    let answer = populate(half.clone()).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (500, JSON));
    assert!(
        answer.body.contains("address already in use") && answer.body.contains("\"name\":\"c\"")
    );
    call(&server, "DELETE", "/proxies/c", "").await;
    // … unless the list has toxics, which is ours: all or none.
    let whole = half.replace("\"name\":\"c\",", "\"name\":\"c\",\"toxics\":[{\"type\":\"noop\"}],");
    let answer = populate(whole).await;
    assert!(answer.status == 500 && answer.body.ends_with("\"proxies\":null}"), "{}", answer.body);
    assert_eq!(call(&server, "GET", "/proxies/c", "").await.status, 404);
    let bad = r#"[{"name":"e","upstream":"x:1","listen":":0","toxics":[{"type":"slicer"}]}]"#;
    let answer = populate(bad.to_owned()).await;
    assert!(answer.status == 400 && answer.body.contains("average_size"), "{}", answer.body);
    let good = bad.replace("slicer\"", "slicer\",\"attributes\":{\"average_size\":9}");
    assert!(populate(good).await.body.contains("\"average_size\":9"));
}

#[tokio::test]
async fn metrics_count_while_a_connection_lives() {
    let server = server().await;
    let echo = Echo::start().await;
    let at = crate::support::proxy(&server, echo.address).await;
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    crate::support::echoed(&mut stream, b"sixteen bytes...").await.unwrap();
    let metrics = call(&server, "GET", "/metrics", "").await.body;
    let line = format!(
        "toxiproxy_proxy_received_bytes_total{{direction=\"upstream\",listener=\"{at}\",proxy=\"p\",upstream=\"{}\"}} 16",
        echo.address
    );
    assert!(metrics.contains(&line), "{metrics}");
    assert!(metrics.contains("faultproxy_connections{proxy=\"p\"} 1"), "{metrics}");
    let plain = faultproxy::FaultProxy::start(faultproxy::Options::local(1)).await.unwrap();
    assert_eq!(call(&plain, "GET", "/metrics", "").await.status, 404);
}
