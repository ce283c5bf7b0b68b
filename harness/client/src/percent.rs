//! Percent-encoding of RFC 3986, section 2.

/// All bytes but those of the unreserved characters are written as `%XX`, so that an id stays one segment and a value one
/// value.
pub fn encoded(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([*byte]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_url_loses_it() {
        assert_eq!(encoded("a/b?c=d&e ü".as_bytes()), "a%2Fb%3Fc%3Dd%26e%20%C3%BC");
        assert_eq!(encoded(b"A-z.0_~"), "A-z.0_~");
    }
}
