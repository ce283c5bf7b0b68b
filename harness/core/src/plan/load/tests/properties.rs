//! Properties of every plan, over arbitrary profiles that resolve.

use proptest::{option, prelude::*};

use super::*;
use crate::domain::profile::Outage;

const KINDS: [&str; 13] = [
    "query",
    "query_foreign",
    "query_unanswerable",
    "list_manuals",
    "usage",
    "quota",
    "health",
    "upload",
    "delete",
    "unsigned_upload",
    "upload_again",
    "bad_token",
    "foreign_manual",
];

fn any_stage() -> impl Strategy<Value = (bool, RawStage)> {
    let arrivals = prop_oneof![Just(Arrivals::Poisson), Just(Arrivals::Uniform)];
    let open_stage = (1_u32..50_000, option::of(1_u32..50_000), option::of(arrivals));
    let closed_stage = (1_u32..20, option::of(0_u64..2_000));
    let shape = prop_oneof![3 => open_stage.prop_map(Ok), 1 => closed_stage.prop_map(Err)];
    (any::<bool>(), 1_u64..20_000, shape).prop_map(|(gated, duration_ms, shape)| {
        let rate = |milli: u32| f64::from(milli) / 1_000.0;
        let stage = match shape {
            Ok((from, to, arrivals)) => RawStage {
                rate_per_s: Some(rate(from)),
                to_rate_per_s: to.map(rate),
                arrivals,
                ..open("", 1.0, 1)
            },
            Err((users, think_ms)) => RawStage { think_ms, ..closed("", users, 0, 1) },
        };
        (gated, RawStage { duration_ms, gated, ..stage })
    })
}

fn any_outage() -> impl Strategy<Value = Outage> {
    (0_u64..20_000, 1_u32..=40, option::of("[A-Z][a-z]{1,8}"), "\\PC{0,12}").prop_map(
        |(at_ms, requests, operation, message)| Outage {
            service: "dynamodb".to_owned(),
            operation,
            error: "InternalServerError".to_owned(),
            status: 500,
            message,
            at_ms,
            requests,
            expect_status: vec![503],
        },
    )
}

prop_compose! {
    /// Mostly a profile that resolves.
    fn any_raw()(
        users in 1_u32..200,
        weights in proptest::collection::btree_map(proptest::sample::select(&KINDS[..]), 0_u32..10, 1..6),
        stages in proptest::collection::vec(any_stage(), 1..4),
        burst in option::of((0_u64..20_000, 1_u32..20)),
        outages in proptest::collection::vec(any_outage(), 0..3),
        texts in proptest::collection::vec(proptest::sample::select(&[
            "p95 latency <= 1500ms", "p50 own_time < 20ms", "max schedule_lag <= 1s",
            "share requests{class=timeout} <= 0.1%", "max rss{process=backend} <= 128MiB",
            "count requests{class=wrong_answer} <= 0", "p5 service_time >= 1us",
        ][..]), 1..4),
        title in "\\PC{0,20}",
    ) -> RawProfile {
        let mut raw = raw(users, 1.0, 1);
        raw.title = title;
        raw.mix = weights.into_iter().map(|(name, weight)| (name.to_owned(), weight)).collect();
        raw.mix.insert("health".to_owned(), 1);
        raw.stages = stages.into_iter().enumerate()
            .map(|(i, (_, stage))| RawStage { name: format!("s{i}"), ..stage }).collect();
        raw.stages[0].gated = true;
        raw.probes.quota_burst = burst.map(|(at_ms, over)| QuotaBurst { at_ms, over });
        raw.probes.outages = outages;
        raw.objectives = objectives(&texts);
        raw
    }
}

fn wide() -> Limits {
    Limits { daily_quota: 5_000, monthly_quota: 5_000, ..limits() }
}

fn spread(counts: &BTreeMap<u32, u64>, users: u32) -> u64 {
    let of = |user| counts.get(&user).copied().unwrap_or(0);
    let (most, least) = ((0..users).map(of).max(), (0..users).map(of).min());
    most.unwrap_or(0) - least.unwrap_or(0)
}

