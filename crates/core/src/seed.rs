//! Seeds are derived, not chosen, and every random number of a run comes from one of them.
//!
//! One seed feeds independent streams of a named portable generator (ChaCha with 8 rounds, drawn on the
//! host), so a run has the same randomness on every device.

use std::fmt;

use crate::artifact::Sha256Hex;
use crate::text::{is_lower_hex, plain_text};
use crate::version::CommitId;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The seed of one run, written as 16 hexadecimal digits because readers of YAML and JSON lose large integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seed(u64);

impl Seed {
    /// A seed for tests and benchmarks; sessions use [`derive()`].
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The stream of this seed for one purpose (`init`, `shuffle`, `augment`, ...).
    pub fn stream(self, purpose: &str) -> Stream {
        let mut hash = Sha256::new();
        hash.update(b"hlb-bench stream v1\n");
        hash.update(self.0.to_be_bytes());
        hash.update(purpose.as_bytes());
        Stream(ChaCha8Rng::from_seed(hash.finalize().into()))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        seed.to_string()
    }
}

/// The text was not 16 lower-case hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a seed is 16 lower-case hexadecimal digits")]
pub struct BadSeed;

impl TryFrom<String> for Seed {
    type Error = BadSeed;

    fn try_from(text: String) -> Result<Self, BadSeed> {
        let seed = u64::from_str_radix(&text, 16).ok().map(Self);
        seed.filter(|seed| seed.to_string() == text).ok_or(BadSeed)
    }
}

/// Seed of run `index` (counted from 1): the first 8 bytes of SHA-256 over recipe digest, session nonce and index.
pub fn derive(recipe_sha256: Sha256Hex, nonce: &str, index: u32) -> Seed {
    let text = format!("hlb-bench seed v1\n{recipe_sha256}\n{nonce}\n{index}\n");
    let digest = Sha256::digest(text.as_bytes());
    Seed(u64::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes")))
}

plain_text! {
    /// The random text of a session that its seeds follow from: one that could be chosen would choose the seeds.
    Nonce, "a nonce: 32 lower-case hexadecimal digits are", |text| is_lower_hex(text, 32)
}

impl Nonce {
    /// 16 random bytes of the operating system, in hexadecimal.
    pub fn fresh() -> Self {
        let mut bytes = [0; 16];
        rand_core::OsRng.fill_bytes(&mut bytes);
        Self(hex::encode(bytes))
    }

    /// The nonce of the session that answers an announcement: the first 16 bytes of SHA-256 over the announcement's digest
    /// and the commit that took it in, which nobody knows before.
    pub fn announced(announcement_sha256: Sha256Hex, commit: &CommitId) -> Self {
        let text = format!("hlb-bench announcement 1\n{announcement_sha256}\n{commit}\n");
        Self(hex::encode(&Sha256::digest(text.as_bytes())[..16]))
    }

    /// Its first 8 digits, for names of folders.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

/// A portable stream of random numbers.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Uniform in `0..bound`, without bias (multiply and reject). `bound` must be positive.
    pub fn below(&mut self, bound: u32) -> u32 {
        debug_assert!(bound > 0, "an empty range has no member");
        let rejected = bound.wrapping_neg() % bound;
        loop {
            let wide = u64::from(self.0.next_u32()) * u64::from(bound);
            if wide & u64::from(u32::MAX) >= u64::from(rejected) {
                return high_half(wide);
            }
        }
    }

    /// Uniform in `[0, 1)` on a grid of 2^-24, which `f32` holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32 exactly")]
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// True half of the time.
    pub fn coin(&mut self) -> bool {
        self.0.next_u32() >> 31 == 1
    }

    /// A uniform permutation of `0..count` (Fisher and Yates).
    pub fn permutation(&mut self, count: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last as usize, self.below(last + 1) as usize);
        }
        order
    }
}

fn high_half(wide: u64) -> u32 {
    (wide >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::sha256_hex;
    use proptest::prelude::*;

    #[test]
    fn the_rule_of_derivation_is_pinned() {
        assert_eq!(derive(sha256_hex(b"a"), "cd", 1).to_string(), "b4f71fdb69428dc1");
    }

    #[test]
    fn every_part_of_the_rule_changes_the_seed() {
        let (a, x) = (sha256_hex(b"a"), sha256_hex(b"x"));
        let seeds = [derive(a, "b", 1), derive(a, "b", 2), derive(a, "c", 1), derive(x, "b", 1)];
        for (index, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..index].contains(seed));
        }
    }

    #[test]
    fn streams_are_pinned_and_independent() {
        let seed = Seed::from_number(7);
        let mut first = seed.stream("shuffle");
        let drawn: Vec<u32> = (0..4).map(|_| first.below(1000)).collect();
        assert_eq!(drawn, [199, 529, 413, 421]);
        assert_ne!(seed.stream("init").below(u32::MAX), seed.stream("shuffle").below(u32::MAX));
    }

    #[test]
    fn a_seed_is_written_as_hexadecimal() {
        assert_eq!(Seed::try_from("00000000000000ff".to_owned()), Ok(Seed(255)));
        assert_eq!(Seed::try_from("ff".to_owned()), Err(BadSeed));
        assert_eq!(Seed::try_from("00000000000000FF".to_owned()), Err(BadSeed));
    }

    #[test]
    fn the_nonce_of_an_announcement_is_pinned_and_follows_from_both() {
        let commit = |digit: &str| digit.repeat(40).parse().expect("a commit");
        let nonce = Nonce::announced(sha256_hex(b"a"), &commit("1"));
        assert_eq!(nonce.as_str(), "e3830db00a181f93d50bcefc0d157a5d");
        assert_eq!(nonce.as_str().parse(), Ok(nonce.clone()));
        assert_ne!(nonce, Nonce::announced(sha256_hex(b"b"), &commit("1")));
        assert_ne!(nonce, Nonce::announced(sha256_hex(b"a"), &commit("2")));
    }

    #[test]
    fn a_nonce_is_32_lower_case_hexadecimal_digits_and_nothing_else() {
        let fresh = Nonce::fresh();
        assert_eq!(fresh.as_str().parse(), Ok(fresh.clone()));
        let good = "0123456789abcdef".repeat(2);
        let bad = [
            "",
            "x",
            "<script>alert(1)</script>",
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}\n"),
            &format!("{good}0"),
        ];
        for text in bad {
            assert!(text.parse::<Nonce>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_permutation_holds_everything_once(number: u64, count in 0_u32..300) {
            let mut order = Seed::from_number(number).stream("shuffle").permutation(count);
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn numbers_stay_in_range(number: u64, bound in 1_u32..5000) {
            let mut stream = Seed::from_number(number).stream("x");
            prop_assert!(stream.below(bound) < bound);
            let unit = stream.unit();
            prop_assert!((0.0..1.0).contains(&unit));
        }
    }
}
