//! `report.html` of a features run: living documentation. Every capability with its scenarios and their steps, and what
//! became of each; opens in any browser, needs no network.

use std::collections::BTreeMap;
use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::features::Fate;
use verdict::judge::features::Told;
use verdict::judge::features::told;

use super::line;
use crate::report::add;
use crate::report::explain::escaped;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{margin-bottom:.2rem}details{border:1px solid #d0d7de;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}\
summary{cursor:pointer}.passed>summary::before{content:'\\2713  ';color:#1a7f37}.failed>summary::before,.flaky>summary::before{content:'\\2717  ';color:#cf222e}\
.lost>summary::before,.not_run>summary::before{content:'?  ';color:#9a6700}.pending>summary::before,.passed_though_wip>summary::before{content:'\\2026  ';color:#57606a}\
ol{margin:.4rem 0}.broken{color:#cf222e}code,pre{font:13px/1.4 ui-monospace,monospace}pre{overflow-x:auto;background:#f6f8fa;padding:.6rem}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}details{border-color:#30363d}pre{background:#161b22}}";

/// The page.
pub fn page(plan: &FeaturesPlan, verdict: &VerdictFile, evidence: &[FeaturesEvidence]) -> String {
    let word = verdict.judgement.word();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Manuel: features, {word}</title>\
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
    if !plan.skipped.is_empty() {
        add(out, &format!("<h2>Skipped on this stage ({})</h2><ul>", plan.skipped.len()));
        for skipped in &plan.skipped {
            add(
                out,
                &format!(
                    "<li>{}: {} <code>{}</code></li>",
                    escaped(&skipped.name),
                    escaped(&skipped.why),
                    escaped(&skipped.id)
                ),
            );
        }
        out.push_str("</ul>\n");
    }
    let told = told(plan, evidence);
    let mut features: BTreeMap<&str, Vec<&Told<'_>>> = BTreeMap::new();
    for told in &told {
        features.entry(&told.plan.feature).or_default().push(told);
    }
    for (feature, mut scenarios) in features {
        scenarios.sort_by_key(|told| (place(&told.plan.id), told.plan.id.clone()));
        let held = scenarios.iter().filter(|told| told.fate == Fate::Passed).count();
        line(
            out,
            &format!("<h2>{} <small>{held}/{}</small></h2>", escaped(feature), scenarios.len()),
        );
        for told in scenarios {
            scenario(out, verdict, told);
        }
    }
    out.push_str("</body></html>\n");
    page
}

/// File, then line as a number.
fn place(id: &str) -> (String, u64) {
    let (file, line) = id.rsplit_once(':').unwrap_or((id, "0"));
    (file.to_owned(), line.parse().unwrap_or(0))
}

fn scenario(out: &mut String, verdict: &VerdictFile, told: &Told<'_>) {
    let open = if matches!(told.fate, Fate::Passed) { "" } else { " open" };
    let took: u64 = told.attempts.iter().map(|seen| seen.took_ms).sum();
    add(
        out,
        &format!(
            "<details class=\"{}\"{open}><summary>{} <small>{took} ms</small></summary><ol>",
            told.fate.word(),
            escaped(&told.plan.name)
        ),
    );
    for step in &told.plan.steps {
        let here = told.broken().filter(|broken| broken.step == *step);
        match here {
            Some(broken) => {
                add(
                    out,
                    &format!(
                        "<li class=\"broken\">{}<br>expected {}<br>saw {}</li>",
                        escaped(step),
                        escaped(&broken.expected),
                        escaped(&broken.seen)
                    ),
                );
            }
            None => {
                add(out, &format!("<li>{}</li>", escaped(step)));
            }
        }
    }
    out.push_str("</ol>");
    let breach = verdict.judgement.breaches().iter().find(|b| b.objective == told.plan.id);
    if let Some(breach) = breach {
        add(out, &format!("<pre>{}</pre>", escaped(&breach.reproduce)));
    }
    line(out, &format!("<small><code>{}</code></small></details>", escaped(&told.plan.id)));
}
