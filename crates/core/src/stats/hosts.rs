//! How far the hosts of one hardware class differ: what two sessions on different hosts have to overcome.
//!
//! Source of the priors: published times of 600 runs on 24 hosts of one GPU model, in `hosts.csv` next to this file.

use super::interval::Estimate;
use super::measured::{Measured, count};
use crate::rules::{HOST_SHARE_IN_RATIOS, HOST_SHARE_IN_RATIOS_DEGREES, HOST_SPREAD_PRIOR, HOST_SPREAD_PRIOR_DEGREES};

/// Variance between hosts of the logarithm of one recipe's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostSpread {
    variance: f64,
    degrees: f64,
}

impl Default for HostSpread {
    /// What is assumed of a class of which nothing is known.
    fn default() -> Self {
        Self { variance: HOST_SPREAD_PRIOR.powi(2), degrees: HOST_SPREAD_PRIOR_DEGREES }
    }
}

impl HostSpread {
    /// From the time of one recipe on each of some hosts, weighed with what is assumed before any is known.
    pub fn of(hosts: &[Measured]) -> Self {
        let prior = Self::default();
        if hosts.len() < 2 {
            return prior;
        }
        let (hosts_known, degrees) = (count(hosts.len()), count(hosts.len() - 1));
        let mean = hosts.iter().map(Measured::logarithm).sum::<f64>() / hosts_known;
        let scatter: f64 = hosts.iter().map(|host| (host.logarithm() - mean).powi(2)).sum();
        // What the runs of a host vary by is no difference between hosts.
        let within: f64 = hosts.iter().map(Measured::variance).sum::<f64>() / hosts_known;
        let between = (scatter / degrees - within).max(0.0);
        let all = prior.degrees + degrees;
        Self { variance: (prior.degrees * prior.variance + degrees * between) / all, degrees: all }
    }

    /// A time as it could be on any host of the class.
    #[must_use]
    pub fn in_time(self, time: Measured) -> Measured {
        time.with_error(self.variance, self.degrees)
    }

    /// A ratio to the paired reference as it could be on any host of the class: a slow host slows both, by nearly the same share.
    #[must_use]
    pub fn in_ratio(self, ratio: Measured) -> Measured {
        ratio.with_error(self.variance * HOST_SHARE_IN_RATIOS.powi(2), HOST_SHARE_IN_RATIOS_DEGREES)
    }

    /// Typical time over hosts, each with the same weight, and the 95 % interval that the time of one more host lies in.
    /// `None` without a host.
    pub fn typical(self, hosts: &[Measured]) -> Option<Estimate> {
        let known = count(hosts.len());
        let mean = hosts.iter().map(Measured::logarithm).sum::<f64>() / known;
        let next = self.in_time(Measured::ONE).with_error(self.variance / known, self.degrees);
        (known > 0.0).then(|| next.times(mean.exp()).estimate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host(seconds: f64) -> Measured {
        Measured::of(&[Some(seconds); 5]).expect("five runs")
    }

    #[test]
    fn few_hosts_leave_what_is_assumed() {
        assert_eq!(HostSpread::of(&[]), HostSpread::default());
        assert_eq!(HostSpread::of(&[host(3.0)]), HostSpread::default());
    }

    /// By hand: two hosts 2 % apart vary by (0.02)^2 / 2 with one degree, next to four of the prior.
    #[test]
    fn two_hosts_are_weighed_with_the_prior() {
        let found = HostSpread::of(&[host(1.0), host(0.02_f64.exp())]);
        let expected = (4.0 * 0.012_f64.powi(2) + 0.0002) / 5.0;
        assert!((found.variance - expected).abs() < 1e-12 && (found.degrees - 5.0).abs() < 1e-12, "{found:?}");
    }

    /// By hand, with constant times: 0.012 on the logarithm at t(4) = 2.776, and 8 % of it at t(10) = 2.228.
    #[test]
    fn what_hosts_add_is_what_is_assumed() {
        let width = |measured: Measured| {
            let estimate = measured.estimate();
            (estimate.high.expect("known") / estimate.low.expect("known")).ln() / 2.0
        };
        let hosts = HostSpread::default();
        assert!((width(hosts.in_time(host(3.0))) - 0.012 * 2.776).abs() < 1e-5);
        assert!((width(hosts.in_ratio(host(3.0))) - 0.08 * 0.012 * 2.228).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn many_hosts_outweigh_the_prior(apart in 0.001_f64..0.1) {
            let hosts: Vec<Measured> =
                (0..100).map(|index| host((apart * f64::from(index % 2)).exp())).collect();
            let found = HostSpread::of(&hosts).variance.sqrt() / (apart / 2.0);
            prop_assert!(apart < 0.02 || (found - 1.0).abs() < 0.1, "{}", found);
        }

        #[test]
        fn the_interval_of_a_class_holds_its_typical_time(seconds in 1.0_f64..100.0) {
            let hosts = [host(seconds), host(seconds * 1.01)];
            let Estimate { value, low, high } = HostSpread::of(&hosts).typical(&hosts).unwrap();
            prop_assert!(low.unwrap() < seconds && seconds < value && value < high.unwrap());
        }
    }
}
