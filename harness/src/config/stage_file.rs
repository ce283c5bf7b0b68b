//! Reads a stage description for `--stage FILE` (JSON, or TOML by the file's name). What is wrong is shown in the
//! file, with what was expected; references to secrets are resolved here. It contacts nothing.

mod bad_file;
mod schema;

use std::env;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use url::Host;
use url::Url;
use verdict::domain::stage::STAGE_SCHEMA;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::StageDescription;
use verdict::domain::stage_recipe::StageRecipeFile;

pub use bad_file::BadStageFile;
pub use schema::schema_text;

use bad_file::Format;

/// The stage file cannot be used.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum StageFileError {
    /// It cannot be read.
    #[error("cannot read the stage file {path}")]
    #[diagnostic(help("`harness stage up` writes a stage.json and prints where"))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It does not parse, or a key or value in it is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Bad(Box<BadStageFile>),
    /// A name that no file has.
    #[error("there is no stage `{name}`{}; there are: {}", hint(near.as_ref()), known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What it may have meant.
        near: Option<String>,
        /// Those that exist.
        known: Vec<String>,
    },
    /// A file that says how a stage is put up, where one that stands is needed.
    #[error("{path} says how a stage is put up; it describes none that stands")]
    #[diagnostic(help("`harness stage up --stage NAME` puts it up and prints its stage.json"))]
    NotStanding {
        /// The file.
        path: PathBuf,
    },
    /// A value that would let a secret or a fault get out.
    #[error("{key} of {path}: {problem}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key in it.
        key: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A secret that is not there.
    #[error("{key} of {path} names {reference}, which cannot be resolved")]
    #[diagnostic(help("export the variable, or let the stage file hold a throwaway value"))]
    Secret {
        /// The file.
        path: PathBuf,
        /// The key in it.
        key: String,
        /// What it names.
        reference: String,
    },
}

fn hint(near: Option<&String>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// What a stage file says.
#[derive(Clone, Debug)]
pub enum Written {
    /// How to put a stage up.
    Recipe(StageRecipeFile),
    /// A stage that stands.
    Standing(Box<StageDescription>),
}

/// The stage that `path` describes, with every secret resolved to its value. Its schema is checked before anything
/// else, so that a file of another version is named as that.
pub fn read(path: &Path) -> Result<StageDescription, StageFileError> {
    match read_any(path)? {
        Written::Standing(stage) => Ok(*stage),
        Written::Recipe(_) => Err(StageFileError::NotStanding { path: path.to_path_buf() }),
    }
}

/// What `path` says, with every secret resolved to its value.
pub fn read_any(path: &Path) -> Result<Written, StageFileError> {
    let mut written = read_unresolved(path)?;
    if let Written::Standing(stage) = &mut written {
        resolve_secrets(path, stage)?;
    }
    Ok(written)
}

/// What `path` says, with its references to secrets.
pub fn read_unresolved(path: &Path) -> Result<Written, StageFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| StageFileError::Read { path: path.to_path_buf(), source })?;
    let format = Format::of(path);
    match format.schema(&text) {
        Some(schema) if schema != STAGE_SCHEMA => {
            let bad = BadStageFile::unknown_schema(path, &text, &schema);
            return Err(StageFileError::Bad(Box::new(bad)));
        }
        Some(_) | None => {}
    }
    let bad =
        |fault: bad_file::Fault| StageFileError::Bad(Box::new(fault.into_bad_file(path, &text)));
    if format.is_recipe(&text) {
        return format.parse(&text).map(Written::Recipe).map_err(bad);
    }
    let mut stage: StageDescription = format.parse(&text).map_err(bad)?;
    checked(path, &stage)?;
    beside(path, &mut stage);
    Ok(Written::Standing(Box::new(stage)))
}

