//! What is drawn: texts in many scripts, numbers around a limit, spellings of a header, distances in time. Each becomes
//! simpler towards what a reader understands first: a short text, the limit itself, lower case, no distance.

use std::ops::RangeInclusive;

use proptest::char;
use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::any;
use proptest::sample::select;
use proptest::strategy::Strategy;

/// Scripts, signs and what is put together of several characters; Latin first, for a text becomes simpler towards it.
const SCRIPTS: &[(&str, RangeInclusive<char>)] = &[
    ("Latin", 'a'..='z'),
    ("Latin with marks", 'à'..='ö'),
    ("digits", '0'..='9'),
    ("signs of code", '!'..='/'),
    ("Greek", 'α'..='ω'),
    ("Cyrillic", 'А'..='я'),
    ("Hebrew", 'א'..='ת'),
    ("Arabic", 'ع'..='ي'),
    ("Devanagari", 'क'..='ह'),
    ("Thai", 'ก'..='ฮ'),
    ("Hangul", '가'..='힣'),
    ("Hiragana", 'ぁ'..='ん'),
    ("Han", '一'..='鿿'),
    ("Ethiopic", 'ሀ'..='ቆ'),
    ("combining marks", '\u{300}'..='\u{36f}'),
    ("emoji", '😀'..='🙏'),
    ("Gothic", '𐌰'..='𐍊'),
    ("mathematical", '𝐀'..='𝒙'),
];

/// One character of any script.
fn letter() -> impl Strategy<Value = char> {
    select(SCRIPTS).prop_flat_map(|(_, range)| char::range(*range.start(), *range.end()))
}

/// A text of exactly `chars` characters, all of one script: what is counted in anything but characters is miscounted.
pub fn text_of(chars: usize) -> impl Strategy<Value = String> {
    select(SCRIPTS).prop_flat_map(move |(_, range)| {
        let letters = vec(char::range(*range.start(), *range.end()), chars);
        letters.prop_map(String::from_iter)
    })
}

/// A question of one to a dozen words, each of its own scripts. It neither begins nor ends with white space, and holds
/// no control character.
pub fn question() -> impl Strategy<Value = String> {
    let word = vec(letter(), 1..12).prop_map(String::from_iter);
    let words = vec(word, 1..12).prop_map(|words| words.join(" "));
    (words, select(&["?", "", "!", "？", "؟"][..])).prop_map(|(words, end)| words + end)
}

/// White space as people leave it before and after a text, from nothing to a few lines.
pub fn padding() -> impl Strategy<Value = String> {
    let spaces = &[' ', '\t', '\n', '\r', '\u{a0}', '\u{2003}', '\u{3000}'][..];
    vec(select(spaces), 0..6).prop_map(String::from_iter)
}

/// A number at most `reach` away from `limit`: every fourth is the limit itself or the next one above, for that is
/// where a limit is wrong.
pub fn around(limit: usize, reach: usize) -> impl Strategy<Value = usize> {
    let below = (0..=reach.min(limit)).prop_map(move |distance| limit - distance);
    let above = (1..=reach.max(1)).prop_map(move |distance| limit + distance);
    let either = (any::<bool>(), below, above).prop_map(
        |(is_above, below, above)| {
            if is_above { above } else { below }
        },
    );
    proptest::prop_oneof![1 => select(vec![limit, limit + 1]), 3 => either]
}

/// `text` with each of its letters in upper or lower case: names and values that are the same in any.
pub fn any_case(text: &'static str) -> impl Strategy<Value = String> {
    vec(any::<bool>(), text.chars().count()).prop_map(move |upper| {
        let cased = text.chars().zip(upper).map(|(letter, upper)| {
            if upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
        });
        cased.collect()
    })
}

/// A clock that is wrong, in seconds, and whether it is still within `window_s`. None is nearer than `margin_s` to the
/// end of the window: a request takes a moment on its way.
pub fn clock_offsets(window_s: i64, margin_s: i64) -> impl Strategy<Value = (i64, bool)> {
    let within = (0..=(window_s - margin_s).max(0), Just(true));
    let beyond = (window_s + margin_s..=window_s.saturating_mul(10), Just(false));
    let either = proptest::prop_oneof![within, beyond];
    (either, any::<bool>())
        .prop_map(|((offset, within), back)| (if back { -offset } else { offset }, within))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn questions_are_questions(question in question(), padding in padding()) {
            prop_assert_eq!(question.trim(), &question);
            prop_assert!(!question.is_empty() && question.chars().count() <= 145);
            prop_assert!(!question.chars().any(char::is_control));
            prop_assert_eq!(padding.trim(), "");
        }

        #[test]
        fn texts_have_exactly_so_many_characters(
            (chars, text) in (1_usize..40).prop_flat_map(|chars| (Just(chars), text_of(chars))),
        ) {
            prop_assert_eq!(text.chars().count(), chars);
            prop_assert_eq!(text.trim(), &text);
        }

        #[test]
        fn numbers_stay_around_their_limit(number in around(1000, 20), small in around(3, 20)) {
            prop_assert!((980..=1020).contains(&number));
            prop_assert!(small <= 23);
        }

        #[test]
        fn cases_change_nothing_else(name in any_case("X-Manuel-Timestamp")) {
            prop_assert!(name.eq_ignore_ascii_case("x-manuel-timestamp"));
        }

        #[test]
        fn clocks_keep_clear_of_the_end_of_the_window((offset, within) in clock_offsets(300, 5)) {
            prop_assert_eq!(offset.abs() <= 295, within);
            prop_assert!(within || offset.abs() >= 305);
        }
    }

    #[test]
    fn a_limit_itself_and_the_next_are_drawn_often() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = around(1000, 500);
        let drawn: Vec<usize> = (0..100)
            .map(|_| {
                proptest::strategy::ValueTree::current(&strategy.new_tree(&mut runner).unwrap())
            })
            .collect();
        for at in [1000, 1001] {
            assert!(drawn.iter().filter(|number| **number == at).count() >= 5, "{drawn:?}");
        }
    }
}
