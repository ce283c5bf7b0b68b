//! The requests of each address in a window that moves with time: what a rate-based rule goes by.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// A WAF's rule keeps so many addresses apart ("Rate-based rule statement", quotas: 10 000).
const ADDRESSES_MAX: usize = 10_000;

/// The addresses that came in the last window.
#[derive(Debug)]
pub(super) struct Rates {
    limit: u32,
    window_s: u64,
    seen: Mutex<BTreeMap<IpAddr, Window>>,
}

/// The seconds in which an address came, and how often in each.
#[derive(Debug, Default)]
struct Window {
    seconds: VecDeque<(u64, u32)>,
    total: u32,
}

impl Rates {
    /// More than `limit` requests in `window_s` seconds are too many.
    pub(super) fn new(limit: u32, window_s: u32) -> Self {
        Self { limit, window_s: u64::from(window_s), seen: Mutex::default() }
    }

    /// Counts a request, `at` since the beginning; whether its address has sent too many. What is refused counts, too.
    pub(super) fn too_many(&self, address: IpAddr, at: Duration) -> bool {
        let now = at.as_secs();
        let since = (now + 1).saturating_sub(self.window_s);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= ADDRESSES_MAX && !seen.contains_key(&address) {
            forget(&mut seen, since);
        }
        let window = seen.entry(address).or_default();
        window.drop_before(since);
        window.count(now);
        window.total > self.limit
    }
}

impl Window {
    fn drop_before(&mut self, since: u64) {
        while let Some((second, times)) = self.seconds.front().copied()
            && second < since
        {
            self.total = self.total.saturating_sub(times);
            self.seconds.pop_front();
        }
    }

    fn count(&mut self, now: u64) {
        self.total = self.total.saturating_add(1);
        match self.seconds.back_mut() {
            // Two requests may be looked at in another order than they came in.
            Some((second, times)) if *second >= now => *times = times.saturating_add(1),
            Some(_) | None => self.seconds.push_back((now, 1)),
        }
    }

    fn last(&self) -> u64 {
        self.seconds.back().map_or(0, |(second, _)| *second)
    }
}

/// Makes room: whoever was not here in the window goes, else whoever has not been here for longest.
fn forget(seen: &mut BTreeMap<IpAddr, Window>, since: u64) {
    seen.retain(|_, window| window.last() >= since);
    if seen.len() >= ADDRESSES_MAX
        && let Some(oldest) = seen.iter().min_by_key(|(_, window)| window.last()).map(|(ip, _)| *ip)
    {
        seen.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x7f00_0000 + number).into()
    }

    #[test]
    fn a_window_moves_with_time() {
        let rates = Rates::new(3, 10);
        let too_many = |ip, s| rates.too_many(address(ip), Duration::from_secs(s));
        assert_eq!([0, 1, 2].map(|s| too_many(1, s)), [false; 3]);
        assert!(too_many(1, 9), "a fourth in ten seconds");
        assert!(!too_many(2, 9), "another address");
        // At 10 the first is forgotten, and the refused one of 9 is not.
        assert!(too_many(1, 10));
        assert!(!too_many(1, 30), "after a pause of a whole window");
    }

    #[test]
    fn memory_has_a_bound() {
        let rates = Rates::new(1, 10);
        let many = u32::try_from(ADDRESSES_MAX).unwrap() + 100;
        for ip in 0..many {
            assert!(!rates.too_many(address(ip), Duration::from_secs(1)));
        }
        assert_eq!(rates.seen.lock().unwrap().len(), ADDRESSES_MAX);
        rates.too_many(address(many), Duration::from_mins(1));
        assert_eq!(rates.seen.lock().unwrap().len(), 1, "nobody else was here of late");
    }
}
