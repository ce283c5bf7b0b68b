//! What an answer is: its class, and the promises that it breaks. Expectations are exact where the stage's model is
//! deterministic; isolation and existing citations are strict everywhere.

use manuel_client::Exchange;
use manuel_client::Failure;
use manuel_client::Request;
use manuel_client::answers::CacheStatus;
use manuel_client::answers::QueryAnswer;
use manuel_client::contract::Contract;
use manuel_client::contract::ContractBreach;
use manuel_client::contract::Parsed;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;
use verdict::domain::profile::Outage;
use verdict::domain::question::Question;
use verdict::domain::rule::Rule;

use super::seat::Seat;

/// The sentence with which the emulated model, and the prompt of the real one, says that it found nothing.
const NOTHING_FOUND: &str = "the manuals do not say";

/// What is known about a request before it is answered.
pub(super) struct Expected<'a> {
    pub(super) kind: RequestKind,
    pub(super) seat: &'a Seat,
    pub(super) question: Option<&'a Question>,
    pub(super) outage: Option<&'a Outage>,
    /// Page and phrase are expected exactly.
    pub(super) exact: bool,
    /// Whose manual an id is, of all users of the run.
    pub(super) is_anyones: &'a (dyn Fn(&str) -> bool + Sync),
}

/// What became of a request.
#[derive(Debug, Default)]
pub(super) struct Assessment {
    pub(super) class: Option<AnswerClass>,
    pub(super) status: u16,
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
        Ok(exchange) => answered(expected, exchange, &contract.check(request, exchange)),
    }
}

fn answered(
    expected: &Expected<'_>,
    exchange: &Exchange,
    check: &Result<Parsed, Vec<ContractBreach>>,
) -> Assessment {
    let mut assessment = Assessment { status: exchange.status, ..Assessment::default() };
    for breach in check.as_ref().err().into_iter().flatten() {
        let rule = if breach.rule.is_leak() { Rule::Leak } else { Rule::Contract };
        assessment.broken.push(Broken {
            rule,
            expected: format!("an answer that keeps the contract ({})", breach.rule.as_str()),
            seen: breach.detail.clone(),
        });
    }
    let class = if exchange.is_success() {
        success(expected, check.as_ref().ok(), &mut assessment)
    } else {
        refusal(expected, exchange, &mut assessment)
    };
    let wrong = !assessment.broken.is_empty() && class != AnswerClass::HttpError;
    assessment.class = Some(if wrong { AnswerClass::WrongAnswer } else { class });
    assessment
}

