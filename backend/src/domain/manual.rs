//! A manual: its row, its keys in the bucket, the names it may have.

use crate::domain::document::DocumentType;
use crate::domain::ingestion::Outcome;
use crate::domain::text::{is_control, is_line_separator};
use crate::domain::user::UserId;

/// The longest name of a manual, in characters.
const NAME_CHARS_MAX: usize = 255;

/// The row of a manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    /// A UUID.
    pub id: String,
    /// The name of the file that was uploaded.
    pub name: String,
    /// RFC 3339, UTC.
    pub upload_date: String,
    /// Bytes of the object.
    pub size: u64,
    /// Pages of a PDF; 1 for text.
    pub pages: u32,
    /// Hex SHA-256 of the object.
    pub sha256: String,
    /// Where the object is.
    pub key: String,
    /// How far the index is.
    pub status: ManualStatus,
    /// The ingestion job that decides the status.
    pub job_id: String,
}

/// An upload that was announced: what its object will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// Whose.
    pub user: UserId,
    /// The id that the manual will have.
    pub manual_id: String,
    /// The id that its job will have.
    pub job_id: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub document: DocumentType,
    /// Bytes.
    pub size: u64,
    /// Hex SHA-256.
    pub sha256: String,
    /// Unix seconds after which it cannot be completed any more.
    pub expires_at: i64,
}

impl PendingUpload {
    /// Where its object will be.
    pub fn key(&self) -> String {
        object_key(&self.user, &self.manual_id, self.document.extension())
    }
}

/// Whether questions can be answered from a manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManualStatus {
    /// Stored, not yet in the index.
    Processing,
    /// In the index.
    Ready,
    /// The index refused it.
    Failed,
}

impl ManualStatus {
    /// The word used in answers and in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// The status for a word of [`ManualStatus::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Processing, Self::Ready, Self::Failed].into_iter().find(|s| s.as_str() == word)
    }
}

impl From<&Outcome> for ManualStatus {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Complete => Self::Ready,
            Outcome::Failed { .. } => Self::Failed,
        }
    }
}

/// `manuals/{user_id}/{manual_id}.{ext}`
pub fn object_key(user: &UserId, manual_id: &str, extension: &str) -> String {
    format!("manuals/{}/{manual_id}.{extension}", user.as_str())
}

/// The sidecar that tells the knowledge base whose object it is.
pub fn sidecar_key(object_key: &str) -> String {
    format!("{object_key}.metadata.json")
}

/// The sidecar's content, format "Amazon S3 metadata file" of Bedrock knowledge bases.
pub fn sidecar(user: &UserId, manual_id: &str, name: &str) -> Vec<u8> {
    let attributes = serde_json::json!({
        "metadataAttributes": {
            "user_id": user.as_str(),
            "manual_id": manual_id,
            "manual_name": name,
        }
    });
    attributes.to_string().into_bytes()
}

/// A usable name: trimmed, 1–255 characters, none of them a control character or one that turns the direction of the
/// text.
pub fn valid_name(name: &str) -> Option<String> {
    let name = name.trim();
    let length = name.chars().count();
    let forbidden = |c| is_control(c) || is_line_separator(c);
    let fits = (1..=NAME_CHARS_MAX).contains(&length) && !name.chars().any(forbidden);
    fits.then(|| name.to_owned())
}

/// Whether the text can be an id of ours; anything else is "not there" without asking a store.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_control_characters_refused() {
        assert_eq!(valid_name("  e-bike <b>.pdf "), Some("e-bike <b>.pdf".to_owned()));
        assert_eq!(valid_name(" \t"), None);
        assert_eq!(valid_name("a\u{0}b"), None);
        assert_eq!(valid_name("a\nb"), None);
        assert_eq!(valid_name("invoice\u{202e}fdp.exe"), None);
        assert_eq!(valid_name("a\u{2028}b"), None);
        assert!(valid_name(&"ü".repeat(255)).is_some());
        assert_eq!(valid_name(&"ü".repeat(256)), None);
    }

    #[test]
    fn ids_are_lower_case_uuids() {
        assert!(is_id("5f2c1e0a-0000-4000-8000-1234567890ab"));
        assert!(!is_id("5F2C1E0A-0000-4000-8000-1234567890AB"));
        assert!(!is_id("5f2c1e0a000040008000-1234567890ab"));
        assert!(!is_id("../../etc/passwd"));
    }
}
