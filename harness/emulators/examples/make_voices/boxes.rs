//! `WebM` and MP4: containers of boxes in boxes, with silent frames of Opus and AAC in them.
use super::frames::marked;
use super::tones::RATE;

/// Opus in `WebM`: one cluster of frames of 20 ms. The text is a tag.
pub(crate) fn webm(text: &str, milliseconds: u32) -> Vec<u8> {
    const FRAME_MS: u32 = 20;
    /// A CELT frame of full band in which nothing sounds.
    const SILENT: [u8; 3] = [0xf8, 0xff, 0xfe];
    let head = element(
        &[0x1a, 0x45, 0xdf, 0xa3],
        &[
            number(&[0x42, 0x86], 1),
            number(&[0x42, 0xf7], 1),
            number(&[0x42, 0xf2], 4),
            number(&[0x42, 0xf3], 8),
            element(&[0x42, 0x82], b"webm"),
            number(&[0x42, 0x87], 4),
            number(&[0x42, 0x85], 2),
        ]
        .concat(),
    );
    let info = element(
        &[0x15, 0x49, 0xa9, 0x66],
        &[
            // Time in milliseconds.
            number(&[0x2a, 0xd7, 0xb1], 1_000_000),
            element(&[0x44, 0x89], &f64::from(milliseconds).to_be_bytes()),
            element(&[0x4d, 0x80], b"make_voices"),
            element(&[0x57, 0x41], b"make_voices"),
        ]
        .concat(),
    );
    // One channel, no skipped samples, 48 kHz, no gain, mapping 0.
    let private = [b"OpusHead\x01\x01\0\0".to_vec(), 48_000_u32.to_le_bytes().to_vec(), vec![0; 3]];
    let audio = [element(&[0xb5], &48_000_f64.to_be_bytes()), number(&[0x9f], 1)].concat();
    let track = element(
        &[0xae],
        &[
            number(&[0xd7], 1),
            number(&[0x73, 0xc5], 1),
            number(&[0x83], 2),
            element(&[0x86], b"A_OPUS"),
            element(&[0x63, 0xa2], &private.concat()),
            number(&[0x23, 0xe3, 0x83], FRAME_MS * 1_000_000),
            element(&[0xe1], &audio),
        ]
        .concat(),
    );
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &track);
    let simple =
        [element(&[0x45, 0xa3], b"COMMENT"), element(&[0x44, 0x87], &marked(text))].concat();
    let tag = [element(&[0x63, 0xc0], b""), element(&[0x67, 0xc8], &simple)].concat();
    let tags = element(&[0x12, 0x54, 0xc3, 0x67], &element(&[0x73, 0x73], &tag));
    let mut cluster = number(&[0xe7], 0);
    for frame in 0..milliseconds.div_ceil(FRAME_MS) {
        let at = u16::try_from(frame * FRAME_MS).unwrap_or(u16::MAX).to_be_bytes();
        cluster.extend(element(&[0xa3], &[&[0x81][..], &at, &[0x80], &SILENT].concat()));
    }
    let cluster = element(&[0x1f, 0x43, 0xb6, 0x75], &cluster);
    [head, element(&[0x18, 0x53, 0x80, 0x67], &[info, tracks, tags, cluster].concat())].concat()
}

/// The size is as short as it can be: many a reader expects that of the first elements.
fn element(id: &[u8], data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let size = match size {
        0..0x7f => vec![0x80 | u8::try_from(size).unwrap_or(0)],
        0x7f..0x3fff => (0x4000 | u16::try_from(size).unwrap_or(0)).to_be_bytes().to_vec(),
        _ => (0x1000_0000 | size).to_be_bytes().to_vec(),
    };
    [id, &size, data].concat()
}

