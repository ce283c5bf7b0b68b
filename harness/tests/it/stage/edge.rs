//! A stage with the deployment's firewall and gateway in front: what they answer, what they leave to the backend, and
//! what is told of them.

use harness::adapters::edge::EdgeRules;

use super::processes::Harness;
use super::processes::PATIENCE;
use super::processes::nothing_left;
use super::processes::processes_of;
use nix::sys::signal::Signal;
use reqwest::Method;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

/// A stage, as its printed line describes it.
struct Edged {
    printed: Value,
    client: reqwest::Client,
}

impl Edged {
    fn new(printed: Value, from: [u8; 4]) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
        let client = client.local_address(std::net::IpAddr::from(Ipv4Addr::from(from)));
        Self { printed, client: client.build().unwrap() }
    }

    fn text(&self, pointer: &str) -> &str {
        self.printed.pointer(pointer).and_then(Value::as_str).expect(pointer)
    }

    /// Sends with alice's token, or with another header instead.
    async fn send(&self, sent: &str, token: Option<&str>, body: Value) -> Response {
        let (method, target) = sent.split_once(' ').unwrap();
        let url = format!("{}{target}", self.text("/stage/base_url"));
        let mut request = self.client.request(method.parse::<Method>().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if body != Value::Null {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    async fn shown(&self) -> Value {
        let url = format!("{}/edge", self.text("/stage/admin/edge_url"));
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }
}

/// Only the backend says which build of it answers.
fn by_backend(answer: &Response) -> bool {
    answer.headers().contains_key("x-manuel-version")
}

#[tokio::test]
async fn an_edge_refuses_in_front_and_lets_through_what_is_legitimate() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--json", "--edge", "--env", "CORS_ORIGINS=https://app.example"];
    let mut up = Harness::up_with_backend(folder.path(), &args).await;
    let printed = up.json().await;
    let stage = harness::config::stage_file::read(&folder.path().join("stage.json")).unwrap();
    assert!(stage.capabilities.has(verdict::domain::stage::Capability::Edge));
    assert_eq!(stage.limits.max_rate_per_s, Some(100));
    let edged = Edged::new(printed, [127, 44, 0, 1]);
    let token = edged.text("/tokens/alice/access_token").to_owned();
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let (token, forged) = (Some(token.as_str()), Some(forged.as_str()));
    let sqli = "GET /api/manuals?limit=1%27%20OR%20%271%27=%271";
    let about_sql = json!({"question": "What does '; DROP TABLE routers; -- do to the router?"});
    let large = json!({"url": format!("https://example.com/{}", "x".repeat(9_000))});
    // What is sent; the status, who answers, and the rule.
    for (sent, token, body, status, backend, rule) in [
        ("GET /api/user/quota", token, Value::Null, 200, true, None),
        ("GET /api/user/quota", None, Value::Null, 401, false, Some("no-token")),
        ("GET /api/user/quota", forged, Value::Null, 401, true, None),
        ("GET /health", None, Value::Null, 200, true, None),
        (sqli, token, Value::Null, 403, false, Some("sql-injection")),
        ("POST /api/query", token, about_sql, 200, true, None),
        ("POST /api/manuals/download", token, large, 413, false, Some("large-body-elsewhere")),
    ] {
        let answer = edged.send(sent, token, body).await;
        assert_eq!((answer.status().as_u16(), by_backend(&answer)), (status, backend), "{sent}");
        let id = answer.headers()["x-amzn-requestid"].to_str().unwrap().to_owned();
        let shown = edged.shown().await;
        let refused = shown["refused"].as_array().unwrap();
        let by = refused.iter().find(|one| one["request_id"] == id).map(|one| &one["by"]);
        assert_eq!(by.and_then(Value::as_str), rule, "{sent}: {refused:?}");
    }
    let url = format!("{}/api/query", edged.text("/stage/base_url"));
    let preflight =
        edged.client.request(Method::OPTIONS, url).header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "POST").send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://app.example");
    let shown = edged.shown().await;
    assert_eq!((&shown["passed"], &shown["findings"]), (&json!(5), &json!([])));
    assert!(processes_of(folder.path()).len() >= 4);
    up.signal(Signal::SIGINT);
    assert!(up.ended().await.0.success());
    nothing_left(folder.path()).await;
}

#[tokio::test]
async fn addresses_are_told_apart_by_edge_and_backend() {
    let folder = tempfile::tempdir().unwrap();
    // Of the two callers only one is on the backend's list; the others are those of the stage itself.
    let allowed = "IP_ALLOWLIST=127.0.0.0/16,127.192.0.0/10,127.44.0.3/32";
    let rate = "WafRateLimit=100";
    let args = ["--json", "--edge", "--edge-parameter", rate, "--env", allowed];
    let mut up = Harness::up_with_backend(folder.path(), &args).await;
    let printed = up.json().await;
    let often = Edged::new(printed.clone(), [127, 44, 0, 2]);
    for _ in 0..100 {
        assert_eq!(often.send("GET /health", None, Value::Null).await.status(), 200);
    }
    let refused = often.send("GET /health", None, Value::Null).await;
    assert_eq!((refused.status().as_u16(), by_backend(&refused)), (429, false));
    assert_eq!(refused.headers()["retry-after"], "60");
    let shown = often.shown().await;
    let rate = &shown["rules"][0];
    assert_eq!((&rate["name"], &rate["blocked"]), (&json!("rate-per-address"), &json!(1)));
    let other = Edged::new(printed, [127, 44, 0, 3]);
    let stranger = Edged::new(other.printed.clone(), [127, 44, 0, 4]);
    let token = Some(other.text("/tokens/alice/access_token"));
    for (who, status) in [(&other, 200), (&stranger, 403)] {
        let answer = who.send("GET /api/user/quota", token, Value::Null).await;
        assert_eq!((answer.status().as_u16(), by_backend(&answer)), (status, true));
    }
    up.signal(Signal::SIGINT);
    assert!(up.ended().await.0.success());
}

/// Rules of a template that was changed, held against the corpus: what is found, as text.
fn found_in_corpus(from: &str, to: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let corpus = harness::config::attacks::read(&root).unwrap();
    let text = std::fs::read_to_string(root.join("backend/deploy/template.yaml")).unwrap();
    assert!(text.contains(from), "{from} is gone from the template");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    let rules = EdgeRules::read(&path, &BTreeMap::new()).unwrap().against(&corpus);
    format!("{:?}", rules.findings())
}

#[test]
fn what_the_corpus_calls_legitimate_falls_under_no_blocking_rule() {
    assert_eq!(found_in_corpus("Name: sql", "Name: sql"), "[]");
    let counted =
        |rule: &str| format!("                - {{Name: {rule}, ActionToUse: {{Count: {{}}}}}}\n");
    for (rule, request) in [
        ("SQLi_BODY", "`asked-about-sql` of the corpus"),
        ("SizeRestrictions_BODY", "`manual-in-pdf` of the corpus"),
        ("SizeRestrictions_BODY", "`spoken-question` of the corpus"),
    ] {
        let found = found_in_corpus(&counted(rule), "");
        assert!(found.contains(request) && found.contains(rule), "{rule}: {found}");
    }
}
