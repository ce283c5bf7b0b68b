//! Takes away what a run made on a stage that stays.

use super::prepare::Ready;
use crate::adapters::provision::leftovers;
use crate::adapters::provision::leftovers::Leftovers;
use crate::cli::output::note;

/// Users and their manuals; what cannot be taken away stays written down for `stage sweep`.
pub(in crate::commands) async fn take_away(ready: &Ready) {
    let file = ready.dir.file(leftovers::FILE);
    let Ok(text) = std::fs::read_to_string(&file) else { return };
    let Ok(left) = serde_json::from_str::<Leftovers>(&text) else { return };
    note(&format!("taking away {} users and their manuals", left.users.len()));
    match leftovers::remove(&ready.stage.description, &left.users).await {
        Ok(kept) if kept.is_empty() => drop(std::fs::remove_file(&file)),
        Ok(kept) => {
            let (user, why) = &kept[0];
            note(&format!(
                "warning: {} users stay ({user}: {why}); `harness stage sweep` tries again",
                kept.len()
            ));
        }
        Err(error) => note(&format!("warning: nothing was taken away: {error}")),
    }
}
