//! What a rule does: the verbs of `do`, one short sentence each.
use std::time::Duration;

use crate::catalogue::{ErrorShape, InStream, Service, hint, nearest};
use crate::rule::amounts;

/// One fault.
#[derive(Debug, Clone)]
pub enum Verb {
    /// `error CODE`: an error of the service's model, instead of the call.
    Error(ErrorShape),
    /// `status 503`: a bare answer, for pages that speak no AWS protocol.
    Status(u16),
    /// `delay 4s±1s`: the call waits first.
    Delay {
        /// The middle.
        span: Duration,
        /// At most this much more or less, evenly.
        jitter: Duration,
    },
    /// `lose-reply`: the call has its effect, the connection closes without an answer.
    LoseReply,
    /// `fail-after-effect CODE`: the call has its effect, the answer is an error.
    FailAfterEffect(ErrorShape),
    /// `ok-with-error CODE`: S3's copy and completion: 200, and the error in the body.
    OkWithError(ErrorShape),
    /// `truncate 0.5`: this share of the answer's body, then the connection closes.
    Truncate(f64),
    /// `garbage`: the call has its effect, the answer's body is not what it should be.
    Garbage,
    /// `limit 60 requests/min`, `limit 1000 tokens/min`: what is over gets the error.
    Limit {
        /// How many a minute.
        per_minute: f64,
        /// Whether model tokens are counted rather than requests.
        tokens: bool,
        /// For what is over.
        error: ErrorShape,
    },
    /// `skew date +10m`: the answer's `Date` is off.
    SkewDate {
        /// By how much, in milliseconds.
        offset_ms: i64,
    },
    /// `stale 2s`: an answer of at least this age to the same read.
    Stale(Duration),
    /// `duplicate 3`: the call arrives this often.
    Duplicate(u32),
    /// `stream CODE after 3 frames`: an exception in the middle of an event stream.
    Stream {
        /// The exception.
        error: ErrorShape,
        /// Frames that come through first.
        after: usize,
    },
}

/// The verbs by their first words, each as it is written.
const FORMS: [(&str, &str); 13] = [
    ("error", "error CODE"),
    ("status", "status 503"),
    ("delay", "delay 4s or delay 4s±1s"),
    ("lose-reply", "lose-reply"),
    ("fail-after-effect", "fail-after-effect CODE"),
    ("ok-with-error", "ok-with-error CODE"),
    ("truncate", "truncate 0.5"),
    ("garbage", "garbage"),
    ("limit", "limit 60 requests/min, limit 1000 tokens/min [error CODE]"),
    ("skew", "skew date +10m"),
    ("stale", "stale 2s"),
    ("duplicate", "duplicate 3"),
    ("stream", "stream CODE after 3 frames"),
];

impl Verb {
    /// Reads `text` for `service`; the error begins with what is wrong.
    pub(crate) fn parse(text: &str, service: &Service) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["error", code] => error(service, code).map(Self::Error),
            ["status", status] => match status.parse() {
                Ok(status @ 200..=599) => Ok(Self::Status(status)),
                _ => Err(format!("`status {status}`: expected a status from 200 to 599")),
            },
            ["delay", rest @ ..] if !rest.is_empty() => delay(&rest.join(" ")),
            ["lose-reply"] => Ok(Self::LoseReply),
            ["fail-after-effect", code] => error(service, code).map(Self::FailAfterEffect),
            ["ok-with-error", code] if service.name == "s3" => {
                error(service, code).map(Self::OkWithError)
            }
            ["ok-with-error", ..] => Err("only S3 answers `ok-with-error CODE`".to_owned()),
            ["truncate", share] => share
                .parse()
                .map_err(|_not_a_number| format!("`truncate {share}`: expected a share"))
                .and_then(|share| amounts::share(share).map_err(|why| format!("`truncate` {why}")))
                .map(Self::Truncate),
            ["garbage"] => Ok(Self::Garbage),
            ["limit", count, unit] => limit(service, count, unit, "ThrottlingException"),
            ["limit", count, unit, "error", code] => limit(service, count, unit, code),
            ["skew", "date", offset] => amounts::offset_ms(offset)
                .map(|offset_ms| Self::SkewDate { offset_ms })
                .map_err(|why| format!("`skew date` {why}")),
            ["stale", age] => {
                amounts::span(age).map(Self::Stale).map_err(|why| format!("`stale` {why}"))
            }
            ["duplicate", times] => match times.parse() {
                Ok(times @ 2..=100) => Ok(Self::Duplicate(times)),
                _ => Err(format!("`duplicate {times}`: expected 2 to 100 deliveries")),
            },
            ["stream", code, "after", frames, "frame" | "frames"] => stream(service, code, frames),
            [word, ..] => Err(unknown(word, text)),
            [] => Err("is empty; expected a verb such as `error ThrottlingException`".to_owned()),
        }
    }

    /// Whether other rules may still act on the same attempt.
    pub(crate) fn is_modifier(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::SkewDate { .. })
    }
}

fn error(service: &Service, code: &str) -> Result<ErrorShape, String> {
    service.error(code).cloned().ok_or_else(|| {
        let near = hint(service.nearest_error(code));
        format!("{} has no error `{code}`{near}", service.name)
    })
}

fn delay(text: &str) -> Result<Verb, String> {
    let (span, jitter) = match text.split_once('±').or_else(|| text.split_once("+-")) {
        Some((span, jitter)) => (span, Some(jitter)),
        None => (text, None),
    };
    let named = |why| format!("`delay` {why}");
    let span = amounts::span(span).map_err(named)?;
    let jitter = jitter.map_or(Ok(Duration::ZERO), amounts::span).map_err(named)?;
    if jitter > span {
        return Err(format!("`delay {text}`: the jitter is larger than the delay"));
    }
    Ok(Verb::Delay { span, jitter })
}

fn limit(service: &Service, count: &str, unit: &str, code: &str) -> Result<Verb, String> {
    let per_minute = count
        .parse::<f64>()
        .ok()
        .filter(|count| count.is_finite() && (0.0..=1e9).contains(count))
        .ok_or_else(|| format!("`limit {count}`: expected a number from 0"))?;
    let tokens = match unit {
        "requests/min" => false,
        "tokens/min" if service.name == "bedrock-runtime" => true,
        "tokens/min" => return Err(format!("{} has no tokens to limit", service.name)),
        _ => return Err(format!("`{unit}`: expected requests/min or tokens/min")),
    };
    Ok(Verb::Limit { per_minute, tokens, error: error(service, code)? })
}

fn stream(service: &Service, code: &str, frames: &str) -> Result<Verb, String> {
    let error = error(service, code)?;
    if error.stream == InStream::Never {
        return Err(format!("`{code}` never comes in a stream of {}", service.name));
    }
    let after = frames
        .parse()
        .ok()
        .filter(|&frames| frames <= 10_000)
        .ok_or_else(|| format!("`after {frames}`: expected 0 to 10000 frames"))?;
    Ok(Verb::Stream { error, after })
}

fn unknown(word: &str, text: &str) -> String {
    if let Some((_, form)) = FORMS.iter().find(|(known, _)| *known == word) {
        return format!("`{text}`: expected `{form}`");
    }
    let words = || FORMS.iter().map(|(word, _)| *word);
    match nearest(word, words()) {
        Some(near) => format!("`{word}` is no verb{}", hint(Some(near))),
        None => {
            format!("`{word}` is no verb; known are {}", words().collect::<Vec<_>>().join(", "))
        }
    }
}
