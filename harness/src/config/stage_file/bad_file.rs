//! What is wrong in a stage file, shown in the file: the key underlined, what was expected, and what it may have meant.
//! JSON and TOML give different hints about the place; both end in one shape.

use std::path::Path;

use miette::Diagnostic;
use miette::NamedSource;
use miette::SourceSpan;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use verdict::domain::stage::STAGE_SCHEMA;

/// A wrong place in a stage file.
#[derive(Debug, Error, Diagnostic)]
#[error("{file}:{line}: {message}")]
pub struct BadStageFile {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key at fault, where one can be named.
    pub key: Option<String>,
    /// What is wrong and what was expected.
    pub message: String,
    #[source_code]
    text: NamedSource<String>,
    #[label("here")]
    place: SourceSpan,
    #[help]
    help: Option<String>,
}

/// How the file is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Json,
    Toml,
}

/// What a parser said, and where.
#[derive(Debug)]
pub(super) struct Fault {
    message: String,
    /// Byte offsets.
    start: usize,
    end: usize,
}

#[derive(Deserialize)]
struct OnlySchema {
    schema: String,
}

#[derive(Deserialize)]
struct OnlyRecipe {
    #[serde(rename = "put_up")]
    _put_up: serde::de::IgnoredAny,
}

impl Format {
    /// By the file's name; JSON unless it says `.toml`.
    pub(super) fn of(path: &Path) -> Self {
        let toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        if toml { Self::Toml } else { Self::Json }
    }

    /// The schema that the file names, if it gets that far.
    pub(super) fn schema(self, text: &str) -> Option<String> {
        let only: Option<OnlySchema> = match self {
            Self::Json => serde_json::from_str(text).ok(),
            Self::Toml => toml::from_str(text).ok(),
        };
        only.map(|only| only.schema)
    }

    /// Whether the file says how a stage is put up.
    pub(super) fn is_recipe(self, text: &str) -> bool {
        match self {
            Self::Json => serde_json::from_str::<OnlyRecipe>(text).is_ok(),
            Self::Toml => toml::from_str::<OnlyRecipe>(text).is_ok(),
        }
    }

    pub(super) fn parse<T: DeserializeOwned>(self, text: &str) -> Result<T, Fault> {
        match self {
            Self::Json => serde_json::from_str(text).map_err(|error| Fault::of_json(&error, text)),
            Self::Toml => toml::from_str(text).map_err(|error| Fault {
                message: error.message().to_owned(),
                start: error.span().map_or(0, |span| span.start),
                end: error.span().map_or(0, |span| span.end),
            }),
        }
    }
}

impl Fault {
    /// `serde_json` gives the place where it noticed, just behind the key or value at fault.
    fn of_json(error: &serde_json::Error, text: &str) -> Self {
        let full = error.to_string();
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        let message = full.strip_suffix(&suffix).unwrap_or(&full).to_owned();
        let line_start: usize =
            text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let line = text[line_start..].lines().next().unwrap_or_default();
        // An unknown key stands in quotes on the line; otherwise the last thing read is the value at fault.
        if let Some(found) = quoted(&message).and_then(|key| {
            let quoted = format!("\"{key}\"");
            line.find(&quoted).map(|at| (line_start + at, quoted.len()))
        }) {
            return Self { message, start: found.0, end: found.0 + found.1 };
        }
        let noticed = error.column().min(line.len());
        let noticed = (0..=noticed).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        let value = line[..noticed].rfind([' ', ':', ',', '[', '{']).map_or(0, |at| at + 1);
        let start = if value < noticed { value } else { noticed.saturating_sub(1) };
        Self { message, start: line_start + start, end: line_start + noticed }
    }

    pub(super) fn into_bad_file(self, path: &Path, text: &str) -> BadStageFile {
        let start = self.start.min(text.len());
        let unknown = self.message.starts_with("unknown");
        let key = if unknown {
            quoted(&self.message).map(str::to_owned)
        } else {
            key_before(text, start)
        };
        let help = unknown.then(|| nearest(&self.message)).flatten();
        let help = help
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(|| Some("docs/schemas/stage.schema.json describes every key".to_owned()));
        let message = match &key {
            Some(key) if !unknown => format!("{key}: {}", self.message),
            Some(_) | None => self.message,
        };
        BadStageFile {
            file: path.display().to_string(),
            line: line_of(text, start),
            key,
            message,
            text: NamedSource::new(path.display().to_string(), text.to_owned()),
            place: (start, self.end.saturating_sub(start).max(1)).into(),
            help,
        }
    }
}

impl BadStageFile {
    pub(super) fn unknown_schema(path: &Path, text: &str, schema: &str) -> Self {
        let start = text.find(schema).unwrap_or(0);
        Self {
            file: path.display().to_string(),
            line: line_of(text, start),
            key: Some("schema".to_owned()),
            message: format!("unknown schema `{schema}`; this build reads `{STAGE_SCHEMA}`"),
            text: NamedSource::new(path.display().to_string(), text.to_owned()),
            place: (start, schema.len().max(1)).into(),
            help: Some("write the file again with this build's `harness stage up`".to_owned()),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The first thing in backquotes: the key or variant that serde does not know, or the field that is missing.
fn quoted(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

/// Of what serde expected, what is nearest to what it found.
fn nearest(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let found = quoted.next()?;
    quoted
        .map(|expected| (strsim::damerau_levenshtein(found, expected), expected))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, expected)| expected.to_owned())
}

/// The key whose value is at `offset`: what stands before the last `:` or `=` in front of it, on the same line.
fn key_before(text: &str, offset: usize) -> Option<String> {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let line = text[..offset].rsplit('\n').next()?;
    let (before, _) = line.rsplit_once([':', '='])?;
    let key = before.trim().trim_matches('"').rsplit(['"', '{', ',', ' ']).next()?.trim();
    (!key.is_empty()).then(|| key.to_owned())
}
