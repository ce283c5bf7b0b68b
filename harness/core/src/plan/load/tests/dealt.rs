//! Who asks what, when.

use super::*;
use crate::domain::profile::Outage;

#[test]
fn the_same_arguments_give_the_same_plan() {
    let profile = Profile::resolve(raw(20, 50.0, 10)).unwrap();
    let of_seed = |seed| plan(&profile, seed, &limits(), &questions()).unwrap();
    assert_eq!(of_seed(7), of_seed(7));
    assert_eq!(of_seed(7).sha256.len(), 64);
    assert_ne!(of_seed(7).sha256, of_seed(8).sha256);
    let other = Profile::resolve(raw(21, 50.0, 10)).unwrap();
    assert_ne!(plan(&other, 7, &limits(), &questions()).unwrap().sha256, of_seed(7).sha256);
}

#[test]
fn questions_fit_their_kind() {
    let mut raw = raw(50, 50.0, 20);
    raw.mix = mix(&[("query", 2), ("query_foreign", 1), ("query_unanswerable", 1)]);
    let plan = planned(raw, &limits()).unwrap();
    let asked = |kind| {
        let mut asked: Vec<Ask> = of_kind(&plan, kind).iter().map(|arrival| arrival.ask).collect();
        asked.sort_by_key(|ask| format!("{ask:?}"));
        asked.dedup();
        asked
    };
    let questions = |indexes: &[u32]| indexes.iter().map(|i| Ask::Question(*i)).collect::<Vec<_>>();
    assert_eq!(asked(RequestKind::Query), questions(&[0, 1, 4]));
    assert_eq!(asked(RequestKind::QueryForeign), questions(&[2]));
    assert_eq!(asked(RequestKind::QueryUnanswerable), questions(&[3, 5]));
}

#[test]
fn kinds_are_drawn_by_their_weights() {
    let mut raw = raw(400, 200.0, 50);
    raw.mix = mix(&[("query", 3), ("usage", 1), ("quota", 0)]);
    let plan = planned(raw, &limits()).unwrap();
    assert_eq!(plan.arrivals.len(), 10_000);
    // Binomial(10 000, 3/4): σ = 43.3.
    let queries = of_kind(&plan, RequestKind::Query).len();
    assert!(queries.abs_diff(7_500) <= 4 * 44, "{queries}");
    assert_eq!(of_kind(&plan, RequestKind::Quota).len(), 0);
}

#[test]
fn a_burst_is_the_quota_and_some_more_at_once_by_a_user_of_its_own() {
    let mut raw = raw(10, 10.0, 10);
    raw.probes.quota_burst = Some(QuotaBurst { at_ms: 4_000, over: 7 });
    let plan = planned(raw.clone(), &limits()).unwrap();
    let burst = of_kind(&plan, RequestKind::QuotaBurst);
    assert_eq!(burst.len(), 57);
    let user = burst[0].user;
    assert!(burst.iter().all(|arrival| arrival.due_us == 4_000_000 && arrival.user == user));
    assert_eq!(plan.users[user as usize], PlannedUser { name: "burst".to_owned(), questions: 50 });
    let others = plan.arrivals.iter().filter(|arrival| arrival.kind != RequestKind::QuotaBurst);
    assert!(others.into_iter().all(|arrival| arrival.user < 10));
    // Where a month allows less than a day, the month is the quota.
    let month = Limits { monthly_quota: 20, ..limits() };
    let plan = planned(raw, &month).unwrap();
    assert_eq!(of_kind(&plan, RequestKind::QuotaBurst).len(), 27);
}

#[test]
fn an_outage_is_asked_about_every_quarter_of_a_second() {
    let mut raw = raw(10, 10.0, 10);
    raw.probes.outages = vec![Outage {
        service: "dynamodb".to_owned(),
        operation: None,
        error: "InternalServerError".to_owned(),
        status: 500,
        message: "out".to_owned(),
        at_ms: 1_000,
        requests: 4,
        expect_status: vec![503],
    }];
    let plan = planned(raw, &limits()).unwrap();
    let asked = of_kind(&plan, RequestKind::DependencyOut);
    let dues: Vec<u64> = asked.iter().map(|arrival| arrival.due_us).collect();
    assert_eq!(dues, [1_000_000, 1_250_000, 1_500_000, 1_750_000]);
    assert!(asked.iter().all(|a| a.user == 10 && matches!(a.ask, Ask::DuringOutage(_, 0))));
    assert_eq!(plan.users[10], PlannedUser { name: "outage-0".to_owned(), questions: 0 });
}

