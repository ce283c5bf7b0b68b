//! The feature files: found, parsed, their outlines' rows made scenarios of their own, and selected. Nothing runs here;
//! what cannot be run is said with file and line.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use cucumber::feature::Ext as _;
use cucumber::gherkin;
use cucumber::gherkin::GherkinEnv;
use cucumber::gherkin::tagexpr::TagOperation;
use cucumber::tag::Ext as _;
use regex::Regex;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;
use verdict::domain::features::ScenarioPlan;

/// Where they are, below the project root.
pub const FOLDER: &str = "features";
/// Folders below it that are looked into.
const DEPTH: u32 = 4;

/// One scenario that can be run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is recorded of it.
    pub plan: ScenarioPlan,
    /// A feature with this scenario only, its background included.
    pub feature: gherkin::Feature,
}

/// All scenarios, in the order of the files.
#[derive(Clone, Debug)]
pub struct Features {
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// SHA-256 over names and texts of the files, in hex.
    pub sha256: String,
}

/// The features cannot be used.
#[derive(Debug, Error)]
pub enum FeaturesError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder has no feature file.
    #[error("{path} holds no file that ends in `.feature`")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A file is no Gherkin.
    #[error("{file}:{line}:{column}: expected {expected}")]
    Gherkin {
        /// Which.
        file: String,
        /// Where.
        line: usize,
        /// Where on it.
        column: usize,
        /// What could have stood there.
        expected: String,
    },
    /// A line that was meant to be a step: the parser takes it for prose, and nothing would be tried.
    #[error("{place}: `{word}` begins no step; did you mean `{nearest}`?")]
    Keyword {
        /// Where.
        place: String,
        /// The word.
        word: String,
        /// The keyword next to it.
        nearest: &'static str,
    },
    /// A row of an outline does not fill its steps.
    #[error("{file}: {source}")]
    Examples {
        /// Which.
        file: String,
        /// What is missing.
        #[source]
        source: cucumber::feature::ExpandExamplesError,
    },
    /// An outline without rows, or a scenario without steps: it would be held without anything being tried.
    #[error("{place}: {what}")]
    Vacuous {
        /// Where.
        place: String,
        /// What is missing.
        what: &'static str,
    },
    /// A tag expression that does not parse.
    #[error("the tag expression `{text}` does not parse at column {column}: expected {expected}")]
    Tags {
        /// As it was given.
        text: String,
        /// Where.
        column: usize,
        /// What could have stood there.
        expected: String,
    },
    /// A name pattern that is no regular expression.
    #[error("the name pattern `{text}` is no regular expression")]
    Name {
        /// As it was given.
        text: String,
        /// Why.
        #[source]
        source: Box<regex::Error>,
    },
    /// A place at which no scenario stands.
    #[error("there is no scenario at `{place}`")]
    Place {
        /// As it was given.
        place: String,
        /// The nearest one.
        nearest: Option<String>,
    },
}

/// Reads every feature file below `root`.
pub fn read(root: &Path) -> Result<Features, FeaturesError> {
    let folder = root.join(FOLDER);
    let mut files = Vec::new();
    find(&folder, DEPTH, &mut files)?;
    files.sort();
    if files.is_empty() {
        return Err(FeaturesError::Empty { path: folder });
    }
    let (mut scenarios, mut digest) = (Vec::new(), Sha256::new());
    for path in files {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| FeaturesError::Read { path: path.clone(), source })?;
        let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        digest.update(format!("{file} {}\n{text}", text.len()));
        scenarios.extend(parse(&file, &text)?);
    }
    Ok(Features { scenarios, sha256: hex::encode(digest.finalize()) })
}

fn find(folder: &Path, depth: u32, files: &mut Vec<PathBuf>) -> Result<(), FeaturesError> {
    let unreadable = |source| FeaturesError::Read { path: folder.to_path_buf(), source };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() && depth > 0 {
            find(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == "feature") {
            files.push(path);
        }
    }
    Ok(())
}

/// The scenarios of one file.
pub fn parse(file: &str, text: &str) -> Result<Vec<Scenario>, FeaturesError> {
    let feature =
        gherkin::Feature::parse(text, GherkinEnv::default()).map_err(|error| bad(file, &error))?;
    let outlines = feature.scenarios.iter().chain(feature.rules.iter().flat_map(|r| &r.scenarios));
    for scenario in outlines {
        misspelt(file, scenario)?;
        let rows = |examples: &gherkin::Examples| {
            examples.table.as_ref().map_or(0, |table| table.rows.len().saturating_sub(1))
        };
        let empty = !scenario.examples.is_empty() && scenario.examples.iter().any(|e| rows(e) == 0);
        let outline = scenario.keyword.contains("Outline") || scenario.keyword.contains("Template");
        let what = match (scenario.steps.is_empty(), empty, outline && scenario.examples.is_empty())
        {
            (true, _, _) => "the scenario has no steps",
            (_, true, _) => "the examples have no rows",
            (_, _, true) => "the outline has no examples",
            _ => continue,
        };
        let place = format!("{file}:{}", scenario.position.line);
        return Err(FeaturesError::Vacuous { place, what });
    }
    let mut feature = feature
        .expand_examples()
        .map_err(|source| FeaturesError::Examples { file: file.to_owned(), source })?;
    feature.path = Some(file.into());
    let own = std::mem::take(&mut feature.scenarios).into_iter().map(|scenario| (None, scenario));
    let of_rules = std::mem::take(&mut feature.rules).into_iter().flat_map(|mut rule| {
        let scenarios = std::mem::take(&mut rule.scenarios);
        scenarios.into_iter().map(move |scenario| (Some(rule.clone()), scenario))
    });
    Ok(own
        .chain(of_rules)
        .map(|(rule, scenario)| one(file, &feature, rule.as_ref(), scenario))
        .collect())
}

