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
    /// A stage that is not on this machine.
    #[error("{key} of {path} is {url}, which is not on this machine")]
    #[diagnostic(help(
        "this build drives stages on 127.0.0.0/8 only; deployed stages come with a later issue"
    ))]
    NotLocal {
        /// The file.
        path: PathBuf,
        /// The key in it.
        key: String,
        /// Its value.
        url: String,
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

/// The stage that `path` describes, with every secret resolved to its value. Its schema is checked before anything
/// else, so that a file of another version is named as that.
pub fn read(path: &Path) -> Result<StageDescription, StageFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| StageFileError::Read { path: path.to_path_buf(), source })?;
    let format = Format::of(path);
    let mut stage = parse(path, &text, format).map_err(StageFileError::Bad)?;
    local_only(path, &stage)?;
    resolve_secrets(path, &mut stage)?;
    Ok(stage)
}

fn parse(path: &Path, text: &str, format: Format) -> Result<StageDescription, Box<BadStageFile>> {
    match format.schema(text) {
        Some(schema) if schema != STAGE_SCHEMA => {
            Err(Box::new(BadStageFile::unknown_schema(path, text, &schema)))
        }
        Some(_) | None => {
            format.parse(text).map_err(|fault| Box::new(fault.into_bad_file(path, text)))
        }
    }
}

fn local_only(path: &Path, stage: &StageDescription) -> Result<(), StageFileError> {
    let single = [
        ("base_url".to_owned(), Some(&stage.base_url)),
        ("cognito.endpoint".to_owned(), Some(&stage.cognito.endpoint)),
        ("admin.emulators_url".to_owned(), stage.admin.emulators_url.as_ref()),
        ("admin.lambda_url".to_owned(), stage.admin.lambda_url.as_ref()),
        ("admin.edge_url".to_owned(), stage.admin.edge_url.as_ref()),
        ("admin.injector_url".to_owned(), stage.admin.injector_url.as_ref()),
        ("admin.toxiproxy_url".to_owned(), stage.admin.toxiproxy_url.as_ref()),
    ];
    let endpoints =
        stage.endpoints.iter().map(|(service, url)| (format!("endpoints.{service}"), Some(url)));
    for (key, url) in single.into_iter().chain(endpoints) {
        let Some(url) = url else { continue };
        if !is_local(url) {
            let (path, url) = (path.to_path_buf(), url.clone());
            return Err(StageFileError::NotLocal { path, key, url });
        }
    }
    Ok(())
}

fn is_local(url: &str) -> bool {
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
            SecretRef::Throwaway(_) => continue,
            SecretRef::Env(name) => variable(name).ok_or_else(|| format!("the variable {name}")),
            SecretRef::SecretsManager(id) => Err(format!("the secret {id} of Secrets Manager")),
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
