//! The signature against vectors computed elsewhere, and the memory of used seconds.

use proptest::prelude::*;

use super::*;

/// sha256 of `{"filename":"a.md"}`.
const BODY_SHA256: &str = "200ff660cec00c926d7ac9505a0e3c8f06db794f485ccdd965a65bc332f1e29b";

const UPLOAD: SignedParts<'_> =
    SignedParts { method: "POST", path: "/api/manuals/upload", body_sha256: BODY_SHA256 };

fn signer() -> Signer {
    Signer::new(b"key-for-tests").unwrap()
}

#[test]
fn known_vector() {
    // printf '1700000000\nPOST\n/api/manuals/upload\n%s' "$(printf '{"filename":"a.md"}' | sha256sum | cut -d' ' -f1)" |
    //   openssl dgst -sha256 -hmac key-for-tests
    let signed = signer().sign_at(UPLOAD, 1_700_000_000);
    assert_eq!(
        signed.signature,
        "debcfb6004f3397afca4ab0e49dfb1700fcca232f0a7eff6b8c98ba37662cda4"
    );
}

#[test]
fn known_legacy_vector() {
    // printf '1700000000{"filename":"a.md"}' | openssl dgst -sha256 -hmac key-for-tests
    let signed = signer().sign_legacy_at(br#"{"filename":"a.md"}"#, 1_700_000_000);
    assert_eq!(
        signed.signature,
        "dcfdcf2992fdbb4e674ec0315e77af3cfa3664ecdd57ab6616698063a29c104b"
    );
}

#[test]
fn identical_requests_take_the_next_free_second() {
    let signer = signer();
    let seconds: Vec<u64> = (0..3)
        .map(|_| signer.sign("u1", UPLOAD, SigningTime::at(1000)).unwrap().timestamp)
        .collect();
    assert_eq!(seconds, [1000, 1001, 1002]);
    let later = signer.sign("u1", UPLOAD, SigningTime::at(1001)).unwrap();
    assert_eq!(later.timestamp, 1003);
}

#[test]
fn other_users_and_requests_keep_their_own_seconds() {
    let signer = signer();
    let other = SignedParts { path: "/api/manuals/m1", method: "DELETE", ..UPLOAD };
    for (user, parts) in [("u1", UPLOAD), ("u2", UPLOAD), ("u1", other)] {
        assert_eq!(signer.sign(user, parts, SigningTime::at(1000)).unwrap().timestamp, 1000);
    }
}

#[test]
fn a_full_window_is_an_error_and_opens_with_time() {
    let signer = signer();
    let capacity = 2 * (WINDOW_S - MARGIN_S) + 1;
    let mut seen = BTreeSet::new();
    for _ in 0..capacity {
        let second = signer.sign("u", UPLOAD, SigningTime::at(10_000)).unwrap().timestamp;
        assert!(second.abs_diff(10_000) <= WINDOW_S - MARGIN_S);
        assert!(seen.insert(second), "{second} twice");
    }
    let full = signer.sign("u", UPLOAD, SigningTime::at(10_000));
    assert_eq!(full, Err(SignError::WindowFull));
    let next = signer.sign("u", UPLOAD, SigningTime::at(10_001)).unwrap();
    assert_eq!(next.timestamp, 10_001 + WINDOW_S - MARGIN_S);
}

#[test]
fn an_offset_moves_the_second() {
    let signer = signer();
    let behind = SigningTime { now_s: 5_000, offset_s: -3_600 };
    assert_eq!(signer.sign("u", UPLOAD, behind).unwrap().timestamp, 1_400);
}

#[test]
fn memory_is_swept() {
    let signer = signer();
    for second in 0..50 {
        let body = format!("{second:064}");
        let parts = SignedParts { body_sha256: &body, ..UPLOAD };
        signer.sign("u", parts, SigningTime::at(1_000 + second)).unwrap();
    }
    assert_eq!(signer.lock().used["u"].len(), 50);
    signer.sign("u", UPLOAD, SigningTime::at(10_000)).unwrap();
    assert_eq!(signer.lock().used["u"].len(), 1);
}

#[test]
fn an_empty_key_is_refused_and_debug_hides_the_key() {
    assert_eq!(Signer::new(b"").err(), Some(SignError::EmptyKey));
    assert!(!format!("{:?}", signer()).contains("key-for-tests"));
}

proptest! {
    #[test]
    fn no_pair_is_used_twice(
        steps in prop::collection::vec((0_u64..40, 0_usize..3), 1..200),
    ) {
        let signer = signer();
        let mut now = 100_000;
        let mut seen = BTreeSet::new();
        for (forward, user) in steps {
            now += forward;
            let user = ["a", "b", "c"][user];
            let signed = signer.sign(user, UPLOAD, SigningTime::at(now)).unwrap();
            prop_assert!(signed.timestamp.abs_diff(now) <= WINDOW_S);
            prop_assert!(seen.insert((user, signed.signature)));
        }
    }

    #[test]
    fn every_part_is_covered(timestamp: u32, path in "/[a-z]{1,20}") {
        let signer = signer();
        let at = u64::from(timestamp);
        let base = signer.sign_at(SignedParts { path: &path, ..UPLOAD }, at).signature;
        let longer = format!("{path}x");
        let others = [
            signer.sign_at(SignedParts { path: &path, ..UPLOAD }, at + 1),
            signer.sign_at(SignedParts { path: &longer, ..UPLOAD }, at),
            signer.sign_at(SignedParts { path: &path, method: "PUT", ..UPLOAD }, at),
            signer.sign_at(SignedParts { path: &path, body_sha256: "00", ..UPLOAD }, at),
        ];
        for other in others {
            prop_assert_ne!(&base, &other.signature);
        }
    }
}
