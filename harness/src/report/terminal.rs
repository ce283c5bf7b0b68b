//! What stands on the terminal when a run is over: objectives, requests, the verdict and the way back to what broke.
//! Plain text of at most 100 columns; colour is the CLI's.

use verdict::{
    domain::{
        evidence::Evidence,
        run::RunPlan,
        verdict::{Verdict, VerdictFile},
    },
    judge::seen::Seen,
};

use crate::report::{
    columns::{self, Column},
    explain::{breach_block, cause_line, causes, plain, wrap},
    figures,
};

/// Most breaches that are told in full.
const BREACHES: usize = 8;
/// Most causes that are told.
const CAUSES: usize = 12;

/// The end of a run, for a terminal; lines end with `\n`.
pub fn table(plan: &RunPlan, verdict: &VerdictFile, evidence: &[Evidence]) -> String {
    let mut lines = vec!["Objectives".to_owned()];
    lines.extend(objectives(plan, verdict));
    lines.extend([String::new(), "Requests (latency from the scheduled time)".to_owned()]);
    lines.extend(requests(plan, evidence));
    lines.push(String::new());
    lines.extend(judgement(verdict));
    lines.join("\n") + "\n"
}

fn objectives(plan: &RunPlan, verdict: &VerdictFile) -> Vec<String> {
    let columns = [
        Column::Words("status"),
        Column::Elastic("objective"),
        Column::Figures("observed"),
        Column::Figures("90 % interval"),
        Column::Figures("limit"),
        Column::Figures("n"),
    ];
    let rows: Vec<_> = figures::objectives(plan, verdict)
        .into_iter()
        .map(|o| [o.status.to_owned(), o.name, o.observed, o.interval, o.limit, o.n])
        .collect();
    columns::lines(columns, &rows)
}

fn requests(plan: &RunPlan, evidence: &[Evidence]) -> Vec<String> {
    let columns = [
        Column::Words("kind"),
        Column::Words("class"),
        Column::Figures("count"),
        Column::Figures("p50"),
        Column::Figures("p95"),
        Column::Figures("p99"),
        Column::Figures("max"),
    ];
    match Seen::of(plan, evidence) {
        Ok(seen) => {
            let rows = figures::request_cells(&seen);
            if rows.is_empty() { vec!["  none".to_owned()] } else { columns::lines(columns, &rows) }
        }
        Err(error) => wrap(&format!("The evidence cannot be added up: {error}"), "  ", "  "),
    }
}

pub(super) fn judgement(verdict: &VerdictFile) -> Vec<String> {
    let word = verdict.judgement.word().to_uppercase();
    let breaches = verdict.judgement.breaches();
    let mut lines = match &verdict.judgement {
        Verdict::Pass => wrap(&plain(&verdict.headline), "PASS  ", "      "),
        Verdict::Fail { .. } => {
            vec![format!("{word}  The backend broke {}.", count(breaches.len(), "promise"))]
        }
        Verdict::Inconclusive { causes, .. } => {
            let reasons = count(causes.as_slice().len(), "reason");
            vec![format!("{word}  The run cannot tell, for {reasons}:")]
        }
    };
    let causes = causes(&verdict.judgement);
    for cause in causes.iter().take(CAUSES) {
        lines.extend(wrap(&cause_line(cause), "  ? ", "    "));
    }
    lines.extend(and_more(causes.len(), CAUSES));
    if !causes.is_empty() && !breaches.is_empty() {
        lines.push("Seen, but not enough to tell:".to_owned());
    }
    for breach in breaches.iter().take(BREACHES) {
        lines.push(breach_block(breach));
    }
    lines.extend(and_more(breaches.len(), BREACHES));
    lines
}

fn and_more(all: usize, shown: usize) -> Option<String> {
    (all > shown).then(|| format!("  and {} more: see summary.md", all - shown))
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
