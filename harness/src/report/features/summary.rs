//! `summary.md` of a features run: what a person who knows nothing of the run reads first.

use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::features::told;

use super::line;
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
    let mut summary =
        format!("# {}\n\n{}\n", capitalised(verdict.judgement.word()), text(&verdict.headline));
    let out = &mut summary;
    if !plan.skipped.is_empty() {
        line(out, &format!("\n## Skipped on this stage ({})\n", plan.skipped.len()));
        for skipped in &plan.skipped {
            line(
                out,
                &format!(
                    "- `{}` {}: {}",
                    code(&skipped.id),
                    text(&skipped.name),
                    text(&skipped.why)
                ),
            );
        }
    }
    let causes = causes(&verdict.judgement);
    if !causes.is_empty() {
        out.push_str("\n## Why the run cannot tell\n\n");
        for cause in causes {
            line(out, &format!("- {}", text(&cause_line(cause))));
        }
    }
    broken(out, plan, verdict, evidence);
    if !verdict.notes.is_empty() {
        out.push_str("\n## Worth knowing\n\n");
        for note in &verdict.notes {
            line(out, &format!("- {}", text(note)));
        }
    }
    out.push_str("\n## Capabilities\n\n| capability | scenarios | broken |\n|---|--:|--:|\n");
    for promise in &verdict.promises {
        line(
            out,
            &format!("| {} | {} | {} |", text(&promise.rule), promise.tested, promise.broken),
        );
    }
    line(
        out,
        &format!(
            "\n## What ran\n\n| | |\n|---|---|\n| run | `{}` |\n| seed | {} |\n| stage | {} |\n| backend | `{}` |\n| seeded defects | {} |\n| harness | `{}` |\n| started | {} |",
            code(&plan.run_id),
            plan.seed,
            text(&plan.stage),
            code(&plan.sut_commit),
            text(&plan.sut_defects.join(", ")),
            code(&plan.harness_commit),
            text(&plan.started_at)
        ),
    );
    out.push_str("\n`report.html` is the living documentation, `cucumber.json` the run for Cucumber's tools, `junit.xml` for a CI, `evidence.jsonl` everything that was seen.\n");
    summary
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
    line(out, &format!("\n## Broken promises ({})", breaches.len()));
    for breach in breaches {
        line(out, &format!("\n### {}\n", text(&breach.promise)));
        let Some(told) = told.iter().find(|told| told.plan.id == breach.objective) else {
            line(
                out,
                &format!(
                    "{}\n\nSee it again: `{}`",
                    text(&breach.message),
                    code(&breach.reproduce)
                ),
            );
            continue;
        };
        if let Some(step) = told.broken() {
            line(out, &format!("- place: `{}`", code(&step.place)));
            line(out, &format!("- step: {}", text(&step.step)));
            line(out, &format!("- expected: {}", text(&step.expected)));
            line(out, &format!("- saw: {}", text(&step.seen)));
        }
        let fate = told.fate.word();
        line(out, &format!("- outcome: {fate}, after {} attempts", told.attempts.len()));
        line(out, &format!("- see it again: `{}`", code(&breach.reproduce)));
        out.push_str("\nThe scenario:\n\n```gherkin\n");
        for step in &told.plan.steps {
            let here = told.broken().is_some_and(|broken| broken.step == *step);
            line(out, &format!("{step}{}", if here { "   # <- here" } else { "" }));
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
        line(
            out,
            &format!(
                "| {} | {status} | `{}` | `{}` |",
                text(&request.request),
                id(&request.request_id),
                id(&request.trace_id)
            ),
        );
    }
}

fn logged(out: &mut String, evidence: &[FeaturesEvidence], id: &str) {
    let mut logs = evidence
        .iter()
        .rev()
        .filter_map(|line| if let FeaturesEvidence::Log(log) = line { Some(log) } else { None });
    let log = logs.find(|log| log.id == id);
    let Some(log) = log else { return };
    out.push_str("\nWhat the backend logged for them:\n\n```json\n");
    for logged in &log.lines {
        line(out, &logged.replace("```", "'''"));
    }
    out.push_str("```\n");
}
