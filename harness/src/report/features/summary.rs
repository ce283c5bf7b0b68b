//! `summary.md` of a features run: what a person who knows nothing of the run reads first.

use std::fmt::Write as _;

use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::features::told;

use crate::report::explain::cause_line;
use crate::report::explain::causes;
use crate::report::markdown::capitalised;
use crate::report::markdown::code;
use crate::report::markdown::text;

/// The summary, in Markdown: what was skipped first, then what broke, each with promise, place and the way to see it again.
pub fn summary(
    plan: &FeaturesPlan,
    verdict: &VerdictFile,
    evidence: &[FeaturesEvidence],
) -> String {
    let mut out =
        format!("# {}\n\n{}\n", capitalised(verdict.judgement.word()), text(&verdict.headline));
    if !plan.skipped.is_empty() {
        let _ = writeln!(out, "\n## Skipped on this stage ({})\n", plan.skipped.len());
        for skipped in &plan.skipped {
            let _ = writeln!(
                out,
                "- `{}` {}: {}",
                code(&skipped.id),
                text(&skipped.name),
                text(&skipped.why)
            );
        }
    }
    let causes = causes(&verdict.judgement);
    if !causes.is_empty() {
        out.push_str("\n## Why the run cannot tell\n\n");
        for cause in causes {
            let _ = writeln!(out, "- {}", text(&cause_line(cause)));
        }
    }
    broken(&mut out, plan, verdict, evidence);
    if !verdict.notes.is_empty() {
        out.push_str("\n## Worth knowing\n\n");
        for note in &verdict.notes {
            let _ = writeln!(out, "- {}", text(note));
        }
    }
    out.push_str("\n## Capabilities\n\n| capability | scenarios | broken |\n|---|--:|--:|\n");
    for promise in &verdict.promises {
        let _ =
            writeln!(out, "| {} | {} | {} |", text(&promise.rule), promise.tested, promise.broken);
    }
    let _ = writeln!(
        out,
        "\n## What ran\n\n| | |\n|---|---|\n| run | `{}` |\n| seed | {} |\n| stage | {} |\n| backend | `{}` |\n| seeded defects | {} |\n| harness | `{}` |\n| started | {} |",
        code(&plan.run_id),
        plan.seed,
        text(&plan.stage),
        code(&plan.sut_commit),
        text(&plan.sut_defects.join(", ")),
        code(&plan.harness_commit),
        text(&plan.started_at),
    );
    out.push_str("\n`report.html` is the living documentation, `cucumber.json` the run for Cucumber's tools, `junit.xml` for a CI, `evidence.jsonl` everything that was seen.\n");
    out
}

fn broken(
    out: &mut String,
    plan: &FeaturesPlan,
    verdict: &VerdictFile,
    evidence: &[FeaturesEvidence],
) {
    let breaches = verdict.judgement.breaches();
    if breaches.is_empty() {
        return;
    }
    let told = told(plan, evidence);
    let _ = writeln!(out, "\n## Broken promises ({})", breaches.len());
    for breach in breaches {
        let _ = writeln!(out, "\n### {}\n", text(&breach.promise));
        let Some(told) = told.iter().find(|told| told.plan.id == breach.objective) else {
            let _ = writeln!(
                out,
                "{}\n\nSee it again: `{}`",
                text(&breach.message),
                code(&breach.reproduce)
            );
            continue;
        };
        if let Some(step) = told.broken() {
            let _ = writeln!(out, "- place: `{}`", code(&step.place));
            let _ = writeln!(out, "- step: {}", text(&step.step));
            let _ = writeln!(out, "- expected: {}", text(&step.expected));
            let _ = writeln!(out, "- saw: {}", text(&step.seen));
        }
        let fate = told.fate.word();
        let _ = writeln!(out, "- outcome: {fate}, after {} attempts", told.attempts.len());
        let _ = writeln!(out, "- see it again: `{}`", code(&breach.reproduce));
        out.push_str("\nThe scenario:\n\n```gherkin\n");
        for step in &told.plan.steps {
            let here = told.broken().is_some_and(|broken| broken.step == *step);
            let _ = writeln!(out, "{step}{}", if here { "   # <- here" } else { "" });
        }
        out.push_str("```\n");
        requests(out, told.attempts.last().copied());
        logged(out, evidence, &told.plan.id);
    }
}

fn requests(out: &mut String, seen: Option<&verdict::domain::features::ScenarioSeen>) {
    let Some(seen) = seen.filter(|seen| !seen.requests.is_empty()) else { return };
    out.push_str("\n| request | status | request id | trace id |\n|---|--:|---|---|\n");
    for request in seen.requests.iter().rev().take(8).rev() {
        let status = request.status.map_or("none".to_owned(), |status| status.to_string());
        let id = |id: &Option<String>| code(id.as_deref().unwrap_or("-"));
        let _ = writeln!(
            out,
            "| {} | {status} | `{}` | `{}` |",
            text(&request.request),
            id(&request.request_id),
            id(&request.trace_id)
        );
    }
}

fn logged(out: &mut String, evidence: &[FeaturesEvidence], id: &str) {
    let log = evidence.iter().rev().find_map(|line| match line {
        FeaturesEvidence::Log(log) if log.id == id => Some(log),
        _ => None,
    });
    let Some(log) = log else { return };
    out.push_str("\nWhat the backend logged for them:\n\n```json\n");
    for line in &log.lines {
        let _ = writeln!(out, "{}", line.replace("```", "'''"));
    }
    out.push_str("```\n");
}
