//! Which headers a send carries, and that secrets among them stay out of `Debug`.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::request::Request;
use crate::secret::Secret;

fn base() -> reqwest::Url {
    reqwest::Url::parse("http://127.0.0.1:9/prod/").unwrap()
}

fn session() -> Session {
    Session {
        access_token: Secret::new("acc.ess.tok"),
        id_token: Secret::new("i.d.tok"),
        refresh_token: Secret::new("ref.resh.tok"),
        expires_in: 3600,
        sub: "sub-1".to_owned(),
    }
}

fn delete() -> Encoded {
    Encoded::new(&Request::DeleteManual { id: "m1".to_owned() }).unwrap()
}

fn wrong(fault: SignatureFault<'_>) -> Prepared {
    let signer = Signer::new(b"key").unwrap();
    let signing = Signing::Wrong { signer: &signer, time: SigningTime::at(1000), fault };
    let options = SendOptions { signing, ..SendOptions::default() };
    Prepared::new(&base(), &delete(), &options).unwrap()
}

#[test]
fn a_signed_send_carries_all_its_headers() {
    let (session, signer) = (session(), Signer::new(b"key").unwrap());
    let options = SendOptions {
        auth: Auth::Access(&session),
        signing: Signing::Proper { signer: &signer, user: "u", time: SigningTime::at(1000) },
        traceparent: Some(Traceparent::derive(1, 2, 3)),
        extra_headers: vec![(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("10.0.0.1"),
        )],
    };
    let prepared = Prepared::new(&base(), &delete(), &options).unwrap();
    assert_eq!(prepared.line(), "DELETE /prod/api/manuals/m1");
    let headers = prepared.headers();
    assert_eq!(headers["authorization"], "Bearer acc.ess.tok");
    assert_eq!(headers["x-manuel-timestamp"], "1000");
    assert_eq!(headers["x-forwarded-for"], "10.0.0.1");
    assert!(headers["traceparent"].to_str().unwrap().starts_with("00-"));
    let path = "/api/manuals/m1";
    let body_sha256 = delete().body_sha256;
    let parts = SignedParts { method: "DELETE", path, body_sha256: &body_sha256 };
    assert_eq!(headers["x-manuel-signature"], signer.sign_at(parts, 1000).signature);
    let shown = format!("{prepared:?} {options:?}");
    assert!(!shown.contains("ess.tok") && !shown.contains("resh.tok"), "{shown}");
}

#[test]
fn proper_signing_signs_only_what_asks_for_it() {
    let signer = Signer::new(b"key").unwrap();
    let signing = Signing::Proper { signer: &signer, user: "u", time: SigningTime::at(1000) };
    let options = SendOptions { signing, ..SendOptions::default() };
    let quota = Encoded::new(&Request::Quota).unwrap();
    let prepared = Prepared::new(&base(), &quota, &options).unwrap();
    assert!(prepared.headers().is_empty() && prepared.signature().is_none());
}

#[test]
fn wrong_signatures_are_wrong_in_their_own_way() {
    let signer = Signer::new(b"key").unwrap();
    let body_sha256 = delete().body_sha256;
    let parts =
        SignedParts { method: "DELETE", path: "/api/manuals/m1", body_sha256: &body_sha256 };
    let right = signer.sign_at(parts, 1000);
    for fault in [
        SignatureFault::Altered,
        SignatureFault::OtherBody,
        SignatureFault::OtherPath,
        SignatureFault::OtherMethod,
        SignatureFault::Legacy,
    ] {
        let headers = wrong(fault).headers;
        assert_eq!(headers["x-manuel-timestamp"], "1000", "{fault:?}");
        assert_ne!(headers["x-manuel-signature"], right.signature, "{fault:?}");
        assert_eq!(headers["x-manuel-signature"].len(), 64, "{fault:?}");
    }
    assert_eq!(wrong(SignatureFault::Stale).headers["x-manuel-timestamp"], "699");
    assert_eq!(wrong(SignatureFault::Future).headers["x-manuel-timestamp"], "1301");
    assert!(wrong(SignatureFault::TimestampMissing).headers.get(TIMESTAMP).is_none());
    assert!(wrong(SignatureFault::SignatureMissing).headers.get(SIGNATURE).is_none());
    assert_eq!(wrong(SignatureFault::Replayed(&right)).signature(), Some(&right));
}

#[test]
fn extra_headers_replace_ours() {
    let session = session();
    let basic = HeaderValue::from_static("Basic x");
    let options = SendOptions {
        auth: Auth::Id(&session),
        extra_headers: vec![(http::header::AUTHORIZATION, basic)],
        ..SendOptions::default()
    };
    let prepared = Prepared::new(&base(), &delete(), &options).unwrap();
    let all: Vec<_> = prepared.headers().get_all("authorization").iter().collect();
    assert_eq!(all, ["Basic x"]);
}

#[test]
fn a_path_that_a_url_would_change_is_refused() {
    for id in [".", ".."] {
        let encoded = Encoded::new(&Request::GetManual { id: id.to_owned() }).unwrap();
        let prepared = Prepared::new(&base(), &encoded, &SendOptions::default());
        assert!(matches!(prepared, Err(PrepareError::PathChanged { .. })), "{id}");
    }
}

#[test]
fn a_token_with_a_line_break_is_refused() {
    let options = SendOptions { auth: Auth::Bearer("a\r\nb"), ..SendOptions::default() };
    let prepared = Prepared::new(&base(), &delete(), &options);
    assert!(matches!(prepared, Err(PrepareError::Token { .. })));
}

proptest! {
    #[test]
    fn any_id_stays_one_segment(id in "\\PC{1,40}") {
        prop_assume!(id != "." && id != "..");
        let encoded = Encoded::new(&Request::GetManual { id }).unwrap();
        let prepared = Prepared::new(&base(), &encoded, &SendOptions::default()).unwrap();
        prop_assert_eq!(prepared.url.path_segments().unwrap().count(), 4);
        prop_assert_eq!(prepared.url.path(), format!("/prod{}", encoded.path()));
        prop_assert_eq!(prepared.url.query(), None);
    }

    #[test]
    fn header_names_go_out_in_lower_case(key in "[!-~]{1,40}") {
        let encoded = Encoded::new(&Request::UploadManual {
            filename: "a".to_owned(),
            content_type: "text/plain".to_owned(),
            bytes: Bytes::new(),
            idempotency_key: Some(key.clone()),
        }).unwrap();
        let prepared = Prepared::new(&base(), &encoded, &SendOptions::default()).unwrap();
        prop_assert_eq!(prepared.headers()["Idempotency-Key"].to_str().unwrap(), key);
        prop_assert!(prepared.headers().keys().all(|n| n.as_str() == n.as_str().to_lowercase()));
    }
}
