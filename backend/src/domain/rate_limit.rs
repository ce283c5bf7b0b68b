//! A sliding window as slots: a subject has as many as it may make calls in a window, a call takes one, and a slot is
//! free again one window after it was taken. So no window, wherever it begins, holds more calls than the limit, and no
//! call is refused while its window has room: nothing here is an approximation.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::domain::user::UserId;

/// The longest that a refused caller is told to wait, in seconds.
pub const WAIT_S_MAX: u64 = 60;

/// How many requests in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// `RATE_LIMIT_REQUESTS`
    pub requests: u32,
    /// `RATE_LIMIT_WINDOW_S`
    pub window: Duration,
}

/// Whose calls are counted. Only a hash: neither addresses nor users are written down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

/// A slot as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenSlot {
    /// From 0.
    pub slot: u32,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The call that took it.
    pub by: String,
}

/// What one process knows of a subject's slots: when they were taken last, as far as it has seen. A slot may have been
/// taken later than that, never earlier: so what looks taken is taken, and what looks free must be asked for.
#[derive(Debug, Default)]
pub struct SeenSlots(BTreeMap<u32, i64>);

/// All slots are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllTaken {
    /// Until one is free, in whole seconds, 1–60.
    pub wait_s: u64,
}

impl RateLimit {
    /// The window in milliseconds.
    pub fn window_ms(self) -> i64 {
        i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX)
    }

    /// Slots taken at this time or before are free again.
    pub fn free_until_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.window_ms())
    }

    /// Slots taken after this time were taken by a clock that was wrong, and are free: a clock that was a day ahead must
    /// not block anybody for a day.
    pub fn plausible_until_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_add(self.window_ms())
    }

    fn is_free(self, at_ms: i64, now_ms: i64) -> bool {
        at_ms <= self.free_until_ms(now_ms) || at_ms > self.plausible_until_ms(now_ms)
    }

    /// Whole seconds from `now_ms` until a slot that was taken is free, 1–60.
    fn wait_s(self, at_ms: i64, now_ms: i64) -> u64 {
        let left_ms = at_ms.saturating_add(self.window_ms()).saturating_sub(now_ms);
        u64::try_from(left_ms).unwrap_or(0).div_ceil(1000).clamp(1, WAIT_S_MAX)
    }
}

impl Subject {
    /// A user's calls, from wherever.
    pub fn user(user: &UserId) -> Self {
        Self::hashed("user", user.as_str())
    }

    /// The calls from an address. A host with IPv6 has a network of 64 bits to itself, so that counts as one address;
    /// calls of which nobody knows where they come from count together.
    pub fn address(address: Option<IpAddr>) -> Self {
        let text = match address.map(|address| address.to_canonical()) {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => format!("{:x}/64", address.to_bits() >> 64),
        };
        Self::hashed("address", &text)
    }

    /// 32 hex characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn hashed(kind: &str, text: &str) -> Self {
        let mut hash = hex::encode(Sha256::digest(format!("{kind}\n{text}")));
        hash.truncate(32);
        Self(hash)
    }
}

impl SeenSlots {
    /// Marks a slot that looks free as taken now; `draw` decides which, so that processes seldom ask for the same one.
    pub fn mark_free_one(
        &mut self,
        limit: RateLimit,
        now_ms: i64,
        draw: u32,
    ) -> Result<u32, AllTaken> {
        self.0.retain(|slot, at_ms| *slot < limit.requests && !limit.is_free(*at_ms, now_ms));
        let taken = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let free = limit.requests.saturating_sub(taken);
        if free == 0 {
            let first = self.0.values().min().copied().unwrap_or(now_ms);
            return Err(AllTaken { wait_s: limit.wait_s(first, now_ms) });
        }
        let mut slot = draw % free;
        for taken in self.0.keys() {
            if *taken > slot {
                break;
            }
            slot += 1;
        }
        self.0.insert(slot, now_ms);
        Ok(slot)
    }

    /// Takes a mark back; one that was made later stays.
    pub fn unmark(&mut self, slot: u32, at_ms: i64) {
        if self.0.get(&slot) == Some(&at_ms) {
            self.0.remove(&slot);
        }
    }

    /// The slot that was marked turned out to be another's: takes over what is stored.
    pub fn learn(&mut self, marked: u32, stored: &[TakenSlot]) {
        self.0.remove(&marked);
        for taken in stored {
            let seen = self.0.entry(taken.slot).or_insert(taken.at_ms);
            *seen = taken.at_ms.max(*seen);
        }
    }

