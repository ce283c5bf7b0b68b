//! A rule while it is on: its lease, what it counted, what it remembers.
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio_util::sync::CancellationToken;

use crate::draw::{self, Purpose};
use crate::identify::Target;
use crate::key::Attempt;
use crate::rule::{Count, Rule, RuleSpec, Verb};

/// Traces whose attempts are counted; older ones are forgotten in halves.
const TRACES: usize = 1 << 15;
/// Requests whose answers a `stale` rule remembers, and answers of each.
const REMEMBERED: usize = 4096;
const ANSWERS: usize = 64;

/// Answers to one read, each with its time.
type Past = VecDeque<(Duration, Response<Bytes>)>;

/// One rule that is on.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) spec: RuleSpec,
    pub(crate) rule: Rule,
    began: Duration,
    ends_us: AtomicU64,
    seen: AtomicU64,
    hits: AtomicU64,
    traces: Mutex<[BTreeMap<String, u64>; 2]>,
    bucket: Mutex<Option<(f64, Duration)>>,
    answers: Mutex<BTreeMap<[u8; 32], Past>>,
    /// Whoever is delayed by the rule waits no longer than it is on.
    pub(crate) ended: CancellationToken,
}

impl Active {
    pub(crate) fn new(spec: RuleSpec, rule: Rule, now: Duration, lease: Duration) -> Self {
        let active = Self {
            spec,
            rule,
            began: now,
            ends_us: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            traces: Mutex::default(),
            bucket: Mutex::default(),
            answers: Mutex::default(),
            ended: CancellationToken::new(),
        };
        active.renew(now, lease);
        active
    }

    /// The lease runs from `now`.
    pub(crate) fn renew(&self, now: Duration, lease: Duration) {
        self.ends_us.store(micros(now + lease), Ordering::Release);
    }

    pub(crate) fn is_over(&self, now: Duration) -> bool {
        micros(now) >= self.ends_us.load(Ordering::Acquire)
    }

    /// What is left of the lease.
    pub(crate) fn left(&self, now: Duration) -> Duration {
        Duration::from_micros(self.ends_us.load(Ordering::Acquire).saturating_sub(micros(now)))
    }

    /// Attempts that the rule was about, and those that it hit.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.seen.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed))
    }

    /// Whether this attempt, which the rule is about, is hit; and whether that was decided by its key alone.
    pub(crate) fn hits(
        &self,
        seed: u64,
        attempt: &Attempt,
        target: &Target,
        now: Duration,
    ) -> Option<bool> {
        let sequence = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        let trace = attempt.key.trace();
        let counted = match (self.rule.when.count, trace) {
            (Count::Any, _) => true,
            (Count::Every(n), _) => sequence.is_multiple_of(n),
            (Count::OfRun(from, to), _) | (Count::OfTrace(from, to), None) => {
                (from..=to).contains(&sequence)
            }
            (Count::OfTrace(from, to), Some(trace)) => (from..=to).contains(&self.count_in(trace)),
        };
        if !counted {
            return None;
        }
        let rate = self.rule.when.rate_at(now.saturating_sub(self.began));
        if rate < 1.0 && draw::unit(seed, &self.rule.name, attempt, sequence, Purpose::Hit) >= rate
        {
            return None;
        }
        let mut keyed = trace.is_some() && self.rule.when.is_keyed();
        if let Verb::Limit { per_minute, tokens, .. } = &self.rule.verb {
            let asked = if *tokens { target.tokens.unwrap_or(0) } else { 1 };
            if self.is_within(*per_minute, asked, now) {
                return None;
            }
            keyed = false;
        }
        Some(keyed)
    }

    /// Counts a hit that took place.
    pub(crate) fn note_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    fn count_in(&self, trace: &str) -> u64 {
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let [newer, older] = &mut *traces;
        if newer.len() >= TRACES {
            *older = std::mem::take(newer);
        }
        let before = newer.get(trace).or_else(|| older.get(trace)).copied().unwrap_or(0);
        newer.insert(trace.to_owned(), before + 1);
        before + 1
    }

    /// A token bucket that holds a minute's worth and is full at first.
    fn is_within(&self, per_minute: f64, asked: u64, now: Duration) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = bucket.unwrap_or((per_minute, now));
        let gained = now.saturating_sub(at).as_secs_f64() * per_minute / 60.0;
        let left = (left + gained).min(per_minute);
        #[expect(clippy::cast_precision_loss, reason = "a count of tokens is far below 2^53")]
        let asked = asked as f64;
        let within = asked <= left;
        *bucket = Some((if within { left - asked } else { left }, now));
        within
    }

    /// An answer to the same read that is at least `age` old: the youngest such.
    pub(crate) fn older_answer(
        &self,
        to: &[u8; 32],
        age: Duration,
        now: Duration,
    ) -> Option<Response<Bytes>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |at: &Duration| now.saturating_sub(*at) >= age;
        answers.get(to)?.iter().rev().find(|(at, _)| old(at)).map(|(_, answer)| answer.clone())
    }

    /// Remembers an answer for later.
    pub(crate) fn remember(&self, to: [u8; 32], answer: Response<Bytes>, now: Duration) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= REMEMBERED && !answers.contains_key(&to) {
            answers.pop_first();
        }
        let answers = answers.entry(to).or_default();
        if answers.len() == ANSWERS {
            answers.pop_front();
        }
        answers.push_back((now, answer));
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
