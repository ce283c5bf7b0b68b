//! The server process: configuration, logging, listening, and an orderly end. Listening comes before any call to AWS.

mod framing;
mod unread;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::header;
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use self::unread::Shared;
use crate::app::error_processing;
use crate::app::sweep;
use crate::aws::clients;
use crate::clock::{self, Clock};
use crate::config::{Config, Environment, Stage, environment};
use crate::context::Deadline;
use crate::http::{Peer, router};
use crate::state::App;
use crate::{COMMIT, VERSION, defects, health_probe, logging, pdf_reader, start};

/// What standard error calls it.
const PROGRAM: &str = "server";

/// How long requests in flight may take after the signal to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection may be idle, and how long a client may take to send a request's head: longer than clients keep
/// idle connections, so that it is they who close them.
const HEAD_WITHIN: Duration = Duration::from_secs(100);

/// What tasks may take after the last connection is closed.
const TASKS_WITHIN: Duration = Duration::from_secs(1);

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;

/// The pause after a failed accept: out of descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server ended.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen on {address}")]
    Bind {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
}

/// Runs the server until it is told to stop; or, when the server has started it for that, reads one PDF.
pub fn main() -> ExitCode {
    if health_probe::is_asked_for() {
        return health_probe::probe();
    }
    if pdf_reader::is_asked_for() {
        return pdf_reader::read_one();
    }
    run(&environment())
}

/// The defect build: the same server, with what `MANUEL_DEFECTS` names switched on.
#[cfg(feature = "defects")]
pub fn main_with_defects() -> ExitCode {
    if pdf_reader::is_asked_for() {
        return pdf_reader::read_one();
    }
    let environment = environment();
    match start::switch_on_defects(PROGRAM, &environment) {
        Ok(()) => run(&environment),
        Err(code) => code,
    }
}

fn run(environment: &Environment) -> ExitCode {
    match Config::from_environment(environment) {
        Ok(config) => {
            logging::start(config.log_filter.as_deref());
            start::end(PROGRAM, serve(config))
        }
        Err(errors) => start::refuse(PROGRAM, &errors),
    }
}

fn serve(config: Config) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let served = runtime.block_on(serve_until_signal(config));
    // A thread that still decodes a file is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

async fn serve_until_signal(config: Config) -> Result<(), ServeError> {
    let address = config.bind_address;
    let bind = |source| ServeError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let bound = listener.local_addr().map_err(bind)?;
    let signals = signals()?;

    let clock = config.test_hooks.clock_file.as_deref().map_or(Clock::System, Clock::following);
    let sdk = clients::sdk_config(&config).await;
    let ports = clients::ports(&sdk, &config);
    let app = App::new(config, clock, ports);
    app.failures.stay();
    tracing::info!(
        message = "listening",
        address = %bound,
        version = VERSION,
        git_commit = COMMIT,
        stage = app.config.stage.as_str(),
        defects = defects::reported().map(|names| names.join(",")),
    );

    let mut background = JoinSet::new();
    background.spawn(Arc::clone(&app.indexing).run(signals.stop.clone()));
    // Deployed, the queue is emptied by a function of its own; a local stage has none.
    if app.config.stage == Stage::Local && app.config.dlq_url.is_some() {
        background.spawn(error_processing::run(app.clone(), signals.stop.clone()));
    }
    background.spawn(sweep::run(app.clone(), signals.stop.clone()));
    let (connections, graceful) = accept(&listener, router(app.clone()), &signals.stop).await;
    drop(listener);
    tracing::info!(message = "stopping", connections = connections.len());
    tokio::select! {
        () = drain(&app, connections, graceful, background) => {}
        () = signals.abandon.cancelled() => tracing::warn!(message = "stopped by a second signal"),
    }
    tracing::info!(message = "stopped");
    Ok(())
}

/// Lets what is in flight finish, within a bound.
async fn drain(
    app: &App,
    mut connections: JoinSet<()>,
    graceful: GracefulShutdown,
    mut background: JoinSet<()>,
) {
    let deadline = Deadline::after(DRAIN_WITHIN);
    if deadline.bound(graceful.shutdown()).await.is_err() {
        tracing::warn!(message = "connections cut", connections = connections.len());
    }
    connections.shutdown().await;
    app.tasks.close();
    let settled = async {
        app.tasks.wait().await;
        while background.join_next().await.is_some() {}
    };
    // What connections left over gets a moment even when they took all of the time.
    if deadline.later_by(TASKS_WITHIN).bound(settled).await.is_err() {
        tracing::warn!(message = "stopped with work unfinished", tasks = app.tasks.len());
    }
}

/// What SIGTERM and SIGINT cancel.
struct Signals {
    /// By the first: no new connection, finish what is in flight.
    stop: CancellationToken,
    /// By the second: do not wait for it.
    abandon: CancellationToken,
}

fn signals() -> Result<Signals, ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let signals = Signals { stop: CancellationToken::new(), abandon: CancellationToken::new() };
    let tokens = [signals.stop.clone(), signals.abandon.clone()];
    // Lives as long as the runtime: it only waits.
    TaskTracker::new().spawn(async move {
        for token in tokens {
            tokio::select! {
                _received = terminate.recv() => {}
                _received = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(signals)
}

/// Takes connections until told to stop; gives those that are open.
async fn accept(
    listener: &TcpListener,
    router: Router,
    stop: &CancellationToken,
) -> (JoinSet<()>, GracefulShutdown) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => return (connections, graceful),
            Some(_ended) = connections.join_next() => continue,
            taken = take(listener, &room) => taken,
        };
        let Some((stream, peer, permit)) = taken else { continue };
        let router = router.clone();
        let service = tower::service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let router = router.clone();
            async move {
                if framing::is_ambiguous(request.headers()) {
                    tracing::debug!(message = "ambiguous request refused");
                    return Ok(framing::refusal());
                }
                // Who waits to be asked for the body sends none.
                let unasked = request.headers().contains_key(header::EXPECT);
                let request = request.map(Shared::new);
                let sent = request.body().clone();
                let answer: Result<_, Infallible> = router.oneshot(request).await;
                let Ok(answer) = answer;
                if answer.status().is_client_error() && !unasked && !sent.is_end_stream() {
                    sent.drain().await;
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(message = "connection ended", cause = logging::chain(&error));
            }
        });
    }
}

type Taken = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection, when there is room for one.
async fn take(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<Taken> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Without it small answers wait for the client's acknowledgement; a socket that refuses it is slow, not wrong.
            let _slow: std::io::Result<()> = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            tracing::warn!(message = "accept failed", cause = logging::chain(&error));
            clock::pause(ACCEPT_PAUSE).await;
            None
        }
    }
}
