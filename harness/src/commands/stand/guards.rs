//! What is made sure of before a suite touches a stage that stands: nobody else runs on it.

use std::path::Path;
use std::path::PathBuf;

use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::stage::LeaseRef;
use verdict::domain::stage::StageDescription;

use crate::adapters::lease::Lease;
use crate::adapters::lease::LeaseError;
use crate::adapters::store_clients;
use crate::commands::error::CommandError;

/// Holds the stage; a lock on this machine where its file names nothing else.
pub(super) async fn hold(stage: &StageDescription) -> Result<Lease, CommandError> {
    let lease = match &stage.lease {
        Some(LeaseRef::File(file)) => Lease::file(Path::new(file)),
        Some(LeaseRef::Table(table)) => match store_clients::dynamodb(stage).await {
            Ok(client) => Lease::table(client, table, &stage.name).await,
            Err(source) => {
                return Err(CommandError::environment("cannot hold the stage", source));
            }
        },
        None => Lease::file(&lock_of(&stage.base_url)),
    };
    lease.map_err(|error| {
        let hint = match &error {
            LeaseError::Held { .. } => {
                "two runs on one stage would count each other's requests; wait for it to end"
            }
            LeaseError::File { .. } => {
                "`lease = { file = \"…\" }` in the stage file names another place"
            }
            LeaseError::Table { .. } => {
                "does the table exist, and may the store credentials write to it?"
            }
        };
        CommandError::Environment {
            what: "cannot hold the stage".to_owned(),
            source: Some(Box::new(error)),
            hint: Some(hint.to_owned()),
        }
    })
}

/// One file for each backend, wherever its stage file lies.
fn lock_of(base_url: &str) -> PathBuf {
    let digest = hex::encode(Sha256::digest(base_url.trim_end_matches('/')));
    let name = format!("{}.lock", digest.get(..16).unwrap_or_default());
    std::env::temp_dir().join("manuel-harness-leases").join(name)
}
