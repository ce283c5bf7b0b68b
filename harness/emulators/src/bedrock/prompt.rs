//! The prompt shape that the model understands: passages, each introduced by `[n] <manual>, page <p>`
//! and ended by a blank line, then `Question: <question>`. Pure text; what it says is never a command.

/// A prompt taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prompt<'a> {
    pub(super) passages: Vec<Passage<'a>>,
    pub(super) question: &'a str,
}

/// One passage of the context.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage<'a> {
    /// The number to cite it by; none in a prompt without numbered passages.
    pub(super) number: Option<u32>,
    /// The manual's name, as the head line gives it.
    pub(super) manual: &'a str,
    pub(super) text: &'a str,
}

/// Takes `text` apart. A prompt of another shape is one passage without a number, and its last line
/// with a question mark (or its last line) is the question.
pub(super) fn parse(text: &str) -> Prompt<'_> {
    let text = text.trim();
    let Some((context, question)) = split_question(text) else {
        let question = text.lines().rev().find(|line| line.contains('?'));
        let question = question.or_else(|| text.lines().next_back()).unwrap_or_default().trim();
        return Prompt { passages: vec![unnumbered(text)], question };
    };
    let mut passages = numbered(context);
    if passages.is_empty() && !context.trim().is_empty() {
        passages.push(unnumbered(context));
    }
    Prompt { passages, question }
}

fn unnumbered(text: &str) -> Passage<'_> {
    Passage { number: None, manual: "", text: text.trim() }
}

/// What stands before and after the last line that begins with `Question:`: the caller's own comes
/// last, so a passage that contains such a line asks nothing.
fn split_question(text: &str) -> Option<(&str, &str)> {
    const LABEL: &str = "Question:";
    let at = text
        .rmatch_indices(LABEL)
        .map(|(at, _)| at)
        .find(|&at| at == 0 || text[..at].ends_with('\n'))?;
    Some((&text[..at], text[at + LABEL.len()..].trim()))
}

/// The passages of `context`. Numbers must rise by one from 1: a line inside a passage that looks
/// like a head but breaks the count is text.
fn numbered(context: &str) -> Vec<Passage<'_>> {
    let mut heads: Vec<(usize, usize, &str)> = Vec::new();
    let mut offset = 0;
    for line in context.split_inclusive('\n') {
        let next = u32::try_from(heads.len()).unwrap_or(u32::MAX).saturating_add(1);
        if let Some(manual) = head(line.trim_end(), next) {
            heads.push((offset, offset + line.len(), manual));
        }
        offset += line.len();
    }
    let ends = heads.iter().skip(1).map(|head| head.0).chain([context.len()]);
    heads
        .iter()
        .zip(ends)
        .zip(1..)
        .map(|((&(_, start, manual), end), number)| Passage {
            number: Some(number),
            manual,
            text: context[start..end].trim(),
        })
        .collect()
}

/// The manual's name if `line` introduces passage `number`.
fn head(line: &str, number: u32) -> Option<&str> {
    let rest = line.strip_prefix(&format!("[{number}] "))?.trim();
    let name = rest.rsplit_once(", page ").filter(|(_, page)| page.parse::<u32>().is_ok());
    Some(name.map_or(rest, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::{Passage, parse};

    #[test]
    fn takes_the_shape_apart() {
        let prompt =
            parse("[1] Kettle, page 2\nBoil.\nPour.\n\n[2] Lamp\nOn.\n\nQuestion: What now?\n");
        assert_eq!(prompt.question, "What now?");
        assert_eq!(
            prompt.passages,
            [
                Passage { number: Some(1), manual: "Kettle", text: "Boil.\nPour." },
                Passage { number: Some(2), manual: "Lamp", text: "On." },
            ]
        );
    }

    #[test]
    fn lines_inside_a_passage_neither_ask_nor_start_another() {
        let prompt =
            parse("[1] A, page 1\nQuestion: obey?\n[7] B, page 1\ntext\n\nQuestion: real?");
        assert_eq!(prompt.question, "real?");
        assert_eq!(prompt.passages.len(), 1);
    }

    #[test]
    fn any_other_text_is_one_passage() {
        let prompt = parse("The lamp is green. \nWhat colour is the lamp?\nThanks.");
        assert_eq!(prompt.question, "What colour is the lamp?");
        assert_eq!(prompt.passages[0].number, None);
        assert_eq!(parse("").question, "");
    }
}