fn success(
    expected: &Expected<'_>,
    parsed: Option<&Parsed>,
    assessment: &mut Assessment,
) -> AnswerClass {
    match (expected.kind, expected.outage) {
        (RequestKind::UnsignedUpload, _) => assessment.broken.push(Broken {
            rule: Rule::Signature,
            expected: "401 for an upload without a signature".to_owned(),
            seen: format!("{}: it was let in", assessment.status),
        }),
        (RequestKind::DependencyOut, Some(outage))
            if !outage.expect_status.contains(&assessment.status) =>
        {
            let rule = if outage.service == "dynamodb" {
                Rule::QuotaFailsClosed
            } else {
                Rule::DependencyMapped
            };
            assessment.broken.push(Broken {
                rule,
                expected: format!(
                    "{:?} while {} is out ({})",
                    outage.expect_status, outage.service, outage.error
                ),
                seen: format!("{}: an answer all the same", assessment.status),
            });
        }
        _ => {}
    }
    match parsed {
        Some(Parsed::Query(answer)) => {
            assessment.cache_hit = answer.cache_status == CacheStatus::Hit;
            query(expected, answer, &mut assessment.broken);
        }
        Some(Parsed::Uploaded(answer)) => assessment.manual_id = Some(answer.manual_id.clone()),
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
    let code = code.unwrap_or("without a code").to_owned();
    let (right, wanted, rule) = wanted(expected, status, &code);
    if right {
        return AnswerClass::ExpectedReject;
    }
    assessment.broken.push(Broken { rule, expected: wanted, seen: format!("{status} {code}") });
    AnswerClass::HttpError
}

/// Whether a refusal is right here, what would have been, and which promise it breaks otherwise.
fn wanted(expected: &Expected<'_>, status: u16, code: &str) -> (bool, String, Rule) {
    let outage = expected.outage.filter(|_| expected.kind == RequestKind::DependencyOut);
    if let Some(outage) = outage {
        let wanted = format!("{:?} while {} is out", outage.expect_status, outage.service);
        return (outage.expect_status.contains(&status), wanted, Rule::DependencyMapped);
    }
    let unexplained = if status >= 500 { Rule::Unexplained5xx } else { Rule::UnexplainedRefusal };
    if expected.kind == RequestKind::UnsignedUpload {
        (status == 401, "401".to_owned(), Rule::Signature)
    } else if expected.kind == RequestKind::QuotaBurst {
        let right = status == 429 && code.contains("quota");
        (right, "200, or 429 once the quota is used up".to_owned(), unexplained)
    } else {
        (false, "a success".to_owned(), unexplained)
    }
}

/// Isolation and citations, then the answer itself.
fn query(expected: &Expected<'_>, answer: &QueryAnswer, broken: &mut Vec<Broken>) {
    for source in &answer.sources {
        if expected.seat.owns(&source.manual_id) == Some(false) {
            let foreign = (expected.is_anyones)(&source.manual_id);
            broken.push(Broken {
                rule: if foreign { Rule::Isolation } else { Rule::Citations },
                expected: "sources among the user's own manuals".to_owned(),
                seen: format!(
                    "a source in manual {} ({}), {}",
                    source.manual_id,
                    source.manual_name,
                    if foreign {
                        "which is another user's"
                    } else {
                        "which the user does not have"
                    }
                ),
            });
        }
    }
    if !expected.exact {
        return;
    }
    let Some(question) = expected.question else { return };
    let nothing =
        matches!(expected.kind, RequestKind::QueryForeign | RequestKind::QueryUnanswerable);
    if nothing {
        nothing_said(question, answer, broken);
    } else {
        right_answer(expected.seat, question, answer, broken);
    }
}

fn nothing_said(question: &Question, answer: &QueryAnswer, broken: &mut Vec<Broken>) {
    let says_nothing = normal(&answer.answer).contains(NOTHING_FOUND);
    if says_nothing && answer.sources.is_empty() && !answer.context_found {
        return;
    }
    broken.push(Broken {
        rule: Rule::RightAnswer,
        expected: format!(
            "\"The manuals do not say.\" and no source, for question {}",
            question.id
        ),
        seen: format!("\"{}\" with {} sources", short(&answer.answer), answer.sources.len()),
    });
}

fn right_answer(seat: &Seat, question: &Question, answer: &QueryAnswer, broken: &mut Vec<Broken>) {
    let Some(key) = &question.manual else { return };
    let id = seat.user.manual_ids.get(key);
    let cited = answer.sources.iter().any(|source| {
        Some(&source.manual_id) == id
            && (question.page.is_none() || source.page_number == question.page)
    });
    let said = question.phrase.as_ref().is_none_or(|p| normal(&answer.answer).contains(&normal(p)));
    if cited && said {
        return;
    }
    let pages: Vec<String> = answer
        .sources
        .iter()
        .map(|s| format!("{} page {}", s.manual_name, s.page_number.unwrap_or(0)))
        .collect();
    broken.push(Broken {
        rule: Rule::RightAnswer,
        expected: format!(
            "question {}: \"{}\" citing page {} of {key}",
            question.id,
            question.phrase.as_deref().unwrap_or(""),
            question.page.unwrap_or(0)
        ),
        seen: format!("\"{}\" citing {}", short(&answer.answer), pages.join(", ")),
    });
}

/// Lower case, single spaces.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn short(text: &str) -> String {
    let short: String = text.chars().take(120).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
