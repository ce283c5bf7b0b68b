//! The HTTP client that all clients of the SDK share: one pool of connections, one reading of the machine's certificates.
//! Left to itself the SDK makes one for each service, and reads certificates for each when it is made, needed or not:
//! that was most of what starting cost. Here they are read with the first call. No proxy of the environment is used.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The shared client; it does not do the SDK's check at construction, which reads certificates and throws them away.
#[derive(Debug)]
struct Shared(SharedHttpClient);

/// A client for HTTPS (and for HTTP, where an endpoint says so).
pub(super) fn shared() -> SharedHttpClient {
    let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    SharedHttpClient::new(Shared(https))
}

impl HttpClient for Shared {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}
