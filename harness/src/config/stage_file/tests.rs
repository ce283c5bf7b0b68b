//! Wrong stage files: what is said, and where it points.

use super::*;

fn sample() -> serde_json::Value {
    serde_json::json!({
        "schema": "manuel-stage/1",
        "name": "embedded",
        "base_url": "http://127.0.0.1:4000",
        "sut_commit": "abc",
        "region": "eu-west-1",
        "cognito": {
            "endpoint": "http://127.0.0.1:4001", "user_pool_id": "eu-west-1_a", "client_id": "c"
        },
        "endpoints": { "s3": "http://127.0.0.1:4002" },
        "resources": {
            "usage_table": "u", "manuals_table": "m", "rate_limit_table": "r", "errors_table": "e",
            "manuals_bucket": "b", "audio_bucket": "a", "knowledge_base_id": "k", "data_source_id": "d"
        },
        "hmac_key": { "throwaway": "00" },
        "users": [{ "username": "alice", "password": { "throwaway": "p" }, "manuals": ["router"] }],
        "capabilities": ["clock"],
        "limits": { "daily_quota": 50, "monthly_quota": 1000 }
    })
}

fn read_text(name: &str, text: &str) -> Result<StageDescription, StageFileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read(&path)
}

fn bad(name: &str, text: &str) -> BadStageFile {
    match read_text(name, text) {
        Err(StageFileError::Bad(bad)) => *bad,
        other => panic!("{other:?}"),
    }
}

fn json(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn json_and_toml_say_the_same() {
    let stage = read_text("stage.json", &json(&sample())).unwrap();
    let toml = toml::to_string(&stage).unwrap();
    assert_eq!(read_text("stage.toml", &toml).unwrap(), stage);
    assert_eq!(stage.users[0].username, "alice");
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest() {
    let text = json(&sample()).replace("\"base_url\"", "\"base_ulr\"");
    let bad = bad("stage.json", &text);
    assert_eq!(bad.key.as_deref(), Some("base_ulr"));
    let line = text.lines().position(|line| line.contains("base_ulr")).unwrap() + 1;
    assert_eq!(bad.line, line);
    let shown = format!("{:?}", miette::Report::new(bad));
    assert!(shown.contains("did you mean `base_url`?"), "{shown}");
}

#[test]
fn a_wrong_value_names_its_key_in_both_formats() {
    let mut value = sample();
    value["limits"]["daily_quota"] = "many".into();
    let text = json(&value);
    let found = bad("stage.json", &text);
    assert_eq!(found.key.as_deref(), Some("daily_quota"));
    assert_eq!(text.lines().nth(found.line - 1).unwrap().trim(), "\"daily_quota\": \"many\",");
    assert!(found.message.contains("expected u64"), "{}", found.message);

    let stage = read_text("stage.json", &json(&sample())).unwrap();
    let text = toml::to_string(&stage).unwrap();
    let text = text.replace("daily_quota = 50", "daily_quota = \"many\"");
    let found = bad("stage.toml", &text);
    assert_eq!(found.key.as_deref(), Some("daily_quota"));
    assert_eq!(text.lines().nth(found.line - 1), Some("daily_quota = \"many\""));
}

#[test]
fn an_unknown_schema_is_said_before_anything_else() {
    let text = r#"{ "schema": "manuel-stage/2", "whatever": 1 }"#;
    let message = bad("stage.json", text).message;
    assert_eq!(message, "unknown schema `manuel-stage/2`; this build reads `manuel-stage/1`");
}

#[test]
fn broken_syntax_and_a_missing_key_have_a_line() {
    assert_eq!(bad("stage.json", "{\n  \"schema\":\n").line, 3);
    assert_eq!(bad("stage.toml", "schema = \"manuel-stage/1\"\nname = = 1\n").line, 2);
    let mut value = sample();
    value.as_object_mut().unwrap().remove("hmac_key");
    let message = bad("stage.json", &json(&value)).message;
    assert!(message.contains("missing field `hmac_key`"), "{message}");
}

#[test]
fn what_would_let_a_secret_out_is_refused() {
    let key = |value: &serde_json::Value| match read_text("stage.json", &json(value)) {
        Err(StageFileError::Value { key, .. }) => key,
        other => panic!("{other:?}"),
    };
    for (pointer, expected) in [
        ("/base_url", "base_url"),
        ("/cognito/endpoint", "cognito.endpoint"),
        ("/endpoints/s3", "endpoints.s3"),
    ] {
        for url in ["http://10.0.0.1:80", "nonsense"] {
            let mut value = sample();
            *value.pointer_mut(pointer).unwrap() = url.into();
            assert_eq!(key(&value), expected, "{url}");
        }
    }
    let mut value = sample();
    value["base_url"] = "https://api.example.com".into();
    assert_eq!(key(&value), "hmac_key", "a secret in clear text");
    value["hmac_key"] = serde_json::json!({ "env": "PATH" });
    assert_eq!(key(&value), "users.password");
    value["users"] = serde_json::json!([]);
    read_text("stage.json", &json(&value)).unwrap();
    value["admin"] = serde_json::json!({ "emulators_url": "https://10.0.0.1" });
    assert_eq!(key(&value), "admin.emulators_url");
    for url in ["http://127.3.2.1:1", "http://[::1]:1", "http://localhost:1"] {
        assert!(is_local(url), "{url}");
    }
}

#[test]
fn secrets_are_resolved_or_named() {
    let mut value = sample();
    value["hmac_key"] = serde_json::json!({ "env": "PATH" });
    let stage = read_text("stage.json", &json(&value)).unwrap();
    assert!(matches!(stage.hmac_key, SecretRef::Throwaway(path) if path.contains("bin")));
    value["hmac_key"] = serde_json::json!({ "env": "NO_SUCH_VARIABLE_HERE" });
    let refused = read_text("stage.json", &json(&value)).unwrap_err().to_string();
    assert!(refused.contains("NO_SUCH_VARIABLE_HERE"), "{refused}");
}

#[test]
fn an_unreadable_file_is_named() {
    let refused = read(Path::new("/no/such/stage.json")).unwrap_err();
    assert_eq!(refused.to_string(), "cannot read the stage file /no/such/stage.json");
}

/// The committed schema is the one of the types; `UPDATE_SCHEMAS=1` writes it.
#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/stage.schema.json");
    let current = schema_text().unwrap();
    if env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "run this test with UPDATE_SCHEMAS=1 and commit the schema");
    let validator = jsonschema::validator_for(&serde_json::from_str(&committed).unwrap()).unwrap();
    assert!(validator.is_valid(&sample()));
    let mut wrong = sample();
    wrong["base_ulr"] = 1.into();
    assert!(!validator.is_valid(&wrong));
}
