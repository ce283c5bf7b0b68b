//! Sets a manual's Markdown as a PDF: A4, Helvetica, one PDF page for each page of the source, real
//! text in reading order. No dates and no ids, so that the same source gives the same bytes.
use lopdf::content::{Content, Operation};
use lopdf::{Document, Object, Stream, StringFormat, dictionary};

use super::blocks::{Block, parse};

const PAGE_WIDTH: f32 = 595.0;
const PAGE_HEIGHT: f32 = 842.0;
const LEFT: f32 = 56.0;
const TOP: f32 = 60.0;
const BOTTOM: f32 = 60.0;
const TEXT_WIDTH: f32 = PAGE_WIDTH - 2.0 * LEFT;
/// Lines of a paragraph are less than 1.5 font sizes apart and all else is more: that is how readers
/// of PDF text tell a line break from the end of a paragraph or of a table row.
const LEADING: f32 = 1.25;
const ROW: f32 = 1.7;
const CELL_GAP: f32 = 14.0;

/// Why a source cannot be set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    #[error("page {page} is {excess} points too long")]
    PageTooLong { page: usize, excess: i32 },
    #[error("a table on page {page} is {excess} points too wide")]
    TableTooWide { page: usize, excess: i32 },
    #[error("{0:?} is not in the Windows Latin-1 character set")]
    Character(char),
    #[error("cannot encode a page")]
    Encode(#[source] lopdf::Error),
    #[error("cannot write the document")]
    Save(#[source] std::io::Error),
}

/// The PDF of `markdown`, with `footer` and the page number at the foot of each page.
pub(crate) fn render(markdown: &str, footer: &str) -> Result<Vec<u8>, RenderError> {
    let mut document = Document::with_version("1.5");
    let root = document.new_object_id();
    let regular = font(&mut document, "Helvetica");
    let bold = font(&mut document, "Helvetica-Bold");
    let resources = document.add_object(dictionary! {
        "Font" => dictionary! { "F1" => regular, "F2" => bold },
    });
    let mut kids = Vec::new();
    for (index, blocks) in parse(markdown).iter().enumerate() {
        let number = index + 1;
        let mut sheet = Sheet { number, y: PAGE_HEIGHT - TOP, operations: Vec::new() };
        for block in blocks {
            sheet.block(block)?;
        }
        sheet.finish(footer)?;
        let content = Content { operations: sheet.operations }.encode();
        let content = content.map_err(RenderError::Encode)?;
        let content = document.add_object(Stream::new(dictionary! {}, content));
        let page = document.add_object(dictionary! {
            "Type" => "Page", "Parent" => root, "Contents" => content,
        });
        kids.push(Object::from(page));
    }
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    let pages = dictionary! {
        "Type" => "Pages", "Kids" => kids, "Count" => count, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), PAGE_WIDTH.into(), PAGE_HEIGHT.into()],
    };
    document.objects.insert(root, Object::Dictionary(pages));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    document.compress();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).map_err(RenderError::Save)?;
    Ok(bytes)
}

fn font(document: &mut Document, name: &str) -> lopdf::ObjectId {
    document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => name, "Encoding" => "WinAnsiEncoding",
    })
}

#[derive(Clone, Copy)]
struct Face {
    name: &'static str,
    size: f32,
}

const BODY: Face = Face { name: "F1", size: 11.5 };
const SMALL: Face = Face { name: "F1", size: 10.0 };
const SMALL_BOLD: Face = Face { name: "F2", size: 10.0 };
const HEADING: Face = Face { name: "F2", size: 15.0 };
const TITLE: Face = Face { name: "F2", size: 20.0 };

/// A page being set; `y` is the base line last used, counted from the bottom.
struct Sheet {
    number: usize,
    y: f32,
    operations: Vec<Operation>,
}

impl Sheet {
    fn block(&mut self, block: &Block) -> Result<(), RenderError> {
        match block {
            Block::Title(text) => self.lines(text, TITLE, 0.0, TITLE.size * 1.7),
            Block::Heading(text) => self.lines(text, HEADING, 0.0, HEADING.size * 2.2),
            Block::Paragraph(text) => self.lines(text, BODY, 0.0, BODY.size * 2.0),
            Block::Item { marker, text } => {
                self.lines(&format!("{marker} {text}"), BODY, 12.0, BODY.size * ROW)
            }
            Block::Table(rows) => self.table(rows),
        }
    }

    fn lines(&mut self, text: &str, face: Face, indent: f32, gap: f32) -> Result<(), RenderError> {
        for (index, line) in wrap(text, face, TEXT_WIDTH - indent).iter().enumerate() {
            self.y -= if index == 0 { gap } else { face.size * LEADING };
            self.text(line, face, LEFT + indent)?;
        }
        Ok(())
    }

