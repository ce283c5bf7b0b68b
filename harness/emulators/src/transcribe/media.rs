//! What a recording is and what is said in it. Which container it is and how long it lasts is read
//! from its own structure; what is said stands in its metadata, put there by whoever made the
//! fixture: nothing here recognises speech, and a recording without such a text is silent.
use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::units::Timestamp;
use symphonia::default::formats::{FlacReader, IsoMp4Reader, MkvReader, MpaReader, WavReader};

/// What stands before the text in a container without a place for comments; a NUL ends it.
const MARKER: &[u8] = b"manuel-speech:";
/// More packets than fixtures have; a longer recording is as long as these.
const PACKETS_MAX: usize = 1_000_000;

/// A container that can be told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Wav,
    Flac,
    Mp3,
    /// `mp4` and `m4a`.
    Mp4,
    Webm,
    /// Told, but never read here.
    Ogg,
    /// Told, but never read here.
    Amr,
}

/// A recording that can be transcribed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recording {
    pub(super) container: Container,
    pub(super) length: Duration,
    pub(super) sample_rate: Option<u32>,
    pub(super) channels: Option<usize>,
    pub(super) spoken: String,
}

/// Why a recording cannot be transcribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// No container that is known.
    Unknown,
    /// A container that is not what it begins as.
    Broken,
}

impl Container {
    /// What the first bytes say.
    pub(super) fn detect(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Wav),
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            [b'I', b'D', b'3', ..] => Some(Self::Mp3),
            [0xff, second, ..] if second & 0xe0 == 0xe0 => Some(Self::Mp3),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Self::Mp4),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Self::Webm),
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [b'#', b'!', b'A', b'M', b'R', ..] => Some(Self::Amr),
            _ => None,
        }
    }

    /// Whether it is what a job calls `format`.
    pub(super) fn is_called(self, format: &str) -> bool {
        matches!(
            (self, format),
            (Self::Wav, "wav")
                | (Self::Flac, "flac")
                | (Self::Mp3, "mp3")
                | (Self::Mp4, "mp4" | "m4a")
                | (Self::Webm, "webm")
                | (Self::Ogg, "ogg")
                | (Self::Amr, "amr")
        )
    }

    /// What the service calls it when nobody said.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
            Self::Ogg => "ogg",
            Self::Amr => "amr",
        }
    }
}

/// Reads a recording as far as its packets; no sample is decoded.
pub(super) fn examine(bytes: &Bytes) -> Result<Recording, Unusable> {
    let container = Container::detect(bytes).ok_or(Unusable::Unknown)?;
    let mut reader = open(container, bytes)?;
    let track = reader.default_track(TrackType::Audio).ok_or(Unusable::Broken)?;
    let (id, time_base) = (track.id, track.time_base.ok_or(Unusable::Broken)?);
    let (sample_rate, channels) = match &track.codec_params {
        Some(CodecParameters::Audio(audio)) => {
            (audio.sample_rate, audio.channels.as_ref().map(Channels::count))
        }
        _ => (None, None),
    };
    let first = track.start_ts;
    let last = end(reader.as_mut(), id, first)?;
    let nanos = |at| time_base.calc_time(at).map_or(0, |time| time.as_nanos());
    let length = u64::try_from(nanos(last).saturating_sub(nanos(first))).unwrap_or(0);
    let spoken = spoken(container, bytes);
    Ok(Recording { container, length: Duration::from_nanos(length), sample_rate, channels, spoken })
}

fn open(container: Container, bytes: &Bytes) -> Result<Box<dyn FormatReader + '_>, Unusable> {
    let source = Box::new(Cursor::new(bytes.as_ref()));
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    let opened: Result<Box<dyn FormatReader>, Error> = match container {
        Container::Wav => WavReader::try_new(stream, options).map(|reader| Box::new(reader) as _),
        Container::Flac => FlacReader::try_new(stream, options).map(|reader| Box::new(reader) as _),
        Container::Mp3 => {
            let source = Box::new(Cursor::new(after_id3(bytes)));
            let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
            MpaReader::try_new(stream, options).map(|reader| Box::new(reader) as _)
        }
        Container::Mp4 => {
            IsoMp4Reader::try_new(stream, options).map(|reader| Box::new(reader) as _)
        }
        Container::Webm => MkvReader::try_new(stream, options).map(|reader| Box::new(reader) as _),
        Container::Ogg | Container::Amr => return Err(Unusable::Unknown),
    };
    opened.map_err(|error| {
        tracing::debug!(%error, "a recording cannot be read");
        Unusable::Broken
    })
}

