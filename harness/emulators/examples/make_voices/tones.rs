//! What is heard: a tone for each word, its pitch by the word's letters, and a pause at the end.
//! Whole numbers only, so that every machine makes the same samples.

/// In hertz: what Transcribe likes best for speech.
pub(crate) const RATE: u32 = 16_000;
/// Samples of a tone: 256 ms.
pub(crate) const TONE: u32 = 4096;
const LOUDEST: i32 = 8000;

/// A melody.
#[derive(Debug)]
pub(crate) struct Tones {
    /// In hertz; 0 is a pause.
    pitches: Vec<u32>,
}

impl Tones {
    /// The melody of a sentence; of none, two seconds of pause.
    pub(crate) fn of(text: &str) -> Self {
        let pitch = |word: &str| 200 + word.bytes().map(u32::from).sum::<u32>() % 40 * 20;
        let mut pitches: Vec<u32> = text.split_whitespace().map(pitch).collect();
        if pitches.is_empty() {
            pitches = vec![0; 7];
        }
        pitches.push(0);
        Self { pitches }
    }

    pub(crate) fn milliseconds(&self) -> u32 {
        let tones = u32::try_from(self.pitches.len()).unwrap_or(u32::MAX);
        tones * TONE * 1000 / RATE
    }

    /// Triangle waves that swell and fade, so that no tone begins with a click.
    pub(crate) fn samples(&self) -> Vec<i16> {
        let rate = i32::try_from(RATE).unwrap_or(i32::MAX);
        let length = i32::try_from(TONE).unwrap_or(i32::MAX);
        let tone = |pitch: u32| {
            let pitch = i32::try_from(pitch).unwrap_or(0);
            (0..length).map(move |at| {
                let phase = at * pitch % rate;
                let swing = (phase * 4 - rate * 2).abs() - rate;
                let loud = LOUDEST.min(at * 16).min((length - 1 - at) * 16);
                let sample = if pitch == 0 {
                    0
                } else {
                    i64::from(swing) * i64::from(loud) / i64::from(rate)
                };
                i16::try_from(sample).unwrap_or(0)
            })
        };
        self.pitches.iter().copied().flat_map(tone).collect()
    }
}
