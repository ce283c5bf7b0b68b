//! The `traceparent` header: a client's trace is continued with a span of ours, a wrong or missing one starts a new trace.
//!
//! Format: W3C Trace Context, <https://www.w3.org/TR/trace-context/#traceparent-header>, version 00.

/// A trace and our span in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: String,
    span_id: String,
    flags: String,
}

impl TraceParent {
    /// A new trace, sampled.
    pub fn fresh() -> Self {
        let trace_id = hex::encode(rand::random::<u128>().to_be_bytes());
        Self { trace_id, span_id: fresh_span(), flags: "01".to_owned() }
    }

    /// Continues the client's trace if its header is valid, else starts one.
    pub fn continued(header: Option<&str>) -> Self {
        header.and_then(Self::parse).map_or_else(Self::fresh, |parent| Self {
            trace_id: parent.trace_id,
            span_id: fresh_span(),
            flags: parent.flags,
        })
    }

    /// The trace's id, 32 hex characters.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The header's value for calls that this request makes.
    pub fn header(&self) -> String {
        format!("00-{}-{}-{}", self.trace_id, self.span_id, self.flags)
    }

    fn parse(header: &str) -> Option<Self> {
        let parts: Vec<&str> = header.trim().split('-').collect();
        let [version, trace_id, span_id, flags] = parts.as_slice() else { return None };
        let valid = *version == "00"
            && is_id(trace_id, 32)
            && is_id(span_id, 16)
            && flags.len() == 2
            && is_lower_hex(flags);
        valid.then(|| Self {
            trace_id: (*trace_id).to_owned(),
            span_id: (*span_id).to_owned(),
            flags: (*flags).to_owned(),
        })
    }
}

fn fresh_span() -> String {
    hex::encode(rand::random::<u64>().to_be_bytes())
}

/// All zeros is not an id.
fn is_id(text: &str, length: usize) -> bool {
    text.len() == length && is_lower_hex(text) && text.bytes().any(|byte| byte != b'0')
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_trace_is_continued_with_a_span_of_ours() {
        let client = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let ours = TraceParent::continued(Some(client)).header();
        assert!(ours.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{ours}");
        assert!(ours.ends_with("-01") && ours != client, "{ours}");
    }

    #[test]
    fn a_wrong_header_starts_a_trace() {
        let zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let upper = "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01";
        for header in [None, Some(""), Some("00-1-2-3"), Some(zeros.as_str()), Some(upper)] {
            let ours = TraceParent::continued(header).header();
            assert!(TraceParent::parse(&ours).is_some(), "{ours}");
            assert!(!ours.contains("4bf92f35"), "{ours}");
        }
    }
}
