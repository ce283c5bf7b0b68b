//! Listings: prefixes, delimiters, pages. One walk serves objects (both versions) and uploads.
use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{
    CommonPrefix, ETag, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, ObjectStorageClass,
};
use s3s::{S3Result, s3_error};

use crate::s3::memory::{Memory, timestamp};
use crate::s3::objects::size;

/// A page has a thousand entries at most, asked for or not.
const PAGE: i32 = 1000;

/// What to list.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: &'a str,
    /// Only what comes after this key, or after this common prefix.
    pub(super) after: &'a str,
    pub(super) max: usize,
}

/// One page.
#[derive(Debug)]
pub(super) struct Listed<'a, T> {
    pub(super) entries: Vec<(&'a String, &'a T)>,
    pub(super) prefixes: Vec<String>,
    /// The last entry if there are more.
    pub(super) next: Option<String>,
}

/// Walks a map in key order (UTF-8 bytes, as S3 does).
pub(super) fn walk<'a, T>(map: &'a BTreeMap<String, T>, wanted: &Wanted<'_>) -> Listed<'a, T> {
    let Wanted { prefix, delimiter, after, max } = *wanted;
    let mut listed = Listed { entries: Vec::new(), prefixes: Vec::new(), next: None };
    let mut last = None;
    let start = if after > prefix { after } else { prefix };
    // A page that ended with a common prefix goes on behind all keys below it. A marker no longer
    // than the prefix is a key.
    let rolled = !delimiter.is_empty() && after.ends_with(delimiter) && after.len() > prefix.len();
    let passed =
        |key: &str| !after.is_empty() && (key <= after || (rolled && key.starts_with(after)));
    for (key, value) in map.range::<str, _>((Bound::Included(start), Bound::Unbounded)) {
        if !key.starts_with(prefix) {
            break;
        }
        if passed(key) {
            continue;
        }
        let rest = &key[prefix.len()..];
        let common = (!delimiter.is_empty())
            .then(|| rest.find(delimiter))
            .flatten()
            .map(|at| &key[..prefix.len() + at + delimiter.len()]);
        if common.is_some_and(|common| listed.prefixes.last().is_some_and(|held| held == common)) {
            continue;
        }
        if listed.entries.len() + listed.prefixes.len() == max {
            listed.next = last;
            break;
        }
        if let Some(common) = common {
            listed.prefixes.push(common.to_owned());
            last = Some(common.to_owned());
        } else {
            listed.entries.push((key, value));
            last = Some(key.clone());
        }
    }
    listed
}

/// `MaxKeys` and its kin: none is a thousand, more is a thousand, less than none is wrong.
pub(super) fn page_size(asked: Option<i32>) -> S3Result<(i32, usize)> {
    let size = asked.unwrap_or(PAGE).min(PAGE);
    match usize::try_from(size) {
        Ok(count) => Ok((size, count)),
        Err(_) => Err(s3_error!(
            InvalidArgument,
            "Argument maxKeys must be an integer between 0 and 2147483647"
        )),
    }
}

/// `EncodingType=url`: everything but the unreserved characters and the slash.
pub(super) fn encoded(text: &str, encoding: Option<&EncodingType>) -> String {
    if encoding.is_none_or(|encoding| encoding.as_str() != EncodingType::URL) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// Common prefixes in the protocol's type.
pub(super) fn common(
    prefixes: Vec<String>,
    encoding: Option<&EncodingType>,
) -> Option<Vec<CommonPrefix>> {
    let prefixes: Vec<_> = prefixes
        .into_iter()
        .map(|prefix| CommonPrefix { prefix: Some(encoded(&prefix, encoding)) })
        .collect();
    (!prefixes.is_empty()).then_some(prefixes)
}

impl Memory {
    pub(super) fn list_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let (max_keys, max) = page_size(input.max_keys)?;
        let token = input.continuation_token.as_deref().map(untoken).transpose()?;
        let page = self.page(
            &input.bucket,
            input.encoding_type.as_ref(),
            &Wanted {
                prefix: input.prefix.as_deref().unwrap_or(""),
                delimiter: input.delimiter.as_deref().unwrap_or(""),
                after: token.as_deref().or(input.start_after.as_deref()).unwrap_or(""),
                max,
            },
        )?;
        let count = page.contents.len() + page.prefixes.as_ref().map_or(0, Vec::len);
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            key_count: i32::try_from(count).ok(),
            max_keys: Some(max_keys),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
            contents: (!page.contents.is_empty()).then_some(page.contents),
            common_prefixes: page.prefixes,
            prefix: input.prefix,
            delimiter: input.delimiter,
            encoding_type: input.encoding_type,
            continuation_token: input.continuation_token,
            start_after: input.start_after,
            ..Default::default()
        })
    }

    pub(super) fn list_v1(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let (max_keys, max) = page_size(input.max_keys)?;
        let page = self.page(
            &input.bucket,
            input.encoding_type.as_ref(),
            &Wanted {
                prefix: input.prefix.as_deref().unwrap_or(""),
                delimiter: input.delimiter.as_deref().unwrap_or(""),
                after: input.marker.as_deref().unwrap_or(""),
                max,
            },
        )?;
        // Only a listing with a delimiter names the next marker; otherwise it is the last key.
        let is_truncated = Some(page.next.is_some());
        let next_marker = page.next.filter(|_| input.delimiter.is_some());
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            max_keys: Some(max_keys),
            is_truncated,
            next_marker,
            contents: (!page.contents.is_empty()).then_some(page.contents),
            common_prefixes: page.prefixes,
            prefix: input.prefix,
            delimiter: input.delimiter,
            encoding_type: input.encoding_type,
            marker: Some(input.marker.unwrap_or_default()),
            ..Default::default()
        })
    }

    fn page(
        &self,
        bucket: &str,
        encoding: Option<&EncodingType>,
        wanted: &Wanted<'_>,
    ) -> S3Result<Page> {
        self.bucket(bucket, |bucket| {
            let listed = walk(&bucket.objects, wanted);
            let contents = listed
                .entries
                .into_iter()
                .map(|(key, object)| Object {
                    key: Some(encoded(key, encoding)),
                    e_tag: Some(ETag::Strong(object.etag.clone())),
                    last_modified: Some(timestamp(object.modified_ms)),
                    size: Some(size(object)),
                    storage_class: Some(ObjectStorageClass::from_static(
                        ObjectStorageClass::STANDARD,
                    )),
                    ..Default::default()
                })
                .collect();
            let next = listed.next.filter(|_| wanted.max > 0);
            Ok(Page { contents, prefixes: common(listed.prefixes, encoding), next })
        })
    }
}

