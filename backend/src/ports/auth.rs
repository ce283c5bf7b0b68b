//! Keys, secrets, and the memory of used signatures.

use std::fmt;

use crate::ports::PortFuture;

/// The memory of signatures that were used.
pub trait ReplayStore: Send + Sync + fmt::Debug {
    /// Notes it until `expires_at`; `false` if it was noted before.
    fn remember<'a>(&'a self, id: &'a str, now: i64, expires_at: i64) -> PortFuture<'a, bool>;
}

/// The key that calls are signed with.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// The secret's bytes; none when there is no such secret.
    fn fetch(&self) -> PortFuture<'_, Option<Vec<u8>>>;
}

/// One public key of the user pool: RSA, base64url components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The key's id.
    pub kid: String,
    /// Modulus.
    pub n: String,
    /// Exponent.
    pub e: String,
}

/// The user pool's public keys.
pub trait JwksSource: Send + Sync + fmt::Debug {
    /// All RSA signing keys.
    fn fetch(&self) -> PortFuture<'_, Vec<PublicKey>>;
}
