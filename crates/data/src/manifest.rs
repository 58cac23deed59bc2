//! Manifests: what a data set is, to the byte. They ship as YAML in `datasets/`, compiled into the program; a user may
//! bring one for a data set of their own, whose results are then marked and never ranked.

mod check;

use std::path::Path;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arrays::ArrayShapes;
use crate::duplicates::Duplicates;
use crate::resize::Resize;
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::bounded::{self, ReadError, SMALL_CAP};
use hlb_core::hint::Hint;
use hlb_core::text::{Id, SafeText, show, show_path};
use hlb_core::yaml::{self, YamlError};

/// What a data set is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name in files and commands.
    pub id: Id,
    /// Name for people.
    pub title: SafeText<80>,
    /// License of the images.
    pub license: SafeText<300>,
    /// Training images.
    pub train: u32,
    /// Evaluation images.
    pub evaluation: u32,
    /// Names of the classes, in the order of their labels, which are counted from 0.
    pub classes: Vec<SafeText<60>>,
    /// Size of every image; `null` for images of many sizes, which a track resizes.
    pub size: Option<ImageShape>,
    /// Where the images come from.
    pub source: Source,
    /// What the arrays are known to hold.
    #[serde(default)]
    pub contents: Vec<KnownContent>,
    #[serde(skip)]
    text: String,
}

/// Size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Color channels, 1 or 3.
    pub channels: u32,
}

/// What the arrays of a data set hold once they are preprocessed in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownContent {
    /// How the images are resized; `null` where they are not.
    pub resize: Option<Resize>,
    /// SHA-256 over the arrays: training images and labels, evaluation images and labels.
    pub sha256: Sha256Hex,
    /// Images that occur more than once.
    pub duplicates: Duplicates,
}

/// Where the images of a data set come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// The program makes them.
    BuiltIn,
    /// Four IDX files.
    Idx(IdxSource),
    /// CIFAR's binary files in an archive.
    Cifar(CifarSource),
    /// An archive of JPEG files in a folder for each split and class.
    #[serde(rename = "pictures")]
    Images(ImageSource),
}

/// Training images and labels, evaluation images and labels as IDX files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdxSource {
    /// Address that the compressed files lie under.
    pub base_url: String,
    /// Package that installs them.
    pub package: Option<Package>,
    /// The four files, in that order.
    pub files: Vec<IdxFile>,
}

/// A package of the operating system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// In words.
    pub name: String,
    /// Where it puts the files.
    pub folder: String,
}

/// One IDX file, as published (compressed) and as decoded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdxFile {
    /// File name without `.gz`.
    pub name: String,
    /// Length of the publisher's compressed file.
    pub compressed_bytes: u64,
    /// SHA-256 of the publisher's compressed file.
    pub compressed_sha256: Sha256Hex,
    /// SHA-256 of the decompressed file, and then this one decides; `null` where nobody published it.
    pub sha256: Option<Sha256Hex>,
}

/// CIFAR's binary version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CifarSource {
    /// What is downloaded.
    pub archive: Archive,
    /// Its top folder.
    pub root: String,
    /// Files of the training split, in the order of their images.
    pub train: Vec<CifarFile>,
    /// Files of the evaluation split.
    pub evaluation: Vec<CifarFile>,
}

/// One of CIFAR's binary files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CifarFile {
    /// File name.
    pub name: String,
    /// Images in it.
    pub records: u32,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Hex,
}

/// Images in `root/split/folder/*extension`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSource {
    /// What is downloaded.
    pub archive: Archive,
    /// Its top folder.
    pub root: String,
    /// Folder of the training split.
    pub train: String,
    /// Folder of the evaluation split.
    pub evaluation: String,
    /// How the names of images end; other files are left out.
    pub extension: String,
    /// Folder of each class, in the order of the classes.
    pub folders: Vec<ClassFolder>,
}

/// The images of one class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassFolder {
    /// Folder.
    pub name: String,
    /// Training images in it.
    pub train: u32,
    /// Evaluation images in it.
    pub evaluation: u32,
}

