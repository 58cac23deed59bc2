//! How an entry stands to the reference of its track.

use crate::entry::Entry;
use crate::relative::{ratios, reference_times};
use hlb_core::stats::Measured;
use hlb_recipe::variant;

impl Entry {
    /// Whether it is a session of the track's reference itself, which needs no pairs.
    pub fn is_reference(&self) -> bool {
        self.result.reference.is_none() && variant::shipped(&self.task.track.reference).as_ref() == Some(&self.recipe)
    }

    /// Time to target over that of the paired reference, as measured on its host; `None` without pairs, with fewer than three, or where
    /// too many runs missed.
    pub fn ratio(&self) -> Option<Measured> {
        Measured::of(&ratios(&self.result)?)
    }

    /// Time of the track's reference on the host of this session; `None` where it did not run there, or missed too often.
    pub fn reference_time(&self) -> Option<Measured> {
        let own = || self.is_reference().then(|| self.result.times());
        Measured::of(&reference_times(&self.result).or_else(own)?)
    }
}
