//! Reads a gate policy, `scenarios/gates/<name>.toml`: what is wrong in it is shown in the file, and what it names must
//! exist: profiles and their objectives, features, tags, and scenarios that the suite itself would select.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;
use verdict::domain::gate::Policy;
use verdict::domain::gate::PolicyError;
use verdict::domain::gate::RawPolicy;
use verdict::domain::gate::RawSuite;
use verdict::domain::gate::SuiteKind;
use verdict::domain::objective::parse::nearest;
use verdict::judge::chaos::families;

use super::bad_toml::BadToml;
use super::bad_toml::File;
use super::bad_toml::Problem;
use super::chaos_file;
use super::features;
use super::features::Features;
use super::features::FeaturesError;
use super::features::Filter;
use super::profile_file;

/// Where policies are, below the project root.
pub const FOLDER: &str = "scenarios/gates";

/// A policy, its name, and the digest that decisions record.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// The file's name without its ending.
    pub name: String,
    /// The policy.
    pub policy: Policy,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
}

/// A policy cannot be used.
#[derive(Debug, Error)]
pub enum PolicyFileError {
    /// The file cannot be read.
    #[error("cannot read the policy {path}{}", hint(known))]
    Read {
        /// Which.
        path: PathBuf,
        /// Those that exist.
        known: Vec<String>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something in the file is wrong.
    #[error(transparent)]
    Bad(Box<BadToml>),
    /// The features that it speaks of cannot be read.
    #[error("cannot read the features that the policy speaks of")]
    Features(#[source] FeaturesError),
}

fn hint(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there are: {}", known.join(", ")) }
}

/// The policy in `path`, or by its name in the project's folder.
pub fn read(root: &Path, path: &Path) -> Result<PolicyFile, PolicyFileError> {
    let by_name = root.join(FOLDER).join(path).with_extension("toml");
    let is_name = path.extension().is_none() && path.components().count() == 1;
    let path = if is_name { by_name } else { path.to_path_buf() };
    let text = std::fs::read_to_string(&path).map_err(|source| PolicyFileError::Read {
        path: path.clone(),
        known: names(root),
        source,
    })?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let policy = parse(root, &shown, &text)?;
    let sha256 = hex::encode(Sha256::digest(&text));
    Ok(PolicyFile { name: name.unwrap_or_default(), policy, sha256 })
}

/// Names of the policies below `root`.
pub fn names(root: &Path) -> Vec<String> {
    super::toml_names(&root.join(FOLDER))
}

fn parse(root: &Path, name: &str, text: &str) -> Result<Policy, PolicyFileError> {
    let file = File { name, text, schema: "gate.schema.json" };
    let bad = |errors: &[PolicyError]| {
        let problem = |error: &'_ PolicyError| -> (Vec<String>, String) {
            (error.key.clone(), error.problem.clone())
        };
        let owned: Vec<(Vec<String>, String)> = errors.iter().map(problem).collect();
        let problems = owned.iter().map(|(key, what)| Problem { key, within: None, what });
        PolicyFileError::Bad(file.problems(problems))
    };
    let raw: RawPolicy = file.parse().map_err(PolicyFileError::Bad)?;
    let policy = Policy::resolve(raw).map_err(|errors| bad(&errors))?;
    let features = features::read(root).map_err(PolicyFileError::Features)?;
    let mut errors = Vec::new();
    for (i, suite) in policy.raw().suites.iter().enumerate() {
        let mut add = |key: &str, problem: String| {
            let mut path = vec!["suites".to_owned(), i.to_string()];
            path.extend(key.split('/').map(str::to_owned));
            errors.push(PolicyError { key: path, problem });
        };
        match suite.kind {
            SuiteKind::Load => of_load(root, suite, &mut add),
            SuiteKind::Features => of_features(suite, &features, &mut add),
            SuiteKind::Chaos => of_chaos(root, suite, &mut add),
        }
    }
    if errors.is_empty() { Ok(policy) } else { Err(bad(&errors)) }
}

fn of_load(root: &Path, suite: &RawSuite, add: &mut impl FnMut(&str, String)) {
    let Some(name) = &suite.profile else { return };
    let profile = match profile_file::read(root, name) {
        Ok(profile) => profile,
        Err(error) => return add("profile", error.to_string()),
    };
    let known = &profile.raw().objectives;
    for objective in suite.require.objectives.iter().filter(|name| !known.contains_key(*name)) {
        let near = nearest(objective, known.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let problem = format!("profile `{name}` has no objective `{objective}`{near}");
        add("require/objectives", problem);
    }
}

/// The same of chaos: as many scenarios, and as many in which each part fails.
fn of_chaos(root: &Path, suite: &RawSuite, add: &mut impl FnMut(&str, String)) {
    let selected = match chaos_file::select(root, &[], suite.tier) {
        Ok(selected) => selected,
        Err(error) => return add("tier", error.to_string()),
    };
    let count = selected.scenarios.len() as u64;
    if let Some(at_least) = suite.require.scenarios.filter(|at_least| *at_least > count) {
        let problem =
            format!("at least {at_least} scenarios are required, and the tier has {count}");
        add("require/scenarios", problem);
    }
    for (family, at_least) in &suite.require.faults {
        let wanted = format!("fault:{family}");
        let of_family = selected.scenarios.iter().filter(|s| families(&s.raw).contains(&wanted));
        let count = of_family.count() as u64;
        if count < *at_least {
            let problem = format!(
                "`{family}` must fail in {at_least} scenarios, and does in {count} of the tier"
            );
            add(&format!("require/faults/{family}"), problem);
        }
    }
}

/// What is required must be among what the suite selects: else it could never be met.
fn of_features(suite: &RawSuite, features: &Features, add: &mut impl FnMut(&str, String)) {
    let selected = Filter::new(suite.tags.as_deref(), None, &suite.places)
        .and_then(|filter| filter.select(features));
    let selected = match selected {
        Ok(selected) => selected,
        Err(error) => return add("tags", error.to_string()),
    };
    let file = |id: &str| id.rsplit_once(':').map_or(id, |(file, _)| file).to_owned();
    let enough = |what: &str, count: usize, at_least: u64| {
        let count = count as u64;
        (count < at_least).then(|| {
            format!("at least {at_least} scenarios of {what} are required, and the suite selects {count}")
        })
    };
    for (name, at_least) in &suite.require.features {
        let count = selected.iter().filter(|s| file(&s.plan.id) == *name).count();
        if let Some(problem) = enough(&format!("`{name}`"), count, *at_least) {
            add(&format!("require/features/{name}"), problem);
        }
    }
    for (tag, at_least) in &suite.require.tags {
        let own = tag.trim_start_matches('@');
        let count = selected.iter().filter(|s| s.plan.tags.iter().any(|t| t == own)).count();
        if let Some(problem) = enough(&format!("`{tag}`"), count, *at_least) {
            add(&format!("require/tags/{tag}"), problem);
        }
    }
    if let Some(at_least) = suite.require.scenarios
        && let Some(problem) = enough("all features", selected.len(), at_least)
    {
        add("require/scenarios", problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
    }

    #[test]
    fn every_policy_of_the_project_can_be_used() {
        let names = names(&root());
        assert!(names.len() >= 5, "{names:?}");
        for name in names {
            let file = read(&root(), Path::new(&name)).unwrap();
            assert_eq!(file.name, name);
        }
    }

    #[test]
    fn what_a_policy_names_must_exist() {
        let text = std::fs::read_to_string(root().join(FOLDER).join("pull-request.toml")).unwrap();
        let cases = [
            ("profile = \"smoke\"", "profile = \"smok\"", "did you mean `smoke`?"),
            ("features = { ", "features = { \"features/nosuch.feature\" = 1, ", "selects 0"),
            ("tags = { ", "tags = { \"@nosuch\" = 1, ", "the suite selects 0"),
            ("scenarios = ", "scenarios = 9", "are required, and the suite selects"),
            ("attempts = 2", "attemps = 2", "did you mean `attempts`?"),
        ];
        for (from, to, problem) in cases {
            assert!(text.contains(from), "{from}");
            let error = parse(&root(), "p.toml", &text.replacen(from, to, 1)).unwrap_err();
            let PolicyFileError::Bad(bad) = error else { panic!("{to}: {error}") };
            assert!(bad.to_string().starts_with("p.toml:"), "{bad}");
            let report = format!("{:?}", miette::Report::new(*bad));
            let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(problem), "{to}: {flat}");
        }
        let error = read(&root(), Path::new("pull-reqest")).unwrap_err();
        assert!(error.to_string().contains("pull-request"), "{error}");
    }
}