/// An archive as published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// File name.
    pub file: String,
    /// Publisher's address; `null` where there is none.
    pub url: Option<String>,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: Sha256Hex,
    /// Whether independent sources agree on the digest. Unconfirmed data sets are refused unless asked for.
    pub confirmed: bool,
    /// Other archives that this one is easily mistaken for.
    #[serde(default)]
    pub mistaken_for: Vec<OtherArchive>,
}

/// An archive that is not the one wanted, and is known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherArchive {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: Sha256Hex,
    /// What it is, to follow the words "this is".
    pub is: String,
}

/// No data set has this id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no data set `{}`; there are {known}", show(.id))]
pub struct UnknownDataset {
    /// The id asked for.
    pub id: String,
    /// The ids there are.
    pub known: String,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ManifestError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not YAML that we accept, or a key is wrong.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// Keys that contradict each other, or a value out of range.
    #[error("{}: `{key}` {problem}", show(.name))]
    Wrong { name: String, key: &'static str, problem: String },
}

impl Hint for UnknownDataset {}

impl Hint for ManifestError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::Wrong { .. } => None,
        }
    }
}

macro_rules! shipped {
    ($($id:literal),* $(,)?) => {
        [$(($id, include_str!(concat!("../../../datasets/", $id, ".yaml")))),*]
    };
}

const SHIPPED: [(&str, &str); 10] = shipped![
    "shapes",
    "fashion-mnist",
    "mnist",
    "cifar-10-binary",
    "imagenette2-160",
    "imagenette2-320",
    "imagenette2",
    "imagewoof2-160",
    "imagewoof2-320",
    "imagewoof2",
];

/// Read once, since a board asks for them with every entry.
static MANIFESTS: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
    let read = |(id, text): &(&str, &str)| Manifest::parse(text.as_bytes(), id);
    SHIPPED.iter().map(|shipped| read(shipped).expect("a shipped manifest is valid; a test reads them all")).collect()
});

/// All data sets.
pub fn all() -> Vec<Manifest> {
    MANIFESTS.clone()
}

/// The data set with this id.
pub fn by_id(id: &str) -> Result<Manifest, UnknownDataset> {
    let found = MANIFESTS.iter().find(|manifest| manifest.id.as_str() == id).cloned();
    let known = || SHIPPED.map(|(known, _)| format!("`{known}`")).join(", ");
    found.ok_or_else(|| UnknownDataset { id: id.to_owned(), known: known() })
}

/// Whether a published data set has this id.
pub fn is_shipped(id: &str) -> bool {
    SHIPPED.iter().any(|(known, _)| *known == id)
}

impl Manifest {
    /// Reads a user's own manifest.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        Self::own(&bounded::read_named(path, SMALL_CAP)?, &show_path(path))
    }

    /// A user's own manifest from its bytes; it cannot have the id of a published data set.
    pub fn own(bytes: &[u8], name: &str) -> Result<Self, ManifestError> {
        let manifest = Self::parse(bytes, name)?;
        if is_shipped(manifest.id.as_str()) {
            let problem = format!("is `{}`, the name of a published data set; choose another", manifest.id);
            return Err(ManifestError::Wrong { name: name.to_owned(), key: "id", problem });
        }
        Ok(manifest)
    }

    fn parse(bytes: &[u8], name: &str) -> Result<Self, ManifestError> {
        let mut manifest: Self = yaml::parse(bytes, name)?;
        manifest.check().map_err(|(key, problem)| ManifestError::Wrong { name: name.to_owned(), key, problem })?;
        manifest.text = String::from_utf8_lossy(bytes).into_owned();
        Ok(manifest)
    }

    /// Whether this is a data set that the program ships the manifest of. A user's own cannot have its id.
    pub fn is_published(&self) -> bool {
        is_shipped(self.id.as_str())
    }

    /// The manifest as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the manifest as it was written.
    pub fn digest(&self) -> Sha256Hex {
        sha256_hex(self.text.as_bytes())
    }

    /// Shapes of the arrays; `None` if images need a resize that is not given, or the other way round.
    pub fn shapes(&self, resize: Option<Resize>) -> Option<ArrayShapes> {
        let size = match (self.size, resize) {
            (Some(size), None) => size,
            (None, Some(resize)) => ImageShape { height: resize.side(), width: resize.side(), channels: 3 },
            _ => return None,
        };
        Some(ArrayShapes {
            train: self.train,
            evaluation: self.evaluation,
            height: size.height,
            width: size.width,
            channels: size.channels,
            classes: u32::try_from(self.classes.len()).unwrap_or(u32::MAX),
        })
    }

    /// The known content of the arrays with this resize.
    pub fn content(&self, resize: Option<Resize>) -> Option<&KnownContent> {
        self.contents.iter().find(|content| content.resize == resize)
    }

    /// The archive that it comes in, if it comes in one.
    pub fn archive(&self) -> Option<&Archive> {
        match &self.source {
            Source::Cifar(source) => Some(&source.archive),
            Source::Images(source) => Some(&source.archive),
            Source::BuiltIn | Source::Idx(_) => None,
        }
    }

    /// Whether independent sources agree on the digests.
    pub fn is_confirmed(&self) -> bool {
        self.archive().is_none_or(|archive| archive.confirmed)
    }
}

