//! Toxics: what they are called, which attributes they take, and what is wrong with a bad one.
//!
//! Source of names, defaults and semantics: Toxiproxy 2.12 (`toxics/*.go`, `toxic_collection.go`). Four attribute sets kill
//! that server or mean nothing; here they are refused with the attribute's name.
mod bandwidth;
mod latency;
mod limit_data;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::link::Stage;
use crate::link::draw::Draws;

pub use bandwidth::Bandwidth;
pub use latency::Latency;
pub use limit_data::LimitData;
pub use reset_peer::ResetPeer;
pub use slicer::Slicer;
pub use slow_close::SlowClose;
pub use timeout::Timeout;

/// The longest time that an attribute may name: a day.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;
/// The longest lease.
pub const MAX_TTL: Duration = Duration::from_secs(15);
/// The longest name of a proxy or a toxic.
pub const MAX_NAME: usize = 200;

/// The direction that a toxic works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// From client to server.
    Upstream,
    /// From server to client.
    Downstream,
}

impl Stream {
    /// Reads a name in any case.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("upstream") {
            return Some(Self::Upstream);
        }
        text.eq_ignore_ascii_case("downstream").then_some(Self::Downstream)
    }

    /// As Toxiproxy writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

/// A toxic's type with its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Does nothing.
    Noop,
    /// Delays data.
    Latency(Latency),
    /// Limits the rate.
    Bandwidth(Bandwidth),
    /// Delays the end of a stream.
    SlowClose(SlowClose),
    /// Stops data, then closes.
    Timeout(Timeout),
    /// Resets the connection.
    ResetPeer(ResetPeer),
    /// Cuts data into pieces.
    Slicer(Slicer),
    /// Closes after so many bytes.
    LimitData(LimitData),
}

/// An attribute that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{attribute}` {reason}")]
pub struct BadAttribute {
    /// As it is written in `attributes`.
    pub attribute: String,
    /// What was expected.
    pub reason: String,
}

/// The attributes of one toxic, as they are read.
#[derive(Debug)]
pub(crate) struct Attributes<'a>(pub(crate) &'a Map<String, Value>);

impl Attributes<'_> {
    /// A whole number from 0 to `most`; `old` if it is not given.
    fn number(&self, name: &str, old: u64, most: u64) -> Result<u64, BadAttribute> {
        let Some(value) = self.0.get(name) else { return Ok(old) };
        let number = match value.as_u64() {
            Some(number) => Some(number),
            // JavaScript writes whole numbers as 1e3 or 1000.0 at times.
            None => value.as_f64().and_then(whole),
        };
        number.filter(|&number| number <= most).ok_or_else(|| {
            bad(name, format!("is {value}; expected a whole number from 0 to {most}"))
        })
    }

    /// Milliseconds, at most a day.
    fn milliseconds(&self, name: &str, old: u64) -> Result<u64, BadAttribute> {
        self.number(name, old, LONGEST_MS)
    }
}

fn whole(number: f64) -> Option<u64> {
    let fits = (0.0..=9e15).contains(&number) && number.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    fits.then_some(number as u64)
}

fn bad(attribute: &str, reason: impl Into<String>) -> BadAttribute {
    BadAttribute { attribute: attribute.to_owned(), reason: reason.into() }
}

impl Kind {
    /// A toxic of this type without attributes yet; none if there is no such type.
    pub fn named(kind: &str) -> Option<Self> {
        Some(match kind {
            "noop" => Self::Noop,
            "latency" => Self::Latency(Latency::default()),
            "bandwidth" => Self::Bandwidth(Bandwidth::default()),
            "slow_close" => Self::SlowClose(SlowClose::default()),
            "timeout" => Self::Timeout(Timeout::default()),
            "reset_peer" => Self::ResetPeer(ResetPeer::default()),
            "slicer" => Self::Slicer(Slicer::default()),
            "limit_data" => Self::LimitData(LimitData::default()),
            _ => return None,
        })
    }

