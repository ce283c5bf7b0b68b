//! Metrics in CloudWatch's Embedded Metric Format: one JSON object a line among the log's lines, from which CloudWatch
//! makes metrics without a call (Amazon CloudWatch User Guide, "Specification: Embedded metric format").
//!
//! A request adds to its [`Figures`] while it is worked on and leaves one line at its end, and so does a round in the
//! background; only a retried call, a call that a breaker refused and a change of a breaker's state have lines of their
//! own. Dimensions have few values: stage, route (the template, no ids), class of status, task, dependency. Ids are properties, which make no metric. A line is an
//! event of `tracing` with a target of its own, which `logging` writes as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::breaker::State;
use crate::domain::cost::{CostLine, TokenUse};
use crate::ports::Dependency;

mod rounds;

pub use rounds::{RoundEnded, Task, round};

/// The target of the events that are metric lines, and the field that holds the line.
pub const TARGET: &str = "manuel::metrics";

const APPLICATION: &str = "Manuel/Application";
const COSTS: &str = "Manuel/Costs";

/// What one request measured on its way.
#[derive(Debug, Default)]
pub struct Figures {
    model_calls: Vec<Duration>,
    tokens: Option<TokenUse>,
    results: Option<usize>,
    quota_percent: Option<f64>,
    retries: BTreeMap<Dependency, u32>,
    refused: BTreeSet<Dependency>,
    costs: Option<(&'static str, BTreeMap<&'static str, Decimal>)>,
}

impl Figures {
    /// A call of the model that took this long, whatever came of it.
    pub fn model_called(&mut self, took: Duration) {
        self.model_calls.push(took);
    }

    /// The model's tokens.
    pub fn tokens(&mut self, used: TokenUse) {
        let so_far = self.tokens.unwrap_or_default();
        let input = so_far.input.saturating_add(used.input);
        let output = so_far.output.saturating_add(used.output);
        self.tokens = Some(TokenUse { input, output });
    }

    /// The passages that a retrieval found.
    pub fn retrieved(&mut self, passages: usize) {
        self.results = Some(self.results.unwrap_or(0).saturating_add(passages));
    }

    /// How much of a limit is used up; of several, the fullest counts.
    pub fn quota(&mut self, used: u64, limit: u64) {
        let of = |count: u64| count.to_f64().unwrap_or(0.0);
        let percent = if limit == 0 { 100.0 } else { of(used) / of(limit) * 100.0 };
        self.quota_percent = Some(self.quota_percent.unwrap_or(0.0).max(percent));
    }

    /// One attempt after the first.
    pub fn retried(&mut self, dependency: Dependency) {
        let count = self.retries.entry(dependency).or_default();
        *count = count.saturating_add(1);
    }

    /// A breaker refused a call.
    pub fn refused(&mut self, dependency: Dependency) {
        self.refused.insert(dependency);
    }

    /// What an answered operation cost.
    pub fn cost(&mut self, operation: &'static str, lines: &[CostLine]) {
        let (_, services) = self.costs.get_or_insert((operation, BTreeMap::new()));
        for line in lines {
            *services.entry(line.service).or_default() += line.cost;
        }
    }
}

/// A request that ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// `STAGE`
    pub stage: &'static str,
    /// When.
    pub at: OffsetDateTime,
    /// The route's template.
    pub route: &'a str,
    /// What was answered.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// Of the request.
    pub ids: Ids<'a>,
}

/// By which a line is found beside the log's others.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    /// Of the request or round.
    pub request_id: &'a str,
    /// Of the trace that it continues or begins.
    pub trace_id: &'a str,
}

/// Writes the lines of a request.
pub fn request(ended: &Ended<'_>, figures: &Figures) {
    emit(&request_line(ended, figures));
    of_dependencies(ended.stage, ended.at, ended.ids, figures);
}

fn of_dependencies(stage: &str, at: OffsetDateTime, ids: Ids<'_>, figures: &Figures) {
    for (dependency, attempts) in &figures.retries {
        let mut line = of_dependency(stage, at, *dependency);
        line.directive(APPLICATION, &[&["Stage"], &["Stage", "Dependency"]]);
        line.metric("RetryAttempts", "Count", json!(attempts));
        emit(&line.with_ids(ids));
    }
    for dependency in &figures.refused {
        let line = circuit_line(stage, at, *dependency, State::Open);
        emit(&line.with_ids(ids));
    }
}

