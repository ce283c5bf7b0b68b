//! The HTTP client under everything here: direct (no proxy, no redirect, no second try), from a chosen source address.

use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

/// Idle connections are closed by us before a usual server does (75 s and more), so that none dies under a request.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Bounds of one attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// From the send to the last byte of the body.
    pub timeout: Duration,
    /// For setting a connection up; part of `timeout`.
    pub connect_timeout: Duration,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// The base URL does not parse, or is not http(s) with a host.
    #[error("not a usable base url: {url:?}")]
    BaseUrl { url: String },
    /// TLS or resolver set-up failed.
    #[error("cannot build the http client")]
    Build {
        #[source]
        source: reqwest::Error,
    },
}

/// Parses a base URL: http or https, with a host, without query and fragment.
pub(crate) fn base_url(text: &str) -> Result<reqwest::Url, ConnectionError> {
    let unusable = || ConnectionError::BaseUrl { url: text.to_owned() };
    let url = reqwest::Url::parse(text).ok().ok_or_else(unusable)?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if plain && web { Ok(url) } else { Err(unusable()) }
}

/// Builds a client for one server and one source address.
pub(crate) fn http_client(
    url: &reqwest::Url,
    local_address: Option<IpAddr>,
    bounds: Bounds,
) -> Result<reqwest::Client, ConnectionError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("manuel-client/", env!("CARGO_PKG_VERSION")))
        .local_address(local_address)
        .timeout(bounds.timeout)
        .connect_timeout(bounds.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        // Unified features may switch these on: what is measured is the plain body.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate();
    if url.scheme() == "http" {
        // No certificate is ever looked at: not loading the machine's saves milliseconds for each of many users.
        builder = builder.tls_certs_only([]);
    }
    if url.scheme() == "https" {
        builder = builder.tls_certs_merge(crate::trust::believed());
    }
    builder.build().map_err(|source| ConnectionError::Build { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        for good in ["http://127.0.0.1:8080", "https://x.example/prod/"] {
            assert!(base_url(good).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:80", "ftp://a/", "http://a/?b", "http://a/#b", "file:///x"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
