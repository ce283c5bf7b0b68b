//! What the edge did: how often each rule matched and blocked, and the last requests that got no further. `GET /edge`
//! shows it, with how true to AWS each rule is enforced.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use verdict::domain::features::Enforced;
use verdict::domain::lambda::Throttle;

use super::Finding;
use super::firewall::Action;
use super::firewall::Asks;
use super::firewall::Rule;
use super::proxy::HEAD_MAX;
use super::proxy::Proxy;
use super::words::Stop;
use crate::adapters::lambda_host::gateway::PAYLOAD_MAX;
use crate::adapters::lambda_host::tasks::Tasks;

/// Refused requests that are remembered; the oldest goes first.
const REMEMBERED: usize = 1_000;
/// Characters of a path that are remembered.
const PATH_MAX: usize = 200;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Clone, Debug, Default)]
struct Counts {
    passed: u64,
    stopped: BTreeMap<Stop, u64>,
    matched: BTreeMap<String, u64>,
    blocked: BTreeMap<String, u64>,
    refused: VecDeque<Refused>,
}

/// A request that got no further.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused {
    /// `x-amzn-requestid` of the answer.
    pub(super) request_id: String,
    pub(super) method: String,
    /// Without its query.
    pub(super) path: String,
    /// Of the answer.
    pub(super) status: u16,
    pub(super) stop: Stop,
    /// The rule that blocked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}

impl Tally {
    pub(super) fn passed(&self) {
        self.counts().passed += 1;
    }

    /// Rules that a request fell under, whatever became of it.
    pub(super) fn matched(&self, rules: &[&str]) {
        let mut counts = self.counts();
        for rule in rules {
            *counts.matched.entry((*rule).to_owned()).or_default() += 1;
        }
    }

    pub(super) fn refused(&self, mut refused: Refused) {
        let mut counts = self.counts();
        *counts.stopped.entry(refused.stop).or_default() += 1;
        if let Some(rule) = &refused.by {
            *counts.blocked.entry(rule.clone()).or_default() += 1;
        }
        refused.path = refused.path.chars().take(PATH_MAX).collect();
        if counts.refused.len() == REMEMBERED {
            counts.refused.pop_front();
        }
        counts.refused.push_back(refused);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `GET /edge` answers.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    /// The rules are this file's.
    template: &'a Path,
    /// What was read of its parameters.
    parameters: &'a BTreeMap<String, Value>,
    /// Requests that the service answered.
    passed: u64,
    /// Requests that it did not get, or did not answer, by the reason.
    stopped: BTreeMap<Stop, u64>,
    gateway: Gateway,
    rules: Vec<ShownRule<'a>>,
    /// The last ones, the oldest first.
    refused: Vec<ShownRefusal>,
    /// What the rules would do to legitimate requests, and should not.
    findings: &'a [Finding],
}

/// Limits of the API.
#[derive(Debug, Serialize)]
struct Gateway {
    /// Of each resource.
    throttle: Throttle,
    body_max_bytes: usize,
    head_max_bytes: usize,
}

#[derive(Debug, Serialize)]
struct ShownRule<'a> {
    name: &'a str,
    priority: u32,
    action: &'static str,
    enforced: Enforced,
    /// Why not exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
    matched: u64,
    blocked: u64,
}

#[derive(Debug, Serialize)]
struct ShownRefusal {
    #[serde(flatten)]
    refused: Refused,
    /// How true the rule is that blocked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    enforced: Option<Enforced>,
}

fn shown(proxy: &Proxy) -> Shown<'_> {
    let deployment = &proxy.rules.deployment;
    let counts = proxy.tally.counts().clone();
    let rules = &deployment.firewall.rules;
    let count = |counted: &BTreeMap<String, u64>, rule: &Rule| {
        counted.get(&rule.name).copied().unwrap_or_default()
    };
    Shown {
        template: &proxy.rules.template,
        parameters: &deployment.parameters,
        passed: counts.passed,
        gateway: Gateway {
            throttle: deployment.throttle,
            body_max_bytes: PAYLOAD_MAX,
            head_max_bytes: HEAD_MAX,
        },
        rules: rules
            .iter()
            .map(|rule| {
                let (enforced, because) = enforced(rule);
                ShownRule {
                    name: &rule.name,
                    priority: rule.priority,
                    action: action(rule),
                    enforced,
                    because,
                    matched: count(&counts.matched, rule),
                    blocked: count(&counts.blocked, rule),
                }
            })
            .collect(),
        refused: counts
            .refused
            .iter()
            .map(|refused| {
                let rule = rules.iter().find(|rule| Some(&rule.name) == refused.by.as_ref());
                let enforced = rule.map(|rule| enforced(rule).0);
                ShownRefusal { refused: refused.clone(), enforced }
            })
            .collect(),
        stopped: counts.stopped,
        findings: proxy.rules.findings(),
    }
}

fn enforced(rule: &Rule) -> (Enforced, Option<&'static str>) {
    match (&rule.asks, rule.approximation()) {
        (Asks::Managed(_), _) => {
            (Enforced::No, Some("a managed group is closed, and not imitated"))
        }
        (_, Some(because)) => (Enforced::Approximate, Some(because)),
        (_, None) => (Enforced::Exact, None),
    }
}

fn action(rule: &Rule) -> &'static str {
    match (&rule.asks, &rule.action) {
        (Asks::Managed(_), _) => "its own",
        (_, Action::Allow) => "allow",
        (_, Action::Block(_)) => "block",
        (_, Action::Count) => "count",
    }
}

/// Serves `GET /edge` until `cancel`; the base URL.
pub(super) async fn serve(
    proxy: Arc<Proxy>,
    bind: SocketAddr,
    (tasks, cancel): (&Tasks, CancellationToken),
) -> io::Result<String> {
    let listener = TcpListener::bind(bind).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new().route("/edge", get(show)).with_state(proxy);
    tasks.spawn(async move {
        tokio::select! {
            served = axum::serve(listener, app).into_future() => {
                if let Err(error) = served {
                    tracing::warn!(%error, "the admin api of the edge ended");
                }
            }
            () = cancel.cancelled() => {}
        }
    });
    Ok(url)
}

async fn show(State(proxy): State<Arc<Proxy>>) -> Json<Value> {
    Json(serde_json::to_value(shown(&proxy)).unwrap_or_default())
}
