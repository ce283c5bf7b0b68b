//! Whether an answer keeps the contract of api.md: its headers, its status, the shape of its body, and nothing leaked.
//!
//! It looks at one answer at a time and knows no expectations: whether this user should have got it is the caller's.

mod deep_health;
mod echo;
mod edge;
mod error_body;
mod headers;
mod leak;
mod status;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::answers::{
    AnnounceAnswer, DeepHealthAnswer, ErrorAnswer, HealthAnswer, IngestionJobAnswer,
    IngestionStatusAnswer, ManualAnswer, ManualsAnswer, QueryAnswer, QuotaAnswer, TranscribeAnswer,
    UploadAnswer, UsageAnswer, VersionAnswer,
};
use crate::exchange::Exchange;
use crate::request::Request;

/// An answer's body, parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    Health(HealthAnswer),
    /// With 503 too, where no request can be served.
    DeepHealth(DeepHealthAnswer),
    Version(VersionAnswer),
    Query(Box<QueryAnswer>),
    Transcribed(Box<TranscribeAnswer>),
    /// A manual that was taken in, whichever way it came.
    Uploaded(UploadAnswer),
    Announced(AnnounceAnswer),
    Manuals(ManualsAnswer),
    Manual(Box<ManualAnswer>),
    /// 204 to `DELETE`.
    Deleted,
    Usage(UsageAnswer),
    Quota(QuotaAnswer),
    IngestionStatus(IngestionStatusAnswer),
    IngestionJob(IngestionJobAnswer),
    /// A success of a [`Request::Raw`]: its body is the caller's to read.
    Raw,
    /// A refusal or failure.
    Error(ErrorAnswer),
}

/// Which promise is broken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ContractRule {
    /// A documented header is missing or wrong.
    Header,
    /// The route does not document the status.
    Status,
    /// The body of a success is not the documented one.
    Body,
    /// The body of an error is not flat, complete JSON.
    ErrorBody,
    /// `Retry-After` is missing or out of its range.
    RetryAfter,
    /// An answer shows the inside: ARNs, keys, SDK text, names of resources.
    Leak,
}

impl ContractRule {
    /// Leaks outweigh everything else that is wrong with an answer.
    pub fn is_leak(self) -> bool {
        self == Self::Leak
    }

    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Status => "status",
            Self::Body => "body",
            Self::ErrorBody => "error_body",
            Self::RetryAfter => "retry_after",
            Self::Leak => "leak",
        }
    }
}

pub use edge::{EDGE_CODE, is_from_edge};

/// One broken promise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContractBreach {
    /// Which one.
    pub rule: ContractRule,
    /// What was seen, for a person. Leaked text is not repeated beyond its kind and place.
    pub detail: String,
}

impl ContractBreach {
    fn new(rule: ContractRule, detail: impl Into<String>) -> Self {
        Self { rule, detail: detail.into() }
    }
}

/// A word that cannot be looked for.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("forbidden word {word:?} is shorter than {least} characters and would be found by chance")]
pub struct ShortWord {
    pub word: String,
    pub least: usize,
}

/// The contract, with the names that must not leak from this stage.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    /// In lower case.
    forbidden: Vec<String>,
    /// Whether something in front answers some requests itself.
    behind_edge: bool,
}

/// Checks an answer without a stage's own forbidden words.
pub fn check(request: &Request, exchange: &Exchange) -> Result<Parsed, Vec<ContractBreach>> {
    Contract::default().check(request, exchange)
}

impl Contract {
    /// Words shorter than this occur in request ids by chance.
    pub const LEAST_WORD: usize = 4;

    /// A contract under which these words (tables, buckets, model ids, parts of prompts) may stand in no error and in
    /// no header, whatever their case.
    pub fn new<W: AsRef<str>>(forbidden: impl IntoIterator<Item = W>) -> Result<Self, ShortWord> {
        let mut words = Vec::new();
        for word in forbidden {
            let word = word.as_ref();
            if word.chars().count() < Self::LEAST_WORD {
                return Err(ShortWord { word: word.to_owned(), least: Self::LEAST_WORD });
            }
            words.push(word.to_lowercase());
        }
        Ok(Self { forbidden: words, behind_edge: false })
    }

    /// The same for a service behind a firewall and a gateway, which answer some requests themselves.
    #[must_use]
    pub fn behind_edge(self, behind_edge: bool) -> Self {
        Self { behind_edge, ..self }
    }

    /// Checks one answer. The list of an `Err` is never empty.
    pub fn check(
        &self,
        request: &Request,
        exchange: &Exchange,
    ) -> Result<Parsed, Vec<ContractBreach>> {
        let mut breaches = Vec::new();
        if self.behind_edge && is_from_edge(exchange) {
            leak::check_headers(exchange, &self.forbidden, &mut breaches);
            leak::check_body(exchange, &self.forbidden, &mut breaches);
            let answer = edge::check(exchange, &mut breaches);
            return match answer {
                Some(answer) if breaches.is_empty() => Ok(Parsed::Error(answer)),
                _ => Err(breaches),
            };
        }
        headers::check(exchange, &mut breaches);
        leak::check_headers(exchange, &self.forbidden, &mut breaches);
        let parsed = if deep_health::is_picture(request, exchange) {
            leak::check_body(exchange, &self.forbidden, &mut breaches);
            deep_health::check(exchange, &mut breaches)
        } else if exchange.is_success() {
            success(request, exchange, &mut breaches)
        } else {
            leak::check_body(exchange, &self.forbidden, &mut breaches);
            failure(request, exchange, &mut breaches)
        };
        match parsed {
            Some(parsed) if breaches.is_empty() => Ok(parsed),
            _ => Err(breaches),
        }
    }
}

