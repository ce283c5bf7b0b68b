//! Brings one stage up, step by step, and down again however far it got: binary, embedded AWS, backend, users, file.
//! Each step is bounded; nothing here prints.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::stage::Limits;
use verdict::domain::stage::RateLimit;
use verdict::domain::stage::StageDescription;

use super::backend_start;
use super::backend_start::Version;
use super::containers::Containers;
use super::edge_start;
use super::functions_start;
use super::functions_start::Binaries;
use super::launch_error::LaunchError;
use super::manual_files;
use crate::adapters::edge::Edge;
use crate::adapters::embedded_stage::BackendFacts;
use crate::adapters::embedded_stage::BackendSettings;
use crate::adapters::embedded_stage::EmbeddedSettings;
use crate::adapters::embedded_stage::EmbeddedStage;
use crate::adapters::embedded_stage::env_file;
use crate::adapters::embedded_stage::write_stage_file;
use crate::adapters::guard::Guarded;
use crate::adapters::lambda_host::LambdaHost;
use crate::adapters::localstack_host::LocalStackHost;
use crate::adapters::poll::Pace;
use crate::adapters::provision::ProvisionedUser;
use crate::adapters::provision::provision;
use crate::adapters::stage_process::BackendChoice;
use crate::adapters::stage_process::StageLine;
use crate::adapters::stage_process::StageRequest;
use crate::adapters::tls_front::TlsFront;
use crate::commands::Context;
use crate::config::root;

mod recipe;
mod respawn;

/// How long a person has to start a backend in a debugger.
const BY_HAND: Duration = Duration::from_mins(10);
/// Users that are provisioned at once: enough to keep two cores busy.
const CONCURRENCY: usize = 16;

/// Variables of a backend.
type Variables = BTreeMap<String, String>;

/// A stage on its way up, or up.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    request: &'a StageRequest,
    ctx: &'a Context,
    embedded: Option<EmbeddedStage>,
    backend: Option<Guarded>,
    /// The server's binary and where it listens.
    server: Option<(PathBuf, String)>,
    functions: Option<LambdaHost>,
    edge: Option<Edge>,
    tls: Option<TlsFront>,
    localstack: Option<LocalStackHost>,
    containers: Containers,
}

/// What there is to start.
enum Program {
    Server(PathBuf),
    Functions(LambdaOptions, Binaries),
    /// A person starts it.
    ByHand(PathBuf),
}

/// A backend that answers.
struct Answering {
    base_url: String,
    version: Version,
}

impl<'a> Launch<'a> {
    pub(super) fn new(request: &'a StageRequest, ctx: &'a Context) -> Self {
        Self {
            request,
            ctx,
            embedded: None,
            backend: None,
            server: None,
            functions: None,
            edge: None,
            tls: None,
            localstack: None,
            containers: Containers::default(),
        }
    }

    /// Where the backend's output goes.
    pub(super) fn backend_log(&self) -> PathBuf {
        EmbeddedStage::backend_log(&self.request.run_dir)
    }

    /// The same, empty: what an earlier stage has left in this folder says of another backend where it listens.
    fn fresh_log(&self) -> Result<PathBuf, LaunchError> {
        let path = self.backend_log();
        match File::create(&path) {
            Ok(_empty) => Ok(path),
            Err(source) => Err(LaunchError::Log { path, source }),
        }
    }

    /// The guarded backend, where there is one.
    pub(super) fn backend_mut(&mut self) -> Option<&mut Guarded> {
        self.backend.as_mut()
    }

    /// All the way to the `ready` line. After an error, or when this future is dropped, call [`stop`](Self::stop).
    pub(super) async fn start(
        &mut self,
        mut note: impl FnMut(String),
    ) -> Result<StageLine, LaunchError> {
        let began = Instant::now();
        let rules = edge_start::rules(self.request)?;
        let program = self.program().await?;
        let built = Instant::now();
        let manuals =
            manual_files(&self.request.root).map_err(|source| LaunchError::Fixtures { source })?;
        self.start_embedded(&mut note).await?;
        let answering = match program {
            Program::Server(binary) => self.start_backend(binary).await?,
            Program::Functions(options, binaries) => {
                self.start_functions(options, binaries, &mut note).await?
            }
            Program::ByHand(env_file) => self.wait_for_a_person(&env_file, &mut note).await?,
        };
        self.check_defects(&answering.version)?;
        let mut description = self.describe(answering)?;
        let users = provision(&description, &manuals, &self.request.users, CONCURRENCY)
            .await
            .map_err(|source| LaunchError::Provision { source })?;
        description.users = users.iter().map(ProvisionedUser::to_stage_user).collect();
        if let Some(rules) = rules {
            edge_start::findings(&rules).into_iter().for_each(&mut note);
            self.edge = Some(edge_start::start(rules, &mut description).await?);
        }
        self.as_asked(&mut description).await?;
        let stage_file = self.write(&description)?;
        let ms = |from: Instant, to: Instant| u64::try_from((to - from).as_millis()).unwrap_or(0);
        Ok(StageLine::Ready {
            stage_file,
            description: Box::new(description),
            ready_ms: ms(built, Instant::now()),
            build_ms: ms(began, built),
        })
    }

