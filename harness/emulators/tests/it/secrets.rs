//! Secrets Manager: the preset key, versions and their labels.
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use aws_sdk_secretsmanager::primitives::Blob;

use crate::stage::Stage;

#[tokio::test]
async fn the_hmac_key_is_preset() {
    let stage = Stage::start().await;
    let client = stage.secrets();
    let id = &stage.emulators.resources().hmac_secret_id;
    let value = client.get_secret_value().secret_id(id).send().await.unwrap();
    assert_eq!(value.secret_string(), Some("the key of the test"));
    assert_eq!(value.version_stages(), ["AWSCURRENT"]);
    let by_arn = client.get_secret_value().secret_id(value.arn().unwrap()).send().await.unwrap();
    assert_eq!(by_arn.name(), Some(id.as_str()));
}

#[tokio::test]
async fn a_new_version_moves_the_labels() {
    let stage = Stage::start().await;
    let client = stage.secrets();
    let created = client.create_secret().name("a/b").secret_binary(Blob::new(b"one"));
    let created = created.send().await.unwrap();
    let token = "0123456789abcdef0123456789abcdef";
    let put = |value: &str| {
        client.put_secret_value().secret_id("a/b").client_request_token(token).secret_string(value)
    };
    put("two").send().await.unwrap();
    put("two").send().await.unwrap();
    let changed = put("three").send().await.unwrap_err().into_service_error();
    assert!(changed.is_resource_exists_exception(), "{changed:?}");
    let old = client.get_secret_value().secret_id("a/b").version_stage("AWSPREVIOUS");
    let old = old.send().await.unwrap();
    assert_eq!(old.secret_binary().unwrap().as_ref(), b"one");
    assert_eq!(old.version_id(), created.version_id());
    let described = client.describe_secret().secret_id("a/b").send().await.unwrap();
    assert_eq!(described.version_ids_to_stages().unwrap()[token], ["AWSCURRENT"]);
}

#[tokio::test]
async fn errors_are_the_services() {
    let stage = Stage::start().await;
    let client = stage.secrets();
    let absent = client.get_secret_value().secret_id("absent").send().await.unwrap_err();
    assert!(absent.into_service_error().is_resource_not_found_exception());
    let id = &stage.emulators.resources().hmac_secret_id;
    let twice = client.create_secret().name(id).secret_string("x").send().await.unwrap_err();
    assert!(twice.into_service_error().is_resource_exists_exception());
    let malformed = client.create_secret().name("a b").send().await.unwrap_err();
    let malformed = malformed.into_service_error();
    assert_eq!(malformed.code(), Some("ValidationException"));
    assert!(
        malformed
            .message()
            .unwrap()
            .starts_with("1 validation error detected: Value 'a b' at 'name'")
    );
}
