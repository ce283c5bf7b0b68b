//! What people and the machine give us: files, the environment, the project root. Raw in, domain out; errors name the
//! place and what was expected.

pub mod attacks;
pub mod bad_toml;
pub mod bundle;
pub mod chaos_file;
pub mod chaos_rules;
pub mod features;
pub mod fixtures;
pub mod policy_file;
pub mod profile_file;
pub mod questions;
pub mod root;
pub mod selftest_file;
pub mod stage_file;
pub mod stage_names;
pub mod voices;

/// Names of the TOML files in `folder`, without their ending, in order; none where it cannot be read.
fn toml_names(folder: &std::path::Path) -> Vec<String> {
    let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}