fn check(profile: &Profile, plan: &LoadPlan) -> Result<(), TestCaseError> {
    prop_assert!(plan.arrivals.windows(2).all(|pair| pair[0].due_us <= pair[1].due_us));
    let declared = profile.raw().users;
    let (mut asking, mut other, mut asked) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (i, arrival) in plan.arrivals.iter().enumerate() {
        prop_assert_eq!(arrival.ordinal as usize, i);
        let stage = &profile.stages()[arrival.stage];
        let within = stage.start_us..stage.start_us + stage.duration_us;
        prop_assert!(within.contains(&arrival.due_us), "{:?} {:?}", arrival, stage);
        prop_assert!((arrival.user as usize) < plan.users.len());
        prop_assert_eq!(arrival.user >= declared, arrival.kind.is_probe());
        if arrival.kind.is_charged() && !arrival.kind.is_probe() {
            *asking.entry(arrival.user).or_default() += 1;
            *asked.entry(arrival.user).or_insert(0_u64) += 1;
        }
        // What refers to an upload is its user's, whoever's turn it is.
        let (of, gap_us) = match arrival.ask {
            Ask::DeleteOf(of) => (Some(of), 3_000_000),
            Ask::AgainOf(of) | Ask::ReplayOf(of) => (Some(of), 1_000_000),
            Ask::Nothing | Ask::Question(_) | Ask::Upload | Ask::DuringOutage(..) => (None, 0),
        };
        if let Some(upload) = of.map(|of| &plan.arrivals[of as usize]) {
            prop_assert_eq!((upload.ask, upload.user), (Ask::Upload, arrival.user));
            prop_assert!(upload.due_us + gap_us <= arrival.due_us);
        } else if !arrival.kind.is_charged() {
            *other.entry(arrival.user).or_default() += 1;
        }
    }
    prop_assert!(spread(&asking, declared) <= 1, "{:?}", asking);
    prop_assert!(spread(&other, declared) <= 1, "{:?}", other);
    for (index, user) in (0..declared).zip(&plan.users) {
        prop_assert_eq!(user.questions, asked.get(&index).copied().unwrap_or(0));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_plan_is_sorted_dealt_evenly_and_within_its_stages(raw in any_raw(), seed in any::<u64>()) {
        let Ok(profile) = Profile::resolve(raw) else { return Ok(()) };
        if let Ok(plan) = lay_out(&profile, seed, &wide(), &questions()) {
            check(&profile, &plan)?;
            prop_assert_eq!(&lay_out(&profile, seed, &wide(), &questions()).unwrap(), &plan);
        }
        // Refused or not, it never panics, whatever the stage allows.
        let narrow = Limits { max_rate_per_s: Some(30), max_users: Some(50), ..rate_limited(20, 5) };
        for limits in [wide(), narrow] {
            let _outcome = plan(&profile, seed, &limits, &questions()).map(|plan| plan.sha256);
        }
    }

    #[test]
    fn a_profile_survives_the_wire(raw in any_raw()) {
        let Ok(profile) = Profile::resolve(raw.clone()) else { return Ok(()) };
        let json = serde_json::to_string(&raw).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Profile>(&json).unwrap(), &profile);
        let again = serde_json::to_string(&profile).unwrap();
        prop_assert_eq!(again, json);
    }

    #[test]
    fn a_quota_refusal_is_exact(raw in any_raw(), seed in any::<u64>(), quota in 1_u64..60) {
        let limits = Limits { daily_quota: quota, ..limits() };
        let Ok(profile) = Profile::resolve(raw.clone()) else { return Ok(()) };
        let outcome = plan(&profile, seed, &limits, &questions());
        let Err(PlanError::Quota { needed, .. }) = outcome else { return Ok(()) };
        let needed = u32::try_from(needed).unwrap();
        let of_quota = |users: u32| {
            let profile = Profile::resolve(RawProfile { users, ..raw.clone() }).unwrap();
            matches!(plan(&profile, seed, &limits, &questions()), Err(PlanError::Quota { .. }))
        };
        prop_assert!(!of_quota(needed));
        prop_assert!(needed == 1 || of_quota(needed - 1));
    }

    #[test]
    fn resolving_never_panics(
        mut raw in any_raw(), at in any::<u64>(), think in any::<u64>(), rate in any::<f64>(),
        duration in any::<u64>(), count in any::<u32>(),
    ) {
        raw.probes.quota_burst = Some(QuotaBurst { at_ms: at, over: count });
        for outage in &mut raw.probes.outages {
            outage.at_ms = at;
            outage.requests = count;
        }
        raw.stages.push(RawStage { think_ms: Some(think), ..closed("think", count, 0, 1) });
        raw.stages.push(RawStage { duration_ms: duration, ..open("rate", rate, 1) });
        raw.users = count;
        let _outcome = Profile::resolve(raw).map(|profile| profile.duration_us());
    }
}
