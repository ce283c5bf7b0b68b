//! Aligned columns of plain text, no wider than a block of text may be.

use crate::report::explain::WIDTH;

/// Two spaces before a row and between its cells.
const GAP: &str = "  ";

/// A column: its heading and how its cells stand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Words, to the left.
    Words(&'static str),
    /// Words that may be cut short when the table is too wide.
    Elastic(&'static str),
    /// Figures, to the right.
    Figures(&'static str),
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Words(heading) | Self::Elastic(heading) | Self::Figures(heading) => heading,
        }
    }
}

/// `rows` under the headings of `columns`, one line each; a row has a cell for each column.
pub(super) fn lines<const N: usize>(columns: [Column; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = columns.map(|column| column.heading().chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    shrink(&columns, &mut widths);
    let headings = columns.map(|column| column.heading().to_owned());
    let all = std::iter::once(&headings).chain(rows);
    all.map(|row| line(&columns, &widths, row)).collect()
}

/// Takes what is too much from the elastic columns, the widest first, down to their headings.
fn shrink<const N: usize>(columns: &[Column; N], widths: &mut [usize; N]) {
    let gaps = GAP.len() * N;
    loop {
        let total: usize = widths.iter().sum::<usize>() + gaps;
        let elastic = columns.iter().zip(widths.iter_mut());
        let widest = elastic
            .filter(|(column, width)| {
                matches!(column, Column::Elastic(_)) && **width > column.heading().chars().count()
            })
            .max_by_key(|(_, width)| **width);
        match widest {
            Some((_, width)) if total > WIDTH => *width -= 1,
            _ => return,
        }
    }
}

fn line<const N: usize>(columns: &[Column; N], widths: &[usize; N], row: &[String; N]) -> String {
    let mut line = String::new();
    for ((column, width), cell) in columns.iter().zip(widths).zip(row) {
        line.push_str(GAP);
        let cell = fit(cell, *width);
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
        let (before, after) = match column {
            Column::Figures(_) => (pad.as_str(), ""),
            Column::Words(_) | Column::Elastic(_) => ("", pad.as_str()),
        };
        line.extend([before, &cell, after]);
    }
    line.truncate(line.trim_end().len());
    line
}

fn fit(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_right_and_elastic_words_give_way() {
        let columns = [Column::Words("kind"), Column::Elastic("name"), Column::Figures("n")];
        let row = |name: &str, n: &str| ["query".to_owned(), name.to_owned(), n.to_owned()];
        let lines = lines(columns, &[row(&"x".repeat(200), "7"), row("µ", "1234")]);
        assert_eq!(lines[1].chars().count(), WIDTH);
        assert!(lines[1].ends_with("x…     7"), "{}", lines[1]);
        assert!(lines[2].ends_with("  1234") && lines[2].chars().count() == WIDTH);
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["kind", "name", "n"]);
    }
}
