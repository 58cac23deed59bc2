//! Preprocessed arrays on disk. Their name is the digest of everything that determines them; their content is verified when
//! they are opened and mapped into memory. Missing or damaged arrays are made again, so the cache can be deleted any time.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::arrays::{ArrayShapes, Arrays};
use crate::confine::Guard;
use crate::duplicates::Duplicates;
use crate::resize::Resize;
use hlb_core::artifact::{ArtifactError, Sha256Hex, failed, sha256_hex, write_atomic};
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::folders;
use hlb_core::text::show_path;

/// Format of the cache; part of every key.
const CACHE_FORMAT: u32 = 2;

/// Everything that determines preprocessed arrays. Its digest is their name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CacheKey<'a> {
    /// Data set.
    pub(crate) dataset: &'a str,
    /// SHA-256 of its manifest, which says what is read from which archive, and which labels it gets.
    pub(crate) manifest_sha256: Sha256Hex,
    /// Shapes of the arrays.
    pub(crate) shapes: ArrayShapes,
    /// How images are resized.
    pub(crate) resize: Resize,
    /// Decoder and resizer with their versions, and how colors are handled.
    pub(crate) decoder: &'static str,
}

/// Preprocessed arrays: what a small file next to them, their label, says of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachedArrays {
    key: Sha256Hex,
    /// Data set.
    pub dataset: String,
    /// How its images were resized.
    pub resize: Resize,
    decoder: String,
    content_sha256: Sha256Hex,
    duplicates: Duplicates,
    /// Older labels do not say it; their arrays are listed and removed, but not opened.
    #[serde(default = "Guard::all")]
    decoded_without: Vec<Guard>,
    /// Length in bytes.
    pub bytes: u64,
}

/// A data set ready to be trained on.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The arrays.
    pub arrays: Arrays,
    /// SHA-256 over the arrays.
    pub content_sha256: Sha256Hex,
    /// Exact duplicates among the images.
    pub duplicates: Duplicates,
    /// Decoder and resizer of the images; `None` without either.
    pub decoder: Option<&'static str>,
    /// What did not stand between the decoder of its images and the rest of the machine.
    pub decoded_without: Vec<Guard>,
}

/// The cache folder: `$HLB_BENCH_CACHE`, else `hlb-bench/prepared` in the user's cache folder.
pub fn cache_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("HLB_BENCH_CACHE") {
        return PathBuf::from(folder);
    }
    folders::cache().unwrap_or_else(|| std::env::temp_dir().join("hlb-bench")).join("prepared")
}

impl CacheKey<'_> {
    /// SHA-256 of everything that determines the arrays.
    pub(crate) fn digest(&self) -> Sha256Hex {
        let text = serde_json::to_string(&(CACHE_FORMAT, self)).expect("strings and numbers are JSON");
        sha256_hex(text.as_bytes())
    }

    fn paths(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let name = format!("{}-{}", self.dataset, &self.digest().to_string()[..16]);
        (folder.join(format!("{name}.json")), folder.join(format!("{name}.arrays")))
    }

    /// Opens the arrays stored under this key, if there are any; the error says how they are damaged.
    pub(crate) fn open(&self, folder: &Path) -> Result<Option<Prepared>, String> {
        let (label_path, path) = self.paths(folder);
        let Ok(label) = bounded::read(&label_path, SMALL_CAP) else { return Ok(None) };
        let damaged =
            |problem: &dyn Display| format!("the preprocessed arrays in {} are damaged: {problem}", show_path(&path));
        let label: CachedArrays = serde_json::from_slice(&label).map_err(|error| damaged(&error))?;
        let mapped = bounded::open(&path)
            .map_err(io::Error::from)
            .and_then(|file| map(&file))
            .map_err(|error| damaged(&error))?;
        let arrays = Arrays::new(mapped, self.shapes).map_err(|error| damaged(&error))?;
        let (content_sha256, stored) = (sha256_hex(arrays.bytes()), label.content_sha256);
        if label.key != self.digest() || content_sha256 != stored {
            return Err(damaged(&format_args!("they have SHA-256 {content_sha256}, {stored} was stored")));
        }
        let (duplicates, decoder, decoded_without) = (label.duplicates, Some(self.decoder), label.decoded_without);
        Ok(Some(Prepared { arrays, content_sha256, duplicates, decoder, decoded_without }))
    }

    /// Stores arrays under this key. The label is written last, so that a label always has its arrays.
    pub(crate) fn store(&self, folder: &Path, prepared: &Prepared) -> Result<(), ArtifactError> {
        let (label_path, path) = self.paths(folder);
        fs::create_dir_all(folder).map_err(failed("create the folder", folder))?;
        write_atomic(&path, prepared.arrays.bytes())?;
        let label = CachedArrays {
            key: self.digest(),
            dataset: self.dataset.to_owned(),
            resize: self.resize,
            decoder: self.decoder.to_owned(),
            content_sha256: prepared.content_sha256,
            duplicates: prepared.duplicates,
            decoded_without: prepared.decoded_without.clone(),
            bytes: prepared.arrays.bytes().len() as u64,
        };
        write_atomic(&label_path, serde_json::to_string(&label).expect("strings and numbers are JSON").as_bytes())?;
        keep_within(folder, limit(), &label_path);
        Ok(())
    }
}

