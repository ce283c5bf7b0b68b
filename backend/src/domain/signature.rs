//! The signature of a call that changes state: HMAC-SHA256 over timestamp, method, path and the hash of the body, each
//! but the last followed by a line feed; older clients sign timestamp and body only.

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A signature is valid this many seconds before and after its timestamp.
pub const WINDOW_S: i64 = 300;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `X-Manuel-Timestamp`, as it was sent.
    pub timestamp: &'a str,
    /// The method in upper case.
    pub method: &'a str,
    /// The path as it was requested, without the query.
    pub path: &'a str,
    /// The bytes of the body.
    pub body: &'a [u8],
}

/// HMAC-SHA256(key, timestamp + "\n" + METHOD + "\n" + path + "\n" + hex sha256(body))
pub fn sign(key: &[u8], signed: Signed<'_>) -> [u8; 32] {
    let body_hash = hex::encode(Sha256::digest(signed.body));
    let parts: [&[u8]; 7] = [
        signed.timestamp.as_bytes(),
        b"\n",
        signed.method.as_bytes(),
        b"\n",
        signed.path.as_bytes(),
        b"\n",
        body_hash.as_bytes(),
    ];
    mac(key, &parts)
}

/// HMAC-SHA256(key, timestamp + body): what clients signed before the method and the path were covered.
pub fn sign_legacy(key: &[u8], timestamp: &str, body: &[u8]) -> [u8; 32] {
    mac(key, &[timestamp.as_bytes(), body])
}

/// Compares in constant time.
pub fn matches(given: &[u8], expected: [u8; 32]) -> bool {
    given.ct_eq(expected.as_slice()).into()
}

/// The 32 bytes of a hex signature.
pub fn parse(header: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(header.trim(), &mut bytes).ok()?;
    Some(bytes)
}

/// The Unix seconds in the header, if they lie within the window around `now`.
pub fn timestamp_in_window(header: &str, now: i64) -> Option<i64> {
    let digits = (1..=12).contains(&header.len()) && header.bytes().all(|b| b.is_ascii_digit());
    let timestamp: i64 = if digits { header.parse().ok()? } else { return None };
    let distance = now.checked_sub(timestamp)?.checked_abs()?;
    (distance <= WINDOW_S).then_some(timestamp)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length, so the error cannot happen; an all-zero result would match no signature of a client.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signed<'a>(timestamp: &'a str, path: &'a str, body: &'a [u8]) -> Signed<'a> {
        Signed { timestamp, method: "POST", path, body }
    }

    #[test]
    fn the_text_that_is_signed_is_the_documented_one() {
        let body_hash = hex::encode(Sha256::digest(b"{}"));
        let text = format!("1700000000\nPOST\n/api/manuals/upload\n{body_hash}");
        let mut by_hand = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        by_hand.update(text.as_bytes());
        let expected: [u8; 32] = by_hand.finalize().into_bytes().into();
        assert_eq!(sign(b"key", signed("1700000000", "/api/manuals/upload", b"{}")), expected);
    }

    #[test]
    fn the_window_is_300_seconds_to_both_sides() {
        for (header, now, inside) in [
            ("1000", 1300, true),
            ("1000", 1301, false),
            ("1300", 1000, true),
            ("1301", 1000, false),
            ("+1000", 1000, false),
            ("-1", 0, false),
            ("", 0, false),
            ("1e3", 1000, false),
            ("9999999999999999999", 0, false),
        ] {
            assert_eq!(timestamp_in_window(header, now).is_some(), inside, "{header} at {now}");
        }
    }

    proptest! {
        /// One other byte anywhere in what is signed, or in the key, and the signature is another's.
        #[test]
        fn any_one_byte_counts(
            parts in proptest::collection::vec(proptest::collection::vec(b'a'..=b'z', 1..40), 5),
            part in 0_usize..5, place in any::<prop::sample::Index>(), other in b'A'..=b'Z',
        ) {
            let of = |parts: &[Vec<u8>]| {
                let text = |index: usize| std::str::from_utf8(&parts[index]).unwrap();
                let (timestamp, method, path) = (text(0), text(1), text(2));
                sign(&parts[4], Signed { timestamp, method, path, body: &parts[3] })
            };
            let mut changed = parts.clone();
            let place = place.index(changed[part].len());
            changed[part][place] = other;
            prop_assert!(matches(&of(&parts), of(&parts)));
            prop_assert!(!matches(&of(&changed), of(&parts)));
        }

        #[test]
        fn only_the_same_call_with_the_same_key_matches(
            key in "[a-z]{1,80}", other in "[a-z]{1,80}", path in "/[a-z/]{0,30}", body in any::<Vec<u8>>(),
            extra in any::<u8>(), flip in 0_usize..256,
        ) {
            let signature = sign(key.as_bytes(), signed("5", &path, &body));
            let again = parse(&hex::encode(signature)).unwrap();
            prop_assert!(matches(&again, sign(key.as_bytes(), signed("5", &path, &body))));

            let mut longer = body.clone();
            longer.push(extra);
            let longer_path = format!("{path}x");
            for changed in [
                sign(key.as_bytes(), signed("6", &path, &body)),
                sign(key.as_bytes(), signed("5", &longer_path, &body)),
                sign(key.as_bytes(), signed("5", &path, &longer)),
                sign_legacy(key.as_bytes(), "5", &body),
            ] {
                prop_assert!(!matches(&signature, changed));
            }
            if other != key {
                prop_assert!(!matches(&signature, sign(other.as_bytes(), signed("5", &path, &body))));
            }
            let mut flipped = signature;
            flipped[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(!matches(&flipped, signature));
            prop_assert!(!matches(&signature[..31], signature));
        }
    }
}
