//! JSON as Toxiproxy reads and writes it.
//!
//! Source: `proxy.go`, `toxics/toxic.go`, `api.go` of Toxiproxy 2.12. Members that are unknown are left alone.
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::toxic::{BadAttribute, Kind, MAX_NAME, MAX_TTL, Stream, Toxic};

/// A proxy as it is posted.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ProxyInput {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) listen: String,
    #[serde(default)]
    pub(crate) upstream: String,
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    /// Not Toxiproxy's: with `enabled: false`, a lease in milliseconds after which the proxy is on again.
    #[serde(default)]
    pub(crate) ttl_ms: Option<u64>,
    /// Not Toxiproxy's: taken together with the proxy.
    #[serde(default)]
    pub(crate) toxics: Option<Vec<Value>>,
}

/// A toxic as it is posted.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ToxicInput {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    toxicity: Option<f64>,
    #[serde(default)]
    attributes: Option<Map<String, Value>>,
    /// Not Toxiproxy's: a lease in milliseconds.
    #[serde(default)]
    ttl_ms: Option<u64>,
}

/// A toxic that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadToxic {
    #[error("stream was invalid, can be either upstream or downstream")]
    Stream,
    #[error("invalid toxic type")]
    Type,
    #[error(transparent)]
    Attribute(#[from] BadAttribute),
    #[error("{0}")]
    Member(String),
}

impl ToxicInput {
    /// A new toxic, with Toxiproxy's defaults.
    pub(crate) fn create(self) -> Result<Toxic, BadToxic> {
        let stream_text = self.stream.clone().filter(|text| !text.is_empty());
        let stream_text = stream_text.unwrap_or_else(|| "downstream".to_owned());
        let stream = Stream::parse(&stream_text).ok_or(BadToxic::Stream)?;
        let kind = self.kind.as_deref().unwrap_or_default();
        let name = self.name.clone().filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{kind}_{stream_text}"));
        check_name(&name).map_err(BadToxic::Member)?;
        let toxic = Toxic {
            name,
            stream,
            stream_text,
            kind: Kind::named(kind).ok_or(BadToxic::Type)?,
            toxicity: 1.0,
            ttl_ms: None,
        };
        self.change(&toxic)
    }

    /// `toxic` with other attributes, toxicity and lease; the rest stays whatever is given.
    pub(crate) fn change(self, toxic: &Toxic) -> Result<Toxic, BadToxic> {
        let toxicity = self.toxicity.unwrap_or(toxic.toxicity);
        if !(0.0..=1.0).contains(&toxicity) {
            let reason = format!("`toxicity` is {toxicity}; expected a share from 0 to 1");
            return Err(BadToxic::Member(reason));
        }
        let ttl_ms = self.ttl_ms.or(toxic.ttl_ms);
        check_lease(ttl_ms).map_err(BadToxic::Member)?;
        let kind = toxic.kind.with(&self.attributes.unwrap_or_default())?;
        Ok(Toxic { kind, toxicity, ttl_ms, ..toxic.clone() })
    }
}

/// What is wrong with a lease, if anything is.
pub(crate) fn check_lease(ttl_ms: Option<u64>) -> Result<(), String> {
    let longest = u64::try_from(MAX_TTL.as_millis()).unwrap_or(u64::MAX);
    match ttl_ms {
        Some(ttl) if !(1..=longest).contains(&ttl) => {
            Err(format!("`ttl_ms` is {ttl}; expected 1 to {longest} (a lease)"))
        }
        _ => Ok(()),
    }
}

/// What is wrong with a name, if anything is.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.len() > MAX_NAME {
        return Err(format!("`name` has {} bytes; at most {MAX_NAME}", name.len()));
    }
    Ok(())
}

/// A toxic as it is answered: the members in Go's order.
#[derive(Debug, Serialize)]
pub(crate) struct ToxicShown<'a> {
    attributes: Attributes,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    stream: &'a str,
    toxicity: GoNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
}

/// A proxy as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct ProxyShown<'a> {
    pub(crate) name: &'a str,
    pub(crate) listen: &'a str,
    pub(crate) upstream: &'a str,
    pub(crate) enabled: bool,
    pub(crate) toxics: Vec<ToxicShown<'a>>,
}

#[derive(Debug)]
struct Attributes(Vec<(&'static str, u64)>);

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Go writes 1, not 1.0.
#[derive(Debug)]
struct GoNumber(f64);

impl Serialize for GoNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 0.0 || (self.0 - 1.0).abs() < f64::EPSILON {
            return serializer.serialize_u8(u8::from(self.0 > 0.5));
        }
        serializer.serialize_f64(self.0)
    }
}

impl<'a> From<&'a Toxic> for ToxicShown<'a> {
    fn from(toxic: &'a Toxic) -> Self {
        Self {
            attributes: Attributes(toxic.kind.attributes()),
            name: &toxic.name,
            kind: toxic.kind.name(),
            stream: &toxic.stream_text,
            toxicity: GoNumber(toxic.toxicity),
            ttl_ms: toxic.ttl_ms,
        }
    }
}

/// As JSON; numbers, texts and lists always can be.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
