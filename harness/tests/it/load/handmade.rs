//! A stage and a run made by hand: nothing of them is started.

use std::collections::BTreeMap;

use harness::commands::tools;
use verdict::domain::profile::Profile;
use verdict::domain::profile::RawProfile;
use verdict::domain::question::QuestionSet;
use verdict::domain::run::Machine;
use verdict::domain::run::RUN_SCHEMA;
use verdict::domain::run::RunPlan;
use verdict::domain::stage::Admin;
use verdict::domain::stage::Capabilities;
use verdict::domain::stage::CognitoRef;
use verdict::domain::stage::Credentials;
use verdict::domain::stage::Environment;
use verdict::domain::stage::Limits;
use verdict::domain::stage::Resources;
use verdict::domain::stage::Runtime;
use verdict::domain::stage::STAGE_SCHEMA;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::Services;
use verdict::domain::stage::StageDescription;
use verdict::plan::load::LoadPlan;
use verdict::plan::load::plan;

/// The commit that this stage's backend says it is.
pub(crate) const COMMIT: &str = "0123abc";

/// A stage whose backend and whose AWS are at `url`.
pub(crate) fn stage(url: &str) -> StageDescription {
    let secret = || SecretRef::Throwaway("worth-nothing".to_owned());
    let credentials = || Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: secret(),
    };
    let name = |kind: &str| format!("handmade-{kind}");
    StageDescription {
        schema: STAGE_SCHEMA.to_owned(),
        name: "handmade".to_owned(),
        base_url: url.to_owned(),
        sut_commit: COMMIT.to_owned(),
        sut_defects: Vec::new(),
        region: "eu-west-1".to_owned(),
        cognito: CognitoRef {
            endpoint: url.to_owned(),
            user_pool_id: "eu-west-1_Handmade1".to_owned(),
            client_id: "handmadehandmadehandmade12".to_owned(),
            admin_credentials: Some(credentials()),
        },
        endpoints: ["dynamodb", "s3"].map(|service| (service.to_owned(), url.to_owned())).into(),
        resources: Resources {
            usage_table: name("usage"),
            manuals_table: name("manuals"),
            rate_limit_table: name("rate-limit"),
            errors_table: name("errors"),
            manuals_bucket: name("manuals-bucket"),
            audio_bucket: name("audio-bucket"),
            knowledge_base_id: "HANDMADE01".to_owned(),
            data_source_id: "HANDMADE02".to_owned(),
            dead_letter_queue_url: None,
            alerts_topic_arn: None,
        },
        store_credentials: Some(credentials()),
        hmac_key: secret(),
        users: Vec::new(),
        admin: Admin::default(),
        processes: None,
        runtime: Runtime::default(),
        services: Services::Emulated,
        environment: Environment::Test,
        production_load: false,
        question_millicents: None,
        tls_ca_file: None,
        lease: None,
        web_origins: Vec::new(),
        capabilities: Capabilities::default(),
        limits: limits(),
    }
}

/// Those of a stage that says nothing else.
pub(crate) fn limits() -> Limits {
    Limits {
        daily_quota: 50,
        monthly_quota: 1_000,
        rate_limit: None,
        max_rate_per_s: None,
        max_users: None,
        max_cost_cents: None,
        chaos: false,
    }
}

/// A run of `profile` on `stage`, and its load.
pub(crate) fn run(
    profile: &str,
    stage: &StageDescription,
    questions: &QuestionSet,
) -> (RunPlan, LoadPlan) {
    let raw: RawProfile = toml::from_str(profile).unwrap();
    let profile = Profile::resolve(raw).unwrap();
    let load = plan(&profile, 1, &stage.limits, questions).unwrap();
    let run = RunPlan {
        services: Services::Emulated,
        runtime: Runtime::Server,
        behind_edge: false,
        bundle_sha256: None,
        schema: RUN_SCHEMA.to_owned(),
        run_id: "handmade-1".to_owned(),
        suite: "load".to_owned(),
        profile_name: "handmade".to_owned(),
        profile,
        seed: 1,
        only: None,
        schedule_sha256: load.sha256.clone(),
        arrivals: load.arrivals.len() as u64,
        harness_commit: COMMIT.to_owned(),
        sut_commit: stage.sut_commit.clone(),
        expect_commit: None,
        sut_defects: Vec::new(),
        stage: stage.name.clone(),
        limits: stage.limits.clone(),
        exact_answers: false,
        machine: Machine {
            cores: 2,
            memory_mib: 1_024,
            cpu: "any".to_owned(),
            os: "any".to_owned(),
        },
        tools: BTreeMap::from_iter(tools()),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
    };
    (run, load)
}
