//! What every run needs: data, trainer and libtorch; and whether the trainer can train a recipe.

use std::path::{Path, PathBuf};
use std::thread;

use crate::child::{SpawnError, describe, find_trainer};
use crate::error::SessionError;
use crate::libtorch::libtorch_digest;
use crate::note::Note;
use crate::observer::Observer;
use hlb_core::artifact::{Sha256Hex, sha256_file};
use hlb_data::task::Task;
use hlb_machine::Machine;
use hlb_protocol::job::{DeviceChoice, TrainerInfo};
use hlb_recipe::Recipe;
use hlb_result::HarnessFacts;

/// What every run needs.
pub struct Equipment {
    /// The preprocessed arrays and their digest.
    pub data: hlb_data::Prepared,
    /// Path of the trainer program.
    pub trainer: PathBuf,
    /// What the trainer reports about itself and its libtorch.
    pub trainer_info: TrainerInfo,
    /// SHA-256 of the libtorch that it loads; `None` where its file cannot be read.
    pub libtorch_sha256: Option<Sha256Hex>,
    /// Version, commit and digests of both programs.
    pub harness: HarnessFacts,
}

impl Equipment {
    /// Verifies the data set, and finds trainer and libtorch. The user may name the `folder` of the
    /// data set; `commit` is what this program was built from.
    pub fn find(
        task: &Task,
        folder: Option<&Path>,
        commit: Option<&str>,
        watch: &dyn hlb_data::Watch,
    ) -> Result<Self, SessionError> {
        let trainer = find_trainer()?;
        // In parallel, since each takes most of a second.
        let (data, libtorch) = thread::scope(|scope| {
            let libtorch = scope.spawn(|| libtorch(&trainer));
            let data = hlb_data::prepare(&task.manifest, task.track.resize, folder, watch);
            (data, libtorch.join())
        });
        let data = data?;
        let (trainer_info, libtorch_sha256) = libtorch.map_err(|_| SessionError::LibtorchDigest)??;
        let harness = harness(&trainer, commit)?;
        Ok(Self { data, trainer, trainer_info, libtorch_sha256, harness })
    }

    /// Refuses a device or number format that the trainer does not support, before anything is written.
    pub fn check_device<'a>(
        &self,
        recipes: impl IntoIterator<Item = &'a Recipe>,
        device: DeviceChoice,
        observer: &mut dyn Observer,
    ) -> Result<(), SessionError> {
        let info = &self.trainer_info;
        let reason = || info.cuda_problem.clone().unwrap_or_else(|| "libtorch sees no CUDA device".to_owned());
        if device == DeviceChoice::Cuda && !info.cuda {
            return Err(SessionError::NoCuda { reason: reason() });
        }
        let on_cpu = device == DeviceChoice::Cpu || !info.cuda;
        let short = recipes.into_iter().map(|recipe| recipe.precision).find(|precision| precision.is_short());
        if let (true, Some(precision)) = (on_cpu, short) {
            return Err(SessionError::SlowPrecision { precision: precision.as_str() });
        }
        if on_cpu && device == DeviceChoice::Auto && info.cuda_problem.is_some() {
            observer.note(&Note::GpuUnused { reason: reason() });
        }
        Ok(())
    }
}

/// Default number of threads on the CPU: one for each core that may be used.
pub fn default_threads(machine: &Machine) -> u32 {
    let host = &machine.host;
    host.physical_cores.unwrap_or(host.logical_cpus).min(host.logical_cpus)
}

fn libtorch(trainer: &Path) -> Result<(TrainerInfo, Option<Sha256Hex>), SpawnError> {
    let info = describe(trainer)?;
    let digest = info.libtorch_file.as_deref().and_then(libtorch_digest);
    Ok((info, digest))
}

fn harness(trainer: &Path, commit: Option<&str>) -> Result<HarnessFacts, SessionError> {
    let own = std::env::current_exe().map_err(|source| SessionError::OwnProgram { source })?;
    Ok(HarnessFacts {
        version: env!("CARGO_PKG_VERSION").parse()?,
        commit: commit.map(str::parse).transpose()?,
        program_sha256: sha256_file(&own)?,
        trainer_sha256: sha256_file(trainer)?,
    })
}
