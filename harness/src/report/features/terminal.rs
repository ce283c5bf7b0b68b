//! The end of a run on the terminal.

use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::verdict::Verdict;
use verdict::domain::verdict::VerdictFile;

use crate::report::columns;
use crate::report::columns::Column;
use crate::report::explain::breach_block;
use crate::report::explain::cause_line;
use crate::report::explain::causes;
use crate::report::explain::plain;
use crate::report::explain::wrap;

/// Most breaches that are told in full.
const BREACHES: usize = 12;
/// Most notes.
const NOTES: usize = 12;

/// What is skipped first, then the capabilities, then the verdict.
pub fn terminal(
    plan: &FeaturesPlan,
    verdict: &VerdictFile,
    _evidence: &[FeaturesEvidence],
) -> String {
    let mut lines = Vec::new();
    if !plan.skipped.is_empty() {
        lines.push(format!("Skipped on this stage: {}", plan.skipped.len()));
        for skipped in &plan.skipped {
            let told = format!("{} {}: {}", skipped.id, skipped.name, skipped.why);
            lines.extend(wrap(&plain(&told), "  - ", "    "));
        }
        lines.push(String::new());
    }
    let columns =
        [Column::Elastic("capability"), Column::Figures("scenarios"), Column::Figures("broken")];
    let rows: Vec<[String; 3]> = verdict
        .promises
        .iter()
        .map(|promise| {
            [promise.rule.clone(), promise.tested.to_string(), promise.broken.to_string()]
        })
        .collect();
    lines.extend(columns::lines(columns, &rows));
    lines.push(String::new());
    for note in verdict.notes.iter().take(NOTES) {
        lines.extend(wrap(&plain(note), "  ! ", "    "));
    }
    if verdict.notes.len() > NOTES {
        lines.push(format!("  ! and {} more: see summary.md", verdict.notes.len() - NOTES));
    }
    lines.extend(match &verdict.judgement {
        Verdict::Pass => wrap(&plain(&verdict.headline), "PASS  ", "      "),
        Verdict::Fail { breaches } => {
            vec![format!("FAIL  The backend broke {} promises.", breaches.as_slice().len())]
        }
        Verdict::Inconclusive { .. } => vec!["INCONCLUSIVE  The run cannot tell:".to_owned()],
    });
    for cause in causes(&verdict.judgement) {
        lines.extend(wrap(&cause_line(cause), "  ? ", "    "));
    }
    let breaches = verdict.judgement.breaches();
    lines.extend(breaches.iter().take(BREACHES).map(breach_block));
    if breaches.len() > BREACHES {
        lines.push(format!("  and {} more: see summary.md", breaches.len() - BREACHES));
    }
    lines.join("\n") + "\n"
}
