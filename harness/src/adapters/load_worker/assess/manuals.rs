//! Whether a list shows the user's manuals, all of them and no other, and whether an upload is what was sent.

use std::collections::BTreeSet;

use manuel_client::Request;
use manuel_client::answers::ManualsAnswer;
use manuel_client::answers::UploadAnswer;
use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::rule::Rule;

use super::super::seat::Holding;
use super::super::seat::Title;
use super::Broken;
use super::Expected;

/// `GET /api/manuals`, one page.
pub(super) fn listed(expected: &Expected<'_>, answer: &ManualsAnswer, broken: &mut Vec<Broken>) {
    let mut shown = BTreeSet::new();
    for row in &answer.manuals {
        own(expected, (&row.id, &row.name), "a list of", broken);
        if !shown.insert(row.id.as_str()) {
            let seen = format!("manual {} twice", row.id);
            broken.push(Broken::new(Rule::Contract, "each manual once in a list", seen));
        }
    }
    // Where there are more pages, one says nothing about what is missing.
    if answer.next_cursor.is_some() {
        return;
    }
    for id in expected.seat.certain(expected.sent_us) {
        if !shown.contains(id.as_str()) {
            let wanted = format!("manual {id} in the list: it was accepted and not deleted");
            let seen = format!("{} others", shown.len());
            broken.push(Broken::new(Rule::ManualsConserved, wanted, seen));
        }
    }
}

/// Whether the user may be shown this manual, under this name.
pub(super) fn own(
    expected: &Expected<'_>,
    (id, name): (&str, &str),
    place: &str,
    broken: &mut Vec<Broken>,
) {
    let wanted = format!("{place} the user's own manuals");
    let of_another = expected.known.owner(id).is_some_and(|owner| owner != expected.seat_index);
    let found = match expected.seat.holds(id, expected.sent_us) {
        Holding::Own(title) => {
            let right = match &title {
                Title::Fixture(key) => expected.known.name_of(key, name),
                Title::File(file) => file.clone(),
            };
            (right != name).then(|| {
                let seen = format!("manual {id} as \"{name}\"");
                Broken::new(Rule::Contract, format!("manual {id} as \"{right}\""), seen)
            })
        }
        Holding::Gone => Some(Broken::new(
            Rule::ManualsConserved,
            wanted,
            format!("manual {id} ({name}), which had been deleted before"),
        )),
        Holding::Unknown { .. } if of_another => Some(Broken::new(
            Rule::Isolation,
            wanted,
            format!("manual {id} ({name}), which is another user's"),
        )),
        // It may be the one whose upload has no answer.
        Holding::Unknown { uploading: true } => None,
        Holding::Unknown { uploading: false } => Some(Broken::new(
            Rule::Citations,
            wanted,
            format!("manual {id} ({name}), which the user does not have"),
        )),
    };
    broken.extend(found);
}

/// `POST /api/manuals/upload`: what was accepted is what was sent, and the same upload is the same manual.
pub(super) fn uploaded(
    expected: &Expected<'_>,
    request: &Request,
    answer: &UploadAnswer,
    broken: &mut Vec<Broken>,
) {
    if let Request::UploadManual { filename, bytes, .. } = request {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let (size, said) = (bytes.len() as u64, (&answer.name, answer.size, &answer.sha256));
        if said != (filename, size, &sha256) {
            broken.push(Broken::new(
                Rule::Contract,
                format!("\"{filename}\" of {size} bytes, sha256 {sha256}"),
                format!("\"{}\" of {} bytes, sha256 {}", said.0, said.1, said.2),
            ));
        }
    }
    if let Some(before) = expected.again.filter(|before| *before != answer.manual_id) {
        broken.push(Broken::new(
            Rule::ManualsConserved,
            format!("manual {before} again, for the same idempotency key"),
            format!("manual {}", answer.manual_id),
        ));
    }
    if expected.known.owner(&answer.manual_id).is_some_and(|owner| owner != expected.seat_index) {
        let seen = format!("manual {}, which is another user's", answer.manual_id);
        broken.push(Broken::new(Rule::Isolation, "an id of its own", seen));
    }
}