/// Writes the new state of a breaker: 0 is closed, 1 half open, 2 open.
pub fn circuit(stage: &'static str, at: OffsetDateTime, dependency: Dependency, state: State) {
    emit(&circuit_line(stage, at, dependency, state).into_value());
}

fn circuit_line(stage: &str, at: OffsetDateTime, dependency: Dependency, state: State) -> Line {
    let value = match state {
        State::Closed => 0,
        State::HalfOpen => 1,
        State::Open => 2,
    };
    let mut line = of_dependency(stage, at, dependency);
    line.directive(APPLICATION, &[&["Stage", "Dependency"]]);
    line.metric("CircuitState", "None", json!(value));
    line
}

fn of_dependency(stage: &str, at: OffsetDateTime, dependency: Dependency) -> Line {
    let mut line = Line::new(stage, at);
    line.set("Dependency", json!(dependency.as_str()));
    line
}

fn request_line(ended: &Ended<'_>, figures: &Figures) -> Value {
    let mut line = Line::new(ended.stage, ended.at);
    line.set("Route", json!(ended.route));
    line.set("StatusClass", json!(format!("{}xx", ended.status / 100)));
    line.set("status", json!(ended.status));
    line.directive(APPLICATION, &[&["Stage"], &["Stage", "Route", "StatusClass"]]);
    line.metric("RequestCount", "Count", json!(1));
    line.metric("RequestDuration", "Milliseconds", json!(millis(ended.took)));

    line.directive(APPLICATION, &[&["Stage"]]);
    if let Some(percent) = figures.quota_percent {
        line.metric("QuotaUsagePercentage", "Percent", json!(percent));
    }
    if !figures.model_calls.is_empty() {
        let took: Vec<f64> = figures.model_calls.iter().copied().map(millis).collect();
        line.metric("BedrockCallDuration", "Milliseconds", json!(took));
    }
    if let Some(tokens) = figures.tokens {
        let all = tokens.input.saturating_add(tokens.output);
        line.metric("BedrockTokens", "Count", json!(all));
        line.set("input_tokens", json!(tokens.input));
        line.set("output_tokens", json!(tokens.output));
    }
    if let Some(results) = figures.results {
        line.metric("KnowledgeBaseResults", "Count", json!(results));
    }
    put_costs(&mut line, figures);
    line.with_ids(ended.ids)
}

/// `Cost` is what the whole operation cost; each service has a metric of its own beside it. The metrics are for graphs:
/// what a user is told and what is stored stays decimal.
fn put_costs(line: &mut Line, figures: &Figures) {
    let Some((operation, services)) = &figures.costs else { return };
    line.set("Operation", json!(operation));
    line.directive(COSTS, &[&["Stage"], &["Stage", "Operation"]]);
    let total: Decimal = services.values().copied().sum();
    line.metric("Cost", "None", dollars(total));
    for (service, cost) in services {
        line.metric(service_metric(service), "None", dollars(*cost));
    }
}

fn service_metric(service: &str) -> &'static str {
    match service {
        "bedrock" => "BedrockCost",
        "transcribe" => "TranscribeCost",
        _ => "OtherCost",
    }
}

