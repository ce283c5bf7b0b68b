//! The JSON schema of stage files, as it is committed in `docs/schemas/`: one that stands, or how one is put up.

use schemars::JsonSchema;
use schemars::schema_for;
use serde::Serialize;
use verdict::domain::stage::StageDescription;
use verdict::domain::stage_recipe::StageRecipeFile;

/// A stage file.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of interest")]
enum StageFile {
    /// How to put a stage up.
    Recipe(StageRecipeFile),
    /// A stage that stands.
    Standing(Box<StageDescription>),
}

/// The schema's text, with a newline at its end. Keys are sorted: the same bytes on any machine.
pub fn schema_text() -> Result<String, serde_json::Error> {
    let mut schema = schema_for!(StageFile);
    let value = {
        schema.ensure_object();
        let mut value = schema.to_value();
        value.sort_all_objects();
        value
    };
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}
