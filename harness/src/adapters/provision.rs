//! Users with manuals on any stage, over the wire: created in Cognito where that is allowed, signed in, their manuals
//! uploaded through the backend's own API and indexed. It knows a stage by its description only.

mod account;
mod error;
pub mod leftovers;
mod upload;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::TryStreamExt as _;
use futures::stream;
use manuel_client::ManuelClient;
use manuel_client::Session;
use manuel_client::Signer;
use manuel_client::trust::TrustError;
use serde::Deserialize;
use serde::Serialize;
use verdict::domain::stage::Capability;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::StageDescription;
use verdict::domain::stage::StageUser;

pub use account::Account;
pub use account::Accounts;
pub use account::random_password;
pub use error::ProvisionError;

use upload::Uploads;

/// The backend's own deadline is 25 s; nothing here may outlive it by much.
pub const REQUEST: Duration = Duration::from_secs(27);
/// Everything is on this machine or in one region.
pub const CONNECT: Duration = Duration::from_secs(2);

/// A user that must exist.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedUser {
    /// Sign-in name.
    pub username: String,
    /// Keys of fixture manuals.
    pub manuals: Vec<String>,
}

/// A manual that can be uploaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ManualFile {
    /// Its key in `fixtures/`.
    pub key: String,
    /// The name that the backend is told.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// The file.
    pub bytes: Bytes,
}

/// A user who is signed in and whose manuals can be asked about.
#[derive(Clone, Debug)]
pub struct ProvisionedUser {
    /// Sign-in name.
    pub username: String,
    /// Password, as the stage or this run has set it.
    pub password: String,
    /// Cognito `sub`.
    pub sub: String,
    /// Tokens.
    pub session: Session,
    /// Key of the fixture manual → id on the stage.
    pub manual_ids: BTreeMap<String, String>,
}

impl ProvisionedUser {
    /// As it stands in a stage description.
    pub fn to_stage_user(&self) -> StageUser {
        StageUser {
            username: self.username.clone(),
            password: SecretRef::Throwaway(self.password.clone()),
            sub: Some(self.sub.clone()),
            manuals: self.manual_ids.keys().cloned().collect(),
        }
    }
}

/// Makes sure that each user of `wanted` exists on `stage`, is signed in, and has exactly these manuals indexed (and
/// those it had before). At most `concurrency` users are worked on at once. The result is in the order of `wanted`.
pub async fn provision(
    stage: &StageDescription,
    manuals: &BTreeMap<String, ManualFile>,
    wanted: &[WantedUser],
    concurrency: usize,
) -> Result<Vec<ProvisionedUser>, ProvisionError> {
    let signer = signer(stage)?;
    let accounts = Accounts::new(stage)?;
    let uploads = Uploads::new(stage, manuals, wanted, &signer)?;
    let concurrency = concurrency.max(1);
    let started: Vec<(ProvisionedUser, ManuelClient)> = stream::iter(
        wanted
            .iter()
            .map(|user| start_user(stage, &accounts, &uploads, (user, own_address(stage)))),
    )
    .buffered(concurrency)
    .try_collect()
    .await?;
    // Only now: the index works while others still upload, and the first question is likely the last.
    stream::iter(started.iter().map(|(user, client)| uploads.indexed(user, client)))
        .buffer_unordered(concurrency)
        .try_collect::<()>()
        .await?;
    Ok(started.into_iter().map(|(user, _)| user).collect())
}

/// Requests to the backend that preparing each of `users` new users with `manuals` manuals takes, at most: they count
/// towards the same rate limits as those of the run that follows.
pub fn requests_per_user(users: usize, manuals: usize) -> u32 {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    if manuals == 0 {
        return 0;
    }
    number(manuals).saturating_add(upload::pace(number(users.saturating_mul(manuals))).asks())
}

