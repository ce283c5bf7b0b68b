//! Emulated DynamoDB: the embedded `dynoxide` behind a hop of ours in the same process that checks
//! signatures and permissions, applies outages and counts. The engine's own port is told to nobody.
pub(crate) mod pool;
mod proxy;

use std::sync::Arc;
use std::time::Duration;

use dynoxide::Database;
use dynoxide::storage_backend;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::server::Port;
use crate::template::Table;

pub(crate) use self::proxy::Proxy;

/// How often expired items are looked for. AWS takes days: nothing may depend on an item's absence.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Why the tables could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    #[error("cannot open the engine")]
    Open(#[source] dynoxide::DynoxideError),
    #[error("the template's definition of table `{table}` is not a CreateTable request")]
    Definition {
        table: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("cannot create table `{table}`")]
    Create {
        table: String,
        #[source]
        source: Box<dynoxide::DynoxideError>,
    },
    #[error("interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

/// Opens an engine in memory and creates the tables, on a blocking thread.
pub(crate) async fn open(clock: Clock, tables: Vec<Table>) -> Result<Database, TablesError> {
    tokio::task::spawn_blocking(move || create(clock, &tables))
        .await
        .map_err(TablesError::Interrupted)?
}

/// Serves the engine until `stop`.
pub(crate) async fn serve(port: Port, database: Database, stop: CancellationToken) {
    let stopped = stop.cancelled_owned();
    let served =
        dynoxide::server::serve_with_shutdown(port.into_listener(), database, stopped).await;
    if let Err(error) = served {
        tracing::error!(error, "the engine's server ended");
    }
}

/// Deletes expired items by the test clock, until dropped.
pub(crate) async fn sweep(clock: Clock, database: Database) {
    loop {
        clock.sleep(SWEEP_EVERY).await;
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => tracing::debug!(deleted, "expired items swept"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot sweep expired items"),
            Err(_) => return,
        }
    }
}

fn create(clock: Clock, tables: &[Table]) -> Result<Database, TablesError> {
    let database =
        Database::memory_with_clock(Arc::new(EngineClock(clock))).map_err(TablesError::Open)?;
    for table in tables {
        let definition = |source| TablesError::Definition { table: table.name.clone(), source };
        let failed =
            |source| TablesError::Create { table: table.name.clone(), source: Box::new(source) };
        let request = serde_json::from_value(table.create.clone()).map_err(definition)?;
        database.create_table(request).map_err(failed)?;
        if let Some(attribute) = &table.ttl {
            let request = json!({
                "TableName": table.name,
                "TimeToLiveSpecification": {"Enabled": true, "AttributeName": attribute},
            });
            let request = serde_json::from_value(request).map_err(definition)?;
            database.update_time_to_live(request).map_err(failed)?;
        }
    }
    Ok(database)
}

struct EngineClock(Clock);

impl storage_backend::Clock for EngineClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now_s()).unwrap_or(0)
    }

    fn now_unix_secs_f64(&self) -> f64 {
        Duration::from_millis(u64::try_from(self.0.now_ms()).unwrap_or(0)).as_secs_f64()
    }
}
