//! What one attempt at a scenario knows: its people, their last answers, and every request that it sent.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use cucumber::World;
use futures::StreamExt as _;
use futures::stream;
use manuel_client::Request;
use manuel_client::Session;
use manuel_client::SignatureHeaders;
use verdict::domain::features::RequestSeen;

use super::outcome::StepError;
use super::outcome::StepResult;
use super::params::Who;
use super::person::Person;
use super::recording::Recording;
use super::run::How;
use super::run::Run;
use super::seen::Seen;
use crate::adapters::outage::Kept;
use crate::adapters::outage::Watched;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

mod outages;

/// Requests that are kept of a scenario.
const KEPT: usize = 50;
/// Requests of one burst that are under way at once.
const BURST: usize = 64;

/// The runner makes worlds out of nothing: what they share stands here, set once in the worker's life.
static RUN: OnceLock<Arc<Run>> = OnceLock::new();

/// Whether there is something to wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiting {
    /// What was waited for is there.
    Over,
    /// Not yet.
    On,
    /// It can never come.
    Never,
}

/// How a dependency fails, in AWS's own words (chaos.md §2.3).
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// `dynamodb`, `bedrock-runtime` …
    pub service: &'a str,
    /// One operation; all of the service's where absent.
    pub operation: Option<&'a str>,
    /// Its code.
    pub error: &'a str,
    /// Its HTTP status.
    pub status: u16,
}

/// What came of one attack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Played {
    /// Its name in the corpus.
    pub name: String,
    /// The worst that it did; none where it was harmless.
    pub harm: Option<String>,
}

/// One attempt at a scenario.
#[derive(Debug)]
pub struct FeatureWorld {
    /// What all scenarios share.
    pub run: Arc<Run>,
    /// Which scenario.
    pub id: String,
    /// This attempt's number in the run: names and draws of it are its own.
    pub ordinal: u64,
    /// Every request, oldest first; at most the last 50.
    pub requests: Vec<RequestSeen>,
    /// Values that a later step looks at, by a name of the step's own choice.
    pub kept: BTreeMap<String, String>,
    /// Dependencies that are out for somebody of the scenario.
    outages: Vec<Kept>,
    /// Whether one of them ran out before it was ended.
    watched: Watched,
    /// The user pool is among them: a backend that could not fetch its keys asks again only after a while.
    keys_out: bool,
    /// The recording that somebody has.
    pub recordings: BTreeMap<Who, Recording>,
    /// Requests that somebody signed to be sent later, each with its signature.
    pub signed: BTreeMap<Who, (Request, SignatureHeaders)>,
    /// Sessions as they were when a step kept them.
    pub sessions: BTreeMap<Who, Session>,
    /// Attacks that were played.
    pub played: Vec<Played>,
    people: BTreeMap<Who, Person>,
    answers: BTreeMap<Who, Seen>,
    bursts: BTreeMap<Who, Vec<Seen>>,
}

impl World for FeatureWorld {
    type Error = StepError;

    async fn new() -> Result<Self, StepError> {
        let run = RUN.get().cloned().ok_or_else(|| StepError::lost("there is no run"))?;
        let ordinal = run.next();
        Ok(Self {
            run,
            id: String::new(),
            ordinal,
            requests: Vec::new(),
            kept: BTreeMap::new(),
            outages: Vec::new(),
            watched: Watched::default(),
            keys_out: false,
            recordings: BTreeMap::new(),
            signed: BTreeMap::new(),
            sessions: BTreeMap::new(),
            played: Vec::new(),
            people: BTreeMap::new(),
            answers: BTreeMap::new(),
            bursts: BTreeMap::new(),
        })
    }
}

impl FeatureWorld {
    /// Sets what worlds share; false where it was set before.
    pub fn share(run: Arc<Run>) -> bool {
        RUN.set(run).is_ok()
    }

