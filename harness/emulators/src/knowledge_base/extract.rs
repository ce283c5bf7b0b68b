//! From an object's bytes to text by page: PDF, Markdown with `<!-- page N -->` markers, plain text
//! with form feeds. Contents are extracted once per content, on a blocking thread, however many
//! users own the same manual.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::chunk::{self, Chunk};
use super::index;

/// Contents that are kept although no document refers to them.
const UNUSED_MAX: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    Pdf,
    Markdown,
    Text,
}

impl Format {
    /// The format that a key's ending names.
    pub(super) fn of(key: &str) -> Option<Self> {
        match key.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "pdf" => Some(Self::Pdf),
            "md" | "markdown" => Some(Self::Markdown),
            "txt" => Some(Self::Text),
            _ => None,
        }
    }
}

/// The text of one page: a line is a paragraph, an item, a heading or a table row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// None where the format does not say.
    pub(super) number: Option<u32>,
    pub(super) lines: Vec<String>,
}

/// Why a document cannot be indexed. The text becomes a job's failure reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExtractError {
    #[error("the file is not a readable PDF")]
    Pdf,
    #[error("the file is not UTF-8 text")]
    Encoding,
    #[error("the file contains no text")]
    Empty,
}

/// A content ready to be searched; `id` is the hash of format and bytes.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) id: [u8; 32],
    pub(super) chunks: Vec<Chunk>,
}

/// What came of extracting one content.
pub(super) type Extraction = Arc<Result<Arc<Content>, ExtractError>>;

