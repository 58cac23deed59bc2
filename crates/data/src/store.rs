//! Where data sets are on this machine.

use std::path::{Path, PathBuf};

use crate::error::DatasetError;
use crate::file_list::list_name;
use crate::manifest::{IdxFile, Manifest, Source};
use hlb_core::folders;

/// Where a data set was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// Made by the program.
    BuiltIn,
    /// In this folder.
    At(PathBuf),
}

/// The folder of the user's own data sets: `$HLB_BENCH_DATA`, else the user's data folder.
pub fn default_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("HLB_BENCH_DATA") {
        return PathBuf::from(folder);
    }
    folders::data().unwrap_or_else(|| PathBuf::from("hlb-bench"))
}

/// Finds a data set: in the folder given, else in the user's data folder, else where its package puts it.
pub fn find(manifest: &Manifest, given: Option<&Path>) -> Result<Folder, DatasetError> {
    if manifest.source == Source::BuiltIn {
        return Ok(Folder::BuiltIn);
    }
    if let Some(folder) = given {
        return Ok(Folder::At(folder.to_owned()));
    }
    let package = if let Source::Idx(source) = &manifest.source { source.package.as_ref() } else { None };
    let own = default_folder().join(manifest.id.as_str());
    let candidates: Vec<PathBuf> =
        [own].into_iter().chain(package.map(|package| PathBuf::from(&package.folder))).collect();
    match candidates.iter().find(|folder| holds(manifest, folder)) {
        Some(folder) => Ok(Folder::At(folder.clone())),
        None => Err(DatasetError::Missing {
            id: manifest.id.to_string(),
            looked: candidates.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" and "),
            package: package.map(|package| package.name.clone()),
        }),
    }
}

/// Whether the folder has all files by name; their bytes are another question.
fn holds(manifest: &Manifest, folder: &Path) -> bool {
    match &manifest.source {
        Source::BuiltIn => true,
        Source::Idx(source) => source.files.iter().all(|file| idx_file(folder, file).is_some()),
        Source::Cifar(source) => source.files().all(|file| cifar_file(folder, &source.root, &file.name).is_some()),
        Source::Images(source) => folder.join(list_name(source)).is_file() && folder.join(&source.root).is_dir(),
    }
}

/// The plain file, where its digest is known, else the compressed one.
pub(super) fn idx_file(folder: &Path, file: &IdxFile) -> Option<PathBuf> {
    let plain = file.sha256.map(|_| folder.join(&file.name));
    plain.into_iter().chain([folder.join(format!("{}.gz", file.name))]).find(|path| path.is_file())
}

/// The file below the archive's top folder, else in the folder itself.
pub(super) fn cifar_file(folder: &Path, root: &str, name: &str) -> Option<PathBuf> {
    [folder.join(root).join(name), folder.join(name)].into_iter().find(|path| path.is_file())
}