    /// Stops what was started, the edge first and then the backend: it must not see its AWS go.
    pub(super) async fn stop(&mut self) {
        if let Some(tls) = self.tls.take() {
            tls.stop().await;
        }
        if let Some(edge) = self.edge.take() {
            edge.stop().await;
        }
        if let Some(functions) = self.functions.take() {
            functions.stop().await;
        }
        if let Some(backend) = self.backend.take() {
            backend.stop().await;
        }
        if let Some(embedded) = self.embedded.take() {
            embedded.stop().await;
        }
        if let Some(localstack) = self.localstack.take() {
            localstack.stop().await;
        }
        self.containers.stop().await;
    }

    async fn program(&self) -> Result<Program, LaunchError> {
        let StageRequest { root, run_dir, .. } = self.request;
        let functions = |options, binaries| Program::Functions(options, binaries);
        match (&self.request.backend, self.request.lambda) {
            (BackendChoice::Build { defects }, None) => {
                backend_start::build(self.ctx, root, run_dir, *defects).await.map(Program::Server)
            }
            (BackendChoice::Binary(path), None) => backend_start::named(path).map(Program::Server),
            (BackendChoice::None { env_file }, None) => Ok(Program::ByHand(env_file.clone())),
            (BackendChoice::Build { defects: true }, Some(_)) => Err(LaunchError::LambdaDefects),
            (BackendChoice::Build { defects: false }, Some(options)) => {
                let built = functions_start::build(self.ctx, root, run_dir).await;
                built.map(|binaries| functions(options, binaries))
            }
            (BackendChoice::Binary(folder), Some(options)) => {
                functions_start::named(folder).map(|binaries| functions(options, binaries))
            }
            (BackendChoice::None { .. }, Some(_)) => Err(LaunchError::LambdaByHand),
        }
    }

    async fn start_embedded(&mut self, note: &mut impl FnMut(String)) -> Result<(), LaunchError> {
        let external = self.external(note).await?;
        let settings = EmbeddedSettings {
            root: self.request.root.clone(),
            run_dir: self.request.run_dir.clone(),
            seed: self.request.seed,
            model_latency: self.request.model_latency,
            wire_faults: self.request.wire_faults,
            external,
        };
        let embedded = EmbeddedStage::start(&settings)
            .await
            .map_err(|source| LaunchError::Embedded { source })?;
        self.embedded = Some(embedded);
        Ok(())
    }

    async fn start_backend(&mut self, binary: PathBuf) -> Result<Answering, LaunchError> {
        if let Some(address) = self.request.env.get("BIND_ADDRESS") {
            backend_start::check_bind_address(address)?;
        }
        let variables = self.variables("127.0.0.1:0".to_owned(), root::passed_on())?;
        let log = self.fresh_log()?;
        let places = (self.request.run_dir.as_path(), log.as_path());
        let started = backend_start::start(self.ctx, &binary, variables, places).await?;
        let guarded = self.backend.insert(started);
        let base_url = backend_start::listening(guarded, &binary, &log).await?;
        let version = tokio::select! {
            exit = guarded.exited() => return Err(LaunchError::Ended { path: binary, exit }),
            version = backend_start::version(&base_url, backend_start::pace()) => version,
        };
        match version {
            Ok(version) => {
                self.server = Some((binary, base_url.clone()));
                Ok(Answering { base_url, version })
            }
            Err(expired) => Err(LaunchError::NotReady {
                path: binary,
                within: expired.within,
                last_seen: expired.last_seen,
            }),
        }
    }