/// Most bytes of the cache: `$HLB_BENCH_CACHE_GIB`, else 20 GiB.
fn limit() -> u64 {
    let given = std::env::var("HLB_BENCH_CACHE_GIB").ok().and_then(|text| text.parse::<u64>().ok());
    given.unwrap_or(20).saturating_mul(1 << 30)
}

/// Removes the oldest arrays until the rest is within `limit`, but not `newest`. What cannot be removed stays.
fn keep_within(folder: &Path, limit: u64, newest: &Path) {
    let mut all = labels(folder);
    all.sort_by_key(|(path, _)| fs::metadata(path).and_then(|facts| facts.modified()).ok());
    let mut total: u64 = all.iter().map(|(_, label)| label.bytes).sum();
    for (path, label) in all.iter().filter(|(path, _)| path != newest) {
        if total <= limit {
            return;
        }
        // The label is removed first, so that a label always has its arrays.
        let gone = fs::remove_file(path).and_then(|()| fs::remove_file(path.with_extension("arrays")));
        total = total.saturating_sub(if gone.is_ok() { label.bytes } else { 0 });
    }
}

/// Maps a file that is only ever replaced whole.
fn map(file: &File) -> io::Result<memmap2::Mmap> {
    #[expect(unsafe_code, reason = "a mapped file can change under the program; there is no safe way")]
    // SAFETY: files of the cache are written under another name and renamed, never changed or cut in place.
    unsafe {
        memmap2::Mmap::map(file)
    }
}

/// Everything in the cache.
pub fn cached(folder: &Path) -> Vec<CachedArrays> {
    labels(folder).into_iter().map(|(_, label)| label).collect()
}

/// The labels that lie next to arrays, by their paths.
fn labels(folder: &Path) -> Vec<(PathBuf, CachedArrays)> {
    let label = |path: PathBuf| {
        let has_arrays = path.extension()? == "json" && path.with_extension("arrays").is_file();
        let label = serde_json::from_slice(&bounded::read(&path, SMALL_CAP).ok()?).ok()?;
        has_arrays.then_some((path, label))
    };
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = items.filter_map(|item| label(item.path())).collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

/// Data set whose preprocessed arrays or label have this name, `ID-` and 16 hexadecimal digits; `None` for any other file.
fn owner(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".arrays").or_else(|| name.strip_suffix(".json"))?;
    let (id, key) = stem.rsplit_once('-')?;
    let is_key = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key.then_some(id)
}

