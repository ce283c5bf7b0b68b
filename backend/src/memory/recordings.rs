//! Recordings of silence in each of the five containers, as long as a test wants them, rounded up to whole frames.

use std::time::Duration;

use bytes::Bytes;

use crate::domain::audio::AudioType;

/// Silence.
pub fn silence(audio: AudioType, length: Duration) -> Bytes {
    let frames =
        |frame_us: u128| u32::try_from(length.as_micros().div_ceil(frame_us)).unwrap_or(u32::MAX);
    Bytes::from(match audio {
        AudioType::Wav => wav(frames(125)),
        AudioType::Mp4 => mp4(frames(128_000)),
        AudioType::Mpeg => mpeg(frames(36_000)),
        AudioType::Webm => webm(frames(20_000)),
        AudioType::Flac => flac(frames(24_000)),
    })
}

/// 8 kHz, one channel of 16 bits.
fn wav(samples: u32) -> Vec<u8> {
    let size = samples.saturating_mul(2);
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&size.saturating_add(36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    for (value, width) in [(16_u32, 4), (1, 2), (1, 2), (8000, 4), (16_000, 4), (2, 2), (16, 2)] {
        bytes.extend(value.to_le_bytes().into_iter().take(width));
    }
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend(std::iter::repeat_n(0, usize::try_from(size).unwrap_or(0)));
    bytes
}

/// MPEG-1 layer III, 32 kbit/s, 32 kHz, one channel: 36 ms and 144 bytes a frame.
fn mpeg(frames: u32) -> Vec<u8> {
    let mut frame = [0; 144];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x18, 0xc0]);
    (0..frames).flat_map(|_| frame).collect()
}

/// 8 kHz, one channel of 16 bits, 192 equal samples a frame.
fn flac(frames: u32) -> Vec<u8> {
    let samples = u64::from(frames) * 192;
    let mut bytes = b"fLaC".to_vec();
    // The only block of metadata: the stream's figures.
    bytes.extend_from_slice(&[0x80, 0, 0, 34, 0, 192, 0, 192, 0, 0, 0, 0, 0, 0]);
    // 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of samples.
    let figures = (8000_u64 << 44) | (15 << 36) | (samples & 0xf_ffff_ffff);
    bytes.extend_from_slice(&figures.to_be_bytes());
    bytes.extend_from_slice(&[0; 16]);
    for number in 0..frames {
        let mut frame = vec![0xff, 0xf8, 0x14, 0x08];
        let number = char::from_u32(number).unwrap_or_default();
        frame.extend_from_slice(number.encode_utf8(&mut [0; 4]).as_bytes());
        frame.push(u8::try_from(crc(&frame, 8, 0x07)).unwrap_or(0));
        frame.extend_from_slice(&[0, 0, 0]);
        let checksum = u16::try_from(crc(&frame, 16, 0x8005)).unwrap_or(0);
        frame.extend_from_slice(&checksum.to_be_bytes());
        bytes.extend_from_slice(&frame);
    }
    bytes
}

fn crc(bytes: &[u8], width: u32, polynomial: u32) -> u32 {
    let (top, mask) = (1 << (width - 1), (1 << width) - 1);
    bytes.iter().fold(0, |sum: u32, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << (width - 8)), |sum, _| {
            let shifted = (sum << 1) & mask;
            if sum & top == 0 { shifted } else { shifted ^ polynomial }
        })
    })
}

/// Opus, 20 ms a block; as a browser records it, without a word of its length.
fn webm(blocks: u32) -> Vec<u8> {
    let head = [b"OpusHead".as_slice(), &[1, 1, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]].concat();
    let audio = [element(&[0xb5], &48_000_f64.to_be_bytes()), element(&[0x9f], &[1])].concat();
    let entry = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[2]),
        element(&[0x86], b"A_OPUS"),
        element(&[0x63, 0xa2], &head),
        element(&[0x23, 0xe3, 0x83], &20_000_000_u32.to_be_bytes()),
        element(&[0xe1], &audio),
    ]
    .concat();
    let kind = [element(&[0x42, 0x82], b"webm"), element(&[0x42, 0x87], &[4])].concat();
    let info = [
        element(&[0x2a, 0xd7, 0xb1], &1_000_000_u32.to_be_bytes()),
        element(&[0x4d, 0x80], b"silence"),
        element(&[0x57, 0x41], b"silence"),
    ]
    .concat();
    let mut segment = element(&[0x15, 0x49, 0xa9, 0x66], &info);
    segment.extend(element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &entry)));
    // A cluster a second: the time of a block in its cluster has 16 bits.
    for first in (0..blocks).step_by(50) {
        let mut cluster = element(&[0xe7], &first.saturating_mul(20).to_be_bytes());
        for block in first..blocks.min(first + 50) {
            let [high, low] = u16::try_from((block - first) * 20).unwrap_or(0).to_be_bytes();
            cluster.extend(element(&[0xa3], &[0x81, high, low, 0x80, 0xf8, 0xff, 0xfe]));
        }
        segment.extend(element(&[0x1f, 0x43, 0xb6, 0x75], &cluster));
    }
    [element(&[0x1a, 0x45, 0xdf, 0xa3], &kind), element(&[0x18, 0x53, 0x80, 0x67], &segment)]
        .concat()
}

