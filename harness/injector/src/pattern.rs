//! Glob patterns over names: `*`, `?`, `{A,B*}`. Case counts, as it does in AWS.
use std::fmt;

use globset::{Glob, GlobBuilder, GlobMatcher};

/// A compiled pattern that remembers how it was written.
#[derive(Clone)]
pub(crate) struct Pattern(GlobMatcher);

impl Pattern {
    /// Compiles `text`; the error says what is wrong with it.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let glob: Glob = GlobBuilder::new(text)
            .literal_separator(false)
            .backslash_escape(false)
            .build()
            .map_err(|error| format!("`{text}` is no pattern: {}", error.kind()))?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether `name` is one of those meant.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        self.0.glob().glob()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn braces_stars_and_slashes() {
        let pattern = Pattern::new("{InvokeModel,Converse*}").unwrap();
        for (name, is) in [("Converse", true), ("ConverseStream", true), ("InvokeModel", true)] {
            assert_eq!(pattern.matches(name), is, "{name}");
        }
        assert!(!pattern.matches("InvokeModelWithResponseStream"));
        assert!(Pattern::new("users/*").unwrap().matches("users/1/manual.pdf"));
        assert!(Pattern::new("{a").unwrap_err().contains("`{a`"));
    }
}
