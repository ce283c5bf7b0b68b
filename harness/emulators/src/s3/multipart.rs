//! Multipart uploads: parts in any order, listed while under way, joined by `Complete`.
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};
use s3s::dto::{
    AbortMultipartUploadInput, ChecksumAlgorithm, ChecksumType, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CopyPartResult, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListPartsInput, ListPartsOutput, MultipartUpload, Part, StorageClass, UploadPartCopyInput,
    UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Result, s3_error};
use uuid::Uuid;

use crate::s3::attributes::{attributes_of, tags_of_header};
use crate::s3::conditions::{conditions_of_copy, precondition};
use crate::s3::listing::{Wanted, common, encoded, page_size, walk};
use crate::s3::memory::{BucketState, Memory, Object, Upload, UploadedPart, timestamp};
use crate::s3::objects::{copy_source, encryption};
use crate::s3::received::{self, Declared, checksum_of, receive, set_checksum};

/// Every part but the last has at least five megabytes.
const MIN_PART: usize = 5 * 1024 * 1024;
const MAX_PARTS: i32 = 10_000;

impl Memory {
    pub(super) fn begin_upload(
        &self,
        mut input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let attributes = attributes_of!(input).checked()?;
        let tags = tags_of_header(input.tagging.as_deref())?;
        let algorithm = input.checksum_algorithm.as_ref().map(|name| name.as_str().to_owned());
        let kind = input.checksum_type.as_ref().map(ChecksumType::as_str);
        let full_object = match (algorithm.as_deref(), kind) {
            (None | Some(ChecksumAlgorithm::CRC64NVME), Some(ChecksumType::COMPOSITE))
            | (
                Some(ChecksumAlgorithm::SHA1 | ChecksumAlgorithm::SHA256),
                Some(ChecksumType::FULL_OBJECT),
            ) => {
                return Err(s3_error!(
                    InvalidRequest,
                    "The checksum type is not supported with this checksum algorithm"
                ));
            }
            (None | Some(ChecksumAlgorithm::CRC64NVME), _) => true,
            (_, kind) => kind == Some(ChecksumType::FULL_OBJECT),
        };
        let upload_id = Uuid::new_v4().simple().to_string();
        let upload = Upload {
            key: input.key.clone(),
            initiated_ms: self.now_ms(),
            attributes,
            tags,
            algorithm,
            full_object,
            parts: BTreeMap::new(),
        };
        self.bucket(&input.bucket, |bucket| {
            bucket.uploads.insert(upload_id.clone(), upload);
            Ok(())
        })?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            server_side_encryption: Some(encryption()),
            ..Default::default()
        })
    }

    pub(super) async fn add_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let trailers = req.trailing_headers;
        let mut input = req.input;
        check_number(input.part_number)?;
        let algorithm = self.bucket(&input.bucket, |bucket| {
            Ok(upload(bucket, &input.upload_id, &input.key)?.algorithm.clone())
        })?;
        let declared = Declared {
            length: input.content_length,
            md5: input.content_md5.take(),
            algorithm: input.checksum_algorithm.take().or(algorithm.map(ChecksumAlgorithm::from)),
            checksum: checksum_of!(input),
            trailers,
        };
        let received = receive(input.body.take(), declared).await?;
        let etag = hex::encode(received.md5);
        let checksum = received.checksum.clone();
        let part = UploadedPart {
            body: received.body,
            md5: received.md5,
            checksum: received.checksum,
            modified_ms: self.now_ms(),
        };
        self.bucket(&input.bucket, |bucket| {
            let upload = upload(bucket, &input.upload_id, &input.key)?;
            upload.parts.insert(input.part_number, part);
            Ok(())
        })?;
        let mut output = UploadPartOutput { e_tag: Some(ETag::Strong(etag)), ..Default::default() };
        output.server_side_encryption = Some(encryption());
        set_checksum!(output, checksum);
        Ok(output)
    }

    pub(super) fn copy_part(
        &self,
        mut input: UploadPartCopyInput,
    ) -> S3Result<UploadPartCopyOutput> {
        check_number(input.part_number)?;
        let (bucket, key) = copy_source(&input.copy_source)?;
        let source = self.require(bucket, key)?;
        conditions_of_copy(
            &source,
            (input.copy_source_if_match.as_ref(), input.copy_source_if_none_match.as_ref()),
            (
                input.copy_source_if_modified_since.take(),
                input.copy_source_if_unmodified_since.take(),
            ),
        )?;
        let body = match input.copy_source_range.as_deref() {
            None => source.body.clone(),
            Some(range) => slice(&source.body, range)?,
        };
        let md5: [u8; 16] = Md5::digest(&body).into();
        let modified_ms = self.now_ms();
        let checksum = self.bucket(&input.bucket, |bucket| {
            let upload = upload(bucket, &input.upload_id, &input.key)?;
            let checksum = received::checksum(&body, upload.algorithm.as_deref())?;
            let part = UploadedPart { body, md5, checksum: checksum.clone(), modified_ms };
            upload.parts.insert(input.part_number, part);
            Ok(checksum)
        })?;
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(hex::encode(md5))),
            last_modified: Some(timestamp(modified_ms)),
            ..Default::default()
        };
        set_checksum!(result, checksum);
        Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() })
    }

    pub(super) fn complete(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        if named.is_empty() {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our published schema"
            ));
        }
        let now_ms = self.now_ms();
        let (etag, checksum) = self.bucket(&input.bucket, |bucket| {
            precondition(
                bucket,
                &input.key,
                input.if_match.as_ref(),
                input.if_none_match.as_ref(),
            )?;
            let upload = upload(bucket, &input.upload_id, &input.key)?;
            let parts = chosen(upload, &named)?;
            let object = joined(upload, &parts, now_ms)?;
            let told = (object.etag.clone(), object.checksum.clone());
            bucket.uploads.remove(&input.upload_id);
            bucket.objects.insert(input.key.clone(), Arc::new(object));
            Ok(told)
        })?;
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("http://127.0.0.1/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(etag)),
            checksum_type: checksum.checksum_type.clone(),
            server_side_encryption: Some(encryption()),
            ..Default::default()
        };
        set_checksum!(output, checksum);
        Ok(output)
    }

    pub(super) fn abort(&self, input: &AbortMultipartUploadInput) -> S3Result<()> {
        self.bucket(&input.bucket, |bucket| {
            upload(bucket, &input.upload_id, &input.key)?;
            bucket.uploads.remove(&input.upload_id);
            Ok(())
        })
    }

    pub(super) fn parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let (max_parts, max) = page_size(input.max_parts)?;
        let after = input.part_number_marker.unwrap_or(0);
        self.bucket(&input.bucket.clone(), |bucket| {
            let upload = upload(bucket, &input.upload_id, &input.key)?;
            let rest = upload.parts.range(after.saturating_add(1)..);
            let mut parts: Vec<Part> =
                rest.take(max + 1).map(|(number, part)| describe(*number, part)).collect();
            let more = parts.len() > max;
            parts.truncate(max);
            let last = parts.last().and_then(|part| part.part_number);
            Ok(ListPartsOutput {
                bucket: Some(input.bucket),
                key: Some(input.key),
                upload_id: Some(input.upload_id),
                max_parts: Some(max_parts),
                is_truncated: Some(more),
                part_number_marker: Some(after),
                next_part_number_marker: last.filter(|_| more),
                parts: (!parts.is_empty()).then_some(parts),
                storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                ..Default::default()
            })
        })
    }

    pub(super) fn uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let (max_uploads, max) = page_size(input.max_uploads)?;
        let encoding = input.encoding_type.clone();
        let encoding = encoding.as_ref();
        self.bucket(&input.bucket.clone(), |bucket| {
            // Sorted by key, then by upload id: a NUL comes before everything a key goes on with.
            let sorted: BTreeMap<String, (&String, &Upload)> = bucket
                .uploads
                .iter()
                .map(|(id, upload)| (format!("{}\0{id}", upload.key), (id, upload)))
                .collect();
            let key_marker = input.key_marker.as_deref().unwrap_or("");
            let after = match input.upload_id_marker.as_deref() {
                Some(id) if !key_marker.is_empty() => format!("{key_marker}\0{id}"),
                _ if key_marker.is_empty() => String::new(),
                _ => format!("{key_marker}\0\u{10ffff}"),
            };
            let listed = walk(
                &sorted,
                &Wanted {
                    prefix: input.prefix.as_deref().unwrap_or(""),
                    delimiter: input.delimiter.as_deref().unwrap_or(""),
                    after: &after,
                    max,
                },
            );
            let uploads: Vec<MultipartUpload> = listed
                .entries
                .iter()
                .map(|(_, (id, upload))| MultipartUpload {
                    key: Some(encoded(&upload.key, encoding)),
                    upload_id: Some((*id).clone()),
                    initiated: Some(timestamp(upload.initiated_ms)),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    ..Default::default()
                })
                .collect();
            let next = listed.next.filter(|_| max > 0);
            let (next_key, next_id) = match next.as_deref().map(|next| next.split_once('\0')) {
                Some(Some((key, id))) => (Some(key.to_owned()), Some(id.to_owned())),
                Some(None) => (next.clone(), None),
                None => (None, None),
            };
            Ok(ListMultipartUploadsOutput {
                bucket: Some(input.bucket),
                max_uploads: Some(max_uploads),
                is_truncated: Some(next.is_some()),
                next_key_marker: next_key,
                next_upload_id_marker: next_id,
                uploads: (!uploads.is_empty()).then_some(uploads),
                common_prefixes: common(listed.prefixes, encoding),
                key_marker: input.key_marker,
                upload_id_marker: input.upload_id_marker,
                prefix: input.prefix,
                delimiter: input.delimiter,
                encoding_type: input.encoding_type,
                ..Default::default()
            })
        })
    }
}

