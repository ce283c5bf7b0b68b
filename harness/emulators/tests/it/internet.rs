//! The rest of the world: every host is played, and whoever dials is counted, whatever it says.
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage};

async fn seen(stage: &Stage) -> Value {
    stage.admin(Method::GET, "/internet", None).await.1
}

fn client(stage: &Stage, host: &str) -> reqwest::Client {
    let internet = stage.emulators.internet();
    let authority = reqwest::Certificate::from_pem(internet.ca_pem.as_bytes()).unwrap();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(5))
        .resolve(host, internet.public)
        .tls_certs_only([authority])
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_host_is_played_by_its_name() {
    let stage = Stage::start().await;
    assert_eq!(seen(&stage).await, json!({ "count": 0, "connections": [] }));
    let host = "a1.site.example";
    let client = client(&stage, host);
    let page = client.get(format!("https://{host}/manual.md")).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/markdown");
    assert!(page.text().await.unwrap().contains("1.7 litres"));
    let to = format!("https://{host}/to?url=https%3A%2F%2F169.254.169.254%2Fx");
    let moved = client.get(to).send().await.unwrap();
    assert_eq!(moved.status().as_u16(), 302);
    assert_eq!(moved.headers()["location"], "https://169.254.169.254/x");
    let seen = seen(&stage).await;
    assert_eq!(seen["count"], 2);
    assert_eq!(
        seen["connections"][0],
        json!({ "elsewhere": false, "name": host, "request": "GET /manual.md" })
    );
    let names = &stage.emulators.internet().names;
    assert!(names.iter().any(|(name, answers)| *name == "*.rebound.example" && answers.len() == 2));
}

#[tokio::test]
async fn an_address_and_a_silent_caller_are_counted_too() {
    let stage = Stage::start().await;
    let connector = stage.emulators.internet().elsewhere;
    drop(TcpStream::connect(connector).unwrap());
    // Dialled by address: the certificate is for it, so that what is asked is seen.
    let client =
        reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).build().unwrap();
    let url = format!("https://127.0.0.1:{}/latest/meta-data/", connector.port());
    assert_eq!(client.get(url).send().await.unwrap().status().as_u16(), 404);
    let both = tokio::time::timeout(PATIENCE, async {
        loop {
            let seen = seen(&stage).await;
            if seen["connections"][1]["request"] == "GET /latest/meta-data/" {
                return seen;
            }
        }
    });
    let both = both.await.unwrap();
    assert_eq!(both["count"], 2);
    assert_eq!(both["connections"][0], json!({ "elsewhere": true, "name": null, "request": null }));
    assert_eq!(both["connections"][1]["name"], Value::Null);
}
