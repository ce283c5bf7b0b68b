//! Faults on the wire: toxics on the proxy before one service, or that proxy down.

use std::time::Duration;

use faultproxy::client::Client;
use faultproxy::client::ClientError;
use faultproxy::client::Toxic;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use verdict::domain::chaos::RawFault;
use verdict::domain::chaos::evidence::ChaosEvidence;

use super::Beat;
use super::NemesisError;
use super::Played;
use super::TTL_MS;
use super::failed;
use super::mark;

/// A lease is renewed this often.
const RENEW: Duration = Duration::from_secs(4);
/// The toxic that is none: the proxy itself.
const DOWN: &str = "down";

pub(super) async fn play(
    (scenario, fault): (String, RawFault),
    url: Option<&str>,
    (beat, until_us): (Beat, u64),
    stop: CancellationToken,
) -> (Played, Option<NemesisError>) {
    let mut played = Played::default();
    let url = url.unwrap_or_default();
    let held = hold((&scenario, &fault), url, (beat, until_us), stop, &mut played).await;
    let error = held.err().map(|error| failed(&fault.name, "played", &error));
    (played, error)
}

async fn hold(
    (scenario, fault): (&str, &RawFault),
    url: &str,
    (beat, until_us): (Beat, u64),
    stop: CancellationToken,
    played: &mut Played,
) -> Result<(), ClientError> {
    let client = Client::new(url)?;
    let proxy = fault.proxy.clone().unwrap_or_default();
    let asked_us = beat.now_us();
    let toxic = put_on(&client, &proxy, fault).await?;
    played.lines.push(ChaosEvidence::Applied(mark(
        scenario,
        &fault.name,
        (asked_us, beat.now_us()),
    )));
    let mut renewals = tokio::time::interval(RENEW);
    renewals.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let kept = loop {
        tokio::select! {
            () = tokio::time::sleep_until(beat.until(until_us)) => break Ok(()),
            () = stop.cancelled() => break Ok(()),
            _at = renewals.tick() => {
                let renewed = match &toxic {
                    Some(toxic) => client.update_toxic(&proxy, toxic).await.map(drop),
                    None => client.down(&proxy, TTL_MS).await.map(drop),
                };
                if let Err(error) = renewed {
                    break Err(error);
                }
            }
        }
    };
    let asked_us = beat.now_us();
    match &toxic {
        Some(toxic) => client.delete_toxic(&proxy, &toxic.name).await?,
        None => drop(client.enable(&proxy, true).await?),
    }
    played.lines.push(ChaosEvidence::Reverted(mark(
        scenario,
        &fault.name,
        (asked_us, beat.now_us()),
    )));
    let now = client.proxy(&proxy).await?;
    if !now.enabled || now.toxics.iter().any(|toxic| toxic.name == fault.name) {
        played.left_on.push(fault.name.clone());
    }
    kept
}

/// The toxic, or none where the proxy is down.
async fn put_on(
    client: &Client,
    proxy: &str,
    fault: &RawFault,
) -> Result<Option<Toxic>, ClientError> {
    let kind = fault.toxic.as_deref().unwrap_or_default();
    if kind == DOWN {
        client.down(proxy, TTL_MS).await?;
        return Ok(None);
    }
    let toxic = Toxic {
        name: fault.name.clone(),
        attributes: fault.attributes.clone(),
        ttl_ms: Some(TTL_MS),
        ..Toxic::new(kind, fault.stream.as_deref().unwrap_or("downstream"), &[])
    };
    client.add_toxic(proxy, &toxic).await?;
    Ok(Some(toxic))
}
