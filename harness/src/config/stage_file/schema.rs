//! The JSON schema of stage descriptions, as it is committed in `docs/schemas/`.

use schemars::schema_for;
use verdict::domain::stage::StageDescription;

/// The schema's text, with a newline at its end. Keys are sorted: the same bytes on any machine.
pub fn schema_text() -> Result<String, serde_json::Error> {
    let schema = serde_json::to_value(schema_for!(StageDescription))?;
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}
