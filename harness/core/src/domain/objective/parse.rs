//! Reads an objective, and says what was expected where one cannot be read.

use std::str::FromStr as _;

use crate::domain::{
    kind::{AnswerClass, RequestKind},
    objective::{Metric, Objective, ObjectiveError, Op, Process, Selector, Stat},
};

/// Parses `text`; the error points into it.
pub fn parse(text: &str) -> Result<Objective, ObjectiveError> {
    let mut cursor = Cursor { text, at: 0 };
    let stat_word = cursor.word();
    let stat = stat(&stat_word)?;
    let metric_word = cursor.word();
    let metric = metric(&metric_word)?;
    let selector = selector(&mut cursor, metric)?;
    let op = op(&mut cursor)?;
    let limit_word = cursor.rest();
    let limit = limit(&limit_word, stat, metric)?;
    fits(stat, metric, &selector, &stat_word)?;
    let objective = Objective { stat, metric, selector, op, limit, text: text.to_owned() };
    can_be_kept(&objective, &limit_word)?;
    Ok(objective)
}

/// The nearest of `names` to `word`, for a hint; none where nothing is near.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::levenshtein(word, name), name))
        .filter(|(d, name)| *d <= 2.max(name.len() / 3))
        .min()
        .map(|(_, name)| name)
}

struct Word<'a> {
    text: &'a str,
    at: usize,
}

impl Word<'_> {
    fn problem(&self, problem: String) -> ObjectiveError {
        ObjectiveError { problem, at: self.at, len: self.text.len().max(1) }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, accept: impl Fn(char) -> bool) -> Word<'a> {
        self.skip();
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        let word = Word { text: &rest[..len], at: self.at };
        self.at += len;
        word
    }

    fn word(&mut self) -> Word<'a> {
        self.take(|c| c.is_alphanumeric() || c == '_' || c == '.' || c == '-')
    }

    fn rest(&mut self) -> Word<'a> {
        self.skip();
        let word = Word { text: self.text[self.at..].trim_end(), at: self.at };
        self.at = self.text.len();
        word
    }

    fn eat(&mut self, expected: char) -> bool {
        self.skip();
        let found = self.text[self.at..].starts_with(expected);
        self.at += if found { expected.len_utf8() } else { 0 };
        found
    }
}

fn unknown<'a>(
    word: &Word<'_>,
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> ObjectiveError {
    let all = names.clone().collect::<Vec<_>>().join(", ");
    let near = nearest(word.text, names);
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    word.problem(format!("`{}` is no {what}{hint} Expected one of: {all}", word.text))
}

const STATS: [&str; 8] = ["p50", "p95", "p99", "min", "max", "avg", "count", "share"];

fn stat(word: &Word<'_>) -> Result<Stat, ObjectiveError> {
    match word.text {
        "min" => return Ok(Stat::Min),
        "max" => return Ok(Stat::Max),
        "avg" => return Ok(Stat::Avg),
        "count" => return Ok(Stat::Count),
        "share" => return Ok(Stat::Share),
        "rate" => return Ok(Stat::Rate),
        _ => {}
    }
    let Some(digits) = word.text.strip_prefix('p') else {
        return Err(unknown(word, "statistic;", STATS.into_iter().chain(["rate"])));
    };
    match scaled(digits, 100) {
        Some(hundredths) if (1..10_000).contains(&hundredths) => {
            Ok(Stat::Percentile(u32::try_from(hundredths).unwrap_or(9_999)))
        }
        _ => Err(word.problem(format!(
            "`{}` is no percentile: expected p0.01 to p99.99, with at most two decimals",
            word.text
        ))),
    }
}

fn metric(word: &Word<'_>) -> Result<Metric, ObjectiveError> {
    Metric::ALL
        .into_iter()
        .find(|(_, name)| *name == word.text)
        .map(|(metric, _)| metric)
        .ok_or_else(|| unknown(word, "metric;", Metric::ALL.iter().map(|(_, name)| *name)))
}

fn selector(cursor: &mut Cursor<'_>, metric: Metric) -> Result<Selector, ObjectiveError> {
    let mut selector = Selector::default();
    if !cursor.eat('{') {
        return Ok(selector);
    }
    while !cursor.eat('}') {
        let label = cursor.word();
        if !cursor.eat('=') {
            return Err(label.problem(format!("expected `label=value`, found `{}`", label.text)));
        }
        let value = cursor.word();
        set_label(&mut selector, &label, &value, metric)?;
        if !cursor.eat(',') && !cursor.text[cursor.at..].trim_start().starts_with('}') {
            return Err(value.problem(format!("expected `,` or `}}` after `{}`", value.text)));
        }
    }
    Ok(selector)
}

