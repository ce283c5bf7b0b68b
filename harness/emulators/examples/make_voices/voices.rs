//! Which recordings there are, and their bytes.
#[path = "boxes.rs"]
mod boxes;
#[path = "frames.rs"]
mod frames;
#[path = "tones.rs"]
mod tones;

use serde_json::{Value, json};

use self::tones::Tones;

/// One recording.
pub(crate) struct Voice {
    pub(crate) file: &'static str,
    /// Of `fixtures/questions.toml`; empty for silence.
    question: &'static str,
    text: &'static str,
}

/// All of them: six questions as WAV, silence, and one question in each other container.
pub(crate) const VOICES: [Voice; 11] = [
    voice("router-01.wav", "router-01", "How many wireless devices can connect to the router?"),
    voice("router-13.wav", "router-13", "How long does the WPS pairing window stay open?"),
    voice("coffee-04.wav", "coffee-04", "How much water does the water tank hold?"),
    voice("coffee-06.wav", "coffee-06", "At what temperature is an espresso brewed?"),
    voice("coffee-19.wav", "coffee-19", "Can I descale with vinegar?"),
    voice("ebike-02.wav", "ebike-02", "How much may the luggage rack carry?"),
    voice("silence.wav", "", ""),
    voice("router-04.webm", "router-04", "How many Gbit/s does the WAN port reach?"),
    voice("coffee-07.mp4", "coffee-07", "How much milk goes into a latte macchiato?"),
    voice("coffee-11.mp3", "coffee-11", "How many seconds should an espresso take?"),
    voice("ebike-04.flac", "ebike-04", "How fast does walk assistance push the bicycle?"),
];

const fn voice(file: &'static str, question: &'static str, text: &'static str) -> Voice {
    Voice { file, question, text }
}

impl Voice {
    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let tones = self.tones();
        match self.content_type() {
            "audio/webm" => boxes::webm(self.text, tones.milliseconds()),
            "audio/mp4" => boxes::mp4(self.text, tones.milliseconds()),
            "audio/mpeg" => frames::mp3(self.text, tones.milliseconds()),
            "audio/flac" => frames::flac(self.text, &tones.samples()),
            _ => frames::wav(self.text, &tones.samples()),
        }
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match self.file.rsplit_once('.').map(|(_, extension)| extension) {
            Some("webm") => "audio/webm",
            Some("mp4") => "audio/mp4",
            Some("mp3") => "audio/mpeg",
            Some("flac") => "audio/flac",
            _ => "audio/wav",
        }
    }

    fn tones(&self) -> Tones {
        Tones::of(self.text)
    }

    fn entry(&self) -> Value {
        json!({
            "file": self.file, "content_type": self.content_type(), "question": self.question,
            "text": self.text, "seconds": f64::from(self.tones().milliseconds()) / 1000.0,
        })
    }
}

/// `index.json`: an entry for each file. `question` is its id in `fixtures/questions.toml`.
pub(crate) fn index() -> String {
    let entries: Vec<Value> = VOICES.iter().map(Voice::entry).collect();
    let mut text = serde_json::to_string_pretty(&entries).unwrap_or_default();
    text.push('\n');
    text
}
