//! The edge of the deployment's own template, before a service that says what it was sent.

use std::net::IpAddr;

use axum::Json;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use http::Method;
use http::StatusCode;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

const TOKEN: &str = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln";

/// An edge, and the service behind it.
struct Stand {
    edge: Edge,
    _service: Tasks,
}

fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../backend/deploy/template.yaml")
}

fn rules(chosen: &[(&str, &str)]) -> EdgeRules {
    let chosen = chosen.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    EdgeRules::read(&template(), &chosen.collect()).unwrap()
}

async fn stand(chosen: &[(&str, &str)]) -> Stand {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let app = Router::new().fallback(echo).into_make_service_with_connect_info::<SocketAddr>();
    let service = Tasks::default();
    service.spawn(async move { axum::serve(listener, app).await.unwrap() });
    Stand { edge: Edge::start(rules(chosen), upstream).await.unwrap(), _service: service }
}

async fn echo(ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Json<Value> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let headers: BTreeMap<_, _> =
        head.headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
    Json(json!({
        "peer": peer.ip(), "method": head.method.as_str(), "target": head.uri.to_string(),
        "headers": headers, "bytes": body.len(),
    }))
}

impl Stand {
    async fn send(
        &self,
        method: Method,
        target: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Response {
        self.send_from([127, 0, 0, 1], (method, target), token, body).await
    }

    async fn send_from(
        &self,
        from: [u8; 4],
        (method, target): (Method, &str),
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Response {
        let client = reqwest::Client::builder().no_proxy().local_address(IpAddr::from(from));
        let url = format!("{}{target}", self.edge.base_url());
        let mut request = client.build().unwrap().request(method, url).body(body);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        request.header("connection", "x-mine").header("x-mine", "1").send().await.unwrap()
    }

    async fn get(&self, target: &str) -> StatusCode {
        self.send(Method::GET, target, Some(TOKEN), Vec::new()).await.status()
    }

    async fn shown(&self) -> Value {
        let url = format!("{}/edge", self.edge.admin_url());
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn what_passes_arrives_as_it_was_sent() {
    let stand = stand(&[]).await;
    let target = "/api/manuals/%2fa;b/?limit=1&x=%20";
    let body = vec![b'x'; 6 << 20];
    let answer = stand
        .send_from([127, 3, 2, 1], (Method::POST, "/api/manuals/upload"), Some(TOKEN), body)
        .await;
    assert!(answer.headers().contains_key("x-amzn-requestid"));
    let seen: Value = answer.json().await.unwrap();
    assert_eq!((&seen["peer"], &seen["bytes"]), (&json!("127.3.2.1"), &json!(6 << 20)));
    assert_eq!(seen["headers"]["authorization"], TOKEN);
    assert_eq!(seen["headers"].get("x-mine"), None, "of one connection only");
    let seen: Value =
        stand.send(Method::GET, target, Some(TOKEN), Vec::new()).await.json().await.unwrap();
    assert_eq!(seen["target"], target);
    assert_eq!(stand.shown().await["passed"], 2);
}

/// A request, its token and the bytes of its body; the status, a word of the answer, and the rule that blocks it.
type Row<'a> = ((&'a str, Option<&'a str>, usize), (u16, &'a str, Option<&'a str>));

async fn each(rows: &[Row<'_>]) {
    let stand = stand(&[]).await;
    for ((sent, token, bytes), (status, said, rule)) in rows {
        let before = stand.shown().await["refused"].as_array().unwrap().len();
        let (method, target) = sent.split_once(' ').unwrap();
        let method = method.parse().unwrap();
        let answer = stand.send(method, target, *token, vec![b' '; *bytes]).await;
        let at = format!("{sent:.60} {bytes}");
        assert_eq!(answer.status(), *status, "{at}");
        let id = answer.headers()["x-amzn-requestid"].to_str().unwrap().to_owned();
        let text = answer.text().await.unwrap();
        assert!(text.contains(said), "{at}: {text}");
        let refused = stand.shown().await["refused"].as_array().unwrap()[before..].to_vec();
        match &refused[..] {
            [] => assert_eq!(*status, 200, "{at}"),
            [one] => {
                let seen = (one["by"].as_str(), one["status"].as_u64());
                assert_eq!(seen, (*rule, Some(u64::from(*status))), "{at}");
                assert_eq!(one["request_id"], json!(id), "{at}");
            }
            more => panic!("{at}: {more:?}"),
        }
    }
}

#[tokio::test]
async fn who_has_no_token_gets_no_further() {
    let refused = (401, "\"token_missing\"", Some("no-token"));
    each(&[
        (("POST /api/query", None, 10), refused),
        (("POST /api/query", Some("Bearer x"), 10), refused),
        (("GET /api/manuals", Some("Bearer eyJ.e30."), 0), refused),
        (("GET /api/nothing", Some("Basic eyJ.e30.x"), 0), refused),
        (("GET /api/user/quota", Some("bearer eyJ.e30.x-_"), 0), (200, "quota", None)),
        (("OPTIONS /api/query", None, 0), (200, "OPTIONS", None)),
        (("GET /health", None, 0), (200, "/health", None)),
    ])
    .await;
}

#[tokio::test]
async fn sizes_have_limits_where_nothing_large_is_sent() {
    let token = Some(TOKEN);
    let (fits, long) = ("x".repeat(2_041), "x".repeat(2_042));
    let large = (413, "\"body_too_large\"", Some("large-body-elsewhere"));
    let address = (414, "\"address_too_long\"", Some("long-address"));
    each(&[
        (("POST /api/query", token, 1 << 20), (200, "1048576", None)),
        (("POST /api/manuals/download", token, 8_192), (200, "8192", None)),
        (("POST /api/manuals/download", token, 8_193), large),
        (("POST /api/manuals/download", token, 20_000), large),
        (("POST /api/manuals/upload", token, 10 << 20), (200, "10485760", None)),
        (("POST /api/manuals/upload", token, (10 << 20) + 1), (413, "Request Too Long", None)),
        ((&format!("GET /api/manuals?cursor={fits}"), token, 0), (200, "cursor", None)),
        ((&format!("GET /api/manuals?cursor={long}"), token, 0), address),
        ((&format!("GET /{}", "x".repeat(1_024)), None, 0), address),
    ])
    .await;
}

#[tokio::test]
async fn injections_end_where_nobody_asks_a_question() {
    let token = Some(TOKEN);
    let forbidden = |rule| (403, r#"{"message":"Forbidden"}"#, Some(rule));
    let (sql, script) = ("1%27%20OR%20%271%27=%271", "%26lt;script%26gt;alert(1)%3C/script%3E");
    each(&[
        ((&format!("GET /api/manuals?limit={sql}"), token, 0), forbidden("sql-injection")),
        ((&format!("GET /api/manuals/{sql}"), token, 0), forbidden("sql-injection")),
        ((&format!("GET /api/manuals?q={script}"), token, 0), forbidden("cross-site-scripting")),
        (("GET /api/manuals?limit=20&cursor=eyJwayI6MX0", token, 0), (200, "limit=20", None)),
    ])
    .await;
}

#[tokio::test]
async fn what_is_told_of_the_rules_says_how_true_they_are() {
    let stand = stand(&[("WafRateLimit", "100")]).await;
    assert_eq!(stand.get("/api/manuals?limit=1%27%20OR%20%271%27=%271").await, 403);
    let shown = stand.shown().await;
    let rule = |name: &str| {
        let rules = shown["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["name"] == name).unwrap().clone()
    };
    let sqli = rule("sql-injection");
    assert_eq!((&sqli["enforced"], &sqli["blocked"]), (&json!("approximate"), &json!(1)));
    assert!(sqli["because"].as_str().unwrap().contains("libinjection"), "{sqli}");
    assert_eq!(rule("common")["enforced"], "no");
    assert_eq!(rule("no-token")["enforced"], "exact");
    assert_eq!(shown["refused"][0]["enforced"], "approximate");
    assert_eq!(shown["stopped"], json!({"forbidden": 1}));
    assert_eq!(shown["parameters"]["WafRateLimit"], 100);
    assert_eq!(shown["findings"], json!([]));
}

#[tokio::test]
async fn an_address_that_comes_too_often_is_refused_alone() {
    let stand = stand(&[("WafRateLimit", "100"), ("ApiBurstLimit", "500")]).await;
    for _ in 0..100 {
        assert_eq!(stand.get("/health").await, 200);
    }
    let answer = stand.send(Method::GET, "/health", None, Vec::new()).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"60".parse().unwrap())
    );
    assert!(answer.text().await.unwrap().contains("\"rate_limited\""));
    let other = stand.send_from([127, 9, 9, 9], (Method::GET, "/health"), None, Vec::new()).await;
    assert_eq!(other.status(), 200);
}

#[tokio::test]
async fn each_resource_has_its_own_rate() {
    let stand = stand(&[("ApiRateLimit", "1"), ("ApiBurstLimit", "3")]).await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(stand.get("/api/user/quota").await.as_u16());
    }
    assert_eq!(statuses[..3], [200; 3]);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(stand.get("/api/user/usage").await, 200, "another resource");
    let answer = stand.send(Method::GET, "/api/user/quota", Some(TOKEN), Vec::new()).await;
    if answer.status() == 429 {
        assert_eq!(answer.headers()["x-amzn-errortype"], "TooManyRequestsException");
        assert_eq!(answer.text().await.unwrap(), r#"{"message":"Too Many Requests"}"#);
    }
}

#[tokio::test]
async fn only_who_is_on_the_allowlist_gets_in() {
    let stand = stand(&[("IpAllowlist", "127.5.0.0/16,127.6.0.1/32")]).await;
    for (from, target, status) in [
        ([127, 5, 200, 3], "/docs", 200),
        ([127, 6, 0, 1], "/docs", 200),
        ([127, 6, 0, 2], "/docs", 403),
        ([127, 0, 0, 1], "/health", 200),
    ] {
        let answer = stand.send_from(from, (Method::GET, target), None, Vec::new()).await;
        assert_eq!(answer.status(), status, "{from:?} {target}");
        assert_eq!(answer.text().await.unwrap().contains("address_not_allowed"), status == 403);
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_and_a_service_that_is_gone_are_the_gateways_to_answer() {
    let stand = stand(&[]).await;
    let long = format!("{TOKEN}{}", "x".repeat(proxy::HEAD_MAX));
    let answer = stand.send(Method::GET, "/api/manuals", Some(&long), Vec::new()).await;
    assert_eq!(answer.status(), 431);
    // A port that was given back: nobody listens there.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let edge = Edge::start(rules(&[]), gone).await.unwrap();
    let answer = reqwest::get(format!("{}/health", edge.base_url())).await.unwrap();
    assert_eq!(answer.status(), 504);
    assert!(answer.text().await.unwrap().contains("Network error communicating with endpoint"));
    edge.stop().await;
}
