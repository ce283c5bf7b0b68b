//! Ingestion and retrieval, by the official SDK crates.
#[path = "../../examples/make_manuals/blocks.rs"]
mod blocks;
#[path = "../../examples/make_manuals/pdf.rs"]
mod pdf;

mod bench;
mod fixtures;
mod load;
mod questions;

use aws_sdk_bedrockagent::operation::start_ingestion_job::StartIngestionJobError;
use aws_sdk_bedrockagent::types::{
    IngestionJobSortBy, IngestionJobSortByAttribute, IngestionJobStatus, SortOrder,
};
use aws_sdk_bedrockagentruntime::error::ProvideErrorMetadata as _;
use aws_sdk_bedrockagentruntime::operation::retrieve::RetrieveError;
use aws_sdk_bedrockagentruntime::types::{FilterAttribute, RetrievalFilter};
use aws_smithy_types::Document;

use self::bench::equals;
pub(crate) use self::bench::{Bench, timed};

const KETTLE: &str = "<!-- page 1 -->\n# Kettle\n\nThe kettle holds 1.7 litres.\n\n<!-- page 2 -->\nThe lid opens by a button.\n";

#[tokio::test]
async fn content_shows_with_the_completed_job_in_the_shape_of_aws() {
    let bench = Bench::start().await;
    bench.put("manuals/u1/kettle.md", KETTLE.as_bytes(), "u1").await;
    assert!(bench.retrieve("kettle litres", equals("u1")).await.is_empty());

    let job = bench.ingest().await;
    let statistics = job.statistics().unwrap();
    assert_eq!(statistics.number_of_documents_scanned(), 1);
    assert_eq!(statistics.number_of_metadata_documents_scanned(), 1);
    assert_eq!(statistics.number_of_new_documents_indexed(), 1);

    let results = bench.retrieve("which button opens the lid", equals("u1")).await;
    assert_eq!(results.len(), 1);
    let result = &results[0];
    assert_eq!(result.content().unwrap().text(), "The lid opens by a button.");
    let uri = format!("s3://{}/manuals/u1/kettle.md", bench.bucket);
    assert_eq!(result.location().unwrap().s3_location().unwrap().uri(), Some(uri.as_str()));
    assert!((0.0..=1.0).contains(&result.score().unwrap()));
    let metadata = result.metadata().unwrap();
    assert_eq!(metadata["x-amz-bedrock-kb-source-uri"], Document::from(uri));
    assert_eq!(bench::page(result), Some(2));
    assert_eq!(metadata["user_id"], Document::from("u1"));
    assert_eq!(
        metadata["x-amz-bedrock-kb-data-source-id"],
        Document::from(bench.data_source_id.clone())
    );
    assert_eq!(metadata["x-amz-bedrock-kb-chunk-id"].as_string().unwrap().len(), 36);
}