/// Extractions by content.
#[derive(Debug)]
pub(super) struct Cache {
    by_content: Mutex<BTreeMap<[u8; 32], Extraction>>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { by_content: Mutex::new(BTreeMap::new()) }
    }

    /// The content of `bytes`, extracted now unless it was before.
    pub(super) async fn content(&self, format: Format, bytes: Bytes) -> Extraction {
        let id: [u8; 32] =
            Sha256::new().chain_update([format as u8]).chain_update(&bytes).finalize().into();
        if let Some(known) = self.lock().get(&id) {
            return Arc::clone(known);
        }
        let task = tokio::task::spawn_blocking(move || content(id, format, &bytes));
        // The PDF reader panics on some broken files: such a file is unreadable, not the job's end.
        let extracted = task.await.unwrap_or(Err(ExtractError::Pdf));
        let extraction = Arc::new(extracted.map(Arc::new));
        self.lock().insert(id, Arc::clone(&extraction));
        extraction
    }

    /// Drops what no document uses when there is much of it.
    pub(super) fn trim(&self) {
        let unused = |extraction: &Extraction| {
            extraction.as_ref().as_ref().map_or(1, Arc::strong_count) == 1
        };
        let mut by_content = self.lock();
        if by_content.values().filter(|extraction| unused(extraction)).count() > UNUSED_MAX {
            by_content.retain(|_, extraction| !unused(extraction));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Extraction>> {
        self.by_content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn content(id: [u8; 32], format: Format, bytes: &[u8]) -> Result<Content, ExtractError> {
    let pages = pages(format, bytes)?;
    let embedder = index::embedder();
    let chunks: Vec<Chunk> = pages.iter().flat_map(|page| chunk::split(page, &embedder)).collect();
    if chunks.is_empty() { Err(ExtractError::Empty) } else { Ok(Content { id, chunks }) }
}

/// The pages of a file.
pub(super) fn pages(format: Format, bytes: &[u8]) -> Result<Vec<Page>, ExtractError> {
    match format {
        Format::Pdf => pdf(bytes),
        Format::Markdown => Ok(markdown(text(bytes)?)),
        Format::Text => Ok(plain(text(bytes)?)),
    }
}

fn text(bytes: &[u8]) -> Result<&str, ExtractError> {
    std::str::from_utf8(bytes).map_err(|_not_utf8| ExtractError::Encoding)
}

fn pdf(bytes: &[u8]) -> Result<Vec<Page>, ExtractError> {
    if !bytes.starts_with(b"%PDF-") {
        return Err(ExtractError::Pdf);
    }
    let pages = pdf_extract::extract_text_from_mem_by_pages(bytes)
        .map_err(|_reader_error| ExtractError::Pdf)?;
    Ok(pages
        .iter()
        .zip(1..)
        .map(|(text, number)| Page { number: Some(number), lines: paragraphs(text) })
        .collect())
}

/// The extractor ends a line with one line break and a paragraph or table row with two.
fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .collect()
}

fn plain(text: &str) -> Vec<Page> {
    let paged = text.contains('\u{c}');
    text.split('\u{c}')
        .zip(1..)
        .map(|(page, number)| Page {
            number: paged.then_some(number),
            lines: page
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
        })
        .collect()
}

fn markdown(text: &str) -> Vec<Page> {
    let mut pages = vec![Page { number: None, lines: Vec::new() }];
    let mut open = false;
    for line in text.lines().map(str::trim) {
        if let Some(number) = page_marker(line) {
            pages.push(Page { number: Some(number), lines: Vec::new() });
            open = false;
        } else if let Some(page) = pages.last_mut() {
            open = markdown_line(&mut page.lines, line, open);
        }
    }
    pages
}

fn page_marker(line: &str) -> Option<u32> {
    line.strip_prefix("<!-- page ")?.strip_suffix("-->")?.trim().parse().ok()
}

/// Adds one line of Markdown; true while it is an open paragraph that the next line continues.
fn markdown_line(lines: &mut Vec<String>, line: &str, open: bool) -> bool {
    let heading = line.trim_start_matches('#').trim();
    if heading.is_empty() || line.chars().all(|c| "|-: ".contains(c)) {
        return false;
    }
    if let Some(row) = line.strip_prefix('|') {
        let cells = row.trim_end_matches('|').split('|').map(str::trim);
        lines.push(cells.collect::<Vec<_>>().join(" | "));
        return false;
    }
    if heading.len() != line.len() {
        lines.push(heading.to_owned());
        return false;
    }
    let item = line.starts_with("- ")
        || line.starts_with("* ")
        || line.split_once(". ").is_some_and(|(number, _)| number.parse::<u16>().is_ok());
    match lines.last_mut() {
        Some(paragraph) if open && !item => {
            paragraph.push(' ');
            paragraph.push_str(line);
        }
        Some(_) | None => lines.push(line.to_owned()),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{ExtractError, Format, Page, pages};

    fn page(number: Option<u32>, lines: &[&str]) -> Page {
        Page { number, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn markdown_has_the_pages_its_markers_say() {
        let text = "<!-- page 1 -->\n# Kettle\n\nBoil\nwater.\n- one\n- two\n\n<!-- page 2 -->\n| A | B |\n|---|---|\n| 1 | 2 |\n";
        let found = pages(Format::Markdown, text.as_bytes()).unwrap();
        assert_eq!(found[1], page(Some(1), &["Kettle", "Boil water.", "- one", "- two"]));
        assert_eq!(found[2], page(Some(2), &["A | B", "1 | 2"]));
    }

    #[test]
    fn text_has_pages_only_with_form_feeds() {
        assert_eq!(pages(Format::Text, b"a\nb").unwrap(), [page(None, &["a", "b"])]);
        assert_eq!(
            pages(Format::Text, b"a\x0cb").unwrap(),
            [page(Some(1), &["a"]), page(Some(2), &["b"])]
        );
    }

    #[test]
    fn refuses_what_cannot_be_read() {
        assert_eq!(pages(Format::Pdf, b"no pdf").unwrap_err(), ExtractError::Pdf);
        assert_eq!(pages(Format::Pdf, b"%PDF-1.5\nbroken").unwrap_err(), ExtractError::Pdf);
        assert_eq!(pages(Format::Text, b"\xff\xfe").unwrap_err(), ExtractError::Encoding);
    }
}
