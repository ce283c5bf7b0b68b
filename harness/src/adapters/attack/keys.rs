//! Keys that forged tokens are made with: the pool's public one, as everybody may read it, and a stranger's own.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use verdict::domain::stage::StageDescription;

use super::AttackError;

use crate::adapters::plain_http;

/// The pool's page answers at once.
const TIMEOUT: Duration = Duration::from_secs(10);
/// DER of `rsaEncryption` with its parameters (RFC 8017, A.1).
const RSA_ENCRYPTION: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// Both keys.
#[derive(Debug)]
pub(super) struct Keys {
    /// The modulus as the key set has it.
    pub(super) modulus: String,
    /// The pool's public key, PEM of its `SubjectPublicKeyInfo`.
    pub(super) pem: String,
    stranger: Arc<RsaKeyPair>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    n: String,
    e: String,
}

impl Keys {
    pub(super) async fn of(stage: &StageDescription) -> Result<Self, AttackError> {
        let failed = |what, source| AttackError::Keys { what, source };
        let read = |source| failed("the pool's key set", Some(source));
        let pool = &stage.cognito;
        let url = format!(
            "{}/{}/.well-known/jwks.json",
            pool.endpoint.trim_end_matches('/'),
            pool.user_pool_id
        );
        let http = plain_http::client(&url, TIMEOUT).build().map_err(read)?;
        let answer = http.get(url).send().await.map_err(read)?;
        let set: KeySet = answer.error_for_status().map_err(read)?.json().await.map_err(read)?;
        let key = set.keys.into_iter().next();
        let key = key.ok_or_else(|| failed("the pool has no key", None))?;
        let pem = pem(&key).ok_or_else(|| failed("the pool's key is no RSA key", None))?;
        // Finding two primes takes a while.
        let made = tokio::task::spawn_blocking(|| RsaKeyPair::generate(KeySize::Rsa2048)).await;
        let stranger = made.ok().and_then(Result::ok);
        let stranger = stranger.ok_or_else(|| failed("a stranger's key", None))?;
        Ok(Self { modulus: key.n, pem, stranger: Arc::new(stranger) })
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        let stranger = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let (modulus, pem) = ("AQAB".to_owned(), "pem".to_owned());
        Self { modulus, pem, stranger: Arc::new(stranger) }
    }

    /// The stranger's public key as a JWK.
    pub(super) fn strangers_jwk(&self, kid: &str) -> Value {
        let key = self.stranger.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
            "n": number(key.modulus().big_endian_without_leading_zero()),
            "e": number(key.exponent().big_endian_without_leading_zero()),
        })
    }

    /// The stranger's signature (RS256).
    pub(super) fn strangers_signature(&self, message: &str) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.stranger.public_modulus_len()];
        let random = SystemRandom::new();
        self.stranger.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).ok()?;
        Some(signature)
    }
}

/// PEM of a `SubjectPublicKeyInfo` (RFC 5280, 4.1) with an `RSAPublicKey` (RFC 8017, A.1.1) in it.
fn pem(key: &Key) -> Option<String> {
    let number = |text: &str| Some(integer(&URL_SAFE_NO_PAD.decode(text).ok()?));
    let key = der(SEQUENCE, &[number(&key.n)?, number(&key.e)?].concat());
    let bits = der(BIT_STRING, &[&[0], key.as_slice()].concat());
    let info = der(SEQUENCE, &[RSA_ENCRYPTION, &bits].concat());
    let text = STANDARD.encode(info);
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    Some(pem + "-----END PUBLIC KEY-----\n")
}

/// Integers have a sign: a first byte of 0x80 and more needs a zero before it.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let signed = bytes.first().is_some_and(|first| *first >= 0x80);
    let zero: &[u8] = if signed { &[0] } else { &[] };
    der(INTEGER, &[zero, bytes].concat())
}

/// Tag, length and content (X.690, 8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let used = length.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<u8>>();
    let mut encoded = vec![tag];
    match (used.as_slice(), u8::try_from(used.len())) {
        ([], _) => encoded.push(0),
        ([short @ 0..0x80], _) => encoded.push(*short),
        (long, count) => {
            encoded.push(0x80 | count.unwrap_or(0));
            encoded.extend(long);
        }
    }
    encoded.extend(content);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_or_long() {
        assert_eq!(der(INTEGER, &[]), [2, 0]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(der(SEQUENCE, &[1; 200])[..4], [0x30, 0x81, 200, 1]);
        assert_eq!(der(SEQUENCE, &[1; 300])[..5], [0x30, 0x82, 1, 44, 1]);
    }

    /// The first key of RFC 7517, A.1, as `openssl asn1parse -genconf` and `openssl rsa -pubin -inform der` write it.
    #[test]
    fn a_key_of_a_set_is_written_as_openssl_writes_it() {
        const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
            MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0vx7agoebGcQSuuPiLJX\n\
            ZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS\n\
            oc/BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ/2W+5JsGY4Hc5n9yBXArwl93lqt\n\
            7/RN5w6Cf0h4QyQ5v+65YGjQR0/FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0\n\
            zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt+bFTWhAI4vMQFh6WeZu0f\n\
            M4lFd2NcRwr3XPksINHaQ+G/xBniIqbw0Ls1jF44+csFCur+kEgU8awapJzKnqDK\n\
            gwIDAQAB\n\
            -----END PUBLIC KEY-----\n";
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
            FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg\
            dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-\
            kEgU8awapJzKnqDKgw";
        let key = Key { n: n.to_owned(), e: "AQAB".to_owned() };
        assert_eq!(pem(&key).unwrap(), PEM);
    }
}
