//! The three pairs of keys of one start, and what each may do. Keys are random per start: nothing
//! that leaks from one run opens another.
use std::collections::BTreeMap;
use std::fmt;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::identity::Identity;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

/// Who signed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The backend under test: everything.
    Backend,
    /// The harness's invariant checks: may read the stores, nothing else.
    ReadOnly,
    /// The harness's seeding: Cognito's admin operations, nothing else.
    UserAdmin,
}

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Access {
    /// Reads a store.
    Read,
    /// Changes something, or is no store's operation.
    #[default]
    Write,
    /// Administers users.
    UserAdmin,
}

impl Role {
    /// Whether the role may call an operation that needs `access`.
    pub(crate) fn may(self, access: Access) -> bool {
        match self {
            Self::Backend => true,
            Self::ReadOnly => access == Access::Read,
            Self::UserAdmin => access == Access::UserAdmin,
        }
    }

    /// The last part of the role's ARN in `AccessDeniedException` texts.
    pub(crate) fn user_name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::ReadOnly => "read-only",
            Self::UserAdmin => "user-admin",
        }
    }
}

/// One access key as the signing crate wants it.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) role: Role,
    pub(crate) secret: String,
    pub(crate) identity: Identity,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("role", &self.role).finish_non_exhaustive()
    }
}

/// The keys of one start by access key id.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    by_id: BTreeMap<String, Key>,
}

impl Keys {
    /// Draws keys from the seed and the machine's randomness.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed ^ rand::rng().next_u64());
        let by_id = [Role::Backend, Role::ReadOnly, Role::UserAdmin]
            .map(|role| {
                let id = format!("AKIA{}", text(&mut rng, 16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
                let secret = text(
                    &mut rng,
                    40,
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                );
                let credentials =
                    Credentials::new(id.clone(), secret.clone(), None, None, "emulators");
                (id, Key { role, secret, identity: credentials.into() })
            })
            .into();
        Self { by_id }
    }

    /// The key with this id.
    pub(crate) fn get(&self, access_key: &str) -> Option<&Key> {
        self.by_id.get(access_key)
    }

    /// Access key id and secret of a role.
    pub(crate) fn pair(&self, role: Role) -> (String, String) {
        self.by_id
            .iter()
            .find(|(_, key)| key.role == role)
            .map(|(id, key)| (id.clone(), key.secret.clone()))
            .unwrap_or_default()
    }
}

/// `length` characters of `alphabet`, which must not be empty.
pub(crate) fn text(rng: &mut ChaCha12Rng, length: usize, alphabet: &[u8]) -> String {
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::{Access, Keys, Role};

    #[test]
    fn roles_are_confined_and_keys_differ_per_start() {
        assert!(Role::Backend.may(Access::Write) && Role::Backend.may(Access::UserAdmin));
        assert!(Role::ReadOnly.may(Access::Read) && !Role::ReadOnly.may(Access::Write));
        assert!(!Role::ReadOnly.may(Access::UserAdmin) && !Role::UserAdmin.may(Access::Read));
        let (first, second) = (Keys::draw(1), Keys::draw(1));
        assert_ne!(first.pair(Role::Backend), second.pair(Role::Backend));
        assert_ne!(first.pair(Role::Backend), first.pair(Role::ReadOnly));
    }
}
