//! Reads the stage's stores over the wire, with read-only credentials: quota counters, rows of manuals, and objects.

mod audio;
mod holdings;
mod traces;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::StreamExt as _;
use futures::TryStreamExt as _;
use futures::stream;
use thiserror::Error;
use verdict::domain::stage::Capability;
use verdict::domain::stage::StageDescription;
use verdict::judge::conservation::Figures;

use crate::adapters::poll;
use crate::adapters::poll::Pace;
use crate::adapters::store_clients;
use crate::adapters::store_clients::Lacking;

pub use audio::Spoken;
pub use holdings::Holdings;
pub use traces::Trace;

/// Reservations of requests that have been answered are settled within this: the backend itself tries for 10 s to give one
/// back.
const REST: Duration = Duration::from_secs(12);
/// Users that are read at once.
const CONCURRENCY: usize = 16;

/// The stores cannot be read.
#[derive(Debug, Error)]
pub enum StoresError {
    /// The stage gives no credentials or endpoint for it.
    #[error("the stage does not let its stores be read: it has no {what}")]
    NotReadable {
        /// What is missing.
        what: &'static str,
    },
    /// A read failed.
    #[error("cannot read {what} of user {user}")]
    Read {
        /// Which store.
        what: &'static str,
        /// Whose.
        user: String,
        /// What the SDK said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Work for the index does not end.
    #[error("work for the index was still open after {within:?}")]
    Busy {
        /// The bound.
        within: Duration,
    },
    /// Not one look was over in time.
    #[error("the stores of user {user} were not read within {within:?}")]
    Slow {
        /// Whose.
        user: String,
        /// The bound.
        within: Duration,
    },
}

/// The stores of a stage.
#[derive(Debug)]
pub struct Stores {
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    index: aws_sdk_bedrockagentruntime::Client,
    transcribe: aws_sdk_transcribe::Client,
    knowledge_base_id: String,
    usage_table: String,
    manuals_table: String,
    manuals_bucket: String,
    audio_bucket: String,
}

/// A user's counters.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    charged: u64,
    monthly: u64,
    open: u64,
}

