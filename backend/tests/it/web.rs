//! Fetching from the internet by the real client, against a TLS server on loopback that plays any host: the egress is
//! pinned, so nothing else is reached.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backend::egress::Egress;
use backend::egress::web::WebClient;
use backend::ports::{Web, WebError};
use futures::TryStreamExt as _;
use http::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;
use url::Url;

use crate::world::{ANNA, Answer, World};

const PUBLIC: &str = "93.184.215.14";

/// The internet: its server, and the client that sees it.
struct Internet {
    client: Arc<WebClient>,
    /// Requests as they came, with the name asked for by SNI.
    seen: Seen,
    _server: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Internet {
    async fn start() -> Self {
        let (ca_pem, tls) = authority(&["example.com", PUBLIC]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca_pem).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let file = format!(
            "connector = '{}'\nca_file = 'ca.pem'\n[names]\n'example.com' = ['{PUBLIC}']\n\
             'other.example.com' = ['{PUBLIC}']\n'inside.example.com' = ['10.0.0.1']\n\
             'rebound.example.com' = [['{PUBLIC}'], ['127.0.0.1']]\n",
            listener.local_addr().unwrap()
        );
        let client = Arc::new(WebClient::new(Some(egress(folder.path(), &file))));
        let seen = Arc::default();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, TlsAcceptor::from(tls), Arc::clone(&seen)));
        Self { client, seen, _server: server, _folder: folder }
    }

    fn world(&self) -> World {
        World::with_web(Arc::clone(&self.client) as Arc<dyn Web>)
    }

    fn requests(&self) -> Vec<(Option<String>, String)> {
        self.seen.lock().unwrap().clone()
    }
}

fn egress(folder: &Path, text: &str) -> Egress {
    let path = folder.join("egress.toml");
    std::fs::write(&path, text).unwrap();
    Egress::from_file(&path).unwrap()
}

/// A CA, and a server with a certificate of it.
fn authority(names: &[&str]) -> (String, Arc<ServerConfig>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (issuer.pem(), Arc::new(config))
}

type Seen = Arc<std::sync::Mutex<Vec<(Option<String>, String)>>>;

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, seen: Seen) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        connections.spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, &seen).await;
            }
        });
    }
}

/// Answers by path.
async fn answer(mut stream: TlsStream<TcpStream>, seen: &Seen) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_gone) => return,
        }
    }
    let request = String::from_utf8(request).unwrap().to_lowercase();
    let name = stream.get_ref().1.server_name().map(str::to_owned);
    seen.lock().unwrap().push((name, request.clone()));
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/markdown\r\n";
    let text = match path.as_str() {
        "/ok.md" | "/" => format!("{head}Content-Length: 4\r\n\r\n# ok"),
        // More is sent than was said, and less.
        "/more" => format!("{head}Content-Length: 4\r\n\r\n# ok and a lot that is not of it"),
        "/less" => format!("{head}Content-Length: 400\r\n\r\n# ok"),
        "/packed" => format!("{head}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n# ok"),
        "/html" => {
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\n<".into()
        }
        "/inside" => moved("https://inside.example.com/"),
        "/loopback" => moved("https://127.0.0.1/"),
        "/again" => moved("https://rebound.example.com/"),
        "/moved" => moved("/ok.md"),
        "/huge" | "/slow" => format!("{head}Transfer-Encoding: chunked\r\n\r\n"),
        "/head" => format!("{head}X: {}\r\n\r\n", "x".repeat(100_000)),
        "/nonsense" => "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        _ => String::new(),
    };
    // A client that has seen enough goes away.
    let _gone: std::io::Result<()> = stream.write_all(text.as_bytes()).await;
    if path == "/huge" {
        let part = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
        while stream.write_all(&part).await.is_ok() {}
    }
    if path == "/slow" || path == "/silent" {
        std::future::pending::<()>().await;
    }
    let _gone: std::io::Result<()> = stream.shutdown().await;
}

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

async fn from(world: &World, url: &str) -> Answer {
    let body = json!({ "url": url }).to_string().into_bytes();
    world.send(world.signed_request(ANNA, Method::POST, "/api/manuals/download", body)).await
}

#[tokio::test]
async fn a_server_is_asked_by_its_name_and_told_nothing_else() {
    let internet = Internet::start().await;
    let world = internet.world();
    let answer = from(&world, "https://example.com/moved?q=1").await;
    assert_eq!(answer.status.as_u16(), 422, "a path that this internet does not have");
    let answer = from(&world, "https://example.com/moved").await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
    assert_eq!((&answer.json()["name"], &answer.json()["size"]), (&json!("ok.md"), &json!(4)));
    for (name, request) in internet.requests() {
        assert_eq!(name.as_deref(), Some("example.com"));
        assert!(request.contains("host: example.com\r\n"), "{request}");
        assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
        for header in
            ["authorization", "cookie", "referer", "traceparent", "x-manuel", "x-forwarded"]
        {
            assert!(!request.contains(header), "{header} in {request}");
        }
    }
    let literal = from(&world, &format!("https://{PUBLIC}/ok.md")).await;
    assert_eq!(literal.status.as_u16(), 201, "a public address goes to the connector, too");
}

#[tokio::test]
async fn what_leads_inside_is_not_dialled() {
    let internet = Internet::start().await;
    let world = internet.world();
    for (url, requests) in [
        ("https://inside.example.com/", 0),
        ("https://example.com/inside", 1),
        ("https://example.com/loopback", 1),
        ("https://10.0.0.1/", 0),
    ] {
        let before = internet.requests().len();
        let answer = from(&world, url).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "url_not_allowed"));
        assert_eq!(internet.requests().len() - before, requests, "{url}");
    }
    // The certificate is not for it, so it got as far as TLS: the first answer was a public one. The second is not.
    assert_eq!(from(&world, "https://rebound.example.com/").await.code(), "download_failed");
    assert_eq!(from(&world, "https://example.com/again").await.code(), "url_not_allowed");
}

#[tokio::test]
async fn broken_origins_are_one_answer_in_time() {
    let internet = Internet::start().await;
    let world = internet.world();
    let mut bodies: Vec<Value> = Vec::new();
    for url in [
        "https://example.com/less",
        "https://example.com/packed",
        "https://example.com/nonsense",
        "https://example.com/head",
        "https://example.com/nothing",
        "https://other.example.com/ok.md",
        "https://unknown.example.com/ok.md",
    ] {
        let answer = from(&world, url).await;
        assert_eq!(answer.status.as_u16(), 422, "{url}: {}", answer.json());
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(from(&world, "https://example.com/html").await.code(), "unsupported_content_type");
    assert_eq!(from(&world, "https://example.com/huge").await.code(), "file_too_large");
    assert_eq!(from(&world, "https://example.com/more").await.json()["size"], 4);
    assert_eq!(world.get(ANNA, "/api/manuals").await.json()["count"], 1);
}

#[tokio::test]
async fn an_origin_that_stops_talking_is_given_up() {
    let internet = Internet::start().await;
    for path in ["/silent", "/slow"] {
        let url = Url::parse(&format!("https://example.com{path}")).unwrap();
        let exchange = async {
            let address: IpAddr = PUBLIC.parse().unwrap();
            let answer = internet.client.get(&url, address).await?;
            answer.body.try_collect::<Vec<_>>().await
        };
        let bounded = tokio::time::timeout(Duration::from_secs(20), exchange).await;
        let gave_up = bounded.expect("a bound of its own").unwrap_err();
        assert!(matches!(gave_up, WebError::Slow(_)), "{path}: {gave_up:?}");
    }
}