    fn table(&mut self, rows: &[Vec<String>]) -> Result<(), RenderError> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<f32> = (0..columns)
            .map(|column| {
                rows.iter()
                    .enumerate()
                    .filter_map(|(row, cells)| cells.get(column).map(|cell| (row, cell)))
                    .map(|(row, cell)| width(cell, if row == 0 { SMALL_BOLD } else { SMALL }))
                    .fold(0.0, f32::max)
                    + CELL_GAP
            })
            .collect();
        let excess = widths.iter().sum::<f32>() - CELL_GAP - TEXT_WIDTH;
        if excess > 0.0 {
            return Err(RenderError::TableTooWide { page: self.number, excess: points(excess) });
        }
        self.y -= 6.0;
        for (row, cells) in rows.iter().enumerate() {
            self.y -= SMALL.size * ROW;
            let face = if row == 0 { SMALL_BOLD } else { SMALL };
            let mut x = LEFT;
            for (cell, width) in cells.iter().zip(&widths) {
                self.text(cell, face, x)?;
                x += width;
            }
            self.rule(self.y - 3.5);
        }
        self.y -= 4.0;
        Ok(())
    }

    fn finish(&mut self, footer: &str) -> Result<(), RenderError> {
        if self.y < BOTTOM {
            let excess = points(BOTTOM - self.y);
            return Err(RenderError::PageTooLong { page: self.number, excess });
        }
        self.y = 34.0;
        let line = format!("{footer}  \u{b7}  {}", self.number);
        self.text(&line, SMALL, LEFT)
    }

    fn text(&mut self, text: &str, face: Face, x: f32) -> Result<(), RenderError> {
        let bytes = text.chars().map(windows_latin).collect::<Result<Vec<u8>, _>>()?;
        self.operations.extend([
            Operation::new("BT", vec![]),
            Operation::new("Tf", vec![face.name.into(), face.size.into()]),
            Operation::new("Td", vec![x.into(), self.y.into()]),
            Operation::new("Tj", vec![Object::String(bytes, StringFormat::Literal)]),
            Operation::new("ET", vec![]),
        ]);
        Ok(())
    }

    fn rule(&mut self, y: f32) {
        self.operations.extend([
            Operation::new("w", vec![0.4.into()]),
            Operation::new("m", vec![LEFT.into(), y.into()]),
            Operation::new("l", vec![(LEFT + TEXT_WIDTH).into(), y.into()]),
            Operation::new("S", vec![]),
        ]);
    }
}

fn wrap(text: &str, face: Face, limit: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), face) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The width of `text` in points, by Adobe's metrics of Helvetica; the bold cut is taken as 7 % wider.
fn width(text: &str, face: Face) -> f32 {
    let units: u32 = text.chars().map(advance).sum();
    let bold = if face.name == "F2" { 1.07 } else { 1.0 };
    f32::from(u16::try_from(units).unwrap_or(u16::MAX)) / 1000.0 * face.size * bold
}

/// Thousandths of the font size.
fn advance(c: char) -> u32 {
    match c {
        'i' | 'j' | 'l' | '\'' => 222,
        ' ' | '!' | ',' | '.' | '/' | ':' | ';' | 'f' | 't' | 'I' | '[' | ']' | '\\' | '\u{b7}' => {
            278
        }
        '(' | ')' | '-' | 'r' | '`' | '{' | '|' | '}' => 333,
        '*' | '"' | '\u{b0}' | '\u{2022}' => 400,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | 'J' => 500,
        'F' | 'T' | 'Z' => 611,
        'A' | 'B' | 'E' | 'K' | 'P' | 'S' | 'V' | 'X' | 'Y' | '&' => 667,
        'C' | 'D' | 'H' | 'N' | 'R' | 'U' | 'w' => 722,
        'G' | 'O' | 'Q' => 778,
        'm' | 'M' => 833,
        'W' | '%' | '@' => 1000,
        _ => 584,
    }
}

fn windows_latin(c: char) -> Result<u8, RenderError> {
    match c {
        ' '..='~' | '\u{a0}'..='\u{ff}' => {
            u8::try_from(u32::from(c)).map_err(|_out_of_range| RenderError::Character(c))
        }
        '\u{2022}' => Ok(0x95),
        '\u{2013}' => Ok(0x96),
        _ => Err(RenderError::Character(c)),
    }
}

/// Whole points, for messages.
#[expect(clippy::cast_possible_truncation, reason = "a page is 842 points high")]
fn points(length: f32) -> i32 {
    length.ceil() as i32
}
