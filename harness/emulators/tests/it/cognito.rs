//! Cognito: users, sign-in, tokens that verify against the key set, Cognito's own errors.
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata as _;
use aws_sdk_cognitoidentityprovider::operation::initiate_auth::{
    InitiateAuthError, InitiateAuthOutput,
};
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, AuthenticationResultType, MessageActionType, UserStatusType,
};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Stage, stopwatch};

async fn create(stage: &Stage, client: &Client, name: &str) {
    let pool = &stage.emulators.resources().user_pool_id;
    let attribute =
        |name: &str, value: &str| AttributeType::builder().name(name).value(value).build().unwrap();
    client
        .admin_create_user()
        .user_pool_id(pool)
        .username(name)
        .message_action(MessageActionType::Suppress)
        .user_attributes(attribute("email", &format!("{name}@example.com")))
        .user_attributes(attribute("email_verified", "true"))
        .send()
        .await
        .unwrap();
    client
        .admin_set_user_password()
        .user_pool_id(pool)
        .username(name)
        .password(PASSWORD)
        .permanent(true)
        .send()
        .await
        .unwrap();
}

async fn sign_in(
    stage: &Stage,
    client: &Client,
    name: &str,
    password: &str,
) -> Result<InitiateAuthOutput, InitiateAuthError> {
    client
        .initiate_auth()
        .auth_flow(AuthFlowType::UserPasswordAuth)
        .client_id(&stage.emulators.resources().client_id)
        .auth_parameters("USERNAME", name)
        .auth_parameters("PASSWORD", password)
        .send()
        .await
        .map_err(aws_sdk_cognitoidentityprovider::error::SdkError::into_service_error)
}

async fn refresh(
    stage: &Stage,
    client: &Client,
    token: &str,
) -> Result<InitiateAuthOutput, InitiateAuthError> {
    client
        .initiate_auth()
        .auth_flow(AuthFlowType::RefreshTokenAuth)
        .client_id(&stage.emulators.resources().client_id)
        .auth_parameters("REFRESH_TOKEN", token)
        .send()
        .await
        .map_err(aws_sdk_cognitoidentityprovider::error::SdkError::into_service_error)
}

fn tokens(output: &InitiateAuthOutput) -> &AuthenticationResultType {
    output.authentication_result().unwrap()
}

/// Verifies with an independent implementation, by the key set as served; expiry is the caller's.
async fn verify(stage: &Stage, token: &str, audience: bool) -> Value {
    let resources = stage.emulators.resources();
    let keys: JwkSet =
        stage.http.get(&resources.jwks_url).send().await.unwrap().json().await.unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[&resources.issuer]);
    validation.validate_exp = false;
    if audience {
        validation.set_audience(&[&resources.client_id]);
    } else {
        validation.validate_aud = false;
    }
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
}

#[tokio::test]
async fn tokens_have_cognitos_claims_and_verify_against_the_key_set() {
    let stage = Stage::start().await;
    let client = stage.cognito();
    create(&stage, &client, "ann").await;
    let output = sign_in(&stage, &client, "ann", PASSWORD).await.unwrap();
    let result = tokens(&output);
    assert_eq!((result.expires_in(), result.token_type()), (3600, Some("Bearer")));
    let resources = stage.emulators.resources();

    let id = verify(&stage, result.id_token().unwrap(), true).await;
    assert_eq!((&id["token_use"], &id["cognito:username"]), (&"id".into(), &"ann".into()));
    assert_eq!((&id["email"], &id["email_verified"]), (&"ann@example.com".into(), &true.into()));
    assert_eq!(id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap(), 3600);
    let access = verify(&stage, result.access_token().unwrap(), false).await;
    assert_eq!((&access["token_use"], &access["username"]), (&"access".into(), &"ann".into()));
    assert_eq!(access["client_id"], resources.client_id.as_str());
    assert!(access.get("aud").is_none() && id.get("client_id").is_none());
    assert_eq!((&id["sub"], &id["auth_time"]), (&access["sub"], &access["auth_time"]));
    assert_ne!(id["jti"], access["jti"]);

    let user = client.admin_get_user().user_pool_id(&resources.user_pool_id).username("ann");
    let user = user.send().await.unwrap();
    assert_eq!(user.user_status(), Some(&UserStatusType::Confirmed));
    let sub = user.user_attributes().iter().find(|held| held.name() == "sub").unwrap();
    assert_eq!(id["sub"], sub.value().unwrap());
}

