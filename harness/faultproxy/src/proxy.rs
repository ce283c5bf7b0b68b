//! One proxy: its listener, its connections, its toxics.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::link::draw::Place;
use crate::link::{End, Links, Spec, flow};
use crate::metrics::{Counts, Sample};
use crate::toxic::{Stream, Toxic};

/// How long an upstream may take to accept.
const CONNECT: Duration = Duration::from_secs(10);
/// How long closing a listener may take: its task only has to be polled once.
const CLOSE: Duration = Duration::from_secs(2);
/// A pause after an accept that failed, such as for want of descriptors.
const NO_ROOM: Duration = Duration::from_millis(20);

/// A toxic and when its lease ends.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) toxic: Toxic,
    generation: u64,
    pub(crate) ends: Option<Instant>,
}

/// A proxy as the API shows it, with what runs behind it.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) name: String,
    pub(crate) listen: String,
    pub(crate) upstream: String,
    pub(crate) toxics: Vec<Held>,
    generations: u64,
    seed: u64,
    links: watch::Sender<Links>,
    counts: Counts,
    connections: Arc<AtomicU64>,
    /// Connections accepted, of all runs.
    accepted: Arc<AtomicU64>,
    running: Option<Running>,
    /// When a proxy that is off is on again by itself.
    pub(crate) up_again: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    accepting: JoinSet<()>,
}

impl Proxy {
    /// Not started yet.
    pub(crate) fn new(name: &str, listen: &str, upstream: &str, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            listen: listen.to_owned(),
            upstream: upstream.to_owned(),
            toxics: Vec::new(),
            generations: 0,
            seed,
            links: watch::Sender::default(),
            counts: Counts::default(),
            connections: Arc::default(),
            accepted: Arc::default(),
            running: None,
            up_again: None,
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.running.is_some()
    }

    /// Begins to listen; the error is worded as Go words it. What it listens on stands in `listen` then.
    pub(crate) async fn start(&mut self) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        let address =
            resolve(&self.listen).await.map_err(|error| format!("listen tcp: {error}"))?;
        let failed = |error: std::io::Error| {
            // Go words errors as the system does, without Rust's number.
            let why = error.to_string().to_lowercase();
            let why = why.split(" (os error").next().unwrap_or_default();
            format!("listen tcp {address}: bind: {why}")
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        self.listen = listener.local_addr().map_err(failed)?.to_string();
        let stop = CancellationToken::new();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, self.dialling(), stop.clone()));
        self.running = Some(Running { stop, accepting });
        Ok(())
    }

    /// Closes the listener and every connection.
    pub(crate) async fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.stop.cancel();
        let closed = async { while running.accepting.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSE, closed).await.is_err() {
            running.accepting.abort_all();
        }
    }

    fn dialling(&self) -> Dialling {
        Dialling {
            proxy: self.name.clone(),
            upstream: self.upstream.clone(),
            seed: self.seed,
            links: self.links.subscribe(),
            counts: self.counts.clone(),
            connections: Arc::clone(&self.connections),
            accepted: Arc::clone(&self.accepted),
        }
    }

    /// By its name.
    pub(crate) fn toxic(&self, name: &str) -> Option<&Held> {
        self.toxics.iter().find(|held| held.toxic.name == name)
    }

    /// Adds toxics, or replaces those of their names.
    pub(crate) fn put(&mut self, toxics: impl IntoIterator<Item = Toxic>, now: Instant) {
        let mut changed = false;
        for toxic in toxics {
            changed |= self.hold(toxic, now);
        }
        if changed {
            self.tell();
        }
    }

    /// Whether that changes anything on the wire.
    fn hold(&mut self, toxic: Toxic, now: Instant) -> bool {
        self.generations += 1;
        let ends = toxic.ttl_ms.map(|ttl| now + Duration::from_millis(ttl));
        let held = Held { toxic, generation: self.generations, ends };
        match self.toxics.iter_mut().find(|old| old.toxic.name == held.toxic.name) {
            // A lease that is renewed changes nothing on the wire.
            Some(old) if Spec::of(&old.toxic, 0) == Spec::of(&held.toxic, 0) => {
                old.ends = held.ends;
                old.toxic.ttl_ms = held.toxic.ttl_ms;
                return false;
            }
            Some(old) => *old = held,
            None => self.toxics.push(held),
        }
        true
    }

    /// Keeps the toxics for which `keep` holds; whether all were kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Held) -> bool) -> bool {
        let before = self.toxics.len();
        self.toxics.retain(keep);
        let all = before == self.toxics.len();
        if !all {
            self.tell();
        }
        all
    }

    /// Upstream toxics first, then downstream, each in the order in which they came.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Toxic> {
        let of = |stream: Stream| {
            self.toxics.iter().map(|held| &held.toxic).filter(move |toxic| toxic.stream == stream)
        };
        of(Stream::Upstream).chain(of(Stream::Downstream))
    }

    pub(crate) fn sample(&self) -> Sample {
        Sample {
            proxy: self.name.clone(),
            listener: self.listen.clone(),
            upstream: self.upstream.clone(),
            counts: self.counts.clone(),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }

    fn tell(&self) {
        let links = self.toxics.iter().map(|held| Spec::of(&held.toxic, held.generation)).collect();
        self.links.send_replace(links);
    }
}

