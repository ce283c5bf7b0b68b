//! Manuals of one user: what is there, the upload with its signature, and the wait for the index.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use manuel_client::Encoded;
use manuel_client::Exchange;
use manuel_client::ManuelClient;
use manuel_client::PrepareError;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::Signer;
use manuel_client::Signing;
use manuel_client::SigningTime;
use manuel_client::answers::ManualsAnswer;
use manuel_client::answers::UploadAnswer;
use manuel_client::prepare::Auth;
use serde::de::DeserializeOwned;
use verdict::domain::stage::StageDescription;

use super::ManualFile;
use super::ProvisionError;
use super::ProvisionedUser;
use super::WantedUser;
use crate::adapters::embedded_stage::clock;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// Indexing of the few manuals of a small stage takes well under a second.
const INDEXED: Duration = Duration::from_secs(10);
/// One ingestion job runs at a time: each further upload may wait for those before it.
const INDEXED_PER_UPLOAD: Duration = Duration::from_millis(50);
/// Pages that are read of one user's list: 5 000 manuals. More is another problem.
const PAGES: usize = 50;

const UPLOAD: &str = "the upload of a manual";
const LIST: &str = "the list of manuals";

/// How the index is waited for: the requests for it count towards the users' rate limits.
pub(super) fn pace(uploads: u32) -> Pace {
    Pace::sparing(INDEXED + INDEXED_PER_UPLOAD.saturating_mul(uploads))
}

/// Uploads to one stage: each manual is encoded once, whoever gets it.
#[derive(Debug)]
pub(super) struct Uploads<'a> {
    signer: &'a Signer,
    clock_file: Option<PathBuf>,
    manuals: &'a BTreeMap<String, ManualFile>,
    encoded: BTreeMap<&'a str, Encoded>,
    pace: Pace,
}

impl<'a> Uploads<'a> {
    pub(super) fn new(
        stage: &StageDescription,
        manuals: &'a BTreeMap<String, ManualFile>,
        wanted: &'a [WantedUser],
        signer: &'a Signer,
    ) -> Result<Self, ProvisionError> {
        let keys: Vec<&'a String> = wanted.iter().flat_map(|user| &user.manuals).collect();
        let uploads = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let mut encoded = BTreeMap::new();
        for key in keys.into_iter().collect::<BTreeSet<_>>() {
            let manual = manuals.get(key).ok_or_else(|| ProvisionError::UnknownManual {
                key: key.clone(),
                known: manuals.keys().cloned().collect::<Vec<_>>().join(", "),
            })?;
            encoded.insert(key.as_str(), encode(manual)?);
        }
        Ok(Self {
            signer,
            clock_file: stage.admin.clock_file.as_ref().map(PathBuf::from),
            manuals,
            encoded,
            pace: pace(uploads),
        })
    }

    /// Key → id of those manuals that the user has already, recognised by name.
    pub(super) async fn present(
        &self,
        user: &ProvisionedUser,
        client: &ManuelClient,
    ) -> Result<BTreeMap<String, String>, ProvisionError> {
        let rows = self.rows(user, client).await?;
        let key_of = |name: &str| {
            let manual = self.manuals.values().find(|manual| manual.filename == name);
            manual.map(|manual| manual.key.clone())
        };
        Ok(rows
            .into_iter()
            .filter(|row| row.state != FAILED)
            .filter_map(|row| Some((key_of(&row.name)?, row.id)))
            .collect())
    }