fn set_label(
    selector: &mut Selector,
    label: &Word<'_>,
    value: &Word<'_>,
    metric: Metric,
) -> Result<(), ObjectiveError> {
    let labels = labels(metric);
    if !labels.contains(&label.text) {
        return Err(if labels.is_empty() {
            label
                .problem("this metric has no labels: it is one figure for the whole run".to_owned())
        } else {
            unknown(label, "label of this metric;", labels.iter().copied())
        });
    }
    match label.text {
        "kind" => {
            let kinds = RequestKind::ALL.iter().map(|kind| kind.name());
            selector.kind = Some(
                RequestKind::from_str(value.text)
                    .map_err(|()| unknown(value, "kind of request;", kinds))?,
            );
        }
        "class" => {
            let classes = AnswerClass::ALL.iter().map(|class| class.name());
            selector.class = Some(
                AnswerClass::from_str(value.text)
                    .map_err(|()| unknown(value, "answer class;", classes))?,
            );
        }
        "process" => {
            let names = Process::ALL.iter().map(|(_, name)| *name);
            let found = Process::ALL.into_iter().find(|(_, name)| *name == value.text);
            let Some((process, _)) = found else {
                return Err(unknown(value, "process;", names));
            };
            selector.process = Some(process);
        }
        _ => selector.phase = Some(value.text.to_owned()),
    }
    Ok(())
}

/// The labels that a metric is told apart by: one that it ignores would only seem to narrow an objective.
fn labels(metric: Metric) -> &'static [&'static str] {
    match metric {
        Metric::Latency | Metric::ServiceTime | Metric::OwnTime | Metric::Requests => {
            &["kind", "class", "phase"]
        }
        Metric::CacheHits => &["kind", "phase"],
        Metric::ScheduleLag | Metric::Dropped => &["phase"],
        Metric::OfferedError => &[],
        Metric::Rss | Metric::Cpu | Metric::Fds | Metric::Threads => &["process", "phase"],
    }
}

fn op(cursor: &mut Cursor<'_>) -> Result<Op, ObjectiveError> {
    let word = cursor.take(|c| matches!(c, '<' | '>' | '=' | '!'));
    match word.text {
        "<=" => Ok(Op::Le),
        "<" => Ok(Op::Lt),
        ">=" => Ok(Op::Ge),
        ">" => Ok(Op::Gt),
        "==" => Ok(Op::Eq),
        other => Err(word.problem(format!("expected <=, <, >=, > or ==, found `{other}`"))),
    }
}

/// `number unit` in the base unit of what is measured.
fn limit(word: &Word<'_>, stat: Stat, metric: Metric) -> Result<u64, ObjectiveError> {
    let split =
        word.text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.text.len());
    let (number, unit) = (&word.text[..split], word.text[split..].trim());
    let units = units(stat, metric);
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        let expected = units.iter().map(|(name, _)| if name.is_empty() { "no unit" } else { name });
        return Err(word.problem(format!(
            "`{unit}` is no unit of this objective: expected {}",
            expected.collect::<Vec<_>>().join(" or ")
        )));
    };
    scaled(number, *scale).ok_or_else(|| {
        word.problem(format!(
            "`{number}` is no limit: expected a number ≥ 0 that {unit:?} can express"
        ))
    })
}

/// Units and what one of them is in the base unit.
fn units(stat: Stat, metric: Metric) -> &'static [(&'static str, u64)] {
    match (stat, metric) {
        (Stat::Count, _) => &[("", 1)],
        (Stat::Share, _) | (_, Metric::OfferedError) => {
            &[("%", 10_000), ("permille", 1_000), ("ppm", 1)]
        }
        (Stat::Rate, _) => &[("/s", 1_000)],
        (_, metric) if metric.is_time() => &[("us", 1), ("ms", 1_000), ("s", 1_000_000)],
        (_, Metric::Rss) => &[("KiB", 1), ("MiB", 1_024), ("GiB", 1_048_576)],
        (_, Metric::Cpu) => &[("cpu%", 10)],
        (_, _) => &[("", 1)],
    }
}

/// A decimal times `scale`, exactly; none where it is no number or falls between two integers.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let power = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    let value = digits.checked_mul(scale)?;
    (value % power == 0).then_some(value / power)
}

