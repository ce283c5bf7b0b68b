//! Declared failures: which requests are refused, with which error, until when. Every outage is a
//! lease of at most fifteen seconds, so that one whose owner died ends by itself.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::Clock;

/// The longest lease, in milliseconds.
pub(crate) const MAX_TTL_MS: u64 = 15_000;

/// What an outage refuses, and how.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outage {
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    pub(crate) error: String,
    pub(crate) status: u16,
    pub(crate) message: String,
    ttl_ms: u64,
}

/// A field that cannot be used, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub(crate) struct BadField {
    pub(crate) field: String,
    pub(crate) reason: String,
}

#[derive(Debug)]
struct Lease {
    outage: Outage,
    ends: Duration,
    hits: u64,
}

/// The outages of one start.
#[derive(Debug)]
pub(crate) struct Outages {
    clock: Clock,
    services: Vec<&'static str>,
    leases: Mutex<BTreeMap<String, Lease>>,
    /// So that a request with no outage anywhere costs one load.
    count: AtomicUsize,
}

impl Outages {
    /// None yet; `services` are the names that an outage may have.
    pub(crate) fn new(clock: Clock, services: Vec<&'static str>) -> Self {
        Self { clock, services, leases: Mutex::default(), count: AtomicUsize::new(0) }
    }

    /// Begins an outage; its id renews and ends it.
    pub(crate) fn add(&self, body: &Value) -> Result<String, BadField> {
        let outage = self.read(body)?;
        let id = Uuid::new_v4().to_string();
        let ends = self.clock.ticks() + Duration::from_millis(outage.ttl_ms);
        let mut leases = self.leases();
        leases.insert(id.clone(), Lease { outage, ends, hits: 0 });
        self.count.store(leases.len(), Ordering::Release);
        Ok(id)
    }

    /// Prolongs an outage from now by `ttl_ms` of `body`, or by its own; false if it is over.
    pub(crate) fn renew(&self, id: &str, body: &Value) -> Result<bool, BadField> {
        let ttl_ms = if body.is_null() {
            None
        } else {
            let fields = object(body, &["ttl_ms"])?;
            fields.get("ttl_ms").map(|_| ttl(fields)).transpose()?
        };
        let now = self.clock.ticks();
        let mut leases = self.leases();
        let renewed = leases.get_mut(id).is_some_and(|lease| {
            lease.outage.ttl_ms = ttl_ms.unwrap_or(lease.outage.ttl_ms);
            lease.ends = now + Duration::from_millis(lease.outage.ttl_ms);
            true
        });
        Ok(renewed)
    }

    /// Ends an outage; false if it was over.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut leases = self.leases();
        let removed = leases.remove(id).is_some();
        self.count.store(leases.len(), Ordering::Release);
        removed
    }

    /// Every outage in force: id, rule, milliseconds left, requests refused by it.
    pub(crate) fn list(&self) -> Value {
        let now = self.clock.ticks();
        self.leases()
            .iter()
            .map(|(id, lease)| {
                let left = lease.ends.saturating_sub(now).as_millis();
                serde_json::json!({
                    "id": id,
                    "outage": lease.outage,
                    "left_ms": u64::try_from(left).unwrap_or(u64::MAX),
                    "hits": lease.hits,
                })
            })
            .collect()
    }

    /// The first outage that refuses this request, if any.
    pub(crate) fn matching(
        &self,
        service: &str,
        operation: &str,
        user: Option<&str>,
    ) -> Option<Outage> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let lease = &mut *self.leases();
        let hit = lease.values_mut().find(|lease| {
            let outage = &lease.outage;
            outage.service == service
                && outage.operation.as_deref().is_none_or(|wanted| wanted == operation)
                && outage.user.as_deref().is_none_or(|wanted| user == Some(wanted))
        })?;
        hit.hits += 1;
        Some(hit.outage.clone())
    }

    /// The leases that are not over.
    fn leases(&self) -> MutexGuard<'_, BTreeMap<String, Lease>> {
        let now = self.clock.ticks();
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.retain(|_, lease| lease.ends > now);
        self.count.store(leases.len(), Ordering::Release);
        leases
    }

    fn read(&self, body: &Value) -> Result<Outage, BadField> {
        const FIELDS: [&str; 7] =
            ["service", "operation", "user", "error", "status", "message", "ttl_ms"];
        let fields = object(body, &FIELDS)?;
        let service = required(fields, "service")?;
        if !self.services.contains(&service.as_str()) {
            return Err(bad("service", format!("must be one of {}", self.services.join(", "))));
        }
        let status = fields
            .get("status")
            .and_then(Value::as_u64)
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (400..=599).contains(status))
            .ok_or_else(|| bad("status", "must be a number from 400 to 599"))?;
        let error = required(fields, "error")?;
        if error.is_empty() || !error.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(bad("error", "must be the name of an error, such as ThrottlingException"));
        }
        Ok(Outage {
            operation: text(fields, "operation")?,
            user: text(fields, "user")?,
            message: text(fields, "message")?.unwrap_or_default(),
            ttl_ms: ttl(fields)?,
            service,
            error,
            status,
        })
    }
}

