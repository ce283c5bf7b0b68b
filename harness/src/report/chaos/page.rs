//! `report.html` of a chaos run: the verdict, what broke, and each scenario with its timeline; opens in any browser and
//! needs no network.

use verdict::domain::chaos::ChaosPlan;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::chaos::fates::of_faults;

use super::Row;
use super::line;
use super::rows;
use super::timeline::timeline;
use crate::report::add;
use crate::report::explain::breach_block;
use crate::report::explain::cause_line;
use crate::report::explain::causes;
use crate::report::explain::escaped;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{margin-bottom:.2rem}section{border:1px solid #d0d7de;border-radius:6px;margin:.8rem 0;padding:.4rem .8rem}\
code,pre{font:13px/1.4 ui-monospace,monospace}pre{overflow-x:auto;background:#f6f8fa;padding:.6rem;white-space:pre-wrap}\
svg{width:100%;height:auto;font:11px system-ui,sans-serif}svg text{fill:#57606a}.steady{fill:#f6f8fa}.fault{fill:#ffebe9}.recovery{fill:#dafbe1}\
circle{fill:#57606a}.untouched{fill:#8c959f}.absorbed{fill:#1a7f37}.surfaced{fill:#bf8700}.breaker_open{fill:#8250df}.cut{fill:#bc4c00}\
.unexplained,.leaked,.ignored{fill:#cf222e;r:4}.hit{stroke:#cf222e;stroke-width:1}.event{stroke:#0969da;stroke-width:2}.breaker{fill:#8250df}\
table{border-collapse:collapse}td,th{padding:.1rem .6rem;text-align:left}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}section{border-color:#30363d}pre{background:#161b22}.steady{fill:#161b22}.fault{fill:#3c1618}.recovery{fill:#12261e}}";

/// The page.
pub fn page(plan: &ChaosPlan, verdict: &VerdictFile, evidence: &[ChaosEvidence]) -> String {
    let word = verdict.judgement.word();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Manuel: chaos, {word}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
         <h1>{}</h1><p>{}</p>\n<p><code>{}</code>, seed {}, stage {}, backend <code>{}</code></p>\n",
        escaped(&word.to_uppercase()),
        escaped(&verdict.headline),
        escaped(&plan.run_id),
        plan.seed,
        escaped(&plan.stage),
        escaped(&plan.sut_commit)
    );
    let out = &mut page;
    let causes = causes(&verdict.judgement);
    if !causes.is_empty() {
        out.push_str("<h2>Why the run cannot tell</h2><ul>");
        for cause in causes {
            add(out, &format!("<li>{}</li>", escaped(&cause_line(cause))));
        }
        line(out, "</ul>");
    }
    for breach in verdict.judgement.breaches() {
        line(out, &format!("<pre>{}</pre>", escaped(&breach_block(breach))));
    }
    line(
        out,
        "<p><small>Each dot is a request: when it was sent, and how long it took. Grey: untouched; green: a fault was absorbed; \
         yellow: refused as it had to be; violet: refused while a breaker was open; brown: cut; red: not what it had to be. Red \
         ticks below are hits.</small></p>",
    );
    for row in rows(plan, verdict, evidence) {
        section(out, &row);
    }
    if !plan.skipped.is_empty() {
        add(out, &format!("<h2>Skipped on this stage ({})</h2><ul>", plan.skipped.len()));
        for skipped in &plan.skipped {
            let (id, why) = (escaped(&skipped.id), escaped(&skipped.why));
            add(out, &format!("<li><code>{id}</code>: {why}</li>"));
        }
        line(out, "</ul>");
    }
    line(out, "</body></html>");
    page
}

fn section(out: &mut String, row: &Row<'_>) {
    let scenario = &row.view.run.scenario;
    line(
        out,
        &format!(
            "<section><h3>{}: {}</h3><p>{} <small>back after {}</small></p>{}",
            escaped(&row.view.run.name),
            row.word,
            escaped(&scenario.title),
            escaped(&row.recovery),
            timeline(&row.view)
        ),
    );
    out.push_str("<table><tr><th>fault</th><th>hits</th><th>calls</th><th>clean later</th><th>failed</th><th>requests</th></tr>");
    for (name, of) in of_faults(&row.view) {
        let requests: Vec<String> =
            of.requests.iter().map(|(word, many)| format!("{many} {word}")).collect();
        add(
            out,
            &format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(name),
                of.hits,
                of.calls,
                of.clean,
                of.failed,
                escaped(&requests.join(", "))
            ),
        );
    }
    line(out, "</table></section>");
}
