//! The figures of the proxy, in one run beside a direct connection: client, proxy and upstream each in a process of its
//! own. `cargo bench --profile release -p faultproxy`; a few minutes at most, nothing leaves 127.0.0.1.
//!
//! What one core has to do for a ping-pong is measured with `taskset -c 0` before it: on two cores that sleep in between, their
//! waking up is measured.
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use faultproxy::client::{Client, Toxic};
use faultproxy::{FaultProxy, Options};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Done<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What one end of the wire says first: echo what comes, or pour.
const POUR: u8 = b'P';
const ECHO: u8 = b'E';
const MEASURED: usize = 20_000;
const POURED: u64 = 1 << 30;

fn main() -> ExitCode {
    let role = std::env::args().nth(1).unwrap_or_default();
    match run(&role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(role: &str) -> Done {
    // Client and upstream are there to measure: one thread each, so that none of theirs wakes another.
    let alone = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match role {
        "upstream" => alone()?.block_on(upstream()),
        "proxy" => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(proxy())
        }
        _ => {
            let runtime = alone()?;
            let (to, at, _both) = runtime.block_on(client())?;
            criteria(&runtime, to, at);
            Ok(())
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// A process of this program in another role; ends with its standard input.
struct Role(Child);

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn start(role: &str) -> Done<(Role, SocketAddr)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let out = tokio::process::ChildStdout::from_std(child.stdout.take().ok_or("no output")?)?;
    let line = BufReader::new(out).lines().next_line().await?.ok_or("no address")?;
    Ok((Role(child), line.parse()?))
}

/// Waits until whoever started this process is gone.
async fn parent_gone() {
    drop(tokio::io::stdin().read(&mut [0]).await);
}

async fn upstream() -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?.to_string());
    let mut open = JoinSet::new();
    let serving = async {
        loop {
            let (mut stream, _) = listener.accept().await?;
            open.spawn(async move {
                stream.set_nodelay(true)?;
                if stream.read_u8().await? == POUR {
                    let chunk = vec![7; 256 << 10];
                    let mut left = POURED;
                    while left > 0 {
                        stream.write_all(&chunk).await?;
                        left = left.saturating_sub(256 << 10);
                    }
                    return stream.shutdown().await;
                }
                let mut buffer = [0; 4096];
                loop {
                    let read = stream.read(&mut buffer).await?;
                    if read == 0 {
                        return stream.shutdown().await;
                    }
                    stream.write_all(&buffer[..read]).await?;
                }
            });
            while open.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        ended = serving => ended,
        () = parent_gone() => Ok(()),
    }
}

async fn proxy() -> Done {
    let server = FaultProxy::start(Options::local(42)).await?;
    say(&server.address().to_string());
    parent_gone().await;
    server.stop().await;
    Ok(())
}

async fn open(at: SocketAddr, first: u8) -> Done<TcpStream> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    stream.write_u8(first).await?;
    if first == ECHO {
        // The upstream swallows the role's letter; what is sent next comes back.
        stream.write_u8(1).await?;
        stream.read_u8().await?;
    }
    Ok(stream)
}

/// The same two figures by criterion, with its intervals and its page.
fn criteria(runtime: &tokio::runtime::Runtime, to: SocketAddr, at: SocketAddr) {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let took = |what: Done<Duration>| what.unwrap_or(Duration::MAX);
    let mut group = criterion.benchmark_group("64 B ping-pong");
    for (name, address) in [("direct", to), ("through the proxy", at)] {
        group.bench_function(name, |bench| {
            bench.iter_custom(|times| {
                let times = usize::try_from(times).unwrap_or(usize::MAX);
                took(
                    runtime.block_on(async {
                        Ok(round_trips(address, times).await?.into_iter().sum())
                    }),
                )
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("pour");
    group.sample_size(10).throughput(Throughput::Bytes(POURED));
    for (name, address) in [("direct", to), ("through the proxy", at)] {
        group.bench_function(name, |bench| {
            bench.iter_custom(|times| {
                took(runtime.block_on(async {
                    let began = Instant::now();
                    for _ in 0..times {
                        pour(address).await?;
                    }
                    Ok(began.elapsed())
                }))
            });
        });
    }
    group.finish();
    criterion.final_summary();
}

/// Every figure but criterion's; the roles go on.
async fn client() -> Done<(SocketAddr, SocketAddr, [Role; 2])> {
    let (upstream, to) = start("upstream").await?;
    let (proxy, admin) = start("proxy").await?;
    let client = Client::new(&format!("http://{admin}"))?;
    let at: SocketAddr =
        client.create("p", "127.0.0.1:0", &to.to_string()).await?.listen.parse()?;
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    say(&format!("faultproxy figures, {profile} build"));
    ping_pong(to, at).await?;
    throughput(to, at).await?;
    idle(at).await?;
    admin_under_load(&client, at).await?;
    latency(&client, at).await?;
    bandwidth(&client, at).await?;
    resets(&client, at).await?;
    toxicity(&client, at).await?;
    patterns(&client, to).await?;
    client.reset().await?;
    let at = client.proxy("p").await?.listen.parse()?;
    Ok((to, at, [upstream, proxy]))
}

fn percentile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank"
    )]
    let rank = (sorted.len() as f64 * share) as usize;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

async fn round_trips(at: SocketAddr, count: usize) -> Done<Vec<Duration>> {
    let mut stream = open(at, ECHO).await?;
    let mut buffer = [7; 64];
    let mut took = Vec::with_capacity(count);
    for round in 0..count + 1000 {
        let began = Instant::now();
        stream.write_all(&buffer).await?;
        stream.read_exact(&mut buffer).await?;
        if round >= 1000 {
            took.push(began.elapsed());
        }
    }
    took.sort_unstable();
    Ok(took)
}

async fn ping_pong(to: SocketAddr, at: SocketAddr) -> Done {
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        direct.extend(round_trips(to, MEASURED).await?);
        through.extend(round_trips(at, MEASURED).await?);
    }
    direct.sort_unstable();
    through.sort_unstable();
    let show = |name: &str, took: &[Duration]| {
        let us = |share| percentile(took, share).as_secs_f64() * 1e6;
        say(&format!("64 B ping-pong {name}: p50 {:.1} µs, p99 {:.1} µs", us(0.5), us(0.99)));
        us(0.5)
    };
    let cost = -show("direct", &direct) + show("through the proxy", &through);
    say(&format!("64 B ping-pong cost: {cost:.1} µs at p50 (goal 12)"));
    Ok(())
}

async fn pour(at: SocketAddr) -> Done<f64> {
    let mut stream = open(at, POUR).await?;
    let mut buffer = vec![0; 256 << 10];
    let (began, mut all) = (Instant::now(), 0_u64);
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => all += u64::try_from(read)?,
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "gigabytes")]
    let rate = all as f64 / began.elapsed().as_secs_f64() / 1e9;
    Ok(rate)
}

async fn throughput(to: SocketAddr, at: SocketAddr) -> Done {
    let (direct, through) = (pour(to).await?, pour(at).await?);
    say(&format!(
        "throughput: direct {direct:.2} GB/s, through the proxy {through:.2} GB/s (goal 1)"
    ));
    Ok(())
}

async fn idle(at: SocketAddr) -> Done {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let soft: usize =
        line.split_whitespace().nth(3).and_then(|text| text.parse().ok()).unwrap_or(1024);
    // The proxy has two descriptors for each connection.
    let wanted = 10_000.min(soft.saturating_sub(200) / 2);
    let began = Instant::now();
    let mut connections = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        connections.push(open(at, ECHO).await?);
    }
    let mut alive = 0;
    for stream in &mut connections {
        stream.write_u8(3).await?;
        alive += usize::from(stream.read_u8().await? == 3);
    }
    say(&format!(
        "idle connections: {alive} of {wanted} alive in {:.1} s (descriptor limit {soft}; goal 9000)",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

async fn admin_under_load(client: &Client, at: SocketAddr) -> Done {
    let mut load = JoinSet::new();
    for _ in 0..4 {
        load.spawn(async move {
            loop {
                drop(pour(at).await);
            }
        });
    }
    let mut took = Vec::new();
    for _ in 0..250 {
        let began = Instant::now();
        client.add_toxic("p", &Toxic::new("latency", "upstream", &[("latency", 1)])).await?;
        took.push(began.elapsed());
        let began = Instant::now();
        client.delete_toxic("p", "latency_upstream").await?;
        took.push(began.elapsed());
    }
    load.shutdown().await;
    took.sort_unstable();
    let ms = |share| percentile(&took, share).as_secs_f64() * 1e3;
    say(&format!(
        "admin calls while 4 connections pour: p50 {:.2} ms, p99 {:.2} ms (goal 50)",
        ms(0.5),
        ms(0.99)
    ));
    Ok(())
}

async fn latency(client: &Client, at: SocketAddr) -> Done {
    client.add_toxic("p", &Toxic::new("latency", "downstream", &[("latency", 100)])).await?;
    let mut stream = open(at, ECHO).await?;
    let mut took = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        stream.write_u8(1).await?;
        stream.read_u8().await?;
        took.push(began.elapsed());
    }
    client.reset().await?;
    took.sort_unstable();
    let off = |share| percentile(&took, share).as_secs_f64() * 1e3 - 100.0;
    say(&format!(
        "latency 100 ms: {:+.2} ms at p50, {:+.2} ms at most (goal 2)",
        off(0.5),
        off(1.0)
    ));
    Ok(())
}

async fn bandwidth(client: &Client, at: SocketAddr) -> Done {
    for rate in [100_u64, 10_000] {
        client.add_toxic("p", &Toxic::new("bandwidth", "upstream", &[("rate", rate)])).await?;
        let mut stream = open(at, ECHO).await?;
        let (mut reading, mut writing) = stream.split();
        let bytes = vec![7; usize::try_from(rate * 1000 * 3)?];
        let began = Instant::now();
        let mut back = vec![0; bytes.len()];
        let (sent, read) = tokio::join!(writing.write_all(&bytes), reading.read_exact(&mut back));
        sent.and(read.map(drop))?;
        let off = (began.elapsed().as_secs_f64() / 3.0 - 1.0) * 100.0;
        say(&format!("bandwidth {rate} KB/s: 3 s of data took {off:+.2} % (goal 3)"));
        client.reset().await?;
    }
    Ok(())
}

async fn resets(client: &Client, at: SocketAddr) -> Done {
    let mut live = Vec::new();
    for _ in 0..100 {
        live.push(open(at, ECHO).await?);
    }
    client.add_toxic("p", &Toxic::new("reset_peer", "downstream", &[("timeout", 0)])).await?;
    let mut resets = 0;
    for stream in &mut live {
        stream.write_u8(1).await?;
        let read = stream.read_u8().await;
        resets +=
            u32::from(read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    }
    client.reset().await?;
    say(&format!("RST on live connections: {resets} of 100"));
    Ok(())
}

/// Whether a connection is hit by a toxic that closes at the first byte.
async fn is_hit(at: SocketAddr) -> Done<bool> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(&[ECHO, 1]).await?;
    Ok(stream.read(&mut [0]).await.unwrap_or(0) == 0)
}

async fn toxicity(client: &Client, at: SocketAddr) -> Done {
    let toxic = Toxic { toxicity: 0.3, ..Toxic::new("limit_data", "downstream", &[("bytes", 0)]) };
    client.add_toxic("p", &toxic).await?;
    let mut hits = 0_u32;
    for _ in 0..10_000 {
        hits += u32::from(is_hit(at).await?);
    }
    client.reset().await?;
    let off = (f64::from(hits) - 3000.0) / (10_000.0_f64 * 0.3 * 0.7).sqrt();
    say(&format!("toxicity 0.3: {hits} of 10000 connections, {off:+.2} σ (goal 3)"));
    Ok(())
}

async fn patterns(client: &Client, to: SocketAddr) -> Done {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        client.delete("p").await?;
        let at = client.create("p", "127.0.0.1:0", &to.to_string()).await?.listen.parse()?;
        let toxic =
            Toxic { toxicity: 0.5, ..Toxic::new("limit_data", "downstream", &[("bytes", 0)]) };
        client.add_toxic("p", &toxic).await?;
        let mut pattern = String::new();
        for _ in 0..64 {
            pattern.push(if is_hit(at).await? { 'L' } else { '.' });
        }
        seen.insert(pattern);
    }
    say(&format!("same seed, 20 runs: {} pattern(s), {}", seen.len(), seen.first().ok_or("none")?));
    Ok(())
}
