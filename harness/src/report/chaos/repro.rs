//! `repro.json` of a chaos run: the scenarios that did not hold, and the stage to put up for them. The same seed hits the same
//! calls. It names secrets nowhere.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use verdict::domain::chaos::ChaosPlan;
use verdict::domain::verdict::VerdictFile;

use crate::report::ReportError;
use crate::report::repro;
use crate::report::repro::StageRecipe;

/// The schema that this build writes and the only one it reads.
pub const CHAOS_REPRO_SCHEMA: &str = "manuel-chaos-repro/1";

/// `repro.json`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChaosRepro {
    /// Always [`CHAOS_REPRO_SCHEMA`].
    pub schema: String,
    /// Always `chaos`.
    pub suite: String,
    /// The run that this came from.
    pub run_id: String,
    /// Build that was judged.
    pub sut_commit: String,
    /// Everything drawn is drawn from this.
    pub seed: u64,
    /// The scenarios that broke a promise; all of the run where none did.
    pub scenarios: Vec<String>,
    /// Faults were left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub faults_off: bool,
    /// What to put up first.
    pub stage: StageRecipe,
}

impl ChaosRepro {
    /// What shows the breaches of `verdict` again.
    pub fn of(plan: &ChaosPlan, verdict: &VerdictFile, stage: StageRecipe) -> Self {
        let all = || plan.scenarios.iter().map(|scenario| scenario.name.clone());
        let broke = |name: &String| {
            let start = format!("In `{name}`:");
            verdict.judgement.breaches().iter().any(|breach| breach.message.starts_with(&start))
        };
        let broken: Vec<String> = all().filter(broke).collect();
        Self {
            schema: CHAOS_REPRO_SCHEMA.to_owned(),
            suite: plan.suite.clone(),
            run_id: plan.run_id.clone(),
            sut_commit: plan.sut_commit.clone(),
            seed: plan.seed,
            scenarios: if broken.is_empty() { all().collect() } else { broken },
            faults_off: plan.faults_off,
            stage,
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> Result<String, ReportError> {
        repro::to_json(self)
    }

    /// Reads a file's text; another schema is said before anything else.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        repro::parse(text, CHAOS_REPRO_SCHEMA)
    }
}
