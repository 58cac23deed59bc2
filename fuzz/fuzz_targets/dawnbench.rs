//! Entries of DAWNBench by strangers: an error, or a time to the target that is above 0; never a panic.
#![no_main]

use hlb_interop::dawnbench::{Curve, Facts, Task};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let task = Task::named("CIFAR10").expect("a task of the board");
    if let Ok(curve) = Curve::parse(data, &task) {
        assert!(curve.result().is_met && curve.seconds() > 0.0, "no time to the target");
        assert!(curve.points[..curve.first_met].iter().all(|point| !point.is_met), "met before");
        assert!(curve.points.iter().all(|point| (0.0..=100.0).contains(&point.accuracy.value)), "no percentage");
    }
    if let Ok(facts) = Facts::parse(data) {
        assert!(facts.usd_per_hour.is_none_or(|usd| usd > 0.0), "a price of nothing");
    }
});