fn upload<'a>(bucket: &'a mut BucketState, id: &str, key: &str) -> S3Result<&'a mut Upload> {
    bucket.uploads.get_mut(id).filter(|upload| upload.key == key).ok_or_else(|| {
        s3_error!(
            NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        )
    })
}

fn check_number(number: i32) -> S3Result<()> {
    if (1..=MAX_PARTS).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

/// The parts that `Complete` names: in order, each as it was uploaded, none too small.
fn chosen<'a>(upload: &'a Upload, named: &[CompletedPart]) -> S3Result<Vec<&'a UploadedPart>> {
    let invalid = || {
        s3_error!(
            InvalidPart,
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        )
    };
    let mut parts = Vec::with_capacity(named.len());
    let mut before = 0;
    for name in named {
        let number = name.part_number.ok_or_else(invalid)?;
        if number <= before {
            return Err(s3_error!(
                InvalidPartOrder,
                "The list of parts was not in ascending order. Parts must be ordered by part number."
            ));
        }
        before = number;
        let part = upload.parts.get(&number).ok_or_else(invalid)?;
        let etag = name.e_tag.as_ref().map(ETag::value);
        if etag != Some(hex::encode(part.md5).as_str()) {
            return Err(invalid());
        }
        parts.push(part);
    }
    let all_but_last = parts.iter().take(parts.len().saturating_sub(1));
    if all_but_last.into_iter().any(|part| part.body.len() < MIN_PART) {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ));
    }
    Ok(parts)
}

