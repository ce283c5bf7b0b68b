//! Reads chaos scenarios, `scenarios/chaos/<name>.toml`: what is wrong is shown in the file, with the key underlined; every
//! call and every error that a fault names must be in the catalogue of AWS errors.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use globset::Glob;
use injector::RuleSpec;
use injector::catalogue::Catalogue;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;
use verdict::domain::chaos::FaultFacts;
use verdict::domain::chaos::RawFault;
use verdict::domain::chaos::RawScenario;
use verdict::domain::chaos::Tier;
use verdict::domain::chaos::check;
use verdict::domain::objective::parse::nearest;

use super::bad_toml::BadToml;
use super::bad_toml::File;
use super::bad_toml::Problem;
use super::chaos_rules;

/// Where scenarios are, below the project root.
pub const FOLDER: &str = "scenarios/chaos";
/// The toxics of Toxiproxy that do something, and the proxy itself.
const TOXICS: [&str; 8] =
    ["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "down"];

/// A scenario that can be played.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name of its file.
    pub name: String,
    /// What it says.
    pub raw: RawScenario,
    /// What each of its faults can do.
    pub facts: Vec<FaultFacts>,
}

/// All that were asked for.
#[derive(Clone, Debug)]
pub struct Selected {
    /// In the order of their names.
    pub scenarios: Vec<Scenario>,
    /// SHA-256 over names and texts, in hex.
    pub sha256: String,
}

/// The scenarios cannot be used.
#[derive(Debug, Error)]
pub enum ChaosFileError {
    /// The folder or a file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nothing fits what was asked for.
    #[error("no scenario is {asked}{near}; there are: {}", known.join(", "))]
    Nothing {
        /// What was asked for.
        asked: String,
        /// What it may have meant.
        near: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The folder is empty.
    #[error("{path} holds no scenario")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A pattern that is none.
    #[error("`{glob}` is no pattern: {why}")]
    Glob {
        /// Which.
        glob: String,
        /// Why not.
        why: String,
    },
    /// The catalogue of AWS errors does not read.
    #[error("the catalogue of AWS errors cannot be used: {0}")]
    Catalogue(String),
    /// Something in a file is wrong.
    #[error(transparent)]
    Bad(Box<BadToml>),
}

/// The catalogue of AWS errors.
pub fn catalogue() -> Result<Catalogue, ChaosFileError> {
    Catalogue::builtin().map_err(|error| ChaosFileError::Catalogue(error.to_string()))
}

/// The scenarios of `tier`, or those whose name fits one of `globs`; every file is read, so that a mistake in any is told.
pub fn select(
    root: &Path,
    globs: &[String],
    tier: Option<Tier>,
) -> Result<Selected, ChaosFileError> {
    let folder = root.join(FOLDER);
    std::fs::read_dir(&folder)
        .map_err(|source| ChaosFileError::Read { path: folder.clone(), source })?;
    let known = super::toml_names(&folder);
    if known.is_empty() {
        return Err(ChaosFileError::Empty { path: folder });
    }
    let catalogue = catalogue()?;
    let mut digest = Sha256::new();
    let mut all = Vec::new();
    for name in &known {
        let relative = format!("{FOLDER}/{name}.toml");
        let path = root.join(&relative);
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|source| ChaosFileError::Read { path, source })?;
        let (raw, facts) = parse(&relative, &text, &catalogue).map_err(ChaosFileError::Bad)?;
        all.push((Scenario { name: name.clone(), raw, facts }, text));
    }
    let mut wanted = Vec::new();
    for glob in globs {
        let matcher = Glob::new(glob).map_err(|error| ChaosFileError::Glob {
            glob: glob.clone(),
            why: error.kind().to_string(),
        })?;
        let matcher = matcher.compile_matcher();
        if !known.iter().any(|name| matcher.is_match(name)) {
            let near = nearest(glob, known.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let asked = format!("called `{glob}`");
            return Err(ChaosFileError::Nothing { asked, near, known });
        }
        wanted.push(matcher);
    }
    let asked = |scenario: &Scenario| {
        let named = wanted.is_empty() || wanted.iter().any(|glob| glob.is_match(&scenario.name));
        named && tier.is_none_or(|tier| scenario.raw.tiers.contains(&tier))
    };
    let mut scenarios = Vec::new();
    for (scenario, text) in all {
        if asked(&scenario) {
            digest.update(format!("{} {}\n", scenario.name, text.len()));
            digest.update(text);
            scenarios.push(scenario);
        }
    }
    if scenarios.is_empty() {
        let asked = format!("of tier {}", tier.map_or("any", Tier::name));
        return Err(ChaosFileError::Nothing { asked, near: String::new(), known });
    }
    Ok(Selected { scenarios, sha256: hex::encode(digest.finalize()) })
}

/// A scenario from its text; `file` is named in what is wrong.
pub fn parse(
    file: &str,
    text: &str,
    catalogue: &Catalogue,
) -> Result<(RawScenario, Vec<FaultFacts>), Box<BadToml>> {
    let file = File { name: file, text, schema: "chaos.schema.json" };
    let raw: RawScenario = file.parse()?;
    if let Err(errors) = check(&raw) {
        return Err(file.problems(errors.iter().map(|error| Problem {
            key: &error.key,
            within: None,
            what: &error.problem,
        })));
    }
    let mut facts = Vec::new();
    let mut problems: Vec<(Vec<String>, String)> = Vec::new();
    for (i, fault) in raw.faults.iter().enumerate() {
        let key = |name: &str| {
            let mut path = vec!["faults".to_owned(), i.to_string()];
            path.extend(name.split('.').map(str::to_owned));
            path
        };
        match chaos_rules::facts(fault, catalogue) {
            Ok(known) => facts.push(known),
            Err(bad) => problems.push((key(&bad.key), bad.problem)),
        }
        if let Some(problem) = on_the_wire(fault, catalogue) {
            problems.push((key(&problem.0), problem.1));
        }
    }
    if problems.is_empty() {
        return Ok((raw, facts));
    }
    Err(file.problems(problems.iter().map(|(key, what)| Problem { key, within: None, what })))
}

/// What is wrong with a fault on the wire.
fn on_the_wire(fault: &RawFault, catalogue: &Catalogue) -> Option<(String, String)> {
    let service = fault.proxy.as_deref()?;
    let hint =
        |near: Option<&str>| near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    if catalogue.service(service).is_none() {
        let near = hint(catalogue.nearest_service(service));
        return Some(("proxy".to_owned(), format!("names no service `{service}`{near}")));
    }
    let toxic = fault.toxic.as_deref()?;
    if !TOXICS.contains(&toxic) {
        let near = hint(nearest(toxic, TOXICS.into_iter()));
        let problem = format!("no toxic `{toxic}`{near} expected one of: {}", TOXICS.join(", "));
        return Some(("toxic".to_owned(), problem));
    }
    None
}

/// The rules of a scenario's faults of calls.
pub fn rules(scenario: &RawScenario) -> Vec<RuleSpec> {
    let of_calls = scenario.faults.iter().filter(|fault| fault.on.is_some());
    // Read before: what cannot be a rule was refused with the file.
    of_calls.filter_map(|fault| chaos_rules::rule(fault, "chaos").ok()).collect()
}

#[cfg(test)]
#[path = "chaos_file/tests.rs"]
mod tests;
