//! `hlb-bench keygen`: makes a signing key.

use crate::args::Keygen;
use crate::terminal::{answer, note};
use hlb_core::hint::{Failure, Result, bail};
use hlb_core::text::show_path;
use hlb_result::signing;

/// Runs the command.
pub(super) fn keygen(arguments: &Keygen) -> Result<()> {
    let passphrase = if arguments.passphrase { Some(ask()?) } else { None };
    let public = signing::keygen(&arguments.path, &arguments.comment, passphrase.as_deref())?;
    answer(&public.to_openssh().map_err(Failure::new)?);
    note(&format!(
        "the private key is in {0}, the public one in {0}.pub; keep the first to yourself",
        show_path(&arguments.path)
    ));
    Ok(())
}

fn ask() -> Result<String> {
    let first = rpassword::prompt_password("passphrase: ")?;
    if first != rpassword::prompt_password("once more: ")? {
        bail!("the two passphrases differ; no key was made");
    }
    Ok(first)
}
