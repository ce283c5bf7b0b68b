//! From an arrival to a request, and what it may be answered with.

use bytes::Bytes;
use manuel_client::Auth;
use manuel_client::Encoded;
use manuel_client::PrepareError;
use manuel_client::Prepared;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::Signer;
use manuel_client::Signing;
use manuel_client::SigningTime;
use manuel_client::Traceparent;
use verdict::domain::kind::RequestKind;
use verdict::domain::question::QuestionSet;

use super::seat::Seat;

/// Requests that need no word of the arrival's own are encoded once.
pub(super) struct Encodings {
    questions: Vec<(Request, Encoded)>,
    list: (Request, Encoded),
    usage: (Request, Encoded),
    quota: (Request, Encoded),
    health: (Request, Encoded),
}

impl Encodings {
    pub(super) fn new(questions: &QuestionSet) -> Result<Self, PrepareError> {
        let encode = |request: Request| {
            let encoded =
                Encoded::new(&request).map_err(|source| PrepareError::Encode { source })?;
            Ok((request, encoded))
        };
        Ok(Self {
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

    /// The request of this kind; `question` is an index, `manual` an id to delete, `ordinal` makes an upload its own.
    pub(super) fn request(
        &self,
        kind: RequestKind,
        question: Option<u32>,
        manual: Option<&str>,
        ordinal: u32,
    ) -> Result<(Request, Encoded), PrepareError> {
        let fixed = match kind {
            RequestKind::ListManuals => Some(&self.list),
            RequestKind::Usage => Some(&self.usage),
            RequestKind::Quota => Some(&self.quota),
            RequestKind::Health | RequestKind::SignIn => Some(&self.health),
            RequestKind::Query
            | RequestKind::QueryForeign
            | RequestKind::QueryUnanswerable
            | RequestKind::QuotaBurst
            | RequestKind::DependencyOut => {
                let index = question.and_then(|q| usize::try_from(q).ok()).unwrap_or(0);
                self.questions.get(index)
            }
            RequestKind::Upload | RequestKind::UnsignedUpload | RequestKind::Delete => None,
        };
        if let Some((request, encoded)) = fixed {
            return Ok((request.clone(), encoded.clone()));
        }
        let request = match (kind, manual) {
            (RequestKind::Delete, Some(id)) => Request::DeleteManual { id: id.to_owned() },
            _ => slip(ordinal),
        };
        let encoded = Encoded::new(&request).map_err(|source| PrepareError::Encode { source })?;
        Ok((request, encoded))
    }
}

/// A small manual that answers no question of the fixtures: its words occur in none.
fn slip(ordinal: u32) -> Request {
    let text = format!(
        "# Slip {ordinal}\n\nQuodlibet xylography zephyr {ordinal}: wistful umbra, vellum quire, jotting {ordinal}.\n"
    );
    Request::UploadManual {
        filename: format!("slip-{ordinal}.md"),
        content_type: "text/markdown".to_owned(),
        bytes: Bytes::from(text),
        idempotency_key: None,
    }
}

/// Makes a request ready to be sent by the user of `seat`.
pub(super) fn prepare(
    seat: &Seat,
    signer: &Signer,
    (kind, encoded): (RequestKind, &Encoded),
    trace: Traceparent,
    unix_s: u64,
) -> Result<Prepared, PrepareError> {
    let auth = if kind == RequestKind::Health {
        Auth::Anonymous
    } else {
        Auth::Bearer(&seat.user.access_token)
    };
    let signing = if kind == RequestKind::UnsignedUpload {
        Signing::Missing
    } else {
        Signing::Proper { signer, user: &seat.user.sub, time: SigningTime::at(unix_s) }
    };
    let options =
        SendOptions { auth, signing, traceparent: Some(trace), extra_headers: Vec::new() };
    seat.client.prepare(encoded, &options)
}
