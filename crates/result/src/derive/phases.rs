//! Where the session's seconds went.

use serde::{Deserialize, Serialize};

use hlb_protocol::run_log::{RunLog, RunStop, Segment};

/// Where the session's seconds went, from the start of the process to the last line of the run log. Of a resumed session
/// the seconds of all its processes, and none of those in between.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Verify, decode and hand over the data set; start of both programs.
    pub dataset_seconds: f64,
    /// Building the models.
    pub setup_seconds: f64,
    /// The untimed warmup runs.
    pub warmup_run_seconds: f64,
    /// Training in all runs, those of the reference too.
    pub train_seconds: f64,
    /// Evaluation in all runs.
    pub evaluate_seconds: f64,
    /// Writing events inside runs.
    pub log_seconds: f64,
    /// Wall time that no other phase has.
    pub other_seconds: f64,
    /// From the start of the process to the last line of the run log.
    pub wall_seconds: f64,
    /// Whether the trainer's clock and that of `hlb-bench` agree on every run, within the tolerance of the rules.
    pub clocks_agree: bool,
}

pub(super) fn of(log: &RunLog) -> Phases {
    let runs = || log.runs.iter().chain(&log.reference).chain(&log.abandoned);
    let sum =
        |figure: &dyn Fn(&RunStop) -> f64| -> f64 { runs().filter_map(|run| run.stop.as_ref()).map(figure).sum() };
    let over = |figure: &dyn Fn(&Segment) -> f64| -> f64 { log.segments.iter().map(figure).sum() };
    let before = over(&|segment| segment.dataset_seconds);
    let dataset_seconds = before + over(&|segment| segment.trainer_start_seconds);
    let warmup_run_seconds = over(&|segment| segment.warmup_seconds + segment.reference_warmup_seconds);
    let setup_seconds = sum(&|stop| stop.phases.setup_seconds);
    let train_seconds = sum(&|stop| stop.phases.train_seconds);
    let evaluate_seconds = sum(&|stop| stop.phases.evaluate_seconds);
    let log_seconds = sum(&|stop| stop.phases.log_seconds);
    let wall_seconds = before + log.wall_seconds;
    let booked = dataset_seconds + setup_seconds + warmup_run_seconds + train_seconds + evaluate_seconds + log_seconds;
    Phases {
        dataset_seconds,
        setup_seconds,
        warmup_run_seconds,
        train_seconds,
        evaluate_seconds,
        log_seconds,
        other_seconds: (wall_seconds - booked).max(0.0),
        wall_seconds,
        clocks_agree: log.clocks_agree(),
    }
}
