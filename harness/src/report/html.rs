//! `report.html`: one self-contained file. The page itself is `html`'s neighbour `report.html`; here it gets its
//! data, its chart library and its styles. Nothing in it asks the network for anything.

use verdict::{
    domain::{evidence::Evidence, run::RunPlan, verdict::VerdictFile},
    judge::seen::Seen,
};

use crate::report::ReportError;

mod data;
mod series;

const TEMPLATE: &str = include_str!("report.html");
const UPLOT_JS: &str = include_str!("uPlot.iife.min.js");
const UPLOT_CSS: &str = include_str!("uPlot.min.css");

/// The page of a run.
pub fn page(
    plan: &RunPlan,
    verdict: &VerdictFile,
    evidence: &[Evidence],
) -> Result<String, ReportError> {
    let seen = Seen::of(plan, evidence).map_err(|source| ReportError::Evidence { source })?;
    let data = data::of(plan, verdict, &seen, evidence);
    let json = serde_json::to_string(&data)
        .map_err(|source| ReportError::Json { what: "the data of report.html", source })?;
    let parts = [
        ("/*UPLOT_CSS*/", UPLOT_CSS),
        ("/*UPLOT_JS*/", UPLOT_JS),
        ("/*DATA*/", &*script_safe(&json)),
    ];
    fill(TEMPLATE, &parts)
}

/// `template` with each placeholder replaced. What is put in is never searched for placeholders.
fn fill(template: &str, parts: &[(&'static str, &str)]) -> Result<String, ReportError> {
    let mut places = Vec::new();
    for (placeholder, part) in parts {
        let mut found = template.match_indices(placeholder);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => places.push((at, *placeholder, *part)),
            _ => return Err(ReportError::Template { placeholder }),
        }
    }
    places.sort_unstable();
    let length = template.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>();
    let mut page = String::with_capacity(length);
    let mut done = 0;
    for (at, placeholder, part) in places {
        page.push_str(&template[done..at]);
        page.push_str(part);
        done = at + placeholder.len();
    }
    page.push_str(&template[done..]);
    Ok(page)
}

/// JSON that can stand inside a `<script>`: the same value, with nothing in it that HTML or an old script parser takes
/// for its own. These characters occur in strings only, where an escape means the same.
fn script_safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_not_searched() {
        let page = fill("a/*A*/b/*B*/c", &[("/*B*/", "x/*A*/"), ("/*A*/", "/*B*/")]).unwrap();
        assert_eq!(page, "a/*B*/bx/*A*/c");
        assert!(fill("a", &[("/*A*/", "x")]).is_err());
        assert!(fill("/*A*//*A*/", &[("/*A*/", "x")]).is_err());
    }

    #[test]
    fn json_in_a_script_means_the_same_and_ends_nothing() {
        let value = serde_json::json!({ "</script><!--": "a & b \u{2028}\u{2029}" });
        let safe = script_safe(&value.to_string());
        assert!(!safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
