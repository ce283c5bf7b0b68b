//! Presigned URLs, whose expiry follows the test clock in both directions.
use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;

use crate::stage::{Stage, wall};

fn quarter_hour(start: SystemTime) -> PresigningConfig {
    PresigningConfig::builder()
        .start_time(start)
        .expires_in(Duration::from_mins(15))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_presigned_put_and_get_work_until_they_expire() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    let now = wall();
    let put = client.put_object().bucket(&bucket).key("a b").content_length(5);
    let put = put.presigned(quarter_hour(now)).await.unwrap();
    let mut upload = stage.http.put(put.uri()).body("hello");
    for (name, value) in put.headers() {
        upload = upload.header(name, value);
    }
    let uploaded = upload.send().await.unwrap();
    assert_eq!(uploaded.status(), 200, "{:?}", uploaded.text().await);
    let get = client.get_object().bucket(&bucket).key("a b").response_content_type("text/plain");
    let get = get.presigned(quarter_hour(now)).await.unwrap();
    let fetched = stage.http.get(get.uri()).send().await.unwrap();
    assert_eq!(fetched.headers()["content-type"], "text/plain");
    assert_eq!(fetched.text().await.unwrap(), "hello");
    let forged = get.uri().replace("a%20b", "c");
    assert_eq!(stage.http.get(forged).send().await.unwrap().status(), 403);

    stage.move_clock(16 * 60 * 1000).await;
    let expired = stage.http.get(get.uri()).send().await.unwrap();
    assert_eq!(expired.status(), 403);
    assert!(expired.text().await.unwrap().contains("Request has expired"));
}

#[tokio::test]
async fn a_url_of_the_test_clocks_past_is_good_by_the_test_clock() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    let put = client.put_object().bucket(&bucket).key("a").body(ByteStream::from_static(b"x"));
    put.send().await.unwrap();
    stage.move_clock(-3600 * 1000).await;
    let start = wall() - Duration::from_hours(1);
    let get = client.get_object().bucket(&bucket).key("a").presigned(quarter_hour(start));
    let get = get.await.unwrap();
    let fetched = stage.http.get(get.uri()).send().await.unwrap();
    assert_eq!(fetched.status(), 200, "{:?}", fetched.text().await);
    let forged = get.uri().replace("X-Amz-Expires=900", "X-Amz-Expires=901");
    let refused = stage.http.get(forged).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("SignatureDoesNotMatch"));
    stage.move_clock(0).await;
    assert_eq!(stage.http.get(get.uri()).send().await.unwrap().status(), 403);
}