struct Page {
    contents: Vec<Object>,
    prefixes: Option<Vec<CommonPrefix>>,
    next: Option<String>,
}

fn untoken(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Wanted, walk};

    fn keys(wanted: &Wanted<'_>) -> (Vec<String>, Vec<String>, Option<String>) {
        let map: BTreeMap<String, usize> = ["a", "a/1", "a/2", "a/b/3", "b", "c/1", "c/2"]
            .into_iter()
            .map(|key| (key.to_owned(), key.len()))
            .collect();
        let listed = walk(&map, wanted);
        let entries = listed.entries.into_iter().map(|(key, _)| key.clone()).collect();
        (entries, listed.prefixes, listed.next)
    }

    #[test]
    fn a_delimiter_rolls_up_and_pages_do_not_repeat_a_prefix() {
        let mut wanted = Wanted { prefix: "", delimiter: "/", after: "", max: 2 };
        assert_eq!(keys(&wanted), (vec!["a".into()], vec!["a/".into()], Some("a/".into())));
        wanted.after = "a/";
        assert_eq!(keys(&wanted), (vec!["b".into()], vec!["c/".into()], None));
    }

    proptest::proptest! {
        #[test]
        fn pages_put_together_are_the_whole(
            names in proptest::collection::btree_set("[ab/]{1,5}", 0..30),
            prefix in "[ab/]{0,2}",
            delimiter in proptest::sample::select(vec!["", "/", "b"]),
            max in 1_usize..5,
        ) {
            let map: BTreeMap<String, usize> = names.into_iter().map(|name| (name, 0)).collect();
            let all = Wanted { prefix: &prefix, delimiter, after: "", max: usize::MAX };
            let whole = walk(&map, &all);
            let (mut entries, mut prefixes) = (Vec::new(), Vec::new());
            let mut after = String::new();
            loop {
                let page = walk(&map, &Wanted { after: &after, max, ..all });
                proptest::prop_assert!(page.entries.len() + page.prefixes.len() <= max);
                entries.extend(page.entries);
                prefixes.extend(page.prefixes);
                match page.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
            proptest::prop_assert_eq!(entries, whole.entries);
            proptest::prop_assert_eq!(prefixes, whole.prefixes);
        }
    }

    #[test]
    fn a_prefix_and_a_page_without_delimiter() {
        let mut wanted = Wanted { prefix: "a/", delimiter: "", after: "", max: 2 };
        assert_eq!(keys(&wanted).0, ["a/1", "a/2"]);
        assert_eq!(keys(&wanted).2.as_deref(), Some("a/2"));
        wanted.after = "a/2";
        assert_eq!(keys(&wanted), (vec!["a/b/3".into()], vec![], None));
        wanted.max = 0;
        assert_eq!(keys(&wanted).0, Vec::<String>::new());
    }

    #[test]
    fn a_marker_that_is_the_prefix_itself_is_a_key() {
        let wanted = Wanted { prefix: "a/", delimiter: "/", after: "a/", max: 9 };
        let (entries, prefixes, _) = keys(&wanted);
        assert_eq!((entries, prefixes), (vec!["a/1".into(), "a/2".into()], vec!["a/b/".into()]));
    }
}
