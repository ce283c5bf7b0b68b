//! One call that starts everything, and what it hands back. It wires; each emulator's behaviour is
//! in its own module.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use injector::ledger::Ledger;
use injector::{Injector, InjectorLayer};
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, FaultsAdmin, Looks};
use crate::bedrock::{self, LatencyModel};
use crate::clock::Clock;
use crate::cognito::{Cognito, PoolIds};
use crate::credentials::{self, Keys, Role};
use crate::dynamodb::{self, Proxy};
use crate::front::{Front, Page, Shared};
use crate::internet::{Internet, InternetRefs};
use crate::knowledge_base::{self, KnowledgeBase};
use crate::model::Model;
use crate::options::{Options, StartError};
use crate::outages::Outages;
use crate::resources::{NAME_PREFIX, Resources};
use crate::s3::{self, Guard, S3Front};
use crate::secrets::Secrets;
use crate::server::{Handler, Port};
use crate::service::Service;
use crate::signature::Verifier;
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::stats::Stats;
use crate::template::Template;
use crate::transcribe::{Transcribe, TranscriptionTime};

mod stores;

/// How long a stop waits for requests under way.
const GRACE: Duration = Duration::from_millis(200);

/// Endpoint name, name in the credential scope, model. The stores have their models built in.
const SERVICES: [(&str, &str, &str); 8] = [
    ("cognito-idp", "cognito-idp", include_str!("../models/cognito-idp.json")),
    ("secretsmanager", "secretsmanager", include_str!("../models/secretsmanager.json")),
    ("bedrock-runtime", "bedrock", include_str!("../models/bedrock-runtime.json")),
    ("bedrock-agent", "bedrock", include_str!("../models/bedrock-agent.json")),
    ("bedrock-agent-runtime", "bedrock", include_str!("../models/bedrock-agent-runtime.json")),
    ("transcribe", "transcribe", include_str!("../models/transcribe.json")),
    ("sqs", "sqs", include_str!("../models/sqs.json")),
    ("sns", "sns", include_str!("../models/sns.json")),
];

/// Running emulators. Dropping them ends everything at once; [`Emulators::stop`] is gentler.
#[derive(Debug)]
pub struct Emulators {
    endpoints: BTreeMap<String, String>,
    admin_url: String,
    injector: Injector,
    injector_url: String,
    resources: Resources,
    internet: InternetRefs,
    keys: Keys,
    stop: CancellationToken,
    servers: JoinSet<()>,
    /// Clock and sweeper: nothing waits for them.
    background: JoinSet<()>,
}

impl Emulators {
    /// Service → `http://127.0.0.1:PORT`: dynamodb, s3, cognito-idp, bedrock-runtime, bedrock-agent,
    /// bedrock-agent-runtime, secretsmanager, transcribe, sqs, sns.
    pub fn endpoints(&self) -> &BTreeMap<String, String> {
        &self.endpoints
    }

    /// Where outages are declared and statistics read.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// Where faults are injected before every service: `injector::admin`.
    pub fn injector_url(&self) -> &str {
        &self.injector_url
    }

    /// Names and ids of everything that was created.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The rest of the world, for a backend whose outgoing connections are pinned.
    pub fn internet(&self) -> &InternetRefs {
        &self.internet
    }

    /// Access key id and secret for the backend under test: every operation.
    pub fn backend_credentials(&self) -> (String, String) {
        self.keys.pair(Role::Backend)
    }

    /// Access key id and secret that may read DynamoDB and S3, nothing else.
    pub fn read_only_credentials(&self) -> (String, String) {
        self.keys.pair(Role::ReadOnly)
    }

    /// Access key id and secret that may call Cognito's admin operations, nothing else.
    pub fn user_admin_credentials(&self) -> (String, String) {
        self.keys.pair(Role::UserAdmin)
    }

    /// Closes every port, gives requests under way 200 ms, then ends them.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.background.abort_all();
        let finished = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::debug!("requests under way were cut off");
        }
        self.servers.shutdown().await;
        self.background.shutdown().await;
        if let Err(error) = self.injector.ledger().sync() {
            tracing::error!(%error, "cannot keep the fault ledger");
        }
    }
}