#[test]
fn a_deletion_is_of_an_earlier_upload_of_the_same_user() {
    let mut raw = raw(10, 40.0, 20);
    raw.mix = mix(&[("upload", 1), ("delete", 2), ("usage", 1)]);
    raw.probes.quota_burst = Some(QuotaBurst { at_ms: 2_000, over: 1 });
    let plan = planned(raw, &limits()).unwrap();
    let deletions = of_kind(&plan, RequestKind::Delete);
    assert!(deletions.len() > 100, "{}", deletions.len());
    let mut deleted = Vec::new();
    for deletion in deletions {
        let Ask::DeleteOf(of) = deletion.ask else { panic!("{deletion:?}") };
        let upload = &plan.arrivals[of as usize];
        assert_eq!((upload.kind, upload.ask), (RequestKind::Upload, Ask::Upload));
        assert_eq!((upload.ordinal, upload.user), (of, deletion.user));
        assert!(upload.due_us + 3_000_000 <= deletion.due_us);
        deleted.push(of);
    }
    let all = deleted.len();
    deleted.sort_unstable();
    deleted.dedup();
    assert_eq!(deleted.len(), all, "nothing is deleted twice");
}

#[test]
fn repetitions_are_of_earlier_uploads_of_the_same_user_that_nothing_deletes() {
    let mut raw = raw(10, 40.0, 20);
    raw.mix = mix(&[("upload", 2), ("delete", 1), ("upload_again", 1), ("unsigned_upload", 2)]);
    raw.probes.quota_burst = Some(QuotaBurst { at_ms: 2_000, over: 1 });
    let plan = planned(raw, &limits()).unwrap();
    let (mut again, mut replays, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    for arrival in &plan.arrivals {
        let of = match arrival.ask {
            Ask::AgainOf(of) => {
                assert_eq!(arrival.kind, RequestKind::UploadAgain);
                again.push(of);
                of
            }
            Ask::ReplayOf(of) => {
                assert_eq!(arrival.kind, RequestKind::UnsignedUpload);
                replays.push(of);
                of
            }
            Ask::DeleteOf(of) => {
                deleted.push(of);
                continue;
            }
            Ask::Nothing | Ask::Question(_) | Ask::Upload | Ask::DuringOutage(..) => continue,
        };
        let upload = &plan.arrivals[of as usize];
        assert_eq!((upload.ask, upload.user), (Ask::Upload, arrival.user));
        assert!(upload.due_us + 1_000_000 <= arrival.due_us);
    }
    assert!(again.len() > 50 && replays.len() > 50, "{} {}", again.len(), replays.len());
    assert!(again.iter().all(|of| !deleted.contains(of)));
    let plain = of_kind(&plan, RequestKind::UnsignedUpload).len() - replays.len();
    assert!(plain >= replays.len(), "{plain}");
}

#[test]
fn users_of_journeys_are_planned_and_no_two_users_share_a_name() {
    let mut raw = raw(3, 10.0, 10);
    // 60 s, six steps of 500 ms: 20 journeys of two questions.
    raw.stages.extend([closed("load", 2, 500, 60), closed("outage", 1, 500, 60)]);
    raw.stages.extend([closed("journey-load", 2, 1_000, 6)]);
    raw.probes.quota_burst = Some(QuotaBurst { at_ms: 1_000, over: 1 });
    let plan = planned(raw, &limits()).unwrap();
    let mut names: Vec<&str> = plan.users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names.len(), 3 + 1 + 2 + 1 + 2);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), plan.users.len());
    let journey = plan.users.iter().find(|user| user.name == "journey-load-0").unwrap();
    assert_eq!(journey.questions, 40);
}