/// An address to listen on. Without a host it is this machine's own, not all of its networks as in Go.
pub(crate) async fn resolve(listen: &str) -> Result<SocketAddr, String> {
    let Some((host, port)) = listen.rsplit_once(':') else {
        return Err(format!("address {listen}: missing port in address"));
    };
    let number: u16 =
        port.parse().map_err(|_not_one| format!("lookup tcp/{port}: unknown port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Ok((Ipv4Addr::LOCALHOST, number).into());
    }
    let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((host, number))).await;
    let mut found: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    // `localhost` is 127.0.0.1 to Toxiproxy's clients.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| format!("lookup {host}: no such host"))
}

/// What a connection needs to know.
#[derive(Debug, Clone)]
struct Dialling {
    proxy: String,
    upstream: String,
    seed: u64,
    links: watch::Receiver<Links>,
    counts: Counts,
    connections: Arc<AtomicU64>,
    accepted: Arc<AtomicU64>,
}

async fn accept(listener: TcpListener, dialling: Dialling, stop: CancellationToken) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let number = dialling.accepted.fetch_add(1, Ordering::Relaxed) + 1;
                    open.spawn(connection(client, dialling.clone(), number));
                }
                Err(error) => {
                    tracing::warn!(%error, proxy = dialling.proxy, "cannot accept");
                    tokio::time::timeout(NO_ROOM, stop.cancelled()).await.unwrap_or_default();
                }
            },
        }
    }
    drop(listener);
    open.shutdown().await;
}

/// One that is open; counted until it is dropped, also when its task is.
struct Open(Arc<AtomicU64>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection(mut client: TcpStream, dialling: Dialling, number: u64) {
    dialling.connections.fetch_add(1, Ordering::Relaxed);
    let _open = Open(Arc::clone(&dialling.connections));
    let dialled = tokio::time::timeout(CONNECT, TcpStream::connect(dialling.upstream.as_str()));
    // The client was accepted; that nobody is behind shows in its closing, as with Toxiproxy.
    let mut server = match dialled.await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            tracing::warn!(%error, proxy = dialling.proxy, "cannot reach the upstream");
            return;
        }
        Err(_late) => {
            tracing::warn!(proxy = dialling.proxy, "the upstream does not accept");
            return;
        }
    };
    for stream in [&client, &server] {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set nodelay");
        }
    }
    if both_ways(&mut client, &mut server, &dialling, number).await == End::Reset {
        for stream in [&client, &server] {
            if let Err(error) = stream.set_zero_linger() {
                tracing::debug!(%error, "cannot reset");
            }
        }
    }
}

async fn both_ways(
    client: &mut TcpStream,
    server: &mut TcpStream,
    dialling: &Dialling,
    connection: u64,
) -> End {
    let place =
        |stream| Place { seed: dialling.seed, proxy: dialling.proxy.clone(), connection, stream };
    let [counted_up, counted_down] = dialling.counts.0.clone();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up =
        flow(from_client, to_server, dialling.links.clone(), place(Stream::Upstream), counted_up);
    let down = flow(
        from_server,
        to_client,
        dialling.links.clone(),
        place(Stream::Downstream),
        counted_down,
    );
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    let (first, up_ended) = tokio::select! {
        end = up.as_mut() => (end, true),
        end = down.as_mut() => (end, false),
    };
    match first {
        End::Fin if up_ended => down.await,
        End::Fin => up.await,
        End::Close | End::Reset => first,
    }
}
