//! S3: the probes that an emulator must pass, and what only the in-memory store can do.
mod multipart;
mod presigned;

use std::fmt::Debug;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, Delete, MetadataDirective, ObjectIdentifier, Tag, Tagging,
};

use crate::stage::Stage;

fn code<E: ProvideErrorMetadata + Debug, R: Debug>(
    result: Result<impl Debug, SdkError<E, R>>,
) -> String {
    let error = result.unwrap_err();
    let service = error.as_service_error().unwrap_or_else(|| panic!("{error:?}"));
    service.code().unwrap_or_default().to_owned()
}

async fn put(client: &Client, bucket: &str, key: &str, body: &'static [u8]) {
    let request = client.put_object().bucket(bucket).key(key);
    request.body(ByteStream::from_static(body)).send().await.unwrap();
}

async fn read(client: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let object = client.get_object().bucket(bucket).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

/// What both backings must do.
async fn probe(stage: &Stage) {
    let (client, bucket) = (stage.s3(), stage.bucket());
    let stored = client
        .put_object()
        .bucket(&bucket)
        .key("dir/a b+c%.txt")
        .body(ByteStream::from_static(b"hello"))
        .content_type("text/plain")
        .metadata("user", "ann")
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap();
    assert_eq!(stored.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let digest = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    assert_eq!(stored.checksum_sha256(), Some(digest));
    let head = client.head_object().bucket(&bucket).key("dir/a b+c%.txt");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(head.metadata().unwrap()["user"], "ann");
    assert_eq!(head.checksum_sha256(), Some(digest));
    assert_eq!(read(&client, &bucket, "dir/a b+c%.txt").await, b"hello");
    let ranged = client.get_object().bucket(&bucket).key("dir/a b+c%.txt").range("bytes=1-3");
    let ranged = ranged.send().await.unwrap();
    assert_eq!(ranged.content_range(), Some("bytes 1-3/5"));
    assert_eq!(ranged.body.collect().await.unwrap().to_vec(), b"ell");
    // A body from a file is streamed: `aws-chunked` with the checksum in a trailer.
    let large = vec![7; 200_000];
    let file = stage.file(&large);
    let streamed = client.put_object().bucket(&bucket).key("streamed");
    let streamed = streamed
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .body(ByteStream::from_path(file).await.unwrap());
    assert!(streamed.send().await.unwrap().checksum_sha256().is_some());
    assert_eq!(read(&client, &bucket, "streamed").await, large);
    let again = client.put_object().bucket(&bucket).key("dir/a b+c%.txt").if_none_match("*");
    let again = again.body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(code(again), "PreconditionFailed");
    assert_eq!(code(client.get_object().bucket(&bucket).key("absent").send().await), "NoSuchKey");
    assert_eq!(code(client.list_objects_v2().bucket("absent-bucket").send().await), "NoSuchBucket");
    for key in ["dir/b", "dir/c", "other"] {
        put(&client, &bucket, key, b"x").await;
    }
    let listed = client.list_objects_v2().bucket(&bucket).prefix("dir/").send().await.unwrap();
    let keys: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["dir/a b+c%.txt", "dir/b", "dir/c"]);
    let rolled = client.list_objects_v2().bucket(&bucket).delimiter("/").send().await.unwrap();
    assert_eq!(rolled.common_prefixes()[0].prefix(), Some("dir/"));
    let identifiers = ["dir/b", "dir/c", "absent"]
        .map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(identifiers.into())).build().unwrap();
    let deleted = client.delete_objects().bucket(&bucket).delete(delete).send().await.unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (3, 0));
    client.delete_object().bucket(&bucket).key("absent").send().await.unwrap();
}

#[tokio::test]
async fn the_probes_pass_in_memory() {
    probe(&Stage::start().await).await;
}

#[tokio::test]
async fn the_probes_pass_in_a_folder() {
    probe(&Stage::start_in_folder().await).await;
}

#[tokio::test]
async fn a_key_and_keys_below_it_live_together() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    put(&client, &bucket, "a", b"file").await;
    put(&client, &bucket, "a/b", b"below").await;
    put(&client, &bucket, "a/", b"").await;
    assert_eq!(read(&client, &bucket, "a").await, b"file");
    assert_eq!(read(&client, &bucket, "a/b").await, b"below");
    let listed = client.list_objects_v2().bucket(&bucket).send().await.unwrap();
    assert_eq!(listed.key_count(), Some(3));
}

