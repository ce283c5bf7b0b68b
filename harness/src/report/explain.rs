//! A breach and a cause in words, for every text that tells of one: terminal, summary, JUnit, page. What came from the
//! target is made harmless here, once.

use verdict::domain::{
    objective::ObjectiveKind,
    verdict::{Breach, Cause, Verdict},
};

/// Columns of a block of text.
pub const WIDTH: usize = 100;
/// Longest message that is shown, in characters.
const MESSAGE_MAX: usize = 700;
/// Column at which the text of a fact begins.
const FACT_INDENT: usize = 19;
/// The fact that must be copied as it is, and is therefore never wrapped.
const COMMAND: &str = "see it again";

/// One fact about a breach: what it is, and the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fact {
    /// `what happened`, `request id`.
    pub label: &'static str,
    /// The fact, as one harmless line.
    pub text: String,
    /// Whether it is to be copied and not read.
    pub is_code: bool,
}

/// A breach as an indented block of at most [`WIDTH`] columns (but for the command, which stays in one piece).
pub fn breach_block(breach: &Breach) -> String {
    let mut lines = wrap(&format!("✗ {}: {}", title(breach), plain(&breach.promise)), "", "  ");
    for fact in facts(breach) {
        let label = format!("    {:<15}", fact.label);
        if fact.label == COMMAND {
            lines.push(format!("{label}{}", fact.text));
        } else {
            lines.extend(wrap(&fact.text, &label, &" ".repeat(FACT_INDENT)));
        }
    }
    lines.join("\n")
}

/// Name and kind of what was broken: `isolation (correctness)`.
pub fn title(breach: &Breach) -> String {
    format!("{} ({})", plain(&breach.objective), kind_name(breach.kind))
}

/// What is known of a breach beside its promise, in the order in which a person asks.
pub fn facts(breach: &Breach) -> Vec<Fact> {
    let read = |label, text: String| Fact { label, text, is_code: false };
    let copied = |label, text: &str| Fact { label, text: plain(text), is_code: true };
    let mut facts =
        vec![read("what happened", short(&breach.message)), read("how often", how_often(breach))];
    facts.extend(breach.request_id.as_deref().map(|id| copied("request id", id)));
    facts.extend(breach.trace_id.as_deref().map(|id| copied("trace id", id)));
    facts.push(copied(COMMAND, &breach.reproduce));
    facts
}

/// How often, and when first.
pub fn how_often(breach: &Breach) -> String {
    let times = match (breach.kind, breach.times) {
        (ObjectiveKind::Timing, _) => return "measured over the whole run".to_owned(),
        (ObjectiveKind::Correctness, 1) => "once".to_owned(),
        (ObjectiveKind::Correctness, times) => format!("{times} times"),
    };
    match breach.first_at_ms {
        Some(ms) if breach.times == 1 => format!("{times}, {} into the load", seconds(ms)),
        Some(ms) => format!("{times}, first {} into the load", seconds(ms)),
        None => times,
    }
}

/// A cause in one line: its code and what it means here.
pub fn cause_line(cause: &Cause) -> String {
    format!("{}: {}", cause.code(), short(&cause.sentence()))
}

/// Why the run cannot tell; empty where it can.
pub fn causes(verdict: &Verdict) -> &[Cause] {
    match verdict {
        Verdict::Inconclusive { causes, .. } => causes.as_slice(),
        Verdict::Pass | Verdict::Fail { .. } => &[],
    }
}

/// The name of a kind of objective.
pub fn kind_name(kind: ObjectiveKind) -> &'static str {
    match kind {
        ObjectiveKind::Correctness => "correctness",
        ObjectiveKind::Timing => "timing",
    }
}

/// Milliseconds as seconds: `3.204 s`.
pub fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// One line without control characters: what a target sent can neither move a terminal's cursor nor break a table.
pub fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => line.push(' '),
            '\u{fffe}' | '\u{ffff}' => line.push('\u{fffd}'),
            // Bidirectional overrides turn a line around for its reader.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => line.extend(c.escape_unicode()),
            c if c.is_control() => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// For text and attributes of a page: what could be markup is none, and no character turns a line around, whatever a
/// backend answered. Lines stay lines, and keep their indent.
pub fn escaped(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        " ".repeat(indent) + &plain(line)
    });
    let mut out = String::with_capacity(text.len());
    for c in lines.collect::<Vec<_>>().join("\n").chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// As [`plain`], and no longer than a person reads: the beginning, and a word about the rest.
pub fn short(text: &str) -> String {
    let text = plain(text);
    let length = text.chars().count();
    if length <= MESSAGE_MAX {
        return text;
    }
    let kept: String = text.chars().take(MESSAGE_MAX).collect();
    format!("{kept} … ({} more characters in the evidence)", length - MESSAGE_MAX)
}

/// `text` in lines of at most [`WIDTH`] columns: `first` before the first, `next` before the others.
pub fn wrap(text: &str, first: &str, next: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let space = usize::from(!is_empty);
            let room = WIDTH.saturating_sub(line.chars().count() + space);
            let fits = rest.chars().count() <= room;
            if fits || (is_empty && room > 0) {
                let (head, tail) = split_at_char(rest, room);
                line.push_str(&" ".repeat(space));
                line.push_str(head);
                is_empty = false;
                rest = tail;
            }
            if !rest.is_empty() {
                lines.push(std::mem::replace(&mut line, next.to_owned()));
                is_empty = true;
            }
        }
    }
    lines.push(line);
    lines
}

fn split_at_char(text: &str, chars: usize) -> (&str, &str) {
    let at = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn breach() -> Breach {
        Breach {
            objective: "isolation".into(),
            kind: ObjectiveKind::Correctness,
            promise: "A user never sees anybody else's manuals.".into(),
            message: format!("query of u1: expected nothing, got \u{1b}[31m{}", "word ".repeat(60)),
            times: 12,
            first_at_ms: Some(3_204),
            request_id: Some("req-7".into()),
            trace_id: Some("4bf9".into()),
            ordinals: vec![7],
            reproduce: format!("cargo run -p harness -- replay reports/{}", "r".repeat(90)),
        }
    }

    #[test]
    fn a_block_says_all_and_keeps_the_command_whole() {
        let breach = breach();
        let block = breach_block(&breach);
        for part in
            ["isolation (correctness)", "12 times, first 3.204 s into the load", "req-7", "4bf9"]
        {
            assert!(block.contains(part), "{part} is not in\n{block}");
        }
        assert!(block.lines().any(|line| line.ends_with(&breach.reproduce)));
        assert!(!block.contains('\u{1b}'), "a control character came through");
        let wide = |line: &&str| line.chars().count() > WIDTH && !line.contains("replay");
        assert_eq!(block.lines().find(wide), None);
    }

    #[test]
    fn a_timing_breach_is_of_the_whole_run_and_a_long_message_says_so() {
        let timing = Breach { kind: ObjectiveKind::Timing, message: "m".repeat(2_000), ..breach() };
        let facts = facts(&timing);
        assert_eq!(facts[1].text, "measured over the whole run");
        assert!(facts[0].text.ends_with("(1300 more characters in the evidence)"));
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(plain(" a\nb\u{7}\u{202e}c\u{ffff} "), "a b\\u{7}\\u{202e}c\u{fffd}");
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_and_keeps_the_width(text in "[a-zµ ]{0,400}|[a-z]{150,350}") {
            let lines = wrap(&text, "  first ", "    ");
            for line in &lines {
                prop_assert!(line.chars().count() <= WIDTH);
            }
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&lines.join(" ")), format!("first{}", squeeze(&text)));
        }
    }
}
