//! Generates a key.
//!
//! This file must never write over anything, and never leave half a pair behind.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ssh_key::rand_core::{OsRng, RngCore as _};
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use hlb_core::hint::Hint;
use hlb_core::text::{show, show_path};

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 200;

/// Why no key was made. Nothing is left behind.
#[derive(thiserror::Error, Debug)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum KeygenError {
    /// There is something under one of the two names already.
    #[error("`{}` is there already and is not written over", show_path(path))]
    Exists { path: PathBuf },
    #[error("cannot write `{}`", show_path(path))]
    Write { path: PathBuf, source: io::Error },
    /// The comment would break the line that it stands in.
    #[error("`{comment}` cannot be the comment of a key")]
    Comment { comment: String },
    #[error("passphrase is empty")]
    EmptyPassphrase,
    #[error("key cannot be made: {reason}")]
    Make { reason: String },
}

impl Hint for KeygenError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("use that key, or choose another path for the new one".to_owned()),
            Self::Comment { .. } => Some(format!("use printable text of one line and at most {MAX_COMMENT} bytes")),
            Self::EmptyPassphrase => Some("give a passphrase, or ask for a key without one".to_owned()),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("make its folder first, or choose another path".to_owned())
            }
            _ => None,
        }
    }
}

/// Makes an Ed25519 key in OpenSSH's own format: the private half at `path` (mode 0600, encrypted
/// if there is a passphrase), the public half next to it with `.pub` added to the name.
///
/// The folder must be there. Neither file may be.
pub fn keygen(path: &Path, comment: &str, passphrase: Option<&str>) -> Result<PublicKey, KeygenError> {
    check(comment, passphrase)?;
    let public_path = super::key_file::public_path(path);
    for taken in [path, &public_path] {
        if fs::symlink_metadata(taken).is_ok() {
            return Err(KeygenError::Exists { path: taken.to_owned() });
        }
    }
    require_random()?;
    let (public, pem, line) =
        make(comment, passphrase).map_err(|error| KeygenError::Make { reason: error.to_string() })?;
    write_new(path, pem.as_bytes(), 0o600)?;
    write_new(&public_path, format!("{}\n", line.trim_end()).as_bytes(), 0o644).inspect_err(|_| {
        // This call created it, and a private key alone would make the next attempt fail.
        let _ = fs::remove_file(path);
    })?;
    Ok(public)
}

fn check(comment: &str, passphrase: Option<&str>) -> Result<(), KeygenError> {
    let bad = comment.len() > MAX_COMMENT || comment.chars().any(char::is_control);
    if bad || comment.trim() != comment {
        return Err(KeygenError::Comment { comment: show(comment) });
    }
    if passphrase.is_some_and(str::is_empty) {
        return Err(KeygenError::EmptyPassphrase);
    }
    Ok(())
}

/// The public half with its comment, the private half as text, encrypted if asked for, and the line of the public half.
fn make(comment: &str, passphrase: Option<&str>) -> ssh_key::Result<(PublicKey, Zeroizing<String>, String)> {
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
    key.set_comment(comment);
    let public = key.public_key().clone();
    if let Some(passphrase) = passphrase {
        key = key.encrypt(&mut OsRng, passphrase)?;
    }
    let line = public.to_openssh()?;
    Ok((public, key.to_openssh(LineEnding::LF)?, line))
}

/// The generator panics when the system has no randomness, so it is asked once beforehand.
fn require_random() -> Result<(), KeygenError> {
    OsRng
        .try_fill_bytes(&mut [0; 32])
        .map_err(|error| KeygenError::Make { reason: format!("the system gave no random bytes: {error}") })
}

/// Writes a file that must not be there, and takes it away again if writing fails.
#[expect(clippy::disallowed_methods, reason = "a new file is opened, and nothing is read")]
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), KeygenError> {
    let failed = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            KeygenError::Exists { path }
        } else {
            KeygenError::Write { path, source }
        }
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(|source| {
        let _ = fs::remove_file(path);
        failed(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    #[test]
    fn nothing_is_written_over() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("key");
        for taken in [path.clone(), folder.path().join("key.pub")] {
            fs::write(&taken, "precious").expect("writable");
            let error = keygen(&path, "", None).expect_err("taken");
            assert!(matches!(&error, KeygenError::Exists { path } if *path == taken));
            assert_eq!(fs::read(&taken).expect("still there"), b"precious");
            fs::remove_file(&taken).expect("removable");
            let left = fs::read_dir(folder.path()).expect("a folder").count();
            assert_eq!(left, 0, "half a pair was left");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_dangling_link_is_something_too() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).expect("a link");
        let error = keygen(&path, "", None).expect_err("taken");
        assert!(matches!(error, KeygenError::Exists { .. }));
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let path = Path::new("/nonexistent/hlb-bench/key");
        let error = keygen(path, "", None).expect_err("no folder");
        assert_eq!(error.to_string(), "cannot write `/nonexistent/hlb-bench/key`");
    }

    #[test]
    fn comment_and_passphrase_are_checked_first() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("key");
        for bad in ["two\nlines", "\u{1b}[31m", " padded", &"x".repeat(201)] {
            let error = keygen(&path, bad, None).expect_err("a bad comment");
            assert!(matches!(error, KeygenError::Comment { .. }), "{bad}");
        }
        let error = keygen(&path, "", Some("")).expect_err("protects nothing");
        assert!(matches!(error, KeygenError::EmptyPassphrase));
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_private_half() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("key");
        let public = keygen(&path, "alice's bench key", None).expect("made");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let line = fs::read_to_string(folder.path().join("key.pub")).expect("there");
        assert_eq!(PublicKey::from_openssh(&line).as_ref(), Ok(&public));
        assert!(line.ends_with(" alice's bench key\n"), "{line}");
        let other = keygen(&folder.path().join("other"), "", None).expect("made");
        assert_ne!(other.key_data(), public.key_data());
    }
}
