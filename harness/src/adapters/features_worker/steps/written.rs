//! Manuals whose text stands in the feature itself.

use manuel_client::Request;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepResult;
use super::super::params::DocString;
use super::super::params::Who;
use super::super::world::FeatureWorld;
use super::manuals::ready;

steps! {
    /// Uploads a manual of plain text with these words, and waits until it can be asked about.
    Given "{who} has the manual {text} that says" (world, who: Who, name: String, text: DocString) => has(world, who, name, text.0);
}

async fn has(world: &mut FeatureWorld, who: Who, name: String, text: String) -> StepResult {
    let request = Request::UploadManual {
        filename: format!("{name}.txt"),
        content_type: "text/plain".to_owned(),
        bytes: text.into(),
        idempotency_key: None,
    };
    let seen = world.send(&who, request).await?;
    seen.success()?;
    if let Parsed::Uploaded(uploaded) = &seen.parsed {
        let id = uploaded.manual_id.clone();
        let key = name.clone();
        world.change(&who, |person| drop(person.manuals.insert(key, id))).await?;
    }
    ready(world, &who, &name).await
}
