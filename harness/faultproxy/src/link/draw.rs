//! Random numbers by name: the same seed, proxy, connection, direction and toxic draw the same, whatever the timing.
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::toxic::Stream;

/// The numbers of one toxic on one direction of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Draws(ChaCha8Rng);

/// Which connection of which proxy.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) seed: u64,
    pub(crate) proxy: String,
    /// From 1, in the order of accepting.
    pub(crate) connection: u64,
    pub(crate) stream: Stream,
}

impl Draws {
    /// For the toxic named `toxic` in its `generation`: it changes when the toxic does.
    pub(crate) fn of(place: &Place, toxic: &str, generation: u64) -> Self {
        let stream = match place.stream {
            Stream::Upstream => 1,
            Stream::Downstream => 2,
        };
        let mut seed = [0; 32];
        let parts = [
            place.seed,
            fnv(&place.proxy),
            place.connection,
            fnv(toxic) ^ generation.rotate_left(32),
        ];
        for (word, part) in seed.chunks_exact_mut(8).zip(parts) {
            word.copy_from_slice(&part.to_le_bytes());
        }
        let mut generator = ChaCha8Rng::from_seed(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// In 0..`end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end.max(1))
    }
}

/// FNV-1a, 64 bits (draft-eastlake-fnv): names are short and nobody attacks a seed.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{Draws, Place};
    use crate::toxic::Stream;

    fn hits(seed: u64, toxicity: f64) -> Vec<bool> {
        let draw = |connection| {
            let place = Place { seed, proxy: "p".into(), connection, stream: Stream::Downstream };
            Draws::of(&place, "latency_downstream", 1).unit() < toxicity
        };
        (1..=10_000).map(draw).collect()
    }

    #[test]
    fn a_toxicity_hits_its_share_of_connections_within_three_sigma() {
        for toxicity in [0.0, 0.1, 0.5, 0.9, 1.0] {
            let count = hits(42, toxicity).iter().filter(|hit| **hit).count();
            let sigma = (1e4 * toxicity * (1.0 - toxicity)).sqrt();
            let off = (f64::from(u32::try_from(count).unwrap()) - 1e4 * toxicity).abs();
            assert!(off <= 3.0 * sigma, "{toxicity}: {count}");
        }
    }

    #[test]
    fn one_seed_is_one_pattern_and_another_seed_another() {
        assert!((0..20).all(|_| hits(42, 0.5) == hits(42, 0.5)));
        assert_ne!(hits(42, 0.5), hits(43, 0.5));
    }
}
