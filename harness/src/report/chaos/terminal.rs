//! What stands on the terminal when a chaos run is over: scenarios, what became of their requests, and the verdict.

use verdict::domain::chaos::ChaosPlan;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::verdict::VerdictFile;

use super::rows;
use crate::report::columns;
use crate::report::columns::Column;
use crate::report::explain::wrap;
use crate::report::terminal::judgement;

/// The end of a run, for a terminal; lines end with `\n`.
pub fn terminal(plan: &ChaosPlan, verdict: &VerdictFile, evidence: &[ChaosEvidence]) -> String {
    let columns = [
        Column::Words("result"),
        Column::Elastic("scenario"),
        Column::Figures("requests"),
        Column::Figures("hits"),
        Column::Figures("absorbed"),
        Column::Figures("surfaced"),
        Column::Figures("breaker"),
        Column::Figures("cut"),
        Column::Figures("wrong"),
        Column::Figures("back after"),
    ];
    let table: Vec<[String; 10]> = rows(plan, verdict, evidence)
        .into_iter()
        .map(|row| {
            let of = |name: &str| row.fates.get(name).copied().unwrap_or(0);
            let wrong = of("unexplained") + of("leaked") + of("ignored");
            [
                row.word.to_owned(),
                row.view.run.name.clone(),
                row.requests.to_string(),
                row.hits.to_string(),
                of("absorbed").to_string(),
                of("surfaced").to_string(),
                of("breaker_open").to_string(),
                of("cut").to_string(),
                wrong.to_string(),
                row.recovery.clone(),
            ]
        })
        .collect();
    let mut lines = columns::lines(columns, &table);
    if !plan.skipped.is_empty() {
        lines.push(format!("Skipped on this stage: {}", plan.skipped.len()));
        for skipped in &plan.skipped {
            lines.extend(wrap(&format!("{}: {}", skipped.id, skipped.why), "  - ", "    "));
        }
    }
    lines.push(String::new());
    lines.extend(judgement(verdict));
    lines.join("\n") + "\n"
}
