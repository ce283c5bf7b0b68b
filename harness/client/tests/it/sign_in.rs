//! Sign-in against a server that speaks Cognito's plain JSON.

use std::time::Duration;

use manuel_client::connection::Bounds;
use manuel_client::{Secret, SignIn, SignInError};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// {"alg":"none"} . {"sub":"u-1"} . nothing
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1LTEifQ.";
const BOUNDS: Bounds =
    Bounds { timeout: Duration::from_secs(10), connect_timeout: Duration::from_secs(10) };

async fn cognito(call: Value, status: u16, reply: Value) -> (MockServer, SignIn) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth"))
        .and(header("Content-Type", "application/x-amz-json-1.1"))
        .and(body_json(call))
        .respond_with(ResponseTemplate::new(status).set_body_json(reply))
        .expect(1)
        .mount(&server)
        .await;
    let sign_in = SignIn::new(&server.uri(), "client-1", None, BOUNDS).unwrap();
    (server, sign_in)
}

fn password_call() -> Value {
    json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "client-1",
        "AuthParameters": { "USERNAME": "ann", "PASSWORD": "Pass-1" },
    })
}

fn tokens(refresh: Option<&str>) -> Value {
    let mut result =
        json!({ "AccessToken": TOKEN, "IdToken": TOKEN, "ExpiresIn": 3600, "TokenType": "Bearer" });
    if let Some(refresh) = refresh {
        result["RefreshToken"] = json!(refresh);
    }
    json!({ "AuthenticationResult": result, "ChallengeParameters": {} })
}

#[tokio::test]
async fn by_password_then_by_refresh_token() {
    let (_server, sign_in) = cognito(password_call(), 200, tokens(Some("r-1"))).await;
    let session = sign_in.password("ann", &Secret::new("Pass-1")).await.unwrap();
    assert_eq!((session.sub.as_str(), session.expires_in), ("u-1", 3600));
    assert!(!format!("{session:?}").contains("eyJ"));
    let call = json!({
        "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": "client-1", "AuthParameters": { "REFRESH_TOKEN": "r-1" },
    });
    let (_server, sign_in) = cognito(call, 200, tokens(None)).await;
    let again = sign_in.refresh(&session).await.unwrap();
    assert_eq!(again.refresh_token, session.refresh_token);
}

#[tokio::test]
async fn a_refusal_is_named() {
    let reply =
        json!({ "__type": "NotAuthorizedException", "message": "Incorrect username or password." });
    let (_server, sign_in) = cognito(password_call(), 400, reply).await;
    let error = sign_in.password("ann", &Secret::new("Pass-1")).await.unwrap_err();
    let SignInError::Refused { status, kind, .. } = error else { panic!("{error:?}") };
    assert_eq!((status, kind.as_str()), (400, "NotAuthorizedException"));
}

#[tokio::test]
async fn a_challenge_is_named() {
    let reply = json!({ "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "s" });
    let (_server, sign_in) = cognito(password_call(), 200, reply).await;
    let error = sign_in.password("ann", &Secret::new("Pass-1")).await.unwrap_err();
    assert!(matches!(error, SignInError::Challenge { name } if name == "NEW_PASSWORD_REQUIRED"));
}

#[tokio::test]
async fn a_reply_without_tokens_is_an_error() {
    let (_server, sign_in) = cognito(password_call(), 200, json!({})).await;
    let error = sign_in.password("ann", &Secret::new("Pass-1")).await.unwrap_err();
    assert!(matches!(error, SignInError::Missing { field: "AuthenticationResult" }));
}
