//! `DynamoDB` in the few forms that we use: keys `pk` and `sk`, conditional transactions, consistent reads. All names in
//! expressions are aliased, so no reserved word can be hit.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValue,
    TransactWriteItem, Update,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

use crate::aws::error::{judged, other, port_error};
use crate::context::dependency;
use crate::ports::{Dependency, PortError, PortErrorKind};

/// The most pages that one read follows: more than any list of ours has.
const PAGES_MAX: usize = 50;

/// An item as the SDK has it.
#[expect(clippy::disallowed_types, reason = "the SDK's type")]
pub(super) type Item = std::collections::HashMap<String, AttributeValue>;

/// A table and the client to reach it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

/// Where a range of sort keys starts and ends, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyRange<'a> {
    pub(super) pk: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// What an update does and on which condition, with the values it names.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) update: &'a str,
    pub(super) condition: Option<&'a str>,
    pub(super) names: &'a [(&'a str, &'a str)],
    pub(super) values: Vec<(&'a str, AttributeValue)>,
}

/// On which condition an item is put or deleted, with the values it names.
#[derive(Debug)]
pub(super) struct Demand<'a> {
    pub(super) condition: &'a str,
    pub(super) names: &'a [(&'a str, &'a str)],
    pub(super) values: Vec<(&'a str, AttributeValue)>,
}

/// What became of a transaction that the service decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transacted {
    /// All writes were done.
    Done,
    /// None was; per write, whether its condition failed.
    Refused(Vec<bool>),
}

impl Table {
    pub(super) fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    /// One item, consistently.
    pub(super) async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, PortError> {
        let call = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", string(pk))
            .key("sk", string(sk))
            .consistent_read(true);
        let got = dependency(call.send()).await;
        got.map(|got| got.item).map_err(|error| failed("GetItem", error))
    }

    /// The items of a range, consistently: all of them, or the first `limit`.
    pub(super) async fn range(
        &self,
        range: KeyRange<'_>,
        limit: Option<i32>,
    ) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::new();
        let mut from = None;
        for _page in 0..PAGES_MAX {
            let call = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .expression_attribute_names("#pk", "pk")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_values(":pk", string(range.pk))
                .expression_attribute_values(":from", string(range.from))
                .expression_attribute_values(":to", string(range.to))
                .set_limit(limit)
                .set_exclusive_start_key(from);
            let page = dependency(call.send()).await.map_err(|error| failed("Query", error))?;
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            let enough =
                limit.is_some_and(|limit| i32::try_from(items.len()).is_ok_and(|n| n >= limit));
            if from.is_none() || enough {
                return Ok(items);
            }
        }
        Err(PortError::new(Dependency::Store, "Query", PortErrorKind::Corrupt))
    }

    /// Writes an item where none is, or where the one that is has expired; whether it was written.
    pub(super) async fn put_if_free(&self, item: Item, now: i64) -> Result<bool, PortError> {
        let put = Demand {
            condition: "attribute_not_exists(#pk) OR #expires_at < :now",
            names: &[("#pk", "pk"), ("#expires_at", "expires_at")],
            values: vec![(":now", number(now))],
        };
        self.put_if(item, put).await
    }

    /// Writes an item if its condition holds; whether it was written.
    pub(super) async fn put_if(&self, item: Item, put: Demand<'_>) -> Result<bool, PortError> {
        let mut call = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(put.condition);
        for (alias, name) in put.names {
            call = call.expression_attribute_names(*alias, *name);
        }
        for (alias, value) in put.values {
            call = call.expression_attribute_values(alias, value);
        }
        match dependency(call.send()).await {
            Ok(_written) => Ok(true),
            Err(error) if is_refused(&error) => Ok(false),
            Err(error) => Err(failed("PutItem", error)),
        }
    }

    /// Writes an item, whatever is there.
    pub(super) async fn put_item(&self, item: Item) -> Result<(), PortError> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(item));
        dependency(call.send()).await.map(drop).map_err(|error| failed("PutItem", error))
    }

    /// Deletes an item, if it is there.
    pub(super) async fn delete_item(&self, pk: &str, sk: &str) -> Result<(), PortError> {
        let call = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", string(pk))
            .key("sk", string(sk));
        dependency(call.send()).await.map(drop).map_err(|error| failed("DeleteItem", error))
    }

    /// Changes an item if its condition holds, and gives the whole item after; none if the condition does not hold.
    pub(super) async fn update_if(
        &self,
        pk: &str,
        sk: &str,
        change: Change<'_>,
    ) -> Result<Option<Item>, PortError> {
        let mut call = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", string(pk))
            .key("sk", string(sk))
            .update_expression(change.update)
            .set_condition_expression(change.condition.map(str::to_owned))
            .return_values(ReturnValue::AllNew);
        for (alias, name) in change.names {
            call = call.expression_attribute_names(*alias, *name);
        }
        for (alias, value) in change.values {
            call = call.expression_attribute_values(alias, value);
        }
        match dependency(call.send()).await {
            Ok(changed) => Ok(Some(changed.attributes.unwrap_or_default())),
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(failed("UpdateItem", error)),
        }
    }

    /// All writes or none. `token` makes a repeated call the same call for ten minutes.
    pub(super) async fn transact(
        &self,
        token: &str,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Transacted, PortError> {
        let call = self
            .client
            .transact_write_items()
            .client_request_token(token)
            .set_transact_items(Some(writes));
        match dependency(call.send()).await {
            Ok(_written) => Ok(Transacted::Done),
            Err(error) => decide(error),
        }
    }

    pub(super) fn put(
        &self,
        item: Item,
        only_if_absent: bool,
    ) -> Result<TransactWriteItem, PortError> {
        let mut put = Put::builder().table_name(&self.name).set_item(Some(item));
        if only_if_absent {
            put = put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", "pk");
        }
        Ok(TransactWriteItem::builder().put(put.build().map_err(unbuildable)?).build())
    }

    /// Deletes an item that must be there.
    pub(super) fn delete(&self, pk: &str, sk: &str) -> Result<TransactWriteItem, PortError> {
        let condition = "attribute_exists(#pk)";
        self.delete_if(pk, sk, Demand { condition, names: &[("#pk", "pk")], values: Vec::new() })
    }

    /// Deletes an item that must be as demanded.
    pub(super) fn delete_if(
        &self,
        pk: &str,
        sk: &str,
        demand: Demand<'_>,
    ) -> Result<TransactWriteItem, PortError> {
        let mut delete = Delete::builder()
            .table_name(&self.name)
            .key("pk", string(pk))
            .key("sk", string(sk))
            .condition_expression(demand.condition);
        for (alias, name) in demand.names {
            delete = delete.expression_attribute_names(*alias, *name);
        }
        for (alias, value) in demand.values {
            delete = delete.expression_attribute_values(alias, value);
        }
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(unbuildable)?).build())
    }

    /// Demands that an item is not there.
    pub(super) fn absent(&self, pk: &str, sk: &str) -> Result<TransactWriteItem, PortError> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .key("pk", string(pk))
            .key("sk", string(sk))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", "pk")
            .build();
        Ok(TransactWriteItem::builder().condition_check(check.map_err(unbuildable)?).build())
    }

    pub(super) fn update(
        &self,
        pk: &str,
        sk: &str,
        change: Change<'_>,
    ) -> Result<TransactWriteItem, PortError> {
        let mut update = Update::builder()
            .table_name(&self.name)
            .key("pk", string(pk))
            .key("sk", string(sk))
            .update_expression(change.update)
            .set_condition_expression(change.condition.map(str::to_owned));
        for (alias, name) in change.names {
            update = update.expression_attribute_names(*alias, *name);
        }
        for (alias, value) in change.values {
            update = update.expression_attribute_values(alias, value);
        }
        Ok(TransactWriteItem::builder().update(update.build().map_err(unbuildable)?).build())
    }
}

