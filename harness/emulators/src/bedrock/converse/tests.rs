//! Conversations in, completions or AWS's words out.
use serde_json::{Value, json};

use super::Request;
use crate::bedrock::extractive::Extractor;

fn request(messages: &Value) -> Value {
    json!({ "modelId": crate::bedrock::TEXT_MODEL_ID, "messages": messages })
}

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": [{ "text": text }] })
}

fn refusal(input: &Value) -> String {
    let error = Request::parse(input).unwrap_err();
    assert_eq!((error.status, error.code), (400, "ValidationException"));
    error.message
}

#[test]
fn refuses_conversations_in_the_words_of_aws() {
    let assistant = json!({ "role": "assistant", "content": [{ "text": "Hello." }] });
    let cases = [
        (json!([]), "A conversation must start with a user message."),
        (json!([assistant]), "A conversation must start with a user message."),
        (json!([user("a"), user("b")]), "A conversation must alternate between user and assistant"),
        (
            json!([{ "role": "user", "content": [] }]),
            "The content field in the Message object at messages.0",
        ),
        (
            json!([user(" ")]),
            "The text field in the ContentBlock object at messages.0.content.0 is blank.",
        ),
        (
            json!([{ "role": "user", "content": [{ "image": {} }] }]),
            "This model doesn't support the image field.",
        ),
    ];
    for (messages, beginning) in cases {
        let message = refusal(&request(&messages));
        assert!(message.starts_with(beginning), "{messages}: {message}");
    }
    let mut input = request(&json!([user("a")]));
    input["inferenceConfig"] = json!({ "maxTokens": 1_000_000 });
    assert!(refusal(&input).contains("exceeds the model limit of 4096"));
}

#[test]
fn counts_tokens_and_honours_their_limit() {
    let prompt = "[1] Kettle, page 2\nThe kettle holds 1.7 litres of water.\n\nQuestion: How much water does the kettle hold?";
    let mut input = request(&json!([user(prompt)]));
    input["system"] = json!([{ "text": "Answer from the passages." }]);
    let extractor = Extractor::new();
    let whole = Request::parse(&input).unwrap().complete(&extractor);
    assert_eq!(whole.text, "The kettle holds 1.7 litres of water. [1]");
    assert_eq!((whole.stop_reason, whole.output_tokens), ("end_turn", 11));
    assert_eq!(whole.input_tokens, u64::try_from(prompt.len().div_ceil(4) + 7).unwrap());

    input["inferenceConfig"] = json!({ "maxTokens": 3 });
    let cut = Request::parse(&input).unwrap().complete(&extractor);
    assert_eq!(
        (cut.text.as_str(), cut.stop_reason, cut.output_tokens),
        ("The kettle h", "max_tokens", 3)
    );

    input["inferenceConfig"] = json!({ "stopSequences": ["litres", "kettle"] });
    let stopped = Request::parse(&input).unwrap().complete(&extractor);
    assert_eq!((stopped.text.as_str(), stopped.stop_reason), ("The ", "stop_sequence"));
}
