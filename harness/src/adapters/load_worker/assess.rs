//! What an answer is: its class, and the promises that it breaks. Expectations are exact where the stage's model is
//! deterministic; isolation and existing citations are strict everywhere.

mod figures;
mod manuals;
mod query;
#[cfg(test)]
mod tests;

pub(super) use figures::Charged;

use manuel_client::Exchange;
use manuel_client::Failure;
use manuel_client::Request;
use manuel_client::answers::CacheStatus;
use manuel_client::contract::Contract;
use manuel_client::contract::ContractBreach;
use manuel_client::contract::Parsed;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;
use verdict::domain::profile::Outage;
use verdict::domain::question::Question;
use verdict::domain::rule::Rule;

use super::known::Known;
use super::seat::Seat;

/// `Retry-After` of an exhausted quota may be this far from the reset, in seconds.
const RESET_TOLERANCE_S: u64 = 120;
/// A day, in seconds.
pub(super) const DAY_S: u64 = 86_400;

/// What is known about a request when it has been answered.
pub(super) struct Expected<'a> {
    pub(super) kind: RequestKind,
    pub(super) seat: &'a Seat,
    pub(super) seat_index: usize,
    pub(super) question: Option<&'a Question>,
    pub(super) outage: Option<&'a Outage>,
    /// Page and phrase are expected exactly.
    pub(super) exact: bool,
    pub(super) known: &'a Known,
    /// When it was sent, in µs from the start of the load.
    pub(super) sent_us: u64,
    /// What the quota counters may say; none where that is not known.
    pub(super) charged: Option<Charged>,
    /// Unix seconds of the stage's clock when it was answered.
    pub(super) stage_s: u64,
    /// It deletes something whose id nobody knows: an id that was never given out stands for it.
    pub(super) unknown_id: bool,
    /// The manual that the same upload was before.
    pub(super) again: Option<&'a str>,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(super) struct Assessment {
    pub(super) class: Option<AnswerClass>,
    pub(super) status: u16,
    /// The code in the body of a refusal.
    pub(super) code: Option<String>,
    pub(super) broken: Vec<Broken>,
    pub(super) cache_hit: bool,
    pub(super) manual_id: Option<String>,
    pub(super) fault: Option<String>,
}

/// A promise that an answer broke.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) rule: Rule,
    pub(super) expected: String,
    pub(super) seen: String,
}

impl Broken {
    fn new(rule: Rule, expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { rule, expected: expected.into(), seen: seen.into() }
    }
}

/// Assesses an answer, or the lack of one.
pub(super) fn assess(
    expected: &Expected<'_>,
    contract: &Contract,
    request: &Request,
    answer: &Result<Exchange, Failure>,
) -> Assessment {
    match answer {
        Err(failure) => Assessment {
            class: Some(if failure.fault.reason.is_timeout() {
                AnswerClass::Timeout
            } else {
                AnswerClass::Transport
            }),
            fault: Some(failure.fault.to_string()),
            ..Assessment::default()
        },
        Ok(exchange) => answered(expected, request, exchange, &contract.check(request, exchange)),
    }
}

fn answered(
    expected: &Expected<'_>,
    request: &Request,
    exchange: &Exchange,
    check: &Result<Parsed, Vec<ContractBreach>>,
) -> Assessment {
    let mut assessment = Assessment { status: exchange.status, ..Assessment::default() };
    for breach in check.as_ref().err().into_iter().flatten() {
        let rule = if breach.rule.is_leak() { Rule::Leak } else { Rule::Contract };
        let wanted = format!("an answer that keeps the contract ({})", breach.rule.as_str());
        assessment.broken.push(Broken::new(rule, wanted, breach.detail.clone()));
    }
    if let Some(id) = exchange.request_id().filter(|id| !expected.known.is_new(id)) {
        let wanted = "a request id of its own";
        assessment.broken.push(Broken::new(Rule::Contract, wanted, format!("{id} once more")));
    }
    let class = if exchange.is_success() {
        success(expected, request, check.as_ref().ok(), &mut assessment)
    } else {
        refusal(expected, exchange, &mut assessment)
    };
    let wrong = !assessment.broken.is_empty() && class != AnswerClass::HttpError;
    assessment.class = Some(if wrong { AnswerClass::WrongAnswer } else { class });
    assessment
}

