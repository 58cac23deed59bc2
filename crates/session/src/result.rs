//! The result of a session: what its plan, machine and run log say, and what follows from them.

use crate::error::SessionError;
use crate::prepare::PreparedSession;
use crate::resolve::ResolvedVariant;
use hlb_core::artifact::sha256_hex;
use hlb_core::rules::RULES_VERSION;
use hlb_core::text::SafeText;
use hlb_core::units::DeviceKind;
use hlb_protocol::run_log::RunLog;
use hlb_recipe::variant;
use hlb_result::{
    Basis, DatasetFacts, LibtorchFacts, LogFacts, RESULT_SCHEMA, ReferenceFacts, ResultFile, SessionFacts,
    VariantFacts, derive,
};

/// The result of the session that left this run log.
pub(super) fn of(prepared: &PreparedSession, log: &RunLog, log_bytes: &[u8]) -> Result<ResultFile, SessionError> {
    let Some(trainer) = &log.trainer else {
        let reason = log.stop_reason.clone().unwrap_or_else(|| "its run log ends there".to_owned());
        return Err(SessionError::NeverBegan { reason });
    };
    let (variant, equipment) = (&prepared.plan.variant, &prepared.equipment);
    let track = &variant.task.track;
    let reference = log.start.reference.map(|length| length.recipe_sha256);
    let basis = Basis {
        log,
        machine: &prepared.machine,
        recipe: &variant.recipe,
        shapes: variant.task.shapes,
        price: prepared.price.as_ref(),
    };
    Ok(ResultFile {
        schema: RESULT_SCHEMA.to_owned(),
        rules_version: RULES_VERSION.to_owned(),
        track: track.id.clone().try_into().expect("ids of shipped tracks are ids"),
        target: track.target,
        variant: variant_facts(variant, log)?,
        session: SessionFacts::new(log, trainer),
        reference: reference.map(|recipe_sha256| ReferenceFacts { name: track.reference.clone(), recipe_sha256 }),
        reproduces: log.start.reproduces,
        log: LogFacts { sha256: sha256_hex(log_bytes), bytes: log_bytes.len() as u64 },
        dataset: dataset_facts(prepared),
        harness: equipment.harness.clone(),
        libtorch: LibtorchFacts {
            version: trainer.libtorch_version.clone(),
            cpu_library_sha256: equipment.libtorch_sha256,
            cuda: equipment.cuda.clone().filter(|_| trainer.device == DeviceKind::Cuda),
        },
        machine: prepared.machine.clone(),
        price: prepared.price.clone(),
        derived: derive(basis),
    })
}

fn variant_facts(variant: &ResolvedVariant, log: &RunLog) -> Result<VariantFacts, SessionError> {
    let header = variant.variant.header.clone();
    Ok(VariantFacts {
        name: header.name,
        authors: header.authors,
        description: header.description,
        extends: header.extends,
        variant_sha256: sha256_hex(&variant.bytes),
        recipe_sha256: log.start.recipe.recipe_sha256,
        base_recipe_sha256: variant::digest(&variant.variant.base()?),
    })
}

fn dataset_facts(prepared: &PreparedSession) -> DatasetFacts {
    let (task, data) = (&prepared.plan.variant.task, &prepared.equipment.data);
    DatasetFacts {
        id: task.manifest.id.clone(),
        published: task.manifest.is_published(),
        manifest_sha256: task.manifest.digest(),
        resize: task.track.resize,
        decoder: data.decoder.and_then(SafeText::cleaned),
        decoded_without: data.decoded_without.clone(),
        content_sha256: data.content_sha256,
        duplicates: data.duplicates,
    }
}
