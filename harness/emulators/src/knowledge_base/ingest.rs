//! What an ingestion job does: compare the bucket's listing with the index, read what changed, and
//! make the next snapshot. A document that cannot be read is counted, and the job goes on.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::extract::Format;
use super::index::{Document, Snapshot};
use super::jobs::Statistics;
use super::{KnowledgeBase, PREFIX, sidecar};
use crate::s3::store::ObjectInfo;

/// A larger file is not indexed: Bedrock's documented limit.
const FILE_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// Files named in one failure reason.
const NAMED_FILES_MAX: usize = 20;

/// What a job came to: the next snapshot, what it counted, and why documents failed.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) snapshot: Snapshot,
    pub(super) statistics: Statistics,
    pub(super) failure_reasons: Vec<String>,
}

/// Why one document is not in the next snapshot.
enum Skipped {
    /// Deleted since it was listed.
    Gone,
    Failed(String),
}

/// Synchronises the index with the bucket; does not publish the result.
pub(super) async fn run(base: &KnowledgeBase) -> Outcome {
    let current = base.snapshot();
    let listing = base.store.list(&base.bucket, PREFIX).await;
    let (sidecars, objects): (Vec<ObjectInfo>, Vec<ObjectInfo>) =
        listing.into_iter().partition(|object| object.key.ends_with(sidecar::ENDING));
    let sidecars: BTreeMap<String, String> =
        sidecars.into_iter().map(|sidecar| (sidecar.key, sidecar.etag)).collect();
    let mut statistics = Statistics::default();
    let mut documents = BTreeMap::new();
    let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut present = BTreeSet::new();
    for object in objects.iter().filter(|object| !object.key.ends_with('/')) {
        let sidecar_etag = sidecars.get(&format!("{}{}", object.key, sidecar::ENDING));
        statistics.number_of_documents_scanned += 1;
        statistics.number_of_metadata_documents_scanned += u64::from(sidecar_etag.is_some());
        let old = current.get(&object.key);
        let same_file = old.is_some_and(|old| old.etag == object.etag);
        if let Some(old) = old.filter(|old| same_file && old.sidecar_etag.as_ref() == sidecar_etag)
        {
            present.insert(&object.key);
            documents.insert(object.key.clone(), Arc::clone(old));
            continue;
        }
        match read(base, object, sidecar_etag.cloned()).await {
            Ok(document) => {
                let counter = match (old.is_some(), same_file) {
                    (false, _) => &mut statistics.number_of_new_documents_indexed,
                    (true, false) => &mut statistics.number_of_modified_documents_indexed,
                    (true, true) => &mut statistics.number_of_metadata_documents_modified,
                };
                *counter += 1;
                present.insert(&object.key);
                documents.insert(object.key.clone(), Arc::new(document));
            }
            Err(Skipped::Gone) => {}
            Err(Skipped::Failed(reason)) => {
                statistics.number_of_documents_failed += 1;
                present.insert(&object.key);
                let file = format!("s3://{}/{}", base.bucket, object.key);
                failures.entry(reason).or_default().push(file);
            }
        }
        // The store may answer at once, every time: let the requests in between.
        tokio::task::yield_now().await;
    }
    let deleted = current.keys().filter(|key| !present.contains(key)).count();
    statistics.number_of_documents_deleted = u64::try_from(deleted).unwrap_or(u64::MAX);
    Outcome { snapshot: Snapshot::new(documents), statistics, failure_reasons: reasons(&failures) }
}

async fn read(
    base: &KnowledgeBase,
    object: &ObjectInfo,
    sidecar_etag: Option<String>,
) -> Result<Document, Skipped> {
    let Some(format) = Format::of(&object.key) else {
        return Err(Skipped::Failed("the file format is not supported".to_owned()));
    };
    if object.size > FILE_BYTES_MAX {
        return Err(Skipped::Failed("the file exceeds 50 MB".to_owned()));
    }
    let bytes = base.store.get(&base.bucket, &object.key).await.ok_or(Skipped::Gone)?;
    let mut attributes = sidecar::Attributes::new();
    if sidecar_etag.is_some() {
        let key = format!("{}{}", object.key, sidecar::ENDING);
        let bytes = base.store.get(&base.bucket, &key).await.ok_or(Skipped::Gone)?;
        attributes = sidecar::parse(&bytes).map_err(|error| Skipped::Failed(error.to_string()))?;
    }
    match base.extractions.content(format, bytes).await.as_ref() {
        Ok(content) => Ok(Document {
            key: object.key.clone(),
            etag: object.etag.clone(),
            sidecar_etag,
            attributes,
            content: Arc::clone(content),
        }),
        Err(error) => Err(Skipped::Failed(error.to_string())),
    }
}

/// One sentence for each reason, with the files it befell, in the manner of AWS.
fn reasons(failures: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    failures
        .iter()
        .map(|(reason, files)| {
            let named = files.iter().take(NAMED_FILES_MAX).cloned().collect::<Vec<_>>().join(", ");
            format!(
                "Encountered error: Ignored {} files as {reason}. [Files: {named}]. Call to Customer Source \
                 did not succeed.",
                files.len()
            )
        })
        .collect()
}
