//! Clients of a stage's stores: with the credentials that it names, at the endpoints that it names; of a deployed stage that
//! names none, as the AWS SDK finds them.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use thiserror::Error;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::Services;
use verdict::domain::stage::StageDescription;

/// One read or write.
pub const OPERATION: Duration = Duration::from_secs(8);

/// What a stage lacks for its stores to be read.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the stage does not let its stores be read: it has no {0}")]
pub struct Lacking(pub &'static str);

/// Region, credentials and bounds of `stage`.
pub async fn config(stage: &StageDescription) -> Result<SdkConfig, Lacking> {
    let timeouts = TimeoutConfig::builder().operation_timeout(OPERATION).build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(stage.region.clone()))
        .timeout_config(timeouts);
    let loader = match &stage.store_credentials {
        Some(credentials) => {
            let SecretRef::Throwaway(secret) = &credentials.secret_access_key else {
                return Err(Lacking("resolved secret key"));
            };
            let id = &credentials.access_key_id;
            loader.credentials_provider(Credentials::new(id, secret, None, None, "stage"))
        }
        None if stage.services == Services::Real => loader,
        None => return Err(Lacking("`store_credentials`")),
    };
    Ok(loader.load().await)
}

/// Where `service` is; none for AWS's own.
pub fn endpoint<'s>(
    stage: &'s StageDescription,
    service: &'static str,
) -> Result<Option<&'s str>, Lacking> {
    match stage.endpoints.get(service) {
        Some(endpoint) => Ok(Some(endpoint)),
        None if stage.services == Services::Real => Ok(None),
        None => Err(Lacking("endpoint")),
    }
}

/// A client of its DynamoDB.
pub async fn dynamodb(stage: &StageDescription) -> Result<aws_sdk_dynamodb::Client, Lacking> {
    let config = config(stage).await?;
    let mut own = aws_sdk_dynamodb::config::Builder::from(&config);
    own.set_endpoint_url(endpoint(stage, "dynamodb")?.map(str::to_owned));
    Ok(aws_sdk_dynamodb::Client::from_conf(own.build()))
}
