//! The injector: the rules that are on, and what they decide. It knows no HTTP server; `layer` puts it before a
//! service, `admin` before an engineer.
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::active::Active;
use crate::catalogue::{Catalogue, CatalogueError};
use crate::clock::Clock;
use crate::identify::Target;
use crate::key::{Attempt, Keys};
use crate::ledger::{Fate, Ledger, Line};
use crate::localstack::Faults;
use crate::rule::{self, BadField, Rule, RuleSpec, Verb};

/// More than this many rules at once are refused: each is asked on each call of its service.
pub const MAX_RULES: usize = 10_000;

/// Faults in AWS's own words, before any number of services. Clones share everything.
#[derive(Debug, Clone)]
pub struct Injector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    catalogue: Catalogue,
    clock: Clock,
    seed: AtomicU64,
    killed: AtomicBool,
    /// So that a call with nothing to fear costs two loads.
    armed: AtomicUsize,
    rules: RwLock<Vec<Arc<Active>>>,
    keys: Keys,
    faults: Faults,
    spared: OnceLock<BTreeSet<String>>,
    ledger: Ledger,
}

/// An attempt that a rule hit.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) active: Arc<Active>,
    keyed: bool,
}

impl Hit {
    pub(crate) fn verb(&self) -> &Verb {
        &self.active.rule.verb
    }
}

/// What a rule is and what it did, for lists.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct Listed {
    /// As it was written.
    #[serde(flatten)]
    pub spec: RuleSpec,
    /// What is left of the lease.
    pub left_ms: u64,
    /// Attempts that the rule was about.
    pub seen: u64,
    /// Attempts that it hit.
    pub hits: u64,
}

/// A change that cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// A field is wrong.
    #[error("rule {0}: {1}")]
    Field(String, BadField),
    /// The name is taken.
    #[error("a rule named `{0}` is on already; end it first, or renew its lease")]
    Taken(String),
    /// There are too many.
    #[error("{MAX_RULES} rules are on at once at most")]
    TooMany,
    /// Everything is switched off.
    #[error("the kill switch is on: DELETE /kill-switch first")]
    Killed,
}

impl Injector {
    /// With no rule; draws are made from `seed`.
    pub fn new(seed: u64, ledger: Ledger) -> Result<Self, CatalogueError> {
        Ok(Self(Arc::new(Inner {
            catalogue: Catalogue::builtin()?,
            clock: Clock::start(),
            seed: AtomicU64::new(seed),
            killed: AtomicBool::new(false),
            armed: AtomicUsize::new(0),
            rules: RwLock::default(),
            keys: Keys::default(),
            faults: Faults::default(),
            spared: OnceLock::new(),
            ledger,
        })))
    }

    /// The services, operations and errors that it knows.
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    /// What was injected.
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// Its time.
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// From which draws are made.
    pub fn seed(&self) -> u64 {
        self.0.seed.load(Ordering::Relaxed)
    }

    /// Draws from another seed from now on.
    pub fn set_seed(&self, seed: u64) {
        self.0.seed.store(seed, Ordering::Relaxed);
    }

    /// Never hits requests signed with one of these access key ids, such as the harness's own; said once.
    pub fn spare(&self, keys: impl IntoIterator<Item = String>) {
        self.0.spared.get_or_init(|| keys.into_iter().collect());
    }

