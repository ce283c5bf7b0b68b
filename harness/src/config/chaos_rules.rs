//! From a fault of a scenario to a rule of the injector, and to what the catalogue knows of it.

use injector::Foretold as Told;
use injector::OncePer;
use injector::OnlySpec;
use injector::Per;
use injector::Rule;
use injector::RuleSpec;
use injector::Verb;
use injector::WhenSpec;
use injector::catalogue::Catalogue;
use injector::foretell;
use serde_json::Value;
use verdict::domain::chaos::FaultFacts;
use verdict::domain::chaos::RawFault;

/// A lease, in milliseconds; it is renewed while the fault is wanted.
const TTL_MS: u64 = 15_000;
/// Attempts that the SDK makes at a call which ends without an answer, or with one that it cannot read.
const ATTEMPTS_WITHOUT_ANSWER: u32 = 3;

/// A key of a fault that cannot be used, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadFault {
    /// As it is written in the file: `when.rate`.
    pub key: String,
    /// What is wrong and what was expected.
    pub problem: String,
}

/// The rule of a fault of calls, leased by `owner`.
pub fn rule(fault: &RawFault, owner: &str) -> Result<RuleSpec, BadFault> {
    let mut only = OnlySpec::default();
    for (name, pattern) in &fault.only {
        match (name.as_str(), name.strip_prefix("header.")) {
            ("resource", _) => only.resource = Some(pattern.clone()),
            ("tenant", _) => only.tenant = Some(pattern.clone()),
            (_, Some(header)) => drop(only.header.insert(header.to_owned(), pattern.clone())),
            _ => {
                let problem = "expected one of: resource, tenant, header.NAME".to_owned();
                return Err(BadFault { key: format!("if.{name}"), problem });
            }
        }
    }
    let when = when(fault)?;
    Ok(RuleSpec {
        name: fault.name.clone(),
        on: fault.on.clone().unwrap_or_default(),
        only: (only != OnlySpec::default()).then_some(only),
        when: (when != WhenSpec::default()).then_some(when),
        verb: fault.verb.clone().unwrap_or_default(),
        ttl_ms: TTL_MS,
        owner: Some(owner.to_owned()),
    })
}

fn when(fault: &RawFault) -> Result<WhenSpec, BadFault> {
    let mut when = WhenSpec::default();
    for (name, value) in &fault.when {
        let bad = |expected: &str| BadFault {
            key: format!("when.{name}"),
            problem: format!("is {value}; expected {expected}"),
        };
        let text = |expected: &str| value.as_str().map(str::to_owned).ok_or_else(|| bad(expected));
        match name.as_str() {
            "rate" => when.rate = Some(value.as_f64().ok_or_else(|| bad("a share, 0 to 1"))?),
            "calls" => when.calls = Some(text("attempts, such as \"1..2\"")?),
            "window" => when.window = Some(text("a stretch, such as \"5s..20s\"")?),
            "every" => when.every = Some(value.as_u64().ok_or_else(|| bad("a number from 1"))?),
            "once_per" if value == "request" => when.once_per = Some(OncePer::Request),
            "once_per" => return Err(bad("\"request\"")),
            "per" if value == "run" => when.per = Some(Per::Run),
            "per" if value == "trace" => when.per = Some(Per::Trace),
            "per" => return Err(bad("\"trace\" or \"run\"")),
            "ramp" => when.ramp = Some(ramp(value).ok_or_else(|| bad("two shares, [0.0, 0.5]"))?),
            _ => {
                let known = "calls, every, once_per, per, ramp, rate, window";
                return Err(bad(&format!("one of: {known}")));
            }
        }
    }
    Ok(when)
}

fn ramp(value: &Value) -> Option<[f64; 2]> {
    let shares: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
    shares.try_into().ok()
}

/// What the catalogue knows of a fault; of the wire, a process or the clock there is nothing to know.
pub fn facts(fault: &RawFault, catalogue: &Catalogue) -> Result<FaultFacts, BadFault> {
    let name = fault.name.clone();
    if fault.on.is_none() {
        return Ok(FaultFacts { name, ..FaultFacts::default() });
    }
    let (rule, operations) = read(fault, catalogue)?;
    let (fails, attempts) = match &rule.verb {
        Verb::Error(error) | Verb::FailAfterEffect(error) | Verb::Limit { error, .. } => {
            (true, error.attempts)
        }
        Verb::OkWithError(error) | Verb::Stream { error, .. } => (true, error.attempts),
        Verb::LoseReply | Verb::Truncate(_) | Verb::Garbage | Verb::Status(_) => {
            (true, ATTEMPTS_WITHOUT_ANSWER)
        }
        // A delay is survived, unless the scenario says after how many attempts it is not.
        Verb::Delay { .. } => (fault.attempts.is_some(), ATTEMPTS_WITHOUT_ANSWER),
        Verb::SkewDate { .. } | Verb::Stale(_) | Verb::Duplicate(_) => (false, 1),
    };
    let keyed = rule.when.is_keyed() && !matches!(rule.verb, Verb::Limit { .. });
    Ok(FaultFacts { name, operations, attempts: fault.attempts.unwrap_or(attempts), fails, keyed })
}

fn read(fault: &RawFault, catalogue: &Catalogue) -> Result<(Rule, Vec<String>), BadFault> {
    let spec = rule(fault, "chaos")?;
    let rule = Rule::read(&spec, catalogue)
        .map_err(|bad| BadFault { key: bad.field, problem: bad.reason })?;
    let operations = rule.operations(catalogue);
    Ok((rule, operations))
}

/// What a fault will do to the first calls of each of its operations in the request with this trace: operation, call, and
/// the first attempt that is left alone.
pub fn foretold(
    seed: u64,
    (fault, facts): (&RawFault, &FaultFacts),
    catalogue: &Catalogue,
    trace: &str,
) -> Vec<(String, u32, Option<u32>)> {
    let Ok((rule, operations)) = read(fault, catalogue) else { return Vec::new() };
    let calls = operations
        .into_iter()
        .flat_map(|operation| (1..=CALLS_FORETOLD).map(move |call| (operation.clone(), call)));
    calls
        .filter_map(|(operation, call)| {
            match foretell(seed, &rule, (trace, &operation, call), facts.attempts.max(1)) {
                Told::Clean(attempt) => Some((operation, call, Some(attempt))),
                Told::Never => Some((operation, call, None)),
                Told::Unknown => None,
            }
        })
        .collect()
}

/// A request makes no more calls of one operation than this, in all that is foretold.
const CALLS_FORETOLD: u32 = 2;
