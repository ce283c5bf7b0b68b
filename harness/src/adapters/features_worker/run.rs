//! What all scenarios of a run share: the stage, the keys to it, the fixtures, and the sending of one request.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderName;
use http::HeaderValue;
use manuel_client::Auth;
use manuel_client::Exchange;
use manuel_client::ManuelClient;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::SignatureFault;
use manuel_client::Signer;
use manuel_client::Signing;
use manuel_client::SigningTime;
use manuel_client::Traceparent;
use manuel_client::contract::Contract;
use tokio::sync::OnceCell;
use tokio::sync::Semaphore;
use verdict::domain::attack::Attack;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::features::RequestSeen;
use verdict::domain::question::Question;
use verdict::domain::question::QuestionSet;
use verdict::domain::stage::Capability;
use verdict::domain::stage::StageDescription;

use super::Material;
use super::outcome::StepError;
use super::outcome::StepResult;
use super::pacing::Pacing;
use super::person::Person;
use super::recording::Recording;
use super::seen::Seen;
use crate::adapters::api_document::ApiDocument;
use crate::adapters::attack::Arena;
use crate::adapters::embedded_stage::clock;
use crate::adapters::provision::Accounts;
use crate::adapters::provision::ManualFile;
use crate::adapters::stores::Stores;
use crate::adapters::system_clock::Stopwatch;

/// The backend's own deadline is 25 s, a gateway's 29 s; a request that outlives both hangs.
const REQUEST: Duration = Duration::from_secs(31);
/// Recordings under way at once.
const VOICE_PLACES: usize = 4;
/// Everything is on this machine or in one region.
const CONNECT: Duration = Duration::from_secs(3);

/// What all scenarios share.
#[derive(Debug)]
pub struct Run {
    /// What runs.
    pub plan: FeaturesPlan,
    /// Where.
    pub stage: StageDescription,
    /// The project root, for fixtures.
    pub root: PathBuf,
    /// The pool of users.
    pub accounts: Accounts,
    /// Signs what changes state.
    pub signer: Signer,
    /// The stores, read only; none where they cannot be read.
    pub stores: Option<Stores>,
    /// Fixture manuals by key.
    pub manuals: BTreeMap<String, ManualFile>,
    /// Questions with known answers.
    pub questions: QuestionSet,
    /// Fixture recordings by file.
    pub recordings: BTreeMap<String, Recording>,
    /// The attack corpus.
    pub attacks: Vec<Attack>,
    /// Where attacks are played.
    pub(super) arena: OnceCell<Arena>,
    /// What every answer must keep to.
    pub contract: Contract,
    /// What clients were told of the API.
    pub document: ApiDocument,
    /// How fast calls may come.
    pub(super) pacing: Option<Pacing>,
    /// Since the worker began.
    pub clock: Stopwatch,
    /// Places for recordings that are under way at once: a process of Manuel's has 8, and refuses who waits for long.
    pub voice_places: Semaphore,
    /// Counts people and requests: names, addresses and traces are drawn from it.
    counter: AtomicU64,
}