    /// The host with a warm sandbox of each function, so that one that cannot start is seen now.
    async fn start_functions(
        &mut self,
        options: LambdaOptions,
        binaries: Binaries,
        note: &mut impl FnMut(String),
    ) -> Result<Answering, LaunchError> {
        let bind = match self.request.env.get("BIND_ADDRESS") {
            Some(address) => backend_start::check_bind_address(address)?,
            None => SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let variables = self.variables(bind.to_string(), root::passed_on())?;
        let place = functions_start::Place {
            bind,
            variables: variables.clone(),
            cwd: &self.request.run_dir,
            log: self.fresh_log()?,
        };
        let started = functions_start::start(self.ctx, options, binaries, place).await?;
        let host = self.functions.insert(started);
        let warm = host.warm().await.map_err(|source| LaunchError::Lambda { source })?;
        note(functions_start::cold_starts(&warm));
        host.work(&variables).await;
        let base_url = host.base_url();
        match backend_start::version(&base_url, backend_start::pace()).await {
            Ok(version) => Ok(Answering { base_url, version }),
            Err(expired) => Err(LaunchError::GatewayNotReady {
                base_url,
                within: expired.within,
                last_seen: expired.last_seen,
            }),
        }
    }

    async fn wait_for_a_person(
        &self,
        file: &Path,
        note: &mut impl FnMut(String),
    ) -> Result<Answering, LaunchError> {
        let address = match self.request.env.get("BIND_ADDRESS") {
            Some(address) => backend_start::check_bind_address(address)?,
            None => backend_start::free_address()?,
        };
        let variables = self.variables(address.to_string(), Variables::new())?;
        env_file(file, &variables)
            .map_err(|source| LaunchError::EnvFile { path: file.to_path_buf(), source })?;
        let base_url = format!("http://{address}");
        note(format!(
            "start the backend with the variables in {} (set -a; . {}); waiting up to {} min for {base_url}",
            file.display(),
            file.display(),
            BY_HAND.as_secs() / 60
        ));
        match backend_start::version(&base_url, Pace::patient(BY_HAND)).await {
            Ok(version) => Ok(Answering { base_url, version }),
            Err(expired) => Err(LaunchError::NobodyStarted {
                base_url,
                within: expired.within,
                last_seen: expired.last_seen,
            }),
        }
    }

    fn variables(
        &self,
        bind_address: String,
        passed_on: Variables,
    ) -> Result<Variables, LaunchError> {
        let settings = BackendSettings {
            bind_address,
            limits: self.limits(),
            defects: self.request.defects.clone(),
            passed_on,
            overrides: self.request.env.clone(),
        };
        self.embedded()?
            .backend_environment(&settings)
            .map_err(|source| LaunchError::Embedded { source })
    }

    /// What the backend will enforce: an override of a quota or of the rate limit is one, too.
    fn limits(&self) -> Limits {
        fn overridden<T: FromStr>(env: &Variables, name: &str, otherwise: T) -> T {
            env.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(otherwise)
        }
        let StageRequest { env, daily_quota, monthly_quota, rate_limit, .. } = self.request;
        Limits {
            daily_quota: overridden(env, "DAILY_QUOTA", *daily_quota),
            monthly_quota: overridden(env, "MONTHLY_QUOTA", *monthly_quota),
            rate_limit: Some(RateLimit {
                requests: overridden(env, "RATE_LIMIT_REQUESTS", rate_limit.requests),
                window_s: overridden(env, "RATE_LIMIT_WINDOW_S", rate_limit.window_s),
            }),
            max_rate_per_s: None,
            max_users: None,
            max_cost_cents: None,
            chaos: true,
        }
    }

    /// A backend without the defects that were asked for would pass, and prove nothing.
    fn check_defects(&self, version: &Version) -> Result<(), LaunchError> {
        let missing = self.request.defects.iter().any(|name| !version.defects.contains(name));
        if missing {
            let reported = match version.defects.join(", ") {
                none if none.is_empty() => "none".to_owned(),
                some => some,
            };
            return Err(LaunchError::Defects { wanted: self.request.defects.join(", "), reported });
        }
        Ok(())
    }

    fn describe(&self, answering: Answering) -> Result<StageDescription, LaunchError> {
        let ours = self.backend.is_some() || self.functions.is_some();
        let facts = BackendFacts {
            base_url: answering.base_url,
            commit: answering.version.commit,
            defects: answering.version.defects,
            pid: self.backend.as_ref().map(Guarded::pid),
            lambda_url: self.functions.as_ref().map(|host| host.admin_url().to_owned()),
            log: ours.then(|| self.backend_log()),
            limits: self.limits(),
            // Another world than the stage's own is not told of by its admin API.
            pinned_egress: !self.request.env.contains_key("TEST_EGRESS"),
            allowlist: self.request.has_features_allowlist(),
            web_origins: self.request.web_origins(),
        };
        self.embedded()?.describe(facts).map_err(|source| LaunchError::Embedded { source })
    }

    fn embedded(&self) -> Result<&EmbeddedStage, LaunchError> {
        self.embedded.as_ref().ok_or(LaunchError::NotStarted)
    }

    fn write(&self, description: &StageDescription) -> Result<PathBuf, LaunchError> {
        let path = self.request.run_dir.join("stage.json");
        write_stage_file(&path, description).map_err(|source| LaunchError::Describe { source })?;
        Ok(path)
    }
}
