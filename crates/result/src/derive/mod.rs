//! What follows from a run log: every figure of a result. One function computes it, for `submit` and for
//! `verify`.
//!
//! | file | noun |
//! |---|---|
//! | `basis` | what figures follow from |
//! | `run_figures` | one run |
//! | `summary` | all runs of the variant |
//! | `calibration` | the variant against the reference of the same session, and drift over it |
//! | `phases` | where the session's seconds went |
//! | `energy` | joules between two moments |
//! | `telemetry` | what the sensors said during runs |
//! | `warning` | what a reader should know before trusting a row, in words |
//! | `warnings` | which of that the sensors and the clocks say |
//! | `doubt` | warnings of figures that do not fit each other |
//! | `effort` | FLOPs, throughput and MFU |

mod basis;
mod calibration;
mod doubt;
mod effort;
mod energy;
mod phases;
mod run_figures;
mod summary;
mod telemetry;
mod warning;
mod warnings;

pub use basis::Basis;
pub use calibration::{Calibration, Drift};
pub use effort::Effort;
pub(super) use effort::floor_seconds_of_epochs;
pub use energy::EnergyMethod;
pub use phases::Phases;
pub use run_figures::{NearbyTimes, RunFigures};
pub(super) use summary::times;
pub use summary::{EnergySummary, Summary};
pub use telemetry::{GpuTelemetry, TelemetrySummary};
pub use warning::Warning;

use serde::{Deserialize, Serialize};

use hlb_protocol::run_log::{Arm, Repeat};

/// Everything that follows from a run log, a machine, a recipe and a price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Figures over all runs of the variant.
    pub summary: Summary,
    /// The variant against the reference in the same session; `null` where there was none.
    pub calibration: Option<Calibration>,
    /// The second half of the session against the first; `null` with fewer than four runs.
    pub drift: Option<Drift>,
    /// FLOPs and throughput, against the peak of the device.
    pub effort: Effort,
    /// The determinism check, one seed trained twice; `null` where it was not asked for.
    pub repeat: Option<Repeat>,
    /// What the sensors said during runs.
    pub telemetry: TelemetrySummary,
    /// What a reader should know before trusting the figures.
    pub warnings: Vec<Warning>,
    /// Where the session's seconds went.
    pub phases: Phases,
    /// Each run of the variant; none is left out.
    pub runs: Vec<RunFigures>,
}

/// Computes every figure of a result.
pub fn derive(basis: Basis) -> Derived {
    let runs = run_figures::of_arm(basis, Arm::Variant);
    let reference = run_figures::of_arm(basis, Arm::Reference);
    let summary = summary::summarize(&runs, basis);
    let drift = calibration::drift(basis.log);
    let mut warnings = warnings::of(basis, drift.as_ref());
    warnings.extend(doubt::of(basis));
    Derived {
        effort: effort::of(basis, summary.seconds_per_step),
        repeat: basis.log.repeat.clone(),
        telemetry: telemetry::summarize(basis),
        warnings,
        phases: phases::of(basis.log),
        calibration: basis.log.start.reference.map(|_| calibration::of(&runs, reference)),
        summary,
        drift,
        runs,
    }
}
