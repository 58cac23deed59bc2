//! Preprocessed arrays on disk. Their name is the digest of everything that determines them; their content is verified when
//! they are opened and mapped into memory. Missing or damaged arrays are made again, so the cache can be deleted any time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::arrays::{ArrayShapes, Arrays};
use crate::duplicates::Duplicates;
use crate::resize::Resize;
use hlb_core::artifact::{ArtifactError, Sha256Hex, sha256_hex, write_atomic};
use hlb_core::folders;

/// Format of the cache; part of every key.
const CACHE_FORMAT: u32 = 1;

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
    pub(crate) decoder: &'a str,
}

/// Metadata of preprocessed arrays, in a small file next to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    key: Sha256Hex,
    dataset: String,
    resize: Resize,
    decoder: String,
    content_sha256: Sha256Hex,
    duplicates: Duplicates,
    bytes: u64,
}

/// Arrays from the cache, or stored in it now.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// The arrays.
    pub(crate) arrays: Arrays,
    /// SHA-256 over them.
    pub(crate) sha256: Sha256Hex,
    /// Exact duplicates among the images.
    pub(crate) duplicates: Duplicates,
}

/// Preprocessed arrays as `data list` shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedArrays {
    /// Data set.
    pub dataset: String,
    /// How its images were resized.
    pub resize: Resize,
    /// Length in bytes.
    pub bytes: u64,
    path: PathBuf,
}

/// The cache folder: `$HLB_BENCH_CACHE`, else `hlb-bench/prepared` in the user's cache folder.
pub fn cache_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("HLB_BENCH_CACHE") {
        return PathBuf::from(folder);
    }
    folders::cache().unwrap_or_else(|| std::env::temp_dir().join("hlb-bench")).join("prepared")
}

