//! The Mann-Whitney test: are the times of one session shorter than those of another? It assumes no
//! distribution, and ranks a miss like any time. Always two-sided: see `docs/reference/statistics.md`.

use super::rank_test::{MOST_EXACT, RankTest, exact_p, normal_p, tie_term};
use super::spread::comparable;

/// Two-sided Mann-Whitney test of two independent samples of times in seconds.
///
/// Exact where no two times are equal (two misses are) and neither sample has more than 50, else the normal
/// approximation with tie and continuity correction. `None` where a sample is empty.
pub fn mann_whitney(a: &[Option<f64>], b: &[Option<f64>]) -> Option<RankTest> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let both = a.iter().map(|time| (time, true)).chain(b.iter().map(|time| (time, false)));
    let mut pooled: Vec<(f64, bool)> = both.map(|(time, is_a)| (comparable(*time), is_a)).collect();
    let standing = Standing::of(&mut pooled);
    Some(RankTest { p_two_sided: standing.p_two_sided(), a_is_faster: standing.a_is_faster() })
}

/// Comparison of every run of one sample with every run of the other, called a race.
struct Standing {
    /// Runs of the two samples.
    sizes: (u64, u64),
    /// Twice the races that the first sample wins; a tied race counts as half a win.
    twice_wins: u64,
    /// Sum of the tie terms.
    ties: u64,
}

impl Standing {
    /// Sorts `pooled`: times, and whether each is the first sample's.
    fn of(pooled: &mut [(f64, bool)]) -> Self {
        pooled.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        let of_a = |times: &[(f64, bool)]| times.iter().filter(|(_, is_a)| *is_a).count() as u64;
        let all_a = of_a(pooled);
        let mut standing = Self { sizes: (all_a, pooled.len() as u64 - all_a), twice_wins: 0, ties: 0 };
        let mut slower_b = standing.sizes.1;
        for tied in pooled.chunk_by(|left, right| left.0.total_cmp(&right.0).is_eq()) {
            let (size, tied_a) = (tied.len() as u64, of_a(tied));
            slower_b -= size - tied_a;
            standing.twice_wins += tied_a * (2 * slower_b + size - tied_a);
            standing.ties += tie_term(size);
        }
        standing
    }

    fn races(&self) -> u64 {
        self.sizes.0 * self.sizes.1
    }

    fn a_is_faster(&self) -> bool {
        self.twice_wins > self.races()
    }

    fn is_exact(&self) -> bool {
        self.ties == 0 && self.sizes.0 <= MOST_EXACT && self.sizes.1 <= MOST_EXACT
    }

    fn p_two_sided(&self) -> f64 {
        if !self.is_exact() {
            return self.approximate_p();
        }
        let fewer_wins = self.twice_wins.min(2 * self.races() - self.twice_wins) / 2;
        exact_p(ways_to_win(self.sizes, fewer_wins).iter().sum(), binomial(self.sizes))
    }

    #[expect(clippy::cast_precision_loss, reason = "an approximation")]
    fn approximate_p(&self) -> f64 {
        let runs = (self.sizes.0 + self.sizes.1) as f64;
        let races = self.races() as f64;
        let apart = (self.twice_wins as f64 - races).abs() / 2.0;
        normal_p(apart, races / 12.0 * (runs + 1.0 - self.ties as f64 / (runs * (runs - 1.0))))
    }
}

/// In how many orders of the runs, all equally likely, a sample wins 0, 1 ... `most` races.
///
/// They are the coefficients of a Gaussian binomial: a product of `(1 - x^(n + i)) / (1 - x^i)`, cut after `most`.
/// No number is larger than the count of all orders, which for two samples of 50 has 97 bits.
fn ways_to_win((factors, shift): (u64, u64), most: u64) -> Vec<i128> {
    let index = |power: u64| usize::try_from(power).unwrap_or(usize::MAX);
    let mut ways = vec![0; index(most) + 1];
    ways[0] = 1;
    for factor in 1..=factors {
        let above = index(shift + factor);
        for power in (above..ways.len()).rev() {
            ways[power] -= ways[power - above];
        }
        let below = index(factor);
        for power in below..ways.len() {
            ways[power] += ways[power - below];
        }
    }
    ways
}

/// Number of orders of two samples.
fn binomial((first, second): (u64, u64)) -> i128 {
    (1..=i128::from(first)).fold(1, |ways, step| ways * (i128::from(second) + step) / step)
}

/// The test at a fixed level for many pairs of samples of one size. It decides as [`mann_whitney`] does, but computes the
/// exact distribution only once.
pub(super) struct Bar {
    level: f64,
    /// Most races that the slower sample may win where the test is exact; `None` where no outcome clears the bar.
    most_lost: Option<u64>,
}

impl Bar {
    /// The bar `p < level` for two samples of `runs` runs each.
    pub(super) fn new(runs: u64, level: f64) -> Self {
        let exact = runs <= MOST_EXACT;
        Self { level, most_lost: exact.then(|| most_lost(runs, level)).flatten() }
    }

    /// Whether the first sample of `pooled` is significantly different from the second and the faster one. Sorts `pooled`.
    pub(super) fn is_cleared_by(&self, pooled: &mut [(f64, bool)]) -> bool {
        let standing = Standing::of(pooled);
        let lost = standing.races() - standing.twice_wins / 2;
        if standing.is_exact() {
            self.most_lost.is_some_and(|most| lost <= most)
        } else {
            standing.a_is_faster() && standing.approximate_p() < self.level
        }
    }
}

