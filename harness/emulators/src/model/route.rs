//! URI templates of restJson1 operations: `/model/{modelId}/converse`, greedy `{key+}`.
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;

/// A parsed template.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "String")]
pub(crate) struct Template(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Label(String),
    /// Takes one or more segments up to those that follow it.
    Greedy(String),
}

impl Template {
    /// Whether there is no template.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The decoded labels if `path` (still percent-encoded) fits. Empty labels never fit; a slash at
    /// the end is as good as none.
    pub(crate) fn matches(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let given: Vec<&str> = path.split('/').collect();
        let mut labels = BTreeMap::new();
        let mut at = 0;
        for (index, segment) in self.0.iter().enumerate() {
            let rest = self.0.len() - index - 1;
            match segment {
                Segment::Literal(literal) => {
                    if *given.get(at)? != literal {
                        return None;
                    }
                    at += 1;
                }
                Segment::Label(name) => {
                    labels.insert(name.clone(), decode(given.get(at)?)?);
                    at += 1;
                }
                Segment::Greedy(name) => {
                    let end = given.len().checked_sub(rest).filter(|end| *end > at)?;
                    labels.insert(name.clone(), decode(&given[at..end].join("/"))?);
                    at = end;
                }
            }
        }
        (at == given.len()).then_some(labels)
    }
}

impl From<String> for Template {
    fn from(text: String) -> Self {
        let Ok(template) = text.parse();
        template
    }
}

impl FromStr for Template {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let segment = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            None => Segment::Literal(part.to_owned()),
            Some(label) => match label.strip_suffix('+') {
                None => Segment::Label(label.to_owned()),
                Some(greedy) => Segment::Greedy(greedy.to_owned()),
            },
        };
        let trimmed = text.trim_matches('/');
        let parts = trimmed.split('/').filter(|part| !part.is_empty());
        Ok(Self(parts.map(segment).collect()))
    }
}

/// Percent-decodes one label; `None` if it is empty or not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if *byte == b'%' {
            let (digits, after) = tail.split_at_checked(2)?;
            bytes.extend(hex::decode(digits).ok()?);
            rest = after;
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn labels_are_decoded_and_slashes_at_the_end_do_not_matter() {
        let template = Template::from("/model/{modelId}/converse".to_owned());
        let labels = template.matches("/model/anthropic.x-v1%3A0%2Fa/converse/").unwrap();
        assert_eq!(labels["modelId"], "anthropic.x-v1:0/a");
        assert!(template.matches("/model//converse").is_none());
        assert!(template.matches("/model/a/converse-stream").is_none());
        assert!(template.matches("/model/a/converse/x").is_none());
        assert!(template.matches("/model/%zz/converse").is_none());
    }

    #[test]
    fn greedy_labels_leave_what_follows() {
        let template = Template::from("/x/{key+}/end".to_owned());
        assert_eq!(template.matches("/x/a/b/c/end").unwrap()["key"], "a/b/c");
        assert!(template.matches("/x/end").is_none());
    }
}
