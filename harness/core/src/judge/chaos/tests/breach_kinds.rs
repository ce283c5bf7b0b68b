//! For each kind of breach: its message tells a person what promise broke, by how much, when, and how to see it again.

use super::*;
use crate::domain::{
    chaos::{
        FaultFacts, Outcome, RawFault,
        evidence::{ProcessEvent, ProcessStep},
    },
    evidence::{BackendDied, Finding},
    kind::{AnswerClass, RequestKind},
};

/// The breach of this code, which must be there and tell all of `says`.
fn told(script: &Script, code: &str, says: &[&str]) {
    let verdict = script.verdict();
    let breaches = verdict.judgement.breaches();
    let breach = breaches.iter().find(|breach| breach.objective == code);
    let breach = breach.unwrap_or_else(|| panic!("no `{code}` in {breaches:#?}"));
    assert_eq!(breach.promise, promise_of(code).unwrap());
    assert!(breach.promise.ends_with('.'), "{}", breach.promise);
    assert_eq!(breach.reproduce, "cargo run -p harness -- chaos --scenario s --seed 7");
    for text in says.iter().chain(&["In `s`"]) {
        assert!(breach.message.contains(text), "{code}: `{text}` is not in {}", breach.message);
    }
}

fn throttled() -> Script {
    let mut script = script();
    script.all_throttled();
    script
}

fn unequal(rule: Rule, what: &str, (min, max, seen): (u64, u64, u64)) -> Evidence {
    Evidence::Conservation(Conservation {
        rule,
        what: what.to_owned(),
        user: "load-2".to_owned(),
        expected_min: min,
        expected_max: max,
        seen,
        ordinals: vec![2],
    })
}

fn finding(rule: Rule, kind: RequestKind, status: u16) -> Evidence {
    Evidence::Finding(Finding {
        rule,
        at_ms: 2_500,
        ordinal: 50,
        kind,
        user: "load-0".to_owned(),
        expected: "one thing".to_owned(),
        seen: "another".to_owned(),
        status,
        request_id: Some("r-50".to_owned()),
        trace_id: "t".to_owned(),
    })
}

#[test]
fn unexplained_and_wrongly_explained_failures() {
    let mut script = throttled();
    script.refuse(200, 500, "internal");
    told(
        &script,
        "I11 explained",
        &["load-0", "due at 10.000 s", "500 internal", "no fault explains it"],
    );
    let mut script = throttled();
    let first = script.queries_under_fault()[0];
    script.refuse(first, 500, "internal");
    told(&script, "I11 explained", &["429 model_throttled", "500 internal", "not its answer"]);
}

#[test]
fn an_answer_that_cannot_be() {
    let mut script = throttled();
    let first = script.queries_under_fault()[0];
    let request = script.request(first);
    (request.status, request.class, request.code) = (200, AnswerClass::Ok, None);
    told(&script, "fault_ignored", &["expected 429 model_throttled", "saw 200"]);
}

#[test]
fn what_should_notice_nothing() {
    let mut script = throttled();
    script.expect.unaffected = vec!["list_manuals".to_owned()];
    script.refuse(47, 503, "store_unavailable");
    told(
        &script,
        "unaffected",
        &["list_manuals of load-2", "due at 2.350 s", "503 store_unavailable"],
    );
}

#[test]
fn time() {
    let mut script = throttled();
    script.request(60).done_us += 40_000_000;
    told(&script, "deadline", &["took 40.0", "28.000 s is the most"]);
}

#[test]
fn work_that_multiplies() {
    let mut script = throttled();
    let first = script.queries_under_fault()[0];
    script.hit(first, 4);
    told(&script, "I12 bounded-work", &["tried 4 times", "3 is the most"]);
    let mut script = throttled();
    script.expect.hits_per_request = Some(2);
    told(&script, "I12 bounded-work", &["one request met `throttle` 3 times", "2 is the most"]);
}

