//! Payloads with marks: parts that are known only when an attack is played. Pure.
//!
//! | mark | is |
//! |---|---|
//! | `<<nonce>>` | a word of this play's own, in lower case: for hosts and for whatever an attack wants to plant |
//! | `<<host>>` | host and port of the backend |
//! | `<<token>>` | the attacker's good token |
//! | `<<now>>` | Unix seconds of the stage |
//! | `<<own_manual>>` | the id of a manual of the attacker's |
//! | `<<victim_manual>>`, `<<victim_filename>>` | id and name of the victim's |
//! | `<<victim_sub>>`, `<<victim_name>>` | the victim's `sub` and sign-in name |
//! | `<<repeat>>` | what `repeat` says |

use std::collections::BTreeMap;

use crate::domain::objective::parse::nearest;

/// All marks but `repeat`.
pub const MARKS: [&str; 9] = [
    "nonce",
    "host",
    "token",
    "now",
    "own_manual",
    "victim_manual",
    "victim_filename",
    "victim_sub",
    "victim_name",
];

const REPEAT: &str = "repeat";

/// Bytes with marks, in their parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Bytes(Vec<u8>),
    Repeated(Vec<u8>, u32),
    Mark(&'static str),
}

impl Template {
    /// Bytes without marks.
    pub fn plain(bytes: Vec<u8>) -> Self {
        Self { parts: vec![Part::Bytes(bytes)] }
    }

    /// The payload, with the values of its marks. A mark without a value stays empty: [`MARKS`] are all there are.
    pub fn fill(&self, values: &BTreeMap<&'static str, String>) -> Vec<u8> {
        let mut filled = Vec::new();
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => filled.extend(bytes),
                Part::Repeated(bytes, times) => {
                    (0..*times).for_each(|_| filled.extend(bytes));
                }
                Part::Mark(mark) => {
                    filled.extend(values.get(mark).map(String::as_bytes).unwrap_or_default());
                }
            }
        }
        filled
    }

    /// Whether it has this mark.
    pub fn has(&self, mark: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Mark(found) if *found == mark))
    }
}

/// Reads `text`; `escaped` where `\xNN` and its like are bytes.
pub(super) fn parse(
    text: &str,
    escaped: bool,
    repeat: Option<(&str, u32)>,
) -> Result<Template, String> {
    let bytes = |text: &str| if escaped { unescape(text) } else { Ok(text.as_bytes().to_vec()) };
    let mut parts = Vec::new();
    let mut rest = text;
    let mut repeats = 0;
    while let Some((before, mark, behind)) = next_mark(rest) {
        parts.push(Part::Bytes(bytes(before)?));
        if mark == REPEAT {
            let (of, times) = repeat.ok_or("`<<repeat>>` needs the key `repeat`")?;
            parts.push(Part::Repeated(bytes(of)?, times));
            repeats += 1;
        } else {
            parts.push(Part::Mark(known(mark)?));
        }
        rest = behind;
    }
    if repeat.is_some() && repeats == 0 {
        return Err("`repeat` needs `<<repeat>>` where it goes".to_owned());
    }
    parts.push(Part::Bytes(bytes(rest)?));
    parts.retain(|part| *part != Part::Bytes(Vec::new()));
    Ok(Template { parts })
}

fn known(mark: &str) -> Result<&'static str, String> {
    MARKS.into_iter().find(|known| *known == mark).ok_or_else(|| {
        let near = nearest(mark, MARKS.into_iter().chain([REPEAT]));
        let hint = near.map(|near| format!("; did you mean `<<{near}>>`?")).unwrap_or_default();
        format!("there is no mark `<<{mark}>>`{hint}")
    })
}

/// The text before the next `<<word>>`, the word, and the text behind it. Other brackets are text.
fn next_mark(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find("<<")?;
        let inside = text.get(open + 2..)?;
        let length = inside.find(|c: char| !(c.is_ascii_lowercase() || c == '_'))?;
        let (word, behind) = inside.split_at_checked(length)?;
        if let (false, Some(behind)) = (word.is_empty(), behind.strip_prefix(">>")) {
            return Some((text.get(..open)?, word, behind));
        }
        from = open + 1;
    }
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match characters.next() {
            Some('x') => {
                let digits: String = characters.by_ref().take(2).collect();
                let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
                bytes.push(byte.ok_or_else(|| {
                    format!("`\\x{digits}` is no byte: `\\x` and two hex digits")
                })?);
            }
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('\\') => bytes.push(b'\\'),
            other => {
                let other = other.map(String::from).unwrap_or_default();
                return Err(format!(
                    "`\\{other}` is no escape: there are \\xNN \\r \\n \\t \\0 \\\\"
                ));
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str, escaped: bool, repeat: Option<(&str, u32)>) -> Result<Vec<u8>, String> {
        let values = [("nonce", "n1".to_owned()), ("victim_manual", "m-2".to_owned())];
        Ok(parse(text, escaped, repeat)?.fill(&values.into()))
    }

    #[test]
    fn marks_are_filled_and_other_brackets_are_text() {
        let text = "<<nonce>>.site.example/<<victim_manual>> <<<nonce>> << >> <<A>> <b>";
        let wanted = "n1.site.example/m-2 <n1 << >> <<A>> <b>";
        assert_eq!(filled(text, false, None).unwrap(), wanted.as_bytes());
        assert_eq!(filled("[<<repeat>>]", false, Some(("ab", 3))).unwrap(), b"[ababab]");
        let error = filled("<<victim_manul>>", false, None).unwrap_err();
        assert_eq!(error, "there is no mark `<<victim_manul>>`; did you mean `<<victim_manual>>`?");
        assert!(filled("<<repeat>>", false, None).is_err());
        assert!(filled("x", false, Some(("a", 1))).is_err());
    }

    #[test]
    fn escapes_are_bytes_where_they_are_asked_for() {
        assert_eq!(filled(r"a\xff\r\n\0\\\t", true, None).unwrap(), b"a\xff\r\n\0\\\t");
        assert_eq!(filled(r"a\xff", false, None).unwrap(), br"a\xff");
        assert_eq!(filled("<<repeat>>", true, Some((r"\x00", 2))).unwrap(), b"\0\0");
        for wrong in [r"\x0", r"\xg0", r"\q", "\\"] {
            assert!(filled(wrong, true, None).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", escaped: bool) {
            let _read: Result<Template, String> = parse(&text, escaped, None);
            let _read: Result<Template, String> = parse(&format!("<<{text}>>"), escaped, None);
        }
    }
}
