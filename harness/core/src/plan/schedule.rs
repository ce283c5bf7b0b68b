//! The materialised schedule of an open stage: when each arrival is due.
//!
//! Arrivals of a Poisson process of varying rate are those of the unit process under the inverse of the cumulated rate
//! (Çinlar, Introduction to Stochastic Processes, §4.7); evenly spread ones are its quantiles.

use crate::{
    domain::profile::{Arrivals, Profile, Shape},
    plan::draw::{self, Stream},
};

/// When an arrival is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Due {
    /// From the start of the load, in µs.
    pub at_us: u64,
    /// Index of its stage in the profile.
    pub stage: usize,
}

/// All arrivals of the open stages of `profile`, in order of time.
pub fn schedule(profile: &Profile, seed: u64) -> Vec<Due> {
    let (mut dues, mut drawn) = (Vec::new(), 0_u64);
    for (index, stage) in profile.stages().iter().enumerate() {
        let Shape::Open { from_milli_per_s, to_milli_per_s, arrivals } = stage.shape else {
            continue;
        };
        let ramp = Ramp::new(from_milli_per_s, to_milli_per_s, stage.duration_us);
        let mut cumulated = 0.0;
        for position in 0_u64.. {
            cumulated = match arrivals {
                Arrivals::Poisson => cumulated + draw::exponential(seed, Stream::Gap, drawn),
                #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
                Arrivals::Uniform => position as f64 + 0.5,
            };
            drawn += 1;
            let Some(offset_us) = ramp.time_us(cumulated) else { break };
            dues.push(Due { at_us: stage.start_us + offset_us, stage: index });
        }
    }
    dues
}

/// A rate that moves linearly; rates per µs.
struct Ramp {
    from: f64,
    to: f64,
    duration_us: f64,
}

impl Ramp {
    #[expect(clippy::cast_precision_loss, reason = "rates and durations far below 2^52")]
    fn new(from_milli_per_s: u64, to_milli_per_s: u64, duration_us: u64) -> Self {
        let per_us = |milli_per_s: u64| milli_per_s as f64 / 1e9;
        Self {
            from: per_us(from_milli_per_s),
            to: per_us(to_milli_per_s),
            duration_us: duration_us as f64,
        }
    }

    /// When `count` arrivals have come: the root of `from·t + (to − from)·t²/2d = count`, in the form that is stable for
    /// equal rates; none after the end.
    fn time_us(&self, count: f64) -> Option<u64> {
        let slope = (self.to - self.from) / self.duration_us;
        let under_root = self.from * self.from + 2.0 * slope * count;
        if under_root < 0.0 {
            return None;
        }
        let time = 2.0 * count / (self.from + under_root.sqrt());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 ≤ time < duration"
        )]
        (time < self.duration_us).then_some(time as u64)
    }
}

#[cfg(test)]
mod tests;
