//! `Converse`, by the official SDK crate. Questions over the manuals are in `knowledge_base`.
use std::time::Duration;

use aws_sdk_bedrockruntime::error::ProvideErrorMetadata as _;
use aws_sdk_bedrockruntime::operation::converse::ConverseError;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, Message, StopReason, SystemContentBlock,
};
use emulators::{Distribution, LatencyModel};

use crate::knowledge_base::Bench;

const PROMPT: &str = "[1] Kettle, page 2\nThe kettle holds 1.7 litres of water.\n\n\
    Question: How much water does the kettle hold?";

fn message(role: ConversationRole, text: &str) -> Message {
    Message::builder().role(role).content(ContentBlock::Text(text.to_owned())).build().unwrap()
}

fn user(text: &str) -> Message {
    message(ConversationRole::User, text)
}

#[tokio::test]
async fn quotes_the_passage_and_counts_tokens() {
    let bench = Bench::start().await;
    let output = bench
        .model
        .converse()
        .model_id(emulators::TEXT_MODEL_ID)
        .system(SystemContentBlock::Text("Answer from the passages.".to_owned()))
        .messages(user(PROMPT))
        .inference_config(
            InferenceConfiguration::builder().temperature(0.0).max_tokens(500).build(),
        )
        .send()
        .await
        .unwrap();
    let answer = output.output().unwrap().as_message().unwrap();
    assert_eq!(answer.role(), &ConversationRole::Assistant);
    assert_eq!(answer.content()[0].as_text().unwrap(), "The kettle holds 1.7 litres of water. [1]");
    assert_eq!(output.stop_reason(), &StopReason::EndTurn);
    let usage = output.usage().unwrap();
    let input = PROMPT.len().div_ceil(4) + "Answer from the passages.".len().div_ceil(4);
    assert_eq!(usage.input_tokens(), i32::try_from(input).unwrap());
    assert_eq!((usage.output_tokens(), usage.total_tokens()), (11, usage.input_tokens() + 11));
    assert_eq!(output.metrics().unwrap().latency_ms(), 0);
}

#[tokio::test]
async fn refuses_as_aws_does() {
    let bench = Bench::start().await;
    let request = || bench.model.converse().model_id(emulators::TEXT_MODEL_ID);
    let hot = InferenceConfiguration::builder().temperature(1.5).build();
    let empty = Message::builder().role(ConversationRole::User).set_content(Some(vec![])).build();
    for (request, words) in [
        (
            bench.model.converse().model_id("anthropic.none-v1:0").messages(user("a")),
            "model identifier",
        ),
        (request().messages(message(ConversationRole::Assistant, "a")), "must start with a user"),
        (request().messages(user("a")).messages(user("b")), "must alternate"),
        (request().messages(empty.unwrap()), "is empty"),
        (request().messages(user(" ")), "is blank"),
        (request().messages(user("a")).inference_config(hot), "temperature"),
    ] {
        let error = request.send().await.unwrap_err().into_service_error();
        assert!(matches!(error, ConverseError::ValidationException(_)), "{words}: {error:?}");
        assert!(error.message().unwrap().contains(words), "{words}: {error:?}");
    }
}

#[tokio::test]
async fn stops_at_the_token_limit() {
    let bench = Bench::start().await;
    let limit = InferenceConfiguration::builder().max_tokens(3).build();
    let output = bench
        .model
        .converse()
        .model_id(emulators::TEXT_MODEL_ID)
        .messages(user(PROMPT))
        .inference_config(limit)
        .send()
        .await
        .unwrap();
    assert_eq!(output.stop_reason(), &StopReason::MaxTokens);
    assert_eq!(output.usage().unwrap().output_tokens(), 3);
}

#[tokio::test]
async fn takes_the_time_that_its_latency_model_says() {
    let latency =
        LatencyModel { base: Distribution::Constant { ms: 40 }, ms_per_1000_output_tokens: 1000 };
    let bench = Bench::start_with(latency).await;
    let output = bench.model.converse().model_id(emulators::TEXT_MODEL_ID).messages(user(PROMPT));
    let (output, took) = crate::knowledge_base::timed(output.send()).await;
    // 40 ms, and 11 output tokens at 1 ms each.
    assert_eq!(output.unwrap().metrics().unwrap().latency_ms(), 51);
    assert!(took >= Duration::from_millis(51), "{took:?}");
}
