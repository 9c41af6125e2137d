//! Counter-based random streams keyed by (seed, name, replica, step).
//!
//! Every draw of the laboratory comes from a stream whose 256-bit key spells out who draws and when, so a result cannot
//! depend on the number of threads, on which observers are on, on interruption and resume, or on how replicas are
//! grouped. The generator is ChaCha with 8 rounds (Bernstein 2008), from the rand family.

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

/// The generator of one stream. Use it with the `rand` and `rand_distr` traits.
pub type Rng = ChaCha8Rng;

/// All streams of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream `name` of `replica` at `step`: a generator at its beginning. Cost O(1), no warm-up.
    ///
    /// `replica` is the number of the replica in the whole ensemble, not in its group.
    pub fn stream(&self, name: &str, replica: u64, step: u64) -> Rng {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(name.as_bytes()).to_le_bytes());
        key[16..24].copy_from_slice(&replica.to_le_bytes());
        key[24..].copy_from_slice(&step.to_le_bytes());
        Rng::from_seed(key)
    }
}

/// 64-bit FNV-1a hash of a stream's name (Fowler, Noll, Vo 1991): fixed for all time, part of the format of results.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn streams_differ_in_every_part_of_the_key() {
        let draw = |seed, name, replica, step| Streams::new(seed).stream(name, replica, step).random::<u64>();
        let base = draw(1, "noise", 0, 0);
        assert_eq!(base, draw(1, "noise", 0, 0));
        for other in [draw(2, "noise", 0, 0), draw(1, "batch", 0, 0), draw(1, "noise", 1, 0), draw(1, "noise", 0, 1)] {
            assert_ne!(base, other);
        }
    }

    /// FNV-1a of "a" and "foobar", from the authors' test vectors.
    #[test]
    fn fnv_matches_published_vectors() {
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
