//! Who may do what in S3: the secrets for the protocol crate's signature check, then the role's
//! permission, then outages, which need the operation's name that only the crate works out.
use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::credentials::{Access, Keys};
use crate::outages::Outages;

/// The guard of one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) keys: Keys,
    pub(crate) outages: Arc<Outages>,
}

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.keys.get(access_key).map(|key| key.secret.clone().into()).ok_or_else(|| {
            s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )
        })
    }
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = cx.s3_op().name();
        let role = cx
            .credentials()
            .and_then(|credentials| self.keys.get(&credentials.access_key))
            .map(|key| key.role);
        if !role.is_some_and(|role| role.may(access(operation))) {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        let user = cx.headers().get("x-manuel-user").and_then(|user| user.to_str().ok());
        match self.outages.matching("s3", operation, user) {
            None => Ok(()),
            Some(outage) => {
                let code = S3ErrorCode::from_bytes(outage.error.as_bytes());
                let code = code.unwrap_or(S3ErrorCode::InternalError);
                let mut error = S3Error::with_message(code, outage.message);
                error.set_status_code(
                    http::StatusCode::from_u16(outage.status)
                        .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR),
                );
                Err(error)
            }
        }
    }
}

fn access(operation: &str) -> Access {
    if ["Get", "Head", "List"].iter().any(|verb| operation.starts_with(verb)) {
        Access::Read
    } else {
        Access::Write
    }
}