fn success(
    expected: &Expected<'_>,
    request: &Request,
    parsed: Option<&Parsed>,
    assessment: &mut Assessment,
) -> AnswerClass {
    let let_in = format!("{}: it was let in", assessment.status);
    let refused = match (expected.kind, expected.outage) {
        (RequestKind::UnsignedUpload, _) => Some(Broken::new(
            Rule::Signature,
            "401 for an upload without a signature that is good for it",
            let_in,
        )),
        (RequestKind::BadToken, _) => {
            Some(Broken::new(Rule::Identity, "401 without a good token", let_in))
        }
        (RequestKind::ForeignManual, _) => {
            Some(Broken::new(Rule::Isolation, "404 for another user's manual", let_in))
        }
        (RequestKind::DependencyOut, Some(outage))
            if !outage.expect_status.contains(&assessment.status) =>
        {
            let rule = if outage.service == "dynamodb" {
                Rule::QuotaFailsClosed
            } else {
                Rule::DependencyMapped
            };
            Some(Broken::new(
                rule,
                format!(
                    "{:?} while {} is out ({})",
                    outage.expect_status, outage.service, outage.error
                ),
                format!("{}: an answer all the same", assessment.status),
            ))
        }
        _ => None,
    };
    if let Some(broken) = refused {
        let may_be_read = expected.kind == RequestKind::DependencyOut;
        assessment.broken.push(broken);
        if !may_be_read {
            // It exists now, however it came in: nothing else is to be held against what shows it.
            if let Some(Parsed::Uploaded(answer)) = parsed {
                assessment.manual_id = Some(answer.manual_id.clone());
            }
            return AnswerClass::WrongAnswer;
        }
    }
    let broken = &mut assessment.broken;
    match parsed {
        Some(Parsed::Query(answer)) => {
            assessment.cache_hit = answer.cache_status == CacheStatus::Hit;
            query::check(expected, answer, broken);
        }
        Some(Parsed::Uploaded(answer)) => {
            manuals::uploaded(expected, request, answer, broken);
            assessment.manual_id = Some(answer.manual_id.clone());
        }
        Some(Parsed::Manuals(answer)) => manuals::listed(expected, answer, broken),
        Some(Parsed::Usage(answer)) => figures::usage(expected.charged, answer, broken),
        Some(Parsed::Quota(answer)) => {
            figures::quota(expected.charged, expected.stage_s, answer, broken);
        }
        _ => {}
    }
    AnswerClass::Ok
}

fn refusal(
    expected: &Expected<'_>,
    exchange: &Exchange,
    assessment: &mut Assessment,
) -> AnswerClass {
    let status = exchange.status;
    // Its code counts also where something else in the body breaks the contract.
    let body: Option<serde_json::Value> = serde_json::from_slice(&exchange.body).ok();
    let code = body.as_ref().and_then(|body| body.get("code")).and_then(|code| code.as_str());
    assessment.code = code.map(str::to_owned);
    let code = code.unwrap_or("without a code").to_owned();
    let (right, wanted, rule) = wanted(expected, status, &code);
    if !right {
        assessment.broken.push(Broken::new(rule, wanted, format!("{status} {code}")));
        return AnswerClass::HttpError;
    }
    if expected.kind == RequestKind::QuotaBurst {
        resets(expected, exchange.retry_after_s(), &mut assessment.broken);
    }
    AnswerClass::ExpectedReject
}

/// Whether a refusal is right here, what would have been, and which promise it breaks otherwise.
fn wanted(expected: &Expected<'_>, status: u16, code: &str) -> (bool, String, Rule) {
    let outage = expected.outage.filter(|_| expected.kind == RequestKind::DependencyOut);
    if let Some(outage) = outage {
        let wanted = format!("{:?} while {} is out", outage.expect_status, outage.service);
        return (outage.expect_status.contains(&status), wanted, Rule::DependencyMapped);
    }
    let unexplained = if status >= 500 { Rule::Unexplained5xx } else { Rule::UnexplainedRefusal };
    let or_unexplained = |rule| if status >= 500 { unexplained } else { rule };
    let (right, wanted, rule) = if expected.kind == RequestKind::UnsignedUpload {
        (status == 401, "401", or_unexplained(Rule::Signature))
    } else if expected.kind == RequestKind::BadToken {
        (status == 401, "401", or_unexplained(Rule::Identity))
    } else if expected.kind == RequestKind::ForeignManual {
        (status == 404, "404", unexplained)
    } else if expected.kind == RequestKind::Delete && expected.unknown_id {
        (status == 404, "404 for an id that was never given out", unexplained)
    } else if expected.kind == RequestKind::QuotaBurst {
        let right = status == 429 && code.contains("quota");
        (right, "200, or 429 once the quota is used up", unexplained)
    } else {
        (false, "a success", unexplained)
    };
    (right, wanted.to_owned(), rule)
}

/// An exhausted quota says when its day is over, where it is the day's.
fn resets(expected: &Expected<'_>, retry_after_s: Option<u64>, broken: &mut Vec<Broken>) {
    // The contract check sees to it that there is one.
    let Some(seconds) = retry_after_s else { return };
    if expected.charged.is_some_and(|charged| charged.monthly_limit <= charged.daily_limit) {
        return;
    }
    let left = DAY_S - expected.stage_s % DAY_S;
    // Around midnight one clock may be in the next day already.
    let apart = seconds.abs_diff(left);
    if apart > RESET_TOLERANCE_S && apart.abs_diff(DAY_S) > RESET_TOLERANCE_S {
        broken.push(Broken::new(
            Rule::Contract,
            format!("retry-after of about {left} s, to the next midnight in UTC"),
            format!("{seconds} s"),
        ));
    }
}