impl CifarSource {
    /// All files, training first.
    pub fn files(&self) -> impl Iterator<Item = &CifarFile> {
        self.train.iter().chain(&self.evaluation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest of two classes of images with one line replaced.
    fn images(line: &str, by: &str) -> Result<Manifest, ManifestError> {
        let digest = "1".repeat(64);
        let text = format!(
            "id: mine\ntitle: Mine\nlicense: none\ntrain: 3\nevaluation: 2\nclasses: [cat, dog]\nsource:\n  kind: pictures\n  \
             archive: {{file: a.tgz, bytes: 9, sha256: \"{digest}\", confirmed: true}}\n  root: a\n  train: train\n  \
             evaluation: val\n  extension: .JPEG\n  folders:\n  - {{name: c, train: 1, evaluation: 1}}\n  - {{name: d, train: 2, evaluation: 1}}\n"
        );
        assert!(text.contains(line), "{line}");
        Manifest::own(text.replace(line, by).as_bytes(), "m.yaml")
    }

    #[test]
    fn shipped_manifests_are_valid_and_named_after_their_files() {
        for ((id, _), manifest) in SHIPPED.iter().zip(all()) {
            assert_eq!(manifest.id.as_str(), *id);
            assert!(manifest.is_published());
        }
    }

    #[test]
    fn an_unknown_data_set_is_named_with_those_there_are() {
        let error = by_id("nope\u{1b}[31m").expect_err("unknown").to_string();
        assert!(!error.contains('\u{1b}') && error.contains("`fashion-mnist`"), "{error}");
    }

    #[test]
    fn a_manifest_of_ones_own_says_what_it_is_of() {
        let manifest = images("", "").expect("a good one");
        assert!(!manifest.is_published());
        let shapes = manifest.shapes(Some(Resize::Squash { side: 64 })).expect("they are resized");
        assert_eq!((shapes.train, shapes.height, shapes.channels, shapes.classes), (3, 64, 3, 2));
        assert_eq!(manifest.shapes(None), None);
    }

    #[test]
    fn what_cannot_be_a_data_set_is_refused_with_its_key() {
        let cases = [
            ("id: mine", "id: imagenette2-160", "`id` is `imagenette2-160`, the name of a published data set"),
            ("root: a", "root: ../a", "`source.root` holds the name `../a`"),
            ("name: c", "name: /etc", "`source.folders` holds the name `/etc`"),
            ("root: a", "root: .a", "`source.root` holds the name `.a`"),
            ("evaluation: val", "evaluation: train", "`source.evaluation` is the folder of the training split"),
            ("train: 2,", "train: 3,", "`source.folders` adds up to 4 images, the split has 3"),
            ("bytes: 9", "url: \"file:///etc/passwd\", bytes: 9", "`source.archive.url` is `file:///etc/passwd`"),
            ("[cat, dog]", "[cat]", "`classes` counts 1"),
            ("license: none", "license: none\nsize: {height: 1, width: 1, channels: 1}", "`size` is given"),
            ("kind: pictures", "kind: zip", "zip"),
        ];
        for (line, by, expected) in cases {
            let error = images(line, by).expect_err(by).to_string();
            assert!(error.contains("m.yaml") && error.contains(expected), "{error}");
        }
    }
}
