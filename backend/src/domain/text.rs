//! Characters that are no text. Names and questions are shown to people, in lists and logs and beside other text.

/// A control character, or one that turns the direction of whatever follows it: `invoice\u{202e}fdp.exe` looks like
/// `invoiceexe.pdf`. The marks of direction that people type in Arabic and Hebrew (U+200E, U+200F, U+061C) are text.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line or paragraph separator of Unicode, which is no control character.
pub fn is_line_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_the_direction_is_no_text_and_marks_are() {
        for c in ['\0', '\u{7f}', '\u{9b}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            assert!(is_control(c), "{c:?}");
        }
        for c in
            ['a', 'ü', ' ', '\u{200e}', '\u{200f}', '\u{61c}', '\u{200d}', '\u{2065}', '\u{206a}']
        {
            assert!(!is_control(c), "{c:?}");
        }
        assert!(is_line_separator('\u{2028}') && !is_line_separator('\n'));
    }
}
