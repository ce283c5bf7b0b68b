//! Reads single variables and collects what is wrong with them. What cannot be read gets a stand-in, which nobody sees:
//! a reader with a problem gives no configuration.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use url::Url;

use super::{ConfigErrors, ConfigProblem, Environment};

/// What may hold a user and a password (`https://user:password@host`) is not repeated when it does not parse.
const NOT_SHOWN: [&str; 3] = ["CORS_ORIGINS", "DLQ_URL", "JWKS_URL"];

pub(super) struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        Self { environment, problems: Vec::new() }
    }

    /// All problems, if there are any.
    pub(super) fn finish(self) -> Option<ConfigErrors> {
        (!self.problems.is_empty()).then_some(ConfigErrors(self.problems))
    }

    /// An empty variable is one that is not set.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    pub(super) fn text(&mut self, name: &'static str, expected: &str) -> String {
        self.required(name, expected, |text| Some(text.to_owned())).unwrap_or_default()
    }

    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.is_set(name) {
            self.problem(name, expected, "but it is not set".to_owned());
        }
        self.optional(name, expected, parse)
    }

    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.raw(name)?;
        let parsed = parse(text);
        if parsed.is_none() {
            let found = if NOT_SHOWN.contains(&name) {
                "found something else, which is not shown".to_owned()
            } else {
                format!("found `{text}`")
            };
            self.problem(name, expected, found);
        }
        parsed
    }

    /// A value whose parser says itself what is wrong.
    pub(super) fn checked<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.raw(name)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let expected = error.to_string();
                self.problem(name, &expected, format!("found `{text}`"));
                None
            }
        }
    }

    pub(super) fn number<T>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<T>,
        default: T,
    ) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let parse = |text: &str| text.parse().ok().filter(|number| range.contains(number));
        self.optional(name, &expected, parse).unwrap_or(default)
    }

    /// Values separated by commas; one that does not parse spoils the list.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let parse_all = |text: &str| -> Option<Vec<T>> {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(&parse).collect()
        };
        self.optional(name, expected, parse_all).unwrap_or_default()
    }

    /// A list in which what does not parse is nothing at all: for a seeded defect only.
    pub(super) fn lenient_list<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let text = self.raw(name).unwrap_or_default();
        text.split(',').filter_map(|part| parse(part.trim())).collect()
    }

    pub(super) fn refuse_if_set(&mut self, name: &'static str, expected: &str) {
        if self.is_set(name) {
            self.problem(name, expected, "but it is set".to_owned());
        }
    }

    /// A stand-in for a URL that cannot be made.
    pub(super) fn no_url(&mut self, name: &'static str, expected: &str) -> Url {
        self.problem(name, expected, "but none can be made of the other variables".to_owned());
        #[expect(clippy::expect_used, reason = "a constant that parses")]
        Url::parse("https://invalid.invalid/").expect("a constant that parses")
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn problem(&mut self, variable: &'static str, expected: &str, found: String) {
        self.problems.push(ConfigProblem { variable, expected: expected.to_owned(), found });
    }
}
