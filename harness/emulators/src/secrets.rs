//! Emulated Secrets Manager: four operations over secrets in memory, with AWS's staging labels.
//! It never logs a value.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Clock;
use crate::service::{AwsError, Call, Service};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The service. None of this is `Debug`: a value must not reach a log.
pub(crate) struct Secrets {
    clock: Clock,
    arn_prefix: String,
    by_name: Mutex<BTreeMap<String, Secret>>,
}

struct Secret {
    arn: String,
    description: Option<String>,
    created: f64,
    changed: f64,
    versions: BTreeMap<String, Version>,
}

struct Version {
    /// `SecretString` or `SecretBinary` with its value.
    content: (&'static str, String),
    created: f64,
    stages: Vec<String>,
}

impl Secrets {
    /// A service with one secret.
    pub(crate) fn new(
        clock: Clock,
        (region, account_id): (&str, &str),
        (name, value): (&str, &str),
    ) -> Self {
        let arn_prefix = format!("arn:aws:secretsmanager:{region}:{account_id}:secret:");
        let service = Self { clock, arn_prefix, by_name: Mutex::default() };
        let content = ("SecretString", value.to_owned());
        let secret = service.new_secret(name, None, Some((Uuid::new_v4().to_string(), content)));
        service.lock(|secrets| secrets.insert(name.to_owned(), secret));
        service
    }