#[tokio::test]
async fn jobs_are_incremental() {
    let bench = Bench::start().await;
    bench.put("manuals/u1/kettle.md", KETTLE.as_bytes(), "u1").await;
    bench.put("manuals/u1/lamp.txt", b"The lamp is green.", "u1").await;
    bench.put("other/u1/secret.txt", b"The lamp is outside the prefix.", "u1").await;
    bench.ingest().await;

    let same = bench.ingest().await;
    let counted = same.statistics().unwrap();
    assert_eq!(counted.number_of_documents_scanned(), 2);
    assert_eq!(counted.number_of_new_documents_indexed(), 0);
    assert_eq!(counted.number_of_modified_documents_indexed(), 0);

    bench.put("manuals/u1/lamp.txt", b"The lamp is violet.", "u1").await;
    bench.delete("manuals/u1/kettle.md").await;
    let changed = bench.ingest().await;
    let counted = changed.statistics().unwrap();
    assert_eq!(counted.number_of_modified_documents_indexed(), 1);
    assert_eq!(counted.number_of_documents_deleted(), 1);
    assert!(bench.retrieve("kettle litres", equals("u1")).await.is_empty());
    let lamp = bench.retrieve("lamp", equals("u1")).await;
    assert_eq!(lamp[0].content().unwrap().text(), "The lamp is violet.");
    assert_eq!(bench::page(&lamp[0]), None);

    bench.put("manuals/u1/lamp.txt", b"The lamp is violet.", "u2").await;
    let counted = bench.ingest().await;
    assert_eq!(counted.statistics().unwrap().number_of_metadata_documents_modified(), 1);
    assert!(bench.retrieve("lamp", equals("u1")).await.is_empty());
    assert_eq!(bench.retrieve("lamp", equals("u2")).await.len(), 1);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_counted_and_the_job_completes() {
    let bench = Bench::start().await;
    let mut truncated = std::fs::read(fixtures::manuals_folder().join("router.pdf")).unwrap();
    truncated.truncate(truncated.len() / 2);
    bench.put("manuals/u1/broken.pdf", &truncated, "u1").await;
    bench.put("manuals/u1/liar.pdf", b"not a PDF at all", "u1").await;
    bench.put("manuals/u1/latin.txt", b"caf\xe9", "u1").await;
    bench.put("manuals/u1/picture.png", b"\x89PNG", "u1").await;
    bench.put("manuals/u1/good.txt", b"The lamp is green.", "u1").await;
    bench.put_object("manuals/u1/sidecar.txt", b"text").await;
    bench.put_object("manuals/u1/sidecar.txt.metadata.json", b"{").await;

    let job = bench.ingest().await;
    let statistics = job.statistics().unwrap();
    assert_eq!(statistics.number_of_documents_failed(), 5, "{job:?}");
    assert_eq!(statistics.number_of_new_documents_indexed(), 1);
    let reasons = job.failure_reasons().join("\n");
    for file in ["broken.pdf", "liar.pdf", "latin.txt", "picture.png", "sidecar.txt"] {
        assert!(reasons.contains(&format!("/manuals/u1/{file}")), "{file}: {reasons}");
    }
    assert_eq!(bench.retrieve("lamp", equals("u1")).await.len(), 1);
}

#[tokio::test]
async fn one_job_at_a_time_and_a_client_token_starts_one() {
    let bench = Bench::start().await;
    // Enough different manuals to keep the first job busy while the second is refused.
    let manual = std::fs::read(fixtures::manuals_folder().join("router.pdf")).unwrap();
    for number in 0..60 {
        let different = [manual.as_slice(), format!("\n% {number}").as_bytes()].concat();
        bench.put(&format!("manuals/u1/{number}.pdf"), &different, "u1").await;
    }
    let token = "t".repeat(33);
    let start = || bench.agent.start_ingestion_job().client_token(&token);
    let first = bench.start_job(start()).await.unwrap();
    let refused = bench.start_job(bench.agent.start_ingestion_job()).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, StartIngestionJobError::ConflictException(_)), "{error:?}");
    assert!(error.to_string().contains("onflict"), "{error}");
    let again = bench.start_job(start()).await.unwrap();
    assert_eq!(again, first);
    let job = bench.wait(&first).await;
    assert_eq!(job.statistics().unwrap().number_of_new_documents_indexed(), 60, "{job:?}");
    assert_eq!(bench.start_job(start()).await.unwrap(), first);

    let second = bench.start_job(bench.agent.start_ingestion_job()).await.unwrap();
    assert_ne!(second, first);
    bench.wait(&second).await;
    let listed = bench
        .agent
        .list_ingestion_jobs()
        .knowledge_base_id(&bench.knowledge_base_id)
        .data_source_id(&bench.data_source_id)
        .sort_by(
            IngestionJobSortBy::builder()
                .attribute(IngestionJobSortByAttribute::StartedAt)
                .order(SortOrder::Descending)
                .build()
                .unwrap(),
        )
        .max_results(1)
        .send()
        .await
        .unwrap();
    assert_eq!(listed.ingestion_job_summaries()[0].ingestion_job_id(), second);
    assert_eq!(listed.ingestion_job_summaries()[0].status(), &IngestionJobStatus::Complete);
    assert!(listed.next_token().is_some());
}

