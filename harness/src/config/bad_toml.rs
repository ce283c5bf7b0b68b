//! What is wrong in a TOML file of ours, shown in the file: each key underlined, with what was expected and what it may have
//! meant. It reads no file and knows no kind of them.

use std::ops::Range;

use miette::Diagnostic;
use miette::LabeledSpan;
use miette::NamedSource;
use miette::SourceCode;
use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::de::DeTable;
use toml::de::DeValue;
use verdict::domain::objective::parse::nearest;

/// Everything that is wrong in a file, each in its place.
#[derive(Debug, Error)]
#[error("{file}:{line}: {first}")]
pub struct BadToml {
    /// The file, relative to the project root.
    pub file: String,
    /// The line of the first problem, from 1.
    pub line: usize,
    first: String,
    text: NamedSource<String>,
    pub(super) places: Vec<(Range<usize>, String)>,
    schema: &'static str,
}

impl Diagnostic for BadToml {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.places.iter().map(|(place, problem)| {
            LabeledSpan::new(Some(problem.clone()), place.start, place.len().max(1))
        })))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(format!("docs/schemas/{} describes every key", self.schema)))
    }
}

/// A file as errors name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct File<'a> {
    /// Relative to the project root.
    pub(super) name: &'a str,
    /// What it says.
    pub(super) text: &'a str,
    /// The file in `docs/schemas/` that describes it.
    pub(super) schema: &'static str,
}

/// A problem that its key leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem<'a> {
    /// The key, as a path of names and places in lists.
    pub(super) key: &'a [String],
    /// Start and length inside of the key's text value, in bytes, if it is inside.
    pub(super) within: Option<(usize, usize)>,
    /// What is wrong and what was expected.
    pub(super) what: &'a str,
}

impl File<'_> {
    /// What the file says, if it has that shape.
    pub(super) fn parse<T: DeserializeOwned>(self) -> Result<T, Box<BadToml>> {
        toml::from_str(self.text).map_err(|error| {
            let place = error.span().unwrap_or(0..1);
            self.bad(vec![(place, with_hint(error.message()))])
        })
    }

    /// All these problems, where they stand.
    pub(super) fn problems<'p>(self, problems: impl Iterator<Item = Problem<'p>>) -> Box<BadToml> {
        let tree = DeTable::parse(self.text).ok();
        let places = problems.map(|problem| {
            let place = tree.as_ref().and_then(|tree| place(tree.get_ref(), self.text, problem));
            (place.unwrap_or(0..1), format!("{}: {}", problem.key.join("."), problem.what))
        });
        self.bad(places.collect())
    }

    fn bad(self, mut places: Vec<(Range<usize>, String)>) -> Box<BadToml> {
        places.sort_by_key(|(place, _)| place.start);
        let (start, first) =
            places.first().map_or((0, String::new()), |(place, what)| (place.start, what.clone()));
        Box::new(BadToml {
            file: self.name.to_owned(),
            line: self.text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1,
            first,
            text: NamedSource::new(self.name, self.text.to_owned()),
            places,
            schema: self.schema,
        })
    }
}

/// serde names what it does not know and all that it knows, in backquotes: the nearest is said first.
fn with_hint(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((found, known)) = quoted.split_first() else { return message.to_owned() };
    let what = if message.starts_with("unknown field") {
        "key"
    } else if message.starts_with("unknown variant") {
        "name"
    } else {
        return message.to_owned();
    };
    let near = nearest(found, known.iter().copied());
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("unknown {what} `{found}`{hint} expected one of: {}", known.join(", "))
}

/// Where the key of a problem stands; inside its text where the problem says so.
fn place(table: &DeTable<'_>, text: &str, problem: Problem<'_>) -> Option<Range<usize>> {
    let mut keys = problem.key.iter();
    let first = keys.next()?;
    let (key, mut value) = table.iter().find(|(key, _)| key.get_ref().as_ref() == first)?;
    let mut place = key.span();
    for key in keys {
        let next = match value.get_ref() {
            DeValue::Table(table) => table
                .iter()
                .find(|(known, _)| known.get_ref().as_ref() == key)
                .map(|(known, next)| (known.span(), next)),
            DeValue::Array(items) => {
                let item = key.parse::<usize>().ok().and_then(|index| items.get(index));
                item.map(|item| (item.span(), item))
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => None,
        };
        let Some(next) = next else { break };
        (place, value) = next;
    }
    if let Some((at, len)) = problem.within {
        let literal = value.span();
        // The text begins behind its quote, if nothing in it is escaped.
        let start = literal.start + 1 + at;
        if start + len < literal.end && !text.get(literal.clone())?.contains('\\') {
            return Some(start..start + len);
        }
    }
    Some(place)
}
