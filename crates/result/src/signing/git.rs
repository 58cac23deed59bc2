//! The key that git already signs with.
//!
//! This file must never change git's settings.

use std::path::PathBuf;

use ssh_key::PublicKey;

use crate::signing::key_type::key_in;
use crate::signing::tools::{ToolError, Tools};
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// The two ways in which git's `user.signingkey` names a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GitKey {
    /// A file.
    File(PathBuf),
    /// The public key itself; an agent holds the private half.
    Agent(Box<PublicKey>),
}

/// Why git's settings name no key that we could use.
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

/// Asks git which key it signs with, and with which program, if it is another than `ssh-keygen`.
pub(super) fn signing_key(tools: &Tools) -> Result<(GitKey, Option<String>), GitError> {
    let format = tools.git_setting("gpg.format")?;
    if format.as_deref() != Some("ssh") {
        let found = format.map_or("not set".to_owned(), |name| format!("`{}`", show(&name)));
        return Err(GitError::NotSsh { found });
    }
    let named = tools.git_setting("user.signingkey")?.ok_or(GitError::NoKey)?;
    Ok((key(&named)?, tools.git_setting("gpg.ssh.program")?))
}

fn key(named: &str) -> Result<GitKey, GitError> {
    let literal = named.strip_prefix("key::").or_else(|| named.starts_with("ssh-").then_some(named));
    let Some(line) = literal else {
        return Ok(GitKey::File(named.into()));
    };
    let key = key_in(line).ok_or_else(|| GitError::BadKey { found: show(named) })?;
    Ok(GitKey::Agent(Box::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn a_key_is_named_by_file_or_by_value() {
        let expected = PublicKey::from_openssh(LINE).expect("a good key");
        for literal in [LINE.to_owned(), format!("key::{LINE}")] {
            let found = key(&literal).expect("a key");
            assert_eq!(found, GitKey::Agent(Box::new(expected.clone())));
        }
        let file = key("/home/alice/.ssh/id_ed25519.pub").expect("a path");
        let expected = PathBuf::from("/home/alice/.ssh/id_ed25519.pub");
        assert_eq!(file, GitKey::File(expected));
    }

    #[test]
    fn a_broken_key_is_not_taken_for_a_file() {
        let error = key("key::ssh-ed25519 AAAA").expect_err("cut short");
        assert_eq!(error.to_string(), "git's `user.signingkey` is not a public key: `key::ssh-ed25519 AAAA`");
    }
}
