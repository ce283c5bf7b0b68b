//! The language model, by Bedrock's Converse.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseOutput, InferenceConfiguration, Message, StopReason,
    SystemContentBlock,
};

use crate::aws::error::{other, port_error};
use crate::context::dependency;
use crate::domain::cost::TokenUse;
use crate::ports::{Dependency, Model, ModelAnswer, PortError, PortErrorKind, PortFuture};

/// The longest answer, in tokens.
const OUTPUT_TOKENS_MAX: i32 = 1024;

/// One model.
#[derive(Debug)]
pub(super) struct BedrockModel {
    client: Client,
    model_id: String,
}

impl BedrockModel {
    pub(super) fn new(client: Client, model_id: &str) -> Self {
        Self { client, model_id: model_id.to_owned() }
    }
}

impl Model for BedrockModel {
    fn converse<'a>(&'a self, system: &'a str, message: &'a str) -> PortFuture<'a, ModelAnswer> {
        Box::pin(async move {
            let message = Message::builder()
                .role(ConversationRole::User)
                .content(ContentBlock::Text(message.to_owned()))
                .build()
                .map_err(|error| {
                    other(Dependency::Model, "building a message", PortErrorKind::Corrupt, error)
                })?;
            let inference = InferenceConfiguration::builder()
                .max_tokens(OUTPUT_TOKENS_MAX)
                .temperature(0.0)
                .build();
            let call = self
                .client
                .converse()
                .model_id(&self.model_id)
                .system(SystemContentBlock::Text(system.to_owned()))
                .messages(message)
                .inference_config(inference);
            let answer = dependency(call.send())
                .await
                .map_err(|error| port_error(Dependency::Model, "Converse", error))?;
            let tokens = answer.usage().map(|usage| TokenUse {
                input: u64::try_from(usage.input_tokens()).unwrap_or(0),
                output: u64::try_from(usage.output_tokens()).unwrap_or(0),
            });
            let complete =
                matches!(answer.stop_reason(), StopReason::EndTurn | StopReason::StopSequence);
            let text = answer.output().map(text_in).unwrap_or_default();
            match tokens {
                Some(tokens) if !text.trim().is_empty() => {
                    Ok(ModelAnswer { text, tokens, complete })
                }
                // An answer without text or without its price is none.
                _ => Err(PortError::new(Dependency::Model, "Converse", PortErrorKind::Corrupt)),
            }
        })
    }

    fn id(&self) -> &str {
        &self.model_id
    }
}

fn text_in(output: &ConverseOutput) -> String {
    let ConverseOutput::Message(message) = output else { return String::new() };
    message.content().iter().filter_map(|block| block.as_text().ok()).map(String::as_str).collect()
}
