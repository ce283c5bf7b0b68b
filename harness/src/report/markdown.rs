//! `summary.md`: what a person who knows nothing of the run reads first. Short: the verdict, what broke and how to see it
//! again, the figures, what ran, where to look next.

use verdict::{
    domain::{
        evidence::Evidence,
        run::RunPlan,
        verdict::{Breach, PromiseResult, VerdictFile},
    },
    judge::seen::Seen,
};

use crate::report::{
    explain::{cause_line, causes, facts, plain, short, title},
    figures,
};

/// The files of a run's folder, and what each is good for.
const FILES: [(&str, &str); 8] = [
    ("report.html", "the same with charts: open it in any browser, no network needed"),
    (
        "verdict.json",
        "the judgement for machines; `harness judge` makes the same bytes from the evidence",
    ),
    ("repro.json", "all that `harness replay` needs to run the failing part again"),
    ("plan.json", "what was going to happen: seed, profile, commits, machine"),
    (
        "evidence.jsonl",
        "everything that was seen, one fact a line; findings have `\"event\":\"finding\"`",
    ),
    ("ledger.jsonl", "every request: when, who, status, request id, trace id"),
    ("junit.xml", "the judgement for a CI"),
    ("backend.log", "the backend's own log: look for the request id"),
];

/// The summary of a run, in Markdown.
pub fn summary(plan: &RunPlan, verdict: &VerdictFile, evidence: &[Evidence]) -> String {
    let mut blocks = vec![
        format!("# {}", capitalised(verdict.judgement.word())),
        format!(
            "{}\n\nSuite `{}`, profile `{}`, run `{}`; exit code {}.",
            text(&short(&verdict.headline)),
            code(&verdict.suite),
            code(&verdict.profile),
            code(&verdict.run_id),
            verdict.exit_code
        ),
    ];
    blocks.extend(why_inconclusive(verdict));
    blocks.extend(breaches(verdict));
    blocks.push(format!("## Objectives\n\n{}", objectives(plan, verdict)));
    blocks.push(format!("## Requests\n\n{}", requests(plan, evidence)));
    blocks.push(format!("## Promises\n\n{}", promises(&verdict.promises)));
    blocks.push(format!("## What ran\n\n{}", header(plan)));
    blocks.push(format!("## Where to look next\n\n{}", files()));
    blocks.join("\n\n") + "\n"
}

fn why_inconclusive(verdict: &VerdictFile) -> Option<String> {
    let causes = causes(&verdict.judgement);
    let lines: Vec<String> =
        causes.iter().map(|cause| format!("- {}", text(&cause_line(cause)))).collect();
    (!lines.is_empty()).then(|| format!("## Why the run cannot tell\n\n{}", lines.join("\n")))
}

fn breaches(verdict: &VerdictFile) -> Option<String> {
    let heading = if causes(&verdict.judgement).is_empty() {
        "## Broken promises"
    } else {
        "## Seen, but not enough to tell"
    };
    let breaches = verdict.judgement.breaches();
    let blocks: Vec<String> =
        breaches.iter().enumerate().map(|(i, breach)| breach_section(i + 1, breach)).collect();
    (!blocks.is_empty()).then(|| format!("{heading}\n\n{}", blocks.join("\n\n")))
}

fn breach_section(number: usize, breach: &Breach) -> String {
    let mut lines = vec![format!(
        "### {number}. {}\n\n> {}\n",
        text(&title(breach)),
        text(&plain(&breach.promise))
    )];
    lines.extend(facts(breach).into_iter().map(|fact| {
        let told = if fact.is_code { format!("`{}`", code(&fact.text)) } else { text(&fact.text) };
        format!("- **{}**: {told}", fact.label)
    }));
    lines.join("\n")
}

fn objectives(plan: &RunPlan, verdict: &VerdictFile) -> String {
    let mut lines = vec![
        "| status | objective | expression | observed | 90 % interval | limit | n |".to_owned(),
        "|---|---|---|--:|--:|--:|--:|".to_owned(),
    ];
    lines.extend(figures::objectives(plan, verdict).into_iter().map(|o| {
        let status = if o.status == "broken" { "**broken**" } else { o.status };
        let (name, expression) = (text(&o.name), code(&o.expression).replace('|', "\\|"));
        let figures = [o.observed, o.interval, o.limit, o.n].join(" | ");
        format!("| {status} | {name} | `{expression}` | {figures} |")
    }));
    lines.push(
        "\nheld: kept beyond what chance explains; broken: broken beyond what chance explains; void: the samples do \
         not decide; not judged: part of a run has no timing of its own."
            .to_owned(),
    );
    lines.join("\n")
}