fn most_lost(runs: u64, level: f64) -> Option<u64> {
    let orders = binomial((runs, runs));
    let tails = ways_to_win((runs, runs), runs * runs / 2).into_iter().scan(0, |tail, ways| {
        *tail += ways;
        Some(*tail)
    });
    (tails.take_while(|tail| exact_p(*tail, orders) < level).count() as u64).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn p(a: &[f64], b: &[f64]) -> f64 {
        let reached = |times: &[f64]| times.iter().copied().map(Some).collect::<Vec<_>>();
        mann_whitney(&reached(a), &reached(b)).expect("two samples").p_two_sided
    }

    fn line(runs: u32, start: f64, step: f64) -> Vec<f64> {
        (0..runs).map(|run| start + step * f64::from(run)).collect()
    }

    #[track_caller]
    fn assert_close(p: f64, expected: f64) {
        assert!((p / expected - 1.0).abs() < 1e-9, "{p}, expected {expected}");
    }

    /// SciPy 1.17.1: `mannwhitneyu(a, b, method="exact").pvalue`. The first samples are those of `?wilcox.test` in R
    /// (Hollander and Wolfe, permeability), where the one-sided p is 0.1272.
    #[test]
    fn the_exact_test_agrees_with_r_and_scipy() {
        let at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        assert_close(p(&at_term, &[1.15, 0.88, 0.90, 0.74, 1.21]), 0.254_412_254_412_254_4);
        assert_close(p(&line(50, 101.0, 1.7), &line(50, 120.35, 1.9)), 4.344_452_511_634_81e-5);
        assert_close(p(&line(50, 101.0, 1.7), &line(50, 106.35, 1.9)), 0.068_103_209_777_227_28);
    }

    /// SciPy 1.17.1: `mannwhitneyu(a, b, method="asymptotic").pvalue`, misses as `inf`.
    #[test]
    fn the_approximation_agrees_with_scipy() {
        assert_close(p(&line(51, 10.0, 1.0), &line(30, 17.5, 1.0)), 0.381_406_211_989_884_56);
        let a = [4., 4., 5., 5., 5., 6., 6., 7., 7., 8.];
        assert_close(p(&a, &[5., 6., 6., 7., 7., 7., 8., 8., 9., f64::INFINITY]), 0.031_291_711_950_920_88);
        let a = [Some(1.0), Some(2.0), Some(3.0), None, None];
        let b = [Some(1.5), Some(2.5), None, None, None, None];
        assert_close(mann_whitney(&a, &b).unwrap().p_two_sided, 0.485_903_109_897_975_47);
    }

    #[test]
    fn a_miss_is_slower_than_any_time() {
        let reached = line(6, 1.0, 1.0).into_iter().map(Some).collect::<Vec<_>>();
        let found = mann_whitney(&reached, &[None; 6]).unwrap();
        assert!(found.a_is_faster && found.p_two_sided < 0.01, "{found:?}");
        assert!(!mann_whitney(&[None; 6], &reached).unwrap().a_is_faster);
    }

    #[test]
    fn samples_without_information_have_no_winner() {
        assert_eq!(mann_whitney(&[], &[Some(1.0)]), None);
        let no_winner = Some(RankTest { p_two_sided: 1.0, a_is_faster: false });
        assert_eq!(mann_whitney(&[None; 3], &[None; 4]), no_winner);
        assert_eq!(mann_whitney(&[Some(2.0); 10], &[Some(2.0); 10]), no_winner);
    }

    /// Five against five is the smallest pair that can be significantly different: 2 orders of 252.
    #[test]
    fn five_runs_each_are_the_least_that_can_win() {
        assert_close(p(&line(5, 1.0, 1.0), &line(5, 10.0, 1.0)), 2.0 / 252.0);
        assert_close(p(&line(4, 1.0, 1.0), &line(4, 10.0, 1.0)), 2.0 / 70.0);
    }

    fn times(most: usize) -> impl Strategy<Value = Vec<Option<f64>>> {
        prop::collection::vec(prop::option::weighted(0.9, (1_u32..40).prop_map(f64::from)), 1..most)
    }

    proptest! {
        #[test]
        fn neither_order_nor_side_matters(mut a in times(14), b in times(14)) {
            let found = mann_whitney(&a, &b).unwrap();
            a.reverse();
            let swapped = mann_whitney(&b, &a).unwrap();
            prop_assert_eq!(found.p_two_sided.to_bits(), swapped.p_two_sided.to_bits());
            prop_assert!(!(found.a_is_faster && swapped.a_is_faster) && (0.0..=1.0).contains(&found.p_two_sided));
        }

        #[test]
        fn only_ranks_matter(a in times(14), b in times(14)) {
            let squared = |times: &[Option<f64>]| times.iter().map(|time| time.map(|t| t * t)).collect::<Vec<_>>();
            prop_assert_eq!(mann_whitney(&a, &b), mann_whitney(&squared(&a), &squared(&b)));
        }

        #[test]
        fn the_bar_decides_as_the_test_does(pairs in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.3), 3..60)) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.iter().map(|(a, b)| (Some(*a), Some(*b))).unzip();
            let found = mann_whitney(&a, &b).unwrap();
            let mut pooled: Vec<_> = pairs.iter().flat_map(|(a, b)| [(*a, true), (*b, false)]).collect();
            let is_cleared = Bar::new(pairs.len() as u64, crate::rules::SIGNIFICANCE).is_cleared_by(&mut pooled);
            prop_assert_eq!(is_cleared, found.a_is_faster && found.p_two_sided < 0.01);
        }
    }
}
