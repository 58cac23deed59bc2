//! Percentile bootstrap of medians: how far the median of a session may lie from its recipe's.
//!
//! The result is reproducible: the generator, its seed, the order of draws and every rounding are fixed, so a verifier
//! gets the same bits on any machine. Draws are integers, and the arithmetic is one addition, subtraction, multiplication or
//! division at a time, which IEEE 754 fixes.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use super::interval::{Estimate, Interval};
use super::spread::{Spread, reached, sorted};

/// Seed of every bootstrap; a change of it changes results, and so the rules' version.
const SEED: [u8; 32] = *b"hlb-bench bootstrap of medians 1";

/// Resamples. With one more than that divisible by 40, the 2.5 % and 97.5 % points are order statistics.
const RESAMPLES: usize = 1999;

/// Places of the 2.5 % and 97.5 % points among the sorted resamples: the 50th and the 1950th.
const LOW: usize = 49;
const HIGH: usize = 1949;

/// 95 % percentile bootstrap interval of the median of `times`, in seconds.
///
/// An end is `None` where it falls among misses. Both are with fewer than two runs, as those show no spread.
pub fn median_interval(times: &[Option<f64>]) -> Interval {
    if times.len() < 2 {
        return Interval::UNKNOWN;
    }
    let (sorted, places) = (sorted(times), middles(times.len(), 0));
    let mut medians = [0.0; RESAMPLES];
    for (median, places) in medians.iter_mut().zip(&*places) {
        *median = places.median(&sorted);
    }
    Interval { low: reached(order_statistic(&mut medians, LOW)), high: reached(order_statistic(&mut medians, HIGH)) }
}

/// The median of `a` over the median of `b`, two independent samples of times, with a 95 % percentile bootstrap
/// interval.
///
/// `None` where either median is a miss or zero. `low` is `None` where so many medians of `b` missed that any ratio,
/// however small, is within the interval, `high` where so many of `a` did; both are with fewer than two runs in either.
pub fn ratio_of_medians(a: &[Option<f64>], b: &[Option<f64>]) -> Option<Estimate> {
    let positive = |times| Spread::of(times).median.filter(|seconds| *seconds > 0.0);
    let value = positive(a)? / positive(b)?;
    if a.len() < 2 || b.len() < 2 {
        return Some(Estimate { value, low: None, high: None });
    }
    let (of_a, of_b) = (middles(a.len(), 0), middles(b.len(), 1));
    let (a, b) = (sorted(a), sorted(b));
    let mut lows = [0.0; RESAMPLES];
    let mut highs = [0.0; RESAMPLES];
    for (index, (low, high)) in lows.iter_mut().zip(&mut highs).enumerate() {
        (*low, *high) = bounds(of_a[index].median(&a), of_b[index].median(&b));
    }
    let low = reached(order_statistic(&mut lows, LOW)).filter(|ratio| *ratio > 0.0);
    Some(Estimate { value, low, high: reached(order_statistic(&mut highs, HIGH)) })
}

/// Bounds of the ratio of two medians. If both medians are misses, the ratio may be any positive number.
fn bounds(a: f64, b: f64) -> (f64, f64) {
    let ratio = a / b;
    if ratio.is_nan() { (0.0, f64::INFINITY) } else { (ratio, ratio) }
}

fn order_statistic(values: &mut [f64], place: usize) -> f64 {
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}

/// The middle of each resample.
type Middles = Arc<[Middle]>;

/// Most runs whose resamples are kept; two streams of so many take 6 MiB.
const KEPT_COUNT: usize = 100;