    /// Whether the request's signer is spared.
    pub(crate) fn spares(&self, headers: &HeaderMap) -> bool {
        let Some(spared) = self.0.spared.get() else { return false };
        let authorization = headers.get(http::header::AUTHORIZATION);
        let key = authorization
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split("Credential=").nth(1)?.split('/').next());
        key.is_some_and(|key| spared.contains(key))
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Puts all of `specs` on, or none.
    pub fn add(&self, specs: Vec<RuleSpec>) -> Result<(), Refused> {
        if self.is_killed() {
            return Err(Refused::Killed);
        }
        let now = self.0.clock.ticks();
        let mut new: Vec<Arc<Active>> = Vec::with_capacity(specs.len());
        for spec in specs {
            let named = |field| Refused::Field(format!("`{}`", spec.name), field);
            let rule = Rule::read(&spec, &self.0.catalogue).map_err(named)?;
            let lease = rule::lease(spec.ttl_ms).map_err(named)?;
            new.push(Arc::new(Active::new(spec, rule, now, lease)));
        }
        let mut rules = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        rules.retain(|active| !active.is_over(now));
        if rules.len() + new.len() > MAX_RULES {
            return Err(Refused::TooMany);
        }
        let mut names: BTreeSet<&str> =
            rules.iter().map(|active| active.rule.name.as_str()).collect();
        if let Some(taken) = new.iter().find(|one| !names.insert(&one.rule.name)) {
            return Err(Refused::Taken(taken.rule.name.clone()));
        }
        rules.extend(new);
        self.arm(rules.len());
        drop(rules);
        Ok(())
    }

    /// Ends the rules for which `which` holds; how many there were.
    pub fn end(&self, which: impl Fn(&RuleSpec) -> bool) -> usize {
        let now = self.0.clock.ticks();
        let mut rules = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        rules.retain(|active| !active.is_over(now));
        let before = rules.len();
        rules.retain(|active| {
            let ends = which(&active.spec);
            if ends {
                active.ended.cancel();
            }
            !ends
        });
        self.arm(rules.len());
        before - rules.len()
    }

    /// Renews the leases of the rules for which `which` holds; how many there were.
    pub fn renew(&self, ttl_ms: u64, which: impl Fn(&RuleSpec) -> bool) -> Result<usize, BadField> {
        let lease = rule::lease(ttl_ms)?;
        let now = self.0.clock.ticks();
        let rules = self.0.rules.read().unwrap_or_else(PoisonError::into_inner);
        let alive = rules.iter().filter(|active| !active.is_over(now) && which(&active.spec));
        Ok(alive.map(|active| active.renew(now, lease)).count())
    }

    /// The rules that are on, in their order.
    pub fn list(&self) -> Vec<Listed> {
        let now = self.0.clock.ticks();
        let rules = self.0.rules.read().unwrap_or_else(PoisonError::into_inner);
        let alive = rules.iter().filter(|active| !active.is_over(now));
        alive
            .map(|active| {
                let (seen, hits) = active.counts();
                let left_ms = u64::try_from(active.left(now).as_millis()).unwrap_or(u64::MAX);
                Listed { spec: active.spec.clone(), left_ms, seen, hits }
            })
            .collect()
    }

    /// Ends everything at once and refuses new rules until it is off again.
    pub fn kill(&self, on: bool) {
        self.0.killed.store(on, Ordering::Release);
        if on {
            self.clear();
        }
    }

    /// Ends every rule, those of LocalStack's API among them; how many of ours there were.
    pub fn clear(&self) -> usize {
        self.faults().clear();
        self.end(|_| true)
    }

    /// Whether the kill switch is on.
    pub fn is_killed(&self) -> bool {
        self.0.killed.load(Ordering::Acquire)
    }

    /// Seen from outside: seed, ledger, switch.
    pub fn state(&self) -> Value {
        let (written, lost) = self.0.ledger.counts();
        json!({
            "seed": self.seed(),
            "killed": self.is_killed(),
            "rules": self.list().len(),
            "ledger": {
                "path": self.0.ledger.path(),
                "written": written,
                "lost": lost,
                "hash": self.0.ledger.hash(),
            },
        })
    }

    /// Notes a fault of the LocalStack API: always an answer, never by key.
    pub(crate) fn note_fault(
        &self,
        verb: &str,
        attempt: &Attempt,
        (service, target): (&str, &Target),
    ) {
        let rule = ("localstack", verb);
        let line = self.line(rule, attempt, (service, target));
        self.0.ledger.write(Line { fate: Fate::Answered, ..line });
    }

