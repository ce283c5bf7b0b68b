//! Whether an answer to a question is the user's own, is right, and says what it cost.

use manuel_client::answers::CacheStatus;
use manuel_client::answers::QueryAnswer;
use verdict::domain::kind::RequestKind;
use verdict::domain::question::Question;
use verdict::domain::rule::Rule;

use super::super::seat::Seat;
use super::Broken;
use super::Expected;
use super::figures;
use super::manuals;

/// The sentence with which the emulated model, and the prompt of the real one, says that it found nothing.
const NOTHING_FOUND: &str = "the manuals do not say";

/// Isolation and citations, then the answer itself.
pub(super) fn check(expected: &Expected<'_>, answer: &QueryAnswer, broken: &mut Vec<Broken>) {
    for source in &answer.sources {
        let cited = (source.manual_id.as_str(), source.manual_name.as_str());
        manuals::own(expected, cited, "sources among", broken);
    }
    figures::counters(expected.charged, answer.usage, broken);
    // Sources are shown where a model wrote the answer, and that costs something.
    let paid = answer.cost.total_cost.pico() > 0 || answer.cache_status == CacheStatus::Hit;
    if !answer.sources.is_empty() && !paid {
        let seen = format!("a cost of {} pico-dollars", answer.cost.total_cost.pico());
        broken.push(Broken::new(Rule::Contract, "a cost above nothing", seen));
    }
    let Some(question) = expected.question else { return };
    if answer.question != question.question.trim() {
        let wanted = format!("the question as it was asked: \"{}\"", question.question.trim());
        broken.push(Broken::new(Rule::Contract, wanted, format!("\"{}\"", answer.question)));
    }
    if !expected.exact {
        return;
    }
    let nothing =
        matches!(expected.kind, RequestKind::QueryForeign | RequestKind::QueryUnanswerable);
    if nothing {
        nothing_said(question, answer, broken);
    } else {
        right_answer(expected.seat, question, answer, broken);
    }
}

fn nothing_said(question: &Question, answer: &QueryAnswer, broken: &mut Vec<Broken>) {
    let says_nothing = normal(&answer.answer).contains(NOTHING_FOUND);
    if says_nothing && answer.sources.is_empty() && !answer.context_found {
        return;
    }
    broken.push(Broken::new(
        Rule::RightAnswer,
        format!("\"The manuals do not say.\" and no source, for question {}", question.id),
        format!("\"{}\" with {} sources", short(&answer.answer), answer.sources.len()),
    ));
}

fn right_answer(seat: &Seat, question: &Question, answer: &QueryAnswer, broken: &mut Vec<Broken>) {
    let Some(key) = &question.manual else { return };
    let id = seat.user.manual_ids.get(key);
    let holds = |text: &str| {
        question.phrase.as_ref().is_none_or(|phrase| normal(text).contains(&normal(phrase)))
    };
    let cited = answer.sources.iter().any(|source| {
        Some(&source.manual_id) == id
            && (question.page.is_none() || source.page_number == question.page)
            && holds(&source.chunk_text)
    });
    if cited && holds(&answer.answer) && answer.context_found {
        return;
    }
    let pages: Vec<String> = answer
        .sources
        .iter()
        .map(|s| format!("{} page {}", s.manual_name, s.page_number.unwrap_or(0)))
        .collect();
    broken.push(Broken::new(
        Rule::RightAnswer,
        format!(
            "question {}: \"{}\" citing page {} of {key}",
            question.id,
            question.phrase.as_deref().unwrap_or(""),
            question.page.unwrap_or(0)
        ),
        format!("\"{}\" citing {}", short(&answer.answer), pages.join(", ")),
    ));
}

/// Lower case, single spaces.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn short(text: &str) -> String {
    let short: String = text.chars().take(120).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
