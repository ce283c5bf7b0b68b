//! Tests of recordings: silence of all five containers, and what strangers make of them.

use proptest::prelude::*;

use super::*;
use crate::memory::recordings::silence;

fn seconds(tenths: u64) -> Duration {
    Duration::from_millis(tenths * 100)
}

#[test]
fn the_length_is_that_of_the_packets_in_every_container() {
    for audio in AudioType::ALL {
        for length in [seconds(5), seconds(37), seconds(599)] {
            let read = audio.length(&silence(audio, length)).unwrap();
            let over = read.checked_sub(length).unwrap_or_else(|| panic!("{audio:?} {read:?}"));
            assert!(over < Duration::from_millis(150), "{audio:?}: {read:?} for {length:?}");
        }
    }
}

#[test]
fn too_short_and_too_long_are_told_apart() {
    for audio in AudioType::ALL {
        let short = audio.length(&silence(audio, seconds(3)));
        assert!(matches!(short, Err(NotAudio::TooShort)), "{audio:?} {short:?}");
        let long = audio.length(&silence(audio, seconds(602)));
        assert!(matches!(long, Err(NotAudio::TooLong)), "{audio:?} {long:?}");
    }
}

#[test]
fn bytes_must_be_of_the_type_that_is_named() {
    for audio in AudioType::ALL {
        for other in AudioType::ALL {
            let length = audio.length(&silence(other, seconds(10)));
            let mismatched = matches!(length, Err(NotAudio::OtherType));
            assert_eq!(mismatched, audio != other, "{audio:?} {other:?} {length:?}");
        }
        assert!(matches!(audio.length(&Bytes::new()), Err(NotAudio::OtherType)));
    }
    let adts = Bytes::from_static(&[0xff, 0xf1, 0x50, 0x80, 0x01]);
    assert!(matches!(AudioType::Mpeg.length(&adts), Err(NotAudio::OtherType)));
}

#[test]
fn tags_before_the_first_frame_are_passed_over() {
    let tagged = |size: [u8; 4], tag: &[u8]| {
        let frames = silence(AudioType::Mpeg, seconds(10));
        Bytes::from([b"ID3\x04\0\0".as_slice(), &size, tag, &frames].concat())
    };
    let read = AudioType::Mpeg.length(&tagged([0, 0, 1, 2], &[0; 130])).unwrap();
    assert!(read >= seconds(10) && read < seconds(11), "{read:?}");
    let beyond = AudioType::Mpeg.length(&tagged([0x7f; 4], &[]));
    assert!(matches!(beyond, Err(NotAudio::Unreadable { .. })), "{beyond:?}");
}

#[test]
fn a_header_alone_is_no_recording() {
    for (audio, header) in [
        (AudioType::Wav, b"RIFF\x24\0\0\0WAVE".as_slice()),
        (AudioType::Mp4, b"\0\0\0\x10ftypM4A \0\0\0\0"),
        (AudioType::Mpeg, b"ID3\x04\0\0\0\0\0\0"),
        (AudioType::Webm, &[0x1a, 0x45, 0xdf, 0xa3, 0x80]),
        (AudioType::Flac, b"fLaC"),
    ] {
        let length = audio.length(&Bytes::from_static(header));
        assert!(matches!(length, Err(NotAudio::Unreadable { .. })), "{audio:?} {length:?}");
    }
}

#[test]
fn a_header_that_lies_about_the_length_changes_nothing() {
    let mut wav = silence(AudioType::Wav, seconds(20)).to_vec();
    // A recorder that streams does not know its sizes yet.
    wav[4..8].fill(0xff);
    wav[40..44].fill(0xff);
    let read = AudioType::Wav.length(&Bytes::from(wav)).unwrap();
    assert!(read >= seconds(20) && read < seconds(22), "{read:?}");
}

#[test]
fn an_index_that_names_the_same_bytes_again_and_again_is_refused() {
    let mut mp4 = silence(AudioType::Mp4, seconds(10)).to_vec();
    let at = mp4.windows(4).position(|name| name == b"stsz").unwrap();
    let size = u32::try_from(mp4.len() / 2).unwrap().to_be_bytes();
    mp4[at + 8..at + 12].copy_from_slice(&size);
    let length = AudioType::Mp4.length(&Bytes::from(mp4));
    assert!(matches!(length, Err(NotAudio::Unreadable { .. })), "{length:?}");
}

#[test]
fn content_types_are_known_by_their_essence() {
    let known = AudioType::of_content_type;
    assert_eq!(known("audio/webm;codecs=opus"), Some(AudioType::Webm));
    assert_eq!(known(" Audio/WAV ; x=y"), Some(AudioType::Wav));
    for other in ["audio/x-wav", "audio/mp3", "audio/ogg", "video/webm", "audio/", ""] {
        assert_eq!(known(other), None, "{other}");
    }
}

fn any_audio() -> impl Strategy<Value = AudioType> {
    proptest::sample::select(AudioType::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What was cut off or damaged is read to some end: the reads are counted, so it is an end in bounded work.
    #[test]
    fn damaged_recordings_end_in_an_answer(
        audio in any_audio(),
        keep in 0.0_f64..1.0,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        early in any::<bool>(),
    ) {
        let mut bytes = silence(audio, seconds(12)).to_vec();
        for (index, value) in flips {
            // Half of the cases aim at the headers, where the figures are.
            let within = if early { bytes.len().min(600) } else { bytes.len() };
            bytes[index.index(within)] ^= value;
        }
        if !early {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a length")]
            bytes.truncate((bytes.len() as f64 * keep) as usize);
        }
        if let Ok(length) = audio.length(&Bytes::from(bytes)) {
            prop_assert!((AUDIO_MIN..=AUDIO_MAX).contains(&length));
        }
    }
}
