//! Recordings that people of a scenario have: those of the fixtures, and WAV files made as long, as large or as odd as a
//! step wants them. What is said stands in a recording's comment, where the emulated Transcribe reads it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::outcome::StepError;
use super::outcome::StepResult;

/// What people call a type → its content type.
const TYPES: &[(&str, &str)] = &[
    ("WAV", "audio/wav"),
    ("MP4", "audio/mp4"),
    ("MP3", "audio/mpeg"),
    ("WebM", "audio/webm"),
    ("FLAC", "audio/flac"),
    ("Ogg", "audio/ogg"),
    ("a film", "video/mp4"),
    ("text", "text/plain"),
];

/// A recording.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recording {
    /// What it is said to be.
    pub content_type: String,
    /// What it is.
    pub bytes: Bytes,
    /// What is said in it.
    pub says: String,
}

/// Recordings of the fixtures by file.
type Fixtures = BTreeMap<String, Recording>;

impl Recording {
    /// A recording of the fixtures.
    pub fn fixture(fixtures: &Fixtures, file: &str) -> StepResult<Self> {
        let known = fixtures.get(file).cloned();
        known.ok_or_else(|| StepError::lost(format!("fixtures/voice has no recording `{file}`")))
    }

    /// A WAV of so many milliseconds.
    pub fn lasting(milliseconds: u64, says: &str) -> StepResult<Self> {
        let samples = milliseconds.checked_mul(u64::from(RATE_HZ) / 1000);
        let samples = samples.and_then(|samples| usize::try_from(samples).ok());
        // An hour: nobody says a question for longer, and no recording of it could be sent.
        let samples = samples.filter(|_| milliseconds <= 3_600_000);
        let samples = samples.ok_or_else(|| StepError::lost("the recording is too long"))?;
        Ok(Self::wav(1, samples, says))
    }

    /// A WAV of a second, of so many bytes: what stands after its end is nothing.
    pub fn of_bytes(bytes: usize, says: &str) -> StepResult<Self> {
        let Self { content_type, bytes: wav, says } = Self::lasting(1000, says)?;
        if wav.len() > bytes {
            return Err(StepError::lost(format!("no recording has {bytes} bytes only")));
        }
        let mut padded = wav.to_vec();
        padded.resize(bytes, 0);
        Ok(Self { content_type, bytes: padded.into(), says })
    }

    /// A recording that is odd in the way that `name` says.
    pub fn odd(name: &str, fixtures: &Fixtures) -> StepResult<Self> {
        let question = "How many wireless devices can connect to the router?";
        let wav = |bytes: Bytes| Self { content_type: WAV.to_owned(), bytes, says: String::new() };
        match name {
            "silent" => Self::fixture(fixtures, "silence.wav"),
            "empty" => Ok(wav(Bytes::new())),
            "noise of no format" => Ok(wav(noise())),
            "of three channels" => Ok(Self::wav(3, 2 * RATE_HZ as usize, question)),
            "broken" => {
                let bytes = [b"fLaC", &noise()[..]].concat();
                Ok(Self {
                    content_type: "audio/flac".to_owned(),
                    bytes: bytes.into(),
                    ..wav(noise())
                })
            }
            "cut off before it begins" => {
                let whole = Self::fixture(fixtures, "router-01.wav")?;
                Ok(Self { bytes: whole.bytes.slice(..20), ..whole })
            }
            "cut off halfway" => {
                let whole = Self::fixture(fixtures, "router-01.wav")?;
                Ok(Self { bytes: whole.bytes.slice(..whole.bytes.len() / 2), ..whole })
            }
            _ => Err(StepError::lost(format!("no recording is known that is \"{name}\""))),
        }
    }

    /// The same bytes, said to be of another type.
    pub fn called(self, name: &str) -> StepResult<Self> {
        let known = TYPES.iter().find(|(called, _)| *called == name);
        let (_, content_type) =
            known.ok_or_else(|| StepError::lost(format!("no type is called \"{name}\"")))?;
        Ok(Self { content_type: (*content_type).to_owned(), ..self })
    }

    fn wav(channels: u16, samples: usize, says: &str) -> Self {
        let frame = 2 * channels;
        let format = [
            &1_u16.to_le_bytes()[..],
            &channels.to_le_bytes(),
            &RATE_HZ.to_le_bytes(),
            &(RATE_HZ * u32::from(frame)).to_le_bytes(),
            &frame.to_le_bytes(),
            &16_u16.to_le_bytes(),
        ];
        let comment = chunk(*b"ICMT", format!("{says}\0").as_bytes());
        let parts = [
            b"WAVE".to_vec(),
            chunk(*b"fmt ", &format.concat()),
            chunk(*b"LIST", &[&b"INFO"[..], &comment].concat()),
            chunk(*b"data", &vec![0; samples * usize::from(frame)]),
        ];
        let bytes = chunk(*b"RIFF", &parts.concat());
        Self { content_type: WAV.to_owned(), bytes: bytes.into(), says: says.to_owned() }
    }
}

const WAV: &str = "audio/wav";
/// Of telephones, and the lowest that Transcribe takes.
const RATE_HZ: u32 = 8000;

/// A RIFF chunk; chunks begin at even places.
fn chunk(id: [u8; 4], data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut chunk = [&id[..], &size, data].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// Some kilobytes without a pattern, the same each time; they begin as no container does.
fn noise() -> Bytes {
    let mut state = 0x2545_f491_u32;
    let next = || {
        // xorshift32 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::once(b'n').chain(std::iter::repeat_with(next)).take(20_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures() -> Fixtures {
        let file = |name: &str| {
            let recording = Recording::lasting(500, "Hello").unwrap();
            (name.to_owned(), recording)
        };
        ["router-01.wav", "silence.wav"].map(file).into()
    }

    #[test]
    fn recordings_are_as_long_and_as_large_as_wanted() {
        let second = Recording::lasting(1000, "Hello").unwrap();
        // 8 kHz, mono, 16 bits, and headers: RIFF and WAVE, format, LIST with INFO and comment, data.
        assert_eq!(second.bytes.len(), 16_000 + 12 + 24 + (12 + 8 + 6) + 8);
        let held = &second.bytes[4..8];
        assert_eq!(held, u32::try_from(second.bytes.len() - 8).unwrap().to_le_bytes());
        for bytes in [20_001, 4 << 20] {
            assert_eq!(Recording::of_bytes(bytes, "Hello").unwrap().bytes.len(), bytes);
        }
        assert!(Recording::of_bytes(100, "Hello").is_err());
        assert!(Recording::lasting(u64::MAX, "Hello").is_err());
    }

    #[test]
    fn odd_recordings_have_names() {
        for name in [
            "silent",
            "empty",
            "noise of no format",
            "of three channels",
            "broken",
            "cut off before it begins",
            "cut off halfway",
        ] {
            assert!(Recording::odd(name, &fixtures()).is_ok(), "{name}");
        }
        assert!(Recording::odd("fine", &fixtures()).is_err());
        let mp3 = Recording::odd("silent", &fixtures()).unwrap().called("MP3").unwrap();
        assert_eq!(mp3.content_type, "audio/mpeg");
        assert!(mp3.called("vinyl").is_err());
        assert!(Recording::fixture(&fixtures(), "router-99.wav").is_err());
    }
}
