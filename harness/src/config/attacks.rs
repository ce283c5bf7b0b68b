//! Reads the attack corpus, `fixtures/attacks/<family>.toml`: what is wrong is shown in the file, with the key underlined
//! and what was expected. Nothing is sent here.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use verdict::domain::attack;
use verdict::domain::attack::Attack;
use verdict::domain::attack::AttackError;
use verdict::domain::attack::Family;
use verdict::domain::attack::Payload;
use verdict::domain::attack::RawFamily;
use verdict::domain::attack::Template;
use verdict::domain::objective::parse::nearest;

use super::bad_toml::BadToml;
use super::bad_toml::File;
use super::bad_toml::Problem;

/// Where the corpus is, below the project root.
const FOLDER: &str = "fixtures/attacks";
/// Where the files are that attacks name.
const FIXTURES: &str = "fixtures";

/// The corpus cannot be used.
#[derive(Debug, Error)]
pub enum AttacksError {
    /// A folder or file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is nothing to play.
    #[error("{path} has no <family>.toml: a corpus without attacks would hold always")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file that is no family's.
    #[error("{FOLDER}/{found}.toml is named after no family{}; there are: {}", hint(near.as_ref()), known.join(", "))]
    Stranger {
        /// Its name without the ending.
        found: String,
        /// What it may have meant.
        near: Option<String>,
        /// Those that exist.
        known: Vec<String>,
    },
    /// Something in a file is wrong.
    #[error(transparent)]
    Bad(Box<BadToml>),
}

fn hint(near: Option<&String>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// The whole corpus below `root`, family by family in the order of their files' names.
pub fn read(root: &Path) -> Result<Vec<Attack>, AttacksError> {
    let folder = root.join(FOLDER);
    let mut corpus: Vec<Attack> = Vec::new();
    let mut names: BTreeMap<String, Family> = BTreeMap::new();
    for family in families(&folder)? {
        let name = format!("{FOLDER}/{}.toml", family.name());
        let path = root.join(&name);
        let text =
            std::fs::read_to_string(&path).map_err(|source| AttacksError::Read { path, source })?;
        let file = File { name: &name, text: &text, schema: "attacks.schema.json" };
        corpus.extend(one(root, file, family, &mut names).map_err(AttacksError::Bad)?);
    }
    if corpus.is_empty() { Err(AttacksError::Empty { path: folder }) } else { Ok(corpus) }
}

fn families(folder: &Path) -> Result<Vec<Family>, AttacksError> {
    let unreadable = |source| AttacksError::Read { path: folder.to_path_buf(), source };
    let mut families = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let family = Family::ALL.into_iter().find(|family| family.name() == stem);
        families.push(family.ok_or_else(|| stranger(stem))?);
    }
    families.sort_by_key(|family| family.name());
    Ok(families)
}

fn stranger(found: String) -> AttacksError {
    let known = Family::ALL.map(Family::name);
    let near = nearest(&found, known.into_iter()).map(str::to_owned);
    AttacksError::Stranger { found, near, known: known.map(str::to_owned).to_vec() }
}

fn one(
    root: &Path,
    file: File<'_>,
    family: Family,
    names: &mut BTreeMap<String, Family>,
) -> Result<Vec<Attack>, Box<BadToml>> {
    let raw: RawFamily = file.parse()?;
    let refuse = |problems: Vec<AttackError>| {
        file.problems(problems.iter().map(|error| Problem {
            key: &error.key,
            within: None,
            what: &error.problem,
        }))
    };
    if raw.family != family {
        let problem = format!("the file is that of `{family}`, and says `{}`", raw.family);
        return Err(refuse(vec![AttackError { key: vec!["family".to_owned()], problem }]));
    }
    let mut attacks = attack::resolve(raw).map_err(refuse)?;
    let mut problems = Vec::new();
    for (place, attack) in attacks.iter_mut().enumerate() {
        let mut refuse = |key: &str, problem: String| {
            let key = vec!["attack".to_owned(), place.to_string(), key.to_owned()];
            problems.push(AttackError { key, problem });
        };
        if let Some(first) = names.insert(attack.name.clone(), family) {
            refuse("name", format!("`{}` is there in {first}.toml, too", attack.name));
        }
        if let Payload::File(path) = &attack.payload {
            match fixture(root, path) {
                Ok(bytes) => attack.payload = Payload::Template(Template::plain(bytes)),
                Err(problem) => refuse("file", problem),
            }
        }
    }
    if problems.is_empty() { Ok(attacks) } else { Err(refuse(problems)) }
}

/// The bytes of a file below `fixtures/`, and of no other.
fn fixture(root: &Path, path: &str) -> Result<Vec<u8>, String> {
    let inside = Path::new(path)
        .components()
        .all(|component| matches!(component, std::path::Component::Normal(_)));
    if !inside {
        return Err(format!("`{path}` is not below {FIXTURES}/"));
    }
    std::fs::read(root.join(FIXTURES).join(path))
        .map_err(|error| format!("cannot read {FIXTURES}/{path}: {error}"))
}

#[cfg(test)]
#[path = "attacks/tests.rs"]
mod tests;
