//! What the injector costs a call: off, with a rule for another service, with one that does not hit, with one that does.
//! Beside criterion's means, the p99 of single calls is printed.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Full;
use injector::body::RequestBody;
use injector::ledger::Ledger;
use injector::{Injector, InjectorLayer, RuleSpec};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tower::{Layer as _, Service as _, service_fn};

const CALLS: usize = 20_000;

async fn answer(
    _request: Request<RequestBody<Full<Bytes>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(Bytes::from_static(b"{}"))))
}

fn request(call: usize) -> Request<Full<Bytes>> {
    Request::post("http://127.0.0.1/")
        .header("x-amz-target", "DynamoDB_20120810.GetItem")
        .header("amz-sdk-request", "attempt=1; max=3")
        .header("x-manuel-call", "1")
        .header("traceparent", format!("00-{:032x}-00f067aa0ba902b7-01", call + 1))
        .body(Full::from(Bytes::from_static(b"{\"TableName\":\"usage\",\"Key\":{}}")))
        .unwrap()
}

fn with(rule: Option<&str>) -> Injector {
    let folder = std::env::temp_dir().join(format!("injector-bench-{}.jsonl", std::process::id()));
    let injector = Injector::new(1, Ledger::append_to(&folder).unwrap()).unwrap();
    arm(&injector, rule);
    injector
}

fn arm(injector: &Injector, rule: Option<&str>) {
    let rules = rule.map(|rule| serde_json::from_str::<RuleSpec>(rule).unwrap());
    injector.add(rules.into_iter().collect()).unwrap();
}

fn overhead(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("call");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_secs(1));
    let mut bare = service_fn(answer);
    group.bench_function("without a layer", |bench| {
        bench.to_async(&runtime).iter(|| {
            let call = bare.call(request(1).map(RequestBody::Live));
            async move { black_box(call.await.unwrap()) }
        });
    });
    for (name, rule) in [
        ("off", None),
        (
            "rule for another service",
            Some(r#"{"name":"r","on":"s3:*","do":"error SlowDown","ttl_ms":15000}"#),
        ),
        (
            "rule that does not hit",
            Some(
                r#"{"name":"r","on":"dynamodb:*","do":"error InternalServerError","when":{"rate":0},"ttl_ms":15000}"#,
            ),
        ),
        (
            "rule that hits",
            Some(
                r#"{"name":"r","on":"dynamodb:*","do":"error InternalServerError","ttl_ms":15000}"#,
            ),
        ),
    ] {
        let injector = with(rule);
        let mut service =
            InjectorLayer::new(injector.clone(), "dynamodb").layer(service_fn(answer));
        group.bench_function(name, |bench| {
            bench.to_async(&runtime).iter(|| {
                let call = service.call(request(1));
                async move { black_box(call.await.unwrap()) }
            });
        });
        // Criterion takes longer than a lease.
        injector.end(|_| true);
        arm(&injector, rule);
        let mut took: Vec<Duration> = (0..CALLS)
            .map(|call| {
                let request = request(call);
                let began = Instant::now();
                black_box(runtime.block_on(service.call(request)).unwrap());
                began.elapsed()
            })
            .collect();
        took.sort_unstable();
        println!(
            "{name}: p50 {:?}, p99 {:?} of {CALLS} calls",
            took[CALLS / 2],
            took[CALLS * 99 / 100]
        );
    }
    group.finish();
}

criterion_group!(benches, overhead);
criterion_main!(benches);