fn success(
    request: &Request,
    exchange: &Exchange,
    breaches: &mut Vec<ContractBreach>,
) -> Option<Parsed> {
    status::check_success(request, exchange.status, breaches);
    let parsed = parse(request, exchange)
        .map_err(|detail| breaches.push(ContractBreach::new(ContractRule::Body, detail)))
        .ok()?;
    let echoed = echo::contradictions(request, &parsed);
    for wrong in inconsistencies(&parsed, exchange).into_iter().chain(echoed) {
        breaches.push(ContractBreach::new(ContractRule::Body, wrong));
    }
    Some(parsed)
}

fn failure(
    request: &Request,
    exchange: &Exchange,
    breaches: &mut Vec<ContractBreach>,
) -> Option<Parsed> {
    status::check_failure(request, exchange.status, breaches);
    let answer = error_body::check(exchange, breaches);
    let code = answer.as_ref().map(|answer| answer.code.as_str());
    status::check_retry_after(exchange, code, breaches);
    answer.map(Parsed::Error)
}

fn parse(request: &Request, exchange: &Exchange) -> Result<Parsed, String> {
    match request {
        Request::Health => json(exchange).map(Parsed::Health),
        Request::DeepHealth => json(exchange).map(Parsed::DeepHealth),
        Request::Version => json(exchange).map(Parsed::Version),
        Request::Query { .. } | Request::VoiceQuery { .. } => {
            json(exchange).map(|answer| Parsed::Query(Box::new(answer)))
        }
        Request::Transcribe { .. } => {
            json(exchange).map(|answer| Parsed::Transcribed(Box::new(answer)))
        }
        Request::UploadManual { .. }
        | Request::CompleteManual { .. }
        | Request::DownloadManual { .. } => json(exchange).map(Parsed::Uploaded),
        Request::AnnounceManual { .. } => json(exchange).map(Parsed::Announced),
        Request::ListManuals { .. } => json(exchange).map(Parsed::Manuals),
        Request::GetManual { .. } => json(exchange).map(|row| Parsed::Manual(Box::new(row))),
        Request::DeleteManual { .. } if exchange.body.is_empty() => Ok(Parsed::Deleted),
        Request::DeleteManual { .. } => Err("204 has a body".to_owned()),
        Request::Usage { .. } => json(exchange).map(Parsed::Usage),
        Request::Quota => json(exchange).map(Parsed::Quota),
        Request::IngestionStatus => json(exchange).map(Parsed::IngestionStatus),
        Request::IngestionJob { .. } => json(exchange).map(Parsed::IngestionJob),
        Request::Raw { .. } => Ok(Parsed::Raw),
    }
}

fn json<T: DeserializeOwned>(exchange: &Exchange) -> Result<T, String> {
    if !headers::is_json(exchange) {
        return Err("content-type is not application/json".to_owned());
    }
    serde_json::from_slice(&exchange.body).map_err(|error| error.to_string())
}

/// What an answer says about itself twice has to be the same.
fn inconsistencies(parsed: &Parsed, exchange: &Exchange) -> Vec<String> {
    let mut wrong = Vec::new();
    let charged = if let Parsed::Query(answer) = parsed {
        Some((&answer.request_id, &answer.cost, "query"))
    } else if let Parsed::Transcribed(answer) = parsed {
        Some((&answer.request_id, &answer.cost, "transcribe"))
    } else {
        None
    };
    if let Some((request_id, cost, operation)) = charged {
        for (field, id) in [("request_id", request_id), ("cost.request_id", &cost.request_id)] {
            if exchange.request_id() != Some(id) {
                wrong.push(format!("{field} {id:?} differs from x-request-id"));
            }
        }
        if cost.currency != "USD" {
            wrong.push(format!("currency is {:?}, not USD", cost.currency));
        }
        if cost.operation != operation {
            wrong.push(format!("cost is of {:?}, not of {operation}", cost.operation));
        }
        let parts: i128 = cost.cost_breakdown.iter().map(|part| part.cost.pico()).sum();
        if parts != cost.total_cost.pico() {
            wrong.push("total_cost is not the sum of its breakdown".to_owned());
        }
    }
    if let Parsed::Manuals(answer) = parsed
        && u64::try_from(answer.manuals.len()).ok() != Some(answer.count)
    {
        wrong.push(format!("count is {}, the list has {}", answer.count, answer.manuals.len()));
    }
    if let Parsed::Health(answer) = parsed
        && answer.status != "ok"
    {
        wrong.push(format!("health is 200 with status {:?}", answer.status));
    }
    if let Parsed::Version(answer) = parsed
        && answer.api != "v1"
    {
        wrong.push(format!("api is {:?}, not v1", answer.api));
    }
    wrong
}

#[cfg(test)]
#[path = "contract/tests.rs"]
mod tests;