/// `USER#<sub>`
pub(super) fn user_pk(user: &crate::domain::user::UserId) -> String {
    format!("USER#{}", user.as_str())
}

/// A token of 32 characters (36 are allowed) that names a step of something with an id.
pub(super) fn token(step: &str, id: &str) -> String {
    let mut token = hex::encode(Sha256::digest(format!("{step}#{id}")));
    token.truncate(32);
    token
}

pub(super) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// The digits of a number are its wire format.
pub(super) fn number(value: impl Into<Decimal>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A string attribute; an item of ours without it is corrupt.
pub(super) fn text_of(item: &Item, name: &'static str) -> Result<String, PortError> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().ok_or_else(corrupt)
}

/// A number attribute; zero where it is missing, as a counter is before its first change.
pub(super) fn number_of<T: std::str::FromStr + Default>(
    item: &Item,
    name: &str,
) -> Result<T, PortError> {
    match item.get(name) {
        None => Ok(T::default()),
        Some(value) => {
            let digits = value.as_n().map_err(|_other_type| corrupt())?;
            digits.parse().map_err(|_not_a_number| corrupt())
        }
    }
}

/// The table holds what we never write.
pub(super) fn corrupt() -> PortError {
    PortError::new(Dependency::Store, "reading an item", PortErrorKind::Corrupt)
}

fn decide(error: SdkError<TransactWriteItemsError, HttpResponse>) -> Result<Transacted, PortError> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons()
        }
        _ => return Err(failed("TransactWriteItems", error)),
    };
    let has = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
    let refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    let kind = if has("TransactionConflict") {
        PortErrorKind::Conflict
    } else if has("ThrottlingError") || has("ProvisionedThroughputExceeded") {
        PortErrorKind::Throttled
    } else if reasons.iter().any(refused) {
        return Ok(Transacted::Refused(reasons.iter().map(refused).collect()));
    } else {
        PortErrorKind::Unavailable
    };
    Err(judged(Dependency::Store, "TransactWriteItems", kind, &error))
}

fn is_refused<E: aws_smithy_types::error::metadata::ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
) -> bool {
    crate::aws::error::code(error) == Some("ConditionalCheckFailedException")
}

fn failed<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata
        + std::error::Error
        + Send
        + Sync
        + 'static,
{
    port_error(Dependency::Store, operation, error)
}

fn unbuildable(error: BuildError) -> PortError {
    other(Dependency::Store, "building a write", PortErrorKind::Corrupt, error)
}
