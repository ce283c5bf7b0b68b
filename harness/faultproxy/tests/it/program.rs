//! The program: started, driven, told to end.
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// Killed if a test ends before it does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultproxy"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().unwrap())
}

#[test]
fn a_config_file_makes_its_proxies_and_a_signal_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("toxiproxy.json");
    let text = r#"[{"name":"a","listen":"127.0.0.1:0","upstream":"127.0.0.1:9","toxics":[{"type":"noop"}]}]"#;
    std::fs::write(&config, text).unwrap();
    let mut running = start(&["-port", "0", "-seed", "42", "-config", config.to_str().unwrap()]);
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let after = line.split("127.0.0.1:").nth(1).unwrap();
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = faultproxy::client::Client::new(&format!("http://127.0.0.1:{port}")).unwrap();
    let proxies = runtime.block_on(client.proxies()).unwrap();
    assert_eq!(proxies["a"].toxics[0].kind, "noop");
    let ended = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().unwrap();
    assert!(ended.success());
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn what_is_wrong_ends_it_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, "[\n {\"name\": \"a\", \"upstream\": 5}]").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, code, says) in [
        (vec!["-port", "0", "-config", bad.to_str().unwrap()], 1, "bad.json: bad request body"),
        (vec!["-port", "0", "-config", bad.to_str().unwrap()], 1, "line 2"),
        (vec!["-port", "0", "-config", "nowhere.json"], 1, "cannot read nowhere.json"),
        (vec!["-port", &port], 1, "cannot listen on 127.0.0.1:"),
        (vec!["-prot", "1"], 2, "not defined: -prot"),
    ] {
        let mut running = start(&arguments);
        let mut text = String::new();
        running.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(running.0.wait().unwrap().code(), Some(code), "{text}");
        assert!(text.contains(says), "{text}");
    }
}
