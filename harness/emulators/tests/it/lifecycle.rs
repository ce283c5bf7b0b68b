//! Starting, stopping, counting: bounds on time, ports released, nothing beyond loopback.
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use emulators::{LatencyModel, Options, S3Backing, StartError};
use tokio::net::TcpStream;

use crate::stage::{Stage, stopwatch, template};

fn addresses(stage: &Stage) -> Vec<String> {
    let emulators = &stage.emulators;
    let urls = emulators.endpoints().values().map(String::as_str).chain([emulators.admin_url()]);
    urls.map(|url| url.strip_prefix("http://").unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_and_stops_within_their_bounds() {
    let elapsed = stopwatch();
    let stage = Stage::start().await;
    let started = elapsed();
    let addresses = addresses(&stage);
    assert_eq!(addresses.len(), 11);
    assert!(addresses.iter().all(|address| address.starts_with("127.0.0.1:")));
    // A keep-alive connection that is idle, and one whose request never ends.
    stage.dynamodb().list_tables().send().await.unwrap();
    let mut stuck = TcpStream::connect(&addresses[0]).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stuck, head).await.unwrap();
    let elapsed = stopwatch();
    stage.emulators.stop().await;
    let stopped = elapsed();
    println!("start {started:?}, stop with a stuck request {stopped:?}");
    for address in addresses {
        assert!(TcpStream::connect(&address).await.is_err(), "{address} still listens");
    }
    assert!(stopped < Duration::from_millis(600), "{stopped:?}");
    assert!(started < Duration::from_secs(3), "{started:?}");
}

#[tokio::test]
async fn two_starts_share_ids_by_seed_and_nothing_else() {
    let (first, second) = (Stage::start().await, Stage::start().await);
    let (left, right) = (first.emulators.resources(), second.emulators.resources());
    assert_eq!(left.user_pool_id, right.user_pool_id);
    assert_eq!(left.knowledge_base_id, right.knowledge_base_id);
    assert_ne!(left.jwks_url, right.jwks_url);
    assert_ne!(first.emulators.backend_credentials(), second.emulators.backend_credentials());
    let stranger = second.emulators.backend_credentials();
    let refused = first.dynamodb_as(stranger).list_tables().send().await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_template_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = |template| Options {
        region: "eu-west-1".to_owned(),
        account_id: "123456789012".to_owned(),
        seed: 1,
        s3: S3Backing::Memory,
        external: None,
        clock_file: None,
        template,
        model_latency: LatencyModel::zero(),
        transcription_time: emulators::TranscriptionTime::zero(),
        hmac_secret: "x".to_owned(),
        fault_ledger: None,
    };
    let absent = folder.path().join("absent.yaml");
    let error = emulators::start(options(absent.clone())).await.unwrap_err();
    assert!(matches!(error, StartError::Template { .. }));
    assert!(error.to_string().contains(absent.to_str().unwrap()));
    let broken = folder.path().join("broken.yaml");
    let text = std::fs::read_to_string(template()).unwrap().replace("HASH", "HUSH");
    std::fs::write(&broken, text).unwrap();
    let error = emulators::start(options(broken)).await.unwrap_err();
    assert!(matches!(error, StartError::Tables(_)), "{error:?}");
}

#[tokio::test]
async fn every_service_counts_its_requests() {
    let stage = Stage::start().await;
    let client = stage.dynamodb();
    client.list_tables().send().await.unwrap();
    client.describe_table().table_name("absent").send().await.unwrap_err();
    stage.s3().list_buckets().send().await.unwrap();
    let stats = stage.stats().await;
    let dynamodb = &stats["services"]["dynamodb"];
    assert_eq!((&dynamodb["requests"], &dynamodb["errors"]), (&2.into(), &1.into()));
    assert_eq!((&dynamodb["faults"], &dynamodb["in_flight"]), (&0.into(), &0.into()));
    assert!(dynamodb["service_time_us"]["max"].as_u64().unwrap() > 0);
    assert_eq!(stats["services"]["s3"]["requests"], 1);
    assert_eq!(stats["services"].as_object().unwrap().len(), 10);
    assert!(stats["process"]["rss_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn requests_without_trace_or_user_are_counted() {
    let stage = Stage::start().await;
    let (tables, objects) = (stage.dynamodb(), stage.s3());
    let (secrets, cognito) = (stage.secrets(), stage.cognito());
    tables.list_tables().send().await.unwrap();
    objects.list_buckets().send().await.unwrap();
    secrets.get_secret_value().secret_id("absent").send().await.unwrap_err();
    cognito.admin_get_user().user_pool_id("eu-west-1_x").username("x").send().await.unwrap_err();
    for name in ["traceparent", "x-manuel-user"] {
        // The other header has no value: as good as none.
        let other = if name == "traceparent" { "x-manuel-user" } else { "traceparent" };
        let mark = move |request: &mut aws_sdk_dynamodb::config::http::HttpRequest| {
            request.headers_mut().insert(name, "value");
            request.headers_mut().insert(other, "");
        };
        tables.list_tables().customize().mutate_request(mark).send().await.unwrap();
        objects.list_buckets().customize().mutate_request(mark).send().await.unwrap();
    }
    // A page is no call.
    stage.http.get(&stage.emulators.resources().jwks_url).send().await.unwrap();
    let stats = stage.stats().await;
    for (service, requests, without) in
        [("dynamodb", 3, 2), ("s3", 3, 2), ("secretsmanager", 1, 1), ("cognito-idp", 2, 1)]
    {
        let counted = &stats["services"][service];
        let found = ["requests", "without_traceparent", "without_user"]
            .map(|name| counted[name].as_u64().unwrap());
        assert_eq!(found, [requests, without, without], "{service}");
    }
    assert!(stats["services"]["s3"]["unfiltered_retrieves"].is_null());
    assert_eq!(stats["services"]["bedrock-agent-runtime"]["unfiltered_retrieves"], 0);
}

/// Not a benchmark: it prints what one request costs here, and fails only far beyond that.
#[tokio::test(flavor = "multi_thread")]
async fn updates_per_second() {
    const REQUESTS: usize = 2000;
    let stage = Stage::start().await;
    let (client, table) = (stage.dynamodb(), stage.table("UsageTable"));
    let key = |index: usize| AttributeValue::S(index.to_string());
    let update = |index: usize| {
        client
            .update_item()
            .table_name(&table)
            .key("pk", key(index % 100))
            .key("sk", key(0))
            .update_expression("ADD used :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
    };
    let elapsed = stopwatch();
    let updates = futures::stream::iter((0..REQUESTS).map(update));
    let mut updates = futures::StreamExt::buffer_unordered(updates, 32);
    while let Some(done) = futures::StreamExt::next(&mut updates).await {
        done.unwrap();
    }
    let took = elapsed();
    let stats = stage.stats().await;
    println!("{REQUESTS} updates in {took:?}; {}", stats["services"]["dynamodb"]);
    assert!(took < Duration::from_mins(1), "{took:?}");
}