/// An element of EBML; its size in eight bytes.
fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let size = u64::try_from(content.len()).unwrap_or(0) | (1 << 56);
    [id, &size.to_be_bytes(), content].concat()
}

/// AAC, 8 kHz: 128 ms and four bytes a frame.
fn mp4(frames: u32) -> Vec<u8> {
    let kind = atom(b"ftyp", &[b"M4A \0\0\0\0".as_slice(), b"isom"].concat());
    let size = |atom: &[u8]| u32::try_from(atom.len()).unwrap_or(0);
    // The index holds where the frames are, and they come after the index.
    let index = mp4_index(frames, 0);
    let index = mp4_index(frames, size(&kind) + size(&index) + 8);
    let data: Vec<u8> = (0..frames).flat_map(|_| [0x21, 0x10, 0x04, 0x60]).collect();
    [kind, index, atom(b"mdat", &data)].concat()
}

fn mp4_index(frames: u32, offset: u32) -> Vec<u8> {
    let ticks = frames.saturating_mul(1024);
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let matrix = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
    let movie = [words(&[0, 0, 0, 8000, ticks, 0x1_0000, 0x0100_0000, 0, 0]), words(&matrix)];
    let movie = [movie.concat(), words(&[0, 0, 0, 0, 0, 0, 2])].concat();
    let track = [words(&[7, 0, 0, 1, 0, ticks, 0, 0, 0, 0x0100_0000]), words(&matrix)];
    let track = [track.concat(), words(&[0, 0])].concat();
    // Elementary stream, its decoder (AAC), and what the decoder needs: AAC-LC, 8 kHz, one channel.
    let stream = [
        0, 0, 0, 0, 0x03, 0x19, 0, 1, 0, 0x04, 0x11, 0x40, 0x15, 0, 0, 0, 0, 0, 0x7d, 0, 0, 0,
        0x7d, 0, 0x05, 0x02, 0x15, 0x88, 0x06, 0x01, 0x02,
    ];
    let sample = [words(&[0, 1, 0, 0, 0x0001_0010, 0, 8000 << 16]), atom(b"esds", &stream)];
    let description = [words(&[0, 1]), atom(b"mp4a", &sample.concat())].concat();
    let table = [
        atom(b"stsd", &description),
        atom(b"stts", &words(&[0, 1, frames, 1024])),
        atom(b"stsc", &words(&[0, 1, 1, frames, 1])),
        atom(b"stsz", &words(&[0, 4, frames])),
        atom(b"stco", &words(&[0, 1, offset])),
    ];
    let reference = [words(&[0, 1]), atom(b"url ", &words(&[1]))].concat();
    let information = [
        atom(b"smhd", &words(&[0, 0])),
        atom(b"dinf", &atom(b"dref", &reference)),
        atom(b"stbl", &table.concat()),
    ];
    let media = [
        atom(b"mdhd", &words(&[0, 0, 0, 8000, ticks, 0x55c4_0000])),
        atom(b"hdlr", &[words(&[0, 0]), b"soun".to_vec(), vec![0; 13]].concat()),
        atom(b"minf", &information.concat()),
    ];
    let track = [atom(b"tkhd", &track), atom(b"mdia", &media.concat())].concat();
    atom(b"moov", &[atom(b"mvhd", &movie), atom(b"trak", &track)].concat())
}

fn atom(name: &[u8], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
    [&size.to_be_bytes(), name, content].concat()
}
