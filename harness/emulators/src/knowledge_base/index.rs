//! What can be retrieved: documents with their attributes and chunks, and their ranking by BM25. A
//! snapshot never changes; an ingestion job makes the next one.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bm25::{DefaultTokenizer, EmbedderBuilder, Embedding, Scorer};

use super::extract::Content;
use super::filter::Filter;
use super::sidecar::Attributes;

/// Turns text into BM25 weights of its stems.
pub(super) type Embedder = bm25::Embedder<u64, DefaultTokenizer>;

/// The attribute by which documents are grouped, so that a user's search touches only his own.
const GROUPED_BY: &str = "user_id";
/// Terms in a chunk of usual length. Fixed, so that a chunk's weights do not depend on other chunks.
const AVERAGE_TERMS: f32 = 110.0;
/// Rankers that are kept; all are dropped when one more comes.
const RANKERS_MAX: usize = 128;
/// The BM25 score that becomes 0.5: scores are shown as s / (s + this), between 0 and 1 as in AWS.
const HALF_SCORE: f32 = 5.0;

/// The embedder of chunks and queries, with BM25's usual parameters.
pub(super) fn embedder() -> Embedder {
    EmbedderBuilder::<u64, DefaultTokenizer>::with_avgdl(AVERAGE_TERMS).build()
}

/// An indexed object.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) key: String,
    pub(super) etag: String,
    pub(super) sidecar_etag: Option<String>,
    pub(super) attributes: Attributes,
    pub(super) content: Arc<Content>,
}

/// All documents as of one completed job.
#[derive(Debug)]
pub(super) struct Snapshot {
    documents: BTreeMap<String, Arc<Document>>,
    groups: BTreeMap<String, Vec<Arc<Document>>>,
}

impl Snapshot {
    pub(super) fn empty() -> Self {
        Self::new(BTreeMap::new())
    }

    /// A snapshot of `documents` by key.
    pub(super) fn new(documents: BTreeMap<String, Arc<Document>>) -> Self {
        let mut groups: BTreeMap<String, Vec<Arc<Document>>> = BTreeMap::new();
        for document in documents.values() {
            if let Some(group) =
                document.attributes.get(GROUPED_BY).and_then(|value| value.as_str())
            {
                groups.entry(group.to_owned()).or_default().push(Arc::clone(document));
            }
        }
        Self { documents, groups }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<Document>> {
        self.documents.get(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.documents.keys()
    }

    /// The documents that pass `filter`, in key order.
    pub(super) fn passing(&self, filter: Option<&Filter>) -> Vec<&Arc<Document>> {
        let Some(filter) = filter else { return self.documents.values().collect() };
        let passes = |document: &&Arc<Document>| filter.passes(&document.attributes);
        match filter.pinned(GROUPED_BY) {
            Some(group) => self.groups.get(group).into_iter().flatten().filter(passes).collect(),
            None => self.documents.values().filter(passes).collect(),
        }
    }
}

/// One found chunk.
#[derive(Debug)]
pub(super) struct Hit<'a> {
    pub(super) document: &'a Document,
    /// The chunk's place in its document.
    pub(super) chunk: usize,
    /// Between 0 and 1.
    pub(super) score: f32,
}

/// BM25 over one set of contents: inverse document frequencies are those of the set.
struct Ranker {
    /// Keys are the content's place in the set and the chunk's place in the content.
    scorer: Scorer<(usize, usize), u64>,
}

/// Ranks chunks; keeps the rankers of the sets of contents that were searched before.
pub(super) struct Rankers {
    embedder: Embedder,
    by_contents: Mutex<BTreeMap<Vec<[u8; 32]>, Arc<Ranker>>>,
}

impl Rankers {
    pub(super) fn new() -> Self {
        Self { embedder: embedder(), by_contents: Mutex::new(BTreeMap::new()) }
    }

    /// The best `limit` chunks of `documents` for `query`, best first; of equals that with the
    /// smaller key, then the earlier chunk. A chunk without any of the query's terms is not found.
    pub(super) fn search<'a>(
        &self,
        documents: &[&'a Arc<Document>],
        query: &str,
        limit: usize,
    ) -> Vec<Hit<'a>> {
        let query: Embedding<u64> = self.embedder.embed(query);
        let contents: BTreeMap<[u8; 32], &Arc<Content>> =
            documents.iter().map(|document| (document.content.id, &document.content)).collect();
        let places: BTreeMap<[u8; 32], usize> = contents.keys().copied().zip(0..).collect();
        let mut owners: BTreeMap<usize, Vec<&'a Document>> = BTreeMap::new();
        for document in documents {
            if let Some(place) = places.get(&document.content.id) {
                owners.entry(*place).or_default().push(document);
            }
        }
        let mut hits: Vec<Hit<'a>> = Vec::new();
        for found in self.ranker(&contents).scorer.matches(&query) {
            let (place, chunk) = found.id;
            let score = found.score / (found.score + HALF_SCORE);
            // Sorted by score: what comes after the limit matters only as an equal of the last.
            if hits.len() >= limit && hits.last().is_some_and(|last| score < last.score) {
                break;
            }
            let owners = owners.get(&place).into_iter().flatten();
            hits.extend(owners.map(|&document| Hit { document, chunk, score }));
        }
        hits.sort_by(|a, b| {
            let by_score = b.score.total_cmp(&a.score);
            by_score.then_with(|| (&a.document.key, a.chunk).cmp(&(&b.document.key, b.chunk)))
        });
        hits.truncate(limit);
        hits
    }

    fn ranker(&self, contents: &BTreeMap<[u8; 32], &Arc<Content>>) -> Arc<Ranker> {
        let key: Vec<[u8; 32]> = contents.keys().copied().collect();
        let mut by_contents = self.by_contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ranker) = by_contents.get(&key) {
            return Arc::clone(ranker);
        }
        let mut scorer = Scorer::new();
        for (place, content) in contents.values().enumerate() {
            for (chunk, found) in content.chunks.iter().enumerate() {
                scorer.upsert(&(place, chunk), found.embedding.clone());
            }
        }
        let ranker = Arc::new(Ranker { scorer });
        if by_contents.len() >= RANKERS_MAX {
            by_contents.clear();
        }
        by_contents.insert(key, Arc::clone(&ranker));
        ranker
    }
}

impl fmt::Debug for Rankers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rankers").field("embedder", &self.embedder).finish_non_exhaustive()
    }
}