/// The end of the last packet of a track. What cannot be read ends the recording: a recorder that was
/// stopped leaves a last packet that is cut off.
fn end(reader: &mut dyn FormatReader, track: u32, first: Timestamp) -> Result<Timestamp, Unusable> {
    let mut last = None;
    for _ in 0..PACKETS_MAX {
        match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => {
                let end = packet.pts.saturating_add(packet.dur);
                last = Some(last.map_or(end, |last: Timestamp| last.max(end)));
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    last.map(|last| last.max(first)).ok_or(Unusable::Broken)
}

/// The bytes after the tag that may stand before the first frame.
fn after_id3(bytes: &[u8]) -> &[u8] {
    let [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] = bytes else { return bytes };
    // A size in four times seven bits.
    let size =
        [a, b, c, d].iter().fold(0_usize, |size, seven| (size << 7) | usize::from(**seven & 0x7f));
    bytes.get(10 + size..).unwrap_or_default()
}

/// The comment of a WAV, else the marked text; nothing is silence.
fn spoken(container: Container, bytes: &[u8]) -> String {
    let comment = (container == Container::Wav).then(|| comment(bytes)).flatten();
    let text = comment.or_else(|| {
        let at = bytes.windows(MARKER.len()).position(|window| window == MARKER)?;
        Some(until_nul(&bytes[at + MARKER.len()..]))
    });
    let text = text.unwrap_or_default();
    let text = text.strip_prefix(MARKER).unwrap_or(text);
    String::from_utf8_lossy(text).trim().to_owned()
}

/// The `ICMT` of a WAV's `LIST INFO`.
fn comment(bytes: &[u8]) -> Option<&[u8]> {
    let list =
        chunks(bytes.get(12..)?).find(|(id, data)| id == b"LIST" && data.starts_with(b"INFO"));
    let (_, text) = chunks(list?.1.get(4..)?).find(|(id, _)| id == b"ICMT")?;
    Some(until_nul(text))
}

/// The chunks of a RIFF list: id and content.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (id, after) = rest.split_at_checked(4)?;
        let (size, after) = after.split_at_checked(4)?;
        let size = usize::try_from(u32::from_le_bytes(size.try_into().ok()?)).ok()?;
        let data = after.get(..size.min(after.len()))?;
        // Chunks begin at even places.
        rest = after.get(size.saturating_add(size & 1)..).unwrap_or_default();
        Some((id, data))
    })
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::{Container, Unusable, examine};

    fn chunk(id: &[u8], data: &[u8]) -> Vec<u8> {
        let size = u32::try_from(data.len()).unwrap();
        let mut chunk = [id, &size.to_le_bytes(), data].concat();
        chunk.resize(chunk.len() + chunk.len() % 2, 0);
        chunk
    }

    /// Mono, 16 bits, 16 kHz.
    fn wav(samples: usize, lists: &[&[u8]]) -> Bytes {
        let format = [1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0];
        let mut body = [b"WAVE".to_vec(), chunk(b"fmt ", &format)].concat();
        for list in lists {
            body.extend(chunk(b"LIST", list));
        }
        body.extend(chunk(b"data", &vec![0; samples * 2]));
        chunk(b"RIFF", &body).into()
    }

    #[test]
    fn a_wav_says_what_its_comment_says() {
        let comment = [b"INFO".to_vec(), chunk(b"INAM", b"x"), chunk(b"ICMT", b"Hello you\0")];
        let recording = examine(&wav(16_000, &[&comment.concat()])).unwrap();
        assert_eq!((recording.container, recording.spoken.as_str()), (Container::Wav, "Hello you"));
        assert_eq!(recording.length, Duration::from_secs(1));
        assert_eq!((recording.sample_rate, recording.channels), (Some(16_000), Some(1)));
    }

    #[test]
    fn a_marked_text_is_found_anywhere_and_none_is_silence() {
        let marked =
            [b"adtl".to_vec(), chunk(b"note", "manuel-speech:Grüße\0".as_bytes())].concat();
        assert_eq!(examine(&wav(8_000, &[&marked])).unwrap().spoken, "Grüße");
        assert_eq!(examine(&wav(8_000, &[])).unwrap().spoken, "");
    }

    #[test]
    fn what_is_no_recording_is_told_apart() {
        assert_eq!(examine(&Bytes::from_static(b"%PDF-1.7")), Err(Unusable::Unknown));
        assert_eq!(examine(&Bytes::from_static(b"")), Err(Unusable::Unknown));
        let cut = wav(16_000, &[]).slice(..20);
        assert_eq!(examine(&cut), Err(Unusable::Broken));
        assert_eq!(examine(&Bytes::from_static(b"fLaC....")), Err(Unusable::Broken));
    }

    #[test]
    fn formats_are_called_by_the_services_names() {
        assert!(Container::Mp4.is_called("m4a") && Container::Mp4.is_called("mp4"));
        assert!(!Container::Wav.is_called("mp3"));
    }
}
