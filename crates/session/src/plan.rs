//! What a session is to do, before anything of it is done.

use std::path::PathBuf;
use std::time::Duration;

use crate::resolve::ResolvedVariant;
use hlb_core::artifact::Sha256Hex;
use hlb_core::text::SafeText;
use hlb_protocol::job::DeviceChoice;
use hlb_protocol::run_log::Announced;

/// What a session is to do.
#[derive(Debug, Clone)]
pub struct SessionPlan {
    /// What is trained, on which task.
    pub variant: ResolvedVariant,
    /// Runs of each recipe; `None` for the usual number, or that of the session to resume.
    pub runs: Option<u32>,
    /// Whether the track's reference is trained in turn with the variant.
    pub reference: ReferenceRuns,
    /// End each run at its first crossing.
    pub stop_at_target: bool,
    /// Ask libtorch for deterministic algorithms.
    pub deterministic: bool,
    /// The session that this one repeats.
    pub reproduces: Option<Original>,
    /// The announcement that it answers, from which its nonce follows.
    pub announced: Option<Announced>,
    /// What does not belong to the result but to this machine.
    pub local: LocalOptions,
}

impl SessionPlan {
    /// Whether the track's reference is to be trained in turn with that many runs of the variant.
    pub(super) fn wants_reference(&self, runs: u32) -> bool {
        let task = &self.variant.task;
        let can_be_ranked = runs >= task.track.runs_to_rank && task.manifest.is_published();
        match self.reference {
            ReferenceRuns::Paired => true,
            ReferenceRuns::None => false,
            // The ratio of the reference to itself is known.
            ReferenceRuns::WhereRanked => can_be_ranked && task.reference() != self.variant.recipe,
        }
    }
}

/// When the track's reference is trained in turn with the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceRuns {
    /// With every run of the variant.
    Paired,
    /// Never.
    None,
    /// Where the row could be ranked.
    WhereRanked,
}

/// How this machine runs a session.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// Finish the newest session of this variant that ended early and that the plan fits.
    pub resume: bool,
    /// Device to train on.
    pub device: DeviceChoice,
    /// Threads of libtorch on the CPU; `None` for one per core.
    pub threads: Option<u32>,
    /// Folder with the data set's files.
    pub data: Option<PathBuf>,
    /// What an hour of this machine costs.
    pub price: PriceChoice,
    /// Table of prices of the user's own.
    pub prices: Option<PathBuf>,
    /// Folder that sessions are kept in.
    pub sessions: PathBuf,
    /// Time without an event after which the trainer is taken to hang.
    pub hang_after: Duration,
    /// Commit that this program was built from, where it is known.
    pub commit: Option<&'static str>,
}

/// Where the price of this machine is from.
#[derive(Debug, Clone, PartialEq)]
pub enum PriceChoice {
    /// The row of the instance that this machine says it is, if there is exactly one.
    OfThisInstance,
    /// A row of the table, by name.
    Row(String),
    /// The user's own figure.
    Own {
        /// US dollars per hour of the machine.
        usd_per_hour: f64,
        /// Where the figure is from.
        source: SafeText<200>,
    },
}

/// The session that another one repeats.
#[derive(Debug, Clone)]
pub struct Original {
    /// SHA-256 of its result.
    pub result_sha256: Sha256Hex,
    /// SHA-256 over the arrays that it was trained on.
    pub content_sha256: Sha256Hex,
    /// What decoded its images; `None` where nothing had to.
    pub decoder: Option<String>,
    /// The hardware that trained it.
    pub hardware: String,
}
