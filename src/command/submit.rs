//! `hlb-bench submit`: the main job from end to end.

use std::io;
use std::path::{Path, PathBuf};

use crate::args::Submit;
use crate::artifact::{publish_dir, write_atomic};
use crate::clock::{self, Clock as _, MonotonicClock};
use crate::command::exit::Exit;
use crate::command::measure::{self, Calibrates, Held, Purpose};
use crate::command::run;
use crate::hint::{Context as _, Result, bail};
use crate::leaderboard::{self, SIGNERS_FILE, STUDIES_FOLDER, SiteOptions};
use crate::result::{
    LOG_FILE, MANIFEST_FILE, RECIPE_FILE, RESULT_FILE, SIGNATURE_FILE, VARIANT_FILE, check_entry, entry_name,
};
use crate::signing::{AllowedSigners, KeyChoice, RERUN_NAMESPACE, RESULT_NAMESPACE, Signer, Zeroizing};
use crate::terminal::{answer, note, print_proposal};

/// Runs the command. Whatever can be refused is refused before the first step of training.
pub(super) fn submit(arguments: &Submit, process: &MonotonicClock) -> Result<Exit> {
    let bytes = measure::read_variant(&arguments.variant)?;
    let shown_name = crate::text::show(&arguments.variant.to_string_lossy());
    let resolved = measure::resolve(bytes, &shown_name, arguments.session.own.manifest.as_deref())?;
    let namespace = if arguments.as_runner { RERUN_NAMESPACE } else { RESULT_NAMESPACE };
    let asked = process.now();
    let signer = Signer::open(&key(arguments), &mut ask_passphrase)?;
    // Who types a passphrase is not measured.
    let clock = &process.without(process.now().saturating_sub(asked));
    let signers = enrol(&arguments.submissions, arguments.principal.as_deref(), &signer, namespace)?;
    let purpose = Purpose { stop_at_target: false, calibrates: Calibrates::Ranked, reproduces: None };
    let prepared = measure::prepare(resolved, &arguments.session, purpose)?;
    let held = measure::hold(&prepared, &arguments.session, clock)?;
    run::summarise(&held.result);
    if held.result.session.stop_reason != "completed" {
        return run::conclude(&held);
    }
    let signature = signer.sign(namespace, held.result_text.as_bytes())?;
    write_atomic(&held.folder.join(SIGNATURE_FILE), signature.as_bytes())?;
    let checked = check_entry(&held.folder, &signers, clock::calendar())?;
    let entry = file(&held, &arguments.submissions)?;
    note(&format!("verified: {}, signed with {}", checked.trust.words(), signer.fingerprint()));
    rebuild(arguments, &signers)?;
    answer(&format!("entry {}", entry.display()));
    answer(&format!("page {}", arguments.site.join("index.html").display()));
    print_proposal(&arguments.submissions, &entry);
    run::conclude(&held)
}

fn key(arguments: &Submit) -> KeyChoice {
    arguments.key.clone().map_or(KeyChoice::GitDefault, KeyChoice::File)
}

/// Asks the person at the terminal.
pub(super) fn ask_passphrase(path: &Path) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(format!("passphrase of {}: ", path.display())).map(Zeroizing::new)
}

/// The signers of the board, once the key is among them. A key that is not yet listed is added for `--principal`.
pub(super) fn enrol(
    folder: &Path,
    principal: Option<&str>,
    signer: &Signer,
    namespace: &str,
) -> Result<AllowedSigners> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made; name another with --submissions", folder.display()))?;
    let path = folder.join(SIGNERS_FILE);
    let text = if path.exists() { std::fs::read_to_string(&path)? } else { String::new() };
    let name = path.display().to_string();
    let signers = AllowedSigners::parse(&text, &name)?;
    if signers.find(signer.public_key(), namespace, clock::calendar()).is_ok() {
        // Writing it again shows before the training that the folder can be written to.
        write_atomic(&path, text.as_bytes())?;
        return Ok(signers);
    }
    let Some(principal) = principal else {
        bail!(
            "the key {} may not sign for this board: it is not in {name}; say who you are with --principal, such as `--principal ada@github`, and it is added",
            signer.fingerprint()
        );
    };
    let line = signer.public_line(principal, &[namespace])?;
    let text = if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" };
    let extended = format!("{text}{line}\n");
    let signers = AllowedSigners::parse(&extended, &name)?;
    write_atomic(&path, extended.as_bytes())?;
    note(&format!("added your key to {name}"));
    Ok(signers)
}

/// Moves the session's files into the submissions as a finished folder, never over an older one.
fn file(held: &Held, submissions: &Path) -> Result<PathBuf> {
    let track = submissions.join(held.result.track.as_str());
    std::fs::create_dir_all(&track)?;
    let name = entry_name(&held.result);
    let target = (1..).map(|number| track.join(if number == 1 { name.clone() } else { format!("{name}-{number}") }));
    let target = target.into_iter().find(|target| !target.exists()).context("no free name")?;
    publish(held, &track, &target)?;
    Ok(target)
}

/// Moves the session's files to `target`, complete or not at all, by way of a hidden folder in `staging_in`, which boards
/// pass over.
pub(super) fn publish(held: &Held, staging_in: &Path, target: &Path) -> Result<()> {
    let staging = tempfile::Builder::new().prefix(".filing-").tempdir_in(staging_in)?;
    for name in [VARIANT_FILE, RECIPE_FILE, MANIFEST_FILE, LOG_FILE, RESULT_FILE, SIGNATURE_FILE] {
        if name == MANIFEST_FILE && held.result.dataset.published {
            continue;
        }
        write_atomic(&staging.path().join(name), &std::fs::read(held.folder.join(name))?)?;
    }
    publish_dir(staging.path(), target)?;
    std::mem::forget(staging);
    std::fs::remove_dir_all(&held.folder)?;
    Ok(())
}

fn rebuild(arguments: &Submit, signers: &AllowedSigners) -> Result<()> {
    let board = leaderboard::read(&arguments.submissions, signers, clock::calendar())?;
    let options = SiteOptions { studies: Some(STUDIES_FOLDER.into()), base_url: None };
    Ok(leaderboard::write_with(&board, &arguments.site, &options)?)
}
