//! What a load worker is told. It travels over a pipe and is never written to a file: it holds tokens.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use verdict::domain::question::QuestionSet;
use verdict::domain::run::RunPlan;
use verdict::domain::stage::StageDescription;

/// Everything a worker needs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerPlan {
    /// The run.
    pub run: RunPlan,
    /// The stage.
    pub stage: StageDescription,
    /// Users, in the order of the plan's.
    pub users: Vec<WorkerUser>,
    /// Questions with their answers.
    pub questions: QuestionSet,
    /// Where the request ledger goes.
    pub ledger: PathBuf,
}

/// A user who is signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerUser {
    /// Name in the plan.
    pub name: String,
    /// Sign-in name.
    pub username: String,
    /// Password, for journeys that sign in.
    pub password: String,
    /// Cognito `sub`.
    pub sub: String,
    /// Access token.
    pub access_token: String,
    /// Key of the fixture manual → id on the stage.
    pub manual_ids: BTreeMap<String, String>,
}
