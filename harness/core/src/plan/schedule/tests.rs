//! The schedule against what theory says of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::profile::{CacheHits, Model, PROFILE_SCHEMA, RawProbes, RawProfile, RawStage};

fn open(name: &str, seconds: u64, from: f64, to: f64, arrivals: Arrivals) -> RawStage {
    RawStage {
        name: name.to_owned(),
        model: Model::Open,
        duration_ms: seconds * 1_000,
        rate_per_s: Some(from),
        to_rate_per_s: Some(to),
        arrivals: Some(arrivals),
        users: None,
        think_ms: None,
        gated: true,
    }
}

fn profile(stages: Vec<RawStage>) -> Profile {
    Profile::resolve(RawProfile {
        schema: PROFILE_SCHEMA.to_owned(),
        title: "test".to_owned(),
        users: 10,
        manuals: vec!["router".to_owned()],
        max_in_flight: 10,
        timeout_ms: 1_000,
        model_latency: None,
        cache_hits: CacheHits { min_permille: 0, max_permille: 1_000 },
        mix: BTreeMap::from([("health".to_owned(), 1)]),
        stages,
        probes: RawProbes::default(),
        objectives: BTreeMap::from([("o".to_owned(), "max latency <= 1s".to_owned())]),
    })
    .unwrap()
}

#[test]
fn uniform_arrivals_stand_in_the_middle_of_their_intervals() {
    let dues = schedule(&profile(vec![open("a", 1, 4.0, 4.0, Arrivals::Uniform)]), 1);
    let times: Vec<u64> = dues.iter().map(|due| due.at_us).collect();
    assert_eq!(times, [125_000, 375_000, 625_000, 875_000]);
}

#[test]
fn a_ramp_sends_its_area_and_a_quarter_of_it_in_its_first_half() {
    let dues = schedule(&profile(vec![open("a", 20, 0.001, 100.0, Arrivals::Uniform)]), 1);
    assert_eq!(dues.len(), 1_000);
    let early = dues.iter().filter(|due| due.at_us < 10_000_000).count();
    assert!((249..=251).contains(&early), "{early}");
}

#[test]
fn a_ramp_down_is_the_ramp_up_backwards() {
    let up = schedule(&profile(vec![open("a", 10, 10.0, 90.0, Arrivals::Uniform)]), 1);
    let down = schedule(&profile(vec![open("a", 10, 90.0, 10.0, Arrivals::Uniform)]), 1);
    assert_eq!(up.len(), 500);
    assert_eq!(up.len(), down.len());
    for (a, b) in up.iter().zip(down.iter().rev()) {
        assert!((a.at_us + b.at_us).abs_diff(10_000_000) <= 2, "{a:?} {b:?}");
    }
}

#[test]
fn stages_follow_each_other() {
    let stages = vec![
        open("a", 2, 10.0, 10.0, Arrivals::Uniform),
        open("b", 3, 20.0, 20.0, Arrivals::Poisson),
    ];
    let dues = schedule(&profile(stages), 1);
    assert_eq!(dues.iter().filter(|due| due.stage == 0).count(), 20);
    assert!(dues.iter().all(|due| (due.stage == 1) == (due.at_us >= 2_000_000)));
}

#[test]
fn poisson_arrivals_are_as_many_and_as_scattered_as_a_poisson_process_makes_them() {
    let (seconds, rate) = (400_u32, 100.0);
    let stage = open("a", seconds.into(), rate, rate, Arrivals::Poisson);
    for seed in 0..5 {
        let dues = schedule(&profile(vec![stage.clone()]), seed);
        let expected = f64::from(seconds) * rate;
        let count = f64::from(u32::try_from(dues.len()).unwrap());
        assert!((count - expected).abs() <= 4.0 * expected.sqrt(), "{count} of {expected}");
        // Index of dispersion of the counts by second: 1, with standard error √(2/(n − 1)).
        let mut by_second: BTreeMap<u64, u32> = BTreeMap::new();
        for due in &dues {
            *by_second.entry(due.at_us / 1_000_000).or_default() += 1;
        }
        let mean = count / f64::from(seconds);
        let squares = by_second.values().map(|n| (f64::from(*n) - mean).powi(2)).sum::<f64>();
        let dispersion = squares / f64::from(seconds - 1) / mean;
        let error = (2.0 / f64::from(seconds - 1)).sqrt();
        assert!((dispersion - 1.0).abs() <= 4.0 * error, "{dispersion}");
    }
}

#[test]
fn a_poisson_ramp_sends_its_area() {
    let dues = schedule(&profile(vec![open("a", 100, 0.001, 200.0, Arrivals::Poisson)]), 3);
    let count = f64::from(u32::try_from(dues.len()).unwrap());
    assert!((count - 10_000.0).abs() <= 4.0 * 100.0, "{count}");
    let early = dues.iter().filter(|due| due.at_us < 50_000_000).count();
    let early = f64::from(u32::try_from(early).unwrap());
    assert!((early - 2_500.0).abs() <= 4.0 * 50.0, "{early}");
}

proptest! {
    #[test]
    fn a_schedule_is_sorted_and_within_its_stages(
        shapes in proptest::collection::vec(
            (1_u64..20, 1_u32..200_000, 1_u32..200_000, any::<bool>()), 1..5),
        seed in any::<u64>(),
    ) {
        let stages: Vec<RawStage> = shapes.iter().enumerate().map(|(i, (seconds, from, to, poisson))| {
            let arrivals = if *poisson { Arrivals::Poisson } else { Arrivals::Uniform };
            let rate = |milli: u32| f64::from(milli) / 1_000.0;
            open(&format!("s{i}"), *seconds, rate(*from), rate(*to), arrivals)
        }).collect();
        let profile = profile(stages);
        let dues = schedule(&profile, seed);
        prop_assert!(dues.windows(2).all(|pair| pair[0].at_us <= pair[1].at_us));
        for due in &dues {
            let stage = &profile.stages()[due.stage];
            prop_assert!(due.at_us >= stage.start_us);
            prop_assert!(due.at_us < stage.start_us + stage.duration_us);
        }
        for (i, (seconds, from, to, poisson)) in shapes.iter().enumerate() {
            let area = u64::from(from + to) * seconds / 2_000;
            let count = dues.iter().filter(|due| due.stage == i).count() as u64;
            prop_assert!(*poisson || count.abs_diff(area) <= 1, "{} of {}", count, area);
        }
        prop_assert_eq!(schedule(&profile, seed), dues);
    }
}