/// Starts every emulator; when it returns, each answers.
pub async fn start(options: Options) -> Result<Emulators, StartError> {
    let template = |source| StartError::Template { path: options.template.clone(), source };
    let stores = Template::read(&options.template).map_err(template)?;
    let manuals_bucket = stores.manuals_bucket().map_err(template)?.to_owned();
    let mut starting = Starting::new(&options)?;
    // The key takes longest: it is in the making while the rest starts.
    let ids = PoolIds::draw(options.seed, &options.region);
    let cognito = Arc::new(Cognito::new(ids.clone(), starting.shared.clock.clone()));

    let hmac_secret_id = format!("{NAME_PREFIX}hmac-key");
    let hmac = (hmac_secret_id.as_str(), options.hmac_secret.as_str());
    let (made, store) = starting.stores(&options, &stores, hmac).await?;

    let page = cognito.jwks_page();
    let cognito_url = starting.json(Arc::clone(&cognito) as Arc<dyn Service>, Some(page)).await?;
    let clock = starting.shared.clock.clone();
    let secrets = Secrets::new(
        clock.clone(),
        (&options.region, &options.account_id),
        (&hmac_secret_id, &options.hmac_secret),
    );
    if made.is_none() {
        starting.json(Arc::new(secrets), None).await?;
    }
    let runtime = bedrock::runtime(options.model_latency, options.seed, clock.clone());
    starting.json(Arc::new(runtime), None).await?;
    let mut rng = ChaCha12Rng::seed_from_u64(options.seed);
    let mut id = || credentials::text(&mut rng, 10, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    let (base_id, source_id) = (id(), id());
    let base = KnowledgeBase::new(
        store.clone(),
        manuals_bucket,
        base_id.clone(),
        source_id.clone(),
        clock.clone(),
    );
    starting.json(Arc::new(knowledge_base::agent(Arc::clone(&base))), None).await?;
    starting.json(Arc::new(knowledge_base::agent_runtime(base)), None).await?;

    let place = (options.region.as_str(), options.account_id.as_str());
    // A model that answers at once has a recogniser that does.
    let at_once = options.model_latency == LatencyModel::zero();
    let time = if at_once { TranscriptionTime::zero() } else { options.transcription_time };
    starting.json(Arc::new(Transcribe::new(clock.clone(), store, place, time)), None).await?;
    let sqs = Arc::new(Sqs::new(clock.clone(), place, &stores.queues));
    let sns = Arc::new(Sns::new(clock, place, &stores.topics));
    let made = match made {
        Some(made) => made,
        None => starting.messages(&sqs, &sns, &stores.queues).await?,
    };

    let internet = Internet::bind().await.map_err(StartError::Internet)?;
    let looks =
        Looks { cognito, sqs: Arc::clone(&sqs), sns: Arc::clone(&sns), internet: internet.seen() };
    let resources = Resources {
        tables: stores.tables.into_iter().map(|table| (table.logical_id, table.name)).collect(),
        buckets: stores
            .buckets
            .into_iter()
            .map(|bucket| (bucket.logical_id, bucket.name))
            .collect(),
        queues: made.queues,
        topics: made.topics,
        jwks_url: format!("{cognito_url}{}", ids.jwks_path()),
        user_pool_id: ids.user_pool_id,
        client_id: ids.client_id,
        issuer: ids.issuer,
        knowledge_base_id: base_id,
        data_source_id: source_id,
        hmac_secret_id,
    };
    starting.finish(resources, looks, internet).await
}

/// What has been started so far; dropping it ends that again.
struct Starting {
    region: String,
    shared: Shared,
    keys: Keys,
    injector: Injector,
    models: BTreeMap<&'static str, (&'static str, Model)>,
    endpoints: BTreeMap<String, String>,
    stats: BTreeMap<&'static str, Arc<Stats>>,
    stop: CancellationToken,
    servers: JoinSet<()>,
    background: JoinSet<()>,
}

impl Starting {
    fn new(options: &Options) -> Result<Self, StartError> {
        let clock = Clock::new(options.clock_file.clone());
        let mut models = BTreeMap::new();
        for (service, scope, text) in SERVICES {
            let model =
                Model::parse(text).map_err(|source| StartError::Model { service, source })?;
            models.insert(service, (scope, model));
        }
        let services = SERVICES.iter().map(|(name, ..)| *name).chain(["dynamodb", "s3"]);
        let outages = Arc::new(Outages::new(clock.clone(), services.collect()));
        let mut background = JoinSet::new();
        background.spawn(clock.clone().follow());
        let ledger = options.fault_ledger.as_deref().map(Ledger::append_to).transpose();
        let ledger = ledger.map_err(StartError::Ledger)?.unwrap_or_else(Ledger::in_memory);
        let keys = Keys::draw(options.seed);
        let injector = Injector::new(options.seed, ledger).map_err(StartError::Faults)?;
        // What the harness looks up or sets up itself is never hit.
        injector.spare([Role::ReadOnly, Role::UserAdmin].map(|role| keys.pair(role).0));
        Ok(Self {
            region: options.region.clone(),
            shared: Shared { clock, outages, account_id: options.account_id.clone() },
            keys,
            injector,
            models,
            endpoints: BTreeMap::new(),
            stats: BTreeMap::new(),
            stop: CancellationToken::new(),
            servers: JoinSet::new(),
            background,
        })
    }

