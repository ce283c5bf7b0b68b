//! From an arrival to a request, signed and signed in as its kind asks.

use bytes::Bytes;
use manuel_client::Auth;
use manuel_client::Encoded;
use manuel_client::PrepareError;
use manuel_client::Prepared;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::SignatureFault;
use manuel_client::Signer;
use manuel_client::Signing;
use manuel_client::SigningTime;
use manuel_client::Traceparent;
use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::kind::RequestKind;
use verdict::domain::question::QuestionSet;

use super::seat::Seat;
use super::shot::Shot;
use super::token::BadToken;
use super::token::bad;

/// A stale signature is this much older than it must be, so that no clock that is a little off takes it for good.
const STALE_BY_S: u64 = 60;

/// Requests that need no word of the arrival's own are encoded once.
pub(super) struct Encodings {
    /// Makes the idempotency keys of this run its own.
    run_id: String,
    questions: Vec<(Request, Encoded)>,
    list: (Request, Encoded),
    usage: (Request, Encoded),
    quota: (Request, Encoded),
    health: (Request, Encoded),
}

impl Encodings {
    pub(super) fn new(run_id: &str, questions: &QuestionSet) -> Result<Self, PrepareError> {
        Ok(Self {
            run_id: run_id.to_owned(),
            questions: questions
                .questions
                .iter()
                .map(|q| encode(Request::Query { question: q.question.clone() }))
                .collect::<Result<_, _>>()?,
            list: encode(Request::ListManuals { limit: None, cursor: None })?,
            usage: encode(Request::Usage { days: None })?,
            quota: encode(Request::Quota)?,
            health: encode(Request::Health)?,
        })
    }

    /// The request of a shot; an upload that is `repeated` later has an idempotency key.
    pub(super) fn request(
        &self,
        shot: &Shot<'_>,
        repeated: bool,
    ) -> Result<(Request, Encoded), PrepareError> {
        let fixed = match shot.kind {
            RequestKind::ListManuals => Some(&self.list),
            RequestKind::Usage => Some(&self.usage),
            RequestKind::Quota | RequestKind::BadToken => Some(&self.quota),
            RequestKind::Health | RequestKind::SignIn => Some(&self.health),
            RequestKind::Query
            | RequestKind::QueryForeign
            | RequestKind::QueryUnanswerable
            | RequestKind::QuotaBurst
            | RequestKind::DependencyOut => {
                let index = shot.question.and_then(|q| usize::try_from(q).ok()).unwrap_or(0);
                self.questions.get(index)
            }
            RequestKind::Upload
            | RequestKind::UploadAgain
            | RequestKind::UnsignedUpload
            | RequestKind::ForeignManual
            | RequestKind::Delete => None,
        };
        if let Some((request, encoded)) = fixed {
            return Ok((request.clone(), encoded.clone()));
        }
        let id = || shot.manual.clone().unwrap_or_else(|| self.unknown_id(shot.ordinal));
        // What is repeated or replayed is the other arrival's, to the byte.
        let of = shot.earlier.as_ref().map_or(shot.ordinal, |earlier| earlier.ordinal);
        let keyed = shot.kind == RequestKind::UploadAgain || repeated;
        encode(if shot.kind == RequestKind::Delete {
            Request::DeleteManual { id: id() }
        } else if shot.kind != RequestKind::ForeignManual {
            slip(of, keyed.then(|| self.key(of)))
        } else if shot.ordinal.is_multiple_of(2) {
            Request::GetManual { id: id() }
        } else {
            Request::DeleteManual { id: id() }
        })
    }

    fn key(&self, ordinal: u32) -> String {
        let mut key = hex::encode(Sha256::digest(format!("{} {ordinal}", self.run_id)));
        key.truncate(32);
        key
    }

    /// An id as the backend gives them, which it never gave.
    fn unknown_id(&self, ordinal: u32) -> String {
        let digest = Sha256::digest(format!("{} never {ordinal}", self.run_id));
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

fn encode(request: Request) -> Result<(Request, Encoded), PrepareError> {
    let encoded = Encoded::new(&request).map_err(|source| PrepareError::Encode { source })?;
    Ok((request, encoded))
}

/// A small manual that answers no question of the fixtures: its words occur in none.
fn slip(ordinal: u32, idempotency_key: Option<String>) -> Request {
    let text = format!(
        "# Slip {ordinal}\n\nQuodlibet xylography zephyr {ordinal}: wistful umbra, vellum quire, jotting {ordinal}.\n"
    );
    Request::UploadManual {
        filename: format!("slip-{ordinal}.md"),
        content_type: "text/markdown".to_owned(),
        bytes: Bytes::from(text),
        idempotency_key,
    }
}

/// Who sends, and when by the stage's clock.
pub(super) struct Sender<'a> {
    pub(super) seat: &'a Seat,
    pub(super) signer: &'a Signer,
    pub(super) time: SigningTime,
    /// The `sub` of another user.
    pub(super) other: &'a str,
}

/// Makes a request ready to be sent.
pub(super) fn prepare(
    sender: &Sender<'_>,
    shot: &Shot<'_>,
    encoded: &Encoded,
    trace: Traceparent,
) -> Result<Prepared, PrepareError> {
    let user = &sender.seat.user;
    let forged = (shot.kind == RequestKind::BadToken)
        .then(|| bad(&user.access_token, shot.ordinal, sender.other));
    let auth = match &forged {
        Some(BadToken::None) => Auth::Anonymous,
        Some(BadToken::Forged(token)) => Auth::Bearer(token),
        None if shot.kind == RequestKind::Health => Auth::Anonymous,
        None => Auth::Bearer(&user.access_token),
    };
    let signing = if shot.kind == RequestKind::UnsignedUpload {
        wrongly(sender, shot)
    } else {
        Signing::Proper { signer: sender.signer, user: &user.sub, time: sender.time }
    };
    let options =
        SendOptions { auth, signing, traceparent: Some(trace), extra_headers: Vec::new() };
    sender.seat.client.prepare(encoded, &options)
}

/// What is wrong with the signature of an unsigned upload: that it was used before, or by turns.
fn wrongly<'a>(sender: &Sender<'a>, shot: &'a Shot<'_>) -> Signing<'a> {
    let used = shot.earlier.as_ref().and_then(|e| e.stored.as_ref()?.signature.as_ref());
    let (fault, time) = match (used, shot.ordinal % 4) {
        (Some(used), _) => (SignatureFault::Replayed(used), sender.time),
        (None, _) if shot.earlier.is_some() => (SignatureFault::Altered, sender.time),
        (None, 0) => return Signing::Missing,
        (None, 1) => (SignatureFault::Altered, sender.time),
        (None, 2) => (SignatureFault::OtherBody, sender.time),
        (None, _) => {
            let now_s = sender.time.now_s.saturating_sub(STALE_BY_S);
            (SignatureFault::Stale, SigningTime { now_s, ..sender.time })
        }
    };
    Signing::Wrong { signer: sender.signer, time, fault }
}

#[cfg(test)]
mod tests;