/// How a request is sent, where it is not sent as it should be.
#[derive(Clone, Debug, Default)]
pub struct How<'a> {
    /// Another token than the person's own; `Some("")` sends none.
    pub token: Option<&'a str>,
    /// The id token in the place of the access token.
    pub id_token: bool,
    /// A wrong signature.
    pub signature: Option<SignatureFault<'a>>,
    /// No signature at all.
    pub unsigned: bool,
    /// Headers beyond the usual ones.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Run {
    /// A run over `stage`.
    pub fn new(
        (plan, stage, root): (FeaturesPlan, StageDescription, PathBuf),
        (accounts, signer): (Accounts, Signer),
        (stores, contract, document): (Option<Stores>, Contract, ApiDocument),
        material: Material,
    ) -> Self {
        let Material { manuals, questions, recordings, attacks, .. } = material;
        Self {
            pacing: Pacing::of(&stage),
            plan,
            stage,
            root,
            accounts,
            signer,
            stores,
            manuals,
            questions,
            recordings,
            attacks,
            arena: OnceCell::new(),
            contract,
            document,
            clock: Stopwatch::start(),
            voice_places: Semaphore::new(VOICE_PLACES),
            counter: AtomicU64::new(1),
        }
    }

    /// The next number that nobody else of this run has.
    pub fn next(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// A client from an address of its own, where the stage knows addresses apart: limits per address then count nobody twice.
    pub fn client(&self, address: Option<IpAddr>) -> StepResult<ManuelClient> {
        let own = self.stage.capabilities.has(Capability::SourceAddresses);
        let address = address.or_else(|| own.then(|| own_address(self.next())));
        ManuelClient::new(&self.stage.base_url, address, REQUEST, CONNECT)
            .map_err(|error| StepError::lost_by("cannot make a client", &error))
    }

    /// The stores, or what the stage lacks.
    pub fn stores(&self) -> StepResult<&Stores> {
        self.stores
            .as_ref()
            .ok_or_else(|| StepError::lost("the stage does not let its stores be read"))
    }

    /// Words that the passages of a fixture manual have: those of its questions and their answers.
    pub fn words_of(&self, manual: &str) -> String {
        let of = |question: &&Question| question.manual.as_deref() == Some(manual);
        let words = self.questions.questions.iter().filter(of);
        let words: Vec<&str> = words.take(8).map(|question| question.question.as_str()).collect();
        if words.is_empty() { "manual".to_owned() } else { words.join(" ") }
    }

    /// The stage's present, for signatures.
    pub fn signing_time(&self) -> SigningTime {
        clock::signing_time(self.stage.admin.clock_file.as_deref().map(std::path::Path::new))
    }

    /// The stage's present, Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        clock::stage_ms(self.stage.admin.clock_file.as_deref().map(std::path::Path::new))
    }

    /// Sends one request as `person` and reads the whole answer; what is recorded of it comes back with either end.
    pub async fn exchange(
        &self,
        person: &Person,
        request: &Request,
        how: &How<'_>,
    ) -> (RequestSeen, StepResult<Seen>) {
        if let Some(pacing) = &self.pacing {
            pacing.slot().await;
        }
        let trace = Traceparent::derive(self.plan.seed, 0xfea7, self.next());
        let mut record = RequestSeen {
            request: format!("{} as {}", request.kind(), person.name),
            status: None,
            request_id: None,
            trace_id: Some(trace.trace_id()),
        };
        let options = self.options(person, how, trace);
        let prepared = match person.client.prepare_request(request, &options) {
            Ok(prepared) => prepared,
            Err(error) => {
                return (record, Err(StepError::lost_by("the request cannot be made", &error)));
            }
        };
        record.request = format!("{} as {}", prepared.line(), person.name);
        let clock = self.clock;
        match person.client.send(&prepared, &move || clock.us()).await {
            Ok(exchange) => {
                record.status = Some(exchange.status);
                record.request_id = exchange.request_id().map(str::to_owned);
                let signature = prepared.signature().cloned();
                (record, self.judged(request, exchange, signature))
            }
            Err(failure) => {
                record.status = failure.status;
                record.request_id.clone_from(&failure.request_id);
                let seen = format!("{failure}");
                (record, Err(StepError::broken("a whole answer", seen)))
            }
        }
    }

    fn options<'a>(
        &'a self,
        person: &'a Person,
        how: &How<'a>,
        trace: Traceparent,
    ) -> SendOptions<'a> {
        let own = person.session.as_ref();
        let auth = match (how.token, own) {
            (Some(""), _) | (None, None) => Auth::Anonymous,
            (Some(token), _) => Auth::Bearer(token),
            (None, Some(session)) if how.id_token => Auth::Id(session),
            (None, Some(session)) => Auth::Access(session),
        };
        let (signer, time) = (&self.signer, self.signing_time());
        let signing = match how.signature {
            Some(fault) => Signing::Wrong { signer, time, fault },
            None if how.unsigned => Signing::Missing,
            None => Signing::Proper { signer, user: &person.sub, time },
        };
        SendOptions { auth, signing, traceparent: Some(trace), extra_headers: how.headers.clone() }
    }

    /// Whatever a scenario looks at, every answer keeps the contract: status, headers, body, and no internals.
    fn judged(
        &self,
        request: &Request,
        exchange: Exchange,
        signature: Option<manuel_client::SignatureHeaders>,
    ) -> StepResult<Seen> {
        let parsed = self.contract.check(request, &exchange).map_err(|breaches| {
            let breaches: Vec<String> =
                breaches.iter().map(|b| format!("{}: {}", b.rule.as_str(), b.detail)).collect();
            let seen = format!("status {}, {}", exchange.status, breaches.join("; "));
            StepError::broken("an answer as the API documents it", seen)
        })?;
        Ok(Seen { request: request.clone(), exchange, parsed, signature })
    }
}

/// 127.210.0.0/16, apart from those of load runs and of preparations.
fn own_address(number: u64) -> IpAddr {
    let place = u16::try_from(number % 60_000).unwrap_or(0) + 256;
    let [high, low] = place.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 210, high, low.clamp(1, 254)))
}
