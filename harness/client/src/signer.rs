//! The signature on what changes state (api.md, "HMAC"), and the memory that keeps an identical request from repeating one.
//!
//! It has no clock: the time is an argument, so that a test clock with an offset signs as well as a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The backend accepts a timestamp this many seconds around its own clock.
pub const WINDOW_S: u64 = 300;

/// Kept free at both ends of the window, for the way to the backend and a clock that is a little off.
pub const MARGIN_S: u64 = 10;

/// How often, in seconds of the caller's clock, expired memory is swept.
const SWEEP_EVERY_S: u64 = 60;

/// When a request is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SigningTime {
    /// Unix seconds of the caller's clock.
    pub now_s: u64,
    /// Added to it: how far the stage's clock is ahead (negative: behind), in seconds.
    pub offset_s: i64,
}

impl SigningTime {
    /// A clock that the stage shares.
    pub fn at(now_s: u64) -> Self {
        Self { now_s, offset_s: 0 }
    }

    /// Unix seconds on the stage's clock.
    pub fn second(self) -> u64 {
        self.now_s.saturating_add_signed(self.offset_s)
    }
}

/// What a signature covers, but for the timestamp.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SignedParts<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// The path as sent (percent-encoded), without the query.
    pub path: &'a str,
    /// Lower-case hex sha256 of the body as sent.
    pub body_sha256: &'a str,
}

/// The two headers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureHeaders {
    /// `X-Manuel-Timestamp`, Unix seconds.
    pub timestamp: u64,
    /// `X-Manuel-Signature`, lower-case hex.
    pub signature: String,
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SignError {
    /// The backend refuses everything without a key; so do we.
    #[error("the signing key is empty")]
    EmptyKey,
    /// Every second of the window is used up for this user and request: repeating it needs a wait.
    #[error("an identical request was signed in every second of the ±{WINDOW_S} s window")]
    WindowFull,
}

/// Signs requests and remembers which (user, request, second) it used.
pub struct Signer {
    keyed: Hmac<Sha256>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    used: BTreeMap<String, BTreeMap<[u8; 32], BTreeSet<u64>>>,
    swept_at: u64,
}

impl Signer {
    /// A signer with the stage's key, as the secret's bytes.
    pub fn new(key: &[u8]) -> Result<Self, SignError> {
        if key.is_empty() {
            return Err(SignError::EmptyKey);
        }
        // HMAC takes a key of any length (RFC 2104); the error type is for MACs that do not.
        let keyed = Hmac::new_from_slice(key).map_err(|_length| SignError::EmptyKey)?;
        Ok(Self { keyed, memory: Mutex::default() })
    }

    /// Signs with the first second not yet used for this user and request: now, then later ones, then earlier ones.
    pub fn sign(
        &self,
        user: &str,
        parts: SignedParts<'_>,
        time: SigningTime,
    ) -> Result<SignatureHeaders, SignError> {
        let now = time.second();
        let second = self.lock().take(user, digest(parts), now).ok_or(SignError::WindowFull)?;
        Ok(self.sign_at(parts, second))
    }

    /// Signs with exactly this timestamp, without a look at the memory: for replays and wrong signatures.
    pub fn sign_at(&self, parts: SignedParts<'_>, timestamp: u64) -> SignatureHeaders {
        SignatureHeaders { timestamp, signature: self.sign_text(parts, &timestamp.to_string()) }
    }

    /// The signature over a timestamp that may be any text, in lower-case hex.
    pub fn sign_text(&self, parts: SignedParts<'_>, timestamp: &str) -> String {
        let message =
            format!("{timestamp}\n{}\n{}\n{}", parts.method, parts.path, parts.body_sha256);
        self.mac(&[message.as_bytes()])
    }

    /// The legacy form, HMAC over timestamp and body: accepted only while `HMAC_ACCEPT_LEGACY=true`.
    pub fn sign_legacy_at(&self, body: &[u8], timestamp: u64) -> SignatureHeaders {
        let signature = self.mac(&[timestamp.to_string().as_bytes(), body]);
        SignatureHeaders { timestamp, signature }
    }

    fn mac(&self, parts: &[&[u8]]) -> String {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(part);
        }
        hex::encode(mac.finalize().into_bytes())
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // The memory is valid after every statement: a panic elsewhere does not spoil it.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Memory {
    fn take(&mut self, user: &str, request: [u8; 32], now: u64) -> Option<u64> {
        self.sweep(now);
        let used = self.used.entry(user.to_owned()).or_default().entry(request).or_default();
        let reach = WINDOW_S - MARGIN_S;
        let later = now..=now.saturating_add(reach);
        let earlier = (now.saturating_sub(reach)..now).rev();
        let free = later.chain(earlier).find(|second| !used.contains(second))?;
        used.insert(free);
        Some(free)
    }

    /// Forgets what the backend would refuse as too old anyway, twice the window for a clock that is set back.
    fn sweep(&mut self, now: u64) {
        if now < self.swept_at.saturating_add(SWEEP_EVERY_S) {
            self.swept_at = self.swept_at.min(now);
            return;
        }
        self.swept_at = now;
        let oldest = now.saturating_sub(2 * WINDOW_S);
        self.used.retain(|_, requests| {
            requests.retain(|_, seconds| {
                *seconds = seconds.split_off(&oldest);
                !seconds.is_empty()
            });
            !requests.is_empty()
        });
    }
}

fn digest(parts: SignedParts<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [parts.method, parts.path, parts.body_sha256] {
        hash.update(part.as_bytes());
        hash.update([b'\n']);
    }
    hash.finalize().into()
}

#[cfg(test)]
#[path = "signer/tests.rs"]
mod tests;
