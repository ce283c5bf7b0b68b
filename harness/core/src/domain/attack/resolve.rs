//! Raw attacks in, attacks out; every problem with its key.

use std::collections::BTreeSet;

use super::answer::Allowed;
use super::place::{Place, Takes};
use super::text;
use super::{ATTACKS_SCHEMA, AtEdge, Attack, AttackError, Payload, RawAttack, RawFamily};
use crate::domain::non_empty::NonEmpty;

/// A payload of this many bytes fits into one request of any stage, or is refused by its length alone.
const REPEATED_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn resolve(raw: RawFamily) -> Result<Vec<Attack>, Vec<AttackError>> {
    let mut problems = Problems::default();
    if raw.schema != ATTACKS_SCHEMA {
        let problem =
            format!("unknown schema `{}`; this build reads `{ATTACKS_SCHEMA}`", raw.schema);
        problems.add(&["schema"], problem);
        return Err(problems.0);
    }
    if raw.title.trim().is_empty() {
        problems.add(&["title"], "expected one sentence".to_owned());
    }
    if raw.attack.is_empty() {
        problems.add(&["attack"], "expected at least one attack".to_owned());
    }
    let mut names = BTreeSet::new();
    let mut attacks = Vec::new();
    for (place, attack) in raw.attack.into_iter().enumerate() {
        let at = place.to_string();
        if !names.insert(attack.name.clone()) {
            problems.add(&["attack", &at, "name"], format!("`{}` is there twice", attack.name));
        }
        match one(raw.family, attack) {
            Ok(attack) => attacks.push(attack),
            Err(found) => {
                for (key, problem) in found {
                    problems.add(&["attack", &at, key], problem);
                }
            }
        }
    }
    if problems.0.is_empty() { Ok(attacks) } else { Err(problems.0) }
}

#[derive(Default)]
struct Problems(Vec<AttackError>);

impl Problems {
    fn add(&mut self, key: &[&str], problem: String) {
        let key = key.iter().map(|part| (*part).to_owned()).collect();
        self.0.push(AttackError { key, problem });
    }
}

type Found = (&'static str, String);

fn one(family: super::Family, raw: RawAttack) -> Result<Attack, Vec<Found>> {
    let mut found = Vec::new();
    if !is_name(&raw.name) {
        found.push(("name", "expected words in lower case with dashes".to_owned()));
    }
    let payload = payload(&raw).map_err(|problem| found.push(problem)).ok();
    let answers = answers(&raw.answers).map_err(|problem| found.push(("answers", problem))).ok();
    let legitimate = raw.legitimate || family == super::Family::Legitimate;
    if legitimate {
        let refused = raw.answers.iter().any(|answer| !answer.starts_with('2'));
        if refused {
            found.push(("answers", "a legitimate request is answered: 2xx only".to_owned()));
        }
        if raw.edge != AtEdge::Passes {
            found.push(("edge", "a legitimate request passes".to_owned()));
        }
    }
    if raw.says.is_some() && !(legitimate && raw.at.asks()) {
        found.push(("says", "only a legitimate question has something to say".to_owned()));
    }
    let fetches = matches!(
        raw.at,
        Place::DownloadUrl | Place::Filename(super::place::FilenameCall::Download)
    );
    if raw.visits && !fetches {
        found.push(("visits", "only a download asks a host".to_owned()));
    }
    match (payload, answers) {
        (Some(payload), Some(answers)) if found.is_empty() => Ok(Attack {
            family,
            name: raw.name,
            place: raw.at,
            payload,
            answers,
            edge: raw.edge,
            legitimate,
            says: raw.says,
            visits: raw.visits,
        }),
        _ => Err(found),
    }
}

fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.split('-').all(word)
}

fn answers(raw: &[String]) -> Result<NonEmpty<Allowed>, String> {
    let parsed: Result<Vec<Allowed>, String> =
        raw.iter().map(|text| text.parse().map_err(|why| format!("`{text}`: {why}"))).collect();
    NonEmpty::new(parsed?).ok_or_else(|| "expected at least one answer".to_owned())
}

fn payload(raw: &RawAttack) -> Result<Payload, Found> {
    let given = [
        ("text", raw.text.is_some()),
        ("bytes", raw.bytes.is_some()),
        ("file", raw.file.is_some()),
        ("token", raw.token.is_some()),
        ("signature", raw.signature.is_some()),
    ];
    let given: Vec<&'static str> =
        given.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect();
    let taken: &[&str] = match raw.at.takes() {
        Takes::Text => &["text"],
        Takes::Bytes => &["text", "bytes"],
        Takes::BytesOrFile => &["text", "bytes", "file"],
        Takes::TokenOrText => &["text", "token"],
        Takes::SignatureOrText => &["text", "signature"],
    };
    let one_of = || taken.join("`, `");
    let [key] = given[..] else {
        let what = if given.is_empty() { "none" } else { "more than one" };
        return Err(("name", format!("expected one of `{}`, and there is {what}", one_of())));
    };
    if !taken.contains(&key) {
        return Err((key, format!("here goes one of `{}`", one_of())));
    }
    let repeat = raw.repeat.as_ref().map(|repeat| (repeat.of.as_str(), repeat.times));
    let bytes = repeat.map(|(of, times)| of.len().saturating_mul(times as usize));
    if bytes.is_some_and(|bytes| bytes == 0 || bytes > REPEATED_BYTES_MAX) {
        return Err(("repeat", format!("expected 1 to {REPEATED_BYTES_MAX} bytes")));
    }
    let template = |text: &str, escaped| {
        text::parse(text, escaped, repeat).map(Payload::Template).map_err(|why| (key, why))
    };
    match raw {
        RawAttack { text: Some(text), .. } => template(text, false),
        RawAttack { bytes: Some(text), .. } => template(text, true),
        _ if repeat.is_some() => Err(("repeat", "goes with `text` or `bytes`".to_owned())),
        RawAttack { file: Some(file), .. } => Ok(Payload::File(file.clone())),
        RawAttack { token: Some(trick), .. } => Ok(Payload::Token(*trick)),
        RawAttack { signature: Some(trick), .. } => Ok(Payload::Signature(*trick)),
        _ => Err(("name", format!("expected one of `{}`", one_of()))),
    }
}
