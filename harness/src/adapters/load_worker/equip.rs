//! What a worker needs before its first request, made from its plan: connections, the contract, the signing key.

use std::net::IpAddr;
use std::time::Duration;

use manuel_client::ManuelClient;
use manuel_client::Signer;
use manuel_client::contract::Contract;
use verdict::domain::stage::Capability;
use verdict::domain::stage::SecretRef;

use super::WorkerError;
use super::plan::WorkerPlan;
use super::plan::WorkerUser;
use super::seat::Seat;
use super::seat::address;

/// A connection on one machine or in one region.
const CONNECT: Duration = Duration::from_secs(2);

/// Names what could not be made.
pub(super) fn prepare_failed<E: std::error::Error + Send + Sync + 'static>(
    what: &str,
) -> impl FnOnce(E) -> WorkerError {
    let what = what.to_owned();
    move |source| WorkerError::Prepare { what, source: Box::new(source) }
}

/// The users, each with connections of their own.
pub(super) fn seats(plan: &WorkerPlan) -> Result<Vec<Seat>, WorkerError> {
    let own_addresses = plan.stage.capabilities.has(Capability::SourceAddresses);
    let timeout = Duration::from_millis(plan.run.profile.raw().timeout_ms);
    let seat = |(index, user): (usize, &WorkerUser)| {
        let address: Option<IpAddr> = own_addresses.then(|| address(index));
        let client = ManuelClient::new(&plan.stage.base_url, address, timeout, CONNECT)
            .map_err(prepare_failed("connections"))?;
        Ok(Seat::new(user.clone(), client, address))
    };
    plan.users.iter().enumerate().map(seat).collect()
}

/// Names that must not stand in an error.
pub(super) fn contract(plan: &WorkerPlan) -> Result<Contract, WorkerError> {
    let words = plan.stage.resources.names();
    let known = words.into_iter().filter(|word| word.chars().count() >= Contract::LEAST_WORD);
    Contract::new(known).map_err(prepare_failed("the contract check"))
}

/// What requests are signed with.
pub(super) fn signer(plan: &WorkerPlan) -> Result<Signer, WorkerError> {
    let key = match &plan.stage.hmac_key {
        SecretRef::Throwaway(key) => key.as_str(),
        // References are resolved where the stage file is read.
        SecretRef::Env(_) | SecretRef::SecretsManager(_) => "",
    };
    Signer::new(key.as_bytes()).map_err(prepare_failed("the signing key"))
}