#[test]
fn data_that_do_not_add_up() {
    for (rule, what, figures, code, says) in [
        (Rule::QuotaConserved, "charged", (3, 3, 4), "I1 quota-ledger", "expected 3; saw 4"),
        (Rule::QuotaLimit, "answers", (3, 4, 5), "I2 no-free-lunch", "expected 3 to 4; saw 5"),
        (Rule::ManualsConserved, "objects", (2, 2, 4), "I3 no-orphans", "objects of load-2"),
        (Rule::ManualsConserved, "rows", (2, 2, 1), "I4 no-loss", "expected 2; saw 1"),
        (Rule::Isolation, "searches", (0, 0, 1), "I6 tenant-isolation", "searches of load-2"),
        (
            Rule::ManualsConserved,
            invariants::monotone_state::WORK_LEFT,
            (0, 0, 1),
            "I9 monotone-state",
            "still open",
        ),
        (Rule::Leak, invariants::secrets::SECRETS_FOUND, (0, 0, 1), "I13 secrets", "saw 1"),
    ] {
        let mut script = throttled();
        script.load.push(unequal(rule, what, figures));
        told(&script, code, &[says]);
    }
}

#[test]
fn answers_that_break_a_promise() {
    for (rule, kind, status, code) in [
        (Rule::Contract, RequestKind::UploadAgain, 201, "I5 idempotent"),
        (Rule::Isolation, RequestKind::Query, 200, "I6 tenant-isolation"),
        (Rule::Identity, RequestKind::BadToken, 200, "I7 auth-closed"),
        (Rule::Leak, RequestKind::Query, 503, "I8 no-leak"),
        (Rule::RightAnswer, RequestKind::Query, 200, "I10 honest-partial"),
    ] {
        let mut script = throttled();
        script.load.push(finding(rule, kind, status));
        told(&script, code, &["expected one thing; saw another"]);
        let verdict = script.verdict();
        let breach = &verdict.judgement.breaches()[0];
        assert_eq!(breach.request_id.as_deref(), Some("r-50"));
        assert_eq!(breach.first_at_ms, Some(2_500));
    }
}

#[test]
fn a_backend_that_ends() {
    let mut script = throttled();
    script.load.push(Evidence::BackendDied(BackendDied {
        at_ms: 3_000,
        how: "exit code 101".to_owned(),
        last_lines: vec!["panicked".to_owned()],
    }));
    told(&script, "backend_died", &["exit code 101", "panicked"]);
}

#[test]
fn requests_that_were_cut_are_right_only_while_the_backend_was_gone() {
    let scripted = |cut: u32| {
        let mut script = script();
        script.fault = RawFault {
            name: "kill".to_owned(),
            process: Some(crate::domain::chaos::ProcessFault::Kill),
            at_least: 1,
            affects: vec!["query".to_owned(), "list_manuals".to_owned()],
            outcome: Outcome::Cut,
            ..RawFault::default()
        };
        script.facts = FaultFacts { name: "kill".to_owned(), ..FaultFacts::default() };
        for (what, at_us) in [(ProcessStep::Killed, 2_500_000), (ProcessStep::Restarted, 3_000_000)]
        {
            let (scenario, fault) = ("s".to_owned(), "kill".to_owned());
            script.lines.push(ChaosEvidence::Process(ProcessEvent {
                scenario,
                fault,
                at_us,
                what,
            }));
        }
        let request = script.request(cut);
        (request.status, request.class) = (0, AnswerClass::Transport);
        script
    };
    assert_eq!(scripted(51).verdict().judgement, Verdict::Pass);
    told(&scripted(200), "I11 explained", &["no answer", "no fault explains it"]);
}

#[test]
fn every_code_has_a_sentence() {
    for (code, promise) in CODES {
        assert_eq!(promise_of(code), Some(promise));
    }
    for invariant in &invariants::ALL {
        assert!(promise_of(invariant.code).is_some(), "{}", invariant.code);
    }
    assert_eq!(promise_of("nothing"), None);
}
