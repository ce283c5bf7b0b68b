//! What goes over the wire, and what comes back whole.

use std::time::Duration;

use bytes::Bytes;
use manuel_client::contract::Contract;
use manuel_client::{
    AnswerClass, Auth, Encoded, Expectation, ManuelClient, Request, SendOptions, ServerTiming,
    Signer, Signing, SigningTime, Traceparent,
};
use wiremock::matchers::{body_json, header, header_exists, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const BOUND: Duration = Duration::from_secs(10);

fn client(server: &MockServer) -> ManuelClient {
    ManuelClient::new(&server.uri(), None, BOUND, BOUND).unwrap()
}

fn documented(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("Strict-Transport-Security", "max-age=63072000")
        .insert_header("X-Content-Type-Options", "nosniff")
        .insert_header("X-Frame-Options", "DENY")
        .insert_header("Content-Security-Policy", "default-src 'none'")
        .insert_header("Referrer-Policy", "no-referrer")
        .insert_header("Cache-Control", "no-store")
        .insert_header("X-Request-Id", "r-1")
        .insert_header("X-Manuel-Version", "0123abc")
        .insert_header("Server-Timing", "own;dur=2.5, dep;dur=10")
}

#[tokio::test]
async fn an_upload_is_signed_and_repeated_with_the_next_second() {
    let server = MockServer::start().await;
    let sent = serde_json::json!({ "filename": "a.md", "content_type": "text/markdown", "file_data": "IyBh" });
    let sha256 = "b2e77fbb5f564e2145071c75ac6a7d56478cf3ef696e5100f53378a7bb185750";
    let answer = serde_json::json!({
        "manual_id": "m", "name": "a.md", "size": 3, "sha256": sha256, "status": "processing", "ingestion_job_id": "j",
    });
    Mock::given(method("POST"))
        .and(path("/api/manuals/upload"))
        .and(header("Idempotency-Key", "k"))
        .and(header("Authorization", "Bearer t.o.k"))
        .and(header("traceparent", Traceparent::derive(1, 2, 3).to_string().as_str()))
        .and(header_exists("X-Manuel-Signature"))
        .and(body_json(&sent))
        .respond_with(documented(201).set_body_json(&answer))
        .expect(2)
        .mount(&server)
        .await;
    let (client, signer) = (client(&server), Signer::new(b"key").unwrap());
    let request = Request::UploadManual {
        filename: "a.md".to_owned(),
        content_type: "text/markdown".to_owned(),
        bytes: Bytes::from_static(b"# a"),
        idempotency_key: Some("k".to_owned()),
    };
    let encoded = Encoded::new(&request).unwrap();
    let options = SendOptions {
        auth: Auth::Bearer("t.o.k"),
        signing: Signing::Proper { signer: &signer, user: "u", time: SigningTime::at(1_000) },
        traceparent: Some(Traceparent::derive(1, 2, 3)),
        extra_headers: vec![],
    };
    for timestamp in ["1000", "1001"] {
        let prepared = client.prepare(&encoded, &options).unwrap();
        assert_eq!(prepared.headers()["x-manuel-timestamp"], timestamp);
        let exchange = client.send(&prepared, &|| 0).await.unwrap();
        let check = Contract::default().check(&request, &exchange);
        let class = AnswerClass::of_answer(exchange.status, &check, &Expectation::Success);
        assert_eq!(class, AnswerClass::Ok, "{check:?}");
        let timing = exchange.server_timing().unwrap();
        assert_eq!(timing, ServerTiming { own_us: 2_500, dep_us: 10_000 });
        assert_eq!(exchange.version(), Some("0123abc"));
    }
}

#[tokio::test]
async fn header_names_are_found_in_any_case() {
    let server = MockServer::start().await;
    let health = serde_json::json!({ "status": "ok", "version": "1", "stage": "local" });
    let answer = documented(200).set_body_json(&health).insert_header("RETRY-AFTER", "7");
    Mock::given(path("/health")).respond_with(answer).mount(&server).await;
    let client = client(&server);
    let prepared = client.prepare_request(&Request::Health, &SendOptions::default()).unwrap();
    let exchange = client.send(&prepared, &|| 0).await.unwrap();
    assert_eq!(exchange.retry_after_s(), Some(7));
    assert!(manuel_client::contract::check(&Request::Health, &exchange).is_ok());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server = MockServer::start().await;
    let answer = documented(302).insert_header("Location", "/elsewhere");
    Mock::given(path("/version")).respond_with(answer).expect(1).mount(&server).await;
    Mock::given(path("/elsewhere")).respond_with(documented(200)).expect(0).mount(&server).await;
    let client = client(&server);
    let prepared = client.prepare_request(&Request::Version, &SendOptions::default()).unwrap();
    let exchange = client.send(&prepared, &|| 0).await.unwrap();
    let check = manuel_client::contract::check(&Request::Version, &exchange);
    let class = AnswerClass::of_answer(exchange.status, &check, &Expectation::Success);
    assert_eq!((exchange.status, class), (302, AnswerClass::HttpError));
}

#[tokio::test]
async fn queries_are_encoded_and_connections_kept() {
    let server = MockServer::start().await;
    let answer = serde_json::json!({ "manuals": [], "count": 0, "next_cursor": "a/+&=b" });
    Mock::given(path("/api/manuals"))
        .and(query_param("cursor", "a/+&=b"))
        .and(query_param("limit", "2"))
        .respond_with(documented(200).set_body_json(&answer))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server);
    let request = Request::ListManuals { limit: Some(2), cursor: Some("a/+&=b".to_owned()) };
    let prepared = client.prepare_request(&request, &SendOptions::default()).unwrap();
    let exchange = client.send(&prepared, &|| 0).await.unwrap();
    assert!(manuel_client::contract::check(&request, &exchange).is_ok());
}
