//! `summary.md` of a chaos run: what a person who knows nothing of the run reads first.

use verdict::domain::chaos::ChaosPlan;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::chaos::fates::of_faults;
use verdict::judge::chaos::promise_of;

use super::line;
use super::rows;
use crate::report::explain::cause_line;
use crate::report::explain::causes;
use crate::report::markdown::capitalised;
use crate::report::markdown::code;
use crate::report::markdown::text;

/// The summary, in Markdown.
pub fn summary(plan: &ChaosPlan, verdict: &VerdictFile, evidence: &[ChaosEvidence]) -> String {
    let mut summary =
        format!("# {}\n\n{}\n", capitalised(verdict.judgement.word()), text(&verdict.headline));
    let out = &mut summary;
    let causes = causes(&verdict.judgement);
    if !causes.is_empty() {
        out.push_str("\n## Why the run cannot tell\n\n");
        for cause in causes {
            line(out, &format!("- {}", text(&cause_line(cause))));
        }
    }
    let breaches = verdict.judgement.breaches();
    if !breaches.is_empty() {
        line(out, &format!("\n## Broken promises ({})", breaches.len()));
    }
    for breach in breaches {
        line(out, &format!("\n### {}\n", text(&breach.promise)));
        line(out, &format!("- code: `{}`", code(&breach.objective)));
        line(out, &format!("- what happened: {}", text(&breach.message)));
        line(out, &format!("- how often: {}", breach.times));
        if let Some(ms) = breach.first_at_ms {
            line(out, &format!("- first: {}.{:03} s into the load", ms / 1_000, ms % 1_000));
        }
        if let Some(id) = &breach.request_id {
            line(out, &format!("- request id: `{}`", code(id)));
        }
        if let Some(id) = &breach.trace_id {
            line(out, &format!("- trace id: `{}`", code(id)));
        }
        line(out, &format!("- see it again: `{}`", code(&breach.reproduce)));
    }
    scenarios(out, plan, verdict, evidence);
    out.push_str("\n## Promises\n\n| promise | looked at | broken |\n|---|--:|--:|\n");
    for promise in &verdict.promises {
        let sentence = promise_of(&promise.rule).unwrap_or_default();
        line(
            out,
            &format!(
                "| `{}` {} | {} | {} |",
                code(&promise.rule),
                text(sentence),
                promise.tested,
                promise.broken
            ),
        );
    }
    line(
        out,
        &format!(
            "\n## What ran\n\n| | |\n|---|---|\n| run | `{}` |\n| seed | {} |\n| stage | {} |\n| backend | `{}` |\n| seeded defects | {} |\n| faults | {} |\n| harness | `{}` |\n| started | {} |",
            code(&plan.run_id),
            plan.seed,
            text(&plan.stage),
            code(&plan.sut_commit),
            text(&plan.sut_defects.join(", ")),
            if plan.faults_off { "off" } else { "on" },
            code(&plan.harness_commit),
            text(&plan.started_at)
        ),
    );
    out.push_str("\n`report.html` has a timeline of each scenario, `evidence.jsonl` is everything that was seen.\n");
    summary
}

fn scenarios(
    out: &mut String,
    plan: &ChaosPlan,
    verdict: &VerdictFile,
    evidence: &[ChaosEvidence],
) {
    line(out, &format!("\n## Scenarios ({})\n", plan.scenarios.len()));
    out.push_str("| scenario | result | requests | hits | back after |\n|---|---|--:|--:|--:|\n");
    let rows = rows(plan, verdict, evidence);
    for row in &rows {
        line(
            out,
            &format!(
                "| `{}` {} | {} | {} | {} | {} |",
                code(&row.view.run.name),
                text(&row.view.run.scenario.title),
                row.word,
                row.requests,
                row.hits,
                row.recovery
            ),
        );
    }
    out.push_str("\n## What became of the faults\n\n| scenario | fault | hits | calls | ended well by a later attempt | failed | given up early | requests |\n|---|---|--:|--:|--:|--:|--:|---|\n");
    for row in &rows {
        for (name, of) in of_faults(&row.view) {
            let requests: Vec<String> =
                of.requests.iter().map(|(word, many)| format!("{many} {word}")).collect();
            line(
                out,
                &format!(
                    "| `{}` | `{}` | {} | {} | {} | {} | {} | {} |",
                    code(&row.view.run.name),
                    code(name),
                    of.hits,
                    of.calls,
                    of.clean,
                    of.failed,
                    of.spared,
                    text(&requests.join(", "))
                ),
            );
        }
    }
    if !plan.skipped.is_empty() {
        line(out, &format!("\n## Skipped on this stage ({})\n", plan.skipped.len()));
        for skipped in &plan.skipped {
            line(out, &format!("- `{}`: {}", code(&skipped.id), text(&skipped.why)));
        }
    }
}
