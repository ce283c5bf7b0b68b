//! What a run made on a stage that stays: its users, and with them their manuals. Their names are on disk before the first is
//! made, so that a run that was killed can still be swept.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use manuel_client::Auth;
use manuel_client::ManuelClient;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::Session;
use manuel_client::Signing;
use manuel_client::answers::ManualsAnswer;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use tokio::time::timeout;
use verdict::domain::stage::StageDescription;

use super::Accounts;
use super::CONNECT;
use super::ProvisionError;
use super::REQUEST;
use super::own_address;
use super::signer;
use crate::adapters::chain;
use crate::adapters::embedded_stage::clock;

/// The file, in a run's folder.
pub const FILE: &str = "created.json";
/// The schema that this build writes and the only one it reads.
const SCHEMA: &str = "manuel-created/1";
/// Users that are taken away at once.
const CONCURRENCY: usize = 4;
/// Longest for one user.
const ONE_USER: Duration = Duration::from_mins(1);
/// Pages of a hundred manuals of one user.
const PAGES: usize = 10;

/// `created.json`: what must be taken away again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leftovers {
    /// Always `manuel-created/1`.
    pub schema: String,
    /// Where the backend answers.
    pub base_url: String,
    /// Sign-in names.
    pub users: Vec<String>,
}

impl Leftovers {
    /// Of users that are about to be made on `stage`.
    pub fn of(stage: &StageDescription, users: Vec<String>) -> Self {
        Self { schema: SCHEMA.to_owned(), base_url: stage.base_url.clone(), users }
    }

    /// Those of `stage` in the runs below `reports`, each with its file.
    pub fn find(reports: &Path, stage: &StageDescription) -> Vec<(PathBuf, Self)> {
        let runs = std::fs::read_dir(reports).into_iter().flatten().flatten();
        let files = runs.map(|run| run.path().join(FILE));
        let read = |file: PathBuf| {
            let text = std::fs::read_to_string(&file).ok()?;
            let left: Self = serde_json::from_str(&text).ok()?;
            (left.schema == SCHEMA && left.base_url == stage.base_url).then_some((file, left))
        };
        files.filter_map(read).collect()
    }
}

/// Takes `users` away: their manuals through the API, then themselves. Those that could not be are given back, with why.
pub async fn remove(
    stage: &StageDescription,
    users: &[String],
) -> Result<Vec<(String, String)>, ProvisionError> {
    let accounts = Accounts::new(stage)?;
    let left = stream::iter(users.iter().map(|username| async {
        match timeout(ONE_USER, one(stage, &accounts, username)).await {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some((username.clone(), why)),
            Err(_elapsed) => Some((username.clone(), format!("not within {ONE_USER:?}"))),
        }
    }))
    .buffer_unordered(CONCURRENCY)
    .filter_map(async |left| left)
    .collect()
    .await;
    Ok(left)
}

async fn one(stage: &StageDescription, accounts: &Accounts, username: &str) -> Result<(), String> {
    let Some(session) = accounts.reopen(username).await.map_err(|error| chain(&error))? else {
        // Never made, or gone already.
        return Ok(());
    };
    let client = ManuelClient::new(&stage.base_url, own_address(stage), REQUEST, CONNECT)
        .map_err(|error| chain(&error))?;
    let signer = signer(stage).map_err(|error| chain(&error))?;
    for _ in 0..PAGES {
        let list = Request::ListManuals { limit: Some(100), cursor: None };
        let answer = sent(&client, &list, &session, Signing::Missing).await?;
        let page: ManualsAnswer = serde_json::from_slice(&answer.1).map_err(|error| {
            format!("the list of manuals was answered with {}: {error}", answer.0)
        })?;
        if page.manuals.is_empty() {
            break;
        }
        for manual in page.manuals {
            let time = clock::signing_time(stage.admin.clock_file.as_deref().map(Path::new));
            let signing = Signing::Proper { signer: &signer, user: &session.sub, time };
            let delete = Request::DeleteManual { id: manual.id };
            let (status, _) = sent(&client, &delete, &session, signing).await?;
            if !(200..300).contains(&status) && status != 404 {
                return Err(format!("the deletion of a manual was answered with {status}"));
            }
        }
    }
    accounts.close(username).await;
    Ok(())
}

async fn sent(
    client: &ManuelClient,
    request: &Request,
    session: &Session,
    signing: Signing<'_>,
) -> Result<(u16, bytes::Bytes), String> {
    let options = SendOptions { auth: Auth::Access(session), signing, ..SendOptions::default() };
    let prepared = client.prepare_request(request, &options).map_err(|error| chain(&error))?;
    let exchange = client.send(&prepared, &|| 0).await.map_err(|failure| failure.to_string())?;
    Ok((exchange.status, exchange.body))
}
