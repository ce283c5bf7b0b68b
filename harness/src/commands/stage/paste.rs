//! What a person pastes into a shell to use a stage: curl and aws lines with everything in them. Text in, text out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use manuel_client::Session;
use manuel_client::SignedParts;
use manuel_client::Signer;
use manuel_client::SigningTime;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::StageDescription;

const UPLOAD: &str = "/api/manuals/upload";
pub(super) const QUESTION: &str = "How fast is the WAN port of the router?";
const NOTE: &[u8] = b"# Kettle\n\nThe kettle holds 1.7 litres and switches itself off.\n";

/// The whole text. Tokens are short-lived, and the signature of the upload is good for 5 min and one call.
pub(super) fn lines(
    stage: &StageDescription,
    sessions: &BTreeMap<String, Session>,
    time: SigningTime,
) -> Vec<String> {
    let mut lines = vec![
        format!("backend:    {}  (commit {})", stage.base_url, stage.sut_commit),
        String::new(),
        "users (name, password, manuals):".to_owned(),
    ];
    for user in &stage.users {
        let manuals =
            if user.manuals.is_empty() { "none".to_owned() } else { user.manuals.join(", ") };
        let password = value(&user.password).unwrap_or("(kept elsewhere)");
        lines.push(format!("  {:<10} {password}  {manuals}", user.username));
    }
    if let Some((name, session)) = sessions.iter().next() {
        lines.extend([String::new(), format!("ask as {name}:"), ask(stage, session)]);
        if let Some(upload) = upload(stage, session, time) {
            lines.extend([
                String::new(),
                format!("upload as {name} (the signature is good for 5 min and one call):"),
                upload,
            ]);
        }
    }
    if let Some(admin) = &stage.admin.lambda_url {
        lines.extend([
            String::new(),
            "look at the functions, and make the next starts cold:".to_owned(),
            format!("  curl -sS {admin}/lambda"),
            format!("  curl -sS -X POST {admin}/lambda/evict"),
        ]);
    }
    if let Some(admin) = &stage.admin.edge_url {
        lines.extend([
            String::new(),
            "look at the rules in front, and at what they blocked:".to_owned(),
            format!("  curl -sS {admin}/edge"),
        ]);
    }
    if stage.admin.injector_url.is_some() {
        lines.extend([
            String::new(),
            "let AWS fail, until Ctrl-C (see `harness fault --help`):".to_owned(),
            "  harness fault inject bedrock-runtime:Converse 'error ThrottlingException'"
                .to_owned(),
        ]);
        if stage.admin.toxiproxy_url.is_some() {
            lines.push("  harness fault proxy dynamodb latency latency=200 jitter=50".to_owned());
        }
    }
    lines.extend([String::new(), "look into the stores:".to_owned()]);
    lines.extend(stores(stage));
    lines.extend([String::new(), "access tokens:".to_owned()]);
    lines.extend(
        sessions
            .iter()
            .map(|(name, session)| format!("  {name}: {}", session.access_token.expose())),
    );
    lines.push(String::new());
    lines
}

fn ask(stage: &StageDescription, session: &Session) -> String {
    format!(
        "  curl -sS {}/api/query -H 'Content-Type: application/json' -H 'Authorization: Bearer {}' -d '{}'",
        stage.base_url,
        session.access_token.expose(),
        json!({ "question": QUESTION }),
    )
}

fn upload(stage: &StageDescription, session: &Session, time: SigningTime) -> Option<String> {
    let body = json!({
        "filename": "kettle.md",
        "content_type": "text/markdown",
        "file_data": STANDARD.encode(NOTE),
    })
    .to_string();
    let signer = Signer::new(value(&stage.hmac_key)?.as_bytes()).ok()?;
    let digest = hex::encode(Sha256::digest(&body));
    let parts = SignedParts { method: "POST", path: UPLOAD, body_sha256: &digest };
    let signed = signer.sign_at(parts, time.second());
    Some(format!(
        "  curl -sS {}{UPLOAD} -H 'Content-Type: application/json' -H 'Authorization: Bearer {}' \
         -H 'X-Manuel-Timestamp: {}' -H 'X-Manuel-Signature: {}' -d '{body}'",
        stage.base_url,
        session.access_token.expose(),
        signed.timestamp,
        signed.signature,
    ))
}

fn stores(stage: &StageDescription) -> Vec<String> {
    let Some(credentials) = &stage.store_credentials else { return Vec::new() };
    let Some(secret) = value(&credentials.secret_access_key) else { return Vec::new() };
    let aws = |service: &str, command: String| {
        let endpoint = stage.endpoints.get(service)?;
        Some(format!(
            "  AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={secret} AWS_REGION={} aws --endpoint-url {endpoint} {command}",
            credentials.access_key_id, stage.region,
        ))
    };
    [
        aws("dynamodb", format!("dynamodb scan --table-name {}", stage.resources.usage_table)),
        aws("dynamodb", format!("dynamodb scan --table-name {}", stage.resources.manuals_table)),
        aws("s3", format!("s3 ls --recursive s3://{}/", stage.resources.manuals_bucket)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn value(secret: &SecretRef) -> Option<&str> {
    match secret {
        SecretRef::Throwaway(value) => Some(value),
        SecretRef::Env(_) | SecretRef::SecretsManager(_) => None,
    }
}
