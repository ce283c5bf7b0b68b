//! What a spoken question is: its type, whether its bytes are of that type, how long it is. A name, a header and a
//! container's own figures are a stranger's words; only what is really in the bytes counts.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;

mod length;

/// The largest recording, in bytes: what the contract allows, and what base64 leaves of a 6 MB body.
pub const AUDIO_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The shortest recording: Amazon Transcribe takes none below half a second.
pub const AUDIO_MIN: Duration = Duration::from_millis(500);

/// The longest recording: a question has at most 1000 characters, which is about a minute of speech, and a longer job
/// would seldom end before the request's deadline.
pub const AUDIO_MAX: Duration = Duration::from_mins(1);

/// A type of recording that can be transcribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioType {
    /// `audio/wav`
    Wav,
    /// `audio/mp4`
    Mp4,
    /// `audio/mpeg`
    Mpeg,
    /// `audio/webm`
    Webm,
    /// `audio/flac`
    Flac,
}

/// Why bytes are no recording that can be transcribed.
#[derive(Debug, thiserror::Error)]
pub enum NotAudio {
    /// The bytes are not of the type that was named.
    #[error("the audio is not of the type that its content type says")]
    OtherType,
    /// They are of that type but cannot be read.
    #[error("the audio cannot be read")]
    Unreadable {
        /// What the reader said; never shown to a client.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Shorter than [`AUDIO_MIN`].
    #[error("the audio is too short")]
    TooShort,
    /// Longer than [`AUDIO_MAX`].
    #[error("the audio is too long")]
    TooLong,
}

impl NotAudio {
    /// It cannot be read, and this is why.
    pub fn unreadable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreadable { source: Some(source.into()) }
    }
}

impl AudioType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Wav, Self::Mp4, Self::Mpeg, Self::Webm, Self::Flac];

    /// The type for a content type; parameters such as `codecs` are ignored.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|audio| audio.content_type().eq_ignore_ascii_case(essence))
    }

    /// The type for the ending of a key.
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audio| audio.extension() == extension)
    }

    /// The content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp4 => "audio/mp4",
            Self::Mpeg => "audio/mpeg",
            Self::Webm => "audio/webm",
            Self::Flac => "audio/flac",
        }
    }

    /// The ending of the object's key, which is also what Amazon Transcribe calls the format.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp4 => "mp4",
            Self::Mpeg => "mp3",
            Self::Webm => "webm",
            Self::Flac => "flac",
        }
    }

    /// How long the recording is, if it is one of this type and neither too short nor too long. The work is bounded by
    /// the size of the bytes, whatever they are.
    pub fn length(self, bytes: &Bytes) -> Result<Duration, NotAudio> {
        if !self.begins(bytes) {
            return Err(NotAudio::OtherType);
        }
        // The readers of containers do sums with a stranger's figures, and not all of them are checked: where one stops
        // with a panic, it is over these bytes, and nothing of it is kept.
        let read = std::panic::catch_unwind(|| length::of(self, bytes));
        let length = read.map_err(|_panic| NotAudio::unreadable("the reader gave up"))??;
        if length < AUDIO_MIN {
            Err(NotAudio::TooShort)
        } else if length > AUDIO_MAX {
            Err(NotAudio::TooLong)
        } else {
            Ok(length)
        }
    }

    /// Whether the bytes begin as this type does.
    fn begins(self, bytes: &[u8]) -> bool {
        let at =
            |from: usize, magic: &[u8]| bytes.get(from..).is_some_and(|b| b.starts_with(magic));
        match self {
            Self::Wav => at(0, b"RIFF") && at(8, b"WAVE"),
            Self::Mp4 => at(4, b"ftyp"),
            Self::Mpeg => at(0, b"ID3") || begins_with_mpeg_frame(bytes),
            Self::Webm => at(0, &[0x1a, 0x45, 0xdf, 0xa3]),
            Self::Flac => at(0, b"fLaC"),
        }
    }
}

/// Eleven bits of sync, and a layer: without one it is another format (AAC in ADTS).
fn begins_with_mpeg_frame(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0)
}

#[cfg(test)]
mod tests;
