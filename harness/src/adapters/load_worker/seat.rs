//! A virtual user's seat: who sits there, from which address, with which manuals.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use manuel_client::ManuelClient;

use super::plan::WorkerUser;

/// A virtual user.
pub(super) struct Seat {
    pub(super) user: WorkerUser,
    pub(super) client: ManuelClient,
    pub(super) address: Option<IpAddr>,
    /// Ids that may be cited: of fixture manuals and of what was uploaded in this run.
    own_ids: Mutex<BTreeSet<String>>,
    /// Uploads without an answer yet: while there is one, an unknown id may be its.
    uploading: std::sync::atomic::AtomicU32,
}

impl Seat {
    pub(super) fn new(user: WorkerUser, client: ManuelClient, address: Option<IpAddr>) -> Self {
        let own_ids = Mutex::new(user.manual_ids.values().cloned().collect());
        Self { user, client, address, own_ids, uploading: std::sync::atomic::AtomicU32::new(0) }
    }

    /// Whether the user may be shown this manual; none while that cannot be told.
    pub(super) fn owns(&self, id: &str) -> Option<bool> {
        if self.ids().contains(id) {
            return Some(true);
        }
        let unsure = self.uploading.load(std::sync::atomic::Ordering::SeqCst) > 0;
        if unsure { None } else { Some(false) }
    }

    pub(super) fn upload_begins(&self) {
        self.uploading.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }

    /// An upload whose answer never came leaves its id unknown for good: it stays counted.
    pub(super) fn upload_ended(&self, id: Option<&str>, refused: bool) {
        if let Some(id) = id {
            self.ids().insert(id.to_owned());
        }
        if id.is_some() || refused {
            self.uploading.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        }
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.own_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address of the seat of this index: its own in 127.100.0.0/14, so that limits per address count each user apart.
pub(super) fn address(index: usize) -> IpAddr {
    let host = index % (3 * 64_516);
    let (second, third, fourth) = (host / 64_516, host / 254 % 254, host % 254);
    let octet = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    IpAddr::V4(Ipv4Addr::new(127, octet(100 + second), octet(third), octet(1 + fourth)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_loopback_and_differ() {
        let addresses: BTreeSet<IpAddr> = (0..100_000).map(address).collect();
        assert_eq!(addresses.len(), 100_000);
        assert!(addresses.iter().all(IpAddr::is_loopback));
        assert_eq!(address(0), "127.100.0.1".parse::<IpAddr>().unwrap());
    }
}
