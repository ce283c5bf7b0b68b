//! The official SDK decodes every error of the catalogue to its type, and tries as often as the catalogue says.
//!
//! A loop over the catalogue: a new pair that no call below can provoke fails here, by name.
mod calls;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::Response;
use injector::catalogue::{Catalogue, ErrorShape, InStream, Service};
use injector::serve::{self, Serving};
use injector::{identify, wire};
use time::OffsetDateTime;

use calls::{Told, call};

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What the server says, in turn; the last for ever.
type Answer = Arc<dyn Fn(&wire::Context<'_>) -> Response<Bytes> + Send + Sync>;

/// A server that answers every call of `service` by `answer`, `skew_s` seconds off, and counts.
async fn refusing(service: &Service, answer: Answer, skew_s: i64) -> (Serving, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let (counted, service) = (Arc::clone(&calls), Arc::new(service.clone()));
    let answering = serve::answering(move |request: http::Request<hyper::body::Incoming>| {
        let (counted, service, answer) =
            (Arc::clone(&counted), Arc::clone(&service), Arc::clone(&answer));
        async move {
            use http_body_util::BodyExt as _;
            counted.fetch_add(1, Ordering::SeqCst);
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let target = identify::target(&service, &parts, &body).unwrap();
            answer(&wire::Context {
                service: &service,
                protocol: wire::caller_protocol(&service, &parts.headers),
                operation: &target.operation,
                resource: target.resource.as_deref(),
                request_id: "2c9e9c2e-6f9a-4cf5-a4a2-8c9d3d7a9d10",
                date: OffsetDateTime::now_utc() + time::Duration::seconds(skew_s),
                method: &parts.method,
            })
        }
    });
    (serve::serve(HERE, answering).await.unwrap(), calls)
}

async fn provoke(
    service: &Service,
    operation: &str,
    shape: &ErrorShape,
    skew_s: i64,
) -> (Told, u32) {
    let told = shape.clone();
    let (server, calls) =
        refusing(service, Arc::new(move |context| wire::error(&told, context)), skew_s).await;
    let told = call(&service.name, operation, &server.url()).await;
    let tried = calls.load(Ordering::SeqCst);
    server.stop().await;
    (told, tried)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pair_is_decoded_and_tried_as_often_as_it_says() {
    let catalogue = Catalogue::builtin().unwrap();
    let (mut lines, mut wrong, mut right) = (Vec::new(), Vec::new(), 0);
    let initial = |service: &Service| {
        let of = |error: &&ErrorShape| error.stream != InStream::Only;
        service.errors().filter(of).cloned().collect::<VecDeque<_>>()
    };
    for service in catalogue.services() {
        for shape in initial(service) {
            let operation = service.operation_for(&shape);
            let (told, tried) = provoke(service, operation, &shape, 0).await;
            let code = shape.query_code.as_ref().unwrap_or(&shape.code);
            let holds = told.code.as_deref() == Some(code)
                && told.typed == shape.modeled
                && told.status == Some(shape.status)
                && tried == shape.attempts;
            let line = format!(
                "{:22} {:24} {:40} {} {:7} {tried}/{} {}",
                service.name,
                operation,
                shape.code,
                shape.status,
                if told.typed { "typed" } else { "by code" },
                shape.attempts,
                if holds { "ok" } else { "WRONG" },
            );
            if holds {
                right += 1;
            } else {
                wrong.push(format!("{line}\n    told {told:?}"));
            }
            lines.push(line);
        }
    }
    println!("{}\n{right} of {} pairs decoded, attempts as listed", lines.join("\n"), lines.len());
    assert!(lines.len() >= 65, "{}", lines.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_wrong_date_makes_a_denial_worth_a_retry() {
    let catalogue = Catalogue::builtin().unwrap();
    for (service, operation, code) in [
        ("dynamodb", "UpdateItem", "AccessDeniedException"),
        ("bedrock-runtime", "Converse", "AccessDeniedException"),
        ("s3", "PutObject", "RequestTimeTooSkewed"),
        ("s3", "PutObject", "SignatureDoesNotMatch"),
    ] {
        let service = catalogue.service(service).unwrap();
        let shape = service.error(code).unwrap();
        let right = provoke(service, operation, shape, 0).await.1;
        let wrong = provoke(service, operation, shape, 600).await.1;
        assert_eq!((right, wrong), (1, 3), "{} {code}", service.name);
    }
}

#[tokio::test]
async fn a_copy_that_fails_after_200_is_a_failure() {
    let catalogue = Catalogue::builtin().unwrap();
    let service = catalogue.service("s3").unwrap();
    let shape = service.error("InternalError").unwrap().clone();
    let (server, calls) =
        refusing(service, Arc::new(move |context| wire::ok_with_error(&shape, context)), 0).await;
    let told = call("s3", "CopyObject", &server.url()).await;
    assert_eq!(told.code.as_deref(), Some("InternalError"));
    assert_eq!((told.status, calls.load(Ordering::SeqCst)), (Some(200), 3));
}

#[tokio::test]
async fn a_head_has_no_body() {
    let catalogue = Catalogue::builtin().unwrap();
    let service = catalogue.service("s3").unwrap();
    for (code, attempts) in [("SlowDown", 3), ("AccessDenied", 1)] {
        let shape = service.error(code).unwrap();
        let (told, tried) = provoke(service, "HeadObject", shape, 0).await;
        assert_eq!((told.status, tried), (Some(shape.status), attempts), "{told:?}");
    }
}

#[tokio::test]
async fn an_exception_in_a_stream_is_decoded() {
    let catalogue = Catalogue::builtin().unwrap();
    let service = catalogue.service("bedrock-runtime").unwrap();
    let mut seen = 0;
    for shape in service.errors().filter(|error| error.stream != InStream::Never) {
        let frame = wire::stream_exception(shape);
        let answer: Answer = Arc::new(move |_| {
            Response::builder()
                .header("content-type", "application/vnd.amazon.eventstream")
                .body(frame.clone())
                .unwrap()
        });
        let (server, calls) = refusing(service, answer, 0).await;
        let told = call("bedrock-runtime", "ConverseStream", &server.url()).await;
        assert!(told.typed, "{}: {told:?}", shape.code);
        assert!(told.text.contains(&shape.code), "{told:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "a stream that has begun is never tried again");
        seen += 1;
    }
    assert_eq!(seen, 5);
}
