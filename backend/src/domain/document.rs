//! What an uploaded file is: its type, whether its bytes are of that type, how many pages it has. Reading a PDF can cost
//! any amount of time and memory: who calls [`DocumentType::pages`] bounds it (`pdf_reader` does); this module does not.

use std::error::Error;
use std::ops::RangeInclusive;

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

/// The largest manual in one upload, in bytes: what base64 leaves of a 6 MB body.
pub const UPLOAD_BYTES_MAX: usize = 4_500_000;

/// Bytes of a manual that is sent to the store by a URL: more than one upload is sure to take, at least.
pub const LARGE_BYTES: RangeInclusive<u64> = (4 << 20) + 1..=LARGE_BYTES_MAX;

/// The largest manual of all.
pub const LARGE_BYTES_MAX: u64 = 50 << 20;

// No size may fall between the two ways.
const _: () = assert!(UPLOAD_BYTES_MAX >= 4 << 20);

/// Bytes that tell a format.
const HEAD_BYTES: usize = 5;

/// A type of file that can be a manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentType {
    /// `application/pdf`
    Pdf,
    /// `text/plain`
    Text,
    /// `text/markdown`
    Markdown,
}

/// Why a file is no manual.
#[derive(Debug, thiserror::Error)]
pub enum NotADocument {
    /// The bytes are not of the type that was named.
    #[error("the file is not of the type that its content type says")]
    OtherType,
    /// It is of that type but cannot be read.
    #[error("the file cannot be read")]
    Unreadable {
        /// What the reader said; never shown to a client.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl NotADocument {
    /// It cannot be read, and this is why.
    pub fn unreadable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreadable { source: Some(source.into()) }
    }
}

impl DocumentType {
    /// The type for a content type; parameters such as `charset` are ignored.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        [Self::Pdf, Self::Text, Self::Markdown]
            .into_iter()
            .find(|document| document.content_type().eq_ignore_ascii_case(essence))
    }

    /// The content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Text => "text/plain",
            Self::Markdown => "text/markdown",
        }
    }

    /// The ending of the object's key.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Text => "txt",
            Self::Markdown => "md",
        }
    }

    /// The type with this ending.
    pub fn of_extension(extension: &str) -> Option<Self> {
        [Self::Pdf, Self::Text, Self::Markdown].into_iter().find(|d| d.extension() == extension)
    }

    /// Checks the bytes and counts the pages; text is one page.
    pub fn pages(self, bytes: &[u8]) -> Result<u32, NotADocument> {
        match self {
            Self::Pdf => pdf_pages(bytes),
            Self::Text | Self::Markdown => text_pages(bytes),
        }
    }
}

fn pdf_pages(bytes: &[u8]) -> Result<u32, NotADocument> {
    if !bytes.starts_with(b"%PDF-") {
        return Err(NotADocument::OtherType);
    }
    let document = Document::load_mem_with_options(bytes, LoadOptions::with_filter(in_page_tree))
        .map_err(NotADocument::unreadable)?;
    let pages = u32::try_from(document.page_iter().count()).unwrap_or(u32::MAX);
    if pages == 0 { Err(NotADocument::Unreadable { source: None }) } else { Ok(pages) }
}

/// Keeps of an object what is needed to count pages, and of the others nothing: a tagged manual of some hundred pages has
/// a hundred thousand small objects, and each takes kilobytes. Streams of objects are read and then filtered, too.
fn in_page_tree(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let needed = if let Ok(stream) = object.as_stream() {
        stream.dict.has_type(b"ObjStm")
    } else if let Ok(dictionary) = object.as_dict_mut() {
        let mut kept = Dictionary::new();
        for key in [b"Type".as_slice(), b"Kids", b"Pages"] {
            if let Some(value) = dictionary.remove(key) {
                kept.set(key, value);
            }
        }
        *dictionary = kept;
        let of_tree = |name: &[u8]| [b"Page".as_slice(), b"Pages", b"Catalog"].contains(&name);
        dictionary.has(b"Pages") || dictionary.get_type().is_ok_and(of_tree)
    } else {
        // The list of a node's kids may be an object of its own.
        let of_references =
            |items: &Vec<Object>| items.iter().all(|item| item.as_reference().is_ok());
        object.as_array().is_ok_and(of_references)
    };
    needed.then(|| (id, object.clone()))
}

fn text_pages(bytes: &[u8]) -> Result<u32, NotADocument> {
    let mut check = TextCheck::default();
    check.part(bytes)?;
    check.pages()
}

