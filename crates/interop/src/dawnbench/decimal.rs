//! Numbers as they are written. A float would make 94 of `93.99999999999999999`; digits do not.

use hlb_core::units::Target;

/// The most characters of a number.
const LONGEST: usize = 64;
/// The largest power of ten, either way.
const LARGEST_POWER: i32 = 40;

/// A decimal number of 0 or more.
#[derive(Debug, Clone, PartialEq)]
pub struct Decimal {
    /// The nearest float.
    pub value: f64,
    /// Digits before the point, 0 to 9 each, none of them a leading zero.
    whole: Vec<u8>,
    /// Digits after the point.
    fraction: Vec<u8>,
    /// Digits after the point as written, a power of ten aside.
    written_places: usize,
}

impl Decimal {
    /// Reads `12`, `12.5`, `.5`, `+1.2e-3` and the like; `None` for what is negative or no decimal number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        if text.len() > LONGEST || text.starts_with('-') || !text.bytes().all(known) {
            return None;
        }
        // The float's reader also says whether the form is right.
        let value: f64 = text.parse().ok()?;
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let power: i32 = power.parse().ok()?;
        if power.abs() > LARGEST_POWER {
            return None;
        }
        let mantissa = mantissa.strip_prefix('+').unwrap_or(mantissa);
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (whole, fraction) = shifted(before, after, power);
        Some(Self { value, whole, fraction, written_places: after.len() })
    }

    /// Whether it is a percentage at or over the target; exact, digit by digit.
    pub(super) fn is_at_least(&self, target: Target) -> bool {
        let of = u128::from(target.of.max(1));
        let percent = 100 * u128::from(target.correct);
        let whole = if self.whole.len() > 30 { u128::MAX } else { number(&self.whole) };
        if whole != percent / of {
            return whole > percent / of;
        }
        // Long division gives the target's digits one by one.
        let mut rest = percent % of;
        for &digit in &self.fraction {
            let wanted = 10 * rest / of;
            rest = 10 * rest % of;
            if u128::from(digit) != wanted {
                return u128::from(digit) > wanted;
            }
        }
        rest == 0
    }

    /// Whether it is a whole number.
    pub(super) fn is_whole(&self) -> bool {
        self.fraction.iter().all(|digit| *digit == 0)
    }

    /// Whether it has the tail of digits that a float leaves behind.
    pub(super) fn has_float_tail(&self) -> bool {
        self.written_places > 9
    }
}

/// The digits on either side of the point after it has moved by `power` places to the right.
fn shifted(before: &str, after: &str, power: i32) -> (Vec<u8>, Vec<u8>) {
    let mut digits: Vec<u8> = before.bytes().chain(after.bytes()).map(|byte| byte - b'0').collect();
    let places = usize::try_from(power.abs()).unwrap_or(0);
    let mut point = before.len();
    if power >= 0 {
        point += places;
        digits.resize(digits.len().max(point), 0);
    } else {
        let missing = places.saturating_sub(point);
        digits.splice(0..0, std::iter::repeat_n(0, missing));
        point = point + missing - places;
    }
    let fraction = digits.split_off(point);
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    (digits.split_off(zeros), fraction)
}

fn number(digits: &[u8]) -> u128 {
    digits.iter().fold(0, |sum, digit| 10 * sum + u128::from(*digit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TARGET: Target = Target { correct: 94, of: 100 };

    fn meets(text: &str) -> bool {
        Decimal::parse(text).expect(text).is_at_least(TARGET)
    }

    #[test]
    fn a_number_is_compared_as_it_is_written() {
        for met in ["94", "94.0", "94.00000000000000000001", "+94", "9.4e1", "940E-1", "0094", "100", "1e40", "0.94e+2"]
        {
            assert!(meets(met), "{met}");
        }
        for under in ["93.99999", "93.99999999999999999999999", "0", "9.4", "0.94", "9.39999e1", "94e-40", "."] {
            assert!(!Decimal::parse(under).is_some_and(|number| number.is_at_least(TARGET)), "{under}");
        }
        let half = Target { correct: 945, of: 1000 };
        let third = Target { correct: 1, of: 3 };
        let is = |text: &str, target| Decimal::parse(text).expect(text).is_at_least(target);
        assert!(is("94.5", half) && !is("94.49999999999999999999", half));
        assert!(is("33.34", third) && !is("33.3333333333333333333", third));
    }

    #[test]
    fn what_is_no_number_of_0_or_more_is_none() {
        let many = "9".repeat(65);
        for wrong in
            ["", "-1", "-0", "inf", "NaN", "1e99", "0x10", "1,5", "９４", "1e", "e5", "1.2.3", "1 2", "--1", &many]
        {
            assert_eq!(Decimal::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_and_float_tails_are_told() {
        let is = |text: &str| Decimal::parse(text).map(|number| (number.is_whole(), number.has_float_tail()));
        assert_eq!(is("12.0"), Some((true, false)));
        assert_eq!(is("12.839999999999998"), Some((false, true)));
        assert_eq!(is("1.5e1"), Some((true, false)));
    }

    proptest! {
        #[test]
        fn hundredths_compare_as_integers_do(hundredths in 0_u32..20_000, correct in 0_u32..=1000) {
            let number = Decimal::parse(&format!("{}.{:02}", hundredths / 100, hundredths % 100)).expect("decimal");
            let target = Target { correct, of: 1000 };
            prop_assert_eq!(number.is_at_least(target), hundredths >= 10 * correct);
        }

        #[test]
        fn moving_the_point_changes_nothing(hundredths in 0_u64..20_000, power in -20_i32..20) {
            let plain = Decimal::parse(&format!("{}.{:02}", hundredths / 100, hundredths % 100)).expect("decimal");
            let moved = format!("{hundredths}{}e{}", "0".repeat(usize::try_from(power.max(0)).unwrap()), -2 - power.max(0));
            prop_assert_eq!(plain.is_at_least(TARGET), Decimal::parse(&moved).expect("decimal").is_at_least(TARGET));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,80}") {
            let _ = Decimal::parse(&text).map(|number| number.is_at_least(TARGET));
        }
    }
}
