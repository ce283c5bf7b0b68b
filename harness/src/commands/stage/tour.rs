//! A shell script that calls every route of a stage once, by curl, and says which answer is not what it should be.
//! Written beside stage.json; it holds a token and the signing key, so only its owner may read it.

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use manuel_client::Session;
use serde_json::json;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::StageDescription;

/// What is the same for every stage.
const CALLS: &str = include_str!("tour.sh");

/// The recording that is sent as a spoken question.
const VOICE: &str = "fixtures/voice";

/// The lines of the script that call a route, for people.
pub(super) fn calls() -> Vec<String> {
    let is_call = |line: &&str| line.starts_with("expect ") || line.starts_with("signed ");
    CALLS.lines().filter(is_call).map(|line| format!("  {line}")).collect()
}

/// Writes the script; none when the stage keeps its signing key elsewhere.
pub(super) fn write(
    stage: &StageDescription,
    session: &Session,
    question: &str,
    (run_dir, root): (&Path, &Path),
) -> io::Result<Option<PathBuf>> {
    let SecretRef::Throwaway(key) = &stage.hmac_key else { return Ok(None) };
    let voice = root.join(VOICE).join("router-01.wav");
    let head = [
        ("BASE", stage.base_url.clone()),
        ("TOKEN", session.access_token.expose().to_owned()),
        ("KEY", key.clone()),
        ("VOICE", voice.display().to_string()),
        ("QUESTION", json!({ "question": question }).to_string()),
    ]
    .map(|(name, value)| format!("{name}={}\n", quoted(&value)))
    .concat();
    let path = run_dir.join("tour.sh");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(format!("#!/usr/bin/env bash\n{head}{CALLS}").as_bytes())?;
    Ok(Some(path))
}

/// In single quotes, as a shell reads it back unchanged.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_ends_no_quote() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn every_call_is_shown_and_every_method_is_among_them() {
        let calls = calls();
        assert!(calls.len() > 15, "{calls:?}");
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            assert!(calls.iter().any(|call| call.contains(method)), "{method}");
        }
    }
}
