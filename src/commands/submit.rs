//! `hlb-bench submit`: the main job from end to end.

use std::process::ExitCode;

use crate::args::Submit;
use crate::commands::{announce, exit, session_arguments, sign};
use crate::terminal::{answer, note, print_proposal, print_summary};
use hlb_board::{Build, SIGNERS_FILE, STUDIES_FOLDER, SiteOptions, Studies, Workers};
use hlb_core::clock::{self, Clock as _, MonotonicClock};
use hlb_core::hint::{Context as _, Result};
use hlb_core::text::visible_path;
use hlb_result::signing::{KeyChoice, RERUN_NAMESPACE, RESULT_NAMESPACE};
use hlb_result::{BoardSigner, file_entry};

/// Runs the command. Whatever can be refused is refused before the first step of training.
pub(super) fn submit(arguments: &Submit, process: &MonotonicClock) -> Result<ExitCode> {
    let mut plan = session_arguments::of_submit(arguments)?;
    hlb_session::check_environment()?;
    let asked = process.now();
    let signer = open_signer(arguments)?;
    if let Some(folder) = &arguments.announced {
        announce::keep(&mut plan, folder, arguments, &signer)?;
    }
    // The time it takes to type a passphrase is not measured.
    let clock = &process.without(process.now().saturating_sub(asked));
    let finished = session_arguments::run_to_file(plan, clock)?;
    print_summary(&finished.result);
    if !finished.is_complete() {
        return exit::of_session(&finished);
    }
    let kept = || {
        let folder = visible_path(&finished.folder);
        format!("the session in {folder} is complete, but not filed; `submit --resume` files it without training again")
    };
    let checked = signer.sign(&finished).with_context(kept)?;
    let entry = file_entry(&finished, &arguments.submissions).with_context(kept)?;
    note(&format!("verified: {}, signed with {}", checked.trust, signer.fingerprint()));
    rebuild(arguments).with_context(|| {
        format!(
            "the entry is filed in {}, but its page is not made; `hlb-bench leaderboard` makes it",
            visible_path(&entry)
        )
    })?;
    answer(&format!("entry {}", visible_path(&entry)));
    answer(&format!("page {}", visible_path(&arguments.site.join("index.html"))));
    print_proposal(&arguments.submissions, &entry);
    exit::of_session(&finished)
}

fn open_signer(arguments: &Submit) -> Result<BoardSigner> {
    let key = arguments.key.clone().map_or(KeyChoice::GitDefault, KeyChoice::File);
    let list = arguments.submissions.join(SIGNERS_FILE);
    let namespace = if arguments.as_runner { RERUN_NAMESPACE } else { RESULT_NAMESPACE };
    let principal = arguments.principal.as_deref();
    let signer = BoardSigner::enroll(sign::prove(&key)?, &list, principal, namespace)?;
    sign::say_enrolled(&signer, &list);
    Ok(signer)
}

fn rebuild(arguments: &Submit) -> Result<()> {
    let studies = Studies::new(STUDIES_FOLDER.as_ref(), hlb_study::remake);
    let build = Build {
        submissions: arguments.submissions.clone(),
        out: arguments.site.clone(),
        options: SiteOptions { studies: Some(studies), base_url: None },
        workers: Workers::all(),
    };
    build.run(clock::calendar())?;
    Ok(())
}
