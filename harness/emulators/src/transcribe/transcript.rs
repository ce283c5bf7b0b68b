//! The file that a finished job leaves: AWS's shape, words and punctuation apart, each word with its
//! share of the recording. Pure.
use std::time::Duration;

use serde_json::{Value, json};

/// A job as its transcript tells it.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) job: &'a str,
    pub(super) account_id: &'a str,
    pub(super) text: &'a str,
    pub(super) length: Duration,
}

impl Told<'_> {
    /// The file's content.
    pub(super) fn json(&self) -> Value {
        json!({
            "jobName": self.job,
            "accountId": self.account_id,
            "status": "COMPLETED",
            "results": {
                "transcripts": [{"transcript": self.text}],
                "items": items(self.text, self.length),
            },
        })
    }
}

/// Words share the time by their letters, so that they follow each other and end with the recording.
fn items(text: &str, length: Duration) -> Vec<Value> {
    let letters: usize = text.split_whitespace().map(|word| word.chars().count()).sum();
    let at = |letter: usize| {
        let letter = u32::try_from(letter).unwrap_or(u32::MAX);
        let all = u32::try_from(letters.max(1)).unwrap_or(u32::MAX);
        format!("{:.3}", length.as_secs_f64() * f64::from(letter) / f64::from(all))
    };
    let (mut items, mut from) = (Vec::new(), 0);
    for word in text.split_whitespace() {
        let until = from + word.chars().count();
        let spoken = word.trim_end_matches(['.', ',', '?', '!', ';', ':']);
        if !spoken.is_empty() {
            items.push(json!({
                "id": items.len(), "type": "pronunciation",
                "alternatives": [{"confidence": "0.999", "content": spoken}],
                "start_time": at(from), "end_time": at(until),
            }));
        }
        for mark in word[spoken.len()..].chars() {
            items.push(json!({
                "id": items.len(), "type": "punctuation",
                "alternatives": [{"confidence": "0.0", "content": mark.to_string()}],
            }));
        }
        from = until;
    }
    items
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Told;

    #[test]
    fn words_and_punctuation_are_items_of_their_own() {
        let told = Told {
            job: "j",
            account_id: "1",
            text: "How many, now?",
            length: Duration::from_secs(12),
        };
        let json = told.json();
        assert_eq!(json["results"]["transcripts"][0]["transcript"], "How many, now?");
        let items = json["results"]["items"].as_array().unwrap();
        let contents: Vec<_> =
            items.iter().map(|item| item["alternatives"][0]["content"].as_str().unwrap()).collect();
        assert_eq!(contents, ["How", "many", ",", "now", "?"]);
        assert_eq!(
            (&items[0]["start_time"], &items[0]["end_time"]),
            (&"0.000".into(), &"3.000".into())
        );
        assert_eq!(items[3]["end_time"], "12.000");
        assert!(items[2].get("start_time").is_none());
    }

    #[test]
    fn silence_has_an_empty_transcript() {
        let told = Told { job: "j", account_id: "1", text: "", length: Duration::from_secs(1) };
        let results = &told.json()["results"];
        assert_eq!(results["transcripts"][0]["transcript"], "");
        assert!(results["items"].as_array().unwrap().is_empty());
    }
}
