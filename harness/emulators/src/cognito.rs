//! Emulated Cognito user pool: one pool, one client, sign-in by password and by refresh token, and
//! tokens with Cognito's claims signed by a key of this start. It sends no mail and knows no MFA.
mod admin;
mod key;
mod mint;
mod password;
mod session;
mod tokens;
mod users;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;
use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::cognito::key::PendingKey;
use crate::cognito::session::Sessions;
use crate::cognito::users::Users;
use crate::credentials;
use crate::front::Page;
use crate::service::{AwsError, Call, Service};

/// The pool's and the client's names.
#[derive(Debug, Clone)]
pub(crate) struct PoolIds {
    pub(crate) user_pool_id: String,
    pub(crate) client_id: String,
    /// The `iss` claim.
    pub(crate) issuer: String,
}

impl PoolIds {
    /// Draws ids from the seed, so that a stage description is stable.
    pub(crate) fn draw(seed: u64, region: &str) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let pool = credentials::text(&mut rng, 9, letters);
        let user_pool_id = format!("{region}_{pool}");
        let client_id = credentials::text(&mut rng, 26, b"abcdefghijklmnopqrstuvwxyz0123456789");
        let issuer = format!("https://cognito-idp.{region}.amazonaws.com/{user_pool_id}");
        Self { user_pool_id, client_id, issuer }
    }

    /// The path of the key set, below the endpoint.
    pub(crate) fn jwks_path(&self) -> String {
        format!("/{}/.well-known/jwks.json", self.user_pool_id)
    }
}

/// The service.
#[derive(Debug)]
pub(crate) struct Cognito {
    ids: PoolIds,
    clock: Clock,
    key: PendingKey,
    users: Users,
    sessions: Sessions,
}

impl Cognito {
    /// Begins to make the key on a blocking thread; whoever needs it first waits for it.
    pub(crate) fn new(ids: PoolIds, clock: Clock) -> Self {
        Self {
            ids,
            clock,
            key: PendingKey::begin(),
            users: Users::default(),
            sessions: Sessions::default(),
        }
    }

    /// The page that serves the pool's keys.
    pub(crate) fn jwks_page(&self) -> Page {
        let (path, key) = (self.ids.jwks_path(), self.key.clone());
        Arc::new(move |wanted| {
            let key = key.clone();
            (wanted == path).then(|| async move { key.jwks().await }.boxed())
        })
    }

    fn require_pool(&self, input: &Map<String, Value>) -> Result<(), AwsError> {
        let pool = text(input, "UserPoolId");
        if pool == self.ids.user_pool_id {
            return Ok(());
        }
        let message = format!("User pool {pool} does not exist.");
        Err(AwsError::new(400, "ResourceNotFoundException", message))
    }

    fn require_client(&self, input: &Map<String, Value>) -> Result<(), AwsError> {
        let client = text(input, "ClientId");
        if client == self.ids.client_id {
            return Ok(());
        }
        let message = format!("User pool client {client} does not exist.");
        Err(AwsError::new(400, "ResourceNotFoundException", message))
    }
}

impl Service for Cognito {
    fn name(&self) -> &'static str {
        "cognito-idp"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move {
            let empty = Map::new();
            let input = call.input.as_object().unwrap_or(&empty);
            match call.operation.as_str() {
                "InitiateAuth" => self.initiate_auth(input, false).await,
                "AdminInitiateAuth" => self.initiate_auth(input, true).await,
                "RevokeToken" => self.revoke_token(input),
                "AdminCreateUser" => self.create_user(input),
                "AdminSetUserPassword" => self.set_password(input),
                "AdminGetUser" => self.get_user(input),
                "AdminDeleteUser" => self.delete_user(input),
                "ListUsers" => self.list_users(input),
                other => Err(AwsError::new(400, "UnknownOperationException", other)),
            }
        }
        .boxed()
    }
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> &'a str {
    input.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn invalid_parameter(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidParameterException", message)
}

fn not_authorized(message: &str) -> AwsError {
    AwsError::new(400, "NotAuthorizedException", message)
}

fn user_not_found() -> AwsError {
    AwsError::new(400, "UserNotFoundException", "User does not exist.")
}

fn seconds(ms: i64) -> Value {
    // Timestamps of awsJson are seconds with a fraction.
    json!(std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64())
}
