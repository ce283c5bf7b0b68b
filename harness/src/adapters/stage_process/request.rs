//! What a stage process is asked for: one JSON line on its stdin. Data only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::stage::Limits;
use verdict::domain::stage::RateLimit;
use verdict::domain::stage::STAGE_SCHEMA;
use verdict::domain::stage_recipe::PutUp;
use verdict::domain::stage_recipe::StageRecipeFile;

use crate::adapters::embedded_stage::ModelLatency;
pub use crate::adapters::provision::WantedUser;

/// Questions a day on a stage that says nothing else (api.md, "Quota").
const DAILY_QUOTA: u64 = 50;
/// Questions a month on a stage that says nothing else (api.md, "Quota").
const MONTHLY_QUOTA: u64 = 1000;

/// Requests per user and per address on a stage that says nothing else: two a second, for a minute. A page that shows
/// list, usage and quota beside each answer stays well below it.
const RATE_LIMIT: RateLimit = RateLimit { requests: 120, window_s: 60 };

/// A stage to start.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRequest {
    /// The project root.
    pub root: PathBuf,
    /// Logs, the clock file and `stage.json` go there. It exists.
    pub run_dir: PathBuf,
    /// Ids and model latencies derive from it.
    pub seed: u64,
    /// What stands behind the backend.
    pub recipe: StageRecipeFile,
    /// Which backend.
    pub backend: BackendChoice,
    /// The backend's functions behind a gateway; a server where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<LambdaOptions>,
    /// The deployment's firewall and gateway in front; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeChoice>,
    /// Whether a fault proxy stands before each service that the backend calls.
    #[serde(default)]
    pub wire_faults: bool,
    /// A server that was killed (SIGKILL) is started again where it listened, after this many milliseconds; its end is the
    /// stage's end where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respawn_after_ms: Option<u64>,
    /// Seeded defects to switch on by name; needs a backend that was built with them.
    pub defects: Vec<String>,
    /// Users to create, with the manuals that are uploaded and indexed for them.
    pub users: Vec<WantedUser>,
    /// Questions a user may ask per UTC day.
    pub daily_quota: u64,
    /// The same per month.
    pub monthly_quota: u64,
    /// Requests of a user, and from an address, in a window.
    pub rate_limit: RateLimit,
    /// How long the emulated model takes.
    pub model_latency: ModelLatency,
    /// Variables of the backend that differ from what the stage would set, by name.
    pub env: BTreeMap<String, String>,
}

/// An edge in front of the backend.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeChoice {
    /// Values for parameters of the deployment's template, by name; their defaults where absent.
    pub parameters: BTreeMap<String, String>,
}

/// Which backend stands on the stage.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum BackendChoice {
    /// Built from the workspace.
    Build {
        /// `server-defects` instead of `server`.
        defects: bool,
    },
    /// A binary that exists; of functions, the folder of theirs.
    Binary(PathBuf),
    /// Run by hand, with the variables that are written to a file.
    None {
        /// The file.
        env_file: PathBuf,
    },
}

/// Quotas of a stage for the features: a scenario reaches them in seconds.
const FEATURES_DAILY_QUOTA: u64 = 8;
/// Reached within two days.
const FEATURES_MONTHLY_QUOTA: u64 = 12;
/// Everything in 127.0.0.0/8 but 127.224.0.0/11, from where strangers come.
const FEATURES_ALLOWLIST: &str = "127.0.0.0/9,127.128.0.0/10,127.192.0.0/11";
/// Two, so that each is seen to get its own name back. Nobody asks them: browsers judge by the name.
const FEATURES_ORIGINS: &str = "https://app.manuel.test,https://help.manuel.test:8443";

