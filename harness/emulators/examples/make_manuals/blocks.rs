//! The small part of Markdown that the manuals use, as blocks page by page. Must not lay anything out.

/// One piece of a page, its text without markup and on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// `# …`
    Title(String),
    /// `## …`
    Heading(String),
    Paragraph(String),
    /// `- …` or `1. …`, with the marker to draw.
    Item {
        marker: String,
        text: String,
    },
    /// Rows of cells, the header first.
    Table(Vec<Vec<String>>),
}

/// Splits `markdown` at its `<!-- page N -->` markers and each page into blocks.
pub(crate) fn parse(markdown: &str) -> Vec<Vec<Block>> {
    let mut pages: Vec<Vec<Block>> = Vec::new();
    let mut open = false;
    for line in markdown.lines().map(str::trim) {
        if line.starts_with("<!-- page ") {
            pages.push(Vec::new());
            open = false;
            continue;
        }
        let Some(page) = pages.last_mut() else { continue };
        open = push(page, line, open);
    }
    pages
}

/// Adds `line` to `page`; true when the next line may continue the block.
fn push(page: &mut Vec<Block>, line: &str, open: bool) -> bool {
    if line.is_empty() {
        return false;
    }
    if let Some(cells) = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) {
        let row: Vec<String> = cells.split('|').map(|cell| cell.trim().to_owned()).collect();
        if row.iter().all(|cell| cell.chars().all(|c| c == '-')) {
            return true;
        }
        if open && let Some(Block::Table(rows)) = page.last_mut() {
            rows.push(row);
        } else {
            page.push(Block::Table(vec![row]));
        }
        return true;
    }
    if let Some(text) = line.strip_prefix("## ") {
        page.push(Block::Heading(text.to_owned()));
    } else if let Some(text) = line.strip_prefix("# ") {
        page.push(Block::Title(text.to_owned()));
    } else if let Some(text) = line.strip_prefix("- ") {
        page.push(Block::Item { marker: "\u{2022}".to_owned(), text: text.to_owned() });
    } else if let Some((number, text)) = numbered(line) {
        page.push(Block::Item { marker: format!("{number}."), text: text.to_owned() });
    } else if open && let Some(Block::Paragraph(text)) = page.last_mut() {
        text.push(' ');
        text.push_str(line);
        return true;
    } else {
        page.push(Block::Paragraph(line.to_owned()));
        return true;
    }
    false
}

fn numbered(line: &str) -> Option<(&str, &str)> {
    let (number, text) = line.split_once(". ")?;
    (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit())).then_some((number, text))
}
