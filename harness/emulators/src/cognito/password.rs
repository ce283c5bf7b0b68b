//! The pool's password policy (Cognito's default) and how passwords are kept.
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use crate::service::AwsError;

/// Cognito's default minimum.
const MIN_LENGTH: usize = 8;
/// The characters that Cognito counts as symbols; a space inside counts too.
const SYMBOLS: &str = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= ";

/// A salted hash. One round of SHA-256: these users and their passwords live for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hash {
    salt: [u8; 16],
    digest: [u8; 32],
}

impl Hash {
    /// Hashes with a fresh salt.
    pub(super) fn new(password: &str) -> Self {
        let mut salt = [0; 16];
        rand::rng().fill_bytes(&mut salt);
        Self { salt, digest: digest(&salt, password) }
    }

    /// Whether `password` is the one, in constant time.
    pub(super) fn matches(&self, password: &str) -> bool {
        let given = digest(&self.salt, password);
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.digest, &given).is_ok()
    }
}

/// Refuses what the policy does not allow.
pub(super) fn check(password: &str) -> Result<(), AwsError> {
    let lacks = |test: fn(char) -> bool| !password.chars().any(test);
    let problem = if password.chars().count() < MIN_LENGTH {
        "Password not long enough"
    } else if lacks(|letter| letter.is_ascii_lowercase()) {
        "Password must have lowercase characters"
    } else if lacks(|letter| letter.is_ascii_uppercase()) {
        "Password must have uppercase characters"
    } else if lacks(|letter| letter.is_ascii_digit()) {
        "Password must have numeric characters"
    } else if lacks(|letter| SYMBOLS.contains(letter)) {
        "Password must have symbol characters"
    } else {
        return Ok(());
    };
    let message = format!("Password did not conform with policy: {problem}");
    Err(AwsError::new(400, "InvalidPasswordException", message))
}

fn digest(salt: &[u8], password: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(password).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{Hash, check};

    #[test]
    fn the_policy_names_what_is_missing() {
        for (password, problem) in [
            ("Aa1!", "not long enough"),
            ("AAAAAAA1!", "lowercase"),
            ("aaaaaaa1!", "uppercase"),
            ("Aaaaaaaa!", "numeric"),
            ("Aaaaaaaa1", "symbol"),
        ] {
            let error = check(password).unwrap_err();
            assert!(error.message.contains(problem), "{password}: {error}");
        }
        check("Aaaaaa1!").unwrap();
    }

    #[test]
    fn hashes_are_salted() {
        let (first, second) = (Hash::new("secret"), Hash::new("secret"));
        assert_ne!(first, second);
        assert!(first.matches("secret") && !first.matches("Secret"));
    }
}
