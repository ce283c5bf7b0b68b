//! Signatures: of any age, used again, used by somebody else, used by many at once.

use std::ops::ControlFlow;
use std::time::Duration;

use manuel_client::Request;
use manuel_client::SignatureHeaders;
use manuel_client::contract::Parsed;
use proptest::arbitrary::any;
use proptest::sample::Index;

use super::super::catalogue::steps;
use super::super::generated::Generated;
use super::super::generated::clock_offsets;
use super::super::manners::Mannered;
use super::super::manners::signature;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::calls;
use super::calls::request;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// A signature counts so long before and after its time (api.md, "HMAC"), in seconds.
const WINDOW_S: i64 = 300;
/// A call on a busy machine may take so long on its way, in seconds.
const ON_ITS_WAY_S: i64 = 20;
/// A call has to be judged within the second in which it was signed; so often is tried to make one that is.
const TRIES: u32 = 10;
/// The first part of a second, in ms, that leaves the rest of it for the call's way.
const EARLY_MS: u64 = 200;
/// The next second begins within this.
const EARLY_WITHIN: Duration = Duration::from_secs(3);

steps! {
    /// Makes a call with a signature made so long ago, to the second; made again where the clock ticked on the way.
    Does "{who} tries to {text} with a signature made {number} seconds ago" (world, who: Who, what: String, ago: u64) => aged(world, who, what, -signed(ago));

    /// Makes a call with a signature made for so far in the future, to the second.
    Does "{who} tries to {text} with a signature made for {number} seconds from now" (world, who: Who, what: String, ahead: u64) => aged(world, who, what, signed(ahead));

    /// Signs a call, to be sent later.
    Given "{who} has signed a call to {text}" (world, who: Who, what: String) => sign(world, who, what, 0);

    /// Signs a call for so far in the future, to be sent later.
    Given "{who} has signed a call to {text} for {number} seconds from now" (world, who: Who, what: String, ahead: u64) => sign(world, who, what, signed(ahead));

    /// Sends the signed call, with the sender's own token and the signer's signature; as often as it is said.
    Does "{who} sends the call that {who} signed" (world, who: Who, signer: Who) => send(world, who, signer);

    /// Sends the signed call this many times at the same moment.
    Does "{who} sends the signed call {number} times at once" (world, who: Who, times: u64) => send_at_once(world, who, times);

    /// Sends the signed call with one byte of its content changed.
    Does "{who} sends the signed call with another content" (world, who: Who) => send_changed(world, who);

    /// Of the calls that were sent at once one was taken, and the others refused as used before.
    Then "the signature of {who} worked once" (world, who: Who) => worked_once(world, who);

    /// A clock that is wrong within the window changes nothing; one that is wrong beyond it is refused.
    Then "a call that {who} signs counts exactly while it is young enough, however wrong the clock" (world, who: Who) => any_clock(world, who);

    /// Whatever single byte of a signed content is another, the call is refused.
    Then "no call of {who} counts whose content was changed after it was signed" (world, who: Who) => no_changed(world, who);
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

fn second(world: &FeatureWorld) -> u64 {
    world.run.now_ms() / 1000
}

/// Signs it `by` seconds from now and sends it, early in a second of the stage's clock. Where that second was over when the
/// answer came, nobody knows how old the signature was when it was judged: it is undone and made again.
async fn aged(world: &mut FeatureWorld, who: Who, what: String, by: i64) -> StepResult {
    let request = request(world, &who, &what).await?;
    for _ in 0..TRIES {
        let now = early_second(world).await?;
        let signature = signature(&world.run, &request, now.saturating_add_signed(by))?;
        calls::send(world, &who, &Mannered::signed(request.clone(), &signature)?).await?;
        if second(world) == now {
            return Ok(());
        }
        if let Parsed::Uploaded(uploaded) = &world.seen(&who)?.parsed {
            let id = uploaded.manual_id.clone();
            world.look(&who, Request::DeleteManual { id: id.clone() }).await?.success()?;
            world.change(&who, |person| person.manuals.retain(|_, known| *known != id)).await?;
        }
    }
    Err(StepError::lost("no call was answered within the second in which it was made"))
}

/// The second of the stage's clock, early enough for a call to be judged in it.
async fn early_second(world: &FeatureWorld) -> StepResult<u64> {
    let run = &world.run;
    let waited = poll::until(Pace::quick(EARLY_WITHIN), 0, async || match run.now_ms() {
        now if now % 1000 < EARLY_MS => ControlFlow::Break(now / 1000),
        now => ControlFlow::Continue(now),
    });
    waited
        .await
        .map_err(|expired| StepError::lost(format!("the clock stands at {}", expired.last_seen)))
}

async fn sign(world: &mut FeatureWorld, who: Who, what: String, by: i64) -> StepResult {
    let request = request(world, &who, &what).await?;
    let at = second(world).saturating_add_signed(by);
    let signature = signature(&world.run, &request, at)?;
    world.signed.insert(who, (request, signature));
    Ok(())
}

fn signed_by(world: &FeatureWorld, who: &Who) -> StepResult<(Request, SignatureHeaders)> {
    let signed = world.signed.get(who).cloned();
    signed.ok_or_else(|| StepError::lost(format!("{who} has signed nothing")))
}

async fn send(world: &mut FeatureWorld, who: Who, signer: Who) -> StepResult {
    let (request, signature) = signed_by(world, &signer)?;
    calls::send(world, &who, &Mannered::signed(request, &signature)?).await
}

async fn send_at_once(world: &mut FeatureWorld, who: Who, times: u64) -> StepResult {
    let (request, signature) = signed_by(world, &who)?;
    let call = Mannered::signed(request.clone(), &signature)?;
    let requests: Vec<Request> = (0..times).map(|_| request.clone()).collect();
    world.send_all_at_once(&who, &requests, &call.how()).await
}

async fn send_changed(world: &mut FeatureWorld, who: Who) -> StepResult {
    let (request, signature) = signed_by(world, &who)?;
    let changed = changed(&request, 0)?;
    calls::send(world, &who, &Mannered::signed(changed, &signature)?).await
}

/// The upload with one bit of one byte of its file flipped: another content of the same length.
fn changed(request: &Request, place: usize) -> StepResult<Request> {
    let mut changed = request.clone();
    if let Request::UploadManual { bytes, .. } = &mut changed {
        let mut other = bytes.to_vec();
        if let Some(byte) = other.get_mut(place) {
            *byte ^= 1;
        }
        *bytes = other.into();
    }
    if changed == *request {
        Err(StepError::lost("there is no content to change"))
    } else {
        Ok(changed)
    }
}

async fn worked_once(world: &mut FeatureWorld, who: Who) -> StepResult {
    let burst = world.burst(&who)?;
    let taken = burst.iter().filter(|seen| seen.success().is_ok()).count();
    let refused = |seen: &&Seen| seen.refused_with(401, "signature_replayed").is_ok();
    let refused = burst.iter().filter(refused).count();
    let seen = format!("{taken} taken and {refused} refused as used before, of {}", burst.len());
    check(taken == 1 && refused + 1 == burst.len(), "one taken, the others refused", seen)
}

/// A deletion of what is not there: it changes nothing, and is signed all the same.
async fn deletion(world: &mut FeatureWorld, who: &Who) -> StepResult<Request> {
    request(world, who, "delete a manual").await
}

async fn any_clock(world: &mut FeatureWorld, who: Who) -> StepResult {
    let request = deletion(world, &who).await?;
    Generated::of(world)
        .hold(clock_offsets(WINDOW_S, ON_ITS_WAY_S), async |_, (offset, within)| {
            let at = second(world).saturating_add_signed(offset);
            let call = Mannered::signed(request.clone(), &signature(&world.run, &request, at)?)?;
            let seen = world.send_as(&who, request.clone(), call.how()).await?;
            if within {
                // The same offset drawn twice in one second is the same signature, and that was used then.
                let fresh = seen.refused_with(401, "signature_replayed").is_err();
                let refused = seen.exchange.status == 401 && fresh;
                check(!refused, "a signature within its window taken", seen.summary())
            } else {
                seen.refused_with(401, "signature_expired").map(drop)
            }
        })
        .await
}

async fn no_changed(world: &mut FeatureWorld, who: Who) -> StepResult {
    let request = request(world, &who, "upload a manual").await?;
    let Request::UploadManual { bytes, .. } = &request else {
        return Err(StepError::lost("there is no content to change"));
    };
    let length = bytes.len();
    Generated::of(world)
        .hold(any::<Index>(), async |_, place| {
            let signature = signature(&world.run, &request, second(world))?;
            let call = Mannered::signed(changed(&request, place.index(length))?, &signature)?;
            calls::send(world, &who, &call).await?;
            world.seen(&who)?.refused_with(401, "signature_invalid").map(drop)
        })
        .await
}
