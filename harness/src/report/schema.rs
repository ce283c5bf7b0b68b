//! The JSON schemas of the files that a run reads and writes, as they are committed in `docs/schemas/`. The stage's is
//! made where stage files are read (`config::stage_file`).

use schemars::{Schema, schema_for};
use verdict::domain::{
    attack::RawFamily,
    baseline::Baseline,
    chaos::{ChaosPlan, RawScenario, evidence::ChaosEvidence},
    decision::DecisionFile,
    evidence::Evidence,
    features::{FeaturesEvidence, FeaturesPlan},
    gate::RawPolicy,
    ledger::LedgerEntry,
    profile::RawProfile,
    question::QuestionSet,
    run::RunPlan,
    verdict::VerdictFile,
};

use crate::report::{chaos::ChaosRepro, features::FeaturesRepro, repro::Repro};

/// File name and text of each schema. Keys are sorted: the same bytes on any machine.
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("plan.schema.json", text(schema_for!(RunPlan))),
        ("evidence.schema.json", text(schema_for!(Evidence))),
        ("ledger.schema.json", text(schema_for!(LedgerEntry))),
        ("questions.schema.json", text(schema_for!(QuestionSet))),
        ("verdict.schema.json", text(schema_for!(VerdictFile))),
        ("repro.schema.json", text(schema_for!(Repro))),
        ("features-plan.schema.json", text(schema_for!(FeaturesPlan))),
        ("features-evidence.schema.json", text(schema_for!(FeaturesEvidence))),
        ("features-repro.schema.json", text(schema_for!(FeaturesRepro))),
        ("chaos.schema.json", text(schema_for!(RawScenario))),
        ("chaos-plan.schema.json", text(schema_for!(ChaosPlan))),
        ("chaos-repro.schema.json", text(schema_for!(ChaosRepro))),
        ("chaos-evidence.schema.json", text(schema_for!(ChaosEvidence))),
        ("profile.schema.json", text(schema_for!(RawProfile))),
        ("gate.schema.json", text(schema_for!(RawPolicy))),
        ("decision.schema.json", text(schema_for!(DecisionFile))),
        ("baseline.schema.json", text(schema_for!(Baseline))),
        ("attacks.schema.json", text(schema_for!(RawFamily))),
    ]
}

fn text(schema: Schema) -> String {
    let mut value = schema.to_value();
    value.sort_all_objects();
    format!("{value:#}\n")
}
