//! `summary.md`: the decision for a pull request or a step summary.

use verdict::domain::decision::DecisionFile;

use super::met;
use super::title;
use crate::report::explain::plain;
use crate::report::explain::short;

/// Most breaches with their commands.
const BREACHES: usize = 20;

/// The decision as Markdown.
pub fn summary(decision: &DecisionFile) -> String {
    let mut lines = vec![
        format!("## {}: {}", title(decision), cell(&decision.policy)),
        String::new(),
        decision.because.iter().map(|s| cell(s)).collect::<Vec<_>>().join(" "),
        String::new(),
        "| suite | says | carried out | why |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    for suite in &decision.suites {
        let (executed, required) = met(suite);
        let why = match suite.reasons.first() {
            Some(reason) => format!("`{}`: {}", cell(&reason.code), cell(&reason.detail)),
            None => suite.runs.last().map(|run| cell(&run.headline)).unwrap_or_default(),
        };
        lines.push(format!(
            "| {} | {} | {executed} of {required} | {why} |",
            cell(&suite.name),
            suite.outcome.word()
        ));
    }
    lines.push(String::new());
    let breaches = decision.suites.iter().flat_map(|suite| &suite.breaches);
    for breach in breaches.take(BREACHES) {
        lines.push(format!("- **{}** {}", cell(&breach.objective), cell(&breach.message)));
        lines.push(format!("  `{}`", plain(&breach.reproduce).replace('`', "'")));
    }
    for suite in &decision.suites {
        for waived in &suite.waived {
            lines.push(format!(
                "- waived until {}: {} ({}: {})",
                cell(&waived.expires),
                cell(&waived.breach),
                cell(&waived.owner),
                cell(&waived.reason)
            ));
        }
        lines.extend(suite.advisory.iter().map(|told| format!("- advisory: {}", cell(told))));
    }
    lines.extend(decision.findings.iter().map(|told| format!("- policy: {}", cell(told))));
    let stage = cell(&decision.stage);
    lines.push(format!("\nBuild `{}` on `{stage}`.", cell(&decision.commit)));
    lines.join("\n") + "\n"
}

/// One line that breaks no table and is no markup.
fn cell(text: &str) -> String {
    short(text).replace('|', "\\|").replace('<', "&lt;")
}
