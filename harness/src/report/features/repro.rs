//! `repro.json` of a features run: the scenarios that did not pass, and the stage to put up for them. It names secrets
//! nowhere.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::verdict::VerdictFile;

use crate::report::ReportError;
use crate::report::repro;
use crate::report::repro::StageRecipe;

/// The schema that this build writes and the only one it reads.
pub const FEATURES_REPRO_SCHEMA: &str = "manuel-features-repro/1";

/// `repro.json`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturesRepro {
    /// Always [`FEATURES_REPRO_SCHEMA`].
    pub schema: String,
    /// Always `features`.
    pub suite: String,
    /// The run that this came from.
    pub run_id: String,
    /// Build that was judged.
    pub sut_commit: String,
    /// Everything drawn is drawn from this.
    pub seed: u64,
    /// The scenarios that did not pass; all of the run where none is named.
    pub places: Vec<String>,
    /// What to put up first.
    pub stage: StageRecipe,
}

impl FeaturesRepro {
    /// What shows the breaches of `verdict` again.
    pub fn of(plan: &FeaturesPlan, verdict: &VerdictFile, stage: StageRecipe) -> Self {
        let broken = verdict.judgement.breaches().iter().map(|breach| &breach.objective);
        let of_run = |id: &&String| plan.scenarios.iter().any(|scenario| scenario.id == **id);
        let broken: Vec<String> = broken.filter(of_run).cloned().collect();
        let places = if broken.is_empty() { plan.selection.places.clone() } else { broken };
        Self {
            schema: FEATURES_REPRO_SCHEMA.to_owned(),
            suite: plan.suite.clone(),
            run_id: plan.run_id.clone(),
            sut_commit: plan.sut_commit.clone(),
            seed: plan.seed,
            places,
            stage,
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> Result<String, ReportError> {
        repro::to_json(self)
    }

    /// Reads a file's text; another schema is said before anything else.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        repro::parse(text, FEATURES_REPRO_SCHEMA)
    }
}
