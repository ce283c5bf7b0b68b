//! One standard queue: what it holds, who has received what, and when that is seen again. Pure: time
//! is an argument, in milliseconds of the test clock.
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::template::QueueSpec;

/// A standard queue has at most this many messages in flight.
const MAX_IN_FLIGHT: usize = 120_000;
/// A queue can be purged once in a minute.
const PURGE_EVERY_MS: i64 = 60_000;

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) sent_ms: i64,
    pub(super) first_received_ms: Option<i64>,
    pub(super) receives: u32,
    /// The latest one only: an older handle deletes nothing.
    pub(super) receipt: Option<String>,
    visible_ms: i64,
}

/// Why something cannot be done with a received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The text is no handle of this queue.
    Malformed,
    /// It was deleted, or received again since.
    Gone,
    /// Nobody is working on it: its time-out is over.
    NotInFlight,
    /// Too many messages are in flight.
    OverLimit,
    /// A purge was asked for less than a minute ago.
    JustPurged,
}

/// How many messages are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) spec: QueueSpec,
    pub(super) created_ms: i64,
    /// Since the start: messages sent, and messages deleted by a receiver.
    pub(super) sent: u64,
    pub(super) deleted: u64,
    messages: BTreeMap<u64, Message>,
    next: u64,
    purged_ms: Option<i64>,
}

impl Queue {
    pub(super) fn new(spec: QueueSpec, now_ms: i64) -> Self {
        Self {
            spec,
            created_ms: now_ms,
            sent: 0,
            deleted: 0,
            messages: BTreeMap::new(),
            next: 0,
            purged_ms: None,
        }
    }

    /// Takes a message; `delay_s` is the queue's own unless given. Answers with its id.
    pub(super) fn send(
        &mut self,
        body: String,
        attributes: Map<String, Value>,
        delay_s: Option<i64>,
        now_ms: i64,
    ) -> String {
        let id = Uuid::new_v4().to_string();
        let visible_ms = now_ms + delay_s.unwrap_or(self.spec.delay_s) * 1000;
        self.keep(Message {
            id: id.clone(),
            body,
            attributes,
            sent_ms: now_ms,
            first_received_ms: None,
            receives: 0,
            receipt: None,
            visible_ms,
        });
        self.sent += 1;
        id
    }

    /// Takes a message that another queue has given up on: its age and receives stay its own.
    pub(super) fn take_dead(&mut self, mut message: Message, now_ms: i64) {
        message.visible_ms = now_ms;
        message.receipt = None;
        self.keep(message);
    }

    /// Hands out up to `max` messages for `visibility_s`; those that were received too often are
    /// handed to the dead-letter queue instead, in the second list.
    pub(super) fn receive(
        &mut self,
        max: usize,
        visibility_s: Option<i64>,
        now_ms: i64,
    ) -> Result<(Vec<Message>, Vec<Message>), Refused> {
        self.forget_old(now_ms);
        if self.counts(now_ms).in_flight >= MAX_IN_FLIGHT {
            return Err(Refused::OverLimit);
        }
        let limit = self.spec.redrive.as_ref().map(|redrive| redrive.max_receives);
        let visible_ms = now_ms + visibility_s.unwrap_or(self.spec.visibility_s) * 1000;
        let name = &self.spec.name;
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        for (number, message) in &mut self.messages {
            if received.len() == max {
                break;
            }
            if message.visible_ms > now_ms {
                continue;
            }
            if limit.is_some_and(|limit| message.receives >= limit) {
                dead.push(*number);
                continue;
            }
            message.receives += 1;
            message.visible_ms = visible_ms;
            message.first_received_ms.get_or_insert(now_ms);
            message.receipt = Some(STANDARD.encode(format!("{name} {number} {}", Uuid::new_v4())));
            received.push(message.clone());
        }
        let dead = dead.iter().filter_map(|number| self.messages.remove(number)).collect();
        Ok((received, dead))
    }

    /// Deletes what a handle stands for. An old handle is accepted and does nothing, as in AWS.
    pub(super) fn delete(&mut self, receipt: &str) -> Result<(), Refused> {
        let number = self.number(receipt)?;
        let current = |message: &Message| message.receipt.as_deref() == Some(receipt);
        if self.messages.get(&number).is_some_and(current) {
            self.messages.remove(&number);
            self.deleted += 1;
        }
        Ok(())
    }

    /// Shows the message again in `visibility_s` from now.
    pub(super) fn change_visibility(
        &mut self,
        receipt: &str,
        visibility_s: i64,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let number = self.number(receipt)?;
        let message = self
            .messages
            .get_mut(&number)
            .filter(|message| message.receipt.as_deref() == Some(receipt))
            .ok_or(Refused::Gone)?;
        if message.visible_ms <= now_ms {
            return Err(Refused::NotInFlight);
        }
        message.visible_ms = now_ms + visibility_s * 1000;
        Ok(())
    }