/// Removes preprocessed arrays, of one data set or of all, and no other file; the bytes that became free.
pub fn prune(folder: &Path, dataset: Option<&str>) -> io::Result<u64> {
    let mut freed = 0;
    for item in fs::read_dir(folder).into_iter().flatten() {
        let path = item?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ours = owner(&name).is_some_and(|owner| dataset.is_none_or(|id| id == owner));
        if ours && path.is_file() {
            freed += fs::metadata(&path)?.len();
            fs::remove_file(&path)?;
        }
    }
    Ok(freed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrays::ArrayShapes;

    const SHAPES: ArrayShapes = ArrayShapes { train: 3, evaluation: 2, height: 2, width: 2, channels: 3, classes: 2 };

    fn key(decoder: &'static str) -> CacheKey<'static> {
        let (manifest_sha256, resize) = (sha256_hex(b"manifest"), Resize::Squash { side: 2 });
        CacheKey { dataset: "mine", manifest_sha256, shapes: SHAPES, resize, decoder }
    }

    fn prepared(byte: u8) -> Prepared {
        let arrays = Arrays::new(vec![byte; 65], SHAPES).expect("they fit");
        let duplicates = Duplicates { train: 2, evaluation: 1, overlap: 2 };
        let (content_sha256, decoded_without) = (sha256_hex(arrays.bytes()), vec![Guard::Landlock]);
        Prepared { arrays, content_sha256, duplicates, decoder: Some("d"), decoded_without }
    }

    #[test]
    fn what_was_stored_comes_back_and_only_under_the_same_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("not/yet");
        assert!(matches!(key("d 1").open(&cache), Ok(None)));
        key("d 1").store(&cache, &prepared(7)).expect("writable");
        let opened = key("d 1").open(&cache).expect("undamaged").expect("it is there");
        assert_eq!((opened.arrays.bytes(), opened.content_sha256), (&[7; 65][..], prepared(7).content_sha256));
        assert_eq!(opened.duplicates, prepared(7).duplicates);
        assert_eq!(opened.decoded_without, [Guard::Landlock]);
        assert!(matches!(key("d 2").open(&cache), Ok(None)));
    }

    #[test]
    fn arrays_whose_label_names_no_guards_count_as_decoded_without_any() {
        let folder = tempfile::tempdir().expect("a folder");
        key("d").store(folder.path(), &prepared(7)).expect("writable");
        let (path, _) = key("d").paths(folder.path());
        let label = fs::read_to_string(&path).expect("readable");
        let older = label.replace(",\"decoded_without\":[\"landlock\"]", "");
        assert_ne!(label, older);
        write_atomic(&path, older.as_bytes()).expect("writable");
        let opened = key("d").open(folder.path()).expect("undamaged").expect("it is there");
        assert_eq!(opened.decoded_without, Guard::all());
    }

    #[test]
    fn any_damage_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (label, arrays) = key("d").paths(folder.path());
        let damages: [(&Path, &[u8]); 5] =
            [(&arrays, &[8; 65]), (&arrays, &[7; 64]), (&arrays, b""), (&label, b"{}"), (&label, b"\xff")];
        for (path, bytes) in damages {
            key("d").store(folder.path(), &prepared(7)).expect("writable");
            write_atomic(path, bytes).expect("writable");
            assert!(key("d").open(folder.path()).is_err(), "{bytes:?}");
        }
        key("d").store(folder.path(), &prepared(7)).expect("writable");
        fs::remove_file(&arrays).expect("it is there");
        assert!(key("d").open(folder.path()).is_err());
    }

    #[test]
    fn pruning_removes_only_what_was_chosen() {
        let folder = tempfile::tempdir().expect("a folder");
        key("d").store(folder.path(), &prepared(7)).expect("writable");
        let other = CacheKey { dataset: "mine-too", ..key("d") };
        other.store(folder.path(), &prepared(8)).expect("writable");
        for name in ["note.txt", "package.json", "mine-lock.json"] {
            write_atomic(&folder.path().join(name), b"the user's").expect("writable");
        }
        assert_eq!(cached(folder.path()).iter().map(|item| item.bytes).collect::<Vec<_>>(), [65, 65]);
        assert!(prune(folder.path(), Some("mine")).expect("writable") > 65);
        assert!(matches!(other.open(folder.path()), Ok(Some(_))) && matches!(key("d").open(folder.path()), Ok(None)));
        prune(folder.path(), None).expect("writable");
        assert_eq!((cached(folder.path()), fs::read_dir(folder.path()).expect("there").count()), (Vec::new(), 3));
    }

    #[test]
    fn the_oldest_goes_when_the_cache_is_full() {
        let folder = tempfile::tempdir().expect("a folder");
        for decoder in ["1", "2", "3"] {
            key(decoder).store(folder.path(), &prepared(7)).expect("writable");
        }
        let (newest, _) = key("1").paths(folder.path());
        keep_within(folder.path(), 130, &newest);
        assert_eq!(cached(folder.path()).len(), 2);
        assert!(matches!(key("1").open(folder.path()), Ok(Some(_))), "the one just stored stays");
        keep_within(folder.path(), 0, &newest);
        assert_eq!(cached(folder.path()).len(), 1);
    }

    #[test]
    fn a_label_or_arrays_behind_a_link_are_no_part_of_the_cache() {
        let folder = tempfile::tempdir().expect("a folder");
        key("1").store(folder.path(), &prepared(7)).expect("writable");
        let (label, arrays) = key("1").paths(folder.path());
        fs::remove_file(&label).expect("removable");
        std::os::unix::fs::symlink("/dev/zero", &label).expect("a link");
        assert!(matches!(key("1").open(folder.path()), Ok(None)));
        assert_eq!(cached(folder.path()).len(), 0);
        fs::remove_file(&label).expect("removable");
        key("1").store(folder.path(), &prepared(7)).expect("writable");
        fs::remove_file(&arrays).expect("removable");
        std::os::unix::fs::symlink("/dev/zero", &arrays).expect("a link");
        let damaged = key("1").open(folder.path()).expect_err("they are no file");
        assert!(damaged.contains("not a regular file"), "{damaged}");
    }
}
