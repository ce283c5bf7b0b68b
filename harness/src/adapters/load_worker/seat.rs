//! A virtual user's seat: who sits there, from which address, with which manuals, and how often they were answered.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use manuel_client::ManuelClient;

use super::plan::WorkerUser;

/// A virtual user.
pub(super) struct Seat {
    pub(super) user: WorkerUser,
    pub(super) client: ManuelClient,
    pub(super) address: Option<IpAddr>,
    /// Manuals by id: fixture manuals and what was uploaded in this run.
    manuals: Mutex<BTreeMap<String, Own>>,
    /// Uploads without an answer yet: while there is one, an unknown id may be its.
    uploading: AtomicU32,
    /// Questions that were sent.
    asked: AtomicU64,
    /// Questions that were answered with a success.
    answered: AtomicU64,
}

/// What a manual is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Title {
    /// The fixture manual of this key.
    Fixture(String),
    /// The name that it was uploaded with.
    File(String),
}

/// A manual of the seat's user; times in µs from the start of the load.
#[derive(Clone, Debug)]
struct Own {
    title: Title,
    /// Its upload was answered then.
    since_us: u64,
    /// A deletion was sent.
    leaving: bool,
    /// A deletion was answered with a success then.
    gone_us: Option<u64>,
}

/// Whether the user may be shown a manual.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Holding {
    /// It is theirs.
    Own(Title),
    /// It was, and had been deleted before the request was sent.
    Gone,
    /// It is not among theirs; with an upload under way it may be, if it is nobody else's.
    Unknown {
        /// An upload has no answer yet, or never had one.
        uploading: bool,
    },
}

impl Seat {
    pub(super) fn new(user: WorkerUser, client: ManuelClient, address: Option<IpAddr>) -> Self {
        let own = |(key, id): (&String, &String)| {
            let title = Title::Fixture(key.clone());
            (id.clone(), Own { title, since_us: 0, leaving: false, gone_us: None })
        };
        let manuals = Mutex::new(user.manual_ids.iter().map(own).collect());
        Self {
            user,
            client,
            address,
            manuals,
            uploading: AtomicU32::new(0),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    /// Whether an answer to a request that was sent at `sent_us` may show the manual `id`.
    pub(super) fn holds(&self, id: &str, sent_us: u64) -> Holding {
        match self.manuals().get(id) {
            Some(own) if own.gone_us.is_some_and(|gone_us| gone_us < sent_us) => Holding::Gone,
            Some(own) => Holding::Own(own.title.clone()),
            None => Holding::Unknown { uploading: self.uploading.load(Ordering::SeqCst) > 0 },
        }
    }

    /// Ids that a list asked for at `sent_us` and answered by now must hold.
    pub(super) fn certain(&self, sent_us: u64) -> Vec<String> {
        let manuals = self.manuals();
        let certain =
            manuals.iter().filter(|(_, own)| own.since_us < sent_us.max(1) && !own.leaving);
        certain.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn upload_begins(&self) {
        self.uploading.fetch_add(1, Ordering::SeqCst);
    }

    /// An upload whose answer never came leaves its id unknown for good: it stays counted.
    pub(super) fn upload_ended(&self, stored: Option<(&str, &str)>, refused: bool, now_us: u64) {
        if let Some((id, name)) = stored {
            let title = Title::File(name.to_owned());
            let own = Own { title, since_us: now_us, leaving: false, gone_us: None };
            self.manuals().entry(id.to_owned()).or_insert(own);
        }
        if stored.is_some() || refused {
            self.uploading.fetch_sub(1, Ordering::SeqCst);
        }
    }

    pub(super) fn deletion_begins(&self, id: &str) {
        if let Some(own) = self.manuals().get_mut(id) {
            own.leaving = true;
        }
    }

    pub(super) fn deleted(&self, id: &str, now_us: u64) {
        if let Some(own) = self.manuals().get_mut(id) {
            own.gone_us.get_or_insert(now_us);
        }
    }

    pub(super) fn question_begins(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn question_answered(&self) {
        self.answered.fetch_add(1, Ordering::SeqCst);
    }

    /// Questions sent so far.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Questions answered so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    fn manuals(&self) -> MutexGuard<'_, BTreeMap<String, Own>> {
        self.manuals.lock().unwrap_or_else(PoisonError::into_inner)
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
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn addresses_are_loopback_and_differ() {
        let addresses: BTreeSet<IpAddr> = (0..100_000).map(address).collect();
        assert_eq!(addresses.len(), 100_000);
        assert!(addresses.iter().all(IpAddr::is_loopback));
        assert_eq!(address(0), "127.100.0.1".parse::<IpAddr>().unwrap());
    }
}
