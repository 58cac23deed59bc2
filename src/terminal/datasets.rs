//! Data sets in words.

use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::terminal::failure::print_hint;
use crate::terminal::printer::{Label, answer, labeled};
use hlb_core::hint::Hint as _;
use hlb_core::text::{show, show_path, visible_path};
use hlb_data::{CachedArrays, DatasetError, DatasetProblem, Folder, Manifest, Prepared};

/// A data set in the list.
pub(crate) struct Listed<'a> {
    manifest: &'a Manifest,
    place: Option<String>,
    preprocessed: Vec<&'a CachedArrays>,
}

impl<'a> Listed<'a> {
    /// Finds where a data set is, and which of the preprocessed arrays are of it.
    pub(crate) fn find(manifest: &'a Manifest, preprocessed: &'a [CachedArrays]) -> Self {
        let place = hlb_data::find(manifest, None).ok().map(|folder| match folder {
            Folder::BuiltIn => "built in".to_owned(),
            Folder::At(folder) => visible_path(&folder),
        });
        let preprocessed = preprocessed.iter().filter(|arrays| arrays.dataset == manifest.id.as_str()).collect();
        Self { manifest, place, preprocessed }
    }

    /// The object for programs.
    pub(crate) fn json(&self) -> Value {
        let manifest = self.manifest;
        let prepared: Vec<Value> =
            self.preprocessed.iter().map(|arrays| json!({"resize": arrays.resize, "bytes": arrays.bytes})).collect();
        json!({
            "id": manifest.id, "title": manifest.title, "license": manifest.license,
            "train": manifest.train, "evaluation": manifest.evaluation, "classes": manifest.classes,
            "confirmed": manifest.is_confirmed(), "found": self.place.is_some(), "place": self.place, "prepared": prepared,
        })
    }

    /// The line for people.
    pub(crate) fn line(&self) -> String {
        let manifest = self.manifest;
        let size = manifest.size.map_or_else(
            || "of many sizes".to_owned(),
            |size| format!("of {}x{}x{}", size.width, size.height, size.channels),
        );
        let images = format!("{} + {} images {size}", manifest.train, manifest.evaluation);
        let place = self.place.as_deref().unwrap_or("not on this machine");
        let doubt = if manifest.is_confirmed() { "" } else { ", digest unconfirmed: refused by default" };
        format!(
            "{:<16} {:<37} {images:<36} {place}{doubt}{}",
            manifest.id.as_str(),
            manifest.title.as_str(),
            list(&self.preprocessed)
        )
    }
}

/// The line of preprocessed arrays of a user's own data set, whose manifest is not at hand.
pub(crate) fn describe_own(arrays: &CachedArrays) -> String {
    format!("of your own: {}{}", show(&arrays.dataset), list(&[arrays]))
}

/// The line of a data set whose bytes are right.
pub(crate) fn describe_verified(manifest: &Manifest, folder: &Folder) -> String {
    let place = match folder {
        Folder::At(folder) => format!(" in {}", show_path(folder)),
        Folder::BuiltIn => ", built in".to_owned(),
    };
    let content = manifest.content(None).map_or_else(String::new, |known| format!(", content {}", known.sha256));
    format!("{}: verified{place}{content}", manifest.id)
}

/// Prints what is wrong with the bytes of a data set. The error names the first few differences,
/// the list all of them.
pub(crate) fn print_wrong_bytes(error: &DatasetError) {
    labeled(Label::Error, &error.to_string());
    if let DatasetProblem::Differs { differences, .. } = &error.problem {
        for difference in differences {
            answer(difference);
        }
    }
    print_hint(error.hint().as_deref());
}

/// What a session would train on, in three lines.
pub(crate) fn describe_prepared(prepared: &Prepared) -> String {
    let copies = prepared.duplicates;
    format!(
        "content {}\ndecoder {}\ncopies {} evaluation images also trained on, {} within training, {} within evaluation\n",
        prepared.content_sha256,
        prepared.decoder.unwrap_or("none needed"),
        copies.overlap,
        copies.train,
        copies.evaluation
    )
}

fn list(preprocessed: &[&CachedArrays]) -> String {
    let describe = |arrays: &&CachedArrays| format!(", preprocessed: {} ({})", arrays.resize, HumanBytes(arrays.bytes));
    preprocessed.iter().map(describe).collect()
}