#[tokio::test]
async fn refresh_revocation_and_the_test_clock() {
    let stage = Stage::start().await;
    let client = stage.cognito();
    create(&stage, &client, "ann").await;
    let output = sign_in(&stage, &client, "ann", PASSWORD).await.unwrap();
    let token = tokens(&output).refresh_token().unwrap();
    let first = verify(&stage, tokens(&output).id_token().unwrap(), true).await;

    stage.move_clock(3600 * 1000).await;
    let again = refresh(&stage, &client, token).await.unwrap();
    assert_eq!(tokens(&again).refresh_token(), None);
    let second = verify(&stage, tokens(&again).id_token().unwrap(), true).await;
    assert!(second["iat"].as_i64().unwrap() >= first["iat"].as_i64().unwrap() + 3600);
    assert_eq!(second["auth_time"], first["auth_time"]);

    let month_ms = 31 * 24 * 3600 * 1000;
    stage.move_clock(month_ms).await;
    let expired = refresh(&stage, &client, token).await.unwrap_err();
    assert_eq!(expired.message(), Some("Refresh Token has expired"));
    stage.move_clock(0).await;
    let client_id = &stage.emulators.resources().client_id;
    client.revoke_token().client_id(client_id).token(token).send().await.unwrap();
    let revoked = refresh(&stage, &client, token).await.unwrap_err();
    assert!(revoked.is_not_authorized_exception(), "{revoked:?}");
    let unknown = refresh(&stage, &client, "nothing").await.unwrap_err();
    assert_eq!(unknown.message(), Some("Invalid Refresh Token"));
}

#[tokio::test]
async fn errors_are_cognitos() {
    let stage = Stage::start().await;
    let client = stage.cognito();
    let pool = stage.emulators.resources().user_pool_id.clone();
    create(&stage, &client, "ann").await;
    let wrong = sign_in(&stage, &client, "ann", "Wrong-horse-1").await.unwrap_err();
    let absent = sign_in(&stage, &client, "nobody", PASSWORD).await.unwrap_err();
    assert_eq!(wrong.message(), Some("Incorrect username or password."));
    assert_eq!((wrong.message(), wrong.code()), (absent.message(), absent.code()));

    let again = client.admin_create_user().user_pool_id(&pool).username("ann").send().await;
    assert!(again.unwrap_err().into_service_error().is_username_exists_exception());
    let get = client.admin_get_user().user_pool_id(&pool).username("nobody").send().await;
    assert!(get.unwrap_err().into_service_error().is_user_not_found_exception());
    let weak = client.admin_set_user_password().user_pool_id(&pool).username("ann");
    let weak = weak.password("short").send().await.unwrap_err().into_service_error();
    assert!(weak.is_invalid_password_exception(), "{weak:?}");
    let elsewhere = client.list_users().user_pool_id("eu-west-1_absent").send().await;
    assert!(elsewhere.unwrap_err().into_service_error().is_resource_not_found_exception());
    let malformed = client.list_users().user_pool_id("no pool").limit(61).send().await;
    let malformed = malformed.unwrap_err().into_service_error();
    assert!(malformed.is_invalid_parameter_exception());
    assert_eq!(
        malformed.message(),
        Some(
            "2 validation errors detected: Value '61' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 60; Value 'no pool' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+_[0-9a-zA-Z]+"
        )
    );
    for _ in 0..5 {
        sign_in(&stage, &client, "ann", "Wrong-horse-1").await.unwrap_err();
    }
    let locked = sign_in(&stage, &client, "ann", PASSWORD).await.unwrap_err();
    assert_eq!(locked.message(), Some("Password attempts exceeded"));
}