    async fn dynamodb(&mut self, stores: &Template) -> Result<(), StartError> {
        let clock = self.shared.clock.clone();
        let database = dynamodb::open(clock.clone(), stores.tables.clone())
            .await
            .map_err(StartError::Tables)?;
        let engine = Port::bind().await.map_err(StartError::Listen)?;
        let proxy = Proxy::new(engine.address(), self.verifier("dynamodb"), self.shared.clone());
        self.servers.spawn(dynamodb::serve(engine, database.clone(), self.stop.clone()));
        self.background.spawn(dynamodb::sweep(clock, database));
        let stats = proxy.stats();
        self.serve("dynamodb", proxy, stats).await.map(drop)
    }

    async fn s3(
        &mut self,
        options: &Options,
        stores: &Template,
    ) -> Result<s3::store::S3Store, StartError> {
        let guard = Guard { keys: self.keys.clone(), outages: Arc::clone(&self.shared.outages) };
        let clock = self.shared.clock.clone();
        let (service, store) = s3::open(&options.s3, &stores.buckets, clock.clone(), guard)
            .map_err(StartError::ObjectStore)?;
        let front = S3Front::new(service, self.keys.clone(), self.region.clone(), clock);
        let stats = front.stats();
        self.serve("s3", front, stats).await?;
        Ok(store)
    }

    /// Puts a JSON service behind its front; its name must be one of `SERVICES`.
    async fn json(
        &mut self,
        service: Arc<dyn Service>,
        page: Option<Page>,
    ) -> Result<String, StartError> {
        let name = service.name();
        let unknown = crate::model::ModelError::NoModel(name);
        let (scope, model) =
            self.models.remove(name).ok_or(StartError::Model { service: name, source: unknown })?;
        let verifier = self.verifier(scope);
        let front = Front::new(service, model, verifier, self.shared.clone(), page);
        let stats = front.stats();
        self.serve(name, front, stats).await
    }

    async fn serve<H: Handler>(
        &mut self,
        name: &'static str,
        handler: H,
        stats: Arc<Stats>,
    ) -> Result<String, StartError> {
        let port = Port::bind().await.map_err(StartError::Listen)?;
        let url = port.url();
        self.endpoints.insert(name.to_owned(), url.clone());
        self.stats.insert(name, stats);
        let faults = InjectorLayer::new(self.injector.clone(), name);
        self.servers.spawn(port.serve(handler, Some(faults), self.stop.clone()));
        Ok(url)
    }

    fn verifier(&self, scope: &'static str) -> Verifier {
        Verifier::new(self.keys.clone(), self.region.clone(), scope, self.shared.clock.clone())
    }

    async fn finish(
        mut self,
        resources: Resources,
        looks: Looks,
        internet: Internet,
    ) -> Result<Emulators, StartError> {
        let admin = Admin {
            clock: self.shared.clock.clone(),
            outages: Arc::clone(&self.shared.outages),
            stats: Arc::new(self.stats),
            looks,
        };
        let port = Port::bind().await.map_err(StartError::Listen)?;
        let admin_url = port.url();
        self.servers.spawn(port.serve(admin, None, self.stop.clone()));
        let port = Port::bind().await.map_err(StartError::Listen)?;
        let injector_url = port.url();
        let faults = FaultsAdmin(self.injector.clone());
        self.servers.spawn(port.serve(faults, None, self.stop.clone()));
        let refs = internet.refs();
        self.servers.spawn(internet.serve(self.stop.clone()));
        Ok(Emulators {
            endpoints: self.endpoints,
            admin_url,
            injector: self.injector,
            injector_url,
            resources,
            internet: refs,
            keys: self.keys,
            stop: self.stop,
            servers: self.servers,
            background: self.background,
        })
    }
}
