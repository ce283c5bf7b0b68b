//! The configuration as data: an environment in, a configuration or all problems out.

use super::*;

/// The smallest environment that starts.
fn minimal() -> Environment {
    [
        ("STAGE", "local"),
        ("AWS_REGION", "eu-west-1"),
        ("USER_POOL_ID", "eu-west-1_abc"),
        ("USER_POOL_CLIENT_ID", "client"),
        ("MANUALS_BUCKET", "manuals"),
        ("AUDIO_BUCKET", "audio"),
        ("USAGE_TABLE", "usage"),
        ("MANUALS_TABLE", "rows"),
        ("RATE_LIMIT_TABLE", "limits"),
        ("ERRORS_TABLE", "errors"),
        ("KNOWLEDGE_BASE_ID", "KB12345678"),
        ("DATA_SOURCE_ID", "DS12345678"),
        ("TEXT_MODEL_ID", "anthropic.claude-3-haiku-20240307-v1:0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn with(changes: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let mut environment = minimal();
    for (name, value) in changes {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    Config::from_environment(&environment)
        .map_err(|errors| errors.0.iter().map(ToString::to_string).collect())
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = with(&[]).unwrap();
    assert_eq!(config.quota, QuotaLimits { daily: 50, monthly: 1000 });
    assert_eq!(config.request_deadline, Duration::from_secs(25));
    assert_eq!(
        config.jwks_url.as_str(),
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc/.well-known/jwks.json"
    );
    assert_eq!(config.issuer(), "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc");
    assert!(config.hmac_key_secret_id.is_none() && config.signatures == SignatureForms::Current);
    assert!(!config.s3_path_style);
}

#[test]
fn a_shared_cache_is_refused_and_its_password_not_shown() {
    for url in ["rediss://user:hunter2@cache.example.com", "redis//:hunter2@cache"] {
        let problems = with(&[("REDIS_URL", url)]).unwrap_err();
        let expected =
            "REDIS_URL: expected nothing, since a shared cache is not supported yet, but it is set";
        assert_eq!(problems, [expected]);
    }
}

#[test]
fn what_a_url_holds_is_not_shown() {
    for (variable, value) in [
        ("DLQ_URL", "user:canary@queue"),
        ("DLQ_URL", "https://user:canary@[queue/"),
        ("JWKS_URL", "http://user:canary@keys.example/jwks.json"),
        ("JWKS_URL", "canary"),
        ("CORS_ORIGINS", "https://app.example.com, https://user:canary@app.example.com"),
    ] {
        let problems = with(&[(variable, value)]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let said = &problems[0];
        assert!(said.starts_with(&format!("{variable}: expected ")), "{said}");
        assert!(said.ends_with(", found something else, which is not shown"), "{said}");
        assert!(!said.contains("canary") && !said.contains("user:"), "{said}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let problems = with(&[
        ("STAGE", "test"),
        ("USAGE_TABLE", "  "),
        ("DAILY_QUOTA", "0"),
        ("REQUEST_DEADLINE_MS", "29000"),
        ("BIND_ADDRESS", "localhost"),
        ("IP_ALLOWLIST", "10.0.0.0/8,10.0.0.0/99"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("HMAC_ACCEPT_LEGACY", "yes"),
        ("JWKS_URL", "http://keys.example.com/jwks.json"),
    ])
    .unwrap_err();
    let variables: Vec<&str> = problems.iter().filter_map(|p| p.split(':').next()).collect();
    for variable in [
        "STAGE",
        "USAGE_TABLE",
        "DAILY_QUOTA",
        "REQUEST_DEADLINE_MS",
        "BIND_ADDRESS",
        "IP_ALLOWLIST",
        "CORS_ORIGINS",
        "HMAC_ACCEPT_LEGACY",
        "JWKS_URL",
    ] {
        assert!(variables.contains(&variable), "{variable} is missing in {problems:?}");
    }
    assert_eq!(variables.len(), 9, "{problems:?}");
    let quota = problems.iter().find(|p| p.starts_with("DAILY_QUOTA")).unwrap();
    assert!(quota.contains("a whole number from 1 to 1000000, found `0`"), "{quota}");
}

#[test]
fn an_empty_environment_names_every_variable_that_is_needed() {
    let errors = Config::from_environment(&Environment::new()).unwrap_err();
    let missing: Vec<&str> = errors.0.iter().map(|problem| problem.variable).collect();
    for variable in minimal().keys() {
        assert!(missing.contains(&variable.as_str()), "{variable}");
    }
}

#[test]
fn test_hooks_are_for_the_local_stage_only() {
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    std::fs::write(&clock, "-1500").unwrap();
    let egress = folder.path().join("egress.toml");
    let text = "connector = \"127.0.0.1:9\"\n[names]\n\"a.example.com\" = [\"203.0.113.5\"]\n";
    std::fs::write(&egress, text).unwrap();
    let hooks =
        [("TEST_CLOCK_FILE", clock.to_str().unwrap()), ("TEST_EGRESS", egress.to_str().unwrap())];

    let config = with(&hooks).unwrap();
    assert_eq!(config.test_hooks.clock_file.as_deref(), Some(clock.as_path()));
    assert!(config.test_hooks.egress.is_some());

    for stage in ["dev", "staging", "production"] {
        let mut changes = hooks.to_vec();
        changes.push(("STAGE", stage));
        let problems = with(&changes).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems.iter().all(|p| p.contains("nothing unless STAGE=local")), "{problems:?}");
    }
    let problems = with(&[("TEST_CLOCK_FILE", "/nonexistent/clock")]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn keys_may_be_fetched_in_the_clear_only_from_this_machine() {
    for url in ["http://127.0.0.1:4000/jwks.json", "http://[::1]:1/k", "http://localhost:1/k"] {
        assert!(with(&[("JWKS_URL", url)]).is_ok(), "{url}");
    }
    for url in ["http://127.0.0.1.example.com/k", "ftp://127.0.0.1/k", "keys"] {
        assert!(with(&[("JWKS_URL", url)]).is_err(), "{url}");
    }
}

#[test]
fn the_spoken_language_has_the_shape_of_one() {
    let voice = |text| with(&[("TRANSCRIBE_LANGUAGE", text)]).map(|config| config.voice);
    let english = Voice { language: "en-US".to_owned(), concurrency: 8 };
    assert_eq!(with(&[]).unwrap().voice, english);
    assert_eq!(voice("ckb-IQ").unwrap().language, "ckb-IQ");
    for bad in ["en", "english", "EN-us", "en-US,de-DE", "en_US"] {
        let problems = voice(bad).unwrap_err();
        assert!(
            problems[0].starts_with("TRANSCRIBE_LANGUAGE: expected a language"),
            "{problems:?}"
        );
    }
    assert!(with(&[("VOICE_CONCURRENCY", "0")]).is_err());
}
