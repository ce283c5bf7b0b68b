//! Sign-in at Cognito over its plain JSON protocol: `InitiateAuth` by password and by refresh token.
//!
//! Both flows are unsigned at AWS (an app client without a secret), so no SDK and no credentials are needed
//! (Cognito user pools API reference, `InitiateAuth`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::connection;
use crate::connection::{Bounds, ConnectionError};
use crate::secret::Secret;

/// A reply of Cognito is a few kilobytes; more is not read.
const MAX_REPLY_BYTES: usize = 256 * 1024;

/// A user's tokens. `Debug` shows none of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// For `Authorization: Bearer`.
    pub access_token: Secret,
    /// The same user with `token_use: id`.
    pub id_token: Secret,
    /// For [`SignIn::refresh`].
    pub refresh_token: Secret,
    /// Seconds the access token is good for, from the sign-in.
    pub expires_in: u64,
    /// The user's `sub`, read from the token without verification: whom to expect, not whom to trust.
    pub sub: String,
}

/// Signs users of one app client in.
#[derive(Clone, Debug)]
pub struct SignIn {
    http: reqwest::Client,
    endpoint: reqwest::Url,
    client_id: String,
}

/// Why there is no session.
#[derive(Debug, Error)]
pub enum SignInError {
    /// The request or the answer did not get through.
    #[error("cannot reach cognito")]
    Send {
        #[source]
        source: reqwest::Error,
    },
    /// Cognito said no: `NotAuthorizedException`, `TooManyRequestsException` …
    #[error("cognito refused with {status} {kind}: {message}")]
    Refused { status: u16, kind: String, message: String },
    /// Cognito wants another step, which a test user must not need (`NEW_PASSWORD_REQUIRED`, MFA).
    #[error("cognito answered with the challenge {name}")]
    Challenge { name: String },
    /// The reply is not the documented one.
    #[error("cognito's reply does not parse")]
    Reply {
        #[source]
        source: serde_json::Error,
    },
    /// The reply is larger than any reply of Cognito.
    #[error("cognito's reply has more than {limit} bytes")]
    ReplyTooLarge { limit: usize },
    /// Neither tokens nor a challenge.
    #[error("cognito's reply has no {field}")]
    Missing { field: &'static str },
    /// The access token is no JWT with a `sub`.
    #[error("the access token is not a jwt with a sub")]
    Token,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InitiateAuth<'a> {
    auth_flow: &'static str,
    client_id: &'a str,
    auth_parameters: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RevokeToken<'a> {
    client_id: &'a str,
    token: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitiateAuthReply {
    authentication_result: Option<AuthenticationResult>,
    challenge_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AuthenticationResult {
    access_token: Secret,
    id_token: Secret,
    refresh_token: Option<Secret>,
    expires_in: u64,
}

#[derive(Deserialize)]
struct ErrorReply {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl SignIn {
    /// For the app client `client_id` at `endpoint` (`https://cognito-idp.<region>.amazonaws.com`, or a stage's own).
    pub fn new(
        endpoint: &str,
        client_id: &str,
        local_address: Option<IpAddr>,
        bounds: Bounds,
    ) -> Result<Self, ConnectionError> {
        let endpoint = connection::base_url(endpoint)?;
        let http = connection::http_client(&endpoint, local_address, bounds)?;
        Ok(Self { http, endpoint, client_id: client_id.to_owned() })
    }

    /// `USER_PASSWORD_AUTH`.
    pub async fn password(
        &self,
        username: &str,
        password: &Secret,
    ) -> Result<Session, SignInError> {
        let parameters = [("USERNAME", username), ("PASSWORD", password.expose())];
        let result = self.initiate("USER_PASSWORD_AUTH", BTreeMap::from(parameters)).await?;
        let refresh = SignInError::Missing { field: "RefreshToken" };
        let refresh_token = result.refresh_token.ok_or(refresh)?;
        let sub = subject(&result.access_token)?;
        Ok(Session {
            access_token: result.access_token,
            id_token: result.id_token,
            refresh_token,
            expires_in: result.expires_in,
            sub,
        })
    }

    /// `REFRESH_TOKEN_AUTH`: new tokens for the same user. Cognito keeps the refresh token unless it rotates it.
    pub async fn refresh(&self, session: &Session) -> Result<Session, SignInError> {
        let parameters = [("REFRESH_TOKEN", session.refresh_token.expose())];
        let result = self.initiate("REFRESH_TOKEN_AUTH", BTreeMap::from(parameters)).await?;
        let sub = subject(&result.access_token)?;
        Ok(Session {
            access_token: result.access_token,
            id_token: result.id_token,
            refresh_token: result.refresh_token.unwrap_or_else(|| session.refresh_token.clone()),
            expires_in: result.expires_in,
            sub,
        })
    }

    /// `RevokeToken`: the session is renewed no more. Tokens that it gave out are good until they expire.
    pub async fn sign_out(&self, session: &Session) -> Result<(), SignInError> {
        let token = session.refresh_token.expose();
        let call = RevokeToken { client_id: &self.client_id, token };
        self.call("RevokeToken", &call).await.map(drop)
    }

    async fn initiate(
        &self,
        auth_flow: &'static str,
        auth_parameters: BTreeMap<&'static str, &str>,
    ) -> Result<AuthenticationResult, SignInError> {
        let call = InitiateAuth { auth_flow, client_id: &self.client_id, auth_parameters };
        let reply = self.call("InitiateAuth", &call).await?;
        let reply: InitiateAuthReply =
            serde_json::from_slice(&reply).map_err(|source| SignInError::Reply { source })?;
        match (reply.authentication_result, reply.challenge_name) {
            (Some(result), _) => Ok(result),
            (None, Some(name)) => Err(SignInError::Challenge { name }),
            (None, None) => Err(SignInError::Missing { field: "AuthenticationResult" }),
        }
    }

    /// Calls one operation; the body of its 200.
    async fn call(&self, operation: &str, call: &impl Serialize) -> Result<Vec<u8>, SignInError> {
        let body = serde_json::to_vec(call).map_err(|source| SignInError::Reply { source })?;
        let mut response = self
            .http
            .post(self.endpoint.clone())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(body)
            .send()
            .await
            .map_err(|source| SignInError::Send { source })?;
        let status = response.status().as_u16();
        let reply = read_bounded(&mut response).await?;
        if status != 200 {
            return Err(refusal(status, &reply));
        }
        Ok(reply)
    }
}

async fn read_bounded(response: &mut reqwest::Response) -> Result<Vec<u8>, SignInError> {
    let mut reply = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| SignInError::Send { source })? {
        if reply.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(SignInError::ReplyTooLarge { limit: MAX_REPLY_BYTES });
        }
        reply.extend_from_slice(&chunk);
    }
    Ok(reply)
}

/// `__type` may carry a namespace: `com.amazonaws…#NotAuthorizedException`.
fn refusal(status: u16, reply: &[u8]) -> SignInError {
    let parsed: ErrorReply = serde_json::from_slice(reply)
        .unwrap_or(ErrorReply { kind: String::new(), message: "no json".to_owned() });
    let kind = parsed.kind.rsplit('#').next().unwrap_or_default().to_owned();
    SignInError::Refused { status, kind, message: parsed.message }
}

fn subject(token: &Secret) -> Result<String, SignInError> {
    let mut parts = token.expose().split('.');
    let payload = parts.nth(1).ok_or(SignInError::Token)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload).ok().ok_or(SignInError::Token)?;
    let claims: Claims = serde_json::from_slice(&bytes).ok().ok_or(SignInError::Token)?;
    Ok(claims.sub)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sub_is_read_from_the_payload() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"u-1","x":2}"#);
        let token = Secret::new(format!("e30.{payload}.sig"));
        assert_eq!(subject(&token).unwrap(), "u-1");
        for bad in ["", "a", "a.!.c", "a.e30.c"] {
            assert!(subject(&Secret::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_keeps_its_kind() {
        let reply = br#"{"__type":"com.amazonaws#NotAuthorizedException","message":"no"}"#;
        let error = refusal(400, reply).to_string();
        assert_eq!(error, "cognito refused with 400 NotAuthorizedException: no");
        assert!(matches!(refusal(502, b"<html>"), SignInError::Refused { status: 502, .. }));
    }
}
