//! A suite of chaos in a policy: its verdict is of the tier that is asked for.

use super::*;

#[test]
fn a_chaos_run_of_the_tier_that_is_asked_for_is_taken_and_another_is_not() {
    let mut raw = raw();
    raw.suites.truncate(1);
    raw.suites[0] = serde_json::from_str(
        r#"{"name": "chaos", "kind": "chaos", "tier": "canary", "seed": 7, "timeout_s": 90,
            "require": {"faults": {"s3": 1}, "scenarios": 1}}"#,
    )
    .unwrap();
    raw.waivers.clear();
    let policy = Policy::resolve(raw).unwrap();
    let of_tier = |tier: &str| {
        let covered = Coverage { executed: 1, skipped: 0 };
        let file = "scenarios/chaos/s3-put-denied.toml".to_owned();
        VerdictFile {
            suite: "chaos".to_owned(),
            profile: tier.to_owned(),
            coverage: [("fault:s3".to_owned(), covered), (file, covered)].into(),
            ..good("chaos")
        }
    };
    let decided = |tier: &str| decide(&policy, &ctx(), &[vec![run(of_tier(tier))]]);
    let promoted = decided("canary");
    assert_eq!(promoted.decision, Outcome::Promote, "{:?}", codes(&promoted));
    assert_eq!(codes(&decided("smoke")), ["other_suite"]);
}
