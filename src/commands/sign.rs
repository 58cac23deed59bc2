//! `hlb-bench sign-for-parent`, and starting it: only that process ever holds a private key, for one
//! signature, and no image is decoded and nothing trained while it lives.

use std::io;
use std::path::Path;

use crate::args::SignForParent;
use crate::commands::THIS_PROGRAM;
use crate::terminal::{note, to_parent};
use hlb_core::hint::{Context as _, Result};
use hlb_core::text::visible_path;
use hlb_result::BoardSigner;
use hlb_result::signing::{KeyChoice, ProvenKey, SignError, Zeroizing, sign_for_parent};

/// The key that is to sign, once it has shown that it can.
pub(super) fn prove(key: &KeyChoice) -> Result<ProvenKey, SignError> {
    ProvenKey::prove(Path::new(THIS_PROGRAM), key)
}

/// Says that a key is now among the signers of a board.
pub(super) fn say_enrolled(signer: &BoardSigner, list: &Path) {
    if signer.is_new {
        note(&format!("added your key to {}", visible_path(list)));
    }
}

/// Runs the command.
pub(super) fn sign(arguments: &SignForParent) -> Result<()> {
    let key = arguments.key.clone().map_or(KeyChoice::GitDefault, KeyChoice::File);
    let pipes = (io::stdin().lock(), to_parent());
    sign_for_parent(&key, &arguments.namespace, pipes, &mut ask_passphrase).context("the signature was not handed on")
}

fn ask_passphrase(path: &Path) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(format!("passphrase of {}: ", visible_path(path))).map(Zeroizing::new)
}
