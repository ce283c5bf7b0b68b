//! What `--stage` says: the name of a file in `scenarios/stages/`, or a file. It contacts nothing.

use std::path::Path;
use std::path::PathBuf;

use verdict::domain::objective::parse::nearest;
use verdict::domain::stage::StageDescription;
use verdict::domain::stage_recipe::StageRecipeFile;

use super::stage_file;
use super::stage_file::StageFileError;
use super::stage_file::Written;

/// Where stage files are, below the project root.
pub const FOLDER: &str = "scenarios/stages";

/// A stage that was named.
#[derive(Clone, Debug)]
pub enum Named {
    /// One to put up.
    Recipe(StageRecipeFile),
    /// One that stands, and its file.
    Standing(PathBuf, Box<StageDescription>),
}

impl Named {
    /// The stage's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Recipe(recipe) => &recipe.name,
            Self::Standing(_, description) => &description.name,
        }
    }
}

/// Names of the stage files below `root`.
pub fn names(root: &Path) -> Vec<String> {
    super::toml_names(&root.join(FOLDER))
}

/// The file that `text` names: a name of the project's, or a path.
pub fn file(root: &Path, text: &str) -> Result<PathBuf, StageFileError> {
    let known = names(root);
    if known.iter().any(|name| name == text) {
        return Ok(root.join(FOLDER).join(format!("{text}.toml")));
    }
    let path = PathBuf::from(text);
    if path.exists() || text.contains(['/', '.']) {
        return Ok(path);
    }
    let near = nearest(text, known.iter().map(String::as_str)).map(str::to_owned);
    Err(StageFileError::Unknown { name: text.to_owned(), near, known })
}

/// The stage that `text` names, with every secret of one that stands resolved to its value.
pub fn read(root: &Path, text: &str) -> Result<Named, StageFileError> {
    let path = file(root, text)?;
    match stage_file::read_any(&path)? {
        Written::Recipe(recipe) => Ok(Named::Recipe(recipe)),
        Written::Standing(description) => Ok(Named::Standing(path, description)),
    }
}

/// The same without the secrets: what it is called, and what it would be.
pub fn look(root: &Path, text: &str) -> Result<Named, StageFileError> {
    let path = file(root, text)?;
    match stage_file::read_unresolved(&path)? {
        Written::Recipe(recipe) => Ok(Named::Recipe(recipe)),
        Written::Standing(description) => Ok(Named::Standing(path, description)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_of_the_project_can_be_looked_at() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let names = names(root);
        for wanted in ["as-remote", "embedded", "localstack", "localstack-host", "remote-example"] {
            assert!(names.iter().any(|name| name == wanted), "{names:?}");
        }
        for name in names {
            let named = look(root, &name).unwrap();
            assert!(named.name() == name || name == "remote-example", "{name}");
        }
        let error = look(root, "embeded").unwrap_err();
        assert!(error.to_string().contains("did you mean `embedded`?"), "{error}");
    }
}
