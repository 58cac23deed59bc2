//! `hlb-bench announce`: promises a session before its nonce can be known; and the session that keeps the promise.

use std::path::{Path, PathBuf};

use crate::args::{Announce, Submit};
use crate::commands::sign;
use crate::terminal::{answer, print_proposal};
use hlb_board::{SIGNERS_FILE, entry_folders, read_signers};
use hlb_core::artifact::sha256_hex;
use hlb_core::bounded::{self, RESULT_CAP};
use hlb_core::clock;
use hlb_core::hint::{Result, bail};
use hlb_core::text::{SafeText, visible_path};
use hlb_protocol::run_log::Announced;
use hlb_recipe::variant;
use hlb_result::signing::{KeyChoice, RESULT_NAMESPACE};
use hlb_result::{ANNOUNCEMENT_SCHEMA, Announcement, BoardSigner, Promise, RESULT_FILE, SignedAnnouncement};
use hlb_session::{ResolvedVariant, SessionPlan, commit_that_added};

/// Runs the command.
pub(super) fn announce(arguments: &Announce) -> Result<()> {
    let resolved = ResolvedVariant::read(&arguments.variant, None)?;
    let key = arguments.key.clone().map_or(KeyChoice::GitDefault, KeyChoice::File);
    let list = arguments.submissions.join(SIGNERS_FILE);
    let signer = BoardSigner::enroll(sign::prove(&key)?, &list, arguments.principal.as_deref(), RESULT_NAMESPACE)?;
    sign::say_enrolled(&signer, &list);
    let runs = arguments.runs.unwrap_or(resolved.task.track.runs_to_rank);
    let header = &resolved.variant.header;
    let announcement = Announcement {
        schema: ANNOUNCEMENT_SCHEMA.to_owned(),
        track: resolved.task.track.id.parse()?,
        name: header.name.clone(),
        authors: header.authors.clone(),
        promise: promise(&resolved, runs, &signer)?,
        day: SafeText::try_from(clock::today())?,
    };
    let folder = signer.announce(&announcement, &arguments.submissions)?;
    answer(&format!("announcement {}", visible_path(&folder)));
    print_proposal(&arguments.submissions, &folder);
    Ok(())
}

/// Makes a plan keep the promise of the announcement in `folder`: its nonce follows from it and from the commit that took
/// it in.
pub(super) fn keep(plan: &mut SessionPlan, folder: &Path, arguments: &Submit, signer: &BoardSigner) -> Result<()> {
    let signers = read_signers(&arguments.submissions.join(SIGNERS_FILE))?;
    let found = SignedAnnouncement::read(folder, &signers, clock::calendar())?;
    let promised = &found.announcement.promise;
    let runs = *plan.runs.get_or_insert(promised.runs);
    if let Some(what) = promised.difference(&promise(&plan.variant, runs, signer)?) {
        bail!("the session would be of {what} than `{}` says", visible_path(folder));
    }
    if let Some(entry) = answer_to(&found, &arguments.submissions)? {
        bail!("the entry `{}` answers it already; of two that do, the board rejects both", visible_path(&entry));
    }
    let commit = commit_that_added(folder)?;
    plan.announced = Some(Announced { announcement_sha256: found.sha256, commit });
    Ok(())
}

/// The entry that states the announcement's digest, if there is one.
fn answer_to(signed: &SignedAnnouncement, submissions: &Path) -> Result<Option<PathBuf>> {
    let digest = signed.sha256.to_string();
    let states = |folder: &PathBuf| {
        bounded::read_text(&folder.join(RESULT_FILE), RESULT_CAP).is_ok_and(|text| text.contains(&digest))
    };
    Ok(entry_folders(submissions)?.into_iter().find(states))
}

fn promise(resolved: &ResolvedVariant, runs: u32, signer: &BoardSigner) -> Result<Promise> {
    Ok(Promise {
        variant_sha256: sha256_hex(&resolved.bytes),
        recipe_sha256: variant::digest(&resolved.recipe),
        runs,
        principal: SafeText::try_from(signer.principal())?,
    })
}
