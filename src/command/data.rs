//! `hlb-bench data`: where data sets are, and whether they are the right bytes.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::cli::Data;
use crate::command::Answer;
use crate::dataset::{self, FetchSource, Folder, Manifest};
use crate::printer::{Label, answer, labelled, note};
use crate::report;

/// Runs the command.
pub(super) fn data(command: &Data) -> Result<Answer> {
    match command {
        Data::List { json } => {
            for manifest in dataset::all() {
                list(&manifest, *json);
            }
            Ok(Answer::Done)
        }
        Data::Fetch { id, mirror, from } => {
            let source = match (mirror, from) {
                (_, Some(folder)) => FetchSource::Folder(folder.clone()),
                (Some(url), None) => FetchSource::Mirror(url.clone()),
                (None, None) => FetchSource::Publisher,
            };
            fetch(id, &source)
        }
        Data::Verify { id, data } => verify(id, data.as_deref()),
    }
}

fn place(manifest: &Manifest) -> String {
    match dataset::find(manifest, None) {
        Ok(Folder::BuiltIn) => "built in".to_owned(),
        Ok(Folder::At(folder)) => folder.display().to_string(),
        Err(_) => "not on this machine".to_owned(),
    }
}

fn list(manifest: &Manifest, json: bool) {
    let Manifest { id, title, license, shapes, .. } = manifest;
    if json {
        let found = dataset::find(manifest, None).is_ok();
        let line = json!({"id": id, "title": title, "license": license, "shapes": shapes, "found": found, "place": place(manifest)});
        answer(&line.to_string());
        return;
    }
    let size = format!(
        "{} + {} images of {}x{}x{}",
        shapes.train, shapes.evaluation, shapes.width, shapes.height, shapes.channels
    );
    answer(&format!("{id:<14} {title:<38} {size:<34} {}", place(manifest)));
}

fn fetch(id: &str, source: &FetchSource) -> Result<Answer> {
    let manifest = dataset::by_id(id)?;
    if manifest.source == dataset::Source::BuiltIn {
        note(&format!("`{id}` is made by the program itself; there is nothing to fetch"));
        return Ok(Answer::Done);
    }
    let target = dataset::default_folder().join(id);
    let bar = indicatif::ProgressBar::new(0);
    let mut progress = |name: &str, bytes: u64, all: u64| {
        bar.set_length(all);
        bar.set_position(bytes);
        bar.set_message(name.to_owned());
    };
    dataset::fetch(&manifest, source, &target, &mut progress)?;
    bar.finish_and_clear();
    answer(&format!("{id}: verified, in {}", target.display()));
    Ok(Answer::Done)
}

/// Wrong bytes are an answer; data that cannot be found or read is not.
fn verify(id: &str, folder: Option<&Path>) -> Result<Answer> {
    let manifest = dataset::by_id(id)?;
    let folder = dataset::find(&manifest, folder)?;
    let Err(error) = dataset::load(&manifest, &folder) else {
        let place = if let Folder::At(folder) = &folder {
            format!(" in {}", folder.display())
        } else {
            ", built in".to_owned()
        };
        answer(&format!("{id}: verified{place}, content {}", manifest.content_sha256));
        return Ok(Answer::Done);
    };
    if !error.is_about_bytes() {
        return Err(error.into());
    }
    labelled(Label::Error, &error.to_string());
    if let Some(hint) = report::hint(&error) {
        labelled(Label::Hint, &hint);
    }
    Ok(Answer::NotSo)
}
