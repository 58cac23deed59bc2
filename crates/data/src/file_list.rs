//! The list of every image of a verified archive: path, length, digest, split and class. It is made while the archive
//! is unpacked and lies next to the unpacked folder, which can then be verified without the archive.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::duplicates::{Duplicates, of_digests};
use crate::error::{DatasetProblem, unreadable};
use crate::manifest::{ImageSource, Manifest};
use crate::unpack::Unpacked;
use hlb_core::artifact::{ArtifactError, Sha256Hex, sha256_file, write_atomic};
use hlb_core::text::show;
use hlb_core::{bounded, json};

/// Format of the lists that this program writes and reads.
const LIST_SCHEMA: &str = "hlb-bench/files/v1";

/// Longest list that is read, in bytes: 100 times that of Imagenette.
const LIST_CAP: u64 = 256 << 20;

/// Most bytes of an image, in an archive and in a list.
pub(crate) const MOST_IMAGE_BYTES: u64 = 64 << 20;

/// First line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    schema: String,
    dataset: String,
    archive_sha256: Sha256Hex,
    files: usize,
    bytes: u64,
    /// By the digests of the files.
    duplicates: Duplicates,
}

/// The two splits of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Split {
    /// What is trained on.
    Train,
    /// What accuracy is measured on.
    Evaluation,
}

/// One image: a line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListedFile {
    /// Path in the archive, with `/` between its parts.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: Sha256Hex,
    /// Split that its folder stands for.
    pub split: Split,
    /// Label that its folder stands for.
    pub label: u8,
}

impl ListedFile {
    /// What the list is sorted by.
    fn place(&self) -> (Split, u8, &str) {
        (self.split, self.label, &self.path)
    }
}

/// The list: training images first, then by label, then by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileList {
    header: Header,
    files: Vec<ListedFile>,
}

/// Split and label of an image by its path in the archive: `root/split/class/name.extension`, and no hidden file.
pub(crate) fn place_of(source: &ImageSource, path: &str) -> Option<(Split, u8)> {
    let parts: Vec<&str> = path.split('/').collect();
    let [root, split, folder, name] = parts[..] else { return None };
    if root != source.root || !name.ends_with(&source.extension) || name.starts_with('.') {
        return None;
    }
    let split = match split {
        split if split == source.train => Split::Train,
        split if split == source.evaluation => Split::Evaluation,
        _ => return None,
    };
    let label = source.folders.iter().position(|class| class.name == folder)?;
    Some((split, u8::try_from(label).ok()?))
}

/// Name of the list next to the unpacked folder.
pub(crate) fn list_name(source: &ImageSource) -> String {
    format!("{}.files.jsonl", source.root)
}

impl FileList {
    /// Lists what was unpacked from the archive, once every class has as many images as the manifest says.
    pub(crate) fn of_unpacked(
        manifest: &Manifest,
        source: &ImageSource,
        unpacked: Vec<Unpacked>,
    ) -> Result<Self, String> {
        let listed = |file: Unpacked| {
            let (split, label) = place_of(source, &file.path)?;
            Some(ListedFile { path: file.path, bytes: file.bytes, sha256: file.sha256, split, label })
        };
        let mut files: Vec<ListedFile> = unpacked.into_iter().filter_map(listed).collect();
        files.sort_by(|a, b| a.place().cmp(&b.place()));
        check_counts(source, &files)?;
        Ok(Self { header: header(manifest, source, &files), files })
    }

    /// The images.
    pub(crate) fn files(&self) -> &[ListedFile] {
        &self.files
    }

