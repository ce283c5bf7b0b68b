//! Retrieval from the Bedrock knowledge base, filtered by the user. The caller checks the results again.

use aws_sdk_bedrockagentruntime::Client;
use aws_sdk_bedrockagentruntime::types::{
    FilterAttribute, KnowledgeBaseQuery, KnowledgeBaseRetrievalConfiguration,
    KnowledgeBaseRetrievalResult, KnowledgeBaseVectorSearchConfiguration, RetrievalFilter,
};
use aws_smithy_types::Document;

use crate::aws::error::{other, port_error};
use crate::context::dependency;
use crate::defects::{self, Defect};
use crate::domain::prompt::Passage;
use crate::domain::user::UserId;
use crate::ports::{Dependency, PortError, PortErrorKind, PortFuture, Search};

/// Where the knowledge base says on which page of a PDF a passage was.
const PAGE_NUMBER: &str = "x-amz-bedrock-kb-document-page-number";

/// One knowledge base.
#[derive(Debug)]
pub(super) struct BedrockSearch {
    client: Client,
    knowledge_base_id: String,
}

impl BedrockSearch {
    pub(super) fn new(client: Client, knowledge_base_id: &str) -> Self {
        Self { client, knowledge_base_id: knowledge_base_id.to_owned() }
    }
}

impl Search for BedrockSearch {
    fn retrieve<'a>(
        &'a self,
        user: &'a UserId,
        question: &'a str,
        results: u32,
    ) -> PortFuture<'a, Vec<Passage>> {
        Box::pin(async move {
            let configuration = KnowledgeBaseRetrievalConfiguration::builder()
                .vector_search_configuration(vector_search(user, results)?)
                .build();
            let call = self
                .client
                .retrieve()
                .knowledge_base_id(&self.knowledge_base_id)
                .retrieval_query(KnowledgeBaseQuery::builder().text(question).build())
                .retrieval_configuration(configuration);
            let found = dependency(call.send())
                .await
                .map_err(|error| port_error(Dependency::Search, "Retrieve", error))?;
            Ok(found.retrieval_results().iter().map(passage).collect())
        })
    }
}

/// One condition is sent as it is: `andAll` takes two or more.
fn vector_search(
    user: &UserId,
    results: u32,
) -> Result<KnowledgeBaseVectorSearchConfiguration, PortError> {
    let number = i32::try_from(results).unwrap_or(i32::MAX);
    let mut search = KnowledgeBaseVectorSearchConfiguration::builder().number_of_results(number);
    if !defects::is_on(Defect::RetrievalFilterDropped) {
        let own = FilterAttribute::builder()
            .key("user_id")
            .value(Document::String(user.as_str().to_owned()))
            .build()
            .map_err(|error| {
                other(Dependency::Search, "building a filter", PortErrorKind::Corrupt, error)
            })?;
        search = search.filter(RetrievalFilter::Equals(own));
    }
    Ok(search.build())
}

/// What is missing in a result is empty; a passage without a user is then nobody's and is dropped by the caller.
fn passage(result: &KnowledgeBaseRetrievalResult) -> Passage {
    let attribute = |name: &str| result.metadata().and_then(|metadata| metadata.get(name));
    let text =
        |name: &str| attribute(name).and_then(Document::as_string).unwrap_or_default().to_owned();
    Passage {
        user_id: text("user_id"),
        manual_id: text("manual_id"),
        manual_name: text("manual_name"),
        page: attribute(PAGE_NUMBER).and_then(page),
        text: result.content().map(|content| content.text().to_owned()).unwrap_or_default(),
        score: result.score().unwrap_or_default(),
    }
}

/// Pages are whole numbers that may be written as `3`, `3.0` or `"3"`.
fn page(value: &Document) -> Option<u32> {
    let text = match value.as_number() {
        Some(number) => number.to_f64_lossy().to_string(),
        None => value.as_string()?.to_owned(),
    };
    text.trim().parse().ok().filter(|page| *page > 0)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::Number;

    use super::*;

    #[test]
    fn pages_are_read_in_each_form() {
        assert_eq!(page(&Document::Number(Number::PosInt(3))), Some(3));
        assert_eq!(page(&Document::Number(Number::Float(3.0))), Some(3));
        assert_eq!(page(&Document::String("12".to_owned())), Some(12));
        assert_eq!(page(&Document::Number(Number::Float(3.5))), None);
        assert_eq!(page(&Document::Number(Number::NegInt(-1))), None);
        assert_eq!(page(&Document::Bool(true)), None);
    }
}
