//! WAV, FLAC and MP3: containers of chunks and frames.
use md5::{Digest as _, Md5};

use super::tones::{RATE, TONE};

/// What stands before the text where a container has no place for comments.
pub(crate) const MARKER: &str = "manuel-speech:";

/// The text between its marker and a NUL.
pub(crate) fn marked(text: &str) -> Vec<u8> {
    if text.is_empty() { Vec::new() } else { format!("{MARKER}{text}\0").into_bytes() }
}

/// PCM, 16 bits, mono; the text is the `ICMT` of `LIST INFO`.
pub(crate) fn wav(text: &str, samples: &[i16]) -> Vec<u8> {
    let rate = RATE.to_le_bytes();
    let format = [&[1, 0, 1, 0][..], &rate, &(RATE * 2).to_le_bytes(), &[2, 0, 16, 0]].concat();
    let mut parts = vec![b"WAVE".to_vec(), chunk(*b"fmt ", &format)];
    if !text.is_empty() {
        let comment = chunk(*b"ICMT", format!("{text}\0").as_bytes());
        parts.push(chunk(*b"LIST", &[b"INFO".to_vec(), comment].concat()));
    }
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    parts.push(chunk(*b"data", &data));
    chunk(*b"RIFF", &parts.concat())
}

fn chunk(id: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = [&id[..], &length(data).to_le_bytes(), data].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// An ID3 tag with the text, then silent frames of MPEG-1 Layer III: 32 kbit/s, 32 kHz, mono.
pub(crate) fn mp3(text: &str, milliseconds: u32) -> Vec<u8> {
    const FRAME_MS: u32 = 36;
    const FRAME: usize = 144;
    // `TXXX`: encoding UTF-8, an empty description, the value.
    let value = [&[3, 0][..], &marked(text)].concat();
    let frame = [b"TXXX".to_vec(), seven_bits(&value), vec![0, 0], value].concat();
    let tag = [b"ID3\x04\0\0".to_vec(), seven_bits(&frame), frame].concat();
    // A frame whose side information is zero has no sound in it.
    let mut silent = vec![0xff, 0xfb, 0x18, 0xc0];
    silent.resize(FRAME, 0);
    let frames = usize::try_from(milliseconds.div_ceil(FRAME_MS)).unwrap_or(0);
    [tag, silent.repeat(frames)].concat()
}

/// A size in four times seven bits.
fn seven_bits(data: &[u8]) -> Vec<u8> {
    let size = length(data);
    [21, 14, 7, 0].map(|shift| u8::try_from(size >> shift & 0x7f).unwrap_or(0)).to_vec()
}

/// Verbatim frames of one tone each; the text is in an `APPLICATION` block.
pub(crate) fn flac(text: &str, samples: &[i16]) -> Vec<u8> {
    let block = u16::try_from(TONE).unwrap_or(u16::MAX).to_be_bytes();
    // 20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of samples.
    let count = u64::try_from(samples.len()).unwrap_or(0);
    let stream = u64::from(RATE) << 44 | 15 << 36 | count;
    let little: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let info = [&block[..], &block, &[0; 6], &stream.to_be_bytes(), &Md5::digest(&little)].concat();
    let mut file = b"fLaC".to_vec();
    file.extend(metadata(0, &info, false));
    file.extend(metadata(2, &[b"manl".to_vec(), marked(text)].concat(), true));
    let tone = usize::try_from(TONE).unwrap_or(1);
    for (number, samples) in samples.chunks_exact(tone).enumerate() {
        // 4096 samples, 16 kHz, mono, 16 bits; a number below 128 is one byte.
        let mut frame = vec![0xff, 0xf8, 0xc5, 0x08, u8::try_from(number).unwrap_or(0)];
        frame.push(crc8(&frame));
        frame.push(0x02);
        frame.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()));
        frame.extend(crc16(&frame).to_be_bytes());
        file.extend(frame);
    }
    file
}

fn metadata(kind: u8, data: &[u8], last: bool) -> Vec<u8> {
    let [_, size @ ..] = length(data).to_be_bytes();
    let head = if last { kind | 0x80 } else { kind };
    [&[head][..], &size, data].concat()
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 })
    })
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let crc = crc ^ u16::from(*byte) << 8;
        (0..8).fold(crc, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 })
    })
}

fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}
