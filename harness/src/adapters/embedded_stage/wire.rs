//! The wire between a stage's backend and its AWS: one fault proxy before each service, so that connections can be slow,
//! cut, reset or refused.

use std::collections::BTreeMap;
use std::io;

use faultproxy::FaultProxy;
use faultproxy::Options;
use faultproxy::client::Client;
use faultproxy::client::ClientError;
use thiserror::Error;

/// A wire that cannot be laid.
#[derive(Debug, Error)]
pub enum WireError {
    /// No port for the API.
    #[error("cannot start the fault proxy")]
    Listen(#[source] io::Error),
    /// No client of the API.
    #[error("cannot make a client of the fault proxy")]
    Client(#[source] ClientError),
    /// No proxy before a service.
    #[error("cannot put a proxy before {service}")]
    Proxy {
        /// The endpoint's name.
        service: String,
        /// Why.
        #[source]
        source: Box<ClientError>,
    },
}

/// The proxies of a stage; named as the services.
#[derive(Debug)]
pub(super) struct Wire {
    server: FaultProxy,
    endpoints: BTreeMap<String, String>,
}

impl Wire {
    /// Puts a proxy before each of `endpoints` (service → `http://HOST:PORT`).
    pub(super) async fn lay(
        seed: u64,
        endpoints: &BTreeMap<String, String>,
    ) -> Result<Self, WireError> {
        let server = FaultProxy::start(Options { proxy_metrics: true, ..Options::local(seed) })
            .await
            .map_err(WireError::Listen)?;
        let client = Client::new(&server.url()).map_err(WireError::Client)?;
        let mut through = BTreeMap::new();
        for (service, endpoint) in endpoints {
            let failed =
                |source| WireError::Proxy { service: service.clone(), source: Box::new(source) };
            let upstream = endpoint.trim_start_matches("http://").trim_end_matches('/');
            let proxy = client.create(service, "127.0.0.1:0", upstream).await.map_err(failed)?;
            through.insert(service.clone(), format!("http://{}", proxy.listen));
        }
        Ok(Self { server, endpoints: through })
    }

    /// The same services, through the proxies.
    pub(super) fn endpoints(&self) -> &BTreeMap<String, String> {
        &self.endpoints
    }

    /// The Toxiproxy API.
    pub(super) fn admin_url(&self) -> String {
        self.server.url()
    }

    /// Closes every connection.
    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}
