//! Wilson's interval of a share, which stays within 0 to 1 and has a width for any number of trials.

use super::interval::Interval;

/// 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// 95 % interval of the share `successes / trials` by Wilson's score method, without continuity correction.
///
/// `None` without trials, or with more successes than trials.
pub fn wilson(successes: u32, trials: u32) -> Option<Interval> {
    let failures = trials.checked_sub(successes)?;
    if trials == 0 {
        return None;
    }
    let (hits, misses, count) = (f64::from(successes), f64::from(failures), f64::from(trials));
    let middle = hits + Z * Z / 2.0;
    let reach = Z * (hits * misses / count + Z * Z / 4.0).sqrt();
    let whole = count + Z * Z;
    // At the ends the formula gives exactly 0 and 1, apart from rounding.
    let low = if successes == 0 { 0.0 } else { (middle - reach) / whole };
    let high = if failures == 0 { 1.0 } else { (middle + reach) / whole };
    Some(Interval { low: Some(low), high: Some(high) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends(successes: u32, trials: u32) -> (f64, f64) {
        let interval = wilson(successes, trials).expect("trials");
        (interval.low.expect("an end"), interval.high.expect("an end"))
    }

    /// SciPy 1.17.1: `binomtest(k, n).proportion_ci(method="wilson")`; R's `prop.test(k, n, correct = FALSE)` is the
    /// same interval. The first four are in Newcombe (1998), table I, method 3.
    #[test]
    fn the_interval_agrees_with_scipy() {
        for (successes, trials, low, high) in [
            (81, 263, 0.255_288_519_878_274_2, 0.366_209_576_982_800_04),
            (15, 148, 0.062_386_399_530_736_29, 0.160_487_241_723_308_03),
            (0, 20, 0.0, 0.161_125_158_052_819_35),
            (1, 29, 0.006_113_214_292_762_667, 0.171_755_218_793_202_82),
            (9, 10, 0.595_849_973_204_761_5, 0.982_123_786_904_927_1),
            (20, 20, 0.838_874_841_947_180_8, 1.0),
        ] {
            let found = ends(successes, trials);
            assert!(
                (found.0 - low).abs() < 1e-12 && (found.1 - high).abs() < 1e-12,
                "{successes} of {trials}: {found:?}"
            );
        }
    }

    #[test]
    fn no_trials_give_no_interval() {
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(3, 2), None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_mirrors(trials in 1_u32..=100_000, part in 0.0_f64..=1.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a positive count")]
            let successes = (f64::from(trials) * part) as u32;
            let (low, high) = ends(successes, trials);
            let share = f64::from(successes) / f64::from(trials);
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0 && low < high);
            let (mirrored_low, mirrored_high) = ends(trials - successes, trials);
            prop_assert!((low + mirrored_high - 1.0).abs() < 1e-12 && (high + mirrored_low - 1.0).abs() < 1e-12);
        }
    }
}
