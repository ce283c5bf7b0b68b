//! DynamoDB: the probes that an emulator must pass, and what our hop adds.
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use crate::stage::{PATIENCE, Stage, wall};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

async fn put(client: &Client, table: &str, pk: &str, sk: &str) {
    let request = client.put_item().table_name(table).item("pk", text(pk)).item("sk", text(sk));
    request.send().await.unwrap();
}

async fn count_up(client: &Client, table: &str, limit: i64) -> Result<(), UpdateItemError> {
    client
        .update_item()
        .table_name(table)
        .key("pk", text("user"))
        .key("sk", text("day"))
        .update_expression("ADD used :one")
        .condition_expression("attribute_not_exists(used) OR used < :limit")
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":limit", number(limit))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .map(drop)
        .map_err(aws_sdk_dynamodb::error::SdkError::into_service_error)
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_racing_to_a_limit_of_fifty_end_at_fifty() {
    let stage = Stage::start().await;
    let (client, table) = (stage.dynamodb(), stage.table("UsageTable"));
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, table) = (client.clone(), table.clone());
        racers.spawn(async move {
            let mut won = 0;
            for _ in 0..10 {
                match count_up(&client, &table, 50).await {
                    Ok(()) => won += 1,
                    Err(UpdateItemError::ConditionalCheckFailedException(lost)) => {
                        assert_eq!(lost.item().unwrap()["used"], number(50));
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            won
        });
    }
    assert_eq!(racers.join_all().await.into_iter().sum::<i64>(), 50);
}

#[tokio::test]
async fn a_cancelled_transaction_tells_why_and_leaves_nothing() {
    let stage = Stage::start().await;
    let (client, table) = (stage.dynamodb(), stage.table("UsageTable"));
    put(&client, &table, "a", "1").await;
    let fresh = Put::builder().table_name(&table).item("pk", text("b")).item("sk", text("1"));
    let clash = Put::builder()
        .table_name(&table)
        .item("pk", text("a"))
        .item("sk", text("1"))
        .condition_expression("attribute_not_exists(pk)");
    let count = Update::builder()
        .table_name(&table)
        .key("pk", text("c"))
        .key("sk", text("1"))
        .update_expression("ADD used :one")
        .expression_attribute_values(":one", number(1));
    let error = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(fresh.build().unwrap()).build())
        .transact_items(TransactWriteItem::builder().put(clash.build().unwrap()).build())
        .transact_items(TransactWriteItem::builder().update(count.build().unwrap()).build())
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}")
    };
    let codes: Vec<_> =
        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed", "None"]);
    let all = client.scan().table_name(&table).send().await.unwrap();
    assert_eq!(all.count(), 1, "{all:?}");
}

#[tokio::test]
async fn queries_page_by_prefix() {
    let stage = Stage::start().await;
    let (client, table) = (stage.dynamodb(), stage.table("ManualsTable"));
    for sk in ["day#1", "day#2", "day#3", "month#1"] {
        put(&client, &table, "user", sk).await;
    }
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let page = client
            .query()
            .table_name(&table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text("user"))
            .expression_attribute_values(":prefix", text("day#"))
            .limit(2)
            .set_exclusive_start_key(start)
            .send()
            .await
            .unwrap();
        found.extend(page.items().iter().map(|item| item["sk"].as_s().unwrap().clone()));
        start = page.last_evaluated_key().cloned();
        if start.is_none() {
            break;
        }
    }
    assert_eq!(found, ["day#1", "day#2", "day#3"]);
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_words_of_aws() {
    let stage = Stage::start().await;
    let (client, table) = (stage.dynamodb(), stage.table("UsageTable"));
    let missing_key = client.get_item().table_name(&table).key("pk", text("a")).send().await;
    let missing_key = missing_key.unwrap_err().into_service_error();
    assert_eq!(missing_key.code(), Some("ValidationException"));
    let reserved = client
        .update_item()
        .table_name(&table)
        .key("pk", text("a"))
        .key("sk", text("1"))
        .update_expression("SET status = :s")
        .expression_attribute_values(":s", text("x"))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert_eq!(reserved.code(), Some("ValidationException"));
    assert!(reserved.message().unwrap().contains("reserved keyword"), "{reserved:?}");
    let absent = client.get_item().table_name("absent").key("pk", text("a")).send().await;
    assert!(absent.unwrap_err().into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn expired_items_go_by_the_test_clock() {
    let stage = Stage::start().await;
    let (client, table) = (stage.dynamodb(), stage.table("RateLimitTable"));
    let now = wall().duration_since(std::time::UNIX_EPOCH).unwrap();
    let expires = i64::try_from(now.as_secs()).unwrap() + 3600;
    client
        .put_item()
        .table_name(&table)
        .item("pk", text("a"))
        .item("sk", text("1"))
        .item("expires_at", number(expires))
        .send()
        .await
        .unwrap();
    let count = async || client.scan().table_name(&table).send().await.unwrap().count();
    assert_eq!(count().await, 1);
    stage.move_clock(2 * 3600 * 1000).await;
    let swept = tokio::time::timeout(PATIENCE, async {
        while count().await > 0 {
            tokio::task::yield_now().await;
        }
    });
    swept.await.unwrap();
}

#[tokio::test]
async fn tables_and_their_time_to_live_are_the_templates() {
    let stage = Stage::start().await;
    let client = stage.dynamodb();
    let tables = client.list_tables().send().await.unwrap();
    let resources = stage.emulators.resources();
    let mut wanted: Vec<_> = resources.tables.values().cloned().collect();
    wanted.sort();
    assert_eq!(tables.table_names(), wanted);
    assert!(wanted.iter().all(|name| name.starts_with(emulators::NAME_PREFIX)));
    let ttl = client.describe_time_to_live().table_name(stage.table("UsageTable"));
    let ttl = ttl.send().await.unwrap();
    let attribute = ttl.time_to_live_description().unwrap().attribute_name();
    assert_eq!(attribute, Some("purge_at"));
}
