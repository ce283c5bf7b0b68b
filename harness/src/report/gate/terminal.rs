//! The decision at the end of a gate.

use verdict::domain::decision::DecisionFile;

use super::met;
use super::title;
use crate::report::columns;
use crate::report::columns::Column;
use crate::report::explain::breach_block;
use crate::report::explain::plain;
use crate::report::explain::wrap;

/// Most breaches that are told in full.
const BREACHES: usize = 12;

/// The suites, then what is wrong, then the decision and its three sentences.
pub fn terminal(decision: &DecisionFile) -> String {
    let columns = [
        Column::Words("suite"),
        Column::Words("says"),
        Column::Figures("required"),
        Column::Figures("carried out"),
        Column::Elastic("last run"),
    ];
    let rows: Vec<[String; 5]> = decision
        .suites
        .iter()
        .map(|suite| {
            let (executed, required) = met(suite);
            let last = suite.runs.last().map(|run| plain(&run.headline)).unwrap_or_default();
            let word = suite.outcome.word().to_owned();
            [suite.name.clone(), word, required.to_string(), executed.to_string(), last]
        })
        .collect();
    let mut lines = columns::lines(columns, &rows);
    lines.push(String::new());
    for suite in &decision.suites {
        for reason in &suite.reasons {
            let told = format!("{} ({}): {}", suite.name, reason.code, reason.detail);
            lines.extend(wrap(&plain(&told), "  ✗ ", "    "));
        }
        for waived in &suite.waived {
            let told = format!(
                "{}: `{}` is waived until {} by {}: {}",
                suite.name, waived.breach, waived.expires, waived.owner, waived.reason
            );
            lines.extend(wrap(&plain(&told), "  ~ ", "    "));
        }
        for told in &suite.advisory {
            lines.extend(wrap(&plain(&format!("{}: {told}", suite.name)), "  · ", "    "));
        }
    }
    for finding in &decision.findings {
        lines.extend(wrap(&plain(finding), "  ! ", "    "));
    }
    let breaches = decision.suites.iter().flat_map(|suite| &suite.breaches);
    lines.extend(breaches.take(BREACHES).map(breach_block));
    lines.push(format!(
        "{}  {}/{} required",
        title(decision),
        decision.executed,
        decision.required
    ));
    for sentence in &decision.because {
        lines.extend(wrap(&plain(sentence), "  ", "  "));
    }
    lines.join("\n") + "\n"
}
