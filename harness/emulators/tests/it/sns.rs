//! SNS: publishing over the query protocol, its limits and its XML errors.
use aws_sdk_sns::error::ProvideErrorMetadata as _;
use aws_sdk_sns::types::MessageAttributeValue;
use reqwest::Method;
use serde_json::json;

use crate::stage::Stage;

fn topic(stage: &Stage) -> String {
    stage.emulators.resources().topics["AlertsTopic"].clone()
}

#[tokio::test]
async fn what_is_published_is_listed() {
    let stage = Stage::start().await;
    let (client, arn) = (stage.sns(), topic(&stage));
    assert_eq!(arn, "arn:aws:sns:eu-west-1:123456789012:manuel-local-alerts");
    let kind = MessageAttributeValue::builder().data_type("String").string_value("critical");
    let published = client
        .publish()
        .topic_arn(&arn)
        .subject("Störung & mehr")
        .message("a=b&c <d> \u{1f600}\n")
        .message_attributes("severity", kind.build().unwrap())
        .send()
        .await
        .unwrap();
    let (_, topics) = stage.admin(Method::GET, "/topics", None).await;
    assert_eq!((&topics[0]["arn"], &topics[0]["count"]), (&json!(arn), &json!(1)));
    let held = &topics[0]["published"][0];
    assert_eq!(held["message_id"], json!(published.message_id()));
    assert_eq!(held["subject"], "Störung & mehr");
    assert_eq!(held["message"], "a=b&c <d> \u{1f600}\n");
    assert_eq!(held["attributes"]["severity"]["StringValue"], "critical");
    let attributes = client.get_topic_attributes().topic_arn(&arn).send().await.unwrap();
    assert_eq!(attributes.attributes().unwrap()["TopicArn"], arn);
}

#[tokio::test]
async fn limits_and_unknown_topics() {
    let stage = Stage::start().await;
    let (client, arn) = (stage.sns(), topic(&stage));
    let absent =
        client.publish().topic_arn(format!("{arn}x")).message("m").send().await.unwrap_err();
    let response = absent.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 404);
    assert_eq!(response.headers().get("content-type"), Some("text/xml"));
    let xml = std::str::from_utf8(response.body().bytes().unwrap()).unwrap();
    assert!(
        xml.starts_with("<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message>"),
        "{xml}"
    );
    assert!(absent.into_service_error().is_not_found_exception());

    let publish = || client.publish().topic_arn(&arn).message("m");
    let long = "x".repeat(256 * 1024 + 1);
    for (refused, what) in [
        (publish().subject("x".repeat(101)), "Subject"),
        (publish().subject("two\nlines"), "Subject"),
        (publish().subject("bell\u{7}"), "Subject"),
        (publish().message(""), "Empty message"),
        (publish().message(long), "Message too long"),
        (publish().message_structure("json"), "failed to parse"),
        (publish().message_structure("json").message("{}"), "No default entry"),
        (publish().topic_arn("no-arn"), "An ARN must have at least 6 elements, not 1"),
    ] {
        let error = refused.send().await.unwrap_err().into_service_error();
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
        assert!(error.message().unwrap().contains(what), "{error:?}");
    }
    publish().subject("x".repeat(100)).message("x".repeat(256 * 1024)).send().await.unwrap();
    let (_, topics) = stage.admin(Method::GET, "/topics", None).await;
    assert_eq!(topics[0]["count"], 1);
}

#[tokio::test]
async fn refusals_and_outages_are_xml_too() {
    let stage = Stage::start().await;
    let arn = topic(&stage);
    let wrong = ("AKIANOBODY".to_owned(), "secret".to_owned());
    let wrong = aws_sdk_sns::Client::new(&stage.config("sns", wrong));
    let error = wrong.publish().topic_arn(&arn).message("m").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    assert_eq!(error.into_service_error().code(), Some("InvalidClientTokenId"));
    let (id, _) = stage.emulators.backend_credentials();
    let forged = stage.config("sns", (id, "other".to_owned()));
    let forged =
        aws_sdk_sns::Client::new(&forged).publish().topic_arn(&arn).message("m").send().await;
    assert_eq!(forged.unwrap_err().into_service_error().code(), Some("SignatureDoesNotMatch"));

    let rule = json!({"service": "sns", "error": "InternalError", "status": 500, "message": "out",
        "ttl_ms": 15_000, "operation": "Publish"});
    assert_eq!(stage.admin(Method::PUT, "/outages", Some(rule)).await.0, 201);
    let out = stage.sns().publish().topic_arn(&arn).message("m").send().await.unwrap_err();
    assert!(out.into_service_error().is_internal_error_exception());

    let unsigned = stage.http.post(stage.url("sns")).body("Action=Publish&Version=2010-03-31");
    let unsigned = unsigned.send().await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 403);
    assert!(unsigned.text().await.unwrap().contains("<Code>MissingAuthenticationToken</Code>"));
    let old = stage.http.post(stage.url("sns")).body("Action=Publish&Version=2000-01-01");
    let old = old.send().await.unwrap();
    assert_eq!(old.status().as_u16(), 400);
    assert!(old.text().await.unwrap().contains("<Code>InvalidAction</Code>"));
}