#[tokio::test]
async fn administrators_flow_new_passwords_listing_and_deletion() {
    let stage = Stage::start().await;
    let client = stage.cognito();
    let resources = stage.emulators.resources();
    let pool = &resources.user_pool_id;
    for name in ["ann", "bob", "cid"] {
        create(&stage, &client, name).await;
    }
    let temporary = client.admin_create_user().user_pool_id(pool).username("dan");
    temporary.temporary_password(PASSWORD).send().await.unwrap();
    let challenged = sign_in(&stage, &client, "dan", PASSWORD).await.unwrap();
    assert_eq!(challenged.challenge_name().unwrap().as_str(), "NEW_PASSWORD_REQUIRED");
    assert!(challenged.authentication_result().is_none());

    let admin = client
        .admin_initiate_auth()
        .user_pool_id(pool)
        .client_id(&resources.client_id)
        .auth_flow(AuthFlowType::AdminUserPasswordAuth)
        .auth_parameters("USERNAME", "bob@example.com")
        .auth_parameters("PASSWORD", PASSWORD)
        .send()
        .await
        .unwrap();
    let refresh_token = admin.authentication_result().unwrap().refresh_token().unwrap().to_owned();

    let page = client.list_users().user_pool_id(pool).limit(3).send().await.unwrap();
    assert_eq!(page.users().len(), 3);
    let rest = client.list_users().user_pool_id(pool);
    let rest = rest.set_pagination_token(page.pagination_token().map(str::to_owned));
    assert_eq!(rest.send().await.unwrap().users().len(), 1);
    let filtered = client.list_users().user_pool_id(pool).filter("email = \"bob@example.com\"");
    assert_eq!(filtered.send().await.unwrap().users()[0].username(), Some("bob"));

    let names = client.list_users().user_pool_id(pool).attributes_to_get("email").limit(1);
    let names = names.send().await.unwrap();
    assert_eq!(names.users()[0].attributes().len(), 1);

    client.admin_delete_user().user_pool_id(pool).username("bob").send().await.unwrap();
    refresh(&stage, &client, &refresh_token).await.unwrap_err();
    sign_in(&stage, &client, "bob", PASSWORD).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_users_sign_in_within_a_second() {
    let stage = Stage::start().await;
    let client = stage.cognito();
    stage.http.get(&stage.emulators.resources().jwks_url).send().await.unwrap();
    let before = stage.stats().await;
    let elapsed = stopwatch();
    let stage = &stage;
    let client = &client;
    let users = (0..200).map(|index| async move {
        let name = format!("user-{index}");
        create(stage, client, &name).await;
        sign_in(stage, client, &name, PASSWORD).await.unwrap();
    });
    let mut users = futures::stream::iter(users);
    let users = futures::StreamExt::buffer_unordered(&mut users, 16);
    assert_eq!(futures::StreamExt::count(users).await, 200);
    let took = elapsed();
    let after = stage.stats().await;
    let cpu = |stats: &Value| {
        stats["process"]["cpu_user_ms"].as_u64().unwrap()
            + stats["process"]["cpu_system_ms"].as_u64().unwrap()
    };
    println!("200 users: {took:?}, {} ms of CPU with the clients'", cpu(&after) - cpu(&before));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(after["services"]["cognito-idp"]["requests"], 601);
}

async fn mint(stage: &Stage, wanted: Value) -> String {
    let (status, body) = stage.admin(Method::POST, "/tokens", Some(wanted)).await;
    assert_eq!(status, 201, "{body}");
    body["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_minted_token_has_the_fault_that_was_asked_for() {
    let stage = Stage::start().await;
    create(&stage, &stage.cognito(), "anna").await;
    let wanted = |fault: &str| json!({"username": "anna", "fault": fault});
    let good = verify(&stage, &mint(&stage, wanted("none")).await, false).await;
    let now_s = good["iat"].as_i64().unwrap();
    assert_eq!(good["token_use"], "access");
    let id = json!({"username": "anna", "token_use": "id", "fault": "none"});
    let id = verify(&stage, &mint(&stage, id).await, true).await;
    assert_eq!((&id["token_use"], &id["sub"]), (&json!("id"), &good["sub"]));

    let expired = verify(&stage, &mint(&stage, wanted("expired")).await, false).await;
    assert!(expired["exp"].as_i64().unwrap() < now_s);
    let early = mint(&stage, wanted("not_yet_valid")).await;
    assert!(verify(&stage, &early, false).await["nbf"].as_i64().unwrap() > now_s);
    let client = verify(&stage, &mint(&stage, wanted("wrong_audience")).await, false).await;
    assert_ne!(client["client_id"], good["client_id"]);
    let kind = verify(&stage, &mint(&stage, wanted("other_token_use")).await, false).await;
    assert_eq!(kind["token_use"], "id");

    let keys = stage.http.get(&stage.emulators.resources().jwks_url).send().await.unwrap();
    let keys: JwkSet = keys.json().await.unwrap();
    let judge = |token: &str| {
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let key =
            DecodingKey::from_jwk(keys.find(&kid).ok_or(ErrorKind::InvalidKeyFormat)?).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&stage.emulators.resources().issuer]);
        validation.validate_aud = false;
        let judged = jsonwebtoken::decode::<Value>(token, &key, &validation);
        judged.map(drop).map_err(jsonwebtoken::errors::Error::into_kind)
    };
    assert_eq!(judge(&mint(&stage, wanted("none")).await), Ok(()));
    for (fault, kind) in [
        ("wrong_issuer", ErrorKind::InvalidIssuer),
        ("unknown_kid", ErrorKind::InvalidKeyFormat),
        ("wrong_key", ErrorKind::InvalidSignature),
        ("expired", ErrorKind::ExpiredSignature),
    ] {
        assert_eq!(judge(&mint(&stage, wanted(fault)).await), Err(kind), "{fault}");
    }
    for body in [json!({"username": "nobody", "fault": "none"}), wanted("unheard_of"), json!({})] {
        let (status, answer) = stage.admin(Method::POST, "/tokens", Some(body)).await;
        assert_eq!(status, 400, "{answer}");
    }
}