#[tokio::test]
async fn requests_that_aws_refuses_are_refused() {
    let bench = Bench::start().await;
    let short = bench.start_job(bench.agent.start_ingestion_job().client_token("short")).await;
    assert!(matches!(short.unwrap_err(), StartIngestionJobError::ValidationException(_)));

    let unknown = bench.runtime.retrieve().knowledge_base_id("UNKNOWN000");
    let error = bench.send(unknown, "lamp", None, 5).await.unwrap_err();
    assert!(matches!(error, RetrieveError::ResourceNotFoundException(_)), "{error:?}");
    let missing = bench
        .agent
        .get_ingestion_job()
        .knowledge_base_id(&bench.knowledge_base_id)
        .data_source_id(&bench.data_source_id)
        .ingestion_job_id("AAAAAAAAAA")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");

    let here = || bench.runtime.retrieve().knowledge_base_id(&bench.knowledge_base_id);
    for results in [0, 101] {
        let error = bench.send(here(), "lamp", None, results).await.unwrap_err();
        assert_eq!(error.code(), Some("ValidationException"), "{results}: {error:?}");
    }
    let error = bench.send(here(), " ", None, 5).await.unwrap_err();
    assert_eq!(error.message(), Some("Text input is required."));
    let long = bench.send(here(), &"a".repeat(1001), None, 5).await.unwrap_err();
    assert_eq!(long.code(), Some("ValidationException"));
    let alone = RetrievalFilter::AndAll(vec![equals("u1")]);
    let group = RetrievalFilter::OrAll(vec![equals("u1"), equals("u2")]);
    let deep = RetrievalFilter::AndAll(vec![
        equals("u1"),
        RetrievalFilter::OrAll(vec![
            equals("u1"),
            RetrievalFilter::AndAll(vec![equals("u1"), group]),
        ]),
    ]);
    for filter in [alone, deep] {
        let error = bench.send(here(), "lamp", Some(filter), 5).await.unwrap_err();
        assert_eq!(error.code(), Some("ValidationException"), "{error:?}");
    }
}

#[tokio::test]
async fn filters_combine() {
    let bench = Bench::start().await;
    for user in ["u1", "u2", "u3"] {
        let text = format!("The lamp of {user} is green.");
        bench.put(&format!("manuals/{user}/lamp.txt"), text.as_bytes(), user).await;
    }
    bench.ingest().await;
    let of = |filter| async { Bench::users_of(&bench.retrieve("lamp", filter).await) };
    assert_eq!(of(equals("u2")).await, ["u2"]);
    let attribute =
        |value: Document| FilterAttribute::builder().key("user_id").value(value).build().unwrap();
    let one_of = attribute(Document::from(vec![Document::from("u1"), Document::from("u3")]));
    assert_eq!(of(RetrievalFilter::In(one_of)).await, ["u1", "u3"]);
    let others = attribute(Document::from("u1"));
    assert_eq!(of(RetrievalFilter::NotEquals(others)).await, ["u2", "u3"]);
    let either = RetrievalFilter::OrAll(vec![equals("u1"), equals("u3")]);
    assert_eq!(of(RetrievalFilter::AndAll(vec![either, equals("u3")])).await, ["u3"]);
    assert!(of(equals("nobody")).await.is_empty());
}

#[tokio::test]
async fn retrieves_that_name_no_user_are_counted() {
    let bench = Bench::start().await;
    let attribute = |key: &str, value: Document| {
        FilterAttribute::builder().key(key).value(value).build().unwrap()
    };
    let manual = || RetrievalFilter::Equals(attribute("manual_id", Document::from("m1")));
    let either = || RetrievalFilter::OrAll(vec![equals("u1"), manual()]);
    let unlike = || RetrievalFilter::NotEquals(attribute("user_id", Document::from("u1")));
    let one_of = attribute("user_id", Document::from(vec![Document::from("u1")]));
    let both = RetrievalFilter::AndAll(vec![manual(), equals("u1")]);
    for (filter, counted) in [
        (Some(equals("u1")), 0),
        (Some(both), 0),
        (None, 1),
        (Some(manual()), 2),
        (Some(either()), 3),
        (Some(unlike()), 4),
        (Some(RetrievalFilter::In(one_of)), 5),
        (Some(RetrievalFilter::AndAll(vec![either(), equals("u1")])), 5),
    ] {
        let what = format!("{filter:?}");
        let here = bench.runtime.retrieve().knowledge_base_id(&bench.knowledge_base_id);
        bench.send(here, "lamp", filter, 5).await.unwrap();
        assert_eq!(bench.unfiltered_retrieves().await, counted, "{what}");
    }
}
