//! What a listing of the bucket says about manuals: which objects and sidecars belong together, and how far the listing is
//! whole. Keys and rows are both in the order of user and id, so they can be compared page by page.

use time::OffsetDateTime;

use crate::domain::manual::is_id;
use crate::domain::user::UserId;

/// Where manuals are.
pub const MANUALS: &str = "manuals/";

/// Where recordings and transcripts are.
pub const RECORDINGS: &str = "audio/";

/// How the names of our transcription jobs begin; a request's id follows.
pub const JOBS: &str = "manuel-";

const SIDECAR: &str = ".metadata.json";

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// When it was written last.
    pub modified: OffsetDateTime,
}

/// What is stored of one manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub manual_id: String,
    /// The key that the object has or would have.
    pub key: String,
    /// Whether the object is there.
    pub object: bool,
    /// Whether the sidecar is there.
    pub sidecar: bool,
    /// When the later of them was written.
    pub modified: OffsetDateTime,
}

/// The whole manuals of a listing, and the key after which the next listing starts; none when there is nothing more. A
/// manual that the end of the listing may have cut is left to the next one. Keys that are not ours are passed over.
pub fn whole(objects: &[StoredObject], more: bool) -> (Vec<Stored>, Option<String>) {
    let mut manuals: Vec<Stored> = Vec::new();
    for object in objects {
        let Some(found) = manual_of(object) else { continue };
        match manuals.last_mut() {
            Some(last) if last.key == found.key => {
                last.object |= found.object;
                last.sidecar |= found.sidecar;
                last.modified = last.modified.max(found.modified);
            }
            _ => manuals.push(found),
        }
    }
    let last = objects.last().filter(|_| more).map(|object| object.key.clone());
    let next = match (last, manuals.pop_if(|last| more && !last.sidecar)) {
        (Some(_), Some(cut)) if !manuals.is_empty() => before(&cut.key),
        (Some(last), Some(only)) => {
            manuals.push(only);
            Some(last)
        }
        (last, _) => last,
    };
    (manuals, next)
}

/// A place in the order of keys directly before this key, as far as keys of ours go.
fn before(key: &str) -> Option<String> {
    key.rsplit_once('.').map(|(stem, _extension)| stem.to_owned())
}

fn manual_of(object: &StoredObject) -> Option<Stored> {
    let (key, sidecar) = match object.key.strip_suffix(SIDECAR) {
        Some(key) => (key, true),
        None => (object.key.as_str(), false),
    };
    let (user, file) = key.strip_prefix(MANUALS)?.split_once('/')?;
    let (manual_id, _extension) = file.split_once('.')?;
    is_id(manual_id).then_some(())?;
    Some(Stored {
        user: UserId::parse(user)?,
        manual_id: manual_id.to_owned(),
        key: key.to_owned(),
        object: !sidecar,
        sidecar,
        modified: object.modified,
    })
}

/// The user and the id of the manual at a place of [`whole`], if it lies inside of a user's manuals.
pub fn place_of(place: &str) -> Option<(UserId, &str)> {
    let (user, file) = place.strip_prefix(MANUALS)?.split_once('/')?;
    Some((UserId::parse(user)?, file.split('.').next()?))
}

/// What the transcription job of a request is called.
pub fn job_name(request_id: &str) -> String {
    format!("{JOBS}{request_id}")
}

/// The transcription job of a recording or transcript.
pub fn job_name_of(key: &str) -> Option<String> {
    let file = key.strip_prefix(RECORDINGS)?.rsplit('/').next()?;
    let stem = file.split('.').next().filter(|stem| !stem.is_empty())?;
    Some(job_name(stem))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EARLY: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn listed(keys: &[String]) -> Vec<StoredObject> {
        keys.iter().map(|key| StoredObject { key: key.clone(), modified: EARLY }).collect()
    }

    fn id(number: u8) -> String {
        format!("5f2c1e0a-0000-4000-8000-1234567890{number:02x}")
    }

    fn keys(user: &str, number: u8, (object, sidecar): (bool, bool)) -> Vec<String> {
        let key = format!("manuals/{user}/{}.pdf", id(number));
        let sidecar = sidecar.then(|| format!("{key}.metadata.json"));
        object.then_some(key).into_iter().chain(sidecar).collect()
    }

    #[test]
    fn objects_and_sidecars_are_put_together_and_strangers_passed_over() {
        let mut all = vec!["manuals/readme.txt".to_owned(), "manuals/u/no-id.pdf".to_owned()];
        all.extend(keys("u", 1, (true, true)));
        all.extend(keys("u", 2, (true, false)));
        all.extend(keys("v", 1, (false, true)));
        let (manuals, next) = whole(&listed(&all), false);
        let seen: Vec<_> = manuals.iter().map(|m| (m.user.as_str(), m.object, m.sidecar)).collect();
        assert_eq!(seen, [("u", true, true), ("u", true, false), ("v", false, true)]);
        assert_eq!(
            (manuals[2].key.as_str(), next),
            (keys("v", 1, (true, false))[0].as_str(), None)
        );
    }

    #[test]
    fn a_recording_and_its_transcript_have_one_job() {
        assert_eq!(job_name_of("audio/u/r-1.wav").as_deref(), Some("manuel-r-1"));
        assert_eq!(job_name_of("audio/u/r-1.json").as_deref(), Some("manuel-r-1"));
        assert_eq!(job_name_of("manuals/u/r-1.wav"), None);
    }

    proptest! {
        /// Whatever the size of a page: every manual is seen once, and whole.
        #[test]
        fn pages_of_any_size_see_every_manual_once(
            parts in prop::collection::vec((any::<bool>(), any::<bool>()), 1..20), size in 2_usize..9,
        ) {
            let mut all: Vec<String> = Vec::new();
            let mut expected = Vec::new();
            for (number, (object, sidecar)) in (0..).zip(parts) {
                if object || sidecar {
                    expected.push((id(number), object, sidecar));
                }
                all.extend(keys("u", number, (object, sidecar)));
            }
            let (mut seen, mut after) = (Vec::new(), Some(String::new()));
            let mut pages = 0;
            while let Some(place) = after {
                let left: Vec<String> = all.iter().filter(|key| **key > place).cloned().collect();
                let page = &left[..left.len().min(size)];
                let (manuals, next) = whole(&listed(page), left.len() > size);
                seen.extend(manuals.into_iter().map(|m| (m.manual_id, m.object, m.sidecar)));
                after = next;
                pages += 1;
                prop_assert!(pages < 100, "it goes on");
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
