//! Which certificate authorities a process believes, beside those that the machine trusts: a test stage has one of its own.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use reqwest::Certificate;
use thiserror::Error;

/// For all clients that are made from then on.
static BELIEVED: Mutex<Vec<Certificate>> = Mutex::new(Vec::new());

/// An authority that cannot be believed.
#[derive(Debug, Error)]
pub enum TrustError {
    /// Its file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It holds no certificate.
    #[error("{path} holds no certificate in PEM")]
    Certificate {
        /// Which.
        path: PathBuf,
    },
}

/// Believes the authorities in the PEM file at `path`, in every client that is made from now on.
///
/// # Errors
/// If the file cannot be read, or holds no certificate.
pub fn believe(path: &Path) -> Result<(), TrustError> {
    let pem = std::fs::read(path)
        .map_err(|source| TrustError::Read { path: path.to_path_buf(), source })?;
    let none = || TrustError::Certificate { path: path.to_path_buf() };
    let certificates = Certificate::from_pem_bundle(&pem).ok().ok_or_else(none)?;
    if certificates.is_empty() {
        return Err(none());
    }
    BELIEVED.lock().unwrap_or_else(PoisonError::into_inner).extend(certificates);
    Ok(())
}

/// What is believed.
pub(crate) fn believed() -> Vec<Certificate> {
    BELIEVED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_named() {
        let missing = believe(Path::new("/no/such.pem")).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read /no/such.pem"), "{missing}");
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let none = believe(&here).unwrap_err();
        assert!(none.to_string().contains("holds no certificate"), "{none}");
    }
}