    /// Deletes everything.
    pub(super) fn purge(&mut self, now_ms: i64) -> Result<(), Refused> {
        if self
            .purged_ms
            .is_some_and(|before| now_ms.abs_diff(before) < PURGE_EVERY_MS.unsigned_abs())
        {
            return Err(Refused::JustPurged);
        }
        self.purged_ms = Some(now_ms);
        self.messages.clear();
        Ok(())
    }

    pub(super) fn counts(&self, now_ms: i64) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages.values() {
            if message.visible_ms <= now_ms {
                counts.visible += 1;
            } else if message.receipt.is_some() {
                counts.in_flight += 1;
            } else {
                counts.delayed += 1;
            }
        }
        counts
    }

    /// What is held, oldest first, and whether each is in flight.
    pub(super) fn held(&self, now_ms: i64) -> impl Iterator<Item = (&Message, bool)> {
        let in_flight = move |m: &Message| m.visible_ms > now_ms && m.receipt.is_some();
        self.messages.values().map(move |message| (message, in_flight(message)))
    }

    /// Drops what is older than the queue keeps.
    pub(super) fn forget_old(&mut self, now_ms: i64) {
        let oldest = now_ms - self.spec.retention_s * 1000;
        self.messages.retain(|_, message| message.sent_ms >= oldest);
    }

    fn keep(&mut self, message: Message) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    fn number(&self, receipt: &str) -> Result<u64, Refused> {
        let text = STANDARD.decode(receipt).ok().and_then(|text| String::from_utf8(text).ok());
        let text = text.ok_or(Refused::Malformed)?;
        let mut parts = text.split(' ');
        if parts.next() != Some(&self.spec.name) {
            return Err(Refused::Malformed);
        }
        parts.next().and_then(|number| number.parse().ok()).ok_or(Refused::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::{Queue, Refused};
    use crate::template::{QueueSpec, Redrive};

    fn queue(max_receives: Option<u32>) -> Queue {
        let mut spec = QueueSpec::of("Q", "q");
        spec.redrive =
            max_receives.map(|max_receives| Redrive { target: "Dead".to_owned(), max_receives });
        Queue::new(spec, 0)
    }

    fn send(queue: &mut Queue, body: &str, delay_s: Option<i64>) {
        queue.send(body.to_owned(), Map::new(), delay_s, 0);
    }

    #[test]
    fn a_received_message_is_hidden_until_its_time_out() {
        let mut queue = queue(None);
        send(&mut queue, "a", None);
        let (first, _) = queue.receive(10, None, 0).unwrap();
        assert_eq!((first.len(), first[0].receives), (1, 1));
        assert_eq!(queue.counts(0).in_flight, 1);
        assert!(queue.receive(10, None, 29_999).unwrap().0.is_empty());
        let (again, _) = queue.receive(10, Some(5), 30_000).unwrap();
        assert_eq!(again[0].receives, 2);
        // The first handle is out of date: it deletes nothing and says nothing.
        queue.delete(first[0].receipt.as_deref().unwrap()).unwrap();
        assert_eq!(queue.counts(30_000).in_flight, 1);
        let receipt = again[0].receipt.clone().unwrap();
        queue.change_visibility(&receipt, 0, 30_001).unwrap();
        assert_eq!(queue.counts(30_001).visible, 1);
        assert_eq!(queue.change_visibility(&receipt, 5, 30_001), Err(Refused::NotInFlight));
        queue.delete(&receipt).unwrap();
        assert_eq!((queue.counts(30_001).visible, queue.deleted), (0, 1));
        assert_eq!(queue.change_visibility(&receipt, 5, 30_001), Err(Refused::Gone));
        assert_eq!(queue.delete("no handle"), Err(Refused::Malformed));
    }

    #[test]
    fn delays_retention_and_purges() {
        let mut queue = queue(None);
        send(&mut queue, "late", Some(10));
        assert_eq!(queue.counts(0).delayed, 1);
        assert!(queue.receive(1, None, 9_999).unwrap().0.is_empty());
        assert_eq!(queue.receive(1, Some(0), 10_000).unwrap().0.len(), 1);
        let four_days = 345_600_000;
        assert_eq!(queue.receive(1, Some(0), four_days).unwrap().0.len(), 1);
        assert!(queue.receive(1, Some(0), four_days + 1).unwrap().0.is_empty());
        queue.purge(four_days).unwrap();
        assert_eq!(queue.purge(four_days + 59_999), Err(Refused::JustPurged));
        assert_eq!(queue.purge(four_days + 60_000), Ok(()));
    }

    #[test]
    fn what_was_received_too_often_is_handed_on() {
        let mut queue = queue(Some(2));
        send(&mut queue, "poison", None);
        for _ in 0..2 {
            assert_eq!(queue.receive(1, Some(0), 0).unwrap().0.len(), 1);
        }
        let (received, dead) = queue.receive(1, Some(0), 0).unwrap();
        assert!(received.is_empty());
        assert_eq!((dead[0].body.as_str(), dead[0].receives), ("poison", 2));
        assert_eq!(queue.counts(0).visible, 0);
    }
}
