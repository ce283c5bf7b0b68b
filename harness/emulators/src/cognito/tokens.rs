//! The claims of Cognito's tokens.
//!
//! Source: "Understanding user pool JSON web tokens", Amazon Cognito Developer Guide.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cognito::PoolIds;
use crate::cognito::users::User;

/// Cognito's default lifetime of ID and access tokens, in seconds.
pub(super) const LIFETIME_S: i64 = 3600;

/// What outlives the tokens of one sign-in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) username: String,
    pub(super) origin_jti: String,
    /// When the password was given, in seconds since the epoch; a refresh keeps it.
    pub(super) auth_time: i64,
}

/// Everything the claims are made of.
#[derive(Debug)]
pub(super) struct Claims<'a> {
    pub(super) ids: &'a PoolIds,
    pub(super) user: &'a User,
    pub(super) session: &'a Session,
    pub(super) now_s: i64,
}

impl Claims<'_> {
    /// The claims of the ID token: the user's attributes among them.
    pub(super) fn id(&self) -> Value {
        let mut claims = self.common("id");
        claims["aud"] = self.ids.client_id.as_str().into();
        claims["cognito:username"] = self.user.username.as_str().into();
        for (name, value) in &self.user.attributes {
            // Cognito keeps everything as text but tells these two as booleans.
            claims[name.as_str()] = match name.as_str() {
                "email_verified" | "phone_number_verified" => (value == "true").into(),
                _ => value.as_str().into(),
            };
        }
        claims
    }

    /// The claims of the access token.
    pub(super) fn access(&self) -> Value {
        let mut claims = self.common("access");
        claims["client_id"] = self.ids.client_id.as_str().into();
        claims["scope"] = "aws.cognito.signin.user.admin".into();
        claims["username"] = self.user.username.as_str().into();
        claims
    }

    fn common(&self, token_use: &str) -> Value {
        json!({
            "sub": self.user.sub,
            "iss": self.ids.issuer,
            "token_use": token_use,
            "origin_jti": self.session.origin_jti,
            "event_id": Uuid::new_v4().to_string(),
            "auth_time": self.session.auth_time,
            "iat": self.now_s,
            "exp": self.now_s + LIFETIME_S,
            "jti": Uuid::new_v4().to_string(),
        })
    }
}

/// A value that means nothing to its holder.
pub(super) fn opaque() -> String {
    let mut random = [0; 48];
    rand::rng().fill_bytes(&mut random);
    URL_SAFE_NO_PAD.encode(random)
}
