//! Files that are not what they are said to be, or cannot be read; through the real reader of PDFs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;

use super::{Row, Scene, row};
use crate::pdf::{bomb, echo, pdf_with};
use crate::world::upload_body;

const PDF: &str = "application/pdf";
const TEXT: &str = "text/plain";
const MARKDOWN: &str = "text/markdown";

/// An image of one pixel.
fn png() -> Vec<u8> {
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    STANDARD.decode(png).unwrap()
}

/// A PDF that asks for a password that nobody has given.
fn encrypted() -> Vec<u8> {
    let text = String::from_utf8(pdf_with(
        format!(
            "<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{}>/U<{}>>>",
            "5a".repeat(32),
            "a5".repeat(32)
        )
        .as_bytes(),
    ))
    .unwrap();
    let id = "5a".repeat(16);
    text.replace("/Root 1 0 R", &format!("/Root 1 0 R/Encrypt 4 0 R/ID[<{id}><{id}>]")).into_bytes()
}

/// What is wrong with a file, what it is said to be, its bytes, and how it is refused.
pub(super) type BadFile = (&'static str, &'static str, Vec<u8>, u16, &'static str);

pub(super) fn files() -> Vec<BadFile> {
    let manual = include_bytes!("../../../../fixtures/manuals/router.pdf").to_vec();
    let mut without_end = manual.clone();
    without_end.truncate(manual.len() - 200);
    let text = "How to descale the kettle.";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let zip = b"PK\x03\x04\x14\0\0\0\0\0manual".to_vec();
    let other: Vec<(&'static str, &'static str, Vec<u8>)> = vec![
        ("text as PDF", PDF, text.as_bytes().to_vec()),
        ("an image as PDF", PDF, png()),
        ("an archive as PDF", PDF, zip.clone()),
        ("a program as PDF", PDF, b"\x7fELF\x02\x01\x01\0".to_vec()),
        ("HTML as PDF", PDF, b"<html><body>%PDF-1.7</body></html>".to_vec()),
        ("a PDF behind something", PDF, [b"\n\n".as_slice(), &manual].concat()),
        ("one letter as PDF", PDF, b"%".to_vec()),
        ("a PDF as text", TEXT, manual.clone()),
        ("a PDF as Markdown", MARKDOWN, manual.clone()),
        ("an image as text", TEXT, png()),
        ("an archive as Markdown", MARKDOWN, zip),
        ("UTF-16 as text", TEXT, utf16.clone()),
        ("UTF-16 with its mark as text", TEXT, [b"\xff\xfe".as_slice(), &utf16].concat()),
        ("Latin-1 as text", TEXT, b"Gr\xf6\xdfe".to_vec()),
        ("text with NUL", TEXT, b"kettle\0".to_vec()),
        ("half a letter at its end", TEXT, b"kettle \xc3".to_vec()),
        ("random bytes as text", TEXT, (0..=255).collect()),
    ];
    let unreadable: Vec<(&'static str, &'static str, Vec<u8>)> = vec![
        ("the head of a PDF alone", PDF, b"%PDF-1.7".to_vec()),
        ("a truncated PDF", PDF, manual[..manual.len() / 2].to_vec()),
        ("a PDF without its end", PDF, without_end),
        ("an encrypted PDF", PDF, encrypted()),
        ("a bomb", PDF, bomb()),
        ("a PDF that repeats itself", PDF, echo()),
        ("a PDF of zeros", PDF, [b"%PDF-1.7\n".as_slice(), &[0; 5000]].concat()),
        ("spaces", TEXT, b" \n\t ".to_vec()),
        ("line ends", MARKDOWN, b"\r\n\r\n".to_vec()),
    ];
    let refused = |status, code| move |(what, said, bytes)| (what, said, bytes, status, code);
    let mismatched = other.into_iter().map(refused(415, "content_type_mismatch"));
    mismatched.chain(unreadable.into_iter().map(refused(422, "manual_unreadable"))).collect()
}

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let refused = |(what, content_type, bytes, status, code): BadFile| {
        let body = upload_body("a", content_type, &bytes);
        let request = scene.signed(Method::POST, "/api/manuals/upload", body);
        row(format!("upload: {what}"), request, status, code)
    };
    files().into_iter().map(refused).collect()
}

#[tokio::test]
async fn no_such_file_is_stored() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}
