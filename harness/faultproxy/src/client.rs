//! A small client of the Toxiproxy API: for our server and for the original alike.
use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

/// The API answers at once; the original takes up to 25 s when it hangs.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(2);

/// A call that did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("`{0}` is no address of a Toxiproxy server: expected http://HOST:PORT")]
    Address(String),
    /// It could not be reached, or its answer not read.
    #[error("cannot reach Toxiproxy at {url}")]
    Send {
        /// Where.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It said no.
    #[error("Toxiproxy answered {status} to {call}: {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Method and path.
        call: String,
        /// Its words.
        text: String,
    },
    /// It said something else than the API does.
    #[error("the answer to {call} is not Toxiproxy's: {text}")]
    Answer {
        /// Method and path.
        call: String,
        /// What is wrong with it.
        text: String,
    },
}

/// A proxy as a server tells of it. Members that are unknown are left out: the original leaks its logger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proxy {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: String,
    /// Where it connects to.
    pub upstream: String,
    /// Whether it listens.
    pub enabled: bool,
    /// Upstream toxics first.
    #[serde(default)]
    pub toxics: Vec<Toxic>,
}

/// A toxic as it is posted and told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Toxic {
    /// Unique within its proxy; empty for the server's choice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `latency`, `bandwidth`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// `upstream` or `downstream`.
    pub stream: String,
    /// The share of connections that it works on.
    pub toxicity: f64,
    /// By the type's names; whole numbers.
    pub attributes: BTreeMap<String, u64>,
    /// A lease in milliseconds; the original knows none and leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}

impl Toxic {
    /// A toxic on every connection.
    pub fn new(kind: &str, stream: &str, attributes: &[(&str, u64)]) -> Self {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), *value));
        Self {
            name: String::new(),
            kind: kind.to_owned(),
            stream: stream.to_owned(),
            toxicity: 1.0,
            attributes: attributes.collect(),
            ttl_ms: None,
        }
    }
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Populated {
    proxies: Option<Vec<Proxy>>,
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// For the server at `url`, such as `http://127.0.0.1:8474`.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let base = Url::parse(url).map_err(|_none| ClientError::Address(url.to_owned()))?;
        if base.cannot_be_a_base() || base.host_str().is_none() {
            return Err(ClientError::Address(url.to_owned()));
        }
        let mut builder =
            reqwest::Client::builder().no_proxy().timeout(TIMEOUT).connect_timeout(CONNECT);
        if base.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        let http =
            builder.build().map_err(|source| ClientError::Send { url: url.to_owned(), source })?;
        Ok(Self { http, base })
    }

    /// The server's version.
    pub async fn version(&self) -> Result<String, ClientError> {
        let version: Version = self.read(Method::GET, &["version"], None).await?;
        Ok(version.version)
    }

    /// Every proxy, by name.
    pub async fn proxies(&self) -> Result<BTreeMap<String, Proxy>, ClientError> {
        self.read(Method::GET, &["proxies"], None).await
    }

    /// Makes a proxy from `listen` to `upstream`; port 0 is a free one.
    pub async fn create(
        &self,
        name: &str,
        listen: &str,
        upstream: &str,
    ) -> Result<Proxy, ClientError> {
        let body = json!({ "name": name, "listen": listen, "upstream": upstream, "enabled": true });
        self.read(Method::POST, &["proxies"], Some(body)).await
    }

    /// Makes proxies that are not there with the same addresses yet.
    pub async fn populate(&self, proxies: &[Proxy]) -> Result<Vec<Proxy>, ClientError> {
        let body = json!(proxies);
        let made: Populated = self.read(Method::POST, &["populate"], Some(body)).await?;
        Ok(made.proxies.unwrap_or_default())
    }

    /// One proxy.
    pub async fn proxy(&self, name: &str) -> Result<Proxy, ClientError> {
        self.read(Method::GET, &["proxies", name], None).await
    }

    /// Lets a proxy listen, or closes it with all its connections.
    pub async fn enable(&self, name: &str, enabled: bool) -> Result<Proxy, ClientError> {
        let body = json!({ "enabled": enabled });
        self.read(Method::POST, &["proxies", name], Some(body)).await
    }

    /// Closes a proxy with all its connections for at most `ttl_ms`; again renews. The original knows no lease: it stays
    /// closed there until [`enable`](Self::enable).
    pub async fn down(&self, name: &str, ttl_ms: u64) -> Result<Proxy, ClientError> {
        let body = json!({ "enabled": false, "ttl_ms": ttl_ms });
        self.read(Method::POST, &["proxies", name], Some(body)).await
    }

    /// Connects a proxy elsewhere.
    pub async fn redirect(&self, name: &str, upstream: &str) -> Result<Proxy, ClientError> {
        let body = json!({ "upstream": upstream });
        self.read(Method::POST, &["proxies", name], Some(body)).await
    }

    /// Ends a proxy.
    pub async fn delete(&self, name: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &["proxies", name], None).await.map(drop)
    }

    /// The toxics of a proxy.
    pub async fn toxics(&self, proxy: &str) -> Result<Vec<Toxic>, ClientError> {
        self.read(Method::GET, &["proxies", proxy, "toxics"], None).await
    }

    /// Adds a toxic.
    pub async fn add_toxic(&self, proxy: &str, toxic: &Toxic) -> Result<Toxic, ClientError> {
        self.read(Method::POST, &["proxies", proxy, "toxics"], Some(json!(toxic))).await
    }

    /// Changes attributes and toxicity of a toxic, and renews its lease.
    pub async fn update_toxic(&self, proxy: &str, toxic: &Toxic) -> Result<Toxic, ClientError> {
        let mut body = json!({ "attributes": toxic.attributes, "toxicity": toxic.toxicity });
        if let Some(ttl) = toxic.ttl_ms {
            body["ttl_ms"] = ttl.into();
        }
        // POST is what every version of the original takes.
        self.read(Method::POST, &["proxies", proxy, "toxics", &toxic.name], Some(body)).await
    }

    /// Takes a toxic away.
    pub async fn delete_toxic(&self, proxy: &str, name: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &["proxies", proxy, "toxics", name], None).await.map(drop)
    }

    /// Every proxy on, every toxic gone.
    pub async fn reset(&self) -> Result<(), ClientError> {
        self.send(Method::POST, &["reset"], None).await.map(drop)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<T, ClientError> {
        let call = format!("{method} /{}", path.join("/"));
        let text = self.send(method, path, body).await?;
        serde_json::from_str(&text)
            .map_err(|error| ClientError::Answer { call, text: format!("{error}: {text}") })
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<String, ClientError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        let call = format!("{method} {}", url.path());
        let unsent = |source| ClientError::Send { url: self.base.to_string(), source };
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(unsent)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unsent)?;
        if status.is_success() {
            return Ok(text);
        }
        Err(ClientError::Refused { status: StatusCode::as_u16(&status), call, text: words(&text) })
    }
}

/// The server's words out of its error body.
fn words(text: &str) -> String {
    let body: Option<Value> = serde_json::from_str(text).ok();
    let told = body.as_ref().and_then(|body| body["error"].as_str());
    told.unwrap_or(text.trim()).to_owned()
}