fn number(id: &[u8], value: u32) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// AAC-LC in MP4: one chunk of frames of 1024 samples. The text is the comment of the user data.
pub(crate) fn mp4(text: &str, milliseconds: u32) -> Vec<u8> {
    const FRAME: u32 = 1024;
    /// A mono frame in which nothing sounds.
    const SILENT: [u8; 6] = [0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
    let frames = (milliseconds * (RATE / 1000)).div_ceil(FRAME);
    let samples = words(&[frames * FRAME]);
    let kind = boxed(*b"ftyp", &[&b"M4A \0\0\x02\0M4A mp42isom"[..]]);
    let unity = [words(&[0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000])].concat();
    let movie = boxed(
        *b"mvhd",
        &[
            &words(&[0, 0, 0, RATE]),
            &samples,
            &words(&[0x0001_0000, 0x0100_0000, 0, 0]),
            &unity,
            &words(&[0, 0, 0, 0, 0, 0, 2]),
        ],
    );
    let track = boxed(
        *b"tkhd",
        &[
            &words(&[0x0000_0007, 0, 0, 1, 0]),
            &samples,
            &words(&[0, 0, 0, 0x0100_0000]),
            &unity,
            &words(&[0, 0]),
        ],
    );
    // `und`
    let media = boxed(*b"mdhd", &[&words(&[0, 0, 0, RATE]), &samples, &words(&[0x55c4_0000])]);
    let handler = boxed(*b"hdlr", &[&words(&[0, 0]), b"soun", &words(&[0, 0, 0]), b"\0"]);
    let place = boxed(*b"dref", &[&words(&[0, 1]), &boxed(*b"url ", &[&words(&[1])])]);
    let table = |offset: u32| {
        boxed(
            *b"stbl",
            &[
                &boxed(*b"stsd", &[&words(&[0, 1]), &sample_entry()]),
                &boxed(*b"stts", &[&words(&[0, 1, frames, FRAME])]),
                &boxed(*b"stsc", &[&words(&[0, 1, 1, frames, 1])]),
                &boxed(*b"stsz", &[&words(&[0, 6, frames])]),
                &boxed(*b"stco", &[&words(&[0, 1, offset])]),
            ],
        )
    };
    let comment = marked(text);
    let size = u16::try_from(comment.len()).unwrap_or(u16::MAX).to_be_bytes();
    let user = boxed(*b"udta", &[&boxed(*b"\xa9cmt", &[&size, &[0x55, 0xc4], &comment])]);
    let whole = |offset| {
        let sound = boxed(*b"smhd", &[&words(&[0, 0])]);
        let data = boxed(*b"dinf", &[&place]);
        let inner = boxed(*b"minf", &[&sound, &data, &table(offset)]);
        let media = boxed(*b"mdia", &[&media, &handler, &inner]);
        boxed(*b"moov", &[&movie, &boxed(*b"trak", &[&track, &media]), &user])
    };
    // The offset has the same size whatever it is.
    let before = u32::try_from(kind.len() + whole(0).len() + 8).unwrap_or(0);
    let data = SILENT.repeat(usize::try_from(frames).unwrap_or(0));
    [kind, whole(before), boxed(*b"mdat", &[&data])].concat()
}

/// `mp4a` with the decoder's configuration: AAC-LC, 16 kHz, mono.
fn sample_entry() -> Vec<u8> {
    let config = [0x05, 2, 0x14, 0x08];
    let decoder = [&[0x04, 13 + 4, 0x40, 0x15, 0, 0, 0][..], &words(&[0, 0]), &config].concat();
    let stream = [&[0x03, 3 + 19 + 3, 0, 1, 0][..], &decoder, &[0x06, 1, 2]].concat();
    let esds = boxed(*b"esds", &[&words(&[0]), &stream]);
    boxed(*b"mp4a", &[&words(&[0, 1, 0, 0, 0x0001_0010, 0, RATE << 16]), &esds])
}

fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let data = parts.concat();
    let size = u32::try_from(data.len() + 8).unwrap_or(u32::MAX);
    [&size.to_be_bytes()[..], &kind, &data].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