    /// As it is written in `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Latency(_) => "latency",
            Self::Bandwidth(_) => "bandwidth",
            Self::SlowClose(_) => "slow_close",
            Self::Timeout(_) => "timeout",
            Self::ResetPeer(_) => "reset_peer",
            Self::Slicer(_) => "slicer",
            Self::LimitData(_) => "limit_data",
        }
    }

    /// The same with what `attributes` change; unknown names are left alone, as Toxiproxy does.
    pub fn with(self, attributes: &Map<String, Value>) -> Result<Self, BadAttribute> {
        let given = Attributes(attributes);
        Ok(match self {
            Self::Noop => Self::Noop,
            Self::Latency(old) => Self::Latency(old.with(&given)?),
            Self::Bandwidth(old) => Self::Bandwidth(old.with(&given)?),
            Self::SlowClose(old) => Self::SlowClose(old.with(&given)?),
            Self::Timeout(old) => Self::Timeout(old.with(&given)?),
            Self::ResetPeer(old) => Self::ResetPeer(old.with(&given)?),
            Self::Slicer(old) => Self::Slicer(old.with(&given)?),
            Self::LimitData(old) => Self::LimitData(old.with(&given)?),
        })
    }

    /// Names and values, in Toxiproxy's order.
    pub fn attributes(self) -> Vec<(&'static str, u64)> {
        match self {
            Self::Noop => Vec::new(),
            Self::Latency(Latency { latency, jitter }) => {
                vec![("latency", latency), ("jitter", jitter)]
            }
            Self::Bandwidth(Bandwidth { rate }) => vec![("rate", rate)],
            Self::SlowClose(SlowClose { delay }) => vec![("delay", delay)],
            Self::Timeout(Timeout { timeout }) | Self::ResetPeer(ResetPeer { timeout }) => {
                vec![("timeout", timeout)]
            }
            Self::Slicer(Slicer { average_size, size_variation, delay }) => {
                vec![
                    ("average_size", average_size),
                    ("size_variation", size_variation),
                    ("delay", delay),
                ]
            }
            Self::LimitData(LimitData { bytes }) => vec![("bytes", bytes)],
        }
    }

    /// What works on one direction of one connection from `now` on.
    pub(crate) fn stage(self, now: tokio::time::Instant, draws: Draws) -> Option<Box<dyn Stage>> {
        Some(match self {
            Self::Noop => return None,
            Self::Latency(toxic) => toxic.stage(now, draws),
            Self::Bandwidth(toxic) => toxic.stage(now),
            Self::SlowClose(toxic) => toxic.stage(),
            Self::Timeout(toxic) => toxic.stage(now),
            Self::ResetPeer(toxic) => toxic.stage(),
            Self::Slicer(toxic) => toxic.stage(now, draws),
            Self::LimitData(toxic) => toxic.stage(),
        })
    }
}

/// One toxic of a proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Toxic {
    /// Unique within its proxy.
    pub name: String,
    /// The direction it works on.
    pub stream: Stream,
    /// The direction as it was written: Toxiproxy echoes it.
    pub stream_text: String,
    /// What it does.
    pub kind: Kind,
    /// The share of connections that it works on, 0 to 1.
    pub toxicity: f64,
    /// Its lease in milliseconds, if it has one: it removes itself when that ends.
    pub ttl_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Kind;

    fn read(kind: &str, attributes: &Value) -> Result<Vec<(&'static str, u64)>, String> {
        let map = attributes.as_object().unwrap();
        let kind = Kind::named(kind).unwrap().with(map);
        kind.map(Kind::attributes).map_err(|error| error.to_string())
    }

    #[test]
    fn what_kills_the_original_is_refused_by_name() {
        for (kind, attributes, says) in [
            ("slicer", json!({}), "`average_size` is 0"),
            (
                "slicer",
                json!({ "average_size": 10, "size_variation": 50 }),
                "`size_variation` is 50",
            ),
            ("bandwidth", json!({ "rate": -1 }), "`rate` is -1"),
            ("latency", json!({ "jitter": 9_000_000_000_000_000_000_u64 }), "`jitter` is 9000"),
            ("latency", json!({ "latency": "1s" }), "`latency` is \"1s\""),
            ("latency", json!({ "latency": 0.5 }), "`latency` is 0.5"),
            ("limit_data", json!({ "bytes": null }), "`bytes` is null"),
            ("timeout", json!({ "timeout": 1e300 }), "`timeout` is 1e+300"),
        ] {
            let told = read(kind, &attributes).unwrap_err();
            assert!(told.contains(says), "{kind} {attributes}: {told}");
        }
    }

    #[test]
    fn what_is_right_is_read_and_what_is_unknown_left_alone() {
        let latency = read("latency", &json!({ "latency": 1000.0, "colour": "blue" }));
        assert_eq!(latency, Ok(vec![("latency", 1000), ("jitter", 0)]));
        assert_eq!(read("noop", &json!({ "x": 1 })), Ok(Vec::new()));
        assert!(Kind::named("latencies").is_none());
    }
}
