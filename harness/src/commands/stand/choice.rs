//! Where a suite runs: on a stage that it puts up itself, or on one that stands.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use verdict::domain::lambda::LambdaOptions;
use verdict::domain::stage::STAGE_SCHEMA;
use verdict::domain::stage_recipe::PutUp;
use verdict::domain::stage_recipe::StageRecipeFile;

use super::EMBEDDED;
use super::bad_stage;
use crate::adapters::stage_process::BackendChoice;
use crate::adapters::stage_process::EdgeChoice;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::config::bundle;
use crate::config::stage_names;
use crate::config::stage_names::Named;
use crate::report::repro::StageRecipe;

/// Where a suite runs.
#[derive(Clone, Debug)]
pub enum StageChoice {
    /// On a stage of its own.
    Embedded {
        /// What stands behind the backend.
        recipe: Box<StageRecipeFile>,
        /// Which backend.
        backend: BackendChoice,
        /// Functions behind a gateway, instead of a server.
        lambda: Option<LambdaOptions>,
        /// The deployment's firewall and gateway in front.
        edge: Option<EdgeChoice>,
        /// Seeded defects.
        defects: Vec<String>,
        /// Variables of the backend.
        env: BTreeMap<String, String>,
    },
    /// On a stage that stands.
    File(PathBuf),
}

/// A stage as a command line asks for it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `--stage`; an embedded one where absent.
    pub stage: Option<String>,
    /// `--backend-bin`.
    pub backend_bin: Option<PathBuf>,
    /// `--runtime lambda`.
    pub lambda: Option<LambdaOptions>,
    /// `--edge`.
    pub edge: Option<EdgeChoice>,
    /// `--defects`.
    pub defects: Vec<String>,
    /// `--env`.
    pub env: BTreeMap<String, String>,
}

/// The recipe of an embedded stage.
pub fn embedded() -> StageRecipeFile {
    StageRecipeFile {
        schema: STAGE_SCHEMA.to_owned(),
        name: EMBEDDED.to_owned(),
        put_up: PutUp::Embedded,
        without: Vec::new(),
        max_rate_per_s: None,
        max_users: None,
        endpoints: None,
    }
}

fn is_embedded(recipe: &StageRecipeFile) -> bool {
    *recipe == embedded()
}

impl StageChoice {
    /// What was asked for; what a stage that stands has already cannot be asked of it.
    pub fn asked(asked: Asked, ctx: &Context) -> Result<Self, CommandError> {
        let named = match &asked.stage {
            None => Named::Recipe(embedded()),
            Some(text) => stage_names::read(&ctx.root, text).map_err(bad_stage)?,
        };
        let Asked { backend_bin, lambda, edge, defects, env, .. } = asked;
        match named {
            Named::Standing(file, _) => {
                let given = [
                    (lambda.is_some(), "--runtime"),
                    (edge.is_some(), "--edge"),
                    (backend_bin.is_some(), "--backend-bin"),
                    (!defects.is_empty(), "--defects"),
                    (!env.is_empty(), "--env"),
                ];
                match given.into_iter().find(|(given, _)| *given) {
                    Some((_, option)) => Err(CommandError::usage(
                        format!(
                            "{option} says how a backend is started, and {} stands",
                            file.display()
                        ),
                        format!("leave {option} out"),
                    )),
                    None => Ok(Self::File(file)),
                }
            }
            Named::Recipe(recipe) => {
                let bundled = ctx.root.join(bundle::PROGRAMS);
                let backend = match backend_bin {
                    Some(path) => BackendChoice::Binary(path),
                    None if ctx.bundle_sha256().is_none() => {
                        BackendChoice::Build { defects: false }
                    }
                    None if lambda.is_some() => BackendChoice::Binary(bundled),
                    None if !defects.is_empty() => {
                        BackendChoice::Binary(bundled.join("server-defects"))
                    }
                    None => BackendChoice::Binary(bundled.join("server")),
                };
                // A remote stage is met through its edge.
                let edge = match recipe.put_up {
                    PutUp::AsRemote => Some(edge.unwrap_or_default()),
                    PutUp::Embedded | PutUp::Localstack | PutUp::LocalstackHost => edge,
                };
                let recipe = Box::new(recipe);
                Ok(Self::Embedded { recipe, backend, lambda, edge, defects, env })
            }
        }
    }

    /// The edge in front of a stage of its own.
    pub fn edge(&self) -> Option<&EdgeChoice> {
        match self {
            Self::Embedded { edge, .. } => edge.as_ref(),
            Self::File(_) => None,
        }
    }

    /// What puts a stage like this up again, in a repro file.
    pub fn recipe(&self) -> StageRecipe {
        match self {
            Self::File(file) => StageRecipe {
                name: "file".to_owned(),
                stage_file: Some(absolute(file)),
                ..StageRecipe::default()
            },
            Self::Embedded { recipe, backend, lambda, edge, defects, env } => StageRecipe {
                name: recipe.name.clone(),
                recipe: (!is_embedded(recipe)).then(|| StageRecipeFile::clone(recipe)),
                backend_bin: match backend {
                    BackendChoice::Binary(path) => Some(absolute(path)),
                    BackendChoice::Build { .. } | BackendChoice::None { .. } => None,
                },
                lambda: *lambda,
                edge: edge.as_ref().map(|edge| edge.parameters.clone()),
                defects: defects.clone(),
                env: shown(env).map(|(name, value)| (name.clone(), value.clone())).collect(),
                stage_file: None,
            },
        }
    }

    /// The stage of a repro file.
    pub fn recorded(recipe: &StageRecipe) -> Self {
        if let Some(file) = &recipe.stage_file {
            return Self::File(file.into());
        }
        Self::Embedded {
            recipe: Box::new(recipe.recipe.clone().unwrap_or_else(embedded)),
            backend: recipe
                .backend_bin
                .as_ref()
                .map_or(BackendChoice::Build { defects: false }, |path| {
                    BackendChoice::Binary(path.into())
                }),
            lambda: recipe.lambda,
            edge: recipe.edge.clone().map(|parameters| EdgeChoice { parameters }),
            defects: recipe.defects.clone(),
            env: recipe.env.clone(),
        }
    }

    /// The arguments of a command that puts it up again.
    pub fn arguments(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        match self {
            Self::File(file) => words.push(format!("--stage '{}'", absolute(file))),
            Self::Embedded { recipe, backend, lambda, edge, defects, env } => {
                if !is_embedded(recipe) {
                    words.push(format!("--stage {}", recipe.name));
                }
                if let BackendChoice::Binary(path) = backend {
                    words.push(format!("--backend-bin '{}'", absolute(path)));
                }
                if lambda.is_some() {
                    words.push("--runtime lambda".to_owned());
                }
                if let Some(edge) = edge {
                    words.push("--edge".to_owned());
                    words.extend(
                        edge.parameters
                            .iter()
                            .map(|(name, value)| format!("--edge-parameter '{name}={value}'")),
                    );
                }
                if !defects.is_empty() {
                    words.push(format!("--defects {}", defects.join(",")));
                }
                words.extend(shown(env).map(|(name, value)| format!("--env '{name}={value}'")));
            }
        }
        words.join(" ")
    }
}

/// What may hold a secret is in no report; a replay has to be given it again.
fn shown(env: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    let is_secret = |name: &str| {
        let name = name.to_uppercase();
        ["SECRET", "KEY", "TOKEN", "PASSWORD"].iter().any(|word| name.contains(word))
    };
    env.iter().filter(move |(name, _)| !is_secret(name))
}

/// A replay may be asked for from another folder.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}