/// The middle of each resample. The draws depend on the number of times only, so all sessions of a board with the same
/// number of runs share them.
fn middles(count: usize, stream: u64) -> Middles {
    static KEPT: LazyLock<Mutex<HashMap<(usize, u64), Middles>>> = LazyLock::new(Mutex::default);
    if count > KEPT_COUNT {
        return draw_middles(count, stream);
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(kept.entry((count, stream)).or_insert_with(|| draw_middles(count, stream)))
}

fn draw_middles(count: usize, stream: u64) -> Middles {
    let mut resampler = Resampler::new(count, stream);
    std::iter::repeat_with(|| resampler.middle()).take(RESAMPLES).collect()
}

/// Indices of the two middle values of a resample among the sorted times; equal if the count is odd.
#[derive(Debug, Clone, Copy)]
struct Middle {
    low: usize,
    high: usize,
}

impl Middle {
    /// The median; infinite where it is a miss.
    fn median(self, sorted: &[f64]) -> f64 {
        let low = sorted[self.low];
        if self.low == self.high || low.is_infinite() {
            return low;
        }
        low + (sorted[self.high] - low) / 2.0
    }
}

/// Draws samples with replacement. Nothing is allocated or sorted per resample: how often each of the sorted times was
/// drawn is all that a median needs.
struct Resampler {
    generator: ChaCha8Rng,
    drawn: Vec<u32>,
}

impl Resampler {
    /// A resampler of `count` times, with its own stream of the generator.
    fn new(count: usize, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::from_seed(SEED);
        generator.set_stream(stream);
        Self { generator, drawn: vec![0; count] }
    }

    /// The middle of the next resample.
    fn middle(&mut self) -> Middle {
        self.drawn.fill(0);
        let count = self.drawn.len() as u64;
        for _ in 0..count {
            // The bias of one draw is less than count / 2^32.
            let index = (u64::from(self.generator.next_u32()) * count) >> 32;
            self.drawn[usize::try_from(index).expect("an index of a slice")] += 1;
        }
        let last = self.drawn.len() - 1;
        let low = self.place(last / 2);
        Middle { low, high: if last.is_multiple_of(2) { low } else { self.place(last / 2 + 1) } }
    }

    /// Index among the sorted times of the value with this rank in the resample, from 0.
    fn place(&self, rank: usize) -> usize {
        let mut seen = 0;
        let reaches = |drawn: &u32| {
            seen += *drawn as usize;
            seen > rank
        };
        self.drawn.iter().position(reaches).expect("a resample has as many values as there are times")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reached_all(times: &[f64]) -> Vec<Option<f64>> {
        times.iter().copied().map(Some).collect()
    }

    /// The median of a resample of an odd sample is at most its `i`th value with the chance that a binomial draw of n
    /// with chance `i / n` is over `n / 2`. By SciPy 1.17.1, `1 - binom.cdf(n // 2, n, i / n)`, that first passes 0.025
    /// at the 1st value of 5 (0.058), the 2nd of 7 (0.010, 0.108) and the 3rd of 11 (0.007, 0.051).
    #[test]
    fn the_interval_is_that_of_the_exact_bootstrap() {
        for (count, low) in [(5, 1.0), (7, 2.0), (11, 3.0)] {
            let times: Vec<_> = (1..=count).map(|time| Some(f64::from(time))).collect();
            let expected = Interval { low: Some(low), high: Some(f64::from(count) + 1.0 - low) };
            assert_eq!(median_interval(&times), expected, "of {count}");
        }
    }

    /// Bits that a verifier elsewhere must get too. Pinned from this module's first run.
    #[test]
    fn the_bootstrap_is_the_same_everywhere() {
        let a = reached_all(&[41.3, 40.9, 41.7, 42.2, 40.5, 41.1, 41.9, 40.8, 41.4, 43.0]);
        let b = reached_all(&[43.1, 42.7, 44.0, 43.3, 42.9, 43.8, 42.5, 43.6]);
        assert_eq!(median_interval(&a), Interval { low: Some(40.9), high: Some(41.95) });
        let ratio = ratio_of_medians(&a, &b).expect("both reached");
        assert_eq!((ratio.low, ratio.high), (Some(0.940_503_432_494_279), Some(0.974_299_065_420_560_9)));
    }

    #[test]
    fn ends_among_misses_are_unknown() {
        let times = [Some(1.0), Some(2.0), Some(3.0), None, None];
        let found = median_interval(&times);
        assert!(found.low.is_some() && found.high.is_none(), "{found:?}");
        assert_eq!(median_interval(&[None, None, Some(1.0)]).high, None);
        let all = reached_all(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let slow = ratio_of_medians(&times, &all).expect("both medians reached");
        assert!(slow.low.is_some() && slow.high.is_none(), "{slow:?}");
        let fast = ratio_of_medians(&all, &times).expect("both medians reached");
        assert!(fast.low.is_none() && fast.high.is_some(), "{fast:?}");
        assert_eq!(ratio_of_medians(&all, &[None, None, Some(1.0)]), None);
    }

    #[test]
    fn one_run_shows_no_spread() {
        assert_eq!(median_interval(&[]), Interval::UNKNOWN);
        assert_eq!(median_interval(&[Some(2.0)]), Interval::UNKNOWN);
        let found = ratio_of_medians(&[Some(2.0)], &[Some(4.0), Some(4.0)]);
        assert_eq!(found, Some(Estimate { value: 0.5, low: None, high: None }));
        assert_eq!(ratio_of_medians(&[Some(0.0); 3], &[Some(4.0); 3]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_interval_holds_the_median_in_any_order(mut times in prop::collection::vec(0.1_f64..100.0, 2..25)) {
            let median = Spread::of(&reached_all(&times)).median.unwrap();
            let found = median_interval(&reached_all(&times));
            prop_assert!(found.low.unwrap() <= median && median <= found.high.unwrap());
            times.reverse();
            prop_assert_eq!(found, median_interval(&reached_all(&times)));
        }

        #[test]
        fn the_interval_holds_the_ratio(
            a in prop::collection::vec(0.1_f64..100.0, 2..15),
            b in prop::collection::vec(0.1_f64..100.0, 2..15),
        ) {
            let found = ratio_of_medians(&reached_all(&a), &reached_all(&b)).unwrap();
            prop_assert!(found.low.unwrap() <= found.value && found.value <= found.high.unwrap());
        }
    }
}
