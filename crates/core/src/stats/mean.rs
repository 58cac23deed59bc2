//! Mean and deviation of plain numbers. Accuracies are tested as counts, in `t_test`.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::interval::Estimate;

/// Mean and sample standard deviation (n - 1); `None` for an empty slice, deviation `None` for a single value.
#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
pub fn mean_and_deviation(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let count = values.len() as f64;
    if values.is_empty() {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / count;
    if values.len() == 1 {
        return (Some(mean), None);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (Some(mean), Some((squares / (count - 1.0)).sqrt()))
}

/// Mean with its 95 % t interval (n - 1). `None` for an empty slice; a single value has no interval.
#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
pub fn mean_interval(values: &[f64]) -> Option<Estimate> {
    let (mean, deviation) = mean_and_deviation(values);
    let (mean, count) = (mean?, values.len() as f64);
    let reach = deviation.and_then(|deviation| {
        let distribution = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
        Some(distribution.inverse_cdf(0.975) * deviation / count.sqrt())
    });
    Some(Estimate { value: mean, low: reach.map(|reach| mean - reach), high: reach.map(|reach| mean + reach) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.mean` and `numpy.std(ddof=1)` of 1, 2, 4.
    #[test]
    fn the_deviation_divides_by_one_less() {
        assert_eq!(mean_and_deviation(&[]), (None, None));
        assert_eq!(mean_and_deviation(&[3.0]), (Some(3.0), None));
        let (mean, deviation) = mean_and_deviation(&[1.0, 2.0, 4.0]);
        assert!(
            (mean.unwrap() - 7.0 / 3.0).abs() < 1e-15 && (deviation.unwrap() - 1.527_525_231_651_947).abs() < 1e-15
        );
    }
}
