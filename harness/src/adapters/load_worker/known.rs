//! What is known of the whole run while it goes on: whose manual an id is, what a fixture manual is called, which request
//! ids were given out. It decides nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use sha2::Digest as _;
use sha2::Sha256;

/// Request ids that are kept: 8 MiB of digests. A longer run sees no repetition among those beyond.
const REQUEST_IDS: usize = 500_000;

/// Shared by all seats.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Id of a manual → index of its owner's seat; an id that was deleted stays known.
    owners: Mutex<BTreeMap<String, usize>>,
    /// Key of a fixture manual → the name that the first answer gave it.
    names: Mutex<BTreeMap<String, String>>,
    request_ids: Mutex<BTreeSet<[u8; 16]>>,
}

impl Known {
    /// A manual of the user at this seat.
    pub(super) fn learn(&self, id: &str, seat: usize) {
        lock(&self.owners).entry(id.to_owned()).or_insert(seat);
    }

    /// Whose manual it is, of all that are known.
    pub(super) fn owner(&self, id: &str) -> Option<usize> {
        lock(&self.owners).get(id).copied()
    }

    /// The name of this fixture manual: `name` itself if nobody has said another before.
    pub(super) fn name_of(&self, key: &str, name: &str) -> String {
        lock(&self.names).entry(key.to_owned()).or_insert_with(|| name.to_owned()).clone()
    }

    /// Whether a request id is seen for the first time.
    pub(super) fn is_new(&self, request_id: &str) -> bool {
        let digest = Sha256::digest(request_id.as_bytes());
        let mut short = [0; 16];
        short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        let mut seen = lock(&self.request_ids);
        if seen.len() >= REQUEST_IDS { !seen.contains(&short) } else { seen.insert(short) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each of them is valid after every statement: a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