/// What must be so of any stage that stands: admin APIs only on this machine, no plain HTTP and no secrets in clear text
/// elsewhere.
fn checked(path: &Path, stage: &StageDescription) -> Result<(), StageFileError> {
    let wrong = |key: &str, problem: String| {
        let (path, key) = (path.to_path_buf(), key.to_owned());
        Err(StageFileError::Value { path, key, problem })
    };
    let admin = [
        ("admin.emulators_url", &stage.admin.emulators_url),
        ("admin.lambda_url", &stage.admin.lambda_url),
        ("admin.edge_url", &stage.admin.edge_url),
        ("admin.toxiproxy_url", &stage.admin.toxiproxy_url),
    ];
    for (key, url) in admin {
        if let Some(url) = url.as_ref().filter(|url| !is_local(url)) {
            let problem =
                format!("{url} is not on this machine (127.0.0.0/8), and has no password");
            return wrong(key, problem);
        }
    }
    let endpoints =
        stage.endpoints.iter().map(|(service, url)| (format!("endpoints.{service}"), url));
    let urls = [
        ("base_url".to_owned(), &stage.base_url),
        ("cognito.endpoint".to_owned(), &stage.cognito.endpoint),
    ];
    let mut local = true;
    for (key, url) in urls.into_iter().chain(endpoints) {
        if is_local(url) {
            continue;
        }
        local = false;
        if !url.starts_with("https://") {
            let problem = format!(
                "{url} is not on this machine, and tokens would go there in clear text; expected https://"
            );
            return wrong(&key, problem);
        }
    }
    if local {
        return Ok(());
    }
    let throwaway = |secret: &SecretRef| matches!(secret, SecretRef::Throwaway(_));
    let mut secrets = vec![("hmac_key", &stage.hmac_key)];
    let pairs = [
        ("store_credentials.secret_access_key", &stage.store_credentials),
        ("cognito.admin_credentials.secret_access_key", &stage.cognito.admin_credentials),
    ];
    for (key, pair) in pairs {
        secrets.extend(pair.as_ref().map(|pair| (key, &pair.secret_access_key)));
    }
    secrets.extend(stage.users.iter().map(|user| ("users.password", &user.password)));
    match secrets.into_iter().find(|(_, secret)| throwaway(secret)) {
        Some((key, _)) => {
            let problem = "stands in the file in clear text; expected `env` or `secrets_manager` for a stage that is not on this machine";
            wrong(key, problem.to_owned())
        }
        None => Ok(()),
    }
}

/// Files that a stage file names lie beside it.
fn beside(path: &Path, stage: &mut StageDescription) {
    if let Some(file) = &mut stage.tls_ca_file {
        let folder = path.parent().unwrap_or(Path::new("."));
        let joined = folder.join(&file);
        *file = std::path::absolute(&joined).unwrap_or(joined).display().to_string();
    }
}

/// Whether what answers at `url` is this machine.
pub fn is_local(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        // No other name: what it resolves to is not in the file.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn resolve_secrets(path: &Path, stage: &mut StageDescription) -> Result<(), StageFileError> {
    let mut secrets = vec![("hmac_key".to_owned(), &mut stage.hmac_key)];
    if let Some(credentials) = &mut stage.store_credentials {
        let key = "store_credentials.secret_access_key".to_owned();
        secrets.push((key, &mut credentials.secret_access_key));
    }
    if let Some(credentials) = &mut stage.cognito.admin_credentials {
        let key = "cognito.admin_credentials.secret_access_key".to_owned();
        secrets.push((key, &mut credentials.secret_access_key));
    }
    for (ordinal, user) in stage.users.iter_mut().enumerate() {
        secrets.push((format!("users[{ordinal}].password"), &mut user.password));
    }
    for (key, secret) in secrets {
        let value = match secret {
            // The second is read when a run begins: this contacts nothing.
            SecretRef::Throwaway(_) | SecretRef::SecretsManager(_) => continue,
            SecretRef::Env(name) => variable(name).ok_or_else(|| format!("the variable {name}")),
        };
        let path = path.to_path_buf();
        *secret = SecretRef::Throwaway(value.map_err(|reference| StageFileError::Secret {
            path,
            key,
            reference,
        })?);
    }
    Ok(())
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "stage_file/tests.rs"]
mod tests;
