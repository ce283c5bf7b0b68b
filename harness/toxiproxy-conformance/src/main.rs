//! The public crate `toxiproxy_rust` 0.1.6 drives our fault proxy, as its users would.
//!
//! `toxiproxy-conformance FAULTPROXY` starts that program on a free port, makes a proxy before an echo, lets the crate put
//! every toxic of its own on it, and looks at what a connection then does: the crate itself looks at no status. A line for
//! each check; exit 1 if one fails. Needs OpenSSL's headers to build (`apt-get install libssl-dev pkg-config`).
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::ProxyPack;

type Done = Result<(), Box<dyn Error>>;

/// Nothing here takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Our program, ended with this one.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    fn start(program: &str) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(program)
            .args(["-port", "0", "-seed", "1"])
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        let stderr = child.stderr.take().ok_or("no output")?;
        let mut line = String::new();
        let mut lines = BufReader::new(stderr);
        lines.read_line(&mut line)?;
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let port: String =
            line.split("127.0.0.1:").nth(1).unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        let address = format!("127.0.0.1:{port}").parse();
        let address = address.map_err(|_none| format!("{program} told no address: {line}"))?;
        Ok(Self { child, address })
    }
}

/// Sends back what it gets.
fn echo() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reading = stream.try_clone()?;
                std::io::copy(&mut reading, &mut &stream)?;
                stream.shutdown(Shutdown::Write)
            });
        }
    });
    Ok(address)
}

fn free_port() -> Result<String, Box<dyn Error>> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Sends `bytes` and reads to the end of what comes back, with the time that took.
fn through(at: &str, bytes: &[u8]) -> Result<(Vec<u8>, Duration), Box<dyn Error>> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    let mut back = Vec::new();
    stream.read_to_end(&mut back)?;
    Ok((back, began.elapsed()))
}

fn ensure(holds: bool, what: impl Into<String>) -> Done {
    if holds { Ok(()) } else { Err(what.into().into()) }
}

/// A slow thing takes at least so long.
fn takes(at: &str, bytes: &[u8], least_ms: u64) -> Done {
    let (back, took) = through(at, bytes)?;
    ensure(back == bytes, format!("{} of {} bytes came back", back.len(), bytes.len()))?;
    ensure(took >= Duration::from_millis(least_ms), format!("took {took:?}, at least {least_ms} ms expected"))
}

fn checks(program: &str) -> Result<Vec<(&'static str, Done)>, Box<dyn Error>> {
    let server = Server::start(program)?;
    let (upstream, at) = (echo()?, free_port()?);
    let client = Client::new(server.address);
    let mut done: Vec<(&'static str, Done)> = Vec::new();
    done.push(("is_running", ensure(client.is_running(), "it says no")));
    let version = client.version()?;
    done.push(("version", ensure(version.contains("2.12.0"), version)));
    let pack = ProxyPack::new("echo".into(), at.clone(), upstream.to_string());
    let made = client.populate(vec![pack])?;
    done.push(("populate", ensure(made.len() == 1, format!("{} proxies", made.len()))));
    done.push(("all", ensure(client.all()?.contains_key("echo"), "no echo")));
    done.push(("passes bytes", takes(&at, b"hello", 0)));
    let proxy = client.find_proxy("echo")?;

    let with = |run: &dyn Fn() -> Done| -> Done {
        let outcome = run();
        proxy.delete_all_toxics()?;
        outcome
    };
    done.push(("latency downstream", with(&|| {
        proxy.with_latency("downstream".into(), 300, 0, 1.0);
        takes(&at, b"x", 299)
    })));
    done.push(("latency upstream", with(&|| {
        proxy.with_latency("upstream".into(), 300, 0, 1.0);
        takes(&at, b"x", 299)
    })));
    done.push(("toxics are listed", with(&|| {
        proxy.with_latency("upstream".into(), 1, 0, 1.0);
        let toxics = proxy.toxics()?;
        ensure(toxics.len() == 1 && toxics[0].name == "latency_upstream", format!("{toxics:?}"))
    })));
    done.push(("bandwidth", with(&|| {
        proxy.with_bandwidth("downstream".into(), 100, 1.0);
        takes(&at, &[7; 50_000], 480)
    })));
    done.push(("slow_close", with(&|| {
        proxy.with_slow_close("downstream".into(), 300, 1.0);
        takes(&at, b"x", 299)
    })));
    done.push(("timeout", with(&|| {
        proxy.with_timeout("downstream".into(), 200, 1.0);
        let mut stream = TcpStream::connect(&at)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"x")?;
        let mut back = Vec::new();
        stream.read_to_end(&mut back)?;
        ensure(back.is_empty(), "something came through")
    })));
    done.push(("slicer", with(&|| {
        proxy.with_slicer("downstream".into(), 64, 16, 10, 1.0);
        takes(&at, &[7; 5000], 0)
    })));
    done.push(("limit_data", with(&|| {
        proxy.with_limit_data("downstream".into(), 100, 1.0);
        let (back, _) = through(&at, &[7; 500])?;
        ensure(back.len() == 100, format!("{} bytes came back", back.len()))
    })));
    done.push(("apply", {
        let seen = std::cell::Cell::new(Duration::ZERO);
        proxy.with_latency("downstream".into(), 300, 0, 1.0).apply(|| {
            if let Ok((_, took)) = through(&at, b"x") {
                seen.set(took);
            }
        })?;
        ensure(seen.get() >= Duration::from_millis(299), format!("{:?}", seen.get()))
            .and(ensure(proxy.toxics()?.is_empty(), "toxics are left"))
    }));
    done.push(("disable", {
        proxy.disable()?;
        ensure(TcpStream::connect(&at).is_err(), "it still listens")
    }));
    done.push(("enable", {
        proxy.enable()?;
        takes(&at, b"again", 0)
    }));
    done.push(("with_down", {
        let mut down = false;
        proxy.with_down(|| down = TcpStream::connect(&at).is_err())?;
        ensure(down, "it still listened").and(takes(&at, b"up", 0))
    }));
    done.push(("reset", {
        proxy.with_latency("downstream".into(), 5000, 0, 1.0);
        client.reset()?;
        ensure(proxy.toxics()?.is_empty(), "toxics are left").and(takes(&at, b"x", 0))
    }));
    done.push(("delete", {
        proxy.delete()?;
        ensure(!client.all()?.contains_key("echo"), "it is still there")
    }));
    Ok(done)
}

fn main() -> ExitCode {
    let Some(program) = std::env::args().nth(1) else {
        eprintln!("usage: toxiproxy-conformance FAULTPROXY");
        return ExitCode::from(2);
    };
    match checks(&program) {
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        Ok(done) => {
            for (check, outcome) in &done {
                match outcome {
                    Ok(()) => println!("✓ {check}"),
                    Err(error) => println!("✗ {check}: {error}"),
                }
            }
            let held = done.iter().filter(|(_, outcome)| outcome.is_ok()).count();
            println!("{held} of {} checks hold", done.len());
            ExitCode::from(u8::from(held < done.len()))
        }
    }
}