    /// Writes the list: a JSON object a line, the first of which describes the rest.
    pub(crate) fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let line = |text: serde_json::Result<String>| text.expect("strings and numbers are JSON") + "\n";
        let mut text = line(serde_json::to_string(&self.header));
        self.files.iter().for_each(|file| text += &line(serde_json::to_string(file)));
        write_atomic(path, text.as_bytes())
    }

    /// Reads the list and refuses one that was not made from the manifest's archive.
    pub(crate) fn read(path: &Path, manifest: &Manifest, source: &ImageSource) -> Result<Self, DatasetProblem> {
        let bytes = bounded::read_named(path, LIST_CAP).map_err(unreadable(path))?;
        let list = parse(&bytes).map_err(|error| format!("it cannot be read: {error}"));
        let checked = list.and_then(|list| list.check(manifest, source).map(|()| list));
        checked.map_err(|problem| DatasetProblem::List { path: path.to_owned(), problem })
    }

    fn check(&self, manifest: &Manifest, source: &ImageSource) -> Result<(), String> {
        let misplaced = |file: &&ListedFile| place_of(source, &file.path) != Some((file.split, file.label));
        if let Some(file) = self.files.iter().find(misplaced) {
            let path = show(&file.path);
            return Err(format!("it gives `{path}` a split or label that its folder does not stand for"));
        }
        // Before they are added up.
        if let Some(file) = self.files.iter().find(|file| file.bytes > MOST_IMAGE_BYTES) {
            let (path, bytes) = (show(&file.path), file.bytes);
            return Err(format!("it gives `{path}` {bytes} bytes, over the limit of {MOST_IMAGE_BYTES}"));
        }
        if !self.files.is_sorted_by(|a, b| a.place() < b.place()) {
            return Err("it is not in its order, or names an image twice".to_owned());
        }
        check_counts(source, &self.files)?;
        if self.header != header(manifest, source, &self.files) {
            return Err("it was made from another archive, or was changed".to_owned());
        }
        Ok(())
    }

    /// Compares every image below `folder`, the parent of the archive's root, with the list: what is wrong with each.
    pub(crate) fn differences(&self, folder: &Path, source: &ImageSource) -> io::Result<Vec<String>> {
        let by_digest: HashMap<Sha256Hex, &ListedFile> = self.files.iter().map(|file| (file.sha256, file)).collect();
        let mut missing: BTreeMap<&str, &ListedFile> = self.files.iter().map(|file| (&*file.path, file)).collect();
        let mut found = images_below(folder, &source.root, &source.extension)?;
        found.sort();
        let (mut differences, mut misplaced) = (Vec::new(), Vec::new());
        for path in &found {
            let listed = missing.remove(path.as_str());
            // An image may be a link to a file, as it may when it is decoded.
            let digest = sha256_file(&folder.join(path)).ok();
            if listed.is_some_and(|file| Some(file.sha256) == digest) {
                continue;
            }
            let known = digest.and_then(|digest| by_digest.get(&digest).copied());
            misplaced.extend(known);
            differences.push(match known {
                Some(file) if place_of(source, path) != Some((file.split, file.label)) => {
                    format!("`{}` is mislabeled: it is `{}`", show(path), show(&file.path))
                }
                _ if listed.is_some() => format!("`{}` has other bytes", show(path)),
                _ => format!("`{}` does not belong to it", show(path)),
            });
        }
        for file in misplaced {
            missing.remove(file.path.as_str());
        }
        differences.extend(missing.keys().map(|path| format!("`{}` is missing", show(path))));
        Ok(differences)
    }
}

/// Paths below `folder` of everything below `folder/root` that is named like an image; links to folders are not followed.
fn images_below(folder: &Path, root: &str, extension: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(at) = waiting.pop() {
        for item in fs::read_dir(folder.join(&at))? {
            let item = item?;
            let path = format!("{at}/{}", item.file_name().to_string_lossy());
            if item.file_type()?.is_dir() {
                waiting.push(path);
            } else if path.ends_with(extension) && !path.contains("/.") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn check_counts(source: &ImageSource, files: &[ListedFile]) -> Result<(), String> {
    let mut counts: HashMap<(Split, u8), u32> = HashMap::new();
    for file in files {
        *counts.entry((file.split, file.label)).or_default() += 1;
    }
    for (label, class) in (0..=u8::MAX).zip(&source.folders) {
        for (split, name, expected) in
            [(Split::Train, &source.train, class.train), (Split::Evaluation, &source.evaluation, class.evaluation)]
        {
            let found = counts.get(&(split, label)).copied().unwrap_or(0);
            if found != expected {
                let folder = format!("{}/{name}/{}", source.root, class.name);
                return Err(format!("`{folder}` holds {found} images, expected {expected}"));
            }
        }
    }
    Ok(())
}

fn header(manifest: &Manifest, source: &ImageSource, files: &[ListedFile]) -> Header {
    let of = |split| files.iter().filter(move |file| file.split == split).map(|file| file.sha256).collect::<Vec<_>>();
    Header {
        schema: LIST_SCHEMA.to_owned(),
        dataset: manifest.id.to_string(),
        archive_sha256: source.archive.sha256,
        files: files.len(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        duplicates: of_digests(&of(Split::Train), &of(Split::Evaluation)),
    }
}

fn parse(bytes: &[u8]) -> Result<FileList, String> {
    let mut lines = str::from_utf8(bytes).map_err(|error| error.to_string())?.lines();
    let header = json::read_line(lines.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    let files = lines.map(json::read_line).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Ok(FileList { header, files })
}
