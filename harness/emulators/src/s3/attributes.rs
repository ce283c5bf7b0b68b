//! What an object has beside its bytes: system and user metadata, tags, and the limits on them.
use s3s::dto::{Metadata, Tag, TagSet, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

/// User metadata may have 2 KB in all, names and values counted.
const MAX_METADATA: usize = 2048;
const MAX_TAGS: usize = 10;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// System and user metadata.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) metadata: Option<Metadata>,
    pub(super) website_redirect_location: Option<String>,
}

/// Moves the attributes out of an input that has them all.
macro_rules! attributes_of {
    ($input:ident) => {
        $crate::s3::attributes::Attributes {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            expires: $input.expires.take(),
            metadata: $input.metadata.take(),
            website_redirect_location: $input.website_redirect_location.take(),
        }
    };
}
pub(super) use attributes_of;

impl Attributes {
    /// Refuses metadata over S3's limit; gives the content type that S3 gives by default.
    pub(super) fn checked(mut self) -> S3Result<Self> {
        let size: usize =
            self.metadata.iter().flatten().map(|(name, value)| name.len() + value.len()).sum();
        if size > MAX_METADATA {
            return Err(s3_error!(
                MetadataTooLarge,
                "Your metadata headers exceed the maximum allowed metadata size"
            ));
        }
        self.content_type.get_or_insert_with(|| "binary/octet-stream".to_owned());
        Ok(self)
    }
}

/// Tags out of the `x-amz-tagging` header, which has the form of a query string.
pub(super) fn tags_of_header(header: Option<&str>) -> S3Result<Vec<Tag>> {
    let pairs = url::form_urlencoded::parse(header.unwrap_or("").as_bytes());
    check_tags(
        pairs
            .map(|(key, value)| Tag {
                key: Some(key.into_owned()),
                value: Some(value.into_owned()),
            })
            .collect(),
    )
}

/// Refuses more than ten tags, too long ones and doubles.
pub(super) fn check_tags(tags: TagSet) -> S3Result<Vec<Tag>> {
    if tags.len() > MAX_TAGS {
        // `BadRequest` is no code of the published list, but S3 answers it here.
        return Err(custom(400, "BadRequest", "Object tags cannot be greater than 10"));
    }
    for (index, tag) in tags.iter().enumerate() {
        let key = tag.key.as_deref().unwrap_or_default();
        let value = tag.value.as_deref().unwrap_or_default();
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > MAX_TAG_VALUE {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if tags.iter().take(index).any(|earlier| earlier.key == tag.key) {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

/// An error whose code the protocol crate's list lacks.
pub(super) fn custom(status: u16, code: &'static str, message: &'static str) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InvalidRequest);
    let mut error = S3Error::with_message(code, message);
    if let Ok(status) = http::StatusCode::from_u16(status) {
        error.set_status_code(status);
    }
    error
}
