//! Where outgoing connections of ours go (all but the AWS SDK's, which has its own endpoints). Normally the network
//! decides; in tests `TEST_EGRESS` pins it: names are resolved by a table, and every connection to a name is made to
//! one loopback connector, so that nothing can leave the machine.
//!
//! The file is TOML, or JSON if it starts with `{`:
//!
//! ```toml
//! connector = "127.0.0.1:9443"      # takes every connection to a name in the table
//! ca_file = "ca.pem"                # optional: the only CA that is trusted; relative to this file
//! [names]
//! "manuals.example.com" = ["203.0.113.5"]
//! "rebound.example.com" = [["203.0.113.5"], ["10.0.0.1"]]   # the first look-up, and all later ones
//! "*.wild.example.com" = ["203.0.113.6"]                     # every name below it; look-ups are counted for each
//! [connectors]
//! "203.0.113.5" = "127.0.0.1:9444"  # optional: takes those that are meant for this address, so that they are told apart
//! ```
//!
//! An address written into a URL is no name: [`Fetcher`] connects to loopback addresses only, directly; [`web`] connects
//! to the connector of the address that was judged.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Deserialize;
use url::{Host, Url};

pub mod web;

/// Bound of a connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Bound of a whole fetch: one attempt of the contract. There is no second: the next token asks again.
const FETCH_WITHIN: Duration = Duration::from_secs(2);

/// A pinned world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// Every connection to a name goes here.
    pub connector: SocketAddr,
    /// But for those to these addresses.
    pub connectors: BTreeMap<IpAddr, SocketAddr>,
    /// What the resolver says; a name that is missing does not exist.
    pub names: BTreeMap<String, Answers>,
    /// The only CA that is trusted, PEM.
    pub ca_pem: Option<Vec<u8>>,
}

/// What the resolver says of a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Answers {
    /// Always the same addresses.
    Same(Vec<IpAddr>),
    /// One answer after the other, the last for ever: a name whose owner changes it between two look-ups.
    InTurn(Vec<Vec<IpAddr>>),
}