    /// What a limiter does that lets refused calls prolong the block: all slots count as taken now.
    pub fn prolong(&mut self, now_ms: i64) {
        self.0.values_mut().for_each(|at_ms| *at_ms = now_ms);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn limit(requests: u32, window_s: u64) -> RateLimit {
        RateLimit { requests, window: Duration::from_secs(window_s) }
    }

    #[test]
    fn a_slot_is_free_one_window_later_and_not_a_millisecond_before() {
        let mut seen = SeenSlots::default();
        let one = limit(1, 10);
        assert_eq!(seen.mark_free_one(one, 5_000, 7), Ok(0));
        assert_eq!(seen.mark_free_one(one, 5_001, 7), Err(AllTaken { wait_s: 10 }));
        assert_eq!(seen.mark_free_one(one, 14_999, 7), Err(AllTaken { wait_s: 1 }));
        assert_eq!(seen.mark_free_one(one, 15_000, 7), Ok(0));
    }

    #[test]
    fn the_wait_is_60_seconds_at_most() {
        let mut seen = SeenSlots::default();
        assert_eq!(seen.mark_free_one(limit(1, 3600), 0, 0), Ok(0));
        assert_eq!(seen.mark_free_one(limit(1, 3600), 1, 0), Err(AllTaken { wait_s: 60 }));
    }

    #[test]
    fn a_clock_that_was_wrong_blocks_nobody_when_it_is_right_again() {
        let mut seen = SeenSlots::default();
        let day_ms = 86_400_000;
        assert_eq!(seen.mark_free_one(limit(1, 60), day_ms, 0), Ok(0));
        assert_eq!(seen.mark_free_one(limit(1, 60), 0, 0), Ok(0));
    }

    #[test]
    fn what_another_process_took_is_learnt_and_a_wrong_mark_is_forgotten() {
        let mut seen = SeenSlots::default();
        let two = limit(2, 10);
        assert_eq!(seen.mark_free_one(two, 9_000, 0), Ok(0));
        let stored = |slot, at_ms| TakenSlot { slot, at_ms, by: "another".to_owned() };
        seen.learn(0, &[stored(0, 1_000), stored(1, 2_000)]);
        assert_eq!(seen.mark_free_one(two, 9_000, 0), Err(AllTaken { wait_s: 2 }));
        assert_eq!(seen.mark_free_one(two, 11_000, 0), Ok(0));
    }

    #[test]
    fn a_host_with_ipv6_is_one_subject_and_a_mapped_address_is_ipv4() {
        let of = |text: &str| Subject::address(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("192.0.2.1"), Subject::address(None));
        let sub = "11111111-0000-4000-8000-000000000001";
        let subject = Subject::user(&UserId::parse(sub).unwrap());
        assert!(!subject.as_str().contains("11111111") && subject.as_str().len() == 32);
    }

    proptest! {
        /// One process, any times: the same as a log of all admitted calls.
        #[test]
        fn slots_admit_exactly_what_a_log_of_calls_admits(
            requests in 1_u32..6, window_s in 1_u64..4,
            steps in proptest::collection::vec((0_i64..1500, any::<u32>()), 1..80),
        ) {
            let limit = limit(requests, window_s);
            let (mut seen, mut log, mut now_ms) = (SeenSlots::default(), Vec::new(), 0);
            for (step_ms, draw) in steps {
                now_ms += step_ms;
                let in_window = log.iter().filter(|at: &&i64| **at > limit.free_until_ms(now_ms));
                let room = in_window.count() < requests as usize;
                let marked = seen.mark_free_one(limit, now_ms, draw);
                prop_assert_eq!(marked.is_ok(), room);
                match marked {
                    Ok(slot) => {
                        prop_assert!(slot < requests);
                        log.push(now_ms);
                    }
                    Err(AllTaken { wait_s }) => {
                        // After the wait there is room, and a second earlier there is none.
                        let waited = |s: u64| now_ms + i64::try_from(s * 1000).unwrap();
                        let used = |then: i64| {
                            log.iter().filter(|at| **at > limit.free_until_ms(then)).count()
                        };
                        prop_assert!(used(waited(wait_s)) < requests as usize);
                        prop_assert!(used(waited(wait_s - 1)) == requests as usize);
                    }
                }
            }
        }
    }
}
