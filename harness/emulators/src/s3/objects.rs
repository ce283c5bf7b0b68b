//! Operations on single objects: put, get, head, copy, delete, attributes, tags.
use std::ops::Range;
use std::sync::Arc;

use s3s::dto::{
    ChecksumAlgorithm, ChecksumMode, CopyObjectInput, CopyObjectOutput, CopyObjectResult,
    CopySource, Delete, DeleteObjectInput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETag, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, MetadataDirective,
    PutObjectInput, PutObjectOutput, ServerSideEncryption, StorageClass, TagSet, TaggingDirective,
};
use s3s::{S3Request, S3Result, s3_error};

use crate::s3::attributes::{attributes_of, check_tags, custom, tags_of_header};
use crate::s3::conditions::{conditions, conditions_of_copy, precondition};
use crate::s3::memory::{Memory, Object, timestamp};
use crate::s3::received::{
    Declared, Received, checksum, checksum_of, receive, set_checksum, value,
};

/// `CopyObject` copies up to five gigabytes.
const MAX_COPY: usize = 5 * 1024 * 1024 * 1024;
/// `DeleteObjects` takes a thousand keys.
const MAX_BATCH: usize = 1000;

impl Memory {
    pub(super) async fn put(&self, req: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
        let trailers = req.trailing_headers;
        let mut input = req.input;
        let attributes = attributes_of!(input).checked()?;
        let tags = tags_of_header(input.tagging.as_deref())?;
        // A wrong bucket is told before the body is read.
        self.bucket(&input.bucket, |bucket| {
            precondition(bucket, &input.key, input.if_match.as_ref(), input.if_none_match.as_ref())
        })?;
        let declared = Declared {
            length: input.content_length,
            md5: input.content_md5.take(),
            algorithm: input.checksum_algorithm.take(),
            checksum: checksum_of!(input),
            trailers,
        };
        let Received { body, md5, checksum } = receive(input.body.take(), declared).await?;
        let etag = hex::encode(md5);
        let object = Object {
            body,
            etag: etag.clone(),
            modified_ms: self.now_ms(),
            attributes,
            tags,
            checksum: checksum.clone(),
            parts: Vec::new(),
        };
        self.bucket(&input.bucket, |bucket| {
            precondition(
                bucket,
                &input.key,
                input.if_match.as_ref(),
                input.if_none_match.as_ref(),
            )?;
            bucket.objects.insert(input.key, Arc::new(object));
            Ok(())
        })?;
        let mut output = PutObjectOutput { e_tag: Some(ETag::Strong(etag)), ..Default::default() };
        output.server_side_encryption = Some(encryption());
        output.checksum_type.clone_from(&checksum.checksum_type);
        set_checksum!(output, checksum);
        Ok(output)
    }

