//! What every store holds of one manual: object, sidecar, row and index entries.

use std::collections::BTreeSet;

use aws_sdk_bedrockagentruntime::types::FilterAttribute;
use aws_sdk_bedrockagentruntime::types::KnowledgeBaseQuery;
use aws_sdk_bedrockagentruntime::types::KnowledgeBaseRetrievalConfiguration;
use aws_sdk_bedrockagentruntime::types::KnowledgeBaseVectorSearchConfiguration;
use aws_sdk_bedrockagentruntime::types::RetrievalFilter;
use aws_smithy_types::Document;

use super::Stores;
use super::StoresError;

/// One place in which a manual is found.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trace {
    /// The file itself, by its key.
    Object(String),
    /// What tells the index whose it is, by its key.
    Sidecar(String),
    /// The row of the list.
    Row,
    /// Passages in the index.
    Index(usize),
}

impl Stores {
    /// Everything that is found of the manual `id` of the user `sub`. `words` are some that the manual's passages have: an
    /// index answers questions, and what no question finds it does not tell.
    pub async fn traces_of(
        &self,
        sub: &str,
        id: &str,
        words: &str,
    ) -> Result<Vec<Trace>, StoresError> {
        let mut traces = Vec::new();
        for key in self.objects(sub, sub).await? {
            if key.contains(id) {
                let sidecar = key.ends_with(".metadata.json");
                traces.push(if sidecar { Trace::Sidecar(key) } else { Trace::Object(key) });
            }
        }
        if self.manuals(sub, sub).await?.contains(id) {
            traces.push(Trace::Row);
        }
        match self.passages_of(sub, id, words).await? {
            0 => {}
            many => traces.push(Trace::Index(many)),
        }
        Ok(traces)
    }

    /// Keys of every object of the user `sub`, sidecars too.
    pub async fn objects_of(&self, sub: &str) -> Result<BTreeSet<String>, StoresError> {
        self.objects(sub, sub).await
    }

    /// Passages that the index has of the manual.
    async fn passages_of(&self, sub: &str, id: &str, words: &str) -> Result<usize, StoresError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoresError::Read {
            what: "the index",
            user: sub.to_owned(),
            source,
        };
        let equals = |key: &str, value: &str| {
            let value = Document::String(value.to_owned());
            FilterAttribute::builder().key(key).value(value).build().map(RetrievalFilter::Equals)
        };
        let both = vec![
            equals("user_id", sub).map_err(|error| failed(error.into()))?,
            equals("manual_id", id).map_err(|error| failed(error.into()))?,
        ];
        let search = KnowledgeBaseVectorSearchConfiguration::builder()
            .number_of_results(10)
            .filter(RetrievalFilter::AndAll(both))
            .build();
        let configuration = KnowledgeBaseRetrievalConfiguration::builder()
            .vector_search_configuration(search)
            .build();
        let query = KnowledgeBaseQuery::builder().text(words).build();
        let found = self
            .index
            .retrieve()
            .knowledge_base_id(&self.knowledge_base_id)
            .retrieval_query(query)
            .retrieval_configuration(configuration)
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(found.retrieval_results().len())
    }
}
