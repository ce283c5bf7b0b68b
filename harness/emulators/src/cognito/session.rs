//! Signing in by password and by refresh token, and ending a session.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::cognito::tokens::{self, Session};
use crate::cognito::users::{Status, User};
use crate::cognito::{Cognito, invalid_parameter, not_authorized, text, user_not_found};
use crate::service::AwsError;

/// Cognito's default lifetime of a refresh token: thirty days.
const REFRESH_S: i64 = 30 * 24 * 3600;
/// After five wrong passwords each further one locks for a second, doubled each time, to 15 minutes.
const FREE_FAILURES: u32 = 5;
const LONGEST_LOCK_MS: i64 = 15 * 60 * 1000;
const WRONG: &str = "Incorrect username or password.";

/// Refresh tokens and what they stand for.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<String, Held>>);

#[derive(Debug, Clone)]
struct Held {
    session: Session,
    expires_s: i64,
    revoked: bool,
}

impl Sessions {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Held>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends every session of a user who is gone.
    pub(super) fn forget(&self, username: &str) {
        self.with(|held| held.retain(|_, held| held.session.username != username));
    }

    fn open(&self, session: Session, now_s: i64) -> String {
        let mut random = [0; 64];
        rand::rng().fill_bytes(&mut random);
        let token = URL_SAFE_NO_PAD.encode(random);
        let held = Held { session, expires_s: now_s + REFRESH_S, revoked: false };
        self.with(|all| all.insert(token.clone(), held));
        token
    }
}

impl Cognito {
    pub(super) async fn initiate_auth(
        &self,
        input: &Map<String, Value>,
        admin: bool,
    ) -> Result<Value, AwsError> {
        if admin {
            self.require_pool(input)?;
        }
        self.require_client(input)?;
        let flow = text(input, "AuthFlow");
        let empty = Map::new();
        let parameters = input.get("AuthParameters").and_then(Value::as_object).unwrap_or(&empty);
        match flow {
            "USER_PASSWORD_AUTH" if !admin => self.by_password(parameters, admin).await,
            "ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH" if admin => {
                self.by_password(parameters, admin).await
            }
            "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => self.by_refresh_token(parameters).await,
            _ if admin => Err(invalid_parameter("Auth flow not enabled for this client")),
            _ => Err(invalid_parameter("Initiate Auth method not supported.")),
        }
    }

    async fn by_password(
        &self,
        parameters: &Map<String, Value>,
        admin: bool,
    ) -> Result<Value, AwsError> {
        let parameter = |name: &str| {
            parameters
                .get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| invalid_parameter(format!("Missing required parameter {name}")))
        };
        let (username, password) = (parameter("USERNAME")?, parameter("PASSWORD")?);
        let now_ms = self.clock.now_ms();
        let judged = self.users.find(username, |user| judge(user, password, now_ms));
        // A stranger must not learn who has an account; an administrator may know.
        let absent = || if admin { user_not_found() } else { not_authorized(WRONG) };
        let user = judged.ok_or_else(absent)??;
        if user.status == Status::ForceChangePassword {
            return Ok(json!({
                "ChallengeName": "NEW_PASSWORD_REQUIRED",
                "Session": tokens::opaque(),
                "ChallengeParameters": {
                    "USER_ID_FOR_SRP": user.username, "requiredAttributes": "[]",
                    "userAttributes": json!(user.attributes).to_string(),
                },
            }));
        }
        let session = Session {
            username: user.username.clone(),
            origin_jti: Uuid::new_v4().to_string(),
            auth_time: now_ms.div_euclid(1000),
        };
        let mut result = self.tokens(&user, &session).await?;
        result["RefreshToken"] = self.sessions.open(session, now_ms.div_euclid(1000)).into();
        Ok(json!({"AuthenticationResult": result, "ChallengeParameters": {}}))
    }

    async fn by_refresh_token(&self, parameters: &Map<String, Value>) -> Result<Value, AwsError> {
        let token = text(parameters, "REFRESH_TOKEN");
        if token.is_empty() {
            return Err(invalid_parameter("Missing required parameter REFRESH_TOKEN"));
        }
        let held = self
            .sessions
            .with(|held| held.get(token).cloned())
            .ok_or_else(|| not_authorized("Invalid Refresh Token"))?;
        if held.revoked {
            return Err(not_authorized("Refresh Token has been revoked"));
        }
        if held.expires_s <= self.clock.now_s() {
            return Err(not_authorized("Refresh Token has expired"));
        }
        let user = self
            .users
            .find(&held.session.username, |user| user.clone())
            .ok_or_else(|| not_authorized("Invalid Refresh Token"))?;
        let result = self.tokens(&user, &held.session).await?;
        Ok(json!({"AuthenticationResult": result, "ChallengeParameters": {}}))
    }

    pub(super) fn revoke_token(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        self.require_client(input)?;
        let token = text(input, "Token");
        if token.split('.').count() == 3 {
            let message = "Unsupported token type";
            return Err(AwsError::new(400, "UnsupportedTokenTypeException", message));
        }
        // An unknown token is no error: RFC 7009, section 2.2.
        self.sessions.with(|all| {
            if let Some(held) = all.get_mut(token) {
                held.revoked = true;
            }
        });
        Ok(json!({}))
    }

    async fn tokens(&self, user: &User, session: &Session) -> Result<Value, AwsError> {
        let failed = |_| AwsError::new(500, "InternalErrorException", "Internal error");
        let key = self.key.get().await.map_err(failed)?;
        let claims = tokens::Claims { ids: &self.ids, user, session, now_s: self.clock.now_s() };
        Ok(json!({
            "IdToken": key.token(&claims.id()).map_err(failed)?,
            "AccessToken": key.token(&claims.access()).map_err(failed)?,
            "ExpiresIn": tokens::LIFETIME_S,
            "TokenType": "Bearer",
        }))
    }
}

/// The user if the password is right; counts the attempt if it is not.
fn judge(user: &mut User, password: &str, now_ms: i64) -> Result<User, AwsError> {
    if now_ms < user.locked_until_ms {
        return Err(not_authorized("Password attempts exceeded"));
    }
    if user.password.as_ref().is_some_and(|hash| hash.matches(password)) {
        user.failures = 0;
        return Ok(user.clone());
    }
    user.failures += 1;
    if user.failures >= FREE_FAILURES {
        let doublings = (user.failures - FREE_FAILURES).min(20);
        user.locked_until_ms = now_ms + (1000_i64 << doublings).min(LONGEST_LOCK_MS);
    }
    Err(not_authorized(WRONG))
}
