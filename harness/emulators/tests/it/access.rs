//! Signatures and roles, on every protocol.
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;

use crate::stage::Stage;

fn wrong_secret((id, _): (String, String)) -> (String, String) {
    (id, "wrong".repeat(8))
}

fn code<E: aws_sdk_dynamodb::error::ProvideErrorMetadata>(error: &E) -> String {
    error.code().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key_are_refused_everywhere() {
    let stage = Stage::start().await;
    let backend = stage.emulators.backend_credentials();
    let table = stage.table("UsageTable");

    let wrong = stage.dynamodb_as(wrong_secret(backend.clone()));
    let error = wrong.describe_table().table_name(&table).send().await.unwrap_err();
    assert_eq!(code(&error.into_service_error()), "InvalidSignatureException");
    let unknown = stage.dynamodb_as(("AKIANOBODY".to_owned(), "x".to_owned()));
    let error = unknown.describe_table().table_name(&table).send().await.unwrap_err();
    assert_eq!(code(&error.into_service_error()), "UnrecognizedClientException");

    let wrong = stage.s3_as(wrong_secret(backend.clone()));
    let error = wrong.list_objects_v2().bucket(stage.bucket()).send().await.unwrap_err();
    assert_eq!(code(&error.into_service_error()), "SignatureDoesNotMatch");
    let unknown = stage.s3_as(("AKIANOBODY".to_owned(), "x".to_owned()));
    let error = unknown.list_objects_v2().bucket(stage.bucket()).send().await.unwrap_err();
    assert_eq!(code(&error.into_service_error()), "InvalidAccessKeyId");

    let wrong = stage.cognito_as(wrong_secret(backend.clone()));
    let pool = &stage.emulators.resources().user_pool_id;
    let error = wrong.list_users().user_pool_id(pool).send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("InvalidSignatureException"));

    let config = stage.config("bedrock-agent", wrong_secret(backend));
    let wrong = aws_sdk_bedrockagent::Client::new(&config);
    let resources = stage.emulators.resources();
    let error = wrong
        .start_ingestion_job()
        .knowledge_base_id(&resources.knowledge_base_id)
        .data_source_id(&resources.data_source_id)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    assert_eq!(code(&error.into_service_error()), "InvalidSignatureException");
}

#[tokio::test]
async fn an_unsigned_request_is_refused() {
    let stage = Stage::start().await;
    let request = stage
        .http
        .post(stage.url("dynamodb"))
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .header("content-type", "application/x-amz-json-1.0")
        .body("{}");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.headers().contains_key("x-amz-crc32"));
    let body = response.text().await.unwrap();
    assert!(
        body.contains("com.amazon.coral.service#MissingAuthenticationTokenException"),
        "{body}"
    );
    let response = stage.http.get(format!("{}/{}", stage.url("s3"), stage.bucket())).send().await;
    assert_eq!(response.unwrap().status(), 403);
}

#[tokio::test]
async fn a_signature_of_another_day_is_refused() {
    let stage = Stage::start().await;
    let table = stage.table("UsageTable");
    let fixed = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let config = aws_sdk_dynamodb::config::Builder::from(
        &stage.config("dynamodb", stage.emulators.backend_credentials()),
    )
    .time_source(aws_smithy_async::time::StaticTimeSource::new(fixed))
    .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let error = client.describe_table().table_name(table).send().await.unwrap_err();
    let error = error.into_service_error();
    assert_eq!(code(&error), "InvalidSignatureException");
    let message = aws_sdk_dynamodb::error::ProvideErrorMetadata::message(&error).unwrap();
    assert!(message.starts_with("Signature expired: 20231114T221320Z"), "{message}");
}

#[tokio::test]
async fn read_only_keys_read_the_stores_and_nothing_else() {
    let stage = Stage::start().await;
    let (table, bucket) = (stage.table("UsageTable"), stage.bucket());
    let object =
        stage.s3().put_object().bucket(&bucket).key("a").body(ByteStream::from_static(b"x"));
    object.send().await.unwrap();

    let reader = stage.dynamodb_as(stage.emulators.read_only_credentials());
    reader.scan().table_name(&table).send().await.unwrap();
    reader.describe_table().table_name(&table).send().await.unwrap();
    let item = |name: &str| (name.to_owned(), AttributeValue::S("x".to_owned()));
    let put = reader.put_item().table_name(&table).set_item(Some([item("pk"), item("sk")].into()));
    let error = put.send().await.unwrap_err().into_service_error();
    assert_eq!(code(&error), "AccessDeniedException");
    let message = aws_sdk_dynamodb::error::ProvideErrorMetadata::message(&error).unwrap();
    assert!(message.contains("not authorized to perform: dynamodb:PutItem"), "{message}");

    let reader = stage.s3_as(stage.emulators.read_only_credentials());
    reader.get_object().bucket(&bucket).key("a").send().await.unwrap();
    reader.list_objects_v2().bucket(&bucket).send().await.unwrap();
    let put = reader.put_object().bucket(&bucket).key("b").body(ByteStream::from_static(b"x"));
    assert_eq!(code(&put.send().await.unwrap_err().into_service_error()), "AccessDenied");
    let delete = reader.delete_object().bucket(&bucket).key("a").send().await;
    assert_eq!(code(&delete.unwrap_err().into_service_error()), "AccessDenied");

    let config = stage.config("transcribe", stage.emulators.read_only_credentials());
    let reader = aws_sdk_transcribe::Client::new(&config);
    reader.list_transcription_jobs().send().await.unwrap();
    let delete = reader.delete_transcription_job().transcription_job_name("a").send().await;
    assert_eq!(delete.unwrap_err().into_service_error().code(), Some("AccessDeniedException"));

    let reader = stage.cognito_as(stage.emulators.read_only_credentials());
    let pool = &stage.emulators.resources().user_pool_id;
    let error = reader.list_users().user_pool_id(pool).send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn user_admin_keys_reach_no_store() {
    let stage = Stage::start().await;
    let pair = stage.emulators.user_admin_credentials();
    let scan = stage.dynamodb_as(pair.clone()).scan().table_name(stage.table("UsageTable")).send();
    assert_eq!(code(&scan.await.unwrap_err().into_service_error()), "AccessDeniedException");
    let list = stage.s3_as(pair).list_objects_v2().bucket(stage.bucket()).send().await;
    assert_eq!(code(&list.unwrap_err().into_service_error()), "AccessDenied");
}