/// Looks at text part by part: it is UTF-8 without NUL, and does not begin like a format that is not text.
#[derive(Debug, Default)]
pub struct TextCheck {
    /// The first bytes, and a character that the end of a part has cut.
    head: Vec<u8>,
    cut: Vec<u8>,
    says_something: bool,
}

impl TextCheck {
    /// The next part.
    pub fn part(&mut self, part: &[u8]) -> Result<(), NotADocument> {
        let missing = HEAD_BYTES.saturating_sub(self.head.len()).min(part.len());
        self.head.extend_from_slice(&part[..missing]);
        if self.head.starts_with(b"%PDF-") || self.head.starts_with(b"PK\x03\x04") {
            return Err(NotADocument::OtherType);
        }
        let joined = [self.cut.as_slice(), part].concat();
        let (text, cut) = match std::str::from_utf8(&joined) {
            Ok(text) => (text, [].as_slice()),
            Err(error) if error.error_len().is_none() => {
                let (whole, cut) = joined.split_at(error.valid_up_to());
                (std::str::from_utf8(whole).unwrap_or_default(), cut)
            }
            Err(_not_utf8) => return Err(NotADocument::OtherType),
        };
        if text.contains('\0') {
            return Err(NotADocument::OtherType);
        }
        self.says_something |= !text.trim().is_empty();
        self.cut = cut.to_vec();
        Ok(())
    }

    /// After the last part: text is one page.
    pub fn pages(self) -> Result<u32, NotADocument> {
        if !self.cut.is_empty() {
            Err(NotADocument::OtherType)
        } else if self.says_something {
            Ok(1)
        } else {
            Err(NotADocument::Unreadable { source: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use lopdf::dictionary;

    use super::*;

    fn pdf(pages: usize) -> Vec<u8> {
        let mut document = Document::with_version("1.5");
        let root = document.new_object_id();
        let kids: Vec<Object> = (0..pages)
            .map(|_| document.add_object(dictionary! { "Type" => "Page", "Parent" => root }).into())
            .collect();
        let count = i64::try_from(pages).unwrap();
        let tree = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count };
        document.objects.insert(root, Object::Dictionary(tree));
        let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
        document.trailer.set("Root", catalog);
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn pages_of_a_pdf_are_counted() {
        assert_eq!(DocumentType::Pdf.pages(&pdf(7)).unwrap(), 7);
        assert!(matches!(DocumentType::Pdf.pages(&pdf(0)), Err(NotADocument::Unreadable { .. })));
        let cut = pdf(3);
        assert!(matches!(
            DocumentType::Pdf.pages(&cut[..40]),
            Err(NotADocument::Unreadable { .. })
        ));
    }

    #[test]
    fn bytes_must_be_of_the_type_that_is_named() {
        let is_other = |document: DocumentType, bytes: &[u8]| {
            matches!(document.pages(bytes), Err(NotADocument::OtherType))
        };
        assert!(is_other(DocumentType::Pdf, b"# Markdown"));
        assert!(is_other(DocumentType::Text, b"%PDF-1.7 .."));
        assert!(is_other(DocumentType::Text, &[0xff, 0xfe, 0x00]));
        assert!(is_other(DocumentType::Markdown, b"a\0b"));
        assert_eq!(DocumentType::Markdown.pages("# Größe".as_bytes()).unwrap(), 1);
    }

    #[test]
    fn text_is_judged_the_same_whole_and_in_parts() {
        for (bytes, good) in [
            ("Größe 📘".as_bytes(), true),
            (b"%PDF-1.7", false),
            (b"PK\x03\x04", false),
            (b"ab\xc3", false),
            (b"ab\xff\xfe", false),
            (b"a\0b", false),
            (b" \n ", false),
        ] {
            for size in 1..=bytes.len() {
                let mut check = TextCheck::default();
                let parts = bytes.chunks(size).try_for_each(|part| check.part(part));
                let judged = parts.and_then(|()| check.pages());
                assert_eq!(judged.is_ok(), good, "{bytes:?} by {size}");
                assert_eq!(DocumentType::Text.pages(bytes).is_ok(), good, "{bytes:?}");
            }
        }
    }

    #[test]
    fn content_types_are_known_by_their_essence() {
        let known = DocumentType::of_content_type;
        assert_eq!(known("text/plain; charset=utf-8"), Some(DocumentType::Text));
        assert_eq!(known("Application/PDF"), Some(DocumentType::Pdf));
        assert_eq!(known("text/html"), None);
        assert_eq!(known(""), None);
    }
}
