//! Manuals whose text stands in the feature itself.

use super::super::catalogue::steps;
use super::super::outcome::StepResult;
use super::super::params::DocString;
use super::super::params::Who;
use super::super::shelf;
use super::super::world::FeatureWorld;
use crate::adapters::provision::ManualFile;

steps! {
    /// Uploads a manual of plain text with these words, and waits until it can be asked about.
    Given "{who} has the manual {text} that says" (world, who: Who, name: String, text: DocString) => has(world, who, name, text.0);
}

async fn has(world: &mut FeatureWorld, who: Who, name: String, text: String) -> StepResult {
    let file = ManualFile {
        key: name.clone(),
        filename: format!("{name}.txt"),
        content_type: "text/plain".to_owned(),
        bytes: text.into(),
    };
    shelf::send(world, &who, (&name, &file), None).await?;
    world.seen(&who)?.success()?;
    shelf::ready(world, &who, &name).await
}
