//! Rounding of p-values for display: up, and never to 0.

const STEPS: f64 = 10_000.0;

/// `p` with four decimals: the least of 0.0001, 0.0002 ... 1 that is not less.
pub fn rounded_up_p(p: f64) -> f64 {
    let steps = (p * STEPS).ceil();
    // The product may be slightly over a whole number; a value with four decimals has to stay as it is.
    let steps = if (steps - 1.0) / STEPS >= p { steps - 1.0 } else { steps };
    steps.clamp(1.0, STEPS) / STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_is_stated_no_smaller_than_it_is() {
        for (p, stated) in
            [(0.0, 1e-4), (1e-300, 1e-4), (0.0001, 1e-4), (0.000_100_1, 2e-4), (0.999_91, 1.0), (1.0, 1.0)]
        {
            assert_eq!(rounded_up_p(p).to_bits(), f64::to_bits(stated), "{p}");
        }
    }

    #[test]
    fn four_decimals_stay_what_they_are() {
        for step in 1..=10_000 {
            let p = f64::from(step) / STEPS;
            assert_eq!(rounded_up_p(p).to_bits(), p.to_bits(), "{p}");
        }
    }
}