    fn lock<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Secret>) -> T) -> T {
        work(&mut self.by_name.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> f64 {
        // Milliseconds since the epoch need 41 bits.
        std::time::Duration::from_millis(u64::try_from(self.clock.now_ms()).unwrap_or(0))
            .as_secs_f64()
    }

    fn new_secret(
        &self,
        name: &str,
        description: Option<String>,
        first: Option<(String, (&'static str, String))>,
    ) -> Secret {
        let now = self.now();
        let suffix = &Uuid::new_v4().simple().to_string()[..6];
        let versions = first
            .into_iter()
            .map(|(id, content)| {
                (id, Version { content, created: now, stages: vec![CURRENT.to_owned()] })
            })
            .collect();
        let arn = format!("{}{name}-{suffix}", self.arn_prefix);
        Secret { arn, description, created: now, changed: now, versions }
    }

    fn create(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let name = text(input, "Name");
        let version = token(input);
        let first = content(input)?.map(|content| (version.clone(), content));
        let described = first.is_some();
        self.lock(|secrets| {
            if secrets.contains_key(name) {
                let message =
                    format!("The operation failed because the secret {name} already exists.");
                return Err(AwsError::new(400, "ResourceExistsException", message));
            }
            let description = input.get("Description").and_then(Value::as_str).map(str::to_owned);
            let secret = self.new_secret(name, description, first);
            let mut answer = json!({"ARN": secret.arn, "Name": name});
            if described {
                answer["VersionId"] = version.into();
            }
            secrets.insert(name.to_owned(), secret);
            Ok(answer)
        })
    }

    fn get(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let stage = input.get("VersionStage").and_then(Value::as_str);
        let wanted = input.get("VersionId").and_then(Value::as_str);
        self.lock(|secrets| {
            let (name, secret) = find(secrets, text(input, "SecretId"))?;
            let found = secret.versions.iter().find(|(id, version)| {
                let stage = stage.or(wanted.is_none().then_some(CURRENT));
                wanted.is_none_or(|wanted| wanted == id.as_str())
                    && stage.is_none_or(|stage| version.stages.iter().any(|held| held == stage))
            });
            let (id, version) = found.ok_or_else(|| {
                let sought = wanted.map_or_else(
                    || format!("staging label: {}", stage.unwrap_or(CURRENT)),
                    |id| format!("VersionId: {id}"),
                );
                let message =
                    format!("Secrets Manager can't find the specified secret value for {sought}");
                AwsError::new(400, "ResourceNotFoundException", message)
            })?;
            let (member, value) = &version.content;
            Ok(json!({
                "ARN": secret.arn, "Name": name, "VersionId": id, *member: value,
                "VersionStages": version.stages, "CreatedDate": version.created,
            }))
        })
    }

    fn describe(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        self.lock(|secrets| {
            let (name, secret) = find(secrets, text(input, "SecretId"))?;
            let stages: BTreeMap<_, _> =
                secret.versions.iter().map(|(id, version)| (id, &version.stages)).collect();
            let mut answer = json!({
                "ARN": secret.arn, "Name": name, "VersionIdsToStages": stages,
                "CreatedDate": secret.created, "LastChangedDate": secret.changed,
            });
            if let Some(description) = &secret.description {
                answer["Description"] = description.as_str().into();
            }
            Ok(answer)
        })
    }

    fn put(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let id = token(input);
        let content = content(input)?.ok_or_else(|| {
            let message = "You must provide either SecretString or SecretBinary.";
            AwsError::new(400, "InvalidParameterException", message)
        })?;
        let now = self.now();
        self.lock(|secrets| {
            let (name, secret) = find(secrets, text(input, "SecretId"))?;
            if let Some(held) = secret.versions.get(&id) {
                // A repeated token is a repeated request; with another value it is a mistake.
                if held.content != content {
                    let message =
                        "You can't modify an existing version, you can only create a new version.";
                    return Err(AwsError::new(400, "ResourceExistsException", message));
                }
            } else {
                let stages = stages(input);
                take_stages(secret, &stages);
                secret.versions.insert(id.clone(), Version { content, created: now, stages });
                secret.changed = now;
            }
            let stages = secret.versions.get(&id).map(|version| &version.stages);
            Ok(json!({"ARN": secret.arn, "Name": name, "VersionId": id, "VersionStages": stages}))
        })
    }
}

impl Service for Secrets {
    fn name(&self) -> &'static str {
        "secretsmanager"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move {
            let empty = Map::new();
            let input = call.input.as_object().unwrap_or(&empty);
            match call.operation.as_str() {
                "CreateSecret" => self.create(input),
                "GetSecretValue" => self.get(input),
                "DescribeSecret" => self.describe(input),
                "PutSecretValue" => self.put(input),
                other => Err(AwsError::new(400, "UnknownOperationException", other)),
            }
        }
        .boxed()
    }
}

/// The labels of a new version: `AWSCURRENT` unless the caller names others.
fn stages(input: &Map<String, Value>) -> Vec<String> {
    let named = input.get("VersionStages").and_then(Value::as_array);
    named.map_or_else(
        || vec![CURRENT.to_owned()],
        |named| named.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    )
}

/// Takes labels from the versions that hold them. What was current becomes `AWSPREVIOUS`, and a
/// version without a label is forgotten, as AWS does.
fn take_stages(secret: &mut Secret, taken: &[String]) {
    let moves = taken.iter().any(|stage| stage == CURRENT);
    for version in secret.versions.values_mut() {
        let was_current = version.stages.iter().any(|stage| stage == CURRENT);
        version.stages.retain(|stage| !(taken.contains(stage) || (moves && stage == PREVIOUS)));
        if moves && was_current {
            version.stages.push(PREVIOUS.to_owned());
        }
    }
    secret.versions.retain(|_, version| !version.stages.is_empty());
}

fn find<'a>(
    secrets: &'a mut BTreeMap<String, Secret>,
    id: &str,
) -> Result<(&'a str, &'a mut Secret), AwsError> {
    secrets
        .iter_mut()
        .find(|(name, secret)| *name == id || secret.arn == id)
        .map(|(name, secret)| (name.as_str(), secret))
        .ok_or_else(|| {
            let message = "Secrets Manager can't find the specified secret.";
            AwsError::new(400, "ResourceNotFoundException", message)
        })
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> &'a str {
    input.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn token(input: &Map<String, Value>) -> String {
    let token = input.get("ClientRequestToken").and_then(Value::as_str);
    token.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn content(input: &Map<String, Value>) -> Result<Option<(&'static str, String)>, AwsError> {
    let member =
        |name: &'static str| input.get(name)?.as_str().map(|value| (name, value.to_owned()));
    match (member("SecretString"), member("SecretBinary")) {
        (Some(_), Some(_)) => Err(AwsError::new(
            400,
            "InvalidParameterException",
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        )),
        (text, binary) => Ok(text.or(binary)),
    }
}
