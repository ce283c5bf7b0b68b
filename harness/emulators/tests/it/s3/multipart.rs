//! Multipart uploads, with the listings that a sweep for leftovers needs.
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};

use super::code;
use crate::stage::Stage;

const MIN_PART: usize = 5 * 1024 * 1024;

async fn part(client: &Client, at: (&str, &str, &str), number: i32, size: usize) -> CompletedPart {
    let (bucket, key, upload) = at;
    let uploaded = client
        .upload_part()
        .bucket(bucket)
        .key(key)
        .upload_id(upload)
        .part_number(number)
        .body(ByteStream::from(vec![u8::try_from(number).unwrap(); size]))
        .send()
        .await
        .unwrap();
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(uploaded.e_tag().map(str::to_owned))
        .set_checksum_crc32(uploaded.checksum_crc32().map(str::to_owned))
        .build()
}

fn all(parts: Vec<CompletedPart>) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts)).build()
}

#[tokio::test]
async fn parts_are_listed_and_joined() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    let created = client.create_multipart_upload().bucket(&bucket).key("big").metadata("k", "v");
    let created = created.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.unwrap();
    let upload = created.upload_id().unwrap();
    let at = (bucket.as_str(), "big", upload);
    let second = part(&client, at, 2, 10).await;
    let first = part(&client, at, 1, MIN_PART).await;

    let uploads = client.list_multipart_uploads().bucket(&bucket).send().await.unwrap();
    assert_eq!(uploads.uploads()[0].upload_id(), Some(upload));
    let page = client.list_parts().bucket(&bucket).key("big").upload_id(upload).max_parts(1);
    let page = page.send().await.unwrap();
    assert_eq!(page.is_truncated(), Some(true));
    assert_eq!(page.parts()[0].size(), i64::try_from(MIN_PART).ok());
    assert_eq!(client.list_objects_v2().bucket(&bucket).send().await.unwrap().key_count(), Some(0));

    let complete = |parts| {
        client
            .complete_multipart_upload()
            .bucket(&bucket)
            .key("big")
            .upload_id(upload)
            .multipart_upload(all(parts))
            .send()
    };
    assert_eq!(code(complete(vec![second.clone(), first.clone()]).await), "InvalidPartOrder");
    let joined = complete(vec![first, second]).await.unwrap();
    assert!(joined.e_tag().unwrap().ends_with("-2\""), "{joined:?}");
    assert!(joined.checksum_crc32().unwrap().ends_with("-2"), "{joined:?}");
    let object = client.get_object().bucket(&bucket).key("big");
    let object = object.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(object.metadata().unwrap()["k"], "v");
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!((bytes.len(), bytes[0], bytes[MIN_PART]), (MIN_PART + 10, 1, 2));
    let uploads = client.list_multipart_uploads().bucket(&bucket).send().await.unwrap();
    assert!(uploads.uploads().is_empty());
    let gone = client.list_parts().bucket(&bucket).key("big").upload_id(upload).send().await;
    assert_eq!(code(gone), "NoSuchUpload");
}

#[tokio::test]
async fn small_and_unknown_parts_are_refused() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    let created = client.create_multipart_upload().bucket(&bucket).key("a").send().await.unwrap();
    let upload = created.upload_id().unwrap();
    let at = (bucket.as_str(), "a", upload);
    let (first, second) = (part(&client, at, 1, 10).await, part(&client, at, 2, 10).await);
    let complete = |parts| {
        client
            .complete_multipart_upload()
            .bucket(&bucket)
            .key("a")
            .upload_id(upload)
            .multipart_upload(all(parts))
            .send()
    };
    assert_eq!(code(complete(vec![first.clone(), second]).await), "EntityTooSmall");
    let absent = CompletedPart::builder().part_number(3).e_tag("\"x\"").build();
    assert_eq!(code(complete(vec![first, absent]).await), "InvalidPart");
    let beyond = client.upload_part().bucket(&bucket).key("a").upload_id(upload);
    let beyond = beyond.part_number(10_001).body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(code(beyond), "InvalidArgument");
    let abort =
        || client.abort_multipart_upload().bucket(&bucket).key("a").upload_id(upload).send();
    abort().await.unwrap();
    assert_eq!(code(abort().await), "NoSuchUpload");
}

#[tokio::test]
async fn uploads_page_by_key_and_id() {
    let stage = Stage::start().await;
    let (client, bucket) = (stage.s3(), stage.bucket());
    for key in ["a", "a", "b"] {
        client.create_multipart_upload().bucket(&bucket).key(key).send().await.unwrap();
    }
    let first = client.list_multipart_uploads().bucket(&bucket).max_uploads(1);
    let first = first.send().await.unwrap();
    assert_eq!((first.is_truncated(), first.next_key_marker()), (Some(true), Some("a")));
    let rest = client
        .list_multipart_uploads()
        .bucket(&bucket)
        .set_key_marker(first.next_key_marker().map(str::to_owned))
        .set_upload_id_marker(first.next_upload_id_marker().map(str::to_owned));
    let rest = rest.send().await.unwrap();
    let keys: Vec<_> = rest.uploads().iter().filter_map(|upload| upload.key()).collect();
    assert_eq!(keys, ["a", "b"]);
    assert_ne!(rest.uploads()[0].upload_id(), first.uploads()[0].upload_id());
}