fn joined(upload: &Upload, parts: &[&UploadedPart], modified_ms: i64) -> S3Result<Object> {
    let mut body = BytesMut::with_capacity(parts.iter().map(|part| part.body.len()).sum());
    let mut md5 = Md5::new();
    for part in parts {
        body.extend_from_slice(&part.body);
        md5.update(part.md5);
    }
    let body = body.freeze();
    let checksum = match upload.algorithm.as_deref() {
        Some(algorithm) if !upload.full_object => {
            let parts: Vec<_> = parts.iter().map(|part| &part.checksum).collect();
            received::composite(&parts, algorithm)?
        }
        algorithm => {
            let mut checksum = received::checksum(&body, algorithm)?;
            checksum.checksum_type = Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT));
            checksum
        }
    };
    Ok(Object {
        etag: format!("{}-{}", hex::encode(md5.finalize()), parts.len()),
        body,
        modified_ms,
        attributes: upload.attributes.clone(),
        tags: upload.tags.clone(),
        checksum,
        parts: parts.iter().map(|part| part.body.len()).collect(),
    })
}

fn describe(number: i32, part: &UploadedPart) -> Part {
    let mut described = Part {
        part_number: Some(number),
        e_tag: Some(ETag::Strong(hex::encode(part.md5))),
        size: i64::try_from(part.body.len()).ok(),
        last_modified: Some(timestamp(part.modified_ms)),
        ..Default::default()
    };
    set_checksum!(described, part.checksum.clone());
    described
}

fn slice(body: &Bytes, range: &str) -> S3Result<Bytes> {
    let wrong = || {
        s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
        )
    };
    let (first, last) =
        range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(wrong)?;
    let first: usize = first.parse().map_err(|_not_a_number| wrong())?;
    let last: usize = last.parse().map_err(|_not_a_number| wrong())?;
    if first > last || last >= body.len() {
        return Err(s3_error!(InvalidRange, "The requested range is not satisfiable"));
    }
    Ok(body.slice(first..=last))
}
