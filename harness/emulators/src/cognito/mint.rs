//! Tokens with one chosen fault, for tests of whoever verifies them. Not a part of Cognito: only the
//! admin interface reaches it.
use serde_json::Value;
use uuid::Uuid;

use crate::cognito::Cognito;
use crate::cognito::key::SigningKey;
use crate::cognito::tokens::{Claims, LIFETIME_S, Session};
use crate::outages::BadField;

/// What is wrong with a token; all else about it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    /// Nothing.
    None,
    /// Its time was over an hour ago.
    Expired,
    /// Its time begins in an hour: `nbf` and `iat`.
    NotYetValid,
    /// Of another client: `aud` of an ID token, `client_id` of an access token.
    WrongAudience,
    /// Of another pool.
    WrongIssuer,
    /// It says that it is of the other kind.
    OtherTokenUse,
    /// Signed by a key that the pool never had, and says so.
    UnknownKid,
    /// Signed by such a key under the name of the pool's own.
    WrongKey,
}

/// Which of the two kinds of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Access,
    Id,
}

/// The body of `POST /tokens`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    username: String,
    #[serde(default)]
    token_use: Kind,
    fault: Fault,
}

impl Cognito {
    /// A token for a user of the pool, with the fault that `body` names.
    pub(crate) async fn mint(&self, body: &Value) -> Result<String, BadField> {
        let wanted: Wanted = serde_json::from_value(body.clone())
            .map_err(|error| bad("body", &error.to_string()))?;
        let user = self.users.find(&wanted.username, |user| user.clone());
        let user = user.ok_or_else(|| bad("username", "is no user of the pool"))?;
        let now_s = self.clock.now_s();
        let session = Session {
            username: user.username.clone(),
            origin_jti: Uuid::new_v4().to_string(),
            auth_time: now_s,
        };
        let claims = Claims { ids: &self.ids, user: &user, session: &session, now_s };
        let claims = match wanted.token_use {
            Kind::Access => claims.access(),
            Kind::Id => claims.id(),
        };
        let claims = spoiled(claims, wanted.fault, now_s);
        let failed = || bad("fault", "needs a key that could not be made");
        let own = self.key.get().await.map_err(|_no_key| failed())?;
        let token = match wanted.fault {
            Fault::UnknownKid => stranger().await.and_then(|key| key.token(&claims).ok()),
            Fault::WrongKey => {
                stranger().await.and_then(|key| key.token_as(own.kid(), &claims).ok())
            }
            Fault::None
            | Fault::Expired
            | Fault::NotYetValid
            | Fault::WrongAudience
            | Fault::WrongIssuer
            | Fault::OtherTokenUse => own.token(&claims).ok(),
        };
        token.ok_or_else(failed)
    }
}

async fn stranger() -> Option<SigningKey> {
    // Finding two primes takes up to half a second.
    tokio::task::spawn_blocking(SigningKey::generate).await.ok()?.ok()
}

fn spoiled(mut claims: Value, fault: Fault, now_s: i64) -> Value {
    match fault {
        Fault::None | Fault::UnknownKid | Fault::WrongKey => {}
        Fault::Expired => {
            let began = now_s - 2 * LIFETIME_S;
            claims["iat"] = began.into();
            claims["auth_time"] = began.into();
            claims["exp"] = (began + LIFETIME_S).into();
        }
        Fault::NotYetValid => {
            let begins = now_s + LIFETIME_S;
            claims["iat"] = begins.into();
            claims["nbf"] = begins.into();
            claims["exp"] = (begins + LIFETIME_S).into();
        }
        Fault::WrongAudience => {
            let member = if claims.get("aud").is_some() { "aud" } else { "client_id" };
            claims[member] = "otherclientotherclient1234".into();
        }
        Fault::WrongIssuer => {
            let issuer = claims["iss"].as_str().unwrap_or_default().to_owned();
            claims["iss"] = format!("{issuer}x").into();
        }
        Fault::OtherTokenUse => {
            let other = if claims["token_use"] == "id" { "access" } else { "id" };
            claims["token_use"] = other.into();
        }
    }
    claims
}

fn bad(field: &str, reason: &str) -> BadField {
    BadField { field: field.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Fault, spoiled};

    #[test]
    fn each_fault_is_the_only_one() {
        let good = json!({"iss": "i", "client_id": "c", "token_use": "access", "iat": 5000,
            "auth_time": 5000, "exp": 8600});
        assert_eq!(spoiled(good.clone(), Fault::None, 5000), good);
        let cases = [
            (Fault::WrongIssuer, "iss", json!("ix")),
            (Fault::WrongAudience, "client_id", json!("otherclientotherclient1234")),
            (Fault::OtherTokenUse, "token_use", json!("id")),
            (Fault::Expired, "exp", json!(1400)),
            (Fault::NotYetValid, "nbf", json!(8600)),
        ];
        for (fault, member, value) in cases {
            let mut spoilt = spoiled(good.clone(), fault, 5000);
            assert_eq!(spoilt[member], value, "{fault:?}");
            for time in ["iat", "auth_time", "exp", "nbf"] {
                spoilt.as_object_mut().unwrap().remove(time);
            }
            let same =
                ["iss", "client_id", "token_use"].iter().filter(|m| spoilt[**m] == good[**m]);
            let timed = matches!(fault, Fault::Expired | Fault::NotYetValid);
            assert_eq!(same.count(), if timed { 3 } else { 2 }, "{fault:?}");
        }
    }
}
