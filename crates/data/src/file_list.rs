//! The list of every image of a verified archive: path, length, digest, split and class. It is made while the archive
//! is unpacked and lies next to the unpacked folder, which can then be verified without the archive.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::io::{self, BufRead as _, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::duplicates::{Duplicates, of_digests};
use crate::manifest::{ImageSource, Manifest};
use crate::unpack::Unpacked;
use hlb_core::artifact::{ArtifactError, Sha256Hex, sha256_file, write_atomic};
use hlb_core::text::show;

/// Format of the lists that this program writes and reads.
const LIST_SCHEMA: &str = "hlb-bench/files/v1";

/// Longest list that is read, in bytes: 100 times that of Imagenette.
const LIST_CAP: u64 = 256 << 20;

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

/// The list: training images first, then by label, then by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileList {
    header: Header,
    files: Vec<ListedFile>,
}

/// A file that is not as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Difference {
    /// Listed, not there.
    Missing { path: String },
    /// There, not listed.
    Extra { path: String },
    /// Other bytes.
    Altered { path: String },
    /// A listed image in the folder of another split or class.
    Mislabeled { path: String, belongs: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(formatter, "`{}` is missing", show(path)),
            Self::Extra { path } => write!(formatter, "`{}` does not belong to it", show(path)),
            Self::Altered { path } => write!(formatter, "`{}` has other bytes", show(path)),
            Self::Mislabeled { path, belongs } => {
                write!(formatter, "`{}` is mislabeled: it is `{}`", show(path), show(belongs))
            }
        }
    }
}

/// A list that cannot be used, or an archive that it cannot be made from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ListError {
    /// It cannot be read.
    #[error("the list of files {path} cannot be read: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// A line is not what it should be.
    #[error("the list of files {path}, line {line}: {problem}")]
    Line { path: PathBuf, line: usize, problem: String },
    /// Its totals are not those that its first line states, or it was made from another archive.
    #[error("the list of files {path} {problem}")]
    Header { path: PathBuf, problem: String },
    /// Images of a class that are more or fewer than the manifest says.
    #[error("`{folder}` holds {found} images, expected {expected}")]
    Count { folder: String, found: usize, expected: u32 },
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
    ) -> Result<Self, ListError> {
        let listed = |file: Unpacked| {
            let (split, label) = place_of(source, &file.path)?;
            Some(ListedFile { path: file.path, bytes: file.bytes, sha256: file.sha256, split, label })
        };
        let mut files: Vec<ListedFile> = unpacked.into_iter().filter_map(listed).collect();
        files.sort_by(|a, b| (a.split, a.label, &a.path).cmp(&(b.split, b.label, &b.path)));
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
    pub(crate) fn read(path: &Path, manifest: &Manifest, source: &ImageSource) -> Result<Self, ListError> {
        let list = parse(path)?;
        let wrong = |problem: String| Err(ListError::Header { path: path.to_owned(), problem });
        for file in &list.files {
            if place_of(source, &file.path) != Some((file.split, file.label)) {
                return wrong(format!(
                    "gives `{}` a split or label that its folder does not stand for",
                    show(&file.path)
                ));
            }
        }
        let place = |file: &ListedFile| (file.split, file.label, file.path.clone());
        if !list.files.is_sorted_by(|a, b| place(a) < place(b)) {
            return wrong("is not in its order, or names an image twice".to_owned());
        }
        check_counts(source, &list.files)?;
        if list.header != header(manifest, source, &list.files) {
            return wrong("was made from another archive, or was changed".to_owned());
        }
        Ok(list)
    }

    /// Compares every image below `folder`, the parent of the archive's root, with the list.
    pub(crate) fn differences(&self, folder: &Path, source: &ImageSource) -> io::Result<Vec<Difference>> {
        let listed: BTreeMap<&str, &ListedFile> = self.files.iter().map(|file| (file.path.as_str(), file)).collect();
        let by_digest: HashMap<Sha256Hex, &ListedFile> = self.files.iter().map(|file| (file.sha256, file)).collect();
        let mut found = images_below(folder, &source.root, &source.extension)?;
        found.sort();
        let mut differences = Vec::new();
        let mut misplaced = Vec::new();
        for path in &found {
            let here = listed.get(path.as_str());
            match digest_of(&folder.join(path)) {
                Some(digest) if here.is_some_and(|file| file.sha256 == digest) => {}
                digest => {
                    let known = digest.and_then(|digest| by_digest.get(&digest));
                    misplaced.extend(known.map(|file| file.path.as_str()));
                    differences.push(difference(path, known.copied(), here.is_some(), source));
                }
            }
        }
        let absent = |path: &&&str| found.binary_search_by(|found| found.as_str().cmp(path)).is_err();
        let missing = listed.keys().filter(absent).filter(|path| !misplaced.contains(*path));
        differences.extend(missing.map(|path| Difference::Missing { path: (*path).to_owned() }));
        Ok(differences)
    }
}

fn difference(path: &str, known: Option<&ListedFile>, listed: bool, source: &ImageSource) -> Difference {
    let path = path.to_owned();
    match known {
        Some(file) if place_of(source, &path) != Some((file.split, file.label)) => {
            Difference::Mislabeled { path, belongs: file.path.clone() }
        }
        _ if listed => Difference::Altered { path },
        _ => Difference::Extra { path },
    }
}

/// `None` for anything but a regular file; links are not followed.
fn digest_of(path: &Path) -> Option<Sha256Hex> {
    let regular = fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file());
    if regular { sha256_file(path).ok() } else { None }
}

/// Paths below `folder` of everything below `folder/root` that is named like an image; links are not followed.
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

fn check_counts(source: &ImageSource, files: &[ListedFile]) -> Result<(), ListError> {
    let mut counts: HashMap<(Split, u8), usize> = HashMap::new();
    for file in files {
        *counts.entry((file.split, file.label)).or_default() += 1;
    }
    for (label, class) in (0..=u8::MAX).zip(&source.folders) {
        for (split, name, expected) in
            [(Split::Train, &source.train, class.train), (Split::Evaluation, &source.evaluation, class.evaluation)]
        {
            let found = counts.get(&(split, label)).copied().unwrap_or(0);
            if found != expected as usize {
                let folder = format!("{}/{name}/{}", source.root, class.name);
                return Err(ListError::Count { folder, found, expected });
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

fn parse(path: &Path) -> Result<FileList, ListError> {
    let failed = |source| ListError::Read { path: path.to_owned(), source };
    let wrong = |line, problem: String| ListError::Line { path: path.to_owned(), line, problem };
    let file = fs::File::open(path).map_err(failed)?;
    let mut lines = io::BufReader::new(file.take(LIST_CAP)).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new())).map_err(failed)?;
    let header: Header = serde_json::from_str(&first).map_err(|error| wrong(1, error.to_string()))?;
    let mut files = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let file = serde_json::from_str(&line.map_err(failed)?).map_err(|error| wrong(number, error.to_string()))?;
        files.push(file);
    }
    Ok(FileList { header, files })
}
