//! The transcript that Amazon Transcribe writes: JSON with the text in `results.transcripts[].transcript`.

use serde::Deserialize;

/// The most bytes of a transcript: every word of a minute, with its times and alternatives, takes a fraction of it.
pub const TRANSCRIPT_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Document {
    results: Results,
}

#[derive(Deserialize)]
struct Results {
    transcripts: Vec<Transcript>,
}

#[derive(Deserialize)]
struct Transcript {
    transcript: String,
}

/// The text, trimmed; empty when nothing was said.
pub fn text(json: &[u8]) -> Result<String, serde_json::Error> {
    let document: Document = serde_json::from_slice(json)?;
    let parts = document.results.transcripts.iter().map(|part| part.transcript.trim());
    Ok(parts.collect::<Vec<_>>().join(" ").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_found_among_the_rest() {
        let json =
            br#"{"jobName":"j","accountId":"1","status":"COMPLETED","results":{"transcripts":
            [{"transcript":" How do I reset it? "}],"items":[{"type":"pronunciation"}]}}"#;
        assert_eq!(text(json).unwrap(), "How do I reset it?");
        assert_eq!(text(br#"{"results":{"transcripts":[]}}"#).unwrap(), "");
        assert_eq!(text(br#"{"results":{"transcripts":[{"transcript":""}]}}"#).unwrap(), "");
    }

    #[test]
    fn anything_else_is_no_transcript() {
        for json in [b"".as_slice(), b"{}", b"null", br#"{"results":{}}"#, b"<Error/>", &[0xff]] {
            assert!(text(json).is_err());
        }
    }
}
