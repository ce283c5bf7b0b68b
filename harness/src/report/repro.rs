//! `repro.json`: all that is needed to run the failing part of a run again, and nothing that only this machine knows.
//! It names secrets nowhere.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use verdict::domain::{
    lambda::LambdaOptions,
    objective::ObjectiveKind,
    profile::RawProfile,
    run::RunPlan,
    stage_recipe::StageRecipeFile,
    verdict::{Breach, VerdictFile},
};

use crate::report::ReportError;

/// The repro schema that this build writes and the only one it reads.
pub const REPRO_SCHEMA: &str = "manuel-repro/1";

/// `repro.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repro {
    /// Always [`REPRO_SCHEMA`].
    pub schema: String,
    /// Which suite: `load`.
    pub suite: String,
    /// The run that this came from.
    pub run_id: String,
    /// Build that was judged.
    pub sut_commit: String,
    /// Everything drawn is drawn from this.
    pub seed: u64,
    /// Name of the profile.
    pub profile_name: String,
    /// The profile, whole: its file may be gone or changed.
    pub profile: RawProfile,
    /// Arrivals of the schedule that show what broke; the whole run where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<u32>>,
    /// What to put up first.
    pub stage: StageRecipe,
    /// Codes of the promises and names of the objectives that broke, and should break again; empty for a run in which
    /// nothing did.
    pub expect: Vec<String>,
}

/// How to put up a stage like the one of the run.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRecipe {
    /// Name of the stage: `embedded`, or that of a stage file.
    pub name: String,
    /// How it was put up, where it was not an embedded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<StageRecipeFile>,
    /// The backend's binary, where it was not the workspace's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_bin: Option<String>,
    /// Functions behind a gateway, where the backend was not a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<LambdaOptions>,
    /// Values for the template's parameters, where the deployment's firewall and gateway stood in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<BTreeMap<String, String>>,
    /// Seeded defects to switch on.
    #[serde(default)]
    pub defects: Vec<String>,
    /// The backend's environment beyond what a stage sets by itself.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The stage file, where the stage was given and not put up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_file: Option<String>,
}

impl Repro {
    /// What shows the breaches of `verdict` again.
    pub fn of(plan: &RunPlan, verdict: &VerdictFile, recipe: StageRecipe) -> Self {
        let breaches = verdict.judgement.breaches();
        // A replay of a replay is no wider than the first.
        let only = arrivals(breaches).or_else(|| plan.only.clone());
        let shown = |breach: &&Breach| only.is_none() || breach.kind == ObjectiveKind::Correctness;
        let expect: BTreeSet<&str> =
            breaches.iter().filter(shown).map(|breach| breach.objective.as_str()).collect();
        Self {
            schema: REPRO_SCHEMA.to_owned(),
            suite: plan.suite.clone(),
            run_id: plan.run_id.clone(),
            sut_commit: plan.sut_commit.clone(),
            seed: plan.seed,
            profile_name: plan.profile_name.clone(),
            profile: plan.profile.raw().clone(),
            expect: expect.into_iter().map(str::to_owned).collect(),
            only,
            stage: recipe,
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> Result<String, ReportError> {
        to_json(self)
    }

    /// Reads a file's text; another schema is said before anything else.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        parse(text, REPRO_SCHEMA)
    }
}

/// The text of a repro file, of whichever suite.
pub(super) fn to_json(repro: &impl Serialize) -> Result<String, ReportError> {
    let json = serde_json::to_string_pretty(repro);
    json.map(|text| text + "\n").map_err(|source| ReportError::Json { what: "repro.json", source })
}

/// Reads the text of a repro file; another schema than `expected` is said before anything else.
pub(super) fn parse<T: DeserializeOwned>(
    text: &str,
    expected: &'static str,
) -> Result<T, ReportError> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(default)]
        schema: String,
    }
    let unreadable = |source| ReportError::Repro { source };
    let header: Header = serde_json::from_str(text).map_err(unreadable)?;
    if header.schema != expected {
        return Err(ReportError::ReproSchema { found: header.schema, expected });
    }
    serde_json::from_str(text).map_err(unreadable)
}

/// The arrivals that show all broken promises; none where only the whole run does. Part of a run has no timing, so that
/// broken timing alone needs the whole, and beside a broken promise is left aside.
fn arrivals(breaches: &[Breach]) -> Option<Vec<u32>> {
    let mut only = BTreeSet::new();
    for breach in breaches.iter().filter(|breach| breach.kind == ObjectiveKind::Correctness) {
        if breach.ordinals.is_empty() {
            return None;
        }
        only.extend(breach.ordinals.iter().copied());
    }
    (!only.is_empty()).then(|| only.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach(kind: ObjectiveKind, ordinals: &[u32]) -> Breach {
        Breach {
            objective: "isolation".into(),
            kind,
            promise: String::new(),
            message: String::new(),
            times: 1,
            first_at_ms: None,
            request_id: None,
            trace_id: None,
            ordinals: ordinals.to_vec(),
            reproduce: String::new(),
        }
    }

    #[test]
    fn only_what_shows_everything_is_a_part() {
        let right = |ordinals| breach(ObjectiveKind::Correctness, ordinals);
        let slow = || breach(ObjectiveKind::Timing, &[]);
        assert_eq!(arrivals(&[right(&[9, 3]), right(&[3, 4]), slow()]), Some(vec![3, 4, 9]));
        assert_eq!(arrivals(&[right(&[9, 3]), right(&[])]), None);
        assert_eq!(arrivals(&[slow()]), None);
        assert_eq!(arrivals(&[]), None);
    }

    #[test]
    fn another_schema_is_said_before_anything_else() {
        let error = Repro::parse(r#"{"schema": "manuel-repro/2", "whatever": 1}"#).unwrap_err();
        assert!(error.to_string().contains("`manuel-repro/2`"), "{error}");
        assert!(matches!(Repro::parse("{"), Err(ReportError::Repro { .. })));
    }
}
