//! Outages: applied to what matches, in the service's own shape, and never for longer than leased.
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, stopwatch};

fn outage(service: &str, error: &str, status: u16) -> Value {
    json!({"service": service, "error": error, "status": status, "message": "out", "ttl_ms": 15_000})
}

async fn begin(stage: &Stage, outage: Value) -> String {
    let (status, body) = stage.admin(Method::PUT, "/outages", Some(outage)).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn dynamodb_is_out_for_one_operation_until_the_outage_ends() {
    let stage = Stage::start().await;
    let client = stage.dynamodb();
    let mut rule = outage("dynamodb", "InternalServerError", 500);
    rule["operation"] = "Scan".into();
    let id = begin(&stage, rule).await;
    let table = stage.table("UsageTable");
    let scan = || client.scan().table_name(&table).send();
    let error = scan().await.unwrap_err();
    let response = error.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 500);
    let body = response.body().bytes().unwrap();
    let crc = response.headers().get("x-amz-crc32").unwrap();
    assert_eq!(crc, crc32fast::hash(body).to_string());
    let expected =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"out"}"#;
    assert_eq!(std::str::from_utf8(body).unwrap(), expected);
    assert!(error.into_service_error().is_internal_server_error());
    client.describe_table().table_name(&table).send().await.unwrap();

    let (_, listed) = stage.admin(Method::GET, "/outages", None).await;
    assert_eq!((&listed[0]["id"], &listed[0]["hits"]), (&json!(id), &json!(1)));
    assert_eq!(stage.admin(Method::DELETE, &format!("/outages/{id}"), None).await.0, 200);
    scan().await.unwrap();
    assert_eq!(stage.admin(Method::DELETE, &format!("/outages/{id}"), None).await.0, 404);
}

#[tokio::test]
async fn a_lease_ends_by_itself_and_renewal_prolongs_it() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    let mut rule = outage("s3", "SlowDown", 503);
    rule["ttl_ms"] = 200.into();
    let id = begin(&stage, rule).await;
    let path = format!("/outages/{id}");
    let renewed = stage.admin(Method::PUT, &path, Some(json!({"ttl_ms": 400}))).await;
    assert_eq!(renewed.0, 200);
    let elapsed = stopwatch();
    let error = client.list_objects_v2().bucket(&bucket).send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 503);
    assert_eq!(error.into_service_error().code(), Some("SlowDown"));
    let ended = tokio::time::timeout(PATIENCE, async {
        while client.list_objects_v2().bucket(&bucket).send().await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    ended.await.unwrap();
    let lasted = elapsed();
    assert!(lasted > Duration::from_millis(250), "{lasted:?}");
    assert_eq!(stage.admin(Method::PUT, &path, None).await.0, 404);
}

#[tokio::test]
async fn the_page_of_the_pools_keys_is_out_by_its_files_name() {
    let stage = Stage::start().await;
    let url = stage.emulators.resources().jwks_url.clone();
    let status = async || reqwest::get(&url).await.unwrap().status().as_u16();
    let mut other = outage("cognito-idp", "InternalErrorException", 500);
    other["operation"] = "InitiateAuth".into();
    begin(&stage, other).await;
    assert_eq!(status().await, 200);
    let mut rule = outage("cognito-idp", "InternalErrorException", 503);
    rule["operation"] = "jwks.json".into();
    let id = begin(&stage, rule).await;
    assert_eq!(status().await, 503);
    stage.admin(Method::DELETE, &format!("/outages/{id}"), None).await;
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn an_outage_for_one_user_meets_that_user_only() {
    let stage = Stage::start().await;
    let mut rule = outage("bedrock-agent", "ThrottlingException", 429);
    rule["user"] = "u1".into();
    begin(&stage, rule).await;
    let config = stage.config("bedrock-agent", stage.emulators.backend_credentials());
    let client = aws_sdk_bedrockagent::Client::new(&config);
    let resources = stage.emulators.resources();
    let request = || {
        client
            .list_ingestion_jobs()
            .knowledge_base_id(&resources.knowledge_base_id)
            .data_source_id(&resources.data_source_id)
            .customize()
    };
    let hit = request().mutate_request(|request| {
        request.headers_mut().insert("x-manuel-user", "u1");
    });
    let error = hit.send().await.unwrap_err();
    let kind = error.raw_response().unwrap().headers().get("x-amzn-errortype").unwrap();
    assert!(kind.starts_with("ThrottlingException:"), "{kind}");
    assert!(error.into_service_error().is_throttling_exception());
    let other = request().mutate_request(|request| {
        request.headers_mut().insert("x-manuel-user", "u2");
    });
    let other = other.send().await;
    let throttled = other.is_err_and(|error| error.into_service_error().is_throttling_exception());
    assert!(!throttled);
}

#[tokio::test]
async fn bad_input_names_the_field() {
    let stage = Stage::start().await;
    for (field, value) in [
        ("service", json!("kinesis")),
        ("status", json!("500")),
        ("ttl_ms", json!(60_000)),
        ("error", json!("")),
        ("surprise", json!(1)),
    ] {
        let mut rule = outage("s3", "SlowDown", 503);
        rule[field] = value;
        let (status, body) = stage.admin(Method::PUT, "/outages", Some(rule)).await;
        assert_eq!((status, &body["field"]), (400, &json!(field)), "{body}");
    }
    assert_eq!(stage.admin(Method::GET, "/nothing", None).await.0, 404);
}
