//! A random text that stays on this machine, so that only its owner can recognize a GPU's UUID.

use std::io;
use std::path::Path;

use hlb_core::artifact::{sha256_hex, write_atomic};
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::folders;
use hlb_core::seed::Nonce;

/// Where the owner of a machine may put a salt for all of its users: a runner's home is emptied before each job.
const OF_THE_MACHINE: &str = "/etc/hlb-bench";

/// The file with the salt, in its folder.
const FILE: &str = "device.salt";

/// The first 16 digits of SHA-256 over salt and `uuid`.
pub(super) fn tag(uuid: &str) -> io::Result<String> {
    let shared = Path::new(OF_THE_MACHINE);
    if shared.join(FILE).is_file() {
        return tag_with(shared, uuid);
    }
    let folder = folders::config().ok_or_else(|| io::Error::other("there is no home folder"))?;
    tag_with(&folder, uuid)
}

fn tag_with(folder: &Path, uuid: &str) -> io::Result<String> {
    let path = folder.join(FILE);
    if !path.is_file() {
        std::fs::create_dir_all(folder)?;
        write_atomic(&path, Nonce::fresh().as_str().as_bytes()).map_err(io::Error::other)?;
    }
    let salt = String::from_utf8(bounded::read_named(&path, SMALL_CAP)?).map_err(io::Error::other)?;
    Ok(sha256_hex(format!("hlb-bench device tag v1\n{salt}\n{uuid}\n").as_bytes()).to_string()[..16].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_stable_here_and_different_elsewhere() {
        let (here, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let first = tag_with(here.path(), "GPU-1").expect("writable");
        assert_eq!(tag_with(here.path(), "GPU-1").expect("writable"), first);
        assert_ne!(tag_with(here.path(), "GPU-2").expect("writable"), first);
        assert_ne!(tag_with(elsewhere.path(), "GPU-1").expect("writable"), first);
    }
}
