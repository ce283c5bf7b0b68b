//! Where the project is, and what the surroundings say about cargo. The environment is read here and handed on as
//! values; nothing is started here.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;

use super::bundle;

/// What marks the project root: a folder that has all of these.
const MARKERS: &[&str] = &["Cargo.toml", "harness", "backend", "fixtures"];

/// Names that are passed on to a program that the harness starts. Everything else stays behind: an engineer's own
/// AWS profile or proxy must never reach a backend under test.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "TZ",
    "USER",
    "LD_LIBRARY_PATH",
    "RUST_BACKTRACE",
    "HARNESS_STAGE",
    "LLVM_PROFILE_FILE",
];

/// What makes a nested cargo believe that it is part of an outer build. Some build scripts rerun when these change,
/// and with them every third-party crate above.
const CARGO_OUTER: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "OUT_DIR",
    "LD_LIBRARY_PATH",
];

/// The project root could not be found.
#[derive(Debug, Error)]
pub enum RootError {
    /// The working directory is gone or may not be read.
    #[error("cannot read the working directory")]
    WorkingDirectory {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Neither the working directory nor the executable is inside the project.
    #[error(
        "no project root found above {from}: it has Cargo.toml, harness/, backend/ and fixtures/"
    )]
    NotFound {
        /// Where the search began.
        from: PathBuf,
    },
}

/// How cargo is called on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CargoEnvironment {
    /// `CARGO` where the harness runs under cargo, else the name to look for in `PATH`.
    pub cargo: PathBuf,
    /// `CARGO_TARGET_DIR`, absolute.
    pub target_dir: Option<PathBuf>,
    /// The whole environment for a nested cargo.
    pub variables: BTreeMap<OsString, OsString>,
}

/// The nearest folder above the working directory, then above `exe`, that is the project root.
pub fn find(exe: &Path) -> Result<PathBuf, RootError> {
    let here = env::current_dir().map_err(|source| RootError::WorkingDirectory { source })?;
    here.ancestors()
        .chain(exe.ancestors())
        .find(|dir| is_root(dir))
        .map(Path::to_path_buf)
        .ok_or(RootError::NotFound { from: here.clone() })
}

/// What a program of a stage may inherit from the surroundings.
pub fn passed_on() -> BTreeMap<String, String> {
    PASSED_ON
        .iter()
        .filter_map(|name| {
            env::var_os(name)?.into_string().ok().map(|value| ((*name).to_owned(), value))
        })
        .collect()
}

/// The whole environment, for a harness that this one starts.
pub fn whole_environment() -> BTreeMap<OsString, OsString> {
    env::vars_os().collect()
}

/// The values of these variables, where they are set.
pub fn variables<const N: usize>(names: [&str; N]) -> [Option<String>; N] {
    names.map(|name| env::var_os(name)?.into_string().ok())
}

/// How to call cargo from inside a run of the harness, so that it rebuilds nothing that the outer build has made.
pub fn cargo_environment() -> CargoEnvironment {
    let variables = env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            !(CARGO_OUTER.contains(&name.as_ref())
                || name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_BIN_EXE_")
                || name.starts_with("NEXTEST"))
        })
        .collect();
    CargoEnvironment {
        cargo: env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from),
        target_dir: env::var_os("CARGO_TARGET_DIR")
            .map(PathBuf::from)
            .and_then(|dir| std::path::absolute(dir).ok()),
        variables,
    }
}

fn is_root(dir: &Path) -> bool {
    MARKERS.iter().all(|marker| dir.join(marker).exists()) || dir.join(bundle::FILE).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_the_executable() {
        let project = tempfile::tempdir().unwrap();
        for marker in MARKERS {
            std::fs::create_dir(project.path().join(marker)).unwrap();
        }
        assert!(is_root(project.path()));
        assert!(!is_root(&project.path().join("harness")));
        let exe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/harness");
        let found = find(&exe).unwrap();
        assert!(found.join("scenarios").exists(), "{}", found.display());
    }

    #[test]
    fn a_nested_cargo_does_not_see_the_outer_one() {
        let names = cargo_environment().variables;
        assert!(!names.contains_key(&OsString::from("CARGO_PKG_NAME")));
        assert!(!names.contains_key(&OsString::from("CARGO_MANIFEST_DIR")));
        assert!(names.contains_key(&OsString::from("PATH")));
        assert!(!passed_on().contains_key("AWS_PROFILE"));
    }
}
