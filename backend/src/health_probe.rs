//! `server __healthy`: asks the server beside it how it is, for a container without a shell. Exit 0 where it is well.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// What asks for it.
pub const ARGUMENT: &str = "__healthy";
/// It is in the same container.
const WITHIN: Duration = Duration::from_secs(3);
/// Where a server without `BIND_ADDRESS` listens (api.md, "Configuration").
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Whether this process was started for it.
pub fn is_asked_for() -> bool {
    env::args().nth(1).is_some_and(|argument| argument == ARGUMENT)
}

/// Asks, and says by its exit code.
#[expect(clippy::disallowed_methods, reason = "the one variable that a probe needs")]
pub fn probe() -> ExitCode {
    let address = env::var("BIND_ADDRESS").ok().and_then(|text| text.parse().ok());
    match status_line(reachable(address.unwrap_or(USUAL))) {
        Ok(line) if line.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

/// A server on all addresses is asked on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

fn status_line(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut head = [0; 64];
    let mut filled = 0;
    while filled < head.len() {
        match stream.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            // What is there is enough for the status.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8_lossy(&head[..filled]);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_status_is_read_and_a_silent_server_is_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 60];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            asked
        });
        assert_eq!(status_line(address).unwrap(), "HTTP/1.1 200 OK");
        assert!(served.join().unwrap().starts_with(b"GET /health HTTP/1.1"));
        assert!(status_line(address).is_err(), "nobody listens any more");
        let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 7);
        assert_eq!(reachable(everywhere).to_string(), "127.0.0.1:7");
    }
}