fn bad(field: &str, reason: impl Into<String>) -> BadField {
    BadField { field: field.to_owned(), reason: reason.into() }
}

fn object<'a>(body: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>, BadField> {
    let fields = body.as_object().ok_or_else(|| bad("body", "must be a JSON object"))?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(bad(name, format!("is unknown; known are {}", known.join(", ")))),
        None => Ok(fields),
    }
}

fn text(fields: &Map<String, Value>, field: &str) -> Result<Option<String>, BadField> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(field, "must be a string")),
    }
}

fn required(fields: &Map<String, Value>, field: &str) -> Result<String, BadField> {
    text(fields, field)?.ok_or_else(|| bad(field, "is required"))
}

fn ttl(fields: &Map<String, Value>) -> Result<u64, BadField> {
    fields
        .get("ttl_ms")
        .and_then(Value::as_u64)
        .filter(|ttl| (1..=MAX_TTL_MS).contains(ttl))
        .ok_or_else(|| bad("ttl_ms", format!("must be a number from 1 to {MAX_TTL_MS}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Outages;
    use crate::clock::Clock;

    fn outages() -> Outages {
        Outages::new(Clock::new(None), vec!["dynamodb", "s3"])
    }

    fn outage() -> Value {
        json!({"service": "dynamodb", "operation": "GetItem", "user": "u1",
            "error": "InternalServerError", "status": 500, "message": "out", "ttl_ms": 10_000})
    }

    #[test]
    fn matches_service_operation_and_user() {
        let outages = outages();
        let id = outages.add(&outage()).unwrap();
        assert!(outages.matching("dynamodb", "GetItem", Some("u1")).is_some());
        assert!(outages.matching("dynamodb", "GetItem", None).is_none());
        assert!(outages.matching("dynamodb", "PutItem", Some("u1")).is_none());
        assert!(outages.matching("s3", "GetItem", Some("u1")).is_none());
        assert_eq!(outages.list()[0]["hits"], 1);
        assert!(outages.renew(&id, &Value::Null).unwrap());
        assert!(outages.remove(&id));
        assert!(!outages.renew(&id, &Value::Null).unwrap());
        assert!(outages.matching("dynamodb", "GetItem", Some("u1")).is_none());
    }

    #[test]
    fn bad_input_names_the_field() {
        for (field, value) in [
            ("service", json!("sqs")),
            ("status", json!(200)),
            ("error", json!("not a name")),
            ("ttl_ms", json!(15_001)),
            ("user", json!(1)),
            ("probability", json!(1)),
        ] {
            let mut body = outage();
            body[field] = value;
            assert_eq!(outages().add(&body).unwrap_err().field, field);
        }
    }
}