    /// A line of the ledger of which nothing is known yet but who hit whom.
    fn line(
        &self,
        (rule, verb): (&str, &str),
        attempt: &Attempt,
        (service, target): (&str, &Target),
    ) -> Line {
        Line {
            seq: 0,
            at_ms: unix_ms(self.0.clock),
            rule: rule.to_owned(),
            service: service.to_owned(),
            operation: target.operation.clone(),
            resource: target.resource.clone(),
            key: attempt.key.to_string(),
            attempt: attempt.attempt,
            verb: verb.to_owned(),
            keyed: false,
            effect: false,
            fate: Fate::HungUp,
        }
    }

    fn arm(&self, rules: usize) {
        self.0.armed.store(rules, Ordering::Release);
    }

    /// Whether any call of any service may be hit.
    pub(crate) fn is_armed(&self) -> bool {
        let armed = self.0.armed.load(Ordering::Acquire) > 0 || self.0.faults.are_on();
        // A rule that was on its way when the switch was thrown does nothing either.
        armed && !self.is_killed()
    }

    /// The rules about `service` that are on.
    pub(crate) fn rules_of(&self, service: &str) -> Vec<Arc<Active>> {
        let now = self.0.clock.ticks();
        let rules = self.0.rules.read().unwrap_or_else(PoisonError::into_inner);
        let of = |active: &&Arc<Active>| active.rule.service == service && !active.is_over(now);
        let found = rules.iter().filter(of).cloned().collect();
        let over = rules.iter().all(|active| active.is_over(now)) && !rules.is_empty();
        drop(rules);
        if over {
            // The last lease ended: calls are to cost nothing again.
            self.end(|_| false);
        }
        found
    }

    /// The attempt that these headers make.
    pub(crate) fn attempt(&self, service: &str, target: &Target, headers: &HeaderMap) -> Attempt {
        self.0.keys.read(headers, &format!("{service}:{}", target.operation))
    }

    /// Which of `rules` hit the attempt: modifiers, and at most one that decides its fate, last.
    pub(crate) fn decide(
        &self,
        rules: &[Arc<Active>],
        attempt: &Attempt,
        (target, headers): (&Target, &HeaderMap),
    ) -> Vec<Hit> {
        let now = self.0.clock.ticks();
        let mut hits = Vec::new();
        for active in rules.iter().filter(|active| active.rule.is_about(target, headers)) {
            let Some(keyed) = active.hits(self.seed(), attempt, target, now) else { continue };
            hits.push(Hit { active: Arc::clone(active), keyed });
            if !active.rule.verb.is_modifier() {
                break;
            }
        }
        hits
    }

    /// Opens the ledger's entry of one injection; see [`Entry`].
    pub(crate) fn entry(
        &self,
        hit: &Hit,
        attempt: &Attempt,
        (service, target): (&str, &Target),
    ) -> Entry {
        hit.active.note_hit();
        let rule = (hit.active.rule.name.as_str(), hit.active.spec.verb.as_str());
        let line = Line { keyed: hit.keyed, ..self.line(rule, attempt, (service, target)) };
        Entry { injector: self.clone(), line: Some(line) }
    }
}

/// The entry of an injection under way. Whoever drops it without an end was hung up on, which is written too.
#[derive(Debug)]
pub(crate) struct Entry {
    injector: Injector,
    line: Option<Line>,
}

impl Entry {
    /// The call has had its effect by now, whatever becomes of the caller.
    pub(crate) fn had_effect(&mut self) {
        if let Some(line) = &mut self.line {
            line.effect = true;
        }
    }

    /// Writes the entry; the caller sees the fault only after.
    pub(crate) fn end(mut self, fate: Fate) {
        if let Some(line) = &mut self.line {
            line.fate = fate;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            self.injector.ledger().write(line);
        }
    }
}

fn unix_ms(clock: Clock) -> i64 {
    i64::try_from(clock.wall().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// Zero is no delay.
pub(crate) fn jittered(span: Duration, jitter: Duration, unit: f64) -> Duration {
    let low = span.saturating_sub(jitter);
    low + jitter.mul_f64(2.0 * unit)
}
