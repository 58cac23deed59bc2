//! The key that git already signs with.
//!
//! This file must never change git's settings.

use std::ffi::OsString;
use std::path::PathBuf;

use ssh_key::PublicKey;

use crate::signing::tools::{ToolError, Tools};
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// What git's settings name as the signing key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GitKey {
    /// The key.
    pub(super) key: GitKeyPlace,
    /// The program that signs instead of `ssh-keygen`, if one is set.
    pub(super) program: Option<OsString>,
}

/// The two ways in which git's `user.signingkey` names a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GitKeyPlace {
    /// A file.
    File(PathBuf),
    /// The public key itself; an agent holds the private half.
    Agent(Box<PublicKey>),
}

/// Why git's settings name no key that we could use.
#[non_exhaustive]
#[derive(thiserror::Error, Debug)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum GitError {
    #[error("cannot read git's settings")]
    Settings(#[from] ToolError),
    #[error("git does not sign with SSH keys: `gpg.format` is {found}")]
    NotSsh { found: String },
    /// git signs with SSH keys, but no key is named.
    #[error("git names no signing key: `user.signingkey` is not set")]
    NoKey,
    /// The key is given in the settings, but cannot be read.
    #[error("git's `user.signingkey` is not a public key: `{found}`")]
    BadKey { found: String },
}

impl Hint for GitError {
    fn hint(&self) -> Option<String> {
        Some("run `hlb-bench keygen`, then pass the key with `--key`".to_owned())
    }
}

/// Asks git which key it signs with.
pub(super) fn signing_key(tools: &Tools) -> Result<GitKey, GitError> {
    let format = tools.git_setting("gpg.format")?;
    if format.as_deref() != Some("ssh") {
        return Err(GitError::NotSsh {
            found: format.map_or("not set".to_owned(), |name| format!("`{}`", show(&name))),
        });
    }
    let named = tools.git_setting("user.signingkey")?.ok_or(GitError::NoKey)?;
    Ok(GitKey { key: place(&named)?, program: tools.git_setting("gpg.ssh.program")?.map(OsString::from) })
}

fn place(named: &str) -> Result<GitKeyPlace, GitError> {
    let literal = named.strip_prefix("key::").or_else(|| named.starts_with("ssh-").then_some(named));
    let Some(line) = literal else {
        return Ok(GitKeyPlace::File(named.into()));
    };
    PublicKey::from_openssh(line.trim())
        .map(|key| GitKeyPlace::Agent(Box::new(key)))
        .map_err(|_| GitError::BadKey { found: show(named) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn a_key_is_named_by_file_or_by_value() {
        let key = PublicKey::from_openssh(LINE).expect("a good key");
        for literal in [LINE.to_owned(), format!("key::{LINE}")] {
            let found = place(&literal).expect("a key");
            assert_eq!(found, GitKeyPlace::Agent(Box::new(key.clone())));
        }
        let file = place("/home/alice/.ssh/id_ed25519.pub").expect("a path");
        let expected = PathBuf::from("/home/alice/.ssh/id_ed25519.pub");
        assert_eq!(file, GitKeyPlace::File(expected));
    }

    #[test]
    fn a_broken_key_is_not_taken_for_a_file() {
        let error = place("key::ssh-ed25519 AAAA").expect_err("cut short");
        assert_eq!(error.to_string(), "git's `user.signingkey` is not a public key: `key::ssh-ed25519 AAAA`");
    }
}
