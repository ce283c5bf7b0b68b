//! Whether the run's files hold a secret: the users' tokens, the key that signs, a link that somebody could use.

use std::path::Path;

use verdict::domain::evidence::Conservation;
use verdict::domain::rule::Rule;
use verdict::domain::stage::SecretRef;
use verdict::judge::chaos::invariants::secrets::SECRETS_FOUND;

use crate::commands::load::prepare::Ready;

/// A signed link of S3 carries this.
const SIGNED_LINK: &str = "X-Amz-Signature=";
/// The description of a stage that dies with the run holds its key by design, readable by its owner alone.
const HOLDS_THE_KEY: &str = "stage.json";

/// How many files hold one.
pub(in crate::commands) fn found(ready: &Ready) -> Conservation {
    let mut secrets: Vec<&str> =
        ready.prepared.worker.users.iter().map(|user| user.access_token.as_str()).collect();
    secrets.push(SIGNED_LINK);
    if let SecretRef::Throwaway(key) = &ready.stage.description.hmac_key {
        secrets.push(key);
    }
    let files = std::fs::read_dir(ready.dir.path()).into_iter().flatten().flatten();
    let held = files.map(|entry| entry.path()).filter(|path| holds(path, &secrets)).count();
    Conservation {
        rule: Rule::Leak,
        what: SECRETS_FOUND.to_owned(),
        user: "anybody".to_owned(),
        expected_min: 0,
        expected_max: 0,
        seen: held as u64,
        ordinals: Vec::new(),
    }
}

fn holds(path: &Path, secrets: &[&str]) -> bool {
    if path.file_name().is_none_or(|name| name == HOLDS_THE_KEY) || !path.is_file() {
        return false;
    }
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret))
}
