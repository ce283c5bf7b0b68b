//! Reads a load profile, `scenarios/load/<name>.toml`: what is wrong is shown in the file, with the key underlined and
//! what was expected; a name that does not exist gets the ones that do.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;

use miette::Diagnostic;
use miette::LabeledSpan;
use miette::NamedSource;
use miette::SourceCode;
use thiserror::Error;
use toml::de::DeTable;
use toml::de::DeValue;
use verdict::domain::objective::parse::nearest;
use verdict::domain::profile::Profile;
use verdict::domain::profile::ProfileError;
use verdict::domain::profile::RawProfile;

/// Where profiles are, below the project root.
const FOLDER: &str = "scenarios/load";

/// A profile cannot be used.
#[derive(Debug, Error)]
pub enum ProfileFileError {
    /// No such profile.
    #[error("there is no profile `{name}`{}; there are: {}", hint(near.as_ref()), known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What it may have meant.
        near: Option<String>,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The folder or the file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something in the file is wrong.
    #[error(transparent)]
    Bad(Box<BadProfile>),
}

fn hint(near: Option<&String>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// Everything that is wrong in a profile, each in its place.
#[derive(Debug, Error)]
#[error("{file}:{line}: {first}")]
pub struct BadProfile {
    /// The file, relative to the project root.
    pub file: String,
    /// The line of the first problem, from 1.
    pub line: usize,
    first: String,
    text: NamedSource<String>,
    places: Vec<(Range<usize>, String)>,
}

impl Diagnostic for BadProfile {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.places.iter().map(|(place, problem)| {
            LabeledSpan::new(Some(problem.clone()), place.start, place.len().max(1))
        })))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new("docs/schemas/profile.schema.json describes every key"))
    }
}

/// Names of the profiles below `root`.
pub fn names(root: &Path) -> Result<Vec<String>, ProfileFileError> {
    let folder = root.join(FOLDER);
    let unreadable = |source| ProfileFileError::Read { path: folder.clone(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The profile of this name.
pub fn read(root: &Path, name: &str) -> Result<Profile, ProfileFileError> {
    let known = names(root)?;
    if !known.iter().any(|known| known == name) {
        let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        return Err(ProfileFileError::Unknown { name: name.to_owned(), near, known });
    }
    let relative = format!("{FOLDER}/{name}.toml");
    let path = root.join(&relative);
    let text =
        std::fs::read_to_string(&path).map_err(|source| ProfileFileError::Read { path, source })?;
    parse(&relative, &text).map_err(ProfileFileError::Bad)
}

/// A profile from its text; `file` is named in what is wrong.
pub fn parse(file: &str, text: &str) -> Result<Profile, Box<BadProfile>> {
    let raw: RawProfile = toml::from_str(text).map_err(|error| {
        let place = error.span().unwrap_or(0..1);
        bad(file, text, vec![(place, with_hint(error.message()))])
    })?;
    Profile::resolve(raw).map_err(|errors| {
        let tree = DeTable::parse(text).ok();
        let places = errors.iter().map(|error| {
            let place = tree.as_ref().and_then(|tree| place(tree.get_ref(), text, error));
            (place.unwrap_or(0..1), format!("{}: {}", error.key.join("."), error.problem))
        });
        bad(file, text, places.collect())
    })
}

fn bad(file: &str, text: &str, mut places: Vec<(Range<usize>, String)>) -> Box<BadProfile> {
    places.sort_by_key(|(place, _)| place.start);
    let (start, first) =
        places.first().map_or((0, String::new()), |(place, what)| (place.start, what.clone()));
    Box::new(BadProfile {
        file: file.to_owned(),
        line: text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1,
        first,
        text: NamedSource::new(file, text.to_owned()),
        places,
    })
}

/// serde names the unknown key and all known ones, in backquotes: the nearest is said first.
fn with_hint(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((found, known)) if message.starts_with("unknown field") => {
            let near = nearest(found, known.iter().copied());
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("unknown key `{found}`{hint} expected one of: {}", known.join(", "))
        }
        _ => message.to_owned(),
    }
}

/// Where the key of `error` stands; inside its text where the error says so.
fn place(table: &DeTable<'_>, text: &str, error: &ProfileError) -> Option<Range<usize>> {
    let mut keys = error.key.iter();
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
    if let Some((at, len)) = error.within {
        let literal = value.span();
        // The text begins behind its quote, if nothing in it is escaped.
        let start = literal.start + 1 + at;
        if start + len < literal.end && !text.get(literal.clone())?.contains('\\') {
            return Some(start..start + len);
        }
    }
    Some(place)
}

#[cfg(test)]
#[path = "profile_file/tests.rs"]
mod tests;
