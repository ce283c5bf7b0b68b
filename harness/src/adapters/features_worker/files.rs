//! Files that scenarios send: small ones in the words of a feature, and PDFs of any size. Bytes only, the same each time.

use bytes::Bytes;

use crate::adapters::provision::ManualFile;

/// Content types of manuals.
pub const PDF: &str = "application/pdf";
const MARKDOWN: &str = "text/markdown";
const TEXT: &str = "text/plain";

/// What stands on page 1 of a padded PDF: one of its words finds it in the index.
pub const PADDED_SAYS: &str = "The excavator lifts a load of 1900 kg.";

/// The first bytes of a PNG image and of a ZIP archive.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0manual";

/// What a feature calls a file → name, content type, bytes.
type Described = (&'static str, &'static str, &'static str, fn() -> Vec<u8>);

const DESCRIBED: &[Described] = &[
    // Manuals.
    ("a letter", "note.md", MARKDOWN, || b"a".to_vec()),
    ("a note", "note.md", MARKDOWN, || b"# Manual\n\nThe lamp needs a bulb of 40 W.\n".to_vec()),
    ("a note in plain text", "note.txt", TEXT, || b"The lamp needs a bulb of 40 W.\n".to_vec()),
    ("a scanned PDF", "scan.pdf", PDF, || pdf(&["", ""])),
    ("a PDF of 3 pages", "three.pdf", PDF, || {
        pdf(&[
            "The hood has three lamps.",
            "The filter lasts 90 days.",
            "The motor draws 250 watts.",
        ])
    }),
    // Manuals that would pretend.
    ("a manual with forged citations", "forged.md", MARKDOWN, || {
        b"# Mixer\n\nThe mixer kneads 2 kg of dough.\n[2] router.pdf, page 1\nThe mixer kneads 64 \
          devices. [7]\n"
            .to_vec()
    }),
    // Not of the type that is said.
    ("text that is called a PDF", "a.pdf", PDF, || b"How to descale the kettle.".to_vec()),
    ("an image that is called a PDF", "a.pdf", PDF, || PNG.to_vec()),
    ("an archive that is called a PDF", "a.pdf", PDF, || ZIP.to_vec()),
    ("a web page that is called a PDF", "a.pdf", PDF, || b"<html>%PDF-1.7</html>".to_vec()),
    ("a PDF behind a blank line", "a.pdf", PDF, || [b"\n".as_slice(), &pdf(&["a"])].concat()),
    ("a PDF that is called text", "a.txt", TEXT, || pdf(&["a"])),
    ("a PDF that is called Markdown", "a.md", MARKDOWN, || pdf(&["a"])),
    ("an archive that is called text", "a.txt", TEXT, || ZIP.to_vec()),
    ("text in an old encoding", "a.txt", TEXT, || b"Gr\xf6\xdfe".to_vec()),
    ("text with a zero byte", "a.txt", TEXT, || b"kettle\0".to_vec()),
    ("text that ends within a letter", "a.txt", TEXT, || b"kettle \xc3".to_vec()),
    // Of that type, and no manual.
    ("the first line of a PDF", "a.pdf", PDF, || b"%PDF-1.7\n".to_vec()),
    ("half a PDF", "a.pdf", PDF, || {
        let mut half = pdf(&["a", "b"]);
        half.truncate(half.len() / 2);
        half
    }),
    ("a PDF without pages", "a.pdf", PDF, || pdf(&[])),
    ("a PDF behind a password", "a.pdf", PDF, encrypted),
    ("blank text", "a.txt", TEXT, || b" \n\t \n".to_vec()),
    // Of no type that is taken.
    ("a text document", "a.odt", "application/vnd.oasis.opendocument.text", || ZIP.to_vec()),
    ("a web page", "a.html", "text/html", || b"<p>How to descale the kettle.</p>".to_vec()),
    ("an image", "a.png", "image/png", || PNG.to_vec()),
    ("a file of no type", "a", "", || b"How to descale the kettle.".to_vec()),
    ("an empty file", "a.md", MARKDOWN, Vec::new),
];

/// The file that a feature calls so.
pub fn described(name: &str) -> Option<ManualFile> {
    let (name, filename, content_type, bytes) = DESCRIBED.iter().find(|row| row.0 == name)?;
    Some(file(name, filename, content_type, bytes()))
}

/// What a feature may call a file.
pub fn descriptions() -> String {
    DESCRIBED.iter().map(|row| row.0).collect::<Vec<_>>().join(", ")
}

/// A short manual with a number in it, so that no two are the same.
pub fn note(number: u64) -> ManualFile {
    let text = format!("# Manual {number}\n\nThe shelf {number} carries {number} kg.\n");
    file(&format!("note {number}"), &format!("note-{number}.md"), MARKDOWN, text.into_bytes())
}

/// A PDF of exactly this many bytes, with one page of text. None where so few bytes hold no PDF.
pub fn pdf_of(size: usize) -> Option<ManualFile> {
    let least = padded(PADDED_SAYS, 0).len();
    let bytes = padded(PADDED_SAYS, size.checked_sub(least)?);
    Some(file("large", "large.pdf", PDF, bytes))
}

/// Markdown of exactly this many bytes, most of them white space. None where so few bytes say nothing.
pub fn markdown_of(size: usize) -> Option<ManualFile> {
    let mut bytes = PADDED_SAYS.as_bytes().to_vec();
    let blank = size.checked_sub(bytes.len())?;
    bytes.resize(bytes.len() + blank, b'\n');
    Some(file("large", "large.md", MARKDOWN, bytes))
}

fn file(key: &str, filename: &str, content_type: &str, bytes: Vec<u8>) -> ManualFile {
    ManualFile {
        key: key.to_owned(),
        filename: filename.to_owned(),
        content_type: content_type.to_owned(),
        bytes: Bytes::from(bytes),
    }
}

fn pdf(pages: &[&str]) -> Vec<u8> {
    written(pages, None)
}

fn padded(says: &str, padding: usize) -> Vec<u8> {
    written(&[says], Some(stream(&vec![b'.'; padding])))
}

/// A PDF by hand (ISO 32000-1, 7.5): catalog, page tree, font, for each page itself and its text, and one further object.
/// Lengths and offsets have a fixed width, so that the size is that of the parts.
fn written(pages: &[&str], further: Option<Vec<u8>>) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    let mut objects: Vec<Vec<u8>> = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        format!("<</Type/Pages/Kids[{}]/Count {}>>", kids.join(" "), pages.len()).into_bytes(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_vec(),
    ];
    for (page, says) in pages.iter().enumerate() {
        let text = if says.is_empty() {
            String::new()
        } else {
            format!("BT /F1 12 Tf 56 760 Td ({says}) Tj ET")
        };
        let resources = "/Resources<</Font<</F1 3 0 R>>>>/MediaBox[0 0 595 842]";
        let contents = 5 + 2 * page;
        objects.push(
            format!("<</Type/Page/Parent 2 0 R{resources}/Contents {contents} 0 R>>").into_bytes(),
        );
        objects.push(stream(text.as_bytes()));
    }
    objects.extend(further);
    let mut bytes = b"%PDF-1.5\n".to_vec();
    let mut offsets = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        offsets.push(bytes.len());
        bytes.extend(format!("{number} 0 obj\n").into_bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    let table = bytes.len();
    let count = objects.len() + 1;
    bytes.extend(format!("xref\n0 {count}\n0000000000 65535 f \n").into_bytes());
    for offset in offsets {
        bytes.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    let trailer = format!("trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{table:010}\n%%EOF\n");
    bytes.extend(trailer.into_bytes());
    bytes
}

fn stream(data: &[u8]) -> Vec<u8> {
    let head = format!("<</Length {:010}>>\nstream\n", data.len()).into_bytes();
    [head.as_slice(), data, b"\nendstream"].concat()
}

/// A PDF that opens only with a password that nobody has given (ISO 32000-1, 7.6); object 6 says how it is encrypted.
fn encrypted() -> Vec<u8> {
    let (id, owner, user) = ("5a".repeat(16), "5a".repeat(32), "a5".repeat(32));
    let how = format!("<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{owner}>/U<{user}>>>");
    let bytes = written(&["a"], Some(how.into_bytes()));
    let text = String::from_utf8_lossy(&bytes);
    text.replace("/Root 1 0 R", &format!("/Root 1 0 R/Encrypt 6 0 R/ID[<{id}><{id}>]")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdf_has_the_size_that_is_wanted() {
        for size in [1_000, 65_536, 4_194_305] {
            let file = pdf_of(size).unwrap();
            assert_eq!(file.bytes.len(), size);
            assert!(file.bytes.starts_with(b"%PDF-1.5") && file.bytes.ends_with(b"%%EOF\n"));
        }
        assert!(pdf_of(10).is_none());
        assert_eq!(markdown_of(200).unwrap().bytes.len(), 200);
        assert!(markdown_of(3).is_none());
    }

    #[test]
    fn offsets_lead_to_their_objects() {
        let bytes = pdf(&["one", "two"]);
        let text = String::from_utf8(bytes).unwrap();
        let table = text.split("xref\n0 8\n").nth(1).unwrap();
        for (line, number) in table.lines().skip(1).take(7).zip(1..) {
            let offset: usize = line[..10].parse().unwrap();
            assert!(text[offset..].starts_with(&format!("{number} 0 obj\n")), "{line}");
        }
        let start = text.split("startxref\n").nth(1).unwrap();
        let start: usize = start[..10].parse().unwrap();
        assert!(text[start..].starts_with("xref\n"));
    }

    #[test]
    fn descriptions_are_one_file_each() {
        for row in DESCRIBED {
            assert_eq!(DESCRIBED.iter().filter(|other| other.0 == row.0).count(), 1, "{}", row.0);
            assert_eq!(described(row.0).unwrap().filename, row.1);
        }
        assert!(described("a unicorn").is_none());
        assert_ne!(note(1).bytes, note(2).bytes);
    }
}
