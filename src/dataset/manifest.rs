//! Manifests: what a data set is, to the byte. They ship as YAML in `datasets/`, compiled into the program.

use serde::Deserialize;

use crate::artifact::{Sha256Hex, sha256_hex};
use crate::recipe::ImageSize;
use crate::text::show;
use crate::wire::ArrayShapes;
use crate::yaml;

/// What a data set is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name in files and commands.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Licence of the pictures.
    pub license: String,
    /// Shapes of the decoded arrays.
    pub shapes: ArrayShapes,
    /// Where the pictures come from.
    pub source: Source,
    /// SHA-256 over the decoded arrays, see [`crate::dataset::content_digest`].
    pub content_sha256: Sha256Hex,
}

/// Where the pictures of a data set come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The program makes them.
    BuiltIn,
    /// Four IDX files: training images and labels, evaluation images and labels.
    Idx {
        /// Address that the compressed files lie under.
        base_url: String,
        /// Package that installs them, in words.
        package: String,
        /// Where that package puts them.
        package_folder: String,
        /// The files in that order.
        files: Vec<IdxFile>,
    },
}

/// One IDX file, as published (compressed) and as decoded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdxFile {
    /// File name without `.gz`.
    pub name: String,
    /// Length of the publisher's compressed file.
    pub compressed_bytes: u64,
    /// SHA-256 of the publisher's compressed file.
    pub compressed_sha256: Sha256Hex,
    /// Length of the decompressed file.
    pub bytes: u64,
    /// SHA-256 of the decompressed file: this one decides.
    pub sha256: Sha256Hex,
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

const SHIPPED: [(&str, &str); 2] = [
    ("datasets/shapes.yaml", include_str!("../../datasets/shapes.yaml")),
    ("datasets/fashion-mnist.yaml", include_str!("../../datasets/fashion-mnist.yaml")),
];

/// All data sets.
pub fn all() -> Vec<Manifest> {
    let read = |(name, text): &(&str, &str)| {
        yaml::parse(text.as_bytes(), name).expect("a shipped manifest is valid; a test reads them all")
    };
    SHIPPED.iter().map(read).collect()
}

/// The data set with this id.
pub fn by_id(id: &str) -> Result<Manifest, UnknownDataset> {
    let manifests = all();
    let known = manifests.iter().map(|manifest| format!("`{}`", manifest.id)).collect::<Vec<_>>().join(", ");
    let found = manifests.into_iter().find(|manifest| manifest.id == id);
    found.ok_or_else(|| UnknownDataset { id: id.to_owned(), known })
}

impl Manifest {
    /// What a recipe has to know of the images.
    pub fn image_size(&self) -> ImageSize {
        ImageSize { side: self.shapes.height.min(self.shapes.width), train_images: self.shapes.train }
    }

    /// SHA-256 of the manifest's text as shipped.
    pub fn digest(&self) -> Sha256Hex {
        let path = format!("datasets/{}.yaml", self.id);
        let text = SHIPPED.iter().find(|(shipped, _)| *shipped == path).map_or("", |(_, text)| *text);
        sha256_hex(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_manifests_are_valid() {
        for manifest in all() {
            if let Source::Idx { files, .. } = &manifest.source {
                let contents: u64 = files.iter().map(|file| file.bytes).sum();
                let arrays: usize = manifest.shapes.byte_counts().iter().sum();
                assert_eq!(contents, arrays as u64 + 2 * 16 + 2 * 8, "{}", manifest.id);
            }
        }
    }

    #[test]
    fn an_unknown_data_set_is_named_with_those_there_are() {
        let error = by_id("nope\u{1b}[31m").expect_err("unknown").to_string();
        assert!(!error.contains('\u{1b}') && error.contains("`fashion-mnist`"), "{error}");
    }
}
