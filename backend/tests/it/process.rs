//! The `server` process: its configuration errors, its first line, its end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use crate::world::command_of;

const SERVER: &str = env!("CARGO_BIN_EXE_server");

fn command(changes: &[(&str, &str)]) -> Command {
    command_of(SERVER, changes)
}

/// Ends the server with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn a_wrong_configuration_ends_with_2_and_every_problem() {
    let ended = command(&[("DAILY_QUOTA", "many"), ("USAGE_TABLE", ""), ("STAGE", "test")])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let text = String::from_utf8(ended.stderr).unwrap();
    for part in [
        "3 problem(s)",
        "DAILY_QUOTA: expected a whole number from 1 to 1000000, found `many`",
        "USAGE_TABLE: expected the name of a table, but it is not set",
        "STAGE: expected one of local, dev, staging, production, found `test`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(ended.stdout.is_empty());
}

#[cfg(feature = "defects")]
#[test]
fn the_defect_build_says_what_it_is_and_refuses_unknown_names() {
    let mut defects = Command::new(env!("CARGO_BIN_EXE_server-defects"));
    let ended = defects.env_clear().env("MANUEL_DEFECTS", "quota-fails-opne").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let text = String::from_utf8(ended.stderr).unwrap();
    assert!(text.contains("`quota-fails-opne`") && text.contains("error-leaks-arn"), "{text}");

    let mut defects = Command::new(env!("CARGO_BIN_EXE_server-defects"));
    defects
        .env_clear()
        .envs(crate::world::environment(&[("BIND_ADDRESS", "127.0.0.1:0")]))
        .env("MANUEL_DEFECTS", "error-leaks-arn, hmac-skipped-when-missing")
        .stdout(std::process::Stdio::piped());
    let mut running = Running(defects.spawn().unwrap());
    let mut log = BufReader::new(running.0.stdout.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(first["defects"], "error-leaks-arn,hmac-skipped-when-missing");
}

#[test]
fn a_port_that_is_taken_ends_with_1_and_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = command(&[("BIND_ADDRESS", &address)]).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let text = String::from_utf8(ended.stderr).unwrap();
    assert!(text.contains(&format!("cannot listen on {address}")), "{text}");
}

/// A server that listens, its log, and the first line of it.
fn listening() -> (Running, BufReader<std::process::ChildStdout>, Value) {
    let mut server = Running(command(&[("BIND_ADDRESS", "127.0.0.1:0")]).spawn().unwrap());
    let mut log = BufReader::new(server.0.stdout.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let first = serde_json::from_str(&line).expect(&line);
    (server, log, first)
}

/// What comes back to these bytes on one connection.
fn said_to(address: &str, bytes: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    connection.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_can_be_read_as_two_requests_is_refused_and_ends_the_connection() {
    let (_server, _log, first) = listening();
    let address = first["address"].as_str().unwrap();
    let behind = "GET /version HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    for (headers, status) in [
        ("host: a\r\ntransfer-encoding: identity\r\ntransfer-encoding: chunked\r\n", 400),
        ("host: a\r\nhost: b\r\ncontent-length: 5\r\n", 400),
        ("host: a\r\ntransfer-encoding: xchunked\r\n", 400),
        // Read as it should be, and nothing behind it.
        ("host: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n", 405),
        ("host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n", 405),
    ] {
        let request = format!("POST /health HTTP/1.1\r\n{headers}\r\n0\r\n\r\n{behind}");
        let answer = said_to(address, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{headers}: {answer}");
    }
    let plain =
        "GET /health HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = said_to(address, &format!("{plain}{behind}"));
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
}

/// A client that writes on while it is refused is told why, and not cut off.
#[test]
fn who_sends_more_than_is_taken_is_told_so() {
    let (_server, _log, first) = listening();
    let address = first["address"].as_str().unwrap();
    let body = "a".repeat(12 << 20);
    let (length, rest) = (body.len(), "connection: close\r\n\r\n");
    let head = format!("POST /health HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n{rest}");
    for _ in 0..5 {
        let answer = said_to(address, &format!("{head}{body}"));
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }
}

#[test]
fn it_says_where_it_listens_answers_and_ends_when_told() {
    let (mut server, mut log, first) = listening();
    assert_eq!(
        (&first["message"], &first["level"]),
        (&"listening".into(), &"INFO".into()),
        "{first}"
    );
    assert_eq!(first["version"], backend::VERSION);
    let address = first["address"].as_str().unwrap();

    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"status\":\"ok\""), "{answer}");

    let mut access = String::new();
    while !access.contains("\"request\"") {
        access.clear();
        assert_ne!(log.read_line(&mut access).unwrap(), 0, "the log ended");
    }
    let access: Value = serde_json::from_str(&access).unwrap();
    assert_eq!((&access["route"], &access["status"]), (&"/health".into(), &200.into()));
    assert_eq!(access["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(access["source"], "127.0.0.1");
    assert!(access["own_ms"].as_f64().unwrap() <= access["duration_ms"].as_f64().unwrap());

    let id = server.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(server.0.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.lines().last().unwrap().contains("\"stopped\""), "{rest}");
}
