//! `Converse`: the checks of a conversation that the service's model does not state, in AWS's words,
//! and the shape of the output. Pure; time and transport are elsewhere.
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::extractive::Extractor;
use super::models::{self, Model};
use super::{prompt, tokens};
use crate::service::AwsError;

/// A conversation that may be answered.
#[derive(Debug)]
pub(super) struct Request {
    model: Model,
    /// Every text of the system prompt and of the messages, in order.
    texts: Vec<String>,
    /// The text of the last user message.
    prompt: String,
    tokens_max: u64,
    stop_sequences: Vec<String>,
}

/// An answer, and what it cost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    text: String,
    stop_reason: &'static str,
    input_tokens: u64,
    pub(super) output_tokens: u64,
}

impl Request {
    /// Checks `input`, which fits the service's model already.
    pub(super) fn parse(input: &Value) -> Result<Self, AwsError> {
        let model = models::find(input["modelId"].as_str().unwrap_or_default())?;
        if input.get("toolConfig").is_some() {
            return Err(unsupported("toolConfig"));
        }
        let tokens_max = output_limit(input, model)?;
        let mut texts = system_texts(input)?;
        let mut prompt = String::new();
        let none = Vec::new();
        let messages = input["messages"].as_array().unwrap_or(&none);
        check_roles(messages)?;
        for (index, message) in messages.iter().enumerate() {
            let text = message_text(index, message)?;
            if message["role"] == "user" {
                prompt.clone_from(&text);
            }
            texts.push(text);
        }
        let stop_sequences = input["inferenceConfig"]["stopSequences"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|sequence| sequence.as_str().map(str::to_owned))
            .collect();
        Ok(Self { model, texts, prompt, tokens_max, stop_sequences })
    }

    /// A hash of everything that was sent to the model.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for text in &self.texts {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }

    /// The model's answer to the last user message.
    pub(super) fn complete(&self, extractor: &Extractor) -> Completion {
        let answer = extractor.answer(&prompt::parse(&self.prompt));
        let stop =
            self.stop_sequences.iter().filter_map(|sequence| answer.find(sequence.as_str())).min();
        let (wanted, reason) = match stop {
            Some(end) => (&answer[..end], "stop_sequence"),
            None => (answer.as_str(), "end_turn"),
        };
        let (text, cut) =
            tokens::truncate(wanted, self.tokens_max.min(self.model.output_tokens_max));
        Completion {
            text: text.to_owned(),
            stop_reason: if cut { "max_tokens" } else { reason },
            input_tokens: self.texts.iter().map(|text| tokens::count(text)).sum(),
            output_tokens: tokens::count(text),
        }
    }
}

impl Completion {
    /// The members of `ConverseResponse`; `latency` is the model's own time.
    pub(super) fn into_output(self, latency: Duration) -> Value {
        json!({
            "output": { "message": { "role": "assistant", "content": [{ "text": self.text }] } },
            "stopReason": self.stop_reason,
            "usage": {
                "inputTokens": self.input_tokens,
                "outputTokens": self.output_tokens,
                "totalTokens": self.input_tokens.saturating_add(self.output_tokens),
            },
            "metrics": { "latencyMs": u64::try_from(latency.as_millis()).unwrap_or(u64::MAX) },
        })
    }
}

fn output_limit(input: &Value, model: Model) -> Result<u64, AwsError> {
    let limit = model.output_tokens_max;
    match input["inferenceConfig"]["maxTokens"].as_u64() {
        Some(asked) if asked > limit => Err(AwsError::validation(format!(
            "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum \
             tokens value that is lower than {limit}."
        ))),
        Some(asked) => Ok(asked),
        None => Ok(limit),
    }
}

fn system_texts(input: &Value) -> Result<Vec<String>, AwsError> {
    let mut texts = Vec::new();
    for (index, block) in input["system"].as_array().into_iter().flatten().enumerate() {
        match block["text"].as_str() {
            Some(text) if text.trim().is_empty() => {
                return Err(AwsError::validation(format!(
                    "The text field in the SystemContentBlock object at system.{index} is blank. Add text to \
                     the text field, and try again."
                )));
            }
            Some(text) => texts.push(text.to_owned()),
            None if block.get("cachePoint").is_some() => {}
            None => return Err(unsupported(first_member(block))),
        }
    }
    Ok(texts)
}

/// A conversation begins with the user and alternates.
fn check_roles(messages: &[Value]) -> Result<(), AwsError> {
    if messages.first().is_none_or(|message| message["role"] != "user") {
        return Err(AwsError::validation(
            "A conversation must start with a user message. Try again with a conversation that starts with a \
             user message.",
        ));
    }
    if messages.windows(2).any(|pair| pair[0]["role"] == pair[1]["role"]) {
        return Err(AwsError::validation(
            "A conversation must alternate between user and assistant roles. Make sure the conversation \
             alternates between user and assistant roles and try again.",
        ));
    }
    Ok(())
}

/// The text blocks of one message, joined by line breaks.
fn message_text(index: usize, message: &Value) -> Result<String, AwsError> {
    let none = Vec::new();
    let blocks = message["content"].as_array().unwrap_or(&none);
    if blocks.is_empty() {
        return Err(AwsError::validation(format!(
            "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object \
             to the content field and try again."
        )));
    }
    let mut texts = Vec::new();
    for (block_index, block) in blocks.iter().enumerate() {
        match block["text"].as_str() {
            Some(text) if text.trim().is_empty() => {
                return Err(AwsError::validation(format!(
                    "The text field in the ContentBlock object at messages.{index}.content.{block_index} is \
                     blank. Add text to the text field, and try again."
                )));
            }
            Some(text) => texts.push(text),
            None if block.get("cachePoint").is_some() => {}
            None => return Err(unsupported(first_member(block))),
        }
    }
    Ok(texts.join("\n"))
}

fn first_member(block: &Value) -> &str {
    block.as_object().and_then(|members| members.keys().next()).map_or("content", String::as_str)
}

fn unsupported(field: &str) -> AwsError {
    AwsError::validation(format!(
        "This model doesn't support the {field} field. Remove {field} and try again."
    ))
}

#[cfg(test)]
mod tests;
