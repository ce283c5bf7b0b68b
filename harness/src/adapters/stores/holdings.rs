//! Everything of one user's in the stores, item by item, so that two looks tell whether anything has changed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::AttributeValue;

use super::REST;
use super::Stores;
use super::StoresError;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// What a user has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holdings {
    /// Calls charged, over all days.
    pub charged: u64,
    /// The same by the counters of months.
    pub monthly: u64,
    /// Ids of manuals with a row.
    pub manuals: BTreeSet<String>,
    /// Table and sort key → the whole item, as text.
    pub items: BTreeMap<String, String>,
    /// Key → digest of objects in the bucket of manuals.
    pub objects: BTreeMap<String, String>,
    /// Recordings and transcripts.
    pub recordings: BTreeSet<String>,
    /// Reservations that are neither kept nor given back.
    pub open: u64,
}

impl Stores {
    /// What the user `name` has, once no reservation is open and no recording lies about, or with those that stay.
    pub async fn holdings(&self, name: &str, sub: &str) -> Result<Holdings, StoresError> {
        let settled = poll::until(Pace::quick(REST), None, || async {
            match self.holdings_now(name, sub).await {
                Ok(now) if now.open == 0 && now.recordings.is_empty() => {
                    ControlFlow::Break(Ok(now))
                }
                Ok(now) => ControlFlow::Continue(Some(now)),
                Err(error) => ControlFlow::Break(Err(error)),
            }
        });
        match settled.await {
            Ok(found) => found,
            Err(expired) => expired.last_seen.map_or_else(
                || Err(StoresError::Slow { user: name.to_owned(), within: expired.within }),
                Ok,
            ),
        }
    }

    async fn holdings_now(&self, name: &str, sub: &str) -> Result<Holdings, StoresError> {
        let (manuals, audio) = (format!("manuals/{sub}/"), format!("audio/{sub}/"));
        let (usage, rows, objects, recordings) = tokio::try_join!(
            self.items("usage", &self.usage_table, name, sub),
            self.items("rows of manuals", &self.manuals_table, name, sub),
            self.objects_below(&self.manuals_bucket, name, &manuals),
            self.objects_below(&self.audio_bucket, name, &audio),
        )?;
        let mut holdings = Holdings {
            objects,
            recordings: recordings.into_keys().collect(),
            ..Holdings::default()
        };
        for (table, items) in [("usage", usage), ("manuals", rows)] {
            for item in items {
                holdings.take(table, &item);
            }
        }
        Ok(holdings)
    }
}

impl Holdings {
    fn take(&mut self, table: &str, item: &BTreeMap<String, AttributeValue>) {
        let Some(AttributeValue::S(sk)) = item.get("sk") else { return };
        let used = match item.get("used") {
            Some(AttributeValue::N(number)) => number.parse::<u64>().unwrap_or(0),
            _ => 0,
        };
        if table == "manuals" {
            self.manuals.extend(sk.strip_prefix("MANUAL#").map(str::to_owned));
        } else if sk.starts_with("DAY#") {
            self.charged += used;
        } else if sk.starts_with("MONTH#") {
            self.monthly += used;
        } else if sk.starts_with("RES#") {
            self.open += 1;
        }
        let members = item.iter().map(|(name, value)| format!("{name}: {}", text(value)));
        self.items.insert(format!("{table} {sk}"), members.collect::<Vec<_>>().join(", "));
    }
}

/// The same text for the same value: a map has no order of its own.
fn text(value: &AttributeValue) -> String {
    if let AttributeValue::M(map) = value {
        let sorted: BTreeMap<&String, String> =
            map.iter().map(|(name, value)| (name, text(value))).collect();
        format!("{sorted:?}")
    } else if let AttributeValue::L(list) = value {
        format!("{:?}", list.iter().map(text).collect::<Vec<_>>())
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_counted_by_what_they_are() {
        let n = |number: u32| AttributeValue::N(number.to_string());
        let s = |text: &str| AttributeValue::S(text.to_owned());
        let mut holdings = Holdings::default();
        for (table, sk, used) in [
            ("usage", "DAY#2026-11-15", 3),
            ("usage", "DAY#2026-11-16", 4),
            ("usage", "MONTH#2026-11", 7),
            ("usage", "RES#1", 0),
            ("manuals", "MANUAL#m-1", 0),
            ("manuals", "JOB#j-1", 0),
        ] {
            let item = [("sk".to_owned(), s(sk)), ("used".to_owned(), n(used))];
            holdings.take(table, &item.into());
        }
        let Holdings { charged, monthly, open, manuals, items, .. } = holdings;
        assert_eq!((charged, monthly, open), (7, 7, 1));
        assert_eq!((manuals.len(), items.len()), (1, 6));
        assert_eq!(items["usage RES#1"], "sk: S(\"RES#1\"), used: N(\"0\")");
    }
}
