//! Who a request is for.

use sha2::{Digest as _, Sha256};

/// The `sub` of a verified token. It becomes part of keys, so only characters that mean nothing in a key are let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// Takes 1–128 characters of `[A-Za-z0-9_-]`; Cognito's are UUIDs.
    pub fn parse(sub: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = (1..=128).contains(&sub.len()) && sub.chars().all(allowed);
        fits.then(|| Self(sub.to_owned()))
    }

    /// The `sub` as it was in the token.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 32 hex characters of SHA-256 of the `sub`: names the user in logs and in `x-manuel-user`.
    pub fn hash(&self) -> String {
        let mut hash = hex::encode(Sha256::digest(self.0.as_bytes()));
        hash.truncate(32);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_subs_are_users() {
        assert!(UserId::parse("5f2c1e0a-0000-4000-8000-1234567890ab").is_some());
        for refused in ["", "a/b", "a#b", "a b", "../x", "ü", &"x".repeat(129)] {
            assert_eq!(UserId::parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn the_hash_is_the_start_of_sha256() {
        let user = UserId::parse("abc").unwrap();
        assert_eq!(user.hash(), "ba7816bf8f01cfea414140de5dae2223");
    }
}