fn dollars(cost: Decimal) -> Value {
    json!(cost.to_f64().unwrap_or(0.0))
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// One object on its way to be a line.
struct Line {
    timestamp_ms: i64,
    members: Map<String, Value>,
    directives: Vec<Value>,
}

impl Line {
    fn new(stage: &str, at: OffsetDateTime) -> Self {
        let timestamp_ms = i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let members = Map::from_iter([("Stage".to_owned(), json!(stage))]);
        Self { timestamp_ms, members, directives: Vec::new() }
    }

    fn set(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    /// The metrics that follow are of this namespace and made for each of these sets of dimensions.
    fn directive(&mut self, namespace: &str, dimensions: &[&[&str]]) {
        let directive = json!({ "Namespace": namespace, "Dimensions": dimensions, "Metrics": [] });
        self.directives.push(directive);
    }

    fn metric(&mut self, name: &'static str, unit: &'static str, value: Value) {
        let metrics = self.directives.last_mut().and_then(|last| last["Metrics"].as_array_mut());
        if let Some(metrics) = metrics {
            metrics.push(json!({ "Name": name, "Unit": unit }));
            self.set(name, value);
        }
    }

    fn with_ids(mut self, ids: Ids<'_>) -> Value {
        self.set("request_id", json!(ids.request_id));
        self.set("trace_id", json!(ids.trace_id));
        self.into_value()
    }

    fn into_value(mut self) -> Value {
        self.directives
            .retain(|made| made["Metrics"].as_array().is_some_and(|all| !all.is_empty()));
        let metadata =
            json!({ "Timestamp": self.timestamp_ms, "CloudWatchMetrics": self.directives });
        self.members.insert("_aws".to_owned(), metadata);
        Value::Object(self.members)
    }
}

fn emit(line: &Value) {
    tracing::info!(target: "manuel::metrics", line = %line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cost;

    fn ended() -> Ended<'static> {
        let at = OffsetDateTime::from_unix_timestamp(1_794_744_000).unwrap();
        let ids = Ids { request_id: "r-1", trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" };
        let took = Duration::from_micros(12_345);
        Ended { stage: "dev", at, route: "/api/query", status: 200, took, ids }
    }

    /// Every rule of the specification that a line of ours could break.
    pub(super) fn assert_embedded(line: &Value) {
        assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000);
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert!(!directives.is_empty());
        for directive in directives {
            assert!(directive["Namespace"].as_str().unwrap().starts_with("Manuel/"));
            for set in directive["Dimensions"].as_array().unwrap() {
                for name in set.as_array().unwrap() {
                    assert!(line[name.as_str().unwrap()].is_string(), "{name} of {line}");
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()), "{line}");
            for metric in metrics {
                let value = &line[metric["Name"].as_str().unwrap()];
                let numbers = value.as_array().is_some_and(|all| all.iter().all(Value::is_number));
                assert!(value.is_number() || numbers, "{metric} of {line}");
            }
        }
    }

    #[test]
    fn a_request_is_one_line_with_what_it_measured_and_no_id_is_a_dimension() {
        let mut figures = Figures::default();
        figures.model_called(Duration::from_millis(7));
        figures.tokens(TokenUse { input: 100, output: 20 });
        figures.retrieved(3);
        figures.quota(25, 50);
        figures.quota(10, 1000);
        let tokens = TokenUse { input: 1_000_000, output: 1_000_000 };
        figures.cost("query", &cost::of_tokens("claude-3-haiku", tokens));
        let line = request_line(&ended(), &figures);
        assert_embedded(&line);
        for (name, value) in [
            ("RequestCount", json!(1)),
            ("RequestDuration", json!(12.345)),
            ("BedrockCallDuration", json!([7.0])),
            ("BedrockTokens", json!(120)),
            ("KnowledgeBaseResults", json!(3)),
            ("QuotaUsagePercentage", json!(50.0)),
            ("Cost", json!(1.5)),
            ("BedrockCost", json!(1.5)),
            ("StatusClass", json!("2xx")),
            ("Operation", json!("query")),
            ("request_id", json!("r-1")),
        ] {
            assert_eq!(line[name], value, "{name}");
        }
        assert!(!line["_aws"].to_string().contains("_id"));
        assert!(!line.to_string().contains('\n'));
    }

    #[test]
    fn a_request_that_measured_nothing_has_no_empty_directive() {
        let line = request_line(&ended(), &Figures::default());
        assert_embedded(&line);
        assert_eq!(line["_aws"]["CloudWatchMetrics"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_breaker_has_a_number_per_dependency() {
        for (state, value) in [(State::Closed, 0), (State::HalfOpen, 1), (State::Open, 2)] {
            let line = circuit_line("dev", ended().at, Dependency::Model, state).into_value();
            assert_embedded(&line);
            assert_eq!(
                (&line["CircuitState"], &line["Dependency"]),
                (&json!(value), &json!("model"))
            );
        }
    }
}
