//! The dead-letter queue's mapping against the emulated queue, over the wire.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::stage::Limits;

use super::Fakes;
use crate::adapters::embedded_stage::BackendFacts;
use crate::adapters::embedded_stage::BackendSettings;
use crate::adapters::embedded_stage::EmbeddedSettings;
use crate::adapters::embedded_stage::EmbeddedStage;
use crate::adapters::embedded_stage::ModelLatency;
use crate::adapters::lambda_host::Function;
use crate::adapters::lambda_host::Functions;
use crate::adapters::lambda_host::Spawn;
use crate::adapters::lambda_host::dead_letters::Queue;
use crate::adapters::lambda_host::tasks::Tasks;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

fn limits() -> Limits {
    Limits {
        daily_quota: 1,
        monthly_quota: 1,
        rate_limit: None,
        max_rate_per_s: None,
        max_users: None,
        max_cost_cents: None,
        chaos: false,
    }
}

/// The queue as the emulators' admin API tells it.
async fn queue(admin: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let queues = client.get(format!("{admin}/queues")).send().await.unwrap();
    let queues: Vec<Value> = queues.json().await.unwrap();
    queues.into_iter().find(|queue| queue["logical_id"] == "DeadLetterQueue").unwrap()
}

#[tokio::test]
async fn what_the_function_takes_is_deleted_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..").into();
    let run_dir = folder.path().to_path_buf();
    let model_latency = ModelLatency::default();
    let (seed, wire_faults, external) = (1, false, None);
    let settings = EmbeddedSettings { root, run_dir, seed, model_latency, wire_faults, external };
    let stage = EmbeddedStage::start(&settings).await.unwrap();
    let variables = stage
        .backend_environment(&BackendSettings {
            bind_address: "127.0.0.1:0".to_owned(),
            limits: limits(),
            defects: Vec::new(),
            passed_on: BTreeMap::new(),
            overrides: BTreeMap::new(),
        })
        .unwrap();
    let queue_of_stage = Queue::of(&variables).await.unwrap();
    for body in ["good", "bad", "good"] {
        let send = queue_of_stage.client.send_message().queue_url(&queue_of_stage.url);
        send.message_body(body).send().await.unwrap();
    }
    let spawner: Arc<dyn Spawn> = Arc::new(Fakes::default());
    let functions = Functions::new(LambdaOptions::default(), &spawner);
    let (tasks, cancel) = (Tasks::default(), CancellationToken::new());
    tasks.spawn(queue_of_stage.run(functions.clone(), cancel.clone()));
    let facts = BackendFacts {
        base_url: String::new(),
        commit: String::new(),
        defects: Vec::new(),
        pid: None,
        lambda_url: None,
        log: None,
        limits: limits(),
        pinned_egress: false,
        allowlist: false,
        web_origins: Vec::new(),
    };
    let admin = stage.describe(facts).unwrap().admin.emulators_url.unwrap();
    let seen = poll::until(Pace::quick(Duration::from_secs(10)), Value::Null, async || {
        let queue = queue(&admin).await;
        if queue["deleted"] == 2 { ControlFlow::Break(queue) } else { ControlFlow::Continue(queue) }
    });
    let seen = seen.await.unwrap();
    assert_eq!(seen["messages"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(functions.figures()[&Function::ErrorProcessor].errors, 0);
    cancel.cancel();
    functions.stop().await;
    tasks.finish(Duration::from_secs(1)).await;
    stage.stop().await;
}
