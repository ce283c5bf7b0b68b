//! Presigned URLs: what is signed binds the upload, and expiry follows the test clock in both directions.
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_config::Region;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

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

#[tokio::test]
async fn whoever_puts_a_large_file_where_it_may_not_go_is_told_why() {
    let stage = Stage::start().await;
    let file = vec![b'a'; 6 * 1024 * 1024];
    let put = bound(&stage, &file).await;
    let forged = put.uri().replace("X-Amz-Expires=900", "X-Amz-Expires=901");
    let quarter = 16 * 60 * 1000;
    for (url, clock, why) in
        [(forged.as_str(), 0, "SignatureDoesNotMatch"), (put.uri(), quarter, "Request has expired")]
    {
        stage.move_clock(clock).await;
        let mut upload = stage.http.put(url).body(file.clone());
        for (name, value) in put.headers().filter(|(name, _)| *name != "content-length") {
            upload = upload.header(name, value);
        }
        let refused = upload.send().await.unwrap();
        assert_eq!(refused.status(), 403);
        let told = refused.text().await.unwrap();
        assert!(told.contains(why), "{told}");
    }
}

/// A URL as the backend gives it: type, length and SHA-256 of the body are signed.
async fn bound(stage: &Stage, body: &[u8]) -> PresignedRequest {
    let put = stage.s3().put_object().bucket(stage.bucket()).key("bound");
    let put =
        put.content_type("application/pdf").content_length(i64::try_from(body.len()).unwrap());
    let put = put.checksum_sha256(STANDARD.encode(Sha256::digest(body)));
    put.presigned(quarter_hour(wall())).await.unwrap()
}

/// Uses the URL with its own headers but those that are changed; an empty one is left out.
async fn upload(
    stage: &Stage,
    url: &PresignedRequest,
    changed: &[(&str, &str)],
    body: &[u8],
) -> (u16, String) {
    let mut headers: BTreeMap<&str, &str> = url.headers().collect();
    headers.extend(changed.iter().copied());
    let mut upload = stage.http.put(url.uri()).body(body.to_vec());
    // The client writes the length of the body that it sends.
    headers.retain(|name, value| *name != "content-length" && !value.is_empty());
    for (name, value) in headers {
        upload = upload.header(name, value);
    }
    let answer = upload.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_bound_url_takes_the_announced_body_and_no_other() {
    let stage = Stage::start().await;
    let url = bound(&stage, b"%PDF-1.7 hello").await;
    let signed = url::Url::parse(url.uri()).unwrap();
    let signed = signed.query_pairs().find(|(name, _)| name == "X-Amz-SignedHeaders").unwrap().1;
    assert_eq!(signed, "content-length;content-type;host;x-amz-checksum-sha256");

    let other = STANDARD.encode(Sha256::digest(b"%PDF-1.7 h3llo"));
    for (changed, body) in [
        (("content-type", "text/plain"), &b"%PDF-1.7 hello"[..]),
        (("content-type", ""), b"%PDF-1.7 hello"),
        (("x-amz-checksum-sha256", &other), b"%PDF-1.7 h3llo"),
        (("x-amz-checksum-sha256", ""), b"%PDF-1.7 hello"),
        (("content-type", "application/pdf"), b"%PDF-1.7 hello and more"),
    ] {
        let (status, text) = upload(&stage, &url, &[changed], body).await;
        assert_eq!(status, 403, "{changed:?} {text}");
        assert!(text.contains("<Code>SignatureDoesNotMatch</Code>"), "{changed:?} {text}");
    }
    let (status, text) = upload(&stage, &url, &[], b"%PDF-1.7 h3llo").await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("<Code>BadDigest</Code>"), "{text}");
    let unsigned = [("x-amz-meta-note", "mine")];
    let (status, text) = upload(&stage, &url, &unsigned, b"%PDF-1.7 hello").await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("headers present in the request which were not signed"), "{text}");
    let head = || stage.s3().head_object().bucket(stage.bucket()).key("bound");
    assert!(head().send().await.unwrap_err().into_service_error().is_not_found());

    let (status, text) = upload(&stage, &url, &[], b"%PDF-1.7 hello").await;
    assert_eq!(status, 200, "{text}");
    let checksum = STANDARD.encode(Sha256::digest(b"%PDF-1.7 hello"));
    let told = head().checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(told.checksum_sha256(), Some(checksum.as_str()));
    assert_eq!(told.content_type(), Some("application/pdf"));
    assert_eq!(head().send().await.unwrap().checksum_sha256(), None);
    let got = stage.s3().get_object().bucket(stage.bucket()).key("bound");
    let got = got.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(got.checksum_sha256(), Some(checksum.as_str()));

    stage.move_clock(15 * 60 * 1000 + 1000).await;
    let (status, text) = upload(&stage, &url, &[], b"%PDF-1.7 hello").await;
    assert_eq!(status, 403);
    assert!(
        text.contains("<Code>AccessDenied</Code><Message>Request has expired</Message>"),
        "{text}"
    );
}

#[tokio::test]
async fn a_hash_of_the_body_that_is_sent_along_must_be_its_own() {
    let stage = Stage::start().await;
    let put = stage.s3().put_object().bucket(stage.bucket()).key("a").content_length(5);
    let url = put.presigned(quarter_hour(wall())).await.unwrap();
    let hash = hex::encode(Sha256::digest(b"hello"));
    let wrong = upload(&stage, &url, &[("x-amz-content-sha256", &hash)], b"h3llo").await;
    assert_eq!(wrong.0, 400, "{}", wrong.1);
    assert!(wrong.1.contains("<Code>XAmzContentSHA256Mismatch</Code>"), "{}", wrong.1);
    let right = upload(&stage, &url, &[("x-amz-content-sha256", &hash)], b"hello").await;
    assert_eq!(right.0, 200, "{}", right.1);
}

#[tokio::test]
async fn urls_of_the_future_and_of_other_regions_are_refused() {
    let stage = Stage::start().await;
    let get = |start| {
        stage.s3().get_object().bucket(stage.bucket()).key("a").presigned(quarter_hour(start))
    };
    let future = get(wall() + Duration::from_mins(20)).await.unwrap();
    let refused = stage.http.get(future.uri()).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("Request is not yet valid"));
    let elsewhere = aws_sdk_s3::config::Builder::from(
        &stage.config("s3", stage.emulators.backend_credentials()),
    );
    let elsewhere = elsewhere.force_path_style(true).region(Region::new("eu-west-2")).build();
    let elsewhere = aws_sdk_s3::Client::from_conf(elsewhere);
    let get = elsewhere.get_object().bucket(stage.bucket()).key("a");
    let get = get.presigned(quarter_hour(wall())).await.unwrap();
    let refused = stage.http.get(get.uri()).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let text = refused.text().await.unwrap();
    assert!(text.contains("<Code>AuthorizationQueryParametersError</Code>"), "{text}");
}
