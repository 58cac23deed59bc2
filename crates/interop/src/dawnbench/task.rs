//! Tasks: what an accuracy is of, and where time-to-accuracy ends.

use hlb_core::hint::{Result, bail};
use hlb_core::text::{Id, show};
use hlb_core::units::Target;
use hlb_data::track::{self, Track};

/// A task: those of DAWNBench that are time-to-accuracy of images, and our tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Name of its folder.
    pub folder: String,
    /// What its hours are of, as far as its rules say.
    pub clock: &'static str,
    /// Column of its accuracy, in percent.
    pub column: &'static str,
    /// Accuracy to reach.
    pub target: Target,
    /// Track of ours with the same task.
    pub track: Option<Id>,
    /// Accuracy that guessing gives, as a target; `None` where nobody said.
    pub chance: Option<Target>,
}

/// The rules of DAWNBench.
const THEIR_CLOCK: &str = "loading data and building the model counted, evaluation did not have to";
/// What our exports say.
const OUR_CLOCK: &str = "of training alone where hlb-bench exported them";

impl Task {
    /// The task of this name: `CIFAR10`, ImageNet, or a track of ours.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "CIFAR10" => Ok(Self::cifar10()),
            "ImageNet" => Ok(Self {
                folder: name.to_owned(),
                clock: THEIR_CLOCK,
                column: "top5Accuracy",
                target: Target { correct: 93, of: 100 },
                track: None,
                chance: Some(Target { correct: 5, of: 1000 }),
            }),
            id => match track::by_id(id) {
                Ok(track) => Ok(Self::of_track(&track)),
                Err(unknown) => bail!(
                    "there is no task `{}`; there are `CIFAR10`, `ImageNet` and, for runs that were exported, {}",
                    show(id),
                    unknown.known
                ),
            },
        }
    }

    /// The task of a track; that of `cifar10` is DAWNBench's own.
    pub fn of_track(track: &Track) -> Self {
        let own = Self::cifar10();
        if track.id == "cifar10" && track.target == own.target {
            return own;
        }
        let id = track.id.parse().ok();
        Self { folder: track.id.clone(), clock: OUR_CLOCK, target: track.target, track: id, chance: None, ..own }
    }

    fn cifar10() -> Self {
        Self {
            folder: "CIFAR10".to_owned(),
            clock: THEIR_CLOCK,
            column: "top1Accuracy",
            target: Target { correct: 94, of: 100 },
            track: "cifar10".parse().ok(),
            chance: Some(Target { correct: 10, of: 100 }),
        }
    }
}
