//! Secrets of a deployed stage that its file names in Secrets Manager: read when a run begins, kept in memory only.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use thiserror::Error;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::StageDescription;

/// One read.
const OPERATION: Duration = Duration::from_secs(8);

/// A secret that cannot be had.
#[derive(Debug, Error)]
#[error("cannot read the secret {id}, which {key} names")]
pub struct SecretError {
    /// The key of the stage file.
    pub key: String,
    /// The secret.
    pub id: String,
    /// What the SDK said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Puts the values in the place of the references to Secrets Manager, with the caller's own credentials.
pub async fn resolve(stage: &mut StageDescription) -> Result<(), SecretError> {
    let region = Region::new(stage.region.clone());
    let endpoint = stage.endpoints.get("secretsmanager").cloned();
    let mut client = None;
    let mut wanted = vec![("hmac_key".to_owned(), &mut stage.hmac_key)];
    if let Some(pair) = &mut stage.store_credentials {
        wanted.push(("store_credentials".to_owned(), &mut pair.secret_access_key));
    }
    if let Some(pair) = &mut stage.cognito.admin_credentials {
        wanted.push(("cognito.admin_credentials".to_owned(), &mut pair.secret_access_key));
    }
    for user in &mut stage.users {
        wanted.push((format!("users.{}", user.username), &mut user.password));
    }
    for (key, secret) in wanted {
        let SecretRef::SecretsManager(id) = secret else { continue };
        let client = match &client {
            Some(client) => client,
            None => client.insert(connect(region.clone(), endpoint.clone()).await),
        };
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| SecretError {
            key: key.clone(),
            id: id.clone(),
            source,
        };
        let value = client.get_secret_value().secret_id(id.as_str()).send().await;
        let value = value.map_err(|error| failed(Box::new(error.into_service_error())))?;
        let text = value.secret_string().map(str::to_owned);
        *secret = SecretRef::Throwaway(text.ok_or_else(|| failed("it is no text".into()))?);
    }
    Ok(())
}

async fn connect(region: Region, endpoint: Option<String>) -> Client {
    let timeouts = TimeoutConfig::builder().operation_timeout(OPERATION).build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .timeout_config(timeouts)
        .load()
        .await;
    let mut own = aws_sdk_secretsmanager::config::Builder::from(&config);
    own.set_endpoint_url(endpoint);
    Client::from_conf(own.build())
}
