//! The line of a round in the background: one of the pump, or a sweep. Nobody waits for its answer, so its line is all that
//! says that it comes, how long it takes, and whether work piles up.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use super::{APPLICATION, Figures, Ids, Line, emit, millis, of_dependencies};

/// What goes on in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Work goes into the knowledge base.
    Pump,
    /// What a crash left is repaired.
    Sweep,
}

impl Task {
    /// The value of the dimension, and what a round's figure is called.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Pump => ("pump", "OpenWork"),
            Self::Sweep => ("sweep", "Repairs"),
        }
    }
}

/// A round that ended.
#[derive(Debug, Clone, Copy)]
pub struct RoundEnded<'a> {
    /// `STAGE`
    pub stage: &'static str,
    /// When.
    pub at: OffsetDateTime,
    /// Of which task.
    pub task: Task,
    /// How long it took.
    pub took: Duration,
    /// What it found: open work, or repairs. None if it failed.
    pub found: Option<u64>,
    /// What the figure is made of: properties, which make no metric.
    pub parts: &'a [(&'static str, u32)],
    /// Of the round.
    pub ids: Ids<'a>,
}

/// Writes the lines of a round.
pub fn round(ended: &RoundEnded<'_>, figures: &Figures) {
    emit(&line(ended).with_ids(ended.ids));
    of_dependencies(ended.stage, ended.at, ended.ids, figures);
}

fn line(ended: &RoundEnded<'_>) -> Line {
    let (task, figure) = ended.task.words();
    let mut line = Line::new(ended.stage, ended.at);
    line.set("Task", json!(task));
    line.directive(APPLICATION, &[&["Stage", "Task"]]);
    line.metric("RoundDuration", "Milliseconds", json!(millis(ended.took)));
    line.metric("RoundFailed", "Count", json!(u8::from(ended.found.is_none())));
    if let Some(found) = ended.found {
        line.metric(figure, "Count", json!(found));
    }
    for (part, count) in ended.parts {
        line.set(part, json!(count));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_embedded;
    use super::*;

    #[test]
    fn a_round_says_what_it_found_or_that_it_failed() {
        let ended = RoundEnded {
            stage: "dev",
            at: OffsetDateTime::from_unix_timestamp(1_794_744_000).unwrap(),
            task: Task::Sweep,
            took: Duration::from_millis(1500),
            found: Some(3),
            parts: &[("recordings", 2), ("jobs", 1)],
            ids: Ids { request_id: "r-1", trace_id: "t-1" },
        };
        let said = line(&ended).with_ids(ended.ids);
        assert_embedded(&said);
        assert_eq!((&said["Task"], &said["RoundDuration"]), (&json!("sweep"), &json!(1500.0)));
        assert_eq!((&said["RoundFailed"], &said["Repairs"]), (&json!(0), &json!(3)));
        assert_eq!((&said["recordings"], &said["trace_id"]), (&json!(2), &json!("t-1")));
        assert!(!said["_aws"].to_string().contains("recordings"), "a property is no metric");

        let failed = RoundEnded { task: Task::Pump, found: None, parts: &[], ..ended };
        let said = line(&failed).with_ids(failed.ids);
        assert_embedded(&said);
        assert_eq!((&said["Task"], &said["RoundFailed"]), (&json!("pump"), &json!(1)));
        assert!(said.get("OpenWork").is_none(), "nothing was seen, which is not zero");
    }
}
