//! HTTP clients for what a stage offers beside the API: no proxy, and no certificates where none is ever looked at. Loading
//! the machine's takes tens of milliseconds, and some callers make a client for every look.

use std::time::Duration;

/// A builder of clients for `url`, with a bound for each request.
pub fn client(url: &str, timeout: Duration) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy().timeout(timeout);
    if url.starts_with("http://") { builder.tls_certs_only([]) } else { builder }
}
