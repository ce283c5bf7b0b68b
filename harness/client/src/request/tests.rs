//! Tests of requests: the bodies of the contract, byte for byte.

use super::*;

#[test]
fn bodies_are_those_of_the_contract() {
    let question = "how \"loud\" is it?".to_owned();
    let query = Encoded::new(&Request::Query { question }).unwrap();
    assert_eq!(query.body().as_ref(), br#"{"question":"how \"loud\" is it?"}"#);
    let upload = Encoded::new(&Request::UploadManual {
        filename: "a.md".to_owned(),
        content_type: "text/markdown".to_owned(),
        bytes: Bytes::from_static(b"# a\n"),
        idempotency_key: Some("k-1".to_owned()),
    })
    .unwrap();
    let wanted = br#"{"filename":"a.md","content_type":"text/markdown","file_data":"IyBhCg=="}"#;
    assert_eq!(upload.body().as_ref(), wanted);
    assert_eq!(upload.body_sha256, hex::encode(Sha256::digest(wanted)));
    assert!(upload.signed && !query.signed);
}

#[test]
fn a_large_manual_is_announced_and_completed() {
    let announced = Encoded::new(&Request::AnnounceManual {
        filename: "a.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
        size: 5_000_000,
        sha256: "ab".repeat(32),
        idempotency_key: Some("k-1".to_owned()),
    })
    .unwrap();
    let wanted = format!(
        r#"{{"filename":"a.pdf","content_type":"application/pdf","size":5000000,"sha256":"{}"}}"#,
        "ab".repeat(32)
    );
    assert_eq!(announced.body().as_ref(), wanted.as_bytes());
    assert_eq!((announced.path(), announced.signed), ("/api/manuals/upload-url", true));
    assert_eq!(announced.idempotency_key.unwrap(), "k-1");
    let completed = Encoded::new(&Request::CompleteManual { id: "a/b".to_owned() }).unwrap();
    assert_eq!((completed.path(), completed.signed), ("/api/manuals/a%2Fb/complete", true));
    assert_eq!((completed.method, completed.content_type), (Method::POST, None));
    assert!(completed.body.is_empty());
}

#[test]
fn a_manual_is_asked_for_by_its_url() {
    let encoded = |filename: Option<&str>| {
        let (url, filename) = ("https://a.example/m.pdf".to_owned(), filename.map(str::to_owned));
        Encoded::new(&Request::DownloadManual { url, filename }).unwrap()
    };
    let plain = encoded(None);
    assert_eq!(plain.body().as_ref(), br#"{"url":"https://a.example/m.pdf"}"#);
    assert_eq!((plain.path(), plain.signed), ("/api/manuals/download", true));
    assert!(encoded(Some("b.pdf")).body().ends_with(br#","filename":"b.pdf"}"#));
}

#[test]
fn recordings_are_sent_in_the_fields_of_their_routes() {
    let bytes = Bytes::from_static(b"fLaC");
    let content_type = "audio/flac".to_owned();
    let asked = Request::VoiceQuery { content_type: content_type.clone(), bytes: bytes.clone() };
    let asked = Encoded::new(&asked).unwrap();
    let wanted = br#"{"file_data":"ZkxhQw==","content_type":"audio/flac"}"#;
    assert_eq!((asked.path(), asked.body().as_ref()), ("/api/query", wanted.as_slice()));
    let heard = |filename: Option<&str>| {
        let filename = filename.map(str::to_owned);
        let (content_type, bytes) = (content_type.clone(), bytes.clone());
        Encoded::new(&Request::Transcribe { content_type, bytes, filename }).unwrap()
    };
    let wanted = br#"{"audio_data":"ZkxhQw==","content_type":"audio/flac"}"#;
    assert_eq!(heard(None).body().as_ref(), wanted);
    let named = heard(Some("q.flac"));
    assert!(named.body().ends_with(br#","filename":"q.flac"}"#), "{:?}", named.body());
    assert_eq!((named.path(), named.signed), ("/api/transcribe", false));
}

#[test]
fn ids_and_cursors_cannot_break_out() {
    let get = Encoded::new(&Request::GetManual { id: "a/b?c=d é".to_owned() }).unwrap();
    assert_eq!(get.path(), "/api/manuals/a%2Fb%3Fc%3Dd%20%C3%A9");
    let cursor = Some("x&limit=9".to_owned());
    let list = Encoded::new(&Request::ListManuals { limit: Some(2), cursor }).unwrap();
    assert_eq!(list.query.as_deref(), Some("limit=2&cursor=x%26limit%3D9"));
    let all = Encoded::new(&Request::ListManuals { limit: None, cursor: None }).unwrap();
    assert_eq!(all.query, None);
}

#[test]
fn an_empty_body_has_the_digest_of_nothing() {
    let quota = Encoded::new(&Request::Quota).unwrap();
    assert!(quota.body().is_empty());
    assert!(quota.body_sha256.starts_with("e3b0c44298fc1c14"));
}

#[test]
fn bad_raw_requests_are_errors() {
    let raw = |path: &str, content_type: &str| Request::Raw {
        method: Method::PUT,
        path_and_query: path.to_owned(),
        content_type: Some(content_type.to_owned()),
        body: Bytes::new(),
        signed: false,
    };
    let relative = Encoded::new(&raw("x", "a/b"));
    assert!(matches!(relative, Err(EncodeError::RelativePath { .. })));
    let header = Encoded::new(&raw("/x", "a\nb"));
    assert!(matches!(header, Err(EncodeError::Header { header: "content-type", .. })));
}
