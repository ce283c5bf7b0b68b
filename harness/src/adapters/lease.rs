//! Who holds a stage: two runs on one would count each other's requests. A stage of this machine is held by a locked file,
//! which the system lets go of when its holder ends, however it ends; a deployed one by an item in a table, which is
//! renewed while it is held and can be taken once it is old.

use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use thiserror::Error;
use tokio::task::JoinSet;

use crate::adapters::system_clock;

/// An item that was not renewed for so long is nobody's.
const LEASE_S: i64 = 90;
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(30);

/// The lease cannot be had.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// Somebody else has it.
    #[error("the stage is in use by {holder}")]
    Held {
        /// Who, as far as they said.
        holder: String,
    },
    /// The lock file.
    #[error("cannot lock {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The table.
    #[error("cannot write the lease into the table {table}")]
    Table {
        /// Which.
        table: String,
        /// What the SDK said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A stage that is held until this is dropped.
#[derive(Debug)]
pub struct Lease {
    _file: Option<File>,
    /// Renews the item, and ends with this.
    _renewal: JoinSet<()>,
    item: Option<Item>,
}

#[derive(Clone, Debug)]
struct Item {
    client: Client,
    table: String,
    stage: String,
    holder: String,
}

impl Lease {
    /// Locks `path`, which is made where it is not there.
    pub fn file(path: &Path) -> Result<Self, LeaseError> {
        let failed = |source| LeaseError::File { path: path.to_path_buf(), source };
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder.map_err(failed)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                drop(file.read_to_string(&mut holder));
                let holder = holder.trim().chars().take(200).collect();
                return Err(LeaseError::Held { holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let wrote = file.set_len(0).and_then(|()| file.rewind());
        wrote.and_then(|()| file.write_all(holder().as_bytes())).map_err(failed)?;
        Ok(Self { _file: Some(file), _renewal: JoinSet::new(), item: None })
    }

    /// Takes the item of `stage` in `table`, and renews it.
    pub async fn table(client: Client, table: &str, stage: &str) -> Result<Self, LeaseError> {
        let item = Item {
            client,
            table: table.to_owned(),
            stage: format!("stage#{stage}"),
            holder: holder(),
        };
        item.take().await?;
        let mut renewal = JoinSet::new();
        let renewed = item.clone();
        renewal.spawn(async move {
            loop {
                // Never completes: a bounded pause.
                drop(tokio::time::timeout(RENEW, std::future::pending::<()>()).await);
                if let Err(error) = renewed.take().await {
                    tracing::warn!(%error, "the lease of the stage was not renewed");
                }
            }
        });
        Ok(Self { _file: None, _renewal: renewal, item: Some(item) })
    }

    /// Gives an item back at once; a locked file needs nothing.
    pub async fn give_back(self) {
        if let Some(item) = &self.item {
            item.give_back().await;
        }
    }
}

impl Item {
    async fn take(&self) -> Result<(), LeaseError> {
        let now = system_clock::unix_now_s();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: i64| AttributeValue::N(number.to_string());
        let outcome = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(&self.stage))
            .item("holder", text(&self.holder))
            .item("expires_at", number(now + LEASE_S))
            .condition_expression("attribute_not_exists(pk) OR expires_at < :now OR holder = :me")
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":me", text(&self.holder))
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            )
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = error.into_service_error();
                if error.is_conditional_check_failed_exception() {
                    return Err(LeaseError::Held { holder: other(&error) });
                }
                Err(LeaseError::Table { table: self.table.clone(), source: Box::new(error) })
            }
        }
    }

    async fn give_back(&self) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(&self.stage))
            .condition_expression("holder = :me")
            .expression_attribute_values(":me", text(&self.holder))
            .send()
            .await;
        if let Err(error) = deleted {
            let error = error.into_service_error();
            tracing::warn!(%error, "the lease of the stage ends by itself within 90 s");
        }
    }
}

fn other(error: &aws_sdk_dynamodb::operation::put_item::PutItemError) -> String {
    use aws_sdk_dynamodb::operation::put_item::PutItemError;
    let PutItemError::ConditionalCheckFailedException(failed) = error else {
        return "somebody".to_owned();
    };
    let holder = failed.item().and_then(|item| item.get("holder")?.as_s().ok().cloned());
    holder.unwrap_or_else(|| "somebody".to_owned())
}

/// Who this is, for the one who finds the stage held.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (pid, since) = (std::process::id(), system_clock::rfc3339());
    format!("process {pid} on {} since {since}", host.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_stage_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leases/s.lock");
        let first = Lease::file(&path).unwrap();
        let second = Lease::file(&path).unwrap_err();
        let own = format!("process {}", std::process::id());
        assert!(second.to_string().contains(&own), "{second}");
        drop(first);
        drop(Lease::file(&path).unwrap());
    }
}