fn requests(plan: &RunPlan, evidence: &[Evidence]) -> String {
    let rows = match Seen::of(plan, evidence) {
        Ok(seen) => figures::request_cells(&seen),
        Err(error) => {
            return format!("The evidence cannot be added up: {}", text(&error.to_string()));
        }
    };
    if rows.is_empty() {
        return "None.".to_owned();
    }
    let mut lines = vec![
        "| kind | class | count | p50 | p95 | p99 | max |".to_owned(),
        "|---|---|--:|--:|--:|--:|--:|".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| format!("| {} |", row.join(" | "))));
    lines.push("\nLatency counts from the scheduled time to the last byte.".to_owned());
    lines.join("\n")
}

fn promises(promises: &[PromiseResult]) -> String {
    let is_tested = |promise: &&PromiseResult| promise.tested + promise.broken > 0;
    let tested = promises.iter().filter(is_tested).map(|promise| match promise.broken {
        0 => format!("`{}` ({})", code(&promise.rule), promise.tested),
        broken => format!("`{}` ({}, **broken {broken} ×**)", code(&promise.rule), promise.tested),
    });
    let untested = promises.iter().filter(|promise| !is_tested(promise));
    let untested = untested.map(|promise| format!("`{}`", code(&promise.rule)));
    format!(
        "Put to the test, with the number of observations: {}.\n\nNot put to the test: {}.",
        list(tested),
        list(untested)
    )
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() { figures::NONE.to_owned() } else { items.join(", ") }
}

fn header(plan: &RunPlan) -> String {
    let profile = plan.profile.raw();
    let machine = &plan.machine;
    let arrivals = match &plan.only {
        Some(only) => format!("{} (a replay of {} of them)", plan.arrivals, only.len()),
        None => plan.arrivals.to_string(),
    };
    let tools = plan.tools.iter().map(|(tool, version)| format!("{tool} {version}"));
    let rows = [
        ("what the profile shows", text(&profile.title)),
        ("seed", format!("`{}`", plan.seed)),
        ("backend commit", format!("`{}`", code(&plan.sut_commit))),
        ("seeded defects", text(&list(plan.sut_defects.iter().cloned()))),
        ("harness commit", format!("`{}`", code(&plan.harness_commit))),
        ("stage", text(&plan.stage)),
        (
            "machine",
            text(&format!(
                "{} cores, {} MiB, {}, {}",
                machine.cores, machine.memory_mib, machine.cpu, machine.os
            )),
        ),
        ("users", profile.users.to_string()),
        ("arrivals", arrivals),
        ("schedule", format!("`{}`", code(&plan.schedule_sha256))),
        ("tools", text(&list(tools))),
        ("started", text(&plan.started_at)),
    ];
    let rows = rows.map(|(name, value)| format!("| {name} | {value} |"));
    format!("| | |\n|---|---|\n{}", rows.join("\n"))
}

fn files() -> String {
    let lines = FILES.map(|(file, what)| format!("- `{file}`: {what}"));
    format!("In the folder of this run:\n\n{}", lines.join("\n"))
}

pub(super) fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// For the inside of a code span: a backtick would end it.
pub(super) fn code(inside: &str) -> String {
    plain(inside).replace('`', "'")
}

/// One line of text in which nothing but whole code spans is markup.
pub(super) fn text(line: &str) -> String {
    let line = plain(line);
    let parts: Vec<&str> = line.split('`').collect();
    let spans = parts.len() % 2 == 1;
    let escaped = parts.iter().enumerate().map(|(i, part)| {
        let is_code = spans && i % 2 == 1;
        if is_code { part.replace('|', "\\|") } else { escaped(part) }
    });
    escaped.collect::<Vec<_>>().join(if spans { "`" } else { "\\`" })
}

fn escaped(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for c in part.chars() {
        match c {
            // Not every renderer minds a backslash before a tag.
            '<' => out.push_str("&lt;"),
            '\\' | '*' | '[' | ']' | '>' | '|' | '#' | '&' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_code_spans_are_markup() {
        assert_eq!(text("`a <= b|c` is *late*"), "`a <= b\\|c` is \\*late\\*");
        assert_eq!(text("one ` alone <b>"), "one \\` alone &lt;b\\>");
        assert_eq!(text("a\n# b"), "a \\# b");
        assert_eq!(code("a`b"), "a'b");
    }
}
