//! The model ids that the emulated Bedrock offers, with what AWS documents of each. Data only.
use crate::service::AwsError;

/// The model that emulated stages are configured with: an inference profile of the EU regions.
pub const TEXT_MODEL_ID: &str = "eu.anthropic.claude-3-haiku-20240307-v1:0";

/// What `Converse` needs to know of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    id: &'static str,
    /// Whether the bare id can be called; otherwise only an inference profile can.
    on_demand: bool,
    /// The most output tokens that may be asked for, and what is produced when nothing is.
    pub(super) output_tokens_max: u64,
}

const MODELS: [Model; 7] = [
    Model {
        id: "anthropic.claude-3-haiku-20240307-v1:0",
        on_demand: true,
        output_tokens_max: 4096,
    },
    Model {
        id: "anthropic.claude-3-sonnet-20240229-v1:0",
        on_demand: true,
        output_tokens_max: 4096,
    },
    Model {
        id: "anthropic.claude-3-5-sonnet-20240620-v1:0",
        on_demand: true,
        output_tokens_max: 8192,
    },
    Model {
        id: "anthropic.claude-3-7-sonnet-20250219-v1:0",
        on_demand: false,
        output_tokens_max: 131_072,
    },
    Model {
        id: "anthropic.claude-haiku-4-5-20251001-v1:0",
        on_demand: false,
        output_tokens_max: 64_000,
    },
    Model { id: "amazon.nova-lite-v1:0", on_demand: true, output_tokens_max: 10_000 },
    Model { id: "amazon.nova-micro-v1:0", on_demand: true, output_tokens_max: 10_000 },
];

/// The model that `id` (a model id, an inference profile's id, or the ARN of either) names.
pub(super) fn find(id: &str) -> Result<Model, AwsError> {
    let name = match id.strip_prefix("arn:") {
        Some(arn) => arn.rsplit('/').next().unwrap_or_default(),
        None => id,
    };
    let profile =
        ["eu.", "us.", "apac.", "global."].iter().find_map(|area| name.strip_prefix(area));
    let model = MODELS.iter().find(|model| model.id == profile.unwrap_or(name));
    let Some(model) = model else {
        return Err(AwsError::validation("The provided model identifier is invalid."));
    };
    if profile.is_none() && !model.on_demand {
        return Err(AwsError::validation(format!(
            "Invocation of model ID {} with on-demand throughput isn\u{2019}t supported. Retry your request \
             with the ID or ARN of an inference profile that contains this model.",
            model.id
        )));
    }
    Ok(*model)
}

#[cfg(test)]
mod tests {
    use super::{TEXT_MODEL_ID, find};

    #[test]
    fn finds_models_by_id_profile_and_arn() {
        for id in [
            TEXT_MODEL_ID,
            "anthropic.claude-3-haiku-20240307-v1:0",
            "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
            "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-micro-v1:0",
        ] {
            assert!(find(id).is_ok(), "{id}");
        }
    }

    #[test]
    fn refuses_in_the_words_of_aws() {
        let unknown = find("anthropic.claude-9").unwrap_err();
        assert_eq!(unknown.message, "The provided model identifier is invalid.");
        let bare = find("anthropic.claude-haiku-4-5-20251001-v1:0").unwrap_err();
        assert!(bare.message.starts_with("Invocation of model ID"), "{}", bare.message);
    }
}