impl Stores {
    /// The stores of `stage`.
    pub async fn of(stage: &StageDescription) -> Result<Self, StoresError> {
        let missing = |what| StoresError::NotReadable { what };
        if !stage.capabilities.has(Capability::StoresReadable) {
            return Err(missing("capability `stores_readable`"));
        }
        let lacking = |lacking: Lacking| missing(lacking.0);
        let config = store_clients::config(stage).await.map_err(lacking)?;
        let endpoint = |service: &'static str| {
            store_clients::endpoint(stage, service)
                .map(|url| url.map(str::to_owned))
                .map_err(lacking)
        };
        let s3 = endpoint("s3")?;
        let mut s3_config =
            aws_sdk_s3::config::Builder::from(&config).force_path_style(s3.is_some());
        s3_config.set_endpoint_url(s3);
        let mut dynamodb_config = aws_sdk_dynamodb::config::Builder::from(&config);
        dynamodb_config.set_endpoint_url(endpoint("dynamodb")?);
        let mut index_config = aws_sdk_bedrockagentruntime::config::Builder::from(&config);
        index_config.set_endpoint_url(endpoint("bedrock-agent-runtime")?);
        let mut transcribe_config = aws_sdk_transcribe::config::Builder::from(&config);
        transcribe_config.set_endpoint_url(endpoint("transcribe")?);
        Ok(Self {
            transcribe: aws_sdk_transcribe::Client::from_conf(transcribe_config.build()),
            index: aws_sdk_bedrockagentruntime::Client::from_conf(index_config.build()),
            knowledge_base_id: stage.resources.knowledge_base_id.clone(),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb_config.build()),
            s3: aws_sdk_s3::Client::from_conf(s3_config.build()),
            usage_table: stage.resources.usage_table.clone(),
            manuals_table: stage.resources.manuals_table.clone(),
            manuals_bucket: stage.resources.manuals_bucket.clone(),
            audio_bucket: stage.resources.audio_bucket.clone(),
        })
    }

    /// What the stores say about each of `users` (name → `sub`).
    pub async fn figures(
        &self,
        users: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Figures>, StoresError> {
        stream::iter(users.iter().map(|(name, sub)| async move {
            let counted = self.counted_at_rest(name, sub).await?;
            let manuals = Some(self.manuals(name, sub).await?);
            let objects = Some(self.objects(name, sub).await?);
            let Counted { charged, monthly, open } = counted;
            Ok((name.clone(), Figures { charged, monthly, open, manuals, objects }))
        }))
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
    }

    /// The counters once no reservation is open, or with those that stay open.
    async fn counted_at_rest(&self, name: &str, sub: &str) -> Result<Counted, StoresError> {
        let settled = poll::until(Pace::quick(REST), Counted::default(), || async {
            match self.counted(name, sub).await {
                Ok(counted) if counted.open == 0 => ControlFlow::Break(Ok(counted)),
                Ok(counted) => ControlFlow::Continue(counted),
                Err(error) => ControlFlow::Break(Err(error)),
            }
        });
        settled.await.unwrap_or_else(|expired| Ok(expired.last_seen))
    }

    async fn counted(&self, name: &str, sub: &str) -> Result<Counted, StoresError> {
        let items = self.items("usage", &self.usage_table, name, sub).await?;
        let is = |item: &BTreeMap<String, AttributeValue>, prefix: &str| matches!(item.get("sk"), Some(AttributeValue::S(sk)) if sk.starts_with(prefix));
        let used = |item: &BTreeMap<String, AttributeValue>| match item.get("used") {
            Some(AttributeValue::N(number)) => number.parse::<u64>().unwrap_or(0),
            _ => 0,
        };
        let sum = |prefix: &str| items.iter().filter(|item| is(item, prefix)).map(used).sum();
        let open = items.iter().filter(|item| is(item, "RES#")).count() as u64;
        Ok(Counted { charged: sum("DAY#"), monthly: sum("MONTH#"), open })
    }

    /// Waits until no work for the index is open, whoever it is for.
    pub async fn index_at_rest(&self, within: Duration) -> Result<(), StoresError> {
        let rest = poll::until(Pace::quick(within), (), || async {
            let query = self.dynamodb.query().table_name(&self.manuals_table);
            let query = query
                .consistent_read(true)
                .limit(1)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S("INGESTION".to_owned()));
            match query.send().await {
                Ok(open) if open.items().is_empty() => ControlFlow::Break(Ok(())),
                Ok(_open) => ControlFlow::Continue(()),
                Err(source) => ControlFlow::Break(Err(StoresError::Read {
                    what: "work for the index",
                    user: "everybody".to_owned(),
                    source: Box::new(source),
                })),
            }
        });
        rest.await.map_err(|_expired| StoresError::Busy { within }).flatten()
    }

    async fn manuals(&self, name: &str, sub: &str) -> Result<BTreeSet<String>, StoresError> {
        let items = self.items("rows of manuals", &self.manuals_table, name, sub).await?;
        let id = |item: &BTreeMap<String, AttributeValue>| match item.get("sk") {
            Some(AttributeValue::S(sk)) => sk.strip_prefix("MANUAL#").map(str::to_owned),
            _ => None,
        };
        Ok(items.iter().filter_map(id).collect())
    }

    async fn items(
        &self,
        what: &'static str,
        table: &str,
        name: &str,
        sub: &str,
    ) -> Result<Vec<BTreeMap<String, AttributeValue>>, StoresError> {
        let pages = self
            .dynamodb
            .query()
            .table_name(table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(format!("USER#{sub}")))
            .into_paginator()
            .items()
            .send();
        let items = pages.collect::<Result<Vec<_>, _>>().await;
        let items = items.map_err(|source| StoresError::Read {
            what,
            user: name.to_owned(),
            source: Box::new(source),
        })?;
        Ok(items.into_iter().map(|item| item.into_iter().collect()).collect())
    }

    async fn objects(&self, name: &str, sub: &str) -> Result<BTreeSet<String>, StoresError> {
        let prefix = format!("manuals/{sub}/");
        let found = self.objects_below(&self.manuals_bucket, name, &prefix).await?;
        Ok(found.into_keys().collect())
    }

    /// Key → digest (its `ETag`) of the objects below a prefix.
    async fn objects_below(
        &self,
        bucket: &str,
        name: &str,
        prefix: &str,
    ) -> Result<BTreeMap<String, String>, StoresError> {
        let mut found = BTreeMap::new();
        let list = self.s3.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|source| StoresError::Read {
                what: "objects",
                user: name.to_owned(),
                source: Box::new(source),
            })?;
            found.extend(page.contents().iter().filter_map(|object| {
                let digest = object.e_tag().unwrap_or_default().to_owned();
                object.key().map(|key| (key.to_owned(), digest))
            }));
        }
        Ok(found)
    }
}
