//! A container engine of our own making behind a socket (Docker Engine API v1.50): it is asked for both services, and asked
//! to take them away when the stage does not come up. With a real engine, CI's Docker job runs the features.

use super::processes::processes_of;
use super::processes::turn;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::net::UnixListener;
use tokio::process::Command;

type Asked = Arc<Mutex<Vec<String>>>;

fn answer(status: u16, body: impl Into<Body>) -> Response<Body> {
    let builder = Response::builder().status(status).header("content-type", "application/json");
    builder.body(body.into()).unwrap()
}

/// A line of a container's output as the API frames it: stream, three zeros, length.
fn framed(line: &str) -> Vec<u8> {
    let mut frame = vec![1, 0, 0, 0];
    frame.extend(u32::try_from(line.len()).unwrap().to_be_bytes());
    frame.extend(line.as_bytes());
    frame
}

async fn engine(asked: Asked, request: Request) -> Response<Body> {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let versioned = path.starts_with("/v1.");
    let bare = if versioned { path.splitn(3, '/').nth(2).unwrap_or_default() } else { &path[1..] };
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    let note = |what: &str| asked.lock().unwrap().push(what.to_owned());
    let name = |text: &str| if text.contains("dynamodb") { "dynamodb" } else { "localstack" };
    match (method.as_str(), bare) {
        ("POST", "containers/create") => {
            assert!(text.contains("manuel.harness"), "a label says whose it is: {text}");
            note(&format!("create {}", name(&text)));
            answer(201, json!({ "Id": name(&text), "Warnings": [] }).to_string())
        }
        ("POST", path) if path.ends_with("/start") => {
            note(&format!("start {}", name(path)));
            answer(204, Body::empty())
        }
        ("GET", path) if path.starts_with("containers/") && path.ends_with("/json") => {
            // Ports on which nobody listens: what follows is another's test.
            let ports = json!({
                "4566/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "9" }],
                "8000/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "9" }],
            });
            let state = json!({ "Running": true, "Status": "running", "ExitCode": 0 });
            let settings = json!({ "Ports": ports, "Networks": {} });
            let all = json!({ "Id": name(path), "State": state, "NetworkSettings": settings });
            answer(200, all.to_string())
        }
        ("GET", path) if path.ends_with("/logs") => {
            let mut logs = framed("Ready.\n");
            logs.extend(framed("Initializing DynamoDB Local with the following configuration:\n"));
            answer(200, logs)
        }
        ("DELETE", path) => {
            note(&format!("delete {}", name(path)));
            answer(204, Body::empty())
        }
        ("GET", "version") => answer(200, json!({ "ApiVersion": "1.50" }).to_string()),
        _ => answer(200, "{}"),
    }
}

async fn up(folder: &Path, docker_host: &str) -> (Option<i32>, String) {
    let recipe = folder.join("localstack.toml");
    let text = "schema = \"manuel-stage/1\"\nname = \"localstack\"\nput_up = \"localstack\"\n\
                [endpoints]\nlocalstack = \"http://127.0.0.1:9\"\ndynamodb = \"http://127.0.0.1:9\"\n";
    std::fs::write(&recipe, text).unwrap();
    let program = super::processes::script(folder, "exec sleep 1000");
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["stage", "up", "--stage", recipe.to_str().unwrap(), "--backend-bin"])
        .arg(program)
        .arg("--run-dir")
        .arg(folder.join("run"))
        .env("DOCKER_HOST", docker_host)
        .output()
        .await
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn an_engine_is_asked_for_both_and_left_with_nothing() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let app = Router::new().fallback(move |request| engine(Arc::clone(&log), request));
    let mut served = tokio::task::JoinSet::new();
    served.spawn(async move { axum::serve(listener, app).await });
    let (code, stderr) = up(folder.path(), &format!("unix://{}", socket.display())).await;
    served.shutdown().await;
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains("asking a container engine"), "{stderr}");
    assert!(stderr.contains("dynamodb at 127.0.0.1:9 does not answer"), "{stderr}");
    let asked = asked.lock().unwrap().clone();
    let expected = ["create localstack", "start localstack", "create dynamodb", "start dynamodb"];
    assert_eq!(asked[..4], expected);
    let mut gone = asked[4..].to_vec();
    gone.sort();
    assert_eq!(gone, ["delete dynamodb", "delete localstack"]);
    assert_eq!(processes_of(folder.path()), []);
}

#[tokio::test]
async fn no_engine_is_said_and_what_to_do() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let (code, stderr) = up(folder.path(), "unix:///no/such/engine.sock").await;
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains("no container engine: "), "{stderr}");
    assert!(stderr.contains("--stage localstack-host"), "{stderr}");
}
