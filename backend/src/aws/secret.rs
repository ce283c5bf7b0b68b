//! The signing key's secret in Secrets Manager: the secret string (or its binary) is the key, byte for byte.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;

use crate::aws::error::port_error;
use crate::context::dependency;
use crate::ports::{Dependency, PortFuture, SecretSource};

/// One secret; without an id there is none.
#[derive(Debug)]
pub(super) struct SecretsManager {
    client: Client,
    secret_id: Option<String>,
}

impl SecretsManager {
    pub(super) fn new(client: Client, secret_id: Option<&str>) -> Self {
        Self { client, secret_id: secret_id.map(str::to_owned) }
    }
}

impl SecretSource for SecretsManager {
    fn fetch(&self) -> PortFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let Some(id) = &self.secret_id else { return Ok(None) };
            let call = self.client.get_secret_value().secret_id(id);
            match dependency(call.send()).await {
                Ok(secret) => {
                    let text = secret.secret_string.map(String::into_bytes);
                    Ok(text
                        .or_else(|| secret.secret_binary.map(aws_smithy_types::Blob::into_inner)))
                }
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
                {
                    Ok(None)
                }
                Err(error) => Err(port_error(Dependency::Secrets, "GetSecretValue", error)),
            }
        })
    }
}
