//! Signatures over results: who stands behind these exact bytes.
//!
//! A result is signed in the SSH signature format over its raw bytes, detached, so that the stock
//! `ssh-keygen -Y verify` checks it without this program, and so that a stranger's file is only
//! ever hashed before its signature is known to be good.
//!
//! What this room must never do:
//! - parse, normalize or re-serialize the message: it is bytes;
//! - read a clock: the caller says at which time a key has to be valid;
//! - overwrite a key, print, or let a private key out of [`Signer`];
//! - be laxer than either OpenSSH or the `ssh-key` crate: where the two disagree, the stricter
//!   rule holds, so that a file which is good here is good everywhere.
//!
//! | file | noun |
//! |---|---|
//! | `armor` | the text form of a signature, in its one accepted layout |
//! | `key_type` | the four kinds of key that may sign |
//! | `allowed_signers`, `allowed_line` | who may sign what, and when |
//! | `verify` | the verdict on message, signature and signers |
//! | `key_file`, `tools`, `git` | where a key lies, and the programs that reach it |
//! | `signer` | a key that is ready to sign |
//! | `keygen` | a new key |

mod allowed_line;
pub mod allowed_signers;
pub mod armor;
mod git;
mod key_file;
mod key_type;
mod keygen;
mod signer;
mod tools;
mod verify;

pub use allowed_line::{LineProblem, line_for};
pub use allowed_signers::{AllowedSigners, AllowedSignersError, WhyNot};
pub use armor::ArmorError;
pub use git::GitError;
pub use key_type::{KeyType, UnsupportedKey};
pub use keygen::{KeygenError, keygen};
pub use signer::{AskPassphrase, KeyChoice, SignError, Signer};
pub use ssh_key::PublicKey;
pub use tools::{ToolError, Tools};
pub use verify::{SignatureError, SomeSigner, Verified, verify, verify_any_signer};
pub use zeroize::Zeroizing;

/// Namespace under which a submitter signs a result.
///
/// Raised with the meaning of what is signed, not with every version of the program.
pub const RESULT_NAMESPACE: &str = "result.v1@hlb-bench";

/// Namespace under which a runner signs the result of an entry that it ran again.
pub const RERUN_NAMESPACE: &str = "rerun.v1@hlb-bench";

/// The longest piece of foreign text that an error message repeats, in characters.
const SHOWN_CHARACTERS: usize = 160;

/// Foreign text made fit for a message: cut to a bearable length, control characters escaped, so
/// that neither a file nor a program can write terminal sequences through our errors.
fn shown(text: &str) -> String {
    let mut out: String = text.trim().chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect();
    if text.trim().chars().count() > SHOWN_CHARACTERS {
        out.push_str("...");
    }
    out
}

/// The SHA-256 fingerprint of a key as `ssh-keygen -l` prints it: `SHA256:` and 43 characters.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_reach_the_terminal_raw() {
        let hostile = format!("\u{1b}[31m{}", "x".repeat(400));
        let out = shown(&hostile);
        assert!(out.starts_with("\\u{1b}[31m"), "{out}");
        assert!(out.ends_with("x..."), "{out}");
        assert!(out.len() < 200, "{out}");
    }
}
