//! How far the hosts of one hardware class differ: what two sessions on different hosts have to overcome.
//!
//! Source of what is assumed: published times of 600 runs on 24 hosts of one GPU model, in `hosts.csv` next to this file.

use super::measured::Measured;
use crate::rules::{HOST_SHARE_IN_RATIOS, HOST_SHARE_IN_RATIOS_DEGREES, HOST_SPREAD_PRIOR, HOST_SPREAD_PRIOR_DEGREES};

/// A time as it could be on any host of the class.
pub fn time_on_any_host(time: Measured) -> Measured {
    time.with_error(HOST_SPREAD_PRIOR.powi(2), HOST_SPREAD_PRIOR_DEGREES)
}

/// A ratio to the paired reference as it could be on any host of the class: a slow host slows both, by nearly the same share.
pub fn ratio_on_any_host(ratio: Measured) -> Measured {
    ratio.with_error((HOST_SHARE_IN_RATIOS * HOST_SPREAD_PRIOR).powi(2), HOST_SHARE_IN_RATIOS_DEGREES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, with constant times: 0.012 on the logarithm at t(4) = 2.776, and 8 % of it at t(10) = 2.228.
    #[test]
    fn what_hosts_add_is_what_is_assumed() {
        let constant = Measured::of(&[Some(3.0); 5]).expect("five runs");
        let width = |measured: Measured| {
            let estimate = measured.estimate();
            (estimate.high.expect("known") / estimate.low.expect("known")).ln() / 2.0
        };
        let (time, ratio) = (time_on_any_host(constant), ratio_on_any_host(constant));
        assert!((width(time) - 0.012 * 2.776).abs() < 1e-5, "{time:?}");
        assert!((width(ratio) - 0.08 * 0.012 * 2.228).abs() < 1e-5, "{ratio:?}");
    }
}
