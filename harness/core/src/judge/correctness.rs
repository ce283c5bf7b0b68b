//! The promises that hold in every phase of every run: what was seen broken, and how often each was put to the test.

use std::collections::BTreeMap;

use crate::{
    domain::{
        evidence::{Conservation, Finding},
        kind::{AnswerClass, RequestKind},
        objective::ObjectiveKind,
        rule::Rule,
        run::RunPlan,
        verdict::{Breach, PromiseResult},
    },
    judge::seen::Seen,
};

/// Most arrivals that a breach names for its replay.
const ORDINALS: usize = 200;

/// The command that shows a run's failure again.
pub fn reproduce(plan: &RunPlan) -> String {
    format!("cargo run -p harness -- replay reports/{}", plan.run_id)
}

/// All breaches of promises, in the order of the rules.
pub fn breaches(plan: &RunPlan, seen: &Seen) -> Vec<Breach> {
    let mut by_rule: BTreeMap<Rule, Vec<&Finding>> = BTreeMap::new();
    for finding in &seen.findings {
        by_rule.entry(finding.rule).or_default().push(finding);
    }
    let mut breaches: Vec<(Rule, Breach)> = by_rule
        .iter()
        .map(|(rule, findings)| (*rule, of_findings(plan, *rule, findings)))
        .collect();
    let mut unequal: BTreeMap<Rule, Vec<&Conservation>> = BTreeMap::new();
    for line in seen.conservations.iter().filter(|line| !holds(line)) {
        unequal.entry(line.rule).or_default().push(line);
    }
    breaches.extend(unequal.iter().map(|(rule, lines)| (*rule, of_figures(plan, *rule, lines))));
    breaches.extend(backend_died(plan, seen).map(|breach| (Rule::BackendDied, breach)));
    breaches.extend(unattributed(plan, seen).map(|breach| (Rule::Unexplained5xx, breach)));
    breaches.sort_by_key(|(rule, _)| *rule);
    breaches.into_iter().map(|(_, breach)| breach).collect()
}

/// Every promise and how often it was put to the test.
pub fn promises(seen: &Seen) -> Vec<PromiseResult> {
    let result = |rule: Rule| {
        let figures = seen.conservations.iter().filter(|line| line.rule == rule);
        let unequal = figures.clone().filter(|line| !holds(line)).count();
        let findings = seen.findings.iter().filter(|finding| finding.rule == rule).count();
        let died = usize::from(rule == Rule::BackendDied && seen.died.is_some());
        PromiseResult {
            rule: rule.code().to_owned(),
            tested: seen.count(|_, kind, class| bears_on(rule, kind, class))
                + figures.count() as u64,
            broken: (findings + unequal + died) as u64,
        }
    };
    Rule::ALL.into_iter().map(result).collect()
}

/// Whether an answer of this kind and class could have broken the promise.
fn bears_on(rule: Rule, kind: RequestKind, class: AnswerClass) -> bool {
    let question = kind.is_charged();
    class.is_answered()
        && match rule {
            Rule::Isolation => {
                question || matches!(kind, RequestKind::ForeignManual | RequestKind::ListManuals)
            }
            Rule::Citations => question || kind == RequestKind::ListManuals,
            Rule::RightAnswer => question && !kind.is_probe(),
            Rule::Contract | Rule::BackendDied | Rule::Unexplained5xx => true,
            Rule::UnexplainedRefusal => kind.is_mixable() && !must_be_refused(kind),
            Rule::Leak => class == AnswerClass::ExpectedReject || class == AnswerClass::HttpError,
            Rule::Signature => kind == RequestKind::UnsignedUpload,
            Rule::Identity => kind == RequestKind::BadToken,
            Rule::UsageFigures => {
                question || matches!(kind, RequestKind::Usage | RequestKind::Quota)
            }
            Rule::QuotaFailsClosed | Rule::DependencyMapped => kind == RequestKind::DependencyOut,
            Rule::ManualsConserved => {
                matches!(kind, RequestKind::ListManuals | RequestKind::UploadAgain)
            }
            // Tested by figures, each of which is one observation.
            Rule::QuotaLimit | Rule::QuotaConserved => false,
        }
}

/// Kinds whose every answer should be a refusal.
fn must_be_refused(kind: RequestKind) -> bool {
    matches!(kind, RequestKind::UnsignedUpload | RequestKind::BadToken | RequestKind::ForeignManual)
}

fn holds(line: &Conservation) -> bool {
    (line.expected_min..=line.expected_max).contains(&line.seen)
}