    /// The person, made with an account of its own when first named.
    pub async fn person(&mut self, who: &Who) -> StepResult<Person> {
        if let Some(person) = self.people.get(who) {
            return Ok(person.clone());
        }
        let name = who.0.to_lowercase();
        let username = format!("{name}-{}-{}", self.run.plan.run_id, self.ordinal);
        let account = self
            .run
            .accounts
            .open(&username)
            .await
            .map_err(|error| StepError::lost_by("cannot make a user", &error))?;
        let person = Person {
            name: who.0.clone(),
            username: Some(username),
            sub: account.session.sub.clone(),
            password: Some(account.password),
            session: Some(account.session),
            client: self.run.client(None)?,
            manuals: BTreeMap::new(),
            sent: BTreeMap::new(),
        };
        self.people.insert(who.clone(), person.clone());
        Ok(person)
    }

    /// Everybody who has an account signs in again: sessions end as time passes.
    pub async fn sign_in_again(&mut self) -> StepResult {
        for person in self.people.values_mut() {
            let (Some(username), Some(password)) = (&person.username, &person.password) else {
                continue;
            };
            let session = self.run.accounts.sign_in(username, password).await;
            let session = session.map_err(|e| StepError::lost_by("cannot sign in again", &e))?;
            person.session = Some(session);
        }
        Ok(())
    }

    /// Makes `who` somebody without an account, at `address` where given.
    pub fn stranger(&mut self, who: &Who, address: Option<IpAddr>) -> StepResult {
        let person = Person {
            name: who.0.clone(),
            username: None,
            sub: String::new(),
            password: None,
            session: None,
            client: self.run.client(address)?,
            manuals: BTreeMap::new(),
            sent: BTreeMap::new(),
        };
        self.people.insert(who.clone(), person);
        Ok(())
    }

    /// Takes somebody in who was made elsewhere: what they have is taken away with the scenario.
    pub fn adopt(&mut self, (who, person): (Who, Person)) {
        self.people.insert(who, person);
    }

    /// Changes what is known of a person who was named before.
    pub async fn change(&mut self, who: &Who, change: impl FnOnce(&mut Person)) -> StepResult {
        self.person(who).await?;
        self.people.get_mut(who).map(change).ok_or_else(|| StepError::lost("nobody is there"))
    }

    /// Everybody whom the scenario named.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// The id of what the scenario calls the manual `name` of `who`.
    pub async fn manual_id(&mut self, who: &Who, name: &str) -> StepResult<String> {
        let person = self.person(who).await?;
        person.manuals.get(name).cloned().ok_or_else(|| {
            StepError::lost(format!("{who} has no manual \"{name}\" in this scenario"))
        })
    }

    /// Sends a request as it should be sent; the answer, whatever it says, is then `who`'s last.
    pub async fn send(&mut self, who: &Who, request: Request) -> StepResult<&Seen> {
        self.send_as(who, request, How::default()).await
    }

    /// Sends a request in another way.
    pub async fn send_as(
        &mut self,
        who: &Who,
        request: Request,
        how: How<'_>,
    ) -> StepResult<&Seen> {
        let person = self.person(who).await?;
        let run = Arc::clone(&self.run);
        let (record, seen) = run.exchange(&person, &request, &how).await;
        self.record(record);
        let seen = seen?;
        self.answers.insert(who.clone(), seen);
        self.seen(who)
    }

    /// Sends a request that is no step of the scenario: an observation. It is recorded, and no answer of `who`'s.
    pub async fn look(&mut self, who: &Who, request: Request) -> StepResult<Seen> {
        let person = self.person(who).await?;
        let run = Arc::clone(&self.run);
        let (record, seen) = run.exchange(&person, &request, &How::default()).await;
        self.record(record);
        seen
    }