    pub(super) fn get(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        let object = self.require(&input.bucket, &input.key)?;
        conditions(
            &object,
            (input.if_match.as_ref(), input.if_none_match.as_ref()),
            (input.if_modified_since, input.if_unmodified_since),
        )?;
        let whole = size(&object);
        let Part { range, content_range } = part(&object, input.range, input.part_number)?;
        let attributes = object.attributes.clone();
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(s3s::Body::from(object.body.slice(range.clone())).into()),
            content_length: i64::try_from(range.len()).ok(),
            content_range,
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(timestamp(object.modified_ms)),
            metadata: attributes.metadata,
            parts_count: input.part_number.and(object.part_count()),
            server_side_encryption: Some(encryption()),
            tag_count: i32::try_from(object.tags.len()).ok().filter(|count| *count > 0),
            website_redirect_location: attributes.website_redirect_location,
            cache_control: input.response_cache_control.or(attributes.cache_control),
            content_disposition: input
                .response_content_disposition
                .or(attributes.content_disposition),
            content_encoding: input.response_content_encoding.or(attributes.content_encoding),
            content_language: input.response_content_language.or(attributes.content_language),
            content_type: input.response_content_type.or(attributes.content_type),
            expires: input.response_expires.or(attributes.expires),
            ..Default::default()
        };
        // A checksum of the whole says nothing about a part of it.
        if asked(input.checksum_mode.as_ref()) && i64::try_from(range.len()) == Ok(whole) {
            output.checksum_type.clone_from(&object.checksum.checksum_type);
            set_checksum!(output, object.checksum.clone());
        }
        Ok(output)
    }

    pub(super) fn head(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        let object = self.require(&input.bucket, &input.key)?;
        conditions(
            &object,
            (input.if_match.as_ref(), input.if_none_match.as_ref()),
            (input.if_modified_since, input.if_unmodified_since),
        )?;
        let Part { range, content_range } = part(&object, input.range, input.part_number)?;
        let attributes = object.attributes.clone();
        let mut output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(range.len()).ok(),
            content_range,
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(timestamp(object.modified_ms)),
            metadata: attributes.metadata,
            parts_count: input.part_number.and(object.part_count()),
            server_side_encryption: Some(encryption()),
            website_redirect_location: attributes.website_redirect_location,
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_type: attributes.content_type,
            expires: attributes.expires,
            ..Default::default()
        };
        if asked(input.checksum_mode.as_ref()) {
            output.checksum_type.clone_from(&object.checksum.checksum_type);
            set_checksum!(output, object.checksum.clone());
        }
        Ok(output)
    }

    pub(super) fn copy(&self, mut input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
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
        let replaces = |directive: Option<&str>| directive == Some("REPLACE");
        let replace = replaces(input.metadata_directive.as_ref().map(MetadataDirective::as_str));
        let retag = replaces(input.tagging_directive.as_ref().map(TaggingDirective::as_str));
        if !replace && bucket == input.bucket && key == input.key {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
            ));
        }
        if source.body.len() > MAX_COPY {
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120"
            ));
        }
        let attributes =
            if replace { attributes_of!(input).checked()? } else { source.attributes.clone() };
        let tags =
            if retag { tags_of_header(input.tagging.as_deref())? } else { source.tags.clone() };
        let algorithm = input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str);
        let sum = match algorithm {
            None if source.parts.is_empty() => source.checksum.clone(),
            algorithm => checksum(&source.body, algorithm)?,
        };
        let etag = hex::encode(<md5::Md5 as md5::Digest>::digest(&source.body));
        let modified_ms = self.now_ms();
        let object = Object {
            body: source.body.clone(),
            etag: etag.clone(),
            modified_ms,
            attributes,
            tags,
            checksum: sum.clone(),
            parts: Vec::new(),
        };
        self.bucket(&input.bucket, |bucket| {
            bucket.objects.insert(input.key, Arc::new(object));
            Ok(())
        })?;
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(etag)),
            last_modified: Some(timestamp(modified_ms)),
            ..Default::default()
        };
        set_checksum!(result, sum);
        Ok(CopyObjectOutput {
            copy_object_result: Some(result),
            server_side_encryption: Some(encryption()),
            ..Default::default()
        })
    }

    pub(super) fn delete(&self, input: &DeleteObjectInput) -> S3Result<()> {
        self.bucket(&input.bucket, |bucket| {
            if input.if_match.is_some() {
                precondition(bucket, &input.key, input.if_match.as_ref(), None)?;
            }
            bucket.objects.remove(&input.key);
            Ok(())
        })
    }

    pub(super) fn delete_batch(&self, input: DeleteObjectsInput) -> S3Result<DeleteObjectsOutput> {
        let Delete { objects, quiet } = input.delete;
        if objects.is_empty() || objects.len() > MAX_BATCH {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our published schema"
            ));
        }
        self.bucket(&input.bucket, |bucket| {
            let mut deleted = Vec::with_capacity(objects.len());
            for object in objects {
                bucket.objects.remove(&object.key);
                deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
            }
            let deleted = (quiet != Some(true)).then_some(deleted);
            Ok(DeleteObjectsOutput { deleted, ..Default::default() })
        })
    }

    pub(super) fn attributes(
        &self,
        input: &GetObjectAttributesInput,
    ) -> S3Result<GetObjectAttributesOutput> {
        let object = self.require(&input.bucket, &input.key)?;
        let asked = |name: &str| input.object_attributes.iter().any(|held| held.as_str() == name);
        Ok(GetObjectAttributesOutput {
            e_tag: asked("ETag").then(|| ETag::Strong(object.etag.clone())),
            checksum: (asked("Checksum") && value(&object.checksum).is_some())
                .then(|| object.checksum.clone()),
            object_size: asked("ObjectSize").then(|| size(&object)),
            storage_class: asked("StorageClass")
                .then(|| StorageClass::from_static(StorageClass::STANDARD)),
            object_parts: object.part_count().filter(|_| asked("ObjectParts")).map(|parts| {
                GetObjectAttributesParts { total_parts_count: Some(parts), ..Default::default() }
            }),
            last_modified: Some(timestamp(object.modified_ms)),
            ..Default::default()
        })
    }

    pub(super) fn set_tags(&self, bucket: &str, key: &str, tags: TagSet) -> S3Result<()> {
        let tags = check_tags(tags)?;
        self.bucket(bucket, |bucket| {
            let object = bucket
                .objects
                .get_mut(key)
                .ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))?;
            Arc::make_mut(object).tags = tags;
            Ok(())
        })
    }
}

/// S3 encrypts everything with its own keys by default and says so.
pub(super) fn encryption() -> ServerSideEncryption {
    ServerSideEncryption::from_static(ServerSideEncryption::AES256)
}

pub(super) fn size(object: &Object) -> i64 {
    i64::try_from(object.body.len()).unwrap_or(i64::MAX)
}

/// Bucket and key of a copy's source; access points are not emulated.
pub(super) fn copy_source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket { bucket, key, .. } => Ok((bucket, key)),
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(s3_error!(NotImplemented, "Access points are not emulated"))
        }
    }
}

fn asked(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

struct Part {
    range: Range<usize>,
    content_range: Option<String>,
}

fn part(object: &Object, range: Option<s3s::dto::Range>, number: Option<i32>) -> S3Result<Part> {
    let whole = object.body.len();
    if let Some(number) = number {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let index = index.filter(|index| *index < object.parts.len().max(1)).ok_or_else(|| {
            custom(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
        })?;
        if object.parts.is_empty() {
            return Ok(Part { range: 0..whole, content_range: None });
        }
        let start: usize = object.parts.iter().take(index).sum();
        let end = start + object.parts[index];
        let last = end.saturating_sub(1);
        let content_range = Some(format!("bytes {start}-{last}/{whole}"));
        return Ok(Part { range: start..end, content_range });
    }
    let Some(range) = range else { return Ok(Part { range: 0..whole, content_range: None }) };
    let checked = range.check(u64::try_from(whole).unwrap_or(u64::MAX))?;
    let start = usize::try_from(checked.start).unwrap_or(whole);
    let end = usize::try_from(checked.end).unwrap_or(whole);
    let last = end.saturating_sub(1);
    Ok(Part { range: start..end, content_range: Some(format!("bytes {start}-{last}/{whole}")) })
}
