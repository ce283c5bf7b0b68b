//! Calls at no more than the rate that a stage allows: each waits for a slot of its own, in the order in which they come.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use verdict::domain::stage::Capability;
use verdict::domain::stage::StageDescription;

/// Of what a limit per address allows, this much is used: uploads of manuals count towards it, and are not paced.
const SHARE: f64 = 0.8;

/// Slots, one after the other.
#[derive(Debug)]
pub(super) struct Pacing {
    every: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pacing {
    /// That of `stage`; none where calls may come as fast as they like.
    pub(super) fn of(stage: &StageDescription) -> Option<Self> {
        let owner = stage.limits.max_rate_per_s.map(f64::from);
        // Where all clients share an address, they share its limit.
        let shared = !stage.capabilities.has(Capability::SourceAddresses);
        let address = stage.limits.rate_limit.filter(|_| shared);
        let address =
            address.map(|rate| f64::from(rate.requests) / f64::from(rate.window_s) * SHARE);
        let rate = [owner, address].into_iter().flatten().min_by(f64::total_cmp)?;
        (rate > 0.0)
            .then(|| Self { every: Duration::from_secs_f64(1.0 / rate), next: Mutex::new(None) })
    }

    /// Waits for the next slot.
    pub(super) async fn slot(&self) {
        let at = self.take(Instant::now());
        tokio::time::sleep_until(at).await;
    }

    fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + self.every);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_keep_their_distance_and_are_not_saved_up() {
        let pacing = Pacing { every: Duration::from_millis(50), next: Mutex::new(None) };
        let now = Instant::now();
        assert_eq!(pacing.take(now), now);
        assert_eq!(pacing.take(now), now + Duration::from_millis(50));
        assert_eq!(pacing.take(now), now + Duration::from_millis(100));
        let later = now + Duration::from_secs(9);
        assert_eq!(pacing.take(later), later);
        assert_eq!(pacing.take(later), later + Duration::from_millis(50));
    }
}
