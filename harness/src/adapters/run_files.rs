//! The verdict of a run, from its folder: read, and held against its own plan and evidence. What does not follow from
//! them is no verdict, whoever wrote it.

use std::path::Path;

use serde::Deserialize;
use verdict::domain::chaos::CHAOS_RUN_SCHEMA;
use verdict::domain::chaos::ChaosPlan;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::decision::Reason;
use verdict::domain::evidence::Evidence;
use verdict::domain::features::FEATURES_RUN_SCHEMA;
use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::run::RUN_SCHEMA;
use verdict::domain::run::RunPlan;
use verdict::domain::verdict::VERDICT_SCHEMA;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::canonical::canonical_json;
use verdict::judge::chaos::judge_chaos;
use verdict::judge::features::judge_features;
use verdict::judge::gate::RunResult;
use verdict::judge::whole::judge_whole;

use crate::adapters::run_dir::RunDir;
use crate::adapters::system_clock;

#[derive(Deserialize)]
struct OnlySchema {
    schema: String,
}

/// What is known of the run in `folder`.
pub fn read(folder: &Path) -> RunResult {
    match verdict(folder) {
        Ok(verdict) => match system_clock::unix_s(&verdict.started_at) {
            Some(started_unix_s) => {
                RunResult::Judged { verdict: Box::new(verdict), started_unix_s }
            }
            None => RunResult::Lost(reason(
                "unreadable",
                format!("`{}` is no time at which a run can have begun", verdict.started_at),
            )),
        },
        Err(reason) => RunResult::Lost(reason),
    }
}

fn verdict(folder: &Path) -> Result<VerdictFile, Reason> {
    let dir = RunDir::open(folder.to_path_buf());
    if !dir.file("verdict.json").exists() {
        return Err(reason("missing", format!("{} holds no verdict.json", folder.display())));
    }
    let text = dir.read("verdict.json").map_err(|error| unreadable(&error))?;
    let only: OnlySchema = serde_json::from_str(&text)
        .map_err(|error| reason("unreadable", format!("verdict.json: {error}")))?;
    if only.schema != VERDICT_SCHEMA {
        return Err(other_schema("verdict.json", &only.schema, VERDICT_SCHEMA));
    }
    let verdict: VerdictFile = serde_json::from_str(&text)
        .map_err(|error| reason("unreadable", format!("verdict.json: {error}")))?;
    let again = judged_again(&dir)?;
    let canonical = canonical_json(&again)
        .map_err(|error| reason("unreadable", format!("the evidence: {error}")))?;
    if canonical == text {
        return Ok(verdict);
    }
    let detail = "verdict.json is not what its own plan and evidence give".to_owned();
    Err(reason("not_its_evidence", detail))
}

/// The verdict that plan and evidence give.
fn judged_again(dir: &RunDir) -> Result<VerdictFile, Reason> {
    let text = dir.read("plan.json").map_err(|error| unreadable(&error))?;
    let parsed = |error: serde_json::Error| reason("unreadable", format!("plan.json: {error}"));
    let only: OnlySchema = serde_json::from_str(&text).map_err(parsed)?;
    match only.schema.as_str() {
        RUN_SCHEMA => {
            let plan: RunPlan = serde_json::from_str(&text).map_err(parsed)?;
            let evidence: Vec<Evidence> =
                dir.read_evidence().map_err(|error| unreadable(&error))?;
            judge_whole(&plan, &evidence).map_err(|error| cut(&error))
        }
        FEATURES_RUN_SCHEMA => {
            let plan: FeaturesPlan = serde_json::from_str(&text).map_err(parsed)?;
            let evidence: Vec<FeaturesEvidence> =
                dir.read_evidence().map_err(|error| unreadable(&error))?;
            judge_features(&plan, &evidence).map_err(|error| cut(&error))
        }
        CHAOS_RUN_SCHEMA => {
            let plan: ChaosPlan = serde_json::from_str(&text).map_err(parsed)?;
            let evidence: Vec<ChaosEvidence> =
                dir.read_evidence().map_err(|error| unreadable(&error))?;
            judge_chaos(&plan, &evidence).map_err(|error| cut(&error))
        }
        other => Err(other_schema("plan.json", other, RUN_SCHEMA)),
    }
}

fn cut(error: &dyn std::error::Error) -> Reason {
    reason("not_its_evidence", format!("the evidence cannot be judged: {error}"))
}

fn unreadable(error: &dyn std::error::Error) -> Reason {
    let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    reason("unreadable", format!("{error}{why}"))
}

fn other_schema(file: &str, found: &str, expected: &str) -> Reason {
    reason(
        "other_schema",
        format!("{file} is of schema `{found}`, and this build reads `{expected}`"),
    )
}

fn reason(code: &str, detail: String) -> Reason {
    Reason { code: code.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(folder: &Path) -> String {
        match read(folder) {
            RunResult::Judged { .. } => "judged".to_owned(),
            RunResult::Lost(reason) => reason.code,
        }
    }

    #[test]
    fn what_is_no_verdict_has_a_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        assert_eq!(code(folder), "missing");
        let file = folder.join("verdict.json");
        for (text, expected) in [
            ("", "unreadable"),
            ("{\"schema\": \"manuel-verdict/2\"", "unreadable"),
            ("{\"schema\": \"manuel-verdict/9\"}", "other_schema"),
            ("{\"schema\": \"manuel-verdict/2\", \"judgement\": {}}", "unreadable"),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(code(folder), expected, "{text}");
        }
    }
}
