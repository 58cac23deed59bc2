//! `hlb-bench data`: where data sets are, and whether they are the right bytes.

use std::path::Path;
use std::process::ExitCode;

use indicatif::HumanBytes;

use crate::args::{Data, DatasetChoice, Fetch};
use crate::commands::exit;
use crate::terminal::{
    DatasetProgress, Label, Listed, answer, answer_json, answer_text, describe_own, describe_prepared,
    describe_verified, labeled, note, print_wrong_bytes,
};
use hlb_core::hint::{Context as _, Result, bail};
use hlb_core::text::{show_path, visible_path};
use hlb_data::{Guard, Manifest, Source};
use hlb_session::Note;

/// Runs the command.
pub(super) fn data(command: &Data) -> Result<ExitCode> {
    match command {
        Data::List { json } => list(*json),
        Data::Fetch(arguments) => fetch(arguments)?,
        Data::Verify { dataset, data } => return verify(&chosen(dataset)?, data.as_deref()),
        Data::Prepare { track, own, data } => prepare(track, own.manifest.as_deref(), data.as_deref())?,
        Data::Prune { id } => prune(id.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen(choice: &DatasetChoice) -> Result<Manifest> {
    match (&choice.id, &choice.manifest) {
        (_, Some(path)) => Ok(Manifest::read(path)?),
        (Some(id), None) => Ok(hlb_data::by_id(id)?),
        (None, None) => bail!("name a data set, or a manifest with --manifest"),
    }
}

fn list(json: bool) {
    let preprocessed = hlb_data::cached(&hlb_data::cache_folder());
    for manifest in hlb_data::all() {
        let listed = Listed::find(&manifest, &preprocessed);
        if json {
            answer_json(&listed.json().to_string());
        } else {
            answer(&listed.line());
        }
    }
    for arrays in preprocessed.iter().filter(|arrays| !json && !hlb_data::is_shipped(&arrays.dataset)) {
        answer(&describe_own(arrays));
    }
}

fn fetch(arguments: &Fetch) -> Result<()> {
    let manifest = chosen(&arguments.dataset)?;
    if manifest.source == Source::BuiltIn {
        note(&format!("`{}` is made by the program itself; there is nothing to fetch", manifest.id));
        return Ok(());
    }
    let progress = DatasetProgress::begin();
    let (places, accept_unconfirmed) = (&arguments.from, arguments.accept_unconfirmed);
    let into = &hlb_data::default_folder();
    let folder = hlb_data::Fetch { manifest: &manifest, places, accept_unconfirmed, into, watch: &progress }.run();
    progress.end();
    answer(&format!("{}: verified, in {}", manifest.id, visible_path(&folder?)));
    Ok(())
}

/// Wrong bytes fail the check; data that cannot be found or read is an error.
fn verify(manifest: &Manifest, folder: Option<&Path>) -> Result<ExitCode> {
    let folder = hlb_data::find(manifest, folder)?;
    match hlb_data::verify(manifest, &folder) {
        Ok(()) => {
            answer(&describe_verified(manifest, &folder));
            Ok(exit::of_check(true))
        }
        Err(error) if error.is_about_bytes() => {
            print_wrong_bytes(&error);
            Ok(exit::of_check(false))
        }
        Err(error) => Err(error.into()),
    }
}

/// Does for a track what a session on it would begin with.
fn prepare(track: &str, manifest: Option<&Path>, folder: Option<&Path>) -> Result<()> {
    let task = hlb_session::task(track, manifest)?;
    let progress = DatasetProgress::begin();
    let prepared = hlb_data::prepare(&task.manifest, task.track.resize, folder, &progress);
    progress.end();
    let prepared = prepared?;
    if let Some(guards) = Guard::list(&prepared.decoded_without) {
        labeled(Label::Warning, &Note::DecodedWithout { guards }.to_string());
    }
    answer_text(&describe_prepared(&prepared));
    Ok(())
}

fn prune(id: Option<&str>) -> Result<()> {
    let (cache, downloads) = (hlb_data::cache_folder(), hlb_data::default_folder());
    let arrays = hlb_data::prune(&cache, id).with_context(|| format!("{} cannot be pruned", show_path(&cache)))?;
    let broken = hlb_data::prune_downloads(&downloads, id)
        .with_context(|| format!("{} cannot be pruned", show_path(&downloads)))?;
    let (arrays, broken) = (HumanBytes(arrays), HumanBytes(broken));
    answer(&format!("removed {arrays} of preprocessed arrays and {broken} of broken downloads"));
    Ok(())
}
