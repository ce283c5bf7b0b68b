//! Reads a load profile, `scenarios/load/<name>.toml`: what is wrong is shown in the file, with the key underlined and
//! what was expected; a name that does not exist gets the ones that do.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use verdict::domain::objective::parse::nearest;
use verdict::domain::profile::Profile;

use super::bad_toml::BadToml;
use super::bad_toml::File;
use super::bad_toml::Problem;

/// Where profiles are, below the project root.
const FOLDER: &str = "scenarios/load";

/// A profile cannot be used.
#[derive(Debug, Error)]
pub enum ProfileFileError {
    /// No such profile.
    #[error("there is no profile `{name}`{}; there are: {}", hint(near.as_ref()), known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What it may have meant.
        near: Option<String>,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The folder or the file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something in the file is wrong.
    #[error(transparent)]
    Bad(Box<BadToml>),
}

fn hint(near: Option<&String>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// Names of the profiles below `root`.
pub fn names(root: &Path) -> Result<Vec<String>, ProfileFileError> {
    let folder = root.join(FOLDER);
    let unreadable = |source| ProfileFileError::Read { path: folder.clone(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The profile of this name.
pub fn read(root: &Path, name: &str) -> Result<Profile, ProfileFileError> {
    let known = names(root)?;
    if !known.iter().any(|known| known == name) {
        let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        return Err(ProfileFileError::Unknown { name: name.to_owned(), near, known });
    }
    let relative = format!("{FOLDER}/{name}.toml");
    let path = root.join(&relative);
    let text =
        std::fs::read_to_string(&path).map_err(|source| ProfileFileError::Read { path, source })?;
    parse(&relative, &text).map_err(ProfileFileError::Bad)
}

/// A profile from its text; `file` is named in what is wrong.
pub fn parse(file: &str, text: &str) -> Result<Profile, Box<BadToml>> {
    let file = File { name: file, text, schema: "profile.schema.json" };
    Profile::resolve(file.parse()?).map_err(|errors| {
        file.problems(errors.iter().map(|error| Problem {
            key: &error.key,
            within: error.within,
            what: &error.problem,
        }))
    })
}

#[cfg(test)]
#[path = "profile_file/tests.rs"]
mod tests;