fn of_findings(plan: &RunPlan, rule: Rule, findings: &[&Finding]) -> Breach {
    // Lines of several workers interleave as they come: the first is the earliest, not the uppermost.
    let first = findings.iter().min_by_key(|finding| (finding.at_ms, finding.ordinal));
    let message = first.map(|f| {
        format!(
            "{} of {}: expected {}, got {}. First at {} ms: arrival {} of user {}, status {}.",
            f.kind, f.user, f.expected, f.seen, f.at_ms, f.ordinal, f.user, f.status
        )
    });
    let mut ordinals: Vec<u32> = findings.iter().map(|f| f.ordinal).collect();
    ordinals.sort_unstable();
    ordinals.dedup();
    ordinals.truncate(ORDINALS);
    Breach {
        objective: rule.code().to_owned(),
        kind: ObjectiveKind::Correctness,
        promise: rule.promise().to_owned(),
        message: message.unwrap_or_default(),
        times: findings.len() as u64,
        first_at_ms: first.map(|f| f.at_ms),
        request_id: first.and_then(|f| f.request_id.clone()),
        trace_id: first.map(|f| f.trace_id.clone()),
        ordinals,
        reproduce: reproduce(plan),
    }
}

fn of_figures(plan: &RunPlan, rule: Rule, lines: &[&Conservation]) -> Breach {
    let describe = |line: &&Conservation| {
        let expected = if line.expected_min == line.expected_max {
            line.expected_min.to_string()
        } else {
            format!("{} to {}", line.expected_min, line.expected_max)
        };
        format!("{} of user {}: expected {expected}, found {}", line.what, line.user, line.seen)
    };
    let shown: Vec<String> = lines.iter().take(3).map(describe).collect();
    let more = lines.len().saturating_sub(3);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let mut ordinals: Vec<u32> = lines.iter().flat_map(|line| line.ordinals.clone()).collect();
    ordinals.sort_unstable();
    ordinals.dedup();
    ordinals.truncate(ORDINALS);
    Breach {
        objective: rule.code().to_owned(),
        kind: ObjectiveKind::Correctness,
        promise: rule.promise().to_owned(),
        message: format!("{}{more}.{}", shown.join("; "), bearing(&ordinals)),
        times: lines.len() as u64,
        first_at_ms: None,
        request_id: None,
        trace_id: None,
        ordinals,
        reproduce: reproduce(plan),
    }
}

/// Where to look for the requests behind a figure.
fn bearing(ordinals: &[u32]) -> String {
    let first: Vec<String> = ordinals.iter().take(6).map(u32::to_string).collect();
    let more = if ordinals.len() > first.len() { " …" } else { "" };
    if first.is_empty() {
        return String::new();
    }
    format!(" Its requests: arrivals {}{more} in ledger.jsonl.", first.join(", "))
}

fn backend_died(plan: &RunPlan, seen: &Seen) -> Option<Breach> {
    let died = seen.died.as_ref()?;
    let log = died.last_lines.iter().rev().take(5).rev().cloned().collect::<Vec<_>>().join(" | ");
    Some(Breach {
        objective: Rule::BackendDied.code().to_owned(),
        kind: ObjectiveKind::Correctness,
        promise: Rule::BackendDied.promise().to_owned(),
        message: format!(
            "The backend ended ({}) at {} ms. Its last words: {log}",
            died.how, died.at_ms
        ),
        times: 1,
        first_at_ms: Some(died.at_ms),
        request_id: None,
        trace_id: None,
        ordinals: Vec::new(),
        reproduce: reproduce(plan),
    })
}

/// Answers classed as wrong for which no finding came through: they are never lost.
fn unattributed(plan: &RunPlan, seen: &Seen) -> Option<Breach> {
    let wrong = seen
        .count(|_, _, class| matches!(class, AnswerClass::WrongAnswer | AnswerClass::HttpError));
    if wrong == 0 || !seen.findings.is_empty() {
        return None;
    }
    Some(Breach {
        objective: Rule::Unexplained5xx.code().to_owned(),
        kind: ObjectiveKind::Correctness,
        promise: Rule::Unexplained5xx.promise().to_owned(),
        message: format!(
            "{wrong} answers were classed as wrong or failed, and no finding explains them."
        ),
        times: wrong,
        first_at_ms: None,
        request_id: None,
        trace_id: None,
        ordinals: Vec::new(),
        reproduce: reproduce(plan),
    })
}
