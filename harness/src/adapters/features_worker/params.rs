//! From the words of a step to typed values.

use std::fmt;
use std::sync::LazyLock;

use cucumber::gherkin;
use cucumber::step::Context;

use super::outcome::StepError;

/// The parameters that expressions may use, and what they match. None has a group of its own: the n-th parameter is the
/// n-th group.
pub const PARAMETERS: [(&str, &str, &str); 4] = [
    ("who", "[A-Z][a-z]+", "a person, `Anna`: made for the scenario when first named"),
    ("text", "\"[^\"]*\"", "anything in double quotes"),
    ("number", "\\d+", "a whole number"),
    ("thing", "[a-z][a-z0-9-]*", "a word: an address, a family, a fixture"),
];

/// As the expression compiler wants them.
#[expect(
    clippy::disallowed_types,
    reason = "the expression compiler takes no other map, and looks up by name only"
)]
pub(super) static BY_NAME: LazyLock<std::collections::HashMap<&str, &str>> =
    LazyLock::new(|| PARAMETERS.iter().map(|(name, regex, _)| (*name, *regex)).collect());

/// A person of a scenario.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Who(pub String);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rows of a step's table, its head line first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table(pub Vec<Vec<String>>);

/// The text below a step, between `"""`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DocString(pub String);

/// What a step has to give.
#[derive(Debug)]
pub struct Words<'a> {
    step: &'a gherkin::Step,
    groups: std::vec::IntoIter<&'a str>,
}

impl<'a> Words<'a> {
    fn of(context: &'a Context) -> Self {
        let groups: Vec<&str> =
            context.matches.iter().skip(1).map(|(_, text)| text.as_str()).collect();
        Self { step: &context.step, groups: groups.into_iter() }
    }

    fn next(&mut self) -> Result<&'a str, StepError> {
        self.groups
            .next()
            .ok_or_else(|| StepError::lost("the step has fewer words than its function"))
    }
}

/// One typed value.
pub trait Param: Sized {
    /// Takes it from what is left.
    fn take(words: &mut Words<'_>) -> Result<Self, StepError>;
}

impl Param for Who {
    fn take(words: &mut Words<'_>) -> Result<Self, StepError> {
        words.next().map(|word| Self(word.to_owned()))
    }
}

impl Param for String {
    /// `{text}` without its quotes, or `{thing}`.
    fn take(words: &mut Words<'_>) -> Result<Self, StepError> {
        words.next().map(|word| word.trim_matches('"').to_owned())
    }
}

impl Param for u64 {
    fn take(words: &mut Words<'_>) -> Result<Self, StepError> {
        let word = words.next()?;
        word.parse().map_err(|_too_large| StepError::lost(format!("{word} is too large a number")))
    }
}

impl Param for Table {
    fn take(words: &mut Words<'_>) -> Result<Self, StepError> {
        let table = words.step.table.as_ref();
        table
            .map(|table| Self(table.rows.clone()))
            .ok_or_else(|| StepError::lost("the step needs a table below it"))
    }
}

impl Param for DocString {
    fn take(words: &mut Words<'_>) -> Result<Self, StepError> {
        let text = words.step.docstring.as_ref();
        text.map(|text| Self(text.trim_matches('\n').to_owned()))
            .ok_or_else(|| StepError::lost("the step needs a text below it, between \"\"\""))
    }
}

/// All values of a step.
pub trait Params: Sized {
    /// Takes them in order.
    fn of(context: &Context) -> Result<Self, StepError>;
}

impl Params for () {
    fn of(_context: &Context) -> Result<Self, StepError> {
        Ok(())
    }
}

macro_rules! params {
    ($($name:ident)+) => {
        impl<$($name: Param),+> Params for ($($name,)+) {
            fn of(context: &Context) -> Result<Self, StepError> {
                let mut words = Words::of(context);
                Ok(($($name::take(&mut words)?,)+))
            }
        }
    };
}

params!(A);
params!(A B);
params!(A B C);
params!(A B C D);
