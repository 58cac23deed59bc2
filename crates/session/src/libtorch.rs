//! Which libtorch trains: its digest, remembered between sessions because the library has half a gigabyte.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use hlb_core::artifact::{Sha256Hex, sha256_file, write_atomic};
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::folders;

/// SHA-256 of the library at `path`; `None` if it cannot be read.
///
/// The last digest is kept in the user's cache folder with the file's identity, size and time of change; a cache that
/// cannot be read or written only costs time.
pub(crate) fn libtorch_digest(path: &Path) -> Option<Sha256Hex> {
    let name = path.file_stem().map_or_else(|| "libtorch".into(), |stem| stem.to_string_lossy());
    let cache = folders::cache().map(|folder| folder.join(format!("{name}-digest")));
    digest_with_cache(path, cache.as_deref())
}

fn digest_with_cache(path: &Path, cache: Option<&Path>) -> Option<Sha256Hex> {
    let identity = identity(path).ok()?;
    if let Some(known) = cache.and_then(|cache| remembered(cache, &identity)) {
        return Some(known);
    }
    let digest = sha256_file(path).ok()?;
    if let Some(cache) = cache {
        let _ = remember(cache, &identity, digest);
    }
    Some(digest)
}

/// What changes when the file does: device, inode, size, and the times of change.
fn identity(path: &Path) -> io::Result<String> {
    let facts = fs::metadata(path)?;
    let (changed, nanoseconds) = (facts.ctime(), facts.ctime_nsec());
    Ok(format!("{} {} {} {changed} {nanoseconds} {}", facts.dev(), facts.ino(), facts.size(), facts.mtime()))
}

fn remembered(cache: &Path, identity: &str) -> Option<Sha256Hex> {
    let text = bounded::read_text(cache, SMALL_CAP).ok()?;
    let (known, digest) = text.trim_end().rsplit_once(' ')?;
    if known == identity { digest.parse().ok() } else { None }
}

fn remember(cache: &Path, identity: &str, digest: Sha256Hex) -> io::Result<()> {
    if let Some(folder) = cache.parent() {
        fs::create_dir_all(folder)?;
    }
    write_atomic(cache, format!("{identity} {digest}\n").as_bytes()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_core::artifact::sha256_hex;

    #[test]
    fn a_digest_is_remembered_until_the_file_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (library, cache) = (folder.path().join("lib.so"), folder.path().join("cache/digest"));
        write_atomic(&library, b"one").expect("writable");
        let digest = || digest_with_cache(&library, Some(&cache));
        assert_eq!(digest(), Some(sha256_hex(b"one")));
        assert!(remembered(&cache, &identity(&library).expect("it is there")).is_some());
        write_atomic(&library, b"two").expect("writable");
        assert_eq!(digest(), Some(sha256_hex(b"two")));
    }

    #[test]
    fn a_damaged_cache_is_no_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let (library, cache) = (folder.path().join("lib.so"), folder.path().join("digest"));
        write_atomic(&library, b"one").expect("writable");
        write_atomic(&cache, format!("{} nonsense\n", identity(&library).expect("it is there")).as_bytes())
            .expect("writable");
        assert_eq!(digest_with_cache(&library, Some(&cache)), Some(sha256_hex(b"one")));
        assert_eq!(digest_with_cache(&folder.path().join("absent"), Some(&cache)), None);
    }
}