#[tokio::test]
async fn pages_go_on_where_they_stopped() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    for index in 0..7 {
        put(&client, &bucket, &format!("k{index}"), b"x").await;
    }
    let mut pages = client.list_objects_v2().bucket(&bucket).max_keys(3).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().contents().len());
    }
    assert_eq!(sizes, [3, 3, 1]);
    let after = client.list_objects_v2().bucket(&bucket).start_after("k4").send().await.unwrap();
    assert_eq!(after.key_count(), Some(2));
}

#[tokio::test]
async fn copies_keep_or_replace_what_an_object_has() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    let put = client.put_object().bucket(&bucket).key("a").metadata("k", "1").tagging("t=1");
    put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    let copy = || client.copy_object().bucket(&bucket).copy_source(format!("{bucket}/a"));
    copy().key("b").send().await.unwrap();
    let head = client.head_object().bucket(&bucket).key("b").send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["k"], "1");
    let replaced = copy().key("c").metadata_directive(MetadataDirective::Replace);
    replaced.metadata("k", "2").send().await.unwrap();
    let head = client.head_object().bucket(&bucket).key("c").send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["k"], "2");
    let tags = client.get_object_tagging().bucket(&bucket).key("c").send().await.unwrap();
    assert_eq!(tags.tag_set()[0].key(), "t");
    assert_eq!(code(copy().key("a").send().await), "InvalidRequest");
    assert_eq!(
        code(copy().key("d").copy_source_if_match("\"no\"").send().await),
        "PreconditionFailed"
    );
}

#[tokio::test]
async fn tags_are_limited() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    put(&client, &bucket, "a", b"x").await;
    let tag = |key: String| Tag::builder().key(key).value("v").build().unwrap();
    let tagging = |count: usize| {
        let tags = (0..count).map(|index| tag(format!("k{index}"))).collect();
        Tagging::builder().set_tag_set(Some(tags)).build().unwrap()
    };
    let set =
        |tagging| client.put_object_tagging().bucket(&bucket).key("a").tagging(tagging).send();
    set(tagging(10)).await.unwrap();
    assert_eq!(code(set(tagging(11)).await), "BadRequest");
    let twice = Tagging::builder().tag_set(tag("k".into())).tag_set(tag("k".into()));
    assert_eq!(code(set(twice.build().unwrap()).await), "InvalidTag");
    let tags = client.get_object_tagging().bucket(&bucket).key("a").send().await.unwrap();
    assert_eq!(tags.tag_set().len(), 10);
    client.delete_object_tagging().bucket(&bucket).key("a").send().await.unwrap();
    let tags = client.get_object_tagging().bucket(&bucket).key("a").send().await.unwrap();
    assert!(tags.tag_set().is_empty());
}

#[tokio::test]
async fn what_does_not_match_its_digest_or_the_limits_is_refused() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    let put = |key: &str| {
        let body = ByteStream::from_static(b"hello");
        client.put_object().bucket(&bucket).key(key).body(body)
    };
    let md5 = put("a").content_md5("AAAAAAAAAAAAAAAAAAAAAA==").send().await;
    assert_eq!(code(md5), "BadDigest");
    let crc = put("a").checksum_crc32("AAAAAA==").send().await;
    assert_eq!(code(crc), "BadDigest");
    assert_eq!(code(put(&"k".repeat(1025)).send().await), "KeyTooLongError");
    put(&"k".repeat(1024)).send().await.unwrap();
    let metadata = put("a").metadata("k", "v".repeat(2048)).send().await;
    assert_eq!(code(metadata), "MetadataTooLarge");
    let beyond = client.get_object().bucket(&bucket).key("k".repeat(1024)).range("bytes=9-");
    assert_eq!(code(beyond.send().await), "InvalidRange");
    assert_eq!(code(client.get_object().bucket(&bucket).key("a").send().await), "NoSuchKey");
}

#[tokio::test]
async fn reads_are_conditional() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    put(&client, &bucket, "a", b"hello").await;
    let get = || client.get_object().bucket(&bucket).key("a");
    let same = get().if_none_match("\"5d41402abc4b2a76b9719d911017c592\"").send().await;
    assert_eq!(same.unwrap_err().raw_response().unwrap().status().as_u16(), 304);
    assert_eq!(code(get().if_match("\"other\"").send().await), "PreconditionFailed");
    let put = client.put_object().bucket(&bucket).key("a").body(ByteStream::from_static(b"x"));
    assert_eq!(code(put.if_match("\"other\"").send().await), "PreconditionFailed");
}
