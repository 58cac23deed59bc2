//! What every run needs: data, trainer and libtorch; and whether the trainer can train a recipe.

use std::path::{Path, PathBuf};
use std::thread;

use crate::child::{SpawnError, describe, find_trainer};
use crate::error::SessionError;
use crate::libtorch::libtorch_digest;
use crate::note::Note;
use crate::observer::Observer;
use hlb_core::artifact::{Sha256Hex, sha256_file};
use hlb_core::units::{DeviceKind, NumberFormat};
use hlb_data::task::Task;
use hlb_machine::{Machine, multiplies_bfloat16};
use hlb_protocol::job::{DeviceChoice, TrainerInfo};
use hlb_recipe::Recipe;
use hlb_result::{CudaFacts, HarnessFacts};

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
    /// The libraries that compute on a GPU, where it sees one.
    pub cuda: Option<CudaFacts>,
    /// Version, commit and digests of both programs.
    pub harness: HarnessFacts,
}

impl Equipment {
    /// Verifies the data set, and finds trainer and libtorch. The user may name the `folder` of the
    /// data set; `commit` is what this program was built from.
    pub fn find(
        task: &Task,
        folder: Option<&Path>,
        device: DeviceChoice,
        commit: Option<&str>,
        watch: &dyn hlb_data::Watch,
    ) -> Result<Self, SessionError> {
        let trainer = find_trainer()?;
        // In parallel, since each takes most of a second.
        let (data, libtorch) = thread::scope(|scope| {
            let libtorch = scope.spawn(|| libtorch(&trainer, device));
            let data = hlb_data::prepare(&task.manifest, task.track.resize, folder, watch);
            (data, libtorch.join())
        });
        let data = data?;
        let (trainer_info, libtorch_sha256, cuda) = libtorch.map_err(|_| SessionError::LibtorchDigest)??;
        let harness = harness(&trainer, commit)?;
        Ok(Self { data, trainer, trainer_info, libtorch_sha256, cuda, harness })
    }

    /// The device that trains these recipes, before anything is written: never the CPU of a machine that has a GPU, unless the
    /// user says so. The machine's record takes over which GPU that is.
    pub fn device<'a>(
        &self,
        recipes: impl IntoIterator<Item = &'a Recipe>,
        choice: DeviceChoice,
        machine: &mut Machine,
        observer: &mut dyn Observer,
    ) -> Result<DeviceKind, SessionError> {
        let device = self.chosen(choice, machine, observer)?;
        for recipe in recipes {
            match recipe.precision.format_on(device) {
                None => return Err(SessionError::OnlyOnGpu { precision: recipe.precision.as_str() }),
                Some(NumberFormat::Bf16) if device == DeviceKind::Cpu && !multiplies_bfloat16() => {
                    return Err(SessionError::NoBfloat16);
                }
                Some(_) => {}
            }
        }
        if let (DeviceKind::Cuda, Some(gpu)) = (device, &self.trainer_info.gpu) {
            machine.confirm(&gpu.name, &gpu.uuid).map_err(|problem| SessionError::OtherGpu { problem })?;
        }
        Ok(device)
    }

    fn chosen(
        &self,
        choice: DeviceChoice,
        machine: &Machine,
        observer: &mut dyn Observer,
    ) -> Result<DeviceKind, SessionError> {
        let info = &self.trainer_info;
        let reason = || info.cuda_problem.clone().unwrap_or_else(|| "libtorch finds no NVIDIA driver".to_owned());
        match choice {
            DeviceChoice::Auto | DeviceChoice::Cuda if info.cuda => return Ok(DeviceKind::Cuda),
            DeviceChoice::Cuda => return Err(SessionError::NoCuda { reason: reason() }),
            DeviceChoice::Auto if machine.has_gpu() => return Err(SessionError::UnusableGpu { reason: reason() }),
            DeviceChoice::Auto if info.cuda_problem.is_some() => observer.note(&Note::DriverAlone { reason: reason() }),
            DeviceChoice::Auto | DeviceChoice::Cpu => {}
        }
        Ok(DeviceKind::Cpu)
    }
}

/// Default number of threads on the CPU: one for each core that may be used.
pub fn default_threads(machine: &Machine) -> u32 {
    let host = &machine.host;
    host.physical_cores.unwrap_or(host.logical_cpus).min(host.logical_cpus)
}

fn libtorch(
    trainer: &Path,
    device: DeviceChoice,
) -> Result<(TrainerInfo, Option<Sha256Hex>, Option<CudaFacts>), SpawnError> {
    let info = describe(trainer, device != DeviceChoice::Cpu)?;
    let digest = info.libtorch_file.as_deref().and_then(libtorch_digest);
    let cuda = info.cuda_versions.map(|versions| CudaFacts {
        library_sha256: info
            .libtorch_file
            .as_deref()
            .and_then(|file| libtorch_digest(&file.with_file_name("libtorch_cuda.so"))),
        versions,
    });
    Ok((info, digest, cuda))
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
