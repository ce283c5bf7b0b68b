//! Wrong profiles: what is said, and where it points.

use super::*;

const GOOD: &str = include_str!("../../../../scenarios/load/smoke.toml");

fn wrong(from: &str, to: &str) -> (String, String) {
    assert!(GOOD.contains(from), "the sample has no {from:?}");
    let text = GOOD.replacen(from, to, 1);
    let bad = parse("smoke.toml", &text).unwrap_err();
    let place = bad.places.first().map(|(place, _)| text[place.clone()].to_owned());
    (bad.to_string(), place.unwrap_or_default())
}

#[test]
fn the_committed_profiles_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in names(&root).unwrap() {
        read(&root, &name).unwrap();
    }
}

#[test]
fn an_unknown_key_is_named_with_its_neighbour() {
    let (said, at) = wrong("max_in_flight", "max_inflight");
    assert!(said.contains("did you mean `max_in_flight`?"), "{said}");
    assert_eq!(at, "max_inflight");
}

#[test]
fn an_objective_is_underlined_inside() {
    let (said, at) = wrong("p95 latency{kind=query", "p95 latncy{kind=query");
    assert!(said.contains("did you mean `latency`?"), "{said}");
    assert_eq!(at, "latncy");
}

#[test]
fn a_bad_rate_is_underlined() {
    let (said, at) = wrong("rate_per_s = ", "rate_per_s = -");
    assert!(said.contains("requests per second"), "{said}");
    assert_eq!(at, "rate_per_s");
}

#[test]
fn an_unknown_profile_gets_the_known_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let said = read(&root, "smok").unwrap_err().to_string();
    assert!(said.contains("did you mean `smoke`?") && said.contains("peak"), "{said}");
}
