//! The attack corpus (`fixtures/attacks/<family>.toml`): what is sent, where it is put, and which answers are harmless.
//!
//! **Harmless** means, for every attack, whatever its family:
//! - each answer is one of those that the attack names: its status, and the code of an error; never one of 5xx;
//! - it keeps the contract: all documented headers, a flat error, nothing of the service's inside;
//! - nothing of another user's stands in it, in whatever spelling; no header is one that the attack wanted to plant; and it is
//!   JSON or has no body, so that nothing of it is ever taken for HTML;
//! - what is charged and stored afterwards is what the answers say: one call for an answered question, one manual for
//!   a stored one, and nothing at all for a refusal; another user's rows, objects and counters are as before;
//! - nothing is sent anywhere else (where the stage can see that), but to the public host of an attack that says
//!   so (`visits`).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::non_empty::NonEmpty;

mod answer;
pub mod place;
mod resolve;
pub mod text;
pub mod tricks;

pub use answer::Allowed;
pub use place::Place;
pub use text::Template;
pub use tricks::{SignatureTrick, TokenTrick};

/// The schema that this build reads.
pub const ATTACKS_SCHEMA: &str = "manuel-attacks/1";

/// What a file of the corpus says.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFamily {
    /// Always [`ATTACKS_SCHEMA`].
    pub schema: String,
    /// The family; the file has its name.
    pub family: Family,
    /// One sentence: what is tried.
    pub title: String,
    /// The attacks, at least one.
    pub attack: Vec<RawAttack>,
}

/// What an attack tries.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    SqlInjection,
    Xss,
    PathTraversal,
    HeaderSmuggling,
    Jwt,
    Hmac,
    Ssrf,
    Oversized,
    Unicode,
    PromptInjection,
    /// No attacks: requests that look like one and must be answered.
    Legitimate,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::SqlInjection,
        Self::Xss,
        Self::PathTraversal,
        Self::HeaderSmuggling,
        Self::Jwt,
        Self::Hmac,
        Self::Ssrf,
        Self::Oversized,
        Self::Unicode,
        Self::PromptInjection,
        Self::Legitimate,
    ];

    /// As it is written, and as its file is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::SqlInjection => "sql_injection",
            Self::Xss => "xss",
            Self::PathTraversal => "path_traversal",
            Self::HeaderSmuggling => "header_smuggling",
            Self::Jwt => "jwt",
            Self::Hmac => "hmac",
            Self::Ssrf => "ssrf",
            Self::Oversized => "oversized",
            Self::Unicode => "unicode",
            Self::PromptInjection => "prompt_injection",
            Self::Legitimate => "legitimate",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// One attack, as written. Its payload is exactly one of `text`, `bytes`, `file`, `token` and `signature`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAttack {
    /// Unique in the corpus, words in lower case with dashes; it never changes.
    pub name: String,
    /// Where the payload is put.
    pub at: Place,
    /// Text, with marks such as `<<victim_manual>>` (`domain::attack::text` has all).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Bytes: the same, where `\xNN` is any byte, and `\r`, `\n`, `\t`, `\0` and `\\` are what they are in C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// The bytes of a file below `fixtures/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What is done to the attacker's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenTrick>,
    /// What is done to the attacker's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureTrick>,
    /// What stands for `<<repeat>>` in `text` or `bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// The answers that are harmless: `200`; `400 question_invalid`; `400 bare`, from the HTTP server itself or a
    /// gateway in front, before anything of ours saw the request; `closed`, no answer but the end of the connection.
    pub answers: Vec<String>,
    /// What a firewall in front does.
    pub edge: AtEdge,
    /// A request that only looks like an attack: it must be answered, and never be blocked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub legitimate: bool,
    /// What the answer to a legitimate question must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Whether a public host may be asked before the attack is refused (a download that is then redirected).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub visits: bool,
}

/// A text again and again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The text.
    pub of: String,
    /// How often.
    pub times: u32,
}

/// What a firewall in front of the API does with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtEdge {
    /// A rule of ours stops it: it answers itself.
    Blocked,
    /// A rule of one of AWS's managed groups does. These are closed: an edge that has no such groups may let it through.
    Managed,
    /// It lets it through: the backend has to be harmless by itself.
    Passes,
}

/// One attack that can be played.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attack {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Where the payload is put.
    pub place: Place,
    /// The payload.
    pub payload: Payload,
    /// Harmless answers.
    pub answers: NonEmpty<Allowed>,
    /// What a firewall does.
    pub edge: AtEdge,
    /// Whether it must be answered and never be blocked.
    pub legitimate: bool,
    /// What the answer must say.
    pub says: Option<String>,
    /// Whether a public host may be asked.
    pub visits: bool,
}

impl Attack {
    /// Whether a call may be charged, where everything is as it should be.
    pub fn may_be_charged(&self) -> bool {
        let success = |answer: &Allowed| matches!(answer, Allowed::Success(_));
        self.place.may_be_charged() && self.answers.as_slice().iter().any(success)
    }
}

/// What is put there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Payload {
    /// Bytes with marks.
    Template(Template),
    /// A file below `fixtures/`, by its path in there; whoever reads the corpus puts a [`Payload::Template`] in its place.
    File(String),
    /// A token.
    Token(TokenTrick),
    /// A signature.
    Signature(SignatureTrick),
}

/// Why a file of the corpus cannot be used: which key, and what was expected.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{problem}")]
pub struct AttackError {
    /// The key, as a path: `attack.3.answers`.
    pub key: Vec<String>,
    /// What is wrong and what was expected.
    pub problem: String,
}

/// Checks a file of the corpus; all problems at once.
pub fn resolve(raw: RawFamily) -> Result<Vec<Attack>, Vec<AttackError>> {
    resolve::resolve(raw)
}

#[cfg(test)]
#[path = "attack/tests.rs"]
mod tests;
