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
//! | `namespace` | what a signature is for |
//! | `key_type` | the four kinds of key that may sign |
//! | `allowed_signers`, `allowed_line` | who may sign what, and when |
//! | `added_signer` | the one change of it that a stranger may propose |
//! | `verify` | the verdict on message, signature and signers |
//! | `key_file`, `tools`, `git` | where a key lies, and the programs that reach it |
//! | `signer` | a key that is ready to sign |
//! | `child`, `told` | the process in which a session's key is opened, and which ends; what it says |
//! | `keygen` | a new key |

mod added_signer;
mod allowed_line;
mod allowed_signers;
pub mod armor;
mod child;
mod git;
mod key_file;
mod key_type;
mod keygen;
mod namespace;
mod signer;
mod told;
mod tools;
mod verify;

pub use added_signer::{AddedSigner, AddedSignerError, check_added};
pub(crate) use allowed_line::check_principal;
pub use allowed_line::{LineProblem, WhyNot, line_for};
pub(crate) use allowed_signers::SIGNERS_CAP;
pub use allowed_signers::{AllowedSigners, AllowedSignersError};
pub use armor::ArmorError;
pub use child::{ProvenKey, sign_for_parent};
pub use git::GitError;
pub use key_type::{UnsupportedKey, fingerprint, is_security_key};
pub use keygen::{KeygenError, keygen};
pub use namespace::{ANNOUNCEMENT_NAMESPACE, RERUN_NAMESPACE, RESULT_NAMESPACE};
pub use signer::{KeyChoice, SignError, Signer, named_key};
pub use ssh_key::{Algorithm, PublicKey};
pub use told::{ChildError, Told};
pub use tools::{ToolError, Tools};
pub use verify::{SignatureError, Verified, verify, verify_any_signer, verify_listed_for};
pub use zeroize::Zeroizing;