/// Prose below a scenario's name that begins like a step.
fn misspelt(file: &str, scenario: &gherkin::Scenario) -> Result<(), FeaturesError> {
    const KEYWORDS: [&str; 5] = ["Given", "When", "Then", "And", "But"];
    let prose = scenario.description.as_deref().unwrap_or_default();
    for (word, line) in prose.lines().map(|line| (line.split_whitespace().next(), line)) {
        let Some(word) = word.filter(|_| !line.trim().is_empty()) else { continue };
        let near = |keyword: &&&str| {
            let distance =
                strsim::damerau_levenshtein(&word.to_lowercase(), &keyword.to_lowercase());
            distance <= usize::from(keyword.len() > 3)
                && word.starts_with(|c: char| c.is_ascii_uppercase())
        };
        if let Some(nearest) = KEYWORDS.iter().find(near) {
            let place = format!("{file}:{}", scenario.position.line);
            return Err(FeaturesError::Keyword { place, word: word.to_owned(), nearest });
        }
    }
    Ok(())
}

/// A feature of one scenario: scenarios are then ordered freely, whatever file they stand in.
fn one(
    file: &str,
    feature: &gherkin::Feature,
    rule: Option<&gherkin::Rule>,
    mut scenario: gherkin::Scenario,
) -> Scenario {
    scenario.examples.clear();
    // A background is every scenario's own first steps, with places of its own.
    let backgrounds = [feature.background.clone(), rule.and_then(|rule| rule.background.clone())];
    let mut steps: Vec<gherkin::Step> =
        backgrounds.into_iter().flatten().flat_map(|background| background.steps).collect();
    steps.append(&mut scenario.steps);
    scenario.steps = steps;
    let tags = feature.tags.iter().chain(rule.into_iter().flat_map(|rule| &rule.tags));
    let mut tags: Vec<String> = tags.chain(&scenario.tags).cloned().collect();
    tags.sort();
    tags.dedup();
    scenario.tags.clone_from(&tags);
    let text = |step: &gherkin::Step| format!("{} {}", step.keyword.trim(), step.value);
    let plan = ScenarioPlan {
        id: format!("{file}:{}", scenario.position.line),
        feature: feature.name.clone(),
        name: scenario.name.clone(),
        tags,
        steps: scenario.steps.iter().map(text).collect(),
    };
    let feature = gherkin::Feature {
        background: None,
        scenarios: vec![scenario],
        rules: Vec::new(),
        ..feature.clone()
    };
    Scenario { plan, feature }
}

/// The parser tells its place only in its text: `Error at 3:5: {"…"}`.
fn bad(file: &str, error: &gherkin::ParseError) -> FeaturesError {
    let text = error.to_string();
    let rest = text.strip_prefix("Error at ").unwrap_or(&text);
    let mut parts = rest.splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.trim().parse().ok()).unwrap_or(1);
    let (line, column) = (number(), number());
    let expected = parts.next().unwrap_or(rest).trim().trim_matches(['{', '}']).to_owned();
    FeaturesError::Gherkin { file: file.to_owned(), line, column, expected }
}

/// Which scenarios are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    tags: Option<TagOperation>,
    name: Option<Regex>,
    places: Vec<String>,
}

impl Filter {
    /// From what was typed; nothing selects everything.
    pub fn new(
        tags: Option<&str>,
        name: Option<&str>,
        places: &[String],
    ) -> Result<Self, FeaturesError> {
        let tags = tags.map(|text| {
            text.parse::<TagOperation>().map_err(|error| FeaturesError::Tags {
                text: text.to_owned(),
                column: error.location.column,
                expected: error.expected.to_string(),
            })
        });
        let name = name.map(|text| {
            Regex::new(text).map_err(|source| FeaturesError::Name {
                text: text.to_owned(),
                source: Box::new(source),
            })
        });
        let places = places.iter().map(|place| place.trim_start_matches("./").to_owned()).collect();
        Ok(Self { tags: tags.transpose()?, name: name.transpose()?, places })
    }

    /// The scenarios that are wanted; a place at which none stands is an error, for it was typed with one in mind.
    pub fn select(&self, features: &Features) -> Result<Vec<Scenario>, FeaturesError> {
        for place in &self.places {
            if !features.scenarios.iter().any(|scenario| is_at(&scenario.plan, place)) {
                let distance =
                    |id: &String| strsim::damerau_levenshtein(id.as_str(), place.as_str());
                let ids = features.scenarios.iter().map(|scenario| scenario.plan.id.clone());
                let nearest = ids.min_by_key(distance);
                return Err(FeaturesError::Place { place: place.clone(), nearest });
            }
        }
        let wanted = |scenario: &&Scenario| {
            let plan = &scenario.plan;
            self.tags.as_ref().is_none_or(|tags| tags.eval(&plan.tags))
                && self.name.as_ref().is_none_or(|name| name.is_match(&plan.name))
                && (self.places.is_empty() || self.places.iter().any(|place| is_at(plan, place)))
        };
        Ok(features.scenarios.iter().filter(wanted).cloned().collect())
    }
}

/// `features`, `features/quota.feature`, or `features/quota.feature:12`.
fn is_at(plan: &ScenarioPlan, place: &str) -> bool {
    let file = plan.id.rsplit_once(':').map_or(plan.id.as_str(), |(file, _)| file);
    plan.id == place
        || file == place
        || file.starts_with(&format!("{}/", place.trim_end_matches('/')))
}

#[cfg(test)]
mod tests;