/// Signs every user of the description in, by name.
pub async fn sign_in_all(
    stage: &StageDescription,
) -> Result<BTreeMap<String, Session>, ProvisionError> {
    let accounts = Accounts::new(stage)?;
    stream::iter(stage.users.iter().map(|user| async {
        let account = accounts.open(&user.username).await?;
        Ok((user.username.clone(), account.session))
    }))
    .buffer_unordered(4)
    .try_collect()
    .await
}

async fn start_user(
    stage: &StageDescription,
    accounts: &Accounts,
    uploads: &Uploads<'_>,
    (wanted, address): (&WantedUser, Option<IpAddr>),
) -> Result<(ProvisionedUser, ManuelClient), ProvisionError> {
    let account = accounts.open(&wanted.username).await?;
    let client = ManuelClient::new(&stage.base_url, address, REQUEST, CONNECT)
        .map_err(|source| ProvisionError::Connection { source })?;
    let mut user = ProvisionedUser {
        username: wanted.username.clone(),
        password: account.password,
        sub: account.session.sub.clone(),
        session: account.session,
        manual_ids: BTreeMap::new(),
    };
    if !account.created {
        user.manual_ids = uploads.present(&user, &client).await?;
    }
    for key in &wanted.manuals {
        if !user.manual_ids.contains_key(key) {
            let id = uploads.upload(&user, &client, key).await?;
            user.manual_ids.insert(key.clone(), id);
        }
    }
    Ok((user, client))
}

/// Believes the certificate authority that `stage` names, in this process and from now on.
pub fn believe(stage: &StageDescription) -> Result<(), TrustError> {
    stage.tls_ca_file.as_deref().map_or(Ok(()), |file| manuel_client::trust::believe(file.as_ref()))
}

/// What requests of `stage` are signed with.
pub fn signer(stage: &StageDescription) -> Result<Signer, ProvisionError> {
    let key = throwaway(&stage.hmac_key, "hmac_key")?;
    Signer::new(key.as_bytes()).map_err(|source| ProvisionError::Signer { source })
}

/// References are resolved where the stage file is read; what is left is the value itself.
fn throwaway<'a>(secret: &'a SecretRef, what: &'static str) -> Result<&'a str, ProvisionError> {
    match secret {
        SecretRef::Throwaway(value) => Ok(value),
        SecretRef::Env(_) | SecretRef::SecretsManager(_) => {
            Err(ProvisionError::UnresolvedSecret { what })
        }
    }
}

/// An address that nobody else in this process has, where the stage lets one choose: a limit per address then counts
/// neither against the other. It is in a part of 127.0.0.0/8 that virtual users of a load run do not take.
pub fn own_address(stage: &StageDescription) -> Option<IpAddr> {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let offered = stage.capabilities.has(Capability::SourceAddresses);
    offered.then(|| source_address(TAKEN.fetch_add(1, Ordering::Relaxed)))
}

fn source_address(ordinal: usize) -> IpAddr {
    let [.., high, low] = ordinal.to_be_bytes();
    // Never .0 or .255 at the end, which some tools take for networks.
    let (high, low) = if low > 252 { (high.wrapping_add(128), 1) } else { (high, low + 1) };
    IpAddr::V4(Ipv4Addr::new(127, 200, high, low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preparation_takes_few_requests() {
        assert_eq!(requests_per_user(1000, 0), 0);
        // Three uploads; asked at 0, 0.1, 0.25 .. 7.5 and 11.3 s of 14.6 s.
        assert_eq!(requests_per_user(31, 3), 3 + 11);
    }

    #[test]
    fn each_user_has_an_address_of_its_own() {
        let addresses: std::collections::BTreeSet<IpAddr> = (0..250).map(source_address).collect();
        assert_eq!(addresses.len(), 250);
        assert!(addresses.iter().all(IpAddr::is_loopback));
        assert_eq!(source_address(256), "127.200.1.1".parse::<IpAddr>().unwrap());
    }
}