impl Answers {
    /// The answer to a look-up, counted from zero.
    pub fn in_turn(&self, turn: usize) -> &[IpAddr] {
        match self {
            Self::Same(addresses) => addresses,
            Self::InTurn(answers) => {
                let last = answers.len().saturating_sub(1);
                answers.get(turn.min(last)).map_or(&[], Vec::as_slice)
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEgress {
    connector: SocketAddr,
    #[serde(default)]
    connectors: BTreeMap<IpAddr, SocketAddr>,
    #[serde(default)]
    names: BTreeMap<String, Answers>,
    ca_file: Option<PathBuf>,
}

/// What is wrong with the file; the texts complete "expected …".
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// It or the CA's file cannot be read.
    #[error("a readable file")]
    Read(#[source] std::io::Error),
    /// It is neither TOML nor JSON of this shape.
    #[error("a file with connector, [names] and ca_file ({0})")]
    Shape(String),
    /// The connector is elsewhere.
    #[error("a connector on a loopback address")]
    ConnectorNotLoopback,
    /// The CA's file holds no certificate.
    #[error("a ca_file with PEM certificates")]
    Ca,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client could not be made, or the exchange failed.
    #[error("the fetch failed")]
    Http(#[source] reqwest::Error),
    /// Another status than 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// The body is longer than it may be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The URL names an address that the pinned world does not have.
    #[error("the address is outside of the pinned world")]
    NotPinned,
}

impl Egress {
    /// Reads and checks the file.
    pub fn from_file(path: &Path) -> Result<Self, EgressError> {
        let text = std::fs::read_to_string(path).map_err(EgressError::Read)?;
        let shape = |text: String| EgressError::Shape(text.replace('\n', " "));
        let raw: RawEgress = if text.trim_start().starts_with('{') {
            serde_json::from_str(&text).map_err(|error| shape(error.to_string()))?
        } else {
            toml::from_str(&text).map_err(|error| shape(error.message().to_owned()))?
        };
        let connectors = raw.connectors.values().chain([&raw.connector]);
        if !connectors.into_iter().all(|connector| connector.ip().is_loopback()) {
            return Err(EgressError::ConnectorNotLoopback);
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let ca_pem = raw.ca_file.map(|file| std::fs::read(folder.join(file))).transpose();
        let ca_pem = ca_pem.map_err(EgressError::Read)?;
        let holds_a_certificate = |pem: &[u8]| {
            reqwest::Certificate::from_pem_bundle(pem).is_ok_and(|found| !found.is_empty())
        };
        if ca_pem.as_deref().is_some_and(|pem| !holds_a_certificate(pem)) {
            return Err(EgressError::Ca);
        }
        let names = raw.names.into_iter().map(|(name, ips)| (name.to_ascii_lowercase(), ips));
        let (connector, connectors) = (raw.connector, raw.connectors);
        Ok(Self { connector, connectors, names: names.collect(), ca_pem })
    }

    /// Where a connection to this address goes.
    fn connector_of(&self, address: IpAddr) -> SocketAddr {
        self.connectors.get(&address).copied().unwrap_or(self.connector)
    }

    /// What the resolver says of a name: the entry of the name itself, or else the nearest `*.` above it.
    fn answers(&self, name: &str) -> Option<&Answers> {
        let name = name.to_ascii_lowercase();
        let above = name.match_indices('.').map(|(at, _)| &name[at..]);
        let wild = || above.map(|rest| format!("*{rest}")).find_map(|wild| self.names.get(&wild));
        self.names.get(&name).or_else(wild)
    }

    /// Whether the URL leads nowhere but to the connector or to this machine.
    fn allows(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Domain(name)) => self.answers(name).is_some(),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// Fetches small documents.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    egress: Option<Egress>,
}

impl Fetcher {
    /// A client for the real or the pinned world; it follows no redirect and no proxy.
    pub fn new(egress: Option<Egress>) -> Result<Self, FetchError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(FETCH_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(egress) = &egress {
            builder = builder.dns_resolver(Arc::new(PinnedResolver(egress.clone())));
            if let Some(pem) = &egress.ca_pem {
                let authorities = reqwest::Certificate::from_pem_bundle(pem);
                builder = builder.tls_certs_only(authorities.map_err(FetchError::Http)?);
            }
        }
        Ok(Self { client: builder.build().map_err(FetchError::Http)?, egress })
    }

    /// The body of a 200, at most `bytes_max` long.
    pub async fn get(&self, url: &Url, bytes_max: usize) -> Result<Vec<u8>, FetchError> {
        if self.egress.as_ref().is_some_and(|egress| !egress.allows(url)) {
            return Err(FetchError::NotPinned);
        }
        let mut answer = self.client.get(url.clone()).send().await.map_err(without_url)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(without_url)? {
            if body.len() + chunk.len() > bytes_max {
                return Err(FetchError::TooLong(bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// A URL may be a secret (a presigned one is), and errors are logged.
fn without_url(error: reqwest::Error) -> FetchError {
    FetchError::Http(error.without_url())
}

#[derive(Debug)]
struct PinnedResolver(Egress);

impl Resolve for PinnedResolver {
    /// The connector for every name in the table: the table's addresses are what is judged, not what is dialled. A port
    /// written into the URL stays (the HTTP client insists on it).
    fn resolve(&self, name: Name) -> Resolving {
        let known = self.0.answers(name.as_str()).is_some();
        let connector = self.0.connector;
        Box::pin(async move {
            if known {
                let addresses: Addrs = Box::new(std::iter::once(connector));
                Ok(addresses)
            } else {
                Err("the name is not in the pinned table".into())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Egress, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("egress");
        std::fs::write(&path, text).unwrap();
        Egress::from_file(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = parsed("connector = '127.0.0.1:9'\n[names]\n'A.example' = ['203.0.113.5']\n");
        let json =
            parsed(r#"{"connector": "127.0.0.1:9", "names": {"a.example": ["203.0.113.5"]}}"#);
        assert_eq!(toml, json);
        assert_eq!(toml.unwrap().names.keys().collect::<Vec<_>>(), ["a.example"]);
    }

    #[test]
    fn a_name_may_have_one_answer_after_the_other() {
        let text = "connector = '127.0.0.1:9'\n[names]\na = [['1.1.1.1'], ['10.0.0.1', '::1']]\n\
            b = ['1.1.1.1']\nc = []";
        let egress = parsed(text).unwrap();
        let at = |name: &str, turn| egress.names[name].in_turn(turn).len();
        assert_eq!([at("a", 0), at("a", 1), at("a", 9)], [1, 2, 2]);
        assert_eq!([at("b", 0), at("b", 9), at("c", 0)], [1, 1, 0]);
    }

    #[test]
    fn an_address_may_have_a_connector_of_its_own() {
        let text = "connector = '127.0.0.1:9'\n[connectors]\n'1.1.1.1' = '127.0.0.1:10'";
        let egress = parsed(text).unwrap();
        let port = |address: &str| egress.connector_of(address.parse().unwrap()).port();
        assert_eq!([port("1.1.1.1"), port("127.0.0.1")], [10, 9]);
    }

    #[test]
    fn a_star_is_every_name_below_it_unless_a_nearer_one_is_there() {
        let text = "connector = '127.0.0.1:9'\n[names]\n'*.b.example' = ['1.1.1.1']\n\
            'x.b.example' = []\n'*.near.b.example' = ['1.1.1.1', '8.8.8.8']";
        let egress = parsed(text).unwrap();
        let found = |name: &str| egress.answers(name).map(|answers| answers.in_turn(0).len());
        assert_eq!([found("a.B.example"), found("c.a.b.example")], [Some(1), Some(1)]);
        assert_eq!([found("x.b.example"), found("y.near.b.example")], [Some(0), Some(2)]);
        assert_eq!([found("b.example"), found("ab.example"), found("example")], [None; 3]);
    }

    #[test]
    fn what_could_leave_the_machine_is_refused() {
        assert!(parsed("connector = '203.0.113.5:9'").unwrap_err().contains("loopback"));
        let other = "connector = '127.0.0.1:9'\n[connectors]\n'1.1.1.1' = '203.0.113.5:9'";
        assert!(parsed(other).unwrap_err().contains("loopback"));
        assert!(parsed("conector = '127.0.0.1:9'").unwrap_err().contains("connector"));
        assert!(parsed("connector = '127.0.0.1:9'\nca_file = 'none.pem'").is_err());

        let egress = parsed("connector = '127.0.0.1:9'\n[names]\n'a.example' = []").unwrap();
        let allows = |url: &str| egress.allows(&Url::parse(url).unwrap());
        assert!(allows("https://a.example/x") && allows("http://127.0.0.1:80/"));
        assert!(!allows("https://b.example/") && !allows("http://203.0.113.5/"));
    }

    #[tokio::test]
    async fn a_name_is_dialled_at_the_connector_and_nowhere_else() {
        let server = wiremock::MockServer::start().await;
        wiremock::Mock::given(wiremock::matchers::header("host", "keys.example"))
            .respond_with(wiremock::ResponseTemplate::new(200).set_body_string("0123456789"))
            .mount(&server)
            .await;
        let text = format!(
            "connector = '{}'\n[names]\n'keys.example' = ['203.0.113.5']\n",
            server.address()
        );
        let fetcher = Fetcher::new(Some(parsed(&text).unwrap())).unwrap();
        let url = Url::parse("http://keys.example/jwks.json").unwrap();
        assert_eq!(fetcher.get(&url, 10).await.unwrap(), b"0123456789");
        assert!(matches!(fetcher.get(&url, 9).await, Err(FetchError::TooLong(9))));
        let other = Url::parse("http://other.example/").unwrap();
        assert!(matches!(fetcher.get(&other, 9).await, Err(FetchError::NotPinned)));
    }
}
