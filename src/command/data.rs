//! `hlb-bench data`: where data sets are, and whether they are the right bytes.

use std::path::Path;

use indicatif::HumanBytes;
use serde_json::json;

use crate::cli::{Data, DatasetChoice, Fetch};
use crate::command::Answer;
use crate::command::measure;
use crate::command::watching::Watching;
use crate::dataset::{self, DatasetError, Folder, Held, Manifest, Source};
use crate::hint::{Context as _, Result, bail};
use crate::printer::{Label, answer, note};
use crate::report;
use crate::text::show;

/// Runs the command.
pub(super) fn data(command: &Data) -> Result<Answer> {
    match command {
        Data::List { json } => list(*json),
        Data::Fetch(arguments) => fetch(arguments),
        Data::Verify { dataset, data } => verify(&chosen(dataset)?, data.as_deref()),
        Data::Prepare { track, manifest, data } => prepare(track, manifest.as_deref(), data.as_deref()),
        Data::Prune { id } => prune(id.as_deref()),
    }
}

fn chosen(choice: &DatasetChoice) -> Result<Manifest> {
    match (&choice.id, &choice.manifest) {
        (_, Some(path)) => Ok(Manifest::read(path)?),
        (Some(id), None) => Ok(dataset::by_id(id)?),
        (None, None) => bail!("name a data set, or a manifest with --manifest"),
    }
}

fn list(json: bool) -> Result<Answer> {
    let prepared = dataset::held(&dataset::cache_folder());
    for manifest in dataset::all() {
        let of_it: Vec<&Held> = prepared.iter().filter(|held| held.dataset == manifest.id.as_str()).collect();
        answer(&if json { line_for_programs(&manifest, &of_it)? } else { line_for_people(&manifest, &of_it) });
    }
    // Those of a user's own have no manifest here.
    for held in prepared.iter().filter(|held| !json && !dataset::is_shipped(&held.dataset)) {
        answer(&format!("of your own: {}{}", show(&held.dataset), prepared_words(&[held])));
    }
    Ok(Answer::Done)
}

fn place(manifest: &Manifest) -> Option<String> {
    match dataset::find(manifest, None).ok()? {
        Folder::BuiltIn => Some("built in".to_owned()),
        Folder::At(folder) => Some(folder.display().to_string()),
    }
}

fn line_for_programs(manifest: &Manifest, prepared: &[&Held]) -> Result<String> {
    let place = place(manifest);
    let prepared = prepared.iter().map(|held| json!({"resize": held.resize, "bytes": held.bytes})).collect::<Vec<_>>();
    let line = json!({
        "id": manifest.id, "title": manifest.title, "license": manifest.license,
        "train": manifest.train, "evaluation": manifest.evaluation, "classes": manifest.classes,
        "confirmed": manifest.is_confirmed(), "found": place.is_some(), "place": place, "prepared": prepared,
    });
    Ok(serde_json::to_string(&line)?)
}

fn line_for_people(manifest: &Manifest, prepared: &[&Held]) -> String {
    let place = place(manifest).unwrap_or_else(|| "not on this machine".to_owned());
    let size = manifest.size.map_or_else(
        || "of many sizes".to_owned(),
        |size| format!("of {}x{}x{}", size.width, size.height, size.channels),
    );
    let images = format!("{} + {} images {size}", manifest.train, manifest.evaluation);
    let doubt = if manifest.is_confirmed() { "" } else { ", digest unconfirmed: refused by default" };
    format!(
        "{:<16} {:<37} {images:<36} {place}{doubt}{}",
        manifest.id.as_str(),
        manifest.title.as_str(),
        prepared_words(prepared)
    )
}

fn prepared_words(prepared: &[&Held]) -> String {
    let words = |held: &&Held| format!(", prepared: {} ({})", held.resize, HumanBytes(held.bytes));
    prepared.iter().map(words).collect()
}

fn fetch(arguments: &Fetch) -> Result<Answer> {
    let manifest = chosen(&arguments.dataset)?;
    if manifest.source == Source::BuiltIn {
        note(&format!("`{}` is made by the program itself; there is nothing to fetch", manifest.id));
        return Ok(Answer::Done);
    }
    let watch = Watching::begin();
    let fetch = dataset::Fetch {
        manifest: &manifest,
        places: &arguments.from,
        accept_unconfirmed: arguments.accept_unconfirmed,
        into: &dataset::default_folder(),
        watch: &watch,
    };
    let folder = fetch.run();
    watch.end();
    answer(&format!("{}: verified, in {}", manifest.id, folder?.display()));
    Ok(Answer::Done)
}

/// Wrong bytes are an answer; data that cannot be found or read is not.
fn verify(manifest: &Manifest, folder: Option<&Path>) -> Result<Answer> {
    let folder = dataset::find(manifest, folder)?;
    match dataset::verify(manifest, &folder) {
        Ok(()) => {
            let place = match &folder {
                Folder::At(folder) => format!(" in {}", show(&folder.to_string_lossy())),
                Folder::BuiltIn => ", built in".to_owned(),
            };
            let content =
                manifest.content(None).map_or_else(String::new, |known| format!(", content {}", known.sha256));
            answer(&format!("{}: verified{place}{content}", manifest.id));
            Ok(Answer::Done)
        }
        Err(error) if !error.is_about_bytes() => Err(error.into()),
        Err(error) => {
            report::print_as(Label::Error, &error);
            if let DatasetError::Differs { differences, .. } = &error {
                // The error names the first few; whoever verifies wants all.
                for difference in differences {
                    answer(&difference.to_string());
                }
            }
            Ok(Answer::NotSo)
        }
    }
}

/// What a session on this track would be given.
fn prepare(track: &str, manifest: Option<&Path>, folder: Option<&Path>) -> Result<Answer> {
    let ground = measure::ground(track, manifest)?;
    let watch = Watching::begin();
    let prepared = dataset::prepare(&ground.manifest, ground.track.resize, folder, &watch);
    watch.end();
    let prepared = prepared?;
    let copies = prepared.duplicates;
    answer(&format!("content {}", prepared.content_sha256));
    answer(&format!("decoder {}", prepared.decoder.unwrap_or("none needed")));
    answer(&format!(
        "copies {} evaluation images also trained on, {} within training, {} within evaluation",
        copies.overlap, copies.train, copies.evaluation
    ));
    Ok(Answer::Done)
}

fn prune(id: Option<&str>) -> Result<Answer> {
    let folder = dataset::cache_folder();
    let prepared = dataset::prune(&folder, id).with_context(|| format!("{} cannot be pruned", folder.display()))?;
    let folder = dataset::default_folder();
    let broken =
        dataset::prune_downloads(&folder, id).with_context(|| format!("{} cannot be pruned", folder.display()))?;
    answer(&format!(
        "removed {} of prepared arrays and {} of broken downloads",
        HumanBytes(prepared),
        HumanBytes(broken)
    ));
    Ok(Answer::Done)
}
