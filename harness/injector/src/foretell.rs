//! What a rule will do to a call, known before the call is made: seed, rule, trace and attempt decide, and nothing else.
use crate::draw::{self, Purpose};
use crate::key::{Attempt, RequestKey};
use crate::rule::{Count, Rule, Verb};

/// What will become of the attempts at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foretold {
    /// The first attempt that is left alone, from 1.
    Clean(u32),
    /// Every attempt is hit.
    Never,
    /// It depends on more than the key: on time, on other calls.
    Unknown,
}

/// What `rule` will do to the `call`-th call (from 1) of `operation` (`service:operation`) in `trace`, of which `attempts`
/// attempts are made at most. Whether the rule is about the call at all, by resource or header, is not asked.
pub fn foretell(
    seed: u64,
    rule: &Rule,
    (trace, operation, call): (&str, &str, u32),
    attempts: u32,
) -> Foretold {
    if !rule.when.is_keyed() || matches!(rule.verb, Verb::Limit { .. }) {
        return Foretold::Unknown;
    }
    let rate = rule.when.rate_at(std::time::Duration::ZERO);
    let counted = match rule.when.count {
        Count::Any => attempts,
        // The first call's attempts are the trace's first, if the rule is about one operation.
        Count::OfTrace(1, to) if call == 1 && rate >= 1.0 => u32::try_from(to).unwrap_or(u32::MAX),
        Count::OfTrace(..) | Count::OfRun(..) | Count::Every(_) => return Foretold::Unknown,
    };
    let key = RequestKey::Traced {
        trace: trace.to_owned(),
        operation: operation.to_owned(),
        ordinal: call,
    };
    for attempt in 1..=attempts {
        let asked = Attempt { key: key.clone(), attempt };
        let drawn = rate >= 1.0 || draw::unit(seed, &rule.name, &asked, 0, Purpose::Hit) < rate;
        if attempt > counted || !drawn {
            return Foretold::Clean(attempt);
        }
    }
    Foretold::Never
}

#[cfg(test)]
mod tests {
    use super::{Foretold, foretell};
    use crate::catalogue::Catalogue;
    use crate::rule::{Rule, RuleSpec};

    fn rule(when: &str) -> Rule {
        let json = format!(
            r#"{{"name": "t", "on": "dynamodb:GetItem", "do": "error ThrottlingException", "ttl_ms": 1000{when}}}"#
        );
        let spec: RuleSpec = serde_json::from_str(&json).unwrap();
        Rule::read(&spec, &Catalogue::builtin().unwrap()).unwrap()
    }

    fn first(when: &str) -> Foretold {
        foretell(7, &rule(when), (&"a".repeat(32), "dynamodb:GetItem", 1), 3)
    }

    #[test]
    fn rules_without_a_draw_are_plain() {
        assert_eq!(first(""), Foretold::Never);
        assert_eq!(first(r#", "when": {"calls": "1..2"}"#), Foretold::Clean(3));
        assert_eq!(first(r#", "when": {"calls": "1..9"}"#), Foretold::Never);
        assert_eq!(first(r#", "when": {"once_per": "request"}"#), Foretold::Clean(2));
        for when in [r#"{"every": 2}"#, r#"{"window": "0s..1s"}"#, r#"{"calls": "2..3"}"#] {
            assert_eq!(first(&format!(r#", "when": {when}"#)), Foretold::Unknown, "{when}");
        }
    }

    #[test]
    fn a_rate_leaves_every_attempt_alone_as_often_as_it_says() {
        let rule = rule(r#", "when": {"rate": 0.3}"#);
        let told = |n: u32| foretell(7, &rule, (&format!("{n:032x}"), "dynamodb:GetItem", 1), 3);
        let all: Vec<Foretold> = (1..=10_000).map(told).collect();
        let count = |wanted: Foretold| all.iter().filter(|told| **told == wanted).count();
        // 0.7, 0.3·0.7, 0.3²·0.7, 0.3³ of 10 000, each within three of its own deviations.
        for (told, mean) in [
            (Foretold::Clean(1), 7_000.0_f64),
            (Foretold::Clean(2), 2_100.0),
            (Foretold::Clean(3), 630.0),
            (Foretold::Never, 270.0),
        ] {
            let off = f64::from(u32::try_from(count(told)).unwrap()) - mean;
            assert!(off.abs() <= 3.0 * (mean * (1.0 - mean / 10_000.0)).sqrt(), "{told:?}: {off}");
        }
    }
}