/// Refuses a statistic that the metric does not have.
fn fits(
    stat: Stat,
    metric: Metric,
    selector: &Selector,
    word: &Word<'_>,
) -> Result<(), ObjectiveError> {
    let allowed = match stat {
        Stat::Percentile(_) => metric.is_time(),
        Stat::Min | Stat::Avg => metric.is_time() || metric.is_resource(),
        Stat::Max => metric.is_time() || metric.is_resource() || metric == Metric::OfferedError,
        Stat::Count => matches!(metric, Metric::Requests | Metric::Dropped | Metric::CacheHits),
        Stat::Share => {
            (metric == Metric::Requests && selector.class.is_some())
                || matches!(metric, Metric::Dropped | Metric::CacheHits)
        }
        Stat::Rate => metric == Metric::Requests,
    };
    let needs_process = metric.is_resource() && selector.process.is_none();
    if needs_process {
        let problem = "this metric needs a process: {process=backend}, stage or worker";
        return Err(word.problem(problem.to_owned()));
    }
    if allowed {
        return Ok(());
    }
    let problem = if matches!((stat, metric), (Stat::Share, Metric::Requests)) {
        "a share of requests needs a class: share requests{class=timeout}".to_owned()
    } else {
        format!("`{}` cannot be computed of this metric", word.text)
    };
    Err(word.problem(problem))
}

/// Refuses a limit that nothing can keep, or that everything keeps.
fn can_be_kept(objective: &Objective, word: &Word<'_>) -> Result<(), ObjectiveError> {
    let never = objective.op == Op::Lt && objective.limit == 0;
    let always = objective.op == Op::Ge && objective.limit == 0;
    let over = objective.stat == Stat::Share && objective.limit > 1_000_000;
    if never || over {
        return Err(word.problem("nothing can keep this limit".to_owned()));
    }
    if always {
        return Err(word.problem("everything keeps this limit: it would judge nothing".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().problem
    }

    #[test]
    fn reads_what_people_write() {
        let o = parse("p95 latency{kind=query,class=ok} <= 1500ms").unwrap();
        assert_eq!(
            (o.stat, o.metric, o.limit),
            (Stat::Percentile(9_500), Metric::Latency, 1_500_000)
        );
        assert_eq!(o.selector.kind, Some(RequestKind::Query));
        assert_eq!(parse("share requests{class=timeout} <= 0.1%").unwrap().limit, 1_000);
        assert_eq!(parse("max rss{process=backend} <= 128MiB").unwrap().limit, 131_072);
        assert_eq!(parse("rate requests{class=ok} >= 100/s").unwrap().limit, 100_000);
        assert_eq!(parse("p99.9 own_time < 50ms").unwrap().stat, Stat::Percentile(9_990));
        assert_eq!(parse("max offered_error <= 0.1%").unwrap().limit, 1_000);
        assert_eq!(parse("avg cpu{process=worker} <= 80cpu%").unwrap().limit, 800);
    }

    #[test]
    fn says_what_was_expected() {
        assert!(problem("p95 latncy <= 1s").contains("did you mean `latency`?"));
        assert!(problem("p95 latency{kind=qery} <= 1s").contains("did you mean `query`?"));
        assert!(problem("p95 latency{knd=query} <= 1s").contains("did you mean `kind`?"));
        assert!(problem("p99 schedule_lag{kind=query} <= 5ms").contains("Expected one of: phase"));
        assert!(problem("max offered_error{phase=peak} <= 1%").contains("has no labels"));
        assert!(problem("share cache_hits{class=ok} >= 1%").contains("no label of this metric"));
        assert!(problem("p95 latency <= 1sec").contains("expected us or ms or s"));
        assert!(problem("p100 latency <= 1s").contains("expected p0.01 to p99.99"));
        assert!(problem("p95 latency = 1s").contains("expected <=, <, >=, > or =="));
        assert!(problem("p95 rss{process=backend} <= 1MiB").contains("cannot be computed"));
        assert!(problem("max rss <= 1MiB").contains("needs a process"));
        assert!(problem("share requests <= 1%").contains("needs a class"));
        assert!(problem("count requests{class=ok} >= 0").contains("judge nothing"));
        assert!(problem("share dropped < 0%").contains("nothing can keep"));
        assert!(problem("p95 latency <= -3ms").contains("is no unit"));
        assert!(problem("p95 latency <= NaNms").contains("is no unit"));
        assert!(problem("").contains("is no statistic"));
        assert!(problem("p95 latency{kind=query <= 1s").contains("expected"));
    }

    #[test]
    fn the_error_points_at_the_word() {
        let error = parse("p95 latncy <= 1s").unwrap_err();
        assert_eq!((error.at, error.len), (4, 6));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let _outcome = parse(&text).map(|o| o.limit);
        }
    }
}
