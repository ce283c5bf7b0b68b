//! A chaos run as text: for a terminal, for a CI, for a reader, and as a page with a timeline of each scenario.

mod junit;
mod page;
mod repro;
mod summary;
mod terminal;
mod timeline;

use std::collections::BTreeMap;

use verdict::domain::chaos::ChaosPlan;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::chaos::fates;
use verdict::judge::chaos::phases::Recovery;
use verdict::judge::chaos::phases::recovery;
use verdict::judge::chaos::phases::seconds;
use verdict::judge::chaos::view::View;

pub use junit::junit;
pub use page::page;
pub use repro::CHAOS_REPRO_SCHEMA;
pub use repro::ChaosRepro;
pub use summary::summary;
pub use terminal::terminal;

/// What one scenario came to, for people.
struct Row<'a> {
    view: View<'a>,
    /// `held`, `broken`, `not decided`.
    word: &'static str,
    requests: usize,
    hits: usize,
    fates: BTreeMap<String, u64>,
    recovery: String,
}

fn rows<'a>(
    plan: &'a ChaosPlan,
    verdict: &VerdictFile,
    evidence: &'a [ChaosEvidence],
) -> Vec<Row<'a>> {
    let named = |name: &str| format!("In `{name}`:");
    let row = |scenario| {
        let view = View::of(scenario, evidence);
        let start = named(&scenario.name);
        let broken =
            verdict.judgement.breaches().iter().any(|breach| breach.message.starts_with(&start));
        let inside = format!("`{}`", scenario.name);
        let slash = format!("`{}/", scenario.name);
        let undecided = crate::report::explain::causes(&verdict.judgement)
            .iter()
            .chain(&verdict.outweighed)
            .map(verdict::domain::verdict::Cause::sentence)
            .any(|sentence| sentence.contains(&inside) || sentence.contains(&slash));
        let word = match (broken, undecided || view.ended.is_none()) {
            (true, _) => "broken",
            (false, true) => "not decided",
            (false, false) => "held",
        };
        Row {
            word,
            requests: view.requests.len(),
            hits: view.fired.values().map(Vec::len).sum(),
            fates: fates::counts(&view),
            recovery: came_back(&view),
            view,
        }
    };
    plan.scenarios.iter().map(row).collect()
}

fn came_back(view: &View<'_>) -> String {
    match recovery(view) {
        Recovery::NoFault => "-".to_owned(),
        Recovery::After(us) => format!("{:.2} s", seconds(us)),
        Recovery::NotWithin(us) => format!("> {:.1} s", seconds(us)),
        Recovery::Metastable(permille) => format!("stays at {} %", permille / 10),
    }
}

/// One more line.
fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}
