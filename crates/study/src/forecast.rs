//! How long a study will take, before a run of it has ended: from the newest entry of its track that
//! such a machine trained.

use std::path::{Path, PathBuf};

use crate::plan::{PlannedVariant, StudyPlan};
use hlb_board::entry_folders;
use hlb_core::bounded::{self, RESULT_CAP};
use hlb_core::text::visible_path;
use hlb_core::units::DeviceKind;
use hlb_core::yaml;
use hlb_data::flops::Work;
use hlb_machine::Machine;
use hlb_protocol::job::DeviceChoice;
use hlb_result::{RESULT_FILE, ResultFile};

/// Where entries lie in a checkout.
const SUBMISSIONS: &str = "submissions";

/// What will train.
#[derive(Debug)]
pub struct TrainingHardware {
    device: DeviceKind,
    class: String,
    threads: u32,
}

impl TrainingHardware {
    /// This machine, so far as it can be told without a trainer.
    pub fn new(machine: &Machine, device: DeviceChoice, threads: u32) -> Self {
        let on_cuda = device == DeviceChoice::Cuda || (device == DeviceChoice::Auto && !machine.gpus.is_empty());
        let device = if on_cuda { DeviceKind::Cuda } else { DeviceKind::Cpu };
        Self { device, class: machine.class(device), threads }
    }

    /// Whether an entry was trained on the same.
    fn trained(&self, result: &ResultFile) -> bool {
        let session = &result.session;
        session.device == self.device
            && (self.device == DeviceKind::Cuda || session.threads == self.threads)
            && result.class() == self.class
    }
}

/// How fast such a machine was.
#[derive(Debug)]
pub struct Forecast {
    /// The entry that says so.
    entry: PathBuf,
    class: String,
    flop_per_second: f64,
    /// Seconds of evaluation for each second of training.
    evaluation: f64,
    /// Seconds before a run begins.
    start_seconds: f64,
}

impl Forecast {
    /// By the newest entry of the track that fits, one of the study's reference before others. An entry
    /// that cannot be read is passed over; the board names it.
    pub fn find(plan: &StudyPlan, hardware: &TrainingHardware) -> Option<Self> {
        let read = |folder: PathBuf| Some((result(&folder)?, folder));
        let fits = |result: &ResultFile| result.track.as_str() == plan.track() && hardware.trained(result);
        let entries = entry_folders(Path::new(SUBMISSIONS)).ok()?.into_iter().filter_map(read);
        let fitting = entries.filter(|(result, _)| fits(result));
        let reference = plan.variants[plan.reference].digest();
        let (result, folder) = fitting
            .max_by_key(|(result, _)| (result.variant.recipe_sha256 == reference, result.session.started_at.clone()))?;
        Self::of(&result, folder)
    }

    fn of(result: &ResultFile, entry: PathBuf) -> Option<Self> {
        let phases = &result.derived.phases;
        let flop_per_second = result.derived.effort.flop_per_second.filter(|speed| *speed > 0.0)?;
        (phases.train_seconds > 0.0).then(|| Self {
            entry,
            class: result.class(),
            flop_per_second,
            evaluation: phases.evaluate_seconds / phases.train_seconds,
            start_seconds: phases.dataset_seconds + phases.warmup_run_seconds,
        })
    }

    /// Seconds of all runs of a plan.
    pub fn seconds(&self, plan: &StudyPlan) -> f64 {
        plan.order().map(|planned| self.run_seconds(plan, &plan.variants[planned.variant])).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn run_seconds(&self, plan: &StudyPlan, variant: &PlannedVariant) -> f64 {
        let work = Work::of(&variant.recipe, plan.task.shapes);
        let flop = variant.images_per_run() as f64 * work.training_flop_per_image as f64;
        self.start_seconds + flop / self.flop_per_second * (1.0 + self.evaluation)
    }

    /// What it rests on, in words.
    pub fn source(&self) -> String {
        format!("at the speed of {} on {}", visible_path(&self.entry), self.class)
    }
}

fn result(folder: &Path) -> Option<ResultFile> {
    let bytes = bounded::read(&folder.join(RESULT_FILE), RESULT_CAP).ok()?;
    yaml::parse_canonical(&bytes, RESULT_FILE).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::StudyFile;
    use hlb_data::task::Task;
    use hlb_data::track;

    /// The entry that ships, and a study of its track with the reference alone.
    fn shipped() -> (ResultFile, StudyPlan) {
        let folder =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("submissions/shapes/2026-11-23-reference");
        let file = StudyFile::parse(include_bytes!("../../../studies/ablation.yaml"), "ablation.yaml").unwrap();
        let plan = StudyPlan::new(file, Task::published(track::by_id("shapes").unwrap()), Some(10)).unwrap();
        (result(&folder).unwrap(), plan)
    }

    #[test]
    fn ten_runs_of_a_recipe_take_as_long_as_its_entry_took() {
        let (result, plan) = shipped();
        let forecast = Forecast::of(&result, PathBuf::from("there")).unwrap();
        let phases = &result.derived.phases;
        let ten = 10.0 * (forecast.run_seconds(&plan, &plan.variants[plan.reference]) - forecast.start_seconds);
        let took = phases.train_seconds + phases.evaluate_seconds;
        assert!((ten / took - 1.0).abs() < 0.05, "{ten} s, {took} s");
        assert!(forecast.seconds(&plan) > 3.5 * ten, "four variants of much the same size");
    }

    #[test]
    fn only_the_same_hardware_and_threads_say_something() {
        let (result, _) = shipped();
        let like = |device, class: &str, threads| TrainingHardware { device, class: class.to_owned(), threads };
        assert!(like(DeviceKind::Cpu, "2x AMD EPYC", 2).trained(&result));
        assert!(!like(DeviceKind::Cpu, "2x AMD EPYC", 1).trained(&result));
        assert!(!like(DeviceKind::Cpu, "4x AMD EPYC", 2).trained(&result));
        assert!(!like(DeviceKind::Cuda, "2x AMD EPYC", 2).trained(&result));
    }
}
