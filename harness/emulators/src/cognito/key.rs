//! The pool's RSA key: made on a blocking thread while everything else starts, since finding two
//! primes takes between 30 ms and half a second.
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the key could not be generated")]
    Generate,
    #[error("the key could not sign")]
    Sign,
}

/// A key that may still be in the making.
#[derive(Clone)]
pub(super) struct PendingKey(Shared<BoxFuture<'static, Result<Arc<SigningKey>, KeyError>>>);

/// An RS256 key.
pub(super) struct SigningKey {
    pair: KeyPair,
    kid: String,
}

impl std::fmt::Debug for PendingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PendingKey")
    }
}

impl PendingKey {
    /// Begins at once; needs a runtime.
    pub(super) fn begin() -> Self {
        let made = tokio::task::spawn_blocking(SigningKey::generate);
        Self(
            async move {
                // Only a panic or the runtime's end keeps a blocking task from finishing.
                let made = made.await.unwrap_or(Err(KeyError::Generate));
                made.map(Arc::new)
            }
            .boxed()
            .shared(),
        )
    }

    /// Waits for the key.
    pub(super) async fn get(&self) -> Result<Arc<SigningKey>, KeyError> {
        self.0.clone().await
    }

    /// The key set as a JSON text (RFC 7517); empty if there is no key.
    pub(super) async fn jwks(&self) -> String {
        let keys: Vec<Value> = self.get().await.iter().map(|key| key.jwk()).collect();
        json!({ "keys": keys }).to_string()
    }
}

impl SigningKey {
    /// A new key; takes up to half a second.
    pub(super) fn generate() -> Result<Self, KeyError> {
        let pair =
            KeyPair::generate(KeySize::Rsa2048).map_err(|_unspecified| KeyError::Generate)?;
        let der = pair.public_key().as_der().map_err(|_unspecified| KeyError::Generate)?;
        let kid = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(der.as_ref()));
        Ok(Self { pair, kid })
    }

    /// A signed token (RFC 7515 compact form).
    pub(super) fn token(&self, claims: &Value) -> Result<String, KeyError> {
        self.token_as(&self.kid, claims)
    }

    /// The name under which the key is in the key set.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// A token that says that the key of another name signed it.
    pub(super) fn token_as(&self, kid: &str, claims: &Value) -> Result<String, KeyError> {
        let header = json!({"kid": kid, "alg": "RS256"}).to_string();
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_unspecified| KeyError::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({
            "alg": "RS256", "kty": "RSA", "use": "sig", "kid": self.kid,
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        })
    }
}
