//! The reverse proxy before another endpoint, over real connections.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use injector::reverse::{self, Signing};
use injector::serve::{self, Serving};
use serde_json::json;
use url::Url;

use crate::support::{injector, rule};

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Whom the proxy stands before: notes headers, answers the body.
async fn endpoint() -> (Serving, Arc<Mutex<Vec<HeaderMap>>>) {
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let service = serve::answering(move |request: http::Request<hyper::body::Incoming>| {
        let noted = Arc::clone(&noted);
        async move {
            let (parts, body) = request.into_parts();
            noted.lock().unwrap().push(parts.headers);
            Response::new(
                body.collect()
                    .await
                    .map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes),
            )
        }
    });
    (serve::serve(HERE, service).await.unwrap(), seen)
}

fn call(url: &str) -> reqwest::RequestBuilder {
    let signature = "AWS4-HMAC-SHA256 Credential=CALLER/20261123/eu-west-1/dynamodb/aws4_request, \
                     SignedHeaders=host, Signature=0";
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(url)
        .header("x-amz-target", "DynamoDB_20120810.GetItem")
        .header("authorization", signature)
        .header("x-amz-date", "20261123T000000Z")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .body(json!({ "TableName": "usage" }).to_string())
}

#[tokio::test]
async fn what_is_not_hit_goes_through_as_it_came() {
    let (behind, seen) = endpoint().await;
    let injector = injector();
    let url = Url::parse(&behind.url()).unwrap();
    let proxy = reverse::start(injector.clone(), "dynamodb", (HERE, &url), None).await.unwrap();
    let answer = call(&proxy.url()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"TableName":"usage"}"#);
    let headers = seen.lock().unwrap().pop().unwrap();
    assert_eq!(headers["host"], proxy.address().to_string().as_str(), "it is signed");
    assert!(headers["authorization"].to_str().unwrap().contains("CALLER"));

    injector.add(vec![rule(json!({ "name": "e", "do": "error InternalServerError" }))]).unwrap();
    assert_eq!(call(&proxy.url()).send().await.unwrap().status(), 500);
    injector.end(|_| true);
    injector.add(vec![rule(json!({ "name": "l", "do": "lose-reply" }))]).unwrap();
    call(&proxy.url()).send().await.unwrap_err();
    assert_eq!(seen.lock().unwrap().len(), 1, "the lost reply had its effect, the error had none");
    injector.end(|_| true);
    injector.add(vec![rule(json!({ "name": "t", "do": "truncate 0.5" }))]).unwrap();
    let cut = call(&proxy.url()).send().await.unwrap();
    assert_eq!(cut.content_length(), Some(21));
    cut.bytes().await.unwrap_err();
    proxy.stop().await;
    behind.stop().await;
}

#[tokio::test]
async fn with_credentials_of_its_own_it_signs_again() {
    let (behind, seen) = endpoint().await;
    let url = Url::parse(&behind.url()).unwrap();
    let signing = Signing {
        credentials: Credentials::from_keys("OWNKEY", "secret", Some("session".to_owned())),
        region: "us-east-1".to_owned(),
    };
    let proxy = reverse::start(injector(), "dynamodb", (HERE, &url), Some(signing)).await.unwrap();
    let answer = call(&proxy.url()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = seen.lock().unwrap().pop().unwrap();
    assert_eq!(headers["host"], behind.address().to_string().as_str());
    let authorization = headers["authorization"].to_str().unwrap();
    assert!(authorization.contains("Credential=OWNKEY/"), "{authorization}");
    assert!(authorization.contains("/us-east-1/dynamodb/aws4_request"), "{authorization}");
    assert_eq!(headers["x-amz-security-token"], "session");
    assert_ne!(headers["x-amz-date"], "20261123T000000Z");
    proxy.stop().await;
    behind.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_is_told() {
    for (service, url, says) in [
        ("dynamo", "http://127.0.0.1:1", "did you mean `dynamodb`?"),
        ("dynamodb", "ftp://127.0.0.1/", "expected http://"),
    ] {
        let url = Url::parse(url).unwrap();
        let told = reverse::start(injector(), service, (HERE, &url), None).await.unwrap_err();
        assert!(told.to_string().contains(says), "{told}");
    }
    let (behind, _) = endpoint().await;
    let url = Url::parse(&behind.url()).unwrap();
    let taken = reverse::start(injector(), "dynamodb", (behind.address(), &url), None).await;
    assert!(taken.unwrap_err().to_string().contains(&behind.address().to_string()));
    // Nobody listens: the caller's connection closes, nothing hangs.
    let nobody = Url::parse("http://127.0.0.1:9").unwrap();
    let proxy = reverse::start(injector(), "dynamodb", (HERE, &nobody), None).await.unwrap();
    call(&proxy.url()).send().await.unwrap_err();
}
