//! Event streams: whole frames, and what comes after them.
//!
//! Source: "Amazon Event Stream" of the Smithy specification: each frame begins with its total length as a
//! big-endian u32, prelude and CRCs included.
use bytes::Bytes;

/// The smallest frame: prelude (12 bytes) and the message's CRC.
const SMALLEST: usize = 16;

/// The first `after` frames of `stream`, then `exception`. A stream with fewer frames loses its last, which would
/// have said that it is complete.
pub(crate) fn interrupted(stream: &Bytes, after: usize, exception: &Bytes) -> Bytes {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(head) = stream.get(at..at + 4).and_then(|head| head.try_into().ok()) {
        let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
        if length < SMALLEST || length > stream.len() - at {
            break;
        }
        at += length;
        ends.push(at);
    }
    let kept = after.min(ends.len().saturating_sub(1));
    let end = kept.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
    let mut out = Vec::with_capacity(end + exception.len());
    out.extend_from_slice(&stream[..end]);
    out.extend_from_slice(exception);
    out.into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::interrupted;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 16).unwrap();
        [&length.to_be_bytes()[..], &[0; 8], payload, &[0; 4]].concat()
    }

    #[test]
    fn whole_frames_then_the_exception() {
        let stream = Bytes::from([frame(b"one"), frame(b"two"), frame(b"stop")].concat());
        let exception = Bytes::from_static(b"!");
        for (after, kept) in [(0, 0), (1, 1), (2, 2), (3, 2), (99, 2)] {
            let out = interrupted(&stream, after, &exception);
            assert_eq!(out.len(), kept * frame(b"one").len() + 1, "{after}");
            assert_eq!(out.last(), Some(&b'!'));
        }
        assert_eq!(interrupted(&Bytes::from_static(b"rubbish"), 2, &exception), exception);
    }
}
