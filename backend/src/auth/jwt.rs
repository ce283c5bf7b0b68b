//! Verifying a Cognito token: RS256 by a known key of the pool, the pool's issuer, our client, a use that fits, in time.
//! The expiry is judged by our clock, not by the library's.

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use crate::auth::jwks::{KeyCache, KeyError};
use crate::defects::{self, Defect};
use crate::domain::user::UserId;

/// How far a clock may be off, in seconds.
pub const LEEWAY_S: i64 = 30;

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 8192;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `https://cognito-idp.<region>.amazonaws.com/<pool>`
    pub issuer: &'a str,
    /// The app client.
    pub client_id: &'a str,
    /// Unix seconds.
    pub now: i64,
}

/// Why a token lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("no bearer token")]
    Missing,
    /// It is no token, or not signed as it must be.
    #[error("the token is not valid")]
    Invalid(#[source] Option<jsonwebtoken::errors::Error>),
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It says something else than it must.
    #[error("the token's {0} is not accepted")]
    Claim(&'static str),
    /// Its key.
    #[error("no key for the token")]
    Key(#[source] KeyError),
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    iss: String,
    token_use: String,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    client_id: Option<String>,
    aud: Option<Audience>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The user that a token names, if everything about it is right.
pub async fn verify(
    token: &str,
    keys: &KeyCache,
    expected: Expected<'_>,
) -> Result<UserId, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Invalid(None));
    }
    let header = decode_header(token).map_err(|error| TokenError::Invalid(Some(error)))?;
    if header.alg != Algorithm::RS256 || header.crit.is_some() {
        return Err(TokenError::Invalid(None));
    }
    let kid = header.kid.ok_or(TokenError::Invalid(None))?;
    let key = match keys.key(&kid).await {
        Ok(key) => key,
        Err(KeyError::Unavailable(_)) if defects::is_on(Defect::JwksFailureAccepts) => {
            let claims = insecure_decode_claims::<Claims>(token);
            return judge(&claims.map_err(|error| TokenError::Invalid(Some(error)))?, expected);
        }
        Err(error) => return Err(TokenError::Key(error)),
    };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    let token = decode::<Claims>(token, &key, &validation)
        .map_err(|error| TokenError::Invalid(Some(error)))?;
    judge(&token.claims, expected)
}

fn judge(claims: &Claims, expected: Expected<'_>) -> Result<UserId, TokenError> {
    if claims.iss != expected.issuer {
        return Err(TokenError::Claim("issuer"));
    }
    let ours = match claims.token_use.as_str() {
        "access" => claims.client_id.as_deref() == Some(expected.client_id),
        "id" => claims.aud.as_ref().is_some_and(|aud| aud.names(expected.client_id)),
        _ => return Err(TokenError::Claim("use")),
    };
    if !ours {
        return Err(TokenError::Claim("client"));
    }
    if expected.now > claims.exp.saturating_add(LEEWAY_S) {
        return Err(TokenError::Expired);
    }
    if claims.nbf.is_some_and(|nbf| expected.now < nbf.saturating_sub(LEEWAY_S)) {
        return Err(TokenError::Claim("start"));
    }
    if claims.iat.is_some_and(|iat| expected.now < iat.saturating_sub(LEEWAY_S)) {
        return Err(TokenError::Claim("issue"));
    }
    UserId::parse(&claims.sub).ok_or(TokenError::Claim("subject"))
}

impl Audience {
    fn names(&self, client_id: &str) -> bool {
        match self {
            Self::One(one) => one == client_id,
            Self::Many(many) => many.iter().any(|one| one == client_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(edit: impl FnOnce(&mut serde_json::Value)) -> Claims {
        let mut claims = serde_json::json!({
            "sub": "user-1", "iss": "https://pool", "token_use": "access", "client_id": "app",
            "exp": 1000, "iat": 0,
        });
        edit(&mut claims);
        serde_json::from_value(claims).unwrap()
    }

    fn judged(now: i64, edit: impl FnOnce(&mut serde_json::Value)) -> Result<String, String> {
        let expected = Expected { issuer: "https://pool", client_id: "app", now };
        judge(&claims(edit), expected)
            .map(|user| user.as_str().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn access_and_id_tokens_of_the_client_are_accepted() {
        assert_eq!(judged(500, |_| {}), Ok("user-1".into()));
        let id = |aud: serde_json::Value| {
            judged(500, |c| {
                c["token_use"] = "id".into();
                c["client_id"] = serde_json::Value::Null;
                c["aud"] = aud;
            })
        };
        assert!(id("app".into()).is_ok());
        assert!(id(serde_json::json!(["x", "app"])).is_ok());
        assert!(id("other".into()).is_err());
        assert!(id(serde_json::Value::Null).is_err());
    }

    #[test]
    fn each_claim_counts() {
        type Edit = fn(&mut serde_json::Value);
        let wrong: [(&str, Edit); 6] = [
            ("issuer", |c| c["iss"] = "https://pool/".into()),
            ("use", |c| c["token_use"] = "refresh".into()),
            ("client", |c| c["client_id"] = "other".into()),
            ("start", |c| c["nbf"] = 600.into()),
            ("issue", |c| c["iat"] = 600.into()),
            ("subject", |c| c["sub"] = "a/../b".into()),
        ];
        for (claim, edit) in wrong {
            assert_eq!(judged(500, edit), Err(format!("the token's {claim} is not accepted")));
        }
    }

    #[test]
    fn expiry_is_judged_by_our_clock_with_30_seconds_to_spare() {
        assert!(judged(1030, |_| {}).is_ok());
        assert_eq!(judged(1031, |_| {}), Err("the token has expired".into()));
        assert!(judged(570, |c| c["nbf"] = 600.into()).is_ok());
        assert!(judged(569, |c| c["nbf"] = 600.into()).is_err());
    }
}
