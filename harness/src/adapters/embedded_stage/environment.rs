//! The environment of a backend on an embedded stage (api.md, "Configuration"): as values for a process, and as a file
//! for a person with a debugger.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use verdict::domain::stage::Limits;
use verdict::domain::stage::Resources;

use super::EmbeddedStage;
use super::REGION;
use super::stage_json::write_private;

/// AWS service name → the SDK's variable for its endpoint (SDK reference guide, "Service-specific endpoints").
const ENDPOINT_VARIABLES: &[(&str, &str)] = &[
    ("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"),
    ("s3", "AWS_ENDPOINT_URL_S3"),
    ("cognito-idp", "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"),
    ("bedrock-runtime", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
    ("bedrock-agent", "AWS_ENDPOINT_URL_BEDROCK_AGENT"),
    ("bedrock-agent-runtime", "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME"),
    ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ("transcribe", "AWS_ENDPOINT_URL_TRANSCRIBE"),
    ("sqs", "AWS_ENDPOINT_URL_SQS"),
    ("sns", "AWS_ENDPOINT_URL_SNS"),
];

/// The variable for a service's endpoint.
pub fn endpoint_variable(service: &str) -> Option<&'static str> {
    ENDPOINT_VARIABLES.iter().find(|(name, _)| *name == service).map(|(_, variable)| *variable)
}

/// Nobody listens on port 9 (discard): a service that the stage does not have must not be looked for at AWS.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What differs from stage to stage.
#[derive(Clone, Debug)]
pub struct BackendSettings {
    /// `127.0.0.1:0` unless a person must know the port beforehand.
    pub bind_address: String,
    /// Quotas; a rate limit only where one is enforced.
    pub limits: Limits,
    /// Seeded defects to switch on.
    pub defects: Vec<String>,
    /// Inherited from the surroundings: `PATH` and the like.
    pub passed_on: BTreeMap<String, String>,
    /// What the request sets; wins over everything else.
    pub overrides: BTreeMap<String, String>,
}

pub(super) fn variables(
    stage: &EmbeddedStage,
    resources: &Resources,
    settings: &BackendSettings,
) -> BTreeMap<String, String> {
    let names = stage.emulators.resources();
    let (access_key_id, secret_access_key) = stage.emulators.backend_credentials();
    let own = |text: &str| text.to_owned();
    let mut variables = settings.passed_on.clone();
    let fixed = [
        ("STAGE", own("local")),
        ("AWS_REGION", own(REGION)),
        ("AWS_ACCESS_KEY_ID", access_key_id),
        ("AWS_SECRET_ACCESS_KEY", secret_access_key),
        // The engineer's own profile and a machine's role stay out of it.
        ("AWS_CONFIG_FILE", own("/dev/null")),
        ("AWS_SHARED_CREDENTIALS_FILE", own("/dev/null")),
        ("AWS_EC2_METADATA_DISABLED", own("true")),
        ("AWS_ENDPOINT_URL", own(NOWHERE)),
        ("USER_POOL_ID", own(&names.user_pool_id)),
        ("USER_POOL_CLIENT_ID", own(&names.client_id)),
        ("JWKS_URL", own(&names.jwks_url)),
        ("MANUALS_BUCKET", own(&resources.manuals_bucket)),
        ("AUDIO_BUCKET", own(&resources.audio_bucket)),
        ("USAGE_TABLE", own(&resources.usage_table)),
        ("MANUALS_TABLE", own(&resources.manuals_table)),
        ("RATE_LIMIT_TABLE", own(&resources.rate_limit_table)),
        ("ERRORS_TABLE", own(&resources.errors_table)),
        ("KNOWLEDGE_BASE_ID", own(&resources.knowledge_base_id)),
        ("DATA_SOURCE_ID", own(&resources.data_source_id)),
        ("TEXT_MODEL_ID", own(emulators::TEXT_MODEL_ID)),
        ("HMAC_KEY_SECRET_ID", own(&names.hmac_secret_id)),
        ("HMAC_ACCEPT_LEGACY", own("false")),
        ("BIND_ADDRESS", settings.bind_address.clone()),
        ("DAILY_QUOTA", settings.limits.daily_quota.to_string()),
        ("MONTHLY_QUOTA", settings.limits.monthly_quota.to_string()),
        ("TEST_CLOCK_FILE", stage.clock_file.display().to_string()),
        ("TEST_EGRESS", stage.egress_file.display().to_string()),
    ];
    variables.extend(fixed.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let endpoints = stage.backend_endpoints();
    // The keys of the user pool come the same way as its other answers.
    if let (Some(direct), Some(through)) =
        (stage.emulators.endpoints().get("cognito-idp"), endpoints.get("cognito-idp"))
    {
        variables.insert("JWKS_URL".to_owned(), names.jwks_url.replace(direct, through));
    }
    for (service, variable) in ENDPOINT_VARIABLES {
        if let Some(endpoint) = endpoints.get(*service) {
            variables.insert((*variable).to_owned(), endpoint.clone());
        }
    }
    let messages = [
        ("DLQ_URL", &resources.dead_letter_queue_url),
        ("ALERTS_TOPIC_ARN", &resources.alerts_topic_arn),
    ];
    for (variable, value) in messages {
        if let Some(value) = value {
            variables.insert(variable.to_owned(), value.clone());
        }
    }
    if let Some(rate) = settings.limits.rate_limit {
        variables.insert("RATE_LIMIT_REQUESTS".to_owned(), rate.requests.to_string());
        variables.insert("RATE_LIMIT_WINDOW_S".to_owned(), rate.window_s.to_string());
    }
    if !settings.defects.is_empty() {
        variables.insert("MANUEL_DEFECTS".to_owned(), settings.defects.join(","));
    }
    variables.extend(settings.overrides.clone());
    variables
}

/// Writes `variables` as `NAME=value` lines that a shell (`set -a; . FILE`) and a debugger's `envFile` both read; mode
/// 0600.
pub fn env_file(path: &Path, variables: &BTreeMap<String, String>) -> io::Result<()> {
    let mut lines = String::new();
    for (name, value) in variables {
        lines.extend([name, "=", &quoted(value), "\n"]);
    }
    write_private(path, lines.as_bytes())
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@+=%".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let value = "it's $HOME `x` \"y\" #";
        let variables = [("A".to_owned(), value.to_owned()), ("B".to_owned(), "b:/1".to_owned())];
        env_file(&file, &variables.into()).unwrap();
        let script = format!("set -a; . {}; printf '%s|%s' \"$A\" \"$B\"", file.display());
        let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(shell.stdout).unwrap(), format!("{value}|b:/1"));
    }
}
