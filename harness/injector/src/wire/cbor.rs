//! As much CBOR as an error needs: a map of text to text (RFC 8949, sections 3 and 3.1).
use bytes::Bytes;

/// Major types, shifted into the head's upper three bits.
const TEXT: u8 = 3 << 5;
const MAP: u8 = 5 << 5;

/// A map with these entries, in this order.
pub(super) fn map(entries: &[(&str, &str)]) -> Bytes {
    let mut out = Vec::new();
    head(&mut out, MAP, entries.len());
    for (name, value) in entries {
        for text in [name, value] {
            head(&mut out, TEXT, text.len());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.into()
}

/// A major type with its argument in the fewest bytes.
fn head(out: &mut Vec<u8>, major: u8, argument: usize) {
    let bytes = u64::try_from(argument).unwrap_or(u64::MAX).to_be_bytes();
    match argument {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend_from_slice(&[major | 0x18, bytes[7]]),
        0x100..=0xffff => out.extend_from_slice(&[major | 0x19, bytes[6], bytes[7]]),
        _ => {
            out.push(major | 0x1a);
            out.extend_from_slice(&bytes[4..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn a_map_of_short_and_long_text() {
        // RFC 8949, appendix A: {"a": "A", "b": "B"} is a2 61 61 61 41 61 62 61 42.
        assert_eq!(map(&[("a", "A"), ("b", "B")]).as_ref(), b"\xa2aaaAabaB");
        let long = "x".repeat(300);
        let bytes = map(&[("m", &long)]);
        assert_eq!(&bytes[..6], b"\xa1am\x79\x01\x2c");
        assert_eq!(bytes.len(), 6 + 300);
        assert_eq!(&map(&[("m", &"x".repeat(24))])[..5], b"\xa1am\x78\x18");
    }
}
