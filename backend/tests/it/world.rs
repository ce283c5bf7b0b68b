//! A backend over in-memory ports, users with real tokens, and a clock that tests move.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::Router;
use axum::body::Body;
use backend::clock::Clock;
use backend::config::{Config, Environment};
use backend::domain::prompt::Passage;
use backend::domain::signature::{Signed, sign};
use backend::domain::user::UserId;
use backend::http::Peer;
use backend::memory::MemoryWorld;
use backend::ports::{DocumentReader, PublicKey, Web};
use backend::state::{App, Ports};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::conformance::assert_documented;
use crate::logs::keep_listening;

pub(crate) const HMAC_KEY: &[u8] = b"a key for tests";
pub(crate) const KID: &str = "key-1";
pub(crate) const ANNA: &str = "11111111-0000-4000-8000-000000000001";
pub(crate) const BERT: &str = "22222222-0000-4000-8000-000000000002";

/// 2026-11-15 12:00:00 UTC.
pub(crate) const NOON_S: i64 = 1_794_744_000;

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) ports: MemoryWorld,
    router: Router,
    clock_ms: Arc<AtomicI64>,
    signed: AtomicI64,
    clients: AtomicU32,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A world with changes to the configuration.
    pub(crate) fn with(changes: &[(&str, &str)]) -> Self {
        Self::built(changes, MemoryWorld::ports)
    }

    /// A world in which this reads documents.
    pub(crate) fn with_reader(documents: Arc<dyn DocumentReader>) -> Self {
        Self::with_reader_and(&[], documents)
    }

    /// A world in which this reads documents, with changes to the configuration.
    pub(crate) fn with_reader_and(
        changes: &[(&str, &str)],
        documents: Arc<dyn DocumentReader>,
    ) -> Self {
        Self::built(changes, |ports| Ports { documents, ..ports.ports() })
    }

    /// Another process over the same stores, at the same time.
    pub(crate) fn another_process(&self) -> Self {
        let config = Config::clone(&self.app.config);
        let ports = self.ports.clone();
        let app = App::new(config, self.app.clock.clone(), ports.ports());
        let router = backend::http::router(app.clone());
        let (signed, clients) = (AtomicI64::new(-100), AtomicU32::new(10_000));
        Self { app, ports, router, clock_ms: Arc::clone(&self.clock_ms), signed, clients }
    }

    /// A world whose internet is this.
    pub(crate) fn with_web(web: Arc<dyn Web>) -> Self {
        Self::built(&[], |ports| Ports { web, ..ports.ports() })
    }

    pub(crate) fn built(
        changes: &[(&str, &str)],
        choose: impl FnOnce(&MemoryWorld) -> Ports,
    ) -> Self {
        keep_listening();
        let config = Config::from_environment(&environment(changes)).unwrap();
        let clock_ms = Arc::new(AtomicI64::new(NOON_S * 1000));
        let ports = MemoryWorld::default();
        ports.secret.hold(Some(HMAC_KEY));
        ports.jwks.hold(vec![public_key(KID, key_pair())]);
        let app = App::new(config, Clock::Manual(Arc::clone(&clock_ms)), choose(&ports));
        let router = backend::http::router(app.clone());
        Self {
            app,
            ports,
            router,
            clock_ms,
            signed: AtomicI64::new(-200),
            clients: AtomicU32::new(1),
        }
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.clock_ms.load(Ordering::SeqCst) / 1000
    }

    pub(crate) fn move_clock(&self, seconds: i64) {
        self.clock_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// The answer, held to the document. Comes from an address of its own, unless the request says from where.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        if request.extensions().get::<Peer>().is_none() {
            let client = self.clients.fetch_add(1, Ordering::SeqCst);
            let address = Ipv4Addr::from_bits(0x7f64_0000 + client);
            request.extensions_mut().insert(Peer((address, 40_000).into()));
        }
        self.send_from_nowhere(request).await
    }

    /// As `send`, but nobody knows from where.
    pub(crate) async fn send_from_nowhere(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        assert_documented(&method, &path, &answer);
        answer
    }

    pub(crate) async fn get(&self, user: &str, path: &str) -> Answer {
        self.send(self.request(user, Method::GET, path, Vec::new())).await
    }

    pub(crate) async fn ask(&self, user: &str, question: &str) -> Answer {
        let body = json!({ "question": question }).to_string().into_bytes();
        self.send(self.request(user, Method::POST, "/api/query", body)).await
    }

    pub(crate) fn request(
        &self,
        user: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token(user)))
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap()
    }

    /// A signed request; each takes a second of its own, as clients do.
    pub(crate) fn signed_request(
        &self,
        user: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Request<Body> {
        let second = self.now_s() + self.signed.fetch_add(1, Ordering::SeqCst);
        let timestamp = second.to_string();
        let signed = Signed { timestamp: &timestamp, method: method.as_str(), path, body: &body };
        let signature = hex::encode(sign(HMAC_KEY, signed));
        let mut request = self.request(user, method, path, body);
        request.headers_mut().insert("x-manuel-timestamp", timestamp.parse().unwrap());
        request.headers_mut().insert("x-manuel-signature", signature.parse().unwrap());
        request
    }

    pub(crate) async fn upload(&self, user: &str, name: &str, text: &str) -> Answer {
        let body = upload_body(name, "text/markdown", text.as_bytes());
        self.send(self.signed_request(user, Method::POST, "/api/manuals/upload", body)).await
    }

    pub(crate) async fn delete(&self, user: &str, id: &str) -> Answer {
        let path = format!("/api/manuals/{id}");
        self.send(self.signed_request(user, Method::DELETE, &path, Vec::new())).await
    }

    pub(crate) fn token(&self, user: &str) -> String {
        token(key_pair(), KID, &self.claims(user))
    }

    pub(crate) fn claims(&self, user: &str) -> Value {
        json!({
            "sub": user,
            "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc",
            "token_use": "access",
            "client_id": "client",
            "exp": self.now_s() + 3600,
            "iat": self.now_s(),
        })
    }

    /// (used today, queries today, used this month, open reservations) as the store has them.
    pub(crate) fn figures(&self, user: &str) -> (u64, u64, u64, usize) {
        self.ports.quota.figures(&UserId::parse(user).unwrap(), "2026-11-15", "2026-11")
    }

    /// Waits for tasks that outlive their request, such as giving a reservation back.
    pub(crate) async fn settle(&self) {
        self.app.tasks.close();
        let settled =
            tokio::time::timeout(std::time::Duration::from_secs(20), self.app.tasks.wait());
        settled.await.expect("tasks end");
        self.app.tasks.reopen();
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).expect("the body is JSON")
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The smallest environment that starts, with changes.
pub(crate) fn environment(changes: &[(&str, &str)]) -> Environment {
    let fixed = [
        ("STAGE", "local"),
        ("AWS_REGION", "eu-west-1"),
        ("USER_POOL_ID", "eu-west-1_abc"),
        ("USER_POOL_CLIENT_ID", "client"),
        ("MANUALS_BUCKET", "manuals"),
        ("AUDIO_BUCKET", "audio"),
        ("USAGE_TABLE", "usage"),
        ("MANUALS_TABLE", "rows"),
        ("RATE_LIMIT_TABLE", "limits"),
        ("ERRORS_TABLE", "errors"),
        ("KNOWLEDGE_BASE_ID", "KB12345678"),
        ("DATA_SOURCE_ID", "DS12345678"),
        ("TEXT_MODEL_ID", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("HMAC_KEY_SECRET_ID", "hmac"),
        // The same question twice is a second call, but where a test is about the memory of answers.
        ("CACHE_TTL_S", "0"),
    ];
    let pairs = fixed.iter().chain(changes);
    pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
}

/// A program of the backend with the smallest environment that starts, with changes, and no AWS behind it.
pub(crate) fn command_of(path: &str, changes: &[(&str, &str)]) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .envs(environment(changes))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn upload_body(name: &str, content_type: &str, bytes: &[u8]) -> Vec<u8> {
    let file_data = STANDARD.encode(bytes);
    json!({ "filename": name, "content_type": content_type, "file_data": file_data })
        .to_string()
        .into_bytes()
}

pub(crate) fn passage(user: &str, manual_id: &str, page: u32) -> Passage {
    Passage {
        user_id: user.to_owned(),
        manual_id: manual_id.to_owned(),
        manual_name: format!("{manual_id}.pdf"),
        page: Some(page),
        text: format!("Hold the button of {manual_id} for ten seconds."),
        score: 0.9,
    }
}

/// One key pair for the process.
pub(crate) fn key_pair() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

pub(crate) fn public_key(kid: &str, key: &RsaKeyPair) -> PublicKey {
    let public = key.public_key();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    PublicKey {
        kid: kid.to_owned(),
        n: text(public.modulus().big_endian_without_leading_zero()),
        e: text(public.exponent().big_endian_without_leading_zero()),
    }
}

pub(crate) fn token(key: &RsaKeyPair, kid: &str, claims: &Value) -> String {
    token_with(key, &json!({ "alg": "RS256", "typ": "JWT", "kid": kid }), claims)
}

/// A token with this header, whatever it says; signed with RS256.
pub(crate) fn token_with(key: &RsaKeyPair, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
