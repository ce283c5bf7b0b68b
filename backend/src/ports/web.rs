//! The internet: names, and one exchange with one server at one address.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use url::Url;

/// What a call gives.
pub type WebFuture<'a, T> = BoxFuture<'a, Result<T, WebError>>;

/// Fetching from the internet. It decides nothing: which addresses may be reached is judged by who calls.
pub trait Web: Send + Sync + fmt::Debug {
    /// All addresses of a name.
    fn resolve<'a>(&'a self, name: &'a str) -> WebFuture<'a, Vec<IpAddr>>;
    /// One GET over TLS at exactly this address, for the host that the URL names; no redirect is followed, and nothing is
    /// sent that could tell who asks.
    fn get<'a>(&'a self, url: &'a Url, address: IpAddr) -> WebFuture<'a, WebAnswer>;
}

/// A server's answer.
pub struct WebAnswer {
    /// HTTP's.
    pub status: u16,
    /// `Location`
    pub location: Option<String>,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Content-Encoding`
    pub content_encoding: Option<String>,
    /// `Content-Length`
    pub content_length: Option<u64>,
    /// `Content-Disposition`
    pub content_disposition: Option<String>,
    /// The body, as it comes.
    pub body: BoxStream<'static, Result<Bytes, WebError>>,
}

impl fmt::Debug for WebAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no answer, or no more of it.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nobody knows the name.
    #[error("the name is not known")]
    Name(#[source] std::io::Error),
    /// Nobody listens at the address.
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    /// The server is not the one that the URL names, or speaks no TLS.
    #[error("no TLS")]
    Tls(#[source] std::io::Error),
    /// It broke off, or is no HTTP.
    #[error("no HTTP answer")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("{0} took too long")]
    Slow(&'static str),
}
