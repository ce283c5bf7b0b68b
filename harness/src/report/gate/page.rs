//! `report.html` of a decision: one page that opens with the decision, how much of what is required was carried out, and
//! the three sentences that justify it.

use verdict::domain::decision::DecisionFile;
use verdict::domain::decision::Outcome;
use verdict::domain::decision::SuiteDecision;

use super::met;
use super::title;
use crate::report::add;
use crate::report::explain::breach_block;
use crate::report::explain::escaped;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{font-size:2.6rem;margin:0}.promote h1{color:#1a7f37}.hold h1{color:#cf222e}.cannot_tell h1{color:#9a6700}\
.share{font-size:1.3rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d0d7de;vertical-align:top}\
code,pre{font:13px/1.4 ui-monospace,monospace}pre{overflow-x:auto;background:#f6f8fa;padding:.6rem;white-space:pre-wrap}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre{background:#161b22}th,td{border-color:#30363d}}";

/// The page; `promise` is what a promotion by the policy means.
pub fn page(decision: &DecisionFile, promise: &str) -> String {
    let class = match decision.decision {
        Outcome::Promote => "promote",
        Outcome::Hold => "hold",
        Outcome::CannotTell => "cannot_tell",
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: {commit}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body class=\"{class}\">\n\
         <h1>{title}</h1><p class=\"share\">{executed} of {required} required tests carried out</p>\n",
        title = escaped(&title(decision)),
        commit = escaped(&decision.commit),
        executed = decision.executed,
        required = decision.required
    );
    let out = &mut page;
    for sentence in &decision.because {
        add(out, &format!("<p>{}</p>\n", escaped(sentence)));
    }
    add(out, &format!("<p><small>What this policy promises: {}</small></p>\n", escaped(promise)));
    add(out, "<table><tr><th>suite</th><th>says</th><th>carried out</th><th>runs</th></tr>\n");
    for suite in &decision.suites {
        row(out, suite);
    }
    add(out, "</table>\n");
    for suite in &decision.suites {
        details(out, suite);
    }
    if !decision.findings.is_empty() {
        add(out, "<h2>The policy itself</h2><ul>");
        for finding in &decision.findings {
            add(out, &format!("<li>{}</li>", escaped(finding)));
        }
        add(out, "</ul>\n");
    }
    add(
        out,
        &format!(
            "<p><small>stage <code>{}</code>, policy <code>{}</code> (<code>{}</code>), harness <code>{}</code>, evidence from {}</small></p></body></html>\n",
            escaped(&decision.stage),
            escaped(&decision.policy),
            escaped(decision.policy_sha256.get(..12).unwrap_or_default()),
            escaped(&decision.harness_commit),
            escaped(decision.evidence_from.as_deref().unwrap_or("never"))
        ),
    );
    page
}

fn row(out: &mut String, suite: &SuiteDecision) {
    let (executed, required) = met(suite);
    let runs: Vec<String> = suite
        .runs
        .iter()
        .map(|run| {
            format!(
                "<a href=\"{folder}/report.html\">{folder}</a> {}: {}",
                escaped(&run.verdict),
                escaped(&run.headline),
                folder = escaped(&run.folder)
            )
        })
        .collect();
    add(
        out,
        &format!(
            "<tr><td>{}</td><td>{}</td><td>{executed} of {required}</td><td>{}</td></tr>\n",
            escaped(&suite.name),
            escaped(suite.outcome.word()),
            runs.join("<br>")
        ),
    );
}

fn details(out: &mut String, suite: &SuiteDecision) {
    add(out, &format!("<h2>{}</h2>\n", escaped(&suite.name)));
    for reason in &suite.reasons {
        let (code, detail) = (escaped(&reason.code), escaped(&reason.detail));
        add(out, &format!("<p><code>{code}</code> {detail}</p>\n"));
    }
    for breach in &suite.breaches {
        add(out, &format!("<pre>{}</pre>\n", escaped(&breach_block(breach))));
    }
    for waived in &suite.waived {
        add(
            out,
            &format!(
                "<p>Waived until {}: <code>{}</code> ({}: {})</p>\n",
                escaped(&waived.expires),
                escaped(&waived.breach),
                escaped(&waived.owner),
                escaped(&waived.reason)
            ),
        );
    }
    for told in &suite.advisory {
        add(out, &format!("<p>Advisory: {}</p>\n", escaped(told)));
    }
    add(out, "<table><tr><th>required</th><th>at least</th><th>seen</th><th></th></tr>\n");
    for requirement in &suite.requirements {
        let mark = if requirement.met { "✓" } else { "✗" };
        let name = escaped(&requirement.name);
        let (at_least, seen) = (requirement.at_least, requirement.seen);
        add(
            out,
            &format!("<tr><td>{name}</td><td>{at_least}</td><td>{seen}</td><td>{mark}</td></tr>\n"),
        );
    }
    add(out, "</table>\n");
}
