//! A stage that is met as a deployed one is: over TLS, at an address of its own, and with nothing of this machine in its
//! description.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;

use verdict::domain::stage::Admin;
use verdict::domain::stage::Capabilities;
use verdict::domain::stage::Capability;
use verdict::domain::stage::StageDescription;

use super::launch_error::LaunchError;
use crate::adapters::tls_front::TlsFront;

/// Where it is met; nothing else of the harness is there.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 1));

/// What a deployed stage offers at most: its stores through AWS's own API, throw-away users, the deployment's edge.
const OFFERED: [Capability; 3] =
    [Capability::StoresReadable, Capability::ProvisionUsers, Capability::Edge];

/// Puts TLS in front, and takes out of `description` what nobody would know of a deployed stage.
pub(super) async fn start(
    description: &mut StageDescription,
    run_dir: &Path,
) -> Result<TlsFront, LaunchError> {
    let address = description.base_url.strip_prefix("http://").map(str::parse::<SocketAddr>);
    let Some(Ok(upstream)) = address else {
        return Err(LaunchError::EdgeBefore { base_url: description.base_url.clone() });
    };
    let tls = TlsFront::start(ADDRESS, upstream, run_dir)
        .await
        .map_err(|source| LaunchError::Tls { source })?;
    description.base_url = tls.base_url();
    description.tls_ca_file = Some(tls.ca_file().display().to_string());
    description.admin = Admin::default();
    description.processes = None;
    let Capabilities(offered) = &mut description.capabilities;
    offered.retain(|capability| OFFERED.contains(capability));
    Ok(tls)
}