impl StageRequest {
    /// What the features need: nobody else on it, quotas that are met in seconds, an allowlist, and pages that may
    /// read. Variables that were set before stay.
    #[must_use]
    pub fn for_features(mut self) -> Self {
        self.users = Vec::new();
        self.daily_quota = FEATURES_DAILY_QUOTA;
        self.monthly_quota = FEATURES_MONTHLY_QUOTA;
        let own = [("IP_ALLOWLIST", FEATURES_ALLOWLIST), ("CORS_ORIGINS", FEATURES_ORIGINS)];
        for (name, value) in own {
            self.env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        if let Some(edge) = &mut self.edge {
            // Scenarios meet Manuel's own limit, all at once; the deployment's are above it and met by nobody.
            let limits = [("ApiRateLimit", "1000"), ("ApiBurstLimit", "2000")];
            for (name, value) in limits {
                edge.parameters.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        self
    }

    /// The same on a stage of `recipe`.
    #[must_use]
    pub fn on(mut self, recipe: StageRecipeFile) -> Self {
        if recipe.put_up == PutUp::AsRemote {
            // All clients of a remote stage share an address; one that is tested allows it more.
            self.rate_limit = RateLimit { requests: 4_800, window_s: 60 };
        }
        self.recipe = recipe;
        self
    }

    /// Whether strangers come from where the features let them come from.
    pub fn has_features_allowlist(&self) -> bool {
        self.env.get("IP_ALLOWLIST").is_some_and(|list| list == FEATURES_ALLOWLIST)
    }

    /// Origins whose pages may read answers.
    pub fn web_origins(&self) -> Vec<String> {
        let origins = self.env.get("CORS_ORIGINS").map(String::as_str).unwrap_or_default();
        let named = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        named.map(str::to_owned).collect()
    }

    /// A stage with the backend of the workspace and the four users that every stage has.
    pub fn new(root: PathBuf, run_dir: PathBuf, seed: u64) -> Self {
        Self {
            root,
            run_dir,
            seed,
            recipe: StageRecipeFile {
                schema: STAGE_SCHEMA.to_owned(),
                name: "embedded".to_owned(),
                put_up: PutUp::Embedded,
                without: Vec::new(),
                max_rate_per_s: None,
                max_users: None,
                endpoints: None,
            },
            backend: BackendChoice::Build { defects: false },
            lambda: None,
            edge: None,
            wire_faults: false,
            respawn_after_ms: None,
            defects: Vec::new(),
            users: Self::default_users(),
            daily_quota: DAILY_QUOTA,
            monthly_quota: MONTHLY_QUOTA,
            rate_limit: RATE_LIMIT,
            model_latency: ModelLatency::default(),
            env: BTreeMap::new(),
        }
    }

    /// What such a stage holds its users to.
    pub fn default_limits() -> Limits {
        Limits {
            daily_quota: DAILY_QUOTA,
            monthly_quota: MONTHLY_QUOTA,
            rate_limit: Some(RATE_LIMIT),
            max_rate_per_s: None,
            max_users: None,
            max_cost_cents: None,
            chaos: true,
        }
    }

    /// The same with seeded defects: none asked for leaves the backend as it was chosen.
    #[must_use]
    pub fn with_defects(mut self, defects: Vec<String>) -> Self {
        if !defects.is_empty() && matches!(self.backend, BackendChoice::Build { .. }) {
            self.backend = BackendChoice::Build { defects: true };
        }
        self.defects = defects;
        self
    }

    /// alice owns three manuals, bob one of them, carol none of what the others own, dave none at all.
    pub fn default_users() -> Vec<WantedUser> {
        let user = |username: &str, manuals: &[&str]| WantedUser {
            username: username.to_owned(),
            manuals: manuals.iter().map(|key| (*key).to_owned()).collect(),
        };
        vec![
            user("alice", &["router", "coffee", "ebike"]),
            user("bob", &["router"]),
            user("carol", &["solar"]),
            user("dave", &[]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_and_comes_back() {
        let request = StageRequest::new("/root".into(), "/run".into(), 7)
            .with_defects(vec!["quota-fails-open".to_owned()]);
        let line = serde_json::to_string(&request).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<StageRequest>(&line).unwrap(), request);
        assert_eq!(request.backend, BackendChoice::Build { defects: true });
    }

    #[test]
    fn a_chosen_binary_stays_chosen() {
        let mut request = StageRequest::new("/root".into(), "/run".into(), 7);
        request.backend = BackendChoice::Binary("/b".into());
        let request = request.with_defects(vec!["x".to_owned()]);
        assert_eq!(request.backend, BackendChoice::Binary("/b".into()));
    }
}