    /// Uploads one manual and gives its id.
    pub(super) async fn upload(
        &self,
        user: &ProvisionedUser,
        client: &ManuelClient,
        key: &str,
    ) -> Result<String, ProvisionError> {
        let encoded = self.encoded.get(key).ok_or_else(|| ProvisionError::UnknownManual {
            key: key.to_owned(),
            known: self.manuals.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let time = clock::signing_time(self.clock_file.as_deref());
        let answer: UploadAnswer =
            self.call(user, client, (UPLOAD, encoded, 201), Some(time)).await?;
        Ok(answer.manual_id)
    }

    /// Waits until every manual of `user` is in the index.
    pub(super) async fn indexed(
        &self,
        user: &ProvisionedUser,
        client: &ManuelClient,
    ) -> Result<(), ProvisionError> {
        if user.manual_ids.is_empty() {
            return Ok(());
        }
        let unanswered = "no answer".to_owned();
        let waited =
            poll::until(self.pace, unanswered, async || match self.rows(user, client).await {
                Err(error) => ControlFlow::Break(Err(error)),
                Ok(rows) => progress(user, &rows),
            });
        match waited.await {
            Ok(outcome) => outcome,
            Err(expired) => Err(ProvisionError::NotIndexed {
                username: user.username.clone(),
                within: expired.within,
                last_seen: expired.last_seen,
            }),
        }
    }

    async fn rows(
        &self,
        user: &ProvisionedUser,
        client: &ManuelClient,
    ) -> Result<Vec<Row>, ProvisionError> {
        let mut rows = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let request = Request::ListManuals { limit: Some(100), cursor };
            let encoded = Encoded::new(&request).map_err(|source| ProvisionError::Prepare {
                what: LIST,
                username: user.username.clone(),
                source: Box::new(PrepareError::Encode { source }),
            })?;
            let page: ManualsAnswer = self.call(user, client, (LIST, &encoded, 200), None).await?;
            rows.extend(page.manuals.into_iter().map(|row| Row {
                id: row.id,
                name: row.name,
                state: row.status,
            }));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        user: &ProvisionedUser,
        client: &ManuelClient,
        (what, encoded, expected): (&'static str, &Encoded, u16),
        signed: Option<SigningTime>,
    ) -> Result<T, ProvisionError> {
        let username = || user.username.clone();
        let options = SendOptions {
            auth: Auth::Access(&user.session),
            signing: signed.map_or(Signing::Missing, |time| Signing::Proper {
                signer: self.signer,
                user: &user.sub,
                time,
            }),
            ..SendOptions::default()
        };
        let prepared = client.prepare(encoded, &options).map_err(|error| {
            ProvisionError::Prepare { what, username: username(), source: Box::new(error) }
        })?;
        let exchange = client.send(&prepared, &|| 0).await.map_err(|failure| {
            ProvisionError::Send { what, username: username(), source: Box::new(failure) }
        })?;
        let refused = |exchange: &Exchange| ProvisionError::Refused {
            what,
            username: username(),
            status: exchange.status,
            body: String::from_utf8_lossy(&exchange.body).chars().take(300).collect(),
        };
        if exchange.status != expected {
            return Err(refused(&exchange));
        }
        serde_json::from_slice(&exchange.body).ok().ok_or_else(|| refused(&exchange))
    }
}

/// A row of a user's list.
#[derive(Debug)]
struct Row {
    id: String,
    name: String,
    state: String,
}

/// States of a manual as the backend names them.
const READY: &str = "ready";
const FAILED: &str = "failed";

fn progress(
    user: &ProvisionedUser,
    rows: &[Row],
) -> ControlFlow<Result<(), ProvisionError>, String> {
    let own: Vec<&Row> =
        rows.iter().filter(|row| user.manual_ids.values().any(|id| *id == row.id)).collect();
    let seen = || {
        let states: Vec<String> =
            own.iter().map(|row| format!("{} {}", row.name, row.state)).collect();
        format!("{} of {} manuals: {}", own.len(), user.manual_ids.len(), states.join(", "))
    };
    if own.iter().any(|row| row.state == FAILED) {
        let username = user.username.clone();
        return ControlFlow::Break(Err(ProvisionError::IngestionFailed { username, seen: seen() }));
    }
    let ready = own.iter().filter(|row| row.state == READY).count();
    if ready == user.manual_ids.len() {
        ControlFlow::Break(Ok(()))
    } else {
        ControlFlow::Continue(seen())
    }
}

fn encode(manual: &ManualFile) -> Result<Encoded, ProvisionError> {
    let request = Request::UploadManual {
        filename: manual.filename.clone(),
        content_type: manual.content_type.clone(),
        bytes: manual.bytes.clone(),
        idempotency_key: None,
    };
    Encoded::new(&request).map_err(|source| ProvisionError::Prepare {
        what: UPLOAD,
        username: "(any)".to_owned(),
        source: Box::new(PrepareError::Encode { source }),
    })
}

#[cfg(test)]
mod tests {
    use manuel_client::Secret;
    use manuel_client::Session;

    use super::*;

    fn user() -> ProvisionedUser {
        let secret = || Secret::new("t");
        ProvisionedUser {
            username: "alice".to_owned(),
            password: "p".to_owned(),
            sub: "s".to_owned(),
            session: Session {
                access_token: secret(),
                id_token: secret(),
                refresh_token: secret(),
                expires_in: 1,
                sub: "s".to_owned(),
            },
            manual_ids: [("router".to_owned(), "m-1".to_owned())].into(),
        }
    }

    fn row(id: &str, state: &str) -> Row {
        Row { id: id.to_owned(), name: "Router".to_owned(), state: state.to_owned() }
    }

    #[test]
    fn only_ready_manuals_of_the_user_count() {
        let progress = |rows: &[Row]| progress(&user(), rows);
        assert!(matches!(progress(&[row("m-1", "ready")]), ControlFlow::Break(Ok(()))));
        let waiting = progress(&[row("m-1", "processing"), row("m-2", "ready")]);
        assert_eq!(waiting.continue_value(), Some("1 of 1 manuals: Router processing".to_owned()));
        assert!(matches!(progress(&[]), ControlFlow::Continue(_)));
        assert!(matches!(
            progress(&[row("m-1", "failed")]),
            ControlFlow::Break(Err(ProvisionError::IngestionFailed { .. }))
        ));
    }
}