/// Why stored arrays are not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// There are none.
    #[error("nothing is preprocessed yet")]
    Absent,
    /// They are not what was stored.
    #[error("the preprocessed arrays in {} are damaged: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
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

    /// Opens the arrays stored under this key, once their digest is what it was.
    pub(crate) fn open(&self, folder: &Path) -> Result<Stored, Unusable> {
        let (label_path, path) = self.paths(folder);
        let label = fs::read(label_path).map_err(|_| Unusable::Absent)?;
        let damaged = |problem: String| Unusable::Damaged { path: path.clone(), problem };
        let label: Label = serde_json::from_slice(&label).map_err(|error| damaged(error.to_string()))?;
        let file = File::open(&path).map_err(|error| damaged(error.to_string()))?;
        let mapped = map(&file).map_err(|error| damaged(error.to_string()))?;
        let arrays = Arrays::new(mapped, self.shapes).map_err(|error| damaged(error.to_string()))?;
        let found = sha256_hex(arrays.bytes());
        if label.key != self.digest() || found != label.content_sha256 {
            return Err(damaged(format!("they have SHA-256 {found}, {} was stored", label.content_sha256)));
        }
        Ok(Stored { arrays, sha256: found, duplicates: label.duplicates })
    }

    /// Stores arrays under this key. The label is written last, so that a label always has its arrays.
    pub(crate) fn store(&self, folder: &Path, stored: &Stored) -> Result<(), ArtifactError> {
        let (label_path, path) = self.paths(folder);
        fs::create_dir_all(folder).map_err(|source| ArtifactError::Io {
            step: "create the folder",
            path: folder.to_owned(),
            source,
        })?;
        write_atomic(&path, stored.arrays.bytes())?;
        let label = Label {
            key: self.digest(),
            dataset: self.dataset.to_owned(),
            resize: self.resize,
            decoder: self.decoder.to_owned(),
            content_sha256: stored.sha256,
            duplicates: stored.duplicates,
            bytes: stored.arrays.bytes().len() as u64,
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
    let stored = |item: &CachedArrays| fs::metadata(&item.path).and_then(|facts| facts.modified()).ok();
    let mut all = cached(folder);
    all.sort_by_key(stored);
    let mut total: u64 = all.iter().map(|item| item.bytes).sum();
    for old in all.iter().filter(|old| old.path != newest) {
        if total <= limit {
            return;
        }
        // The label is removed first, so that a label always has its arrays.
        let gone = fs::remove_file(&old.path).and_then(|()| fs::remove_file(old.path.with_extension("arrays")));
        total = total.saturating_sub(if gone.is_ok() { old.bytes } else { 0 });
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
    let Ok(items) = fs::read_dir(folder) else { return Vec::new() };
    let paths = items.filter_map(|item| Some(item.ok()?.path()));
    let mut found: Vec<CachedArrays> = paths.filter_map(|path| CachedArrays::read(&path)).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl CachedArrays {
    /// The arrays that a label lies next to; `None` for any other file.
    fn read(label_path: &Path) -> Option<Self> {
        if label_path.extension()? != "json" {
            return None;
        }
        let label: Label = serde_json::from_slice(&fs::read(label_path).ok()?).ok()?;
        let bytes = fs::metadata(label_path.with_extension("arrays")).ok()?.len();
        Some(Self { dataset: label.dataset, resize: label.resize, bytes, path: label_path.to_owned() })
    }
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

    fn key(decoder: &str) -> CacheKey<'_> {
        let (manifest_sha256, resize) = (sha256_hex(b"manifest"), Resize::Squash { side: 2 });
        CacheKey { dataset: "mine", manifest_sha256, shapes: SHAPES, resize, decoder }
    }

    fn stored(byte: u8) -> Stored {
        let arrays = Arrays::new(vec![byte; 65], SHAPES).expect("they fit");
        Stored {
            sha256: sha256_hex(arrays.bytes()),
            arrays,
            duplicates: Duplicates { train: 2, evaluation: 1, overlap: 2 },
        }
    }

    #[test]
    fn what_was_stored_comes_back_and_only_under_the_same_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("not/yet");
        assert!(matches!(key("d 1").open(&cache), Err(Unusable::Absent)));
        key("d 1").store(&cache, &stored(7)).expect("writable");
        let opened = key("d 1").open(&cache).expect("it is there");
        assert_eq!((opened.arrays.bytes(), opened.sha256), (&[7; 65][..], stored(7).sha256));
        assert_eq!(opened.duplicates, stored(7).duplicates);
        assert!(matches!(key("d 2").open(&cache), Err(Unusable::Absent)));
    }

    #[test]
    fn any_damage_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (label, arrays) = key("d").paths(folder.path());
        let damages: [(&Path, &[u8]); 5] =
            [(&arrays, &[8; 65]), (&arrays, &[7; 64]), (&arrays, b""), (&label, b"{}"), (&label, b"\xff")];
        for (path, bytes) in damages {
            key("d").store(folder.path(), &stored(7)).expect("writable");
            write_atomic(path, bytes).expect("writable");
            assert!(matches!(key("d").open(folder.path()), Err(Unusable::Damaged { .. })), "{bytes:?}");
        }
        key("d").store(folder.path(), &stored(7)).expect("writable");
        fs::remove_file(&arrays).expect("it is there");
        assert!(matches!(key("d").open(folder.path()), Err(Unusable::Damaged { .. })));
    }

    #[test]
    fn pruning_removes_only_what_was_chosen() {
        let folder = tempfile::tempdir().expect("a folder");
        key("d").store(folder.path(), &stored(7)).expect("writable");
        let other = CacheKey { dataset: "mine-too", ..key("d") };
        other.store(folder.path(), &stored(8)).expect("writable");
        for name in ["note.txt", "package.json", "mine-lock.json"] {
            write_atomic(&folder.path().join(name), b"the user's").expect("writable");
        }
        assert_eq!(cached(folder.path()).iter().map(|item| item.bytes).collect::<Vec<_>>(), [65, 65]);
        assert!(prune(folder.path(), Some("mine")).expect("writable") > 65);
        assert!(other.open(folder.path()).is_ok() && key("d").open(folder.path()).is_err());
        prune(folder.path(), None).expect("writable");
        assert_eq!((cached(folder.path()), fs::read_dir(folder.path()).expect("there").count()), (Vec::new(), 3));
    }

    #[test]
    fn the_oldest_goes_when_the_cache_is_full() {
        let folder = tempfile::tempdir().expect("a folder");
        for decoder in ["1", "2", "3"] {
            key(decoder).store(folder.path(), &stored(7)).expect("writable");
        }
        let (newest, _) = key("1").paths(folder.path());
        keep_within(folder.path(), 130, &newest);
        assert_eq!(cached(folder.path()).len(), 2);
        assert!(key("1").open(folder.path()).is_ok(), "the one just stored stays");
        keep_within(folder.path(), 0, &newest);
        assert_eq!(cached(folder.path()).len(), 1);
    }
}
