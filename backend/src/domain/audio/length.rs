//! How long a recording is, by walking through its packets: a container's header may say anything, and a recorder that
//! streams says nothing. No sample is decoded.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::units::{TimeBase, Timestamp};
use symphonia::default::formats::{FlacReader, IsoMp4Reader, MkvReader, MpaReader, WavReader};

use super::{AUDIO_MAX, AudioType, NotAudio};

/// More packets than a minute can have: the shortest of a codec in use are 2.5 ms.
const PACKETS_MAX: usize = 60_000;

/// How many times its own size a file may be read: a container is read once, and its index perhaps again.
const READ_TIMES_MAX: u64 = 8;

/// What is allowed beyond it, for small files: the reader's buffer is filled anew after each jump.
const READ_BYTES_FLOOR: u64 = 4 * 1024 * 1024;

/// The length of the recording; one that goes on after [`AUDIO_MAX`] is not read to its end.
pub(super) fn of(audio: AudioType, bytes: &Bytes) -> Result<Duration, NotAudio> {
    let mut reader = open(audio, bytes).map_err(NotAudio::unreadable)?;
    let track = reader.default_track(TrackType::Audio);
    let track = track.ok_or_else(|| NotAudio::unreadable("there is no audio track"))?;
    let time_base = track.time_base;
    let time_base = time_base.ok_or_else(|| NotAudio::unreadable("the track has no time"))?;
    let (track_id, start) = (track.id, track.start_ts);
    walk(reader.as_mut(), bytes.len(), |packet_track, end| {
        if packet_track == track_id { elapsed(time_base, start, end) } else { Some(Duration::ZERO) }
    })
}

fn open<'b>(audio: AudioType, bytes: &'b Bytes) -> Result<Box<dyn FormatReader + 'b>, Error> {
    let bytes = if audio == AudioType::Mpeg { after_id3(bytes) } else { bytes };
    let source = Box::new(Bounded::new(bytes));
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    Ok(match audio {
        AudioType::Wav => Box::new(WavReader::try_new(stream, options)?),
        AudioType::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
        AudioType::Mpeg => Box::new(MpaReader::try_new(stream, options)?),
        AudioType::Webm => Box::new(MkvReader::try_new(stream, options)?),
        AudioType::Flac => Box::new(FlacReader::try_new(stream, options)?),
    })
}

/// The end of the last packet. Packets that hold more than the file has are made up.
fn walk(
    reader: &mut dyn FormatReader,
    size: usize,
    end_of: impl Fn(u32, Timestamp) -> Option<Duration>,
) -> Result<Duration, NotAudio> {
    let (mut length, mut held) = (Duration::ZERO, 0_usize);
    for _ in 0..PACKETS_MAX {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return Ok(length),
            // A recorder that was stopped leaves a last packet that is cut off.
            Err(Error::IoError(error))
                if error.kind() == io::ErrorKind::UnexpectedEof && length > Duration::ZERO =>
            {
                return Ok(length);
            }
            Err(error) => return Err(NotAudio::unreadable(error)),
        };
        held = held.saturating_add(packet.data.len());
        if held > size {
            return Err(NotAudio::unreadable("the packets hold more than the file"));
        }
        let end = end_of(packet.track_id, packet.pts.saturating_add(packet.dur));
        let end = end.ok_or_else(|| NotAudio::unreadable("a packet has an impossible time"))?;
        length = length.max(end);
        if length > AUDIO_MAX {
            return Err(NotAudio::TooLong);
        }
    }
    Err(NotAudio::unreadable("too many packets"))
}

fn elapsed(time_base: TimeBase, start: Timestamp, end: Timestamp) -> Option<Duration> {
    let nanos = |at| time_base.calc_time(at).map(|time| time.as_nanos());
    let elapsed = nanos(end)?.checked_sub(nanos(start)?)?;
    Some(Duration::from_nanos(u64::try_from(elapsed.max(0)).unwrap_or(u64::MAX)))
}

/// The bytes after the tags that may stand before the first frame; what they say is not of interest.
fn after_id3(mut bytes: &[u8]) -> &[u8] {
    // "ID3", version, flags, and a size in four times seven bits.
    while let [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = bytes {
        let size = [a, b, c, d]
            .iter()
            .fold(0_usize, |size, seven| (size << 7) | usize::from(**seven & 0x7f));
        let footer = if flags & 0x10 == 0 { 0 } else { 10 };
        bytes = bytes.get(10 + size + footer..).unwrap_or_default();
    }
    bytes
}

/// The bytes, which may be read only so often: a file that leads its reader in circles comes to an end.
struct Bounded<'b> {
    bytes: io::Cursor<&'b [u8]>,
    left: u64,
}

impl<'b> Bounded<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let left = size.saturating_mul(READ_TIMES_MAX).saturating_add(READ_BYTES_FLOOR);
        Self { bytes: io::Cursor::new(bytes), left }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(into)?;
        // Reading nothing costs something, too.
        let cost = u64::try_from(read).unwrap_or(u64::MAX).max(1);
        let exhausted = || io::Error::other("the file is read again and again");
        self.left = self.left.checked_sub(cost).ok_or_else(exhausted)?;
        Ok(read)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl MediaSource for Bounded<'_> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        u64::try_from(self.bytes.get_ref().len()).ok()
    }
}