    /// Asks again and again, with growing pauses, until `judge` has an end; at most for `bound`. `expected` says what for.
    pub async fn wait_for(
        &mut self,
        who: &Who,
        (request, bound): (Request, Duration),
        expected: impl Into<String>,
        judge: impl Fn(&Seen) -> Waiting,
    ) -> StepResult {
        let person = self.person(who).await?;
        let run = Arc::clone(&self.run);
        let expected = expected.into();
        let waited = poll::until(Pace::sparing(bound), "no answer".to_owned(), async || {
            let (record, seen) = run.exchange(&person, &request, &How::default()).await;
            match seen {
                Err(error) => ControlFlow::Break((record, Err(error))),
                Ok(seen) => match judge(&seen) {
                    Waiting::Over => ControlFlow::Break((record, Ok(seen))),
                    Waiting::On => ControlFlow::Continue(seen.summary()),
                    Waiting::Never => {
                        let error = StepError::broken(&expected, seen.summary());
                        ControlFlow::Break((record, Err(error)))
                    }
                },
            }
        });
        match waited.await {
            Ok((record, seen)) => {
                self.record(record);
                self.answers.insert(who.clone(), seen?);
                Ok(())
            }
            Err(expired) => Err(StepError::broken(expected, expired.last_seen)),
        }
    }

    /// Sends all of `requests` at once; their answers are `who`'s burst, in the order of `requests`.
    pub async fn send_at_once(&mut self, who: &Who, requests: Vec<Request>) -> StepResult {
        self.send_all_at_once(who, &requests, &How::default()).await
    }

    /// The same, all of them in another way.
    pub async fn send_all_at_once(
        &mut self,
        who: &Who,
        requests: &[Request],
        how: &How<'_>,
    ) -> StepResult {
        let person = self.person(who).await?;
        let run = Arc::clone(&self.run);
        let sent = requests.iter().map(|request| run.exchange(&person, request, how));
        let ended: Vec<_> = stream::iter(sent).buffered(BURST).collect().await;
        let mut burst = Vec::new();
        for (record, seen) in ended {
            self.record(record);
            burst.push(seen?);
        }
        self.bursts.insert(who.clone(), burst);
        Ok(())
    }

    /// The last answer that `who` had.
    pub fn seen(&self, who: &Who) -> StepResult<&Seen> {
        self.answers.get(who).ok_or_else(|| StepError::lost(format!("{who} has asked nothing yet")))
    }

    /// The answers to what `who` sent at once.
    pub fn burst(&self, who: &Who) -> StepResult<&[Seen]> {
        let burst = self.bursts.get(who).map(Vec::as_slice);
        burst.ok_or_else(|| StepError::lost(format!("{who} has sent nothing at once")))
    }

    /// These are `who`'s burst now, however they were sent.
    pub fn keep_burst(&mut self, who: &Who, burst: Vec<Seen>) {
        self.bursts.insert(who.clone(), burst);
    }

    /// The session that a step kept.
    pub fn kept_session(&self, who: &Who) -> StepResult<&Session> {
        let kept = self.sessions.get(who);
        kept.ok_or_else(|| StepError::lost(format!("{who} has kept no session")))
    }

    /// A value that an earlier step kept.
    pub fn kept(&self, name: &str) -> StepResult<&str> {
        let kept = self.kept.get(name).map(String::as_str);
        kept.ok_or_else(|| StepError::lost(format!("no step of this scenario kept `{name}`")))
    }

    /// Keeps what is known of a request.
    pub fn record(&mut self, record: RequestSeen) {
        if self.requests.len() == KEPT {
            self.requests.remove(0);
        }
        self.requests.push(record);
    }

    /// Takes away what the scenario left: manuals through the API, accounts in the pool. What cannot be taken away is
    /// left to the stage's own sweep.
    pub async fn clean_up(&mut self) {
        for held in self.outages.drain(..) {
            // One that cannot be ended runs out by itself, and is for nobody but this scenario's people.
            drop(held.end().await);
        }
        self.keys_asked_for_again().await;
        let people: Vec<Person> = self.people.values().cloned().collect();
        let run = Arc::clone(&self.run);
        for person in people {
            for id in person.manuals.values() {
                let request = Request::DeleteManual { id: id.clone() };
                let (_record, _seen) = run.exchange(&person, &request, &How::default()).await;
            }
            if let Some(username) = &person.username {
                run.accounts.close(username).await;
            }
        }
    }
}
