//! `hlb-bench leaderboard`: rebuilds the site from the submissions alone.

mod browser;
mod watch;

use std::process::ExitCode;

use crate::args::Leaderboard;
use crate::commands::exit;
use crate::commands::interrupt;
use crate::terminal::{answer, note, print_built, print_differences, print_rejected};
use hlb_board::{Build, SIGNERS_FILE, SiteOptions, Studies, Workers, read_signers};
use hlb_core::clock;
use hlb_core::hint::{Failure, Result};
use hlb_core::text::visible_path;

/// Runs the command.
pub(super) fn leaderboard(arguments: &Leaderboard) -> Result<ExitCode> {
    if arguments.cache.is_some() || arguments.no_cache {
        note("`--cache` and `--no-cache` have no effect: every build verifies every entry");
    }
    if arguments.check {
        return check(arguments);
    }
    if arguments.extend_states {
        let added = hlb_board::extend_states(&arguments.submissions, clock::calendar())?;
        note(&added.map_or_else(|| "no new state".to_owned(), |number| format!("state {number} is new")));
    }
    let plan = Build {
        submissions: arguments.submissions.clone(),
        out: arguments.out.clone(),
        options: options(arguments),
        workers: workers(arguments),
    };
    // Looked at before the first build, so that what changes during it is seen.
    let watching = || Ok::<_, Failure>((interrupt::catch()?, plan.file_state()));
    let watched = arguments.watch.then(watching).transpose()?;
    let built = match &watched {
        Some((interrupted, _)) => watch::build_at_last(interrupted, &plan)?,
        None => plan.run(clock::calendar())?,
    };
    print_built(&built);
    let page = arguments.out.join("index.html");
    answer(&visible_path(&page));
    if arguments.open {
        browser::open(&page)?;
    }
    if let Some((interrupted, seen)) = watched {
        watch::rebuild_until(interrupted, &plan, seen);
        return Ok(ExitCode::SUCCESS);
    }
    Ok(exit::of_check(built.rejected.is_empty() || arguments.allow_rejected))
}

fn options(arguments: &Leaderboard) -> SiteOptions {
    let studies = Studies::new(&arguments.studies, hlb_study::remake);
    SiteOptions { base_url: arguments.base_url.clone(), studies: Some(studies) }
}

fn workers(arguments: &Leaderboard) -> Workers {
    arguments.threads.map_or_else(Workers::all, Workers::new)
}

/// Checks that the site is current. Rejected entries are named but do not fail the check, because a
/// current site lists them.
fn check(arguments: &Leaderboard) -> Result<ExitCode> {
    let signers = read_signers(&arguments.submissions.join(SIGNERS_FILE))?;
    let workers = workers(arguments);
    let board = hlb_board::read(&arguments.submissions, &signers, clock::calendar(), workers)?;
    print_rejected(&board.rejected);
    let found = hlb_board::compare(&board, &arguments.out, &options(arguments), workers)?;
    print_differences(&found);
    Ok(exit::of_check(found.is_none()))
}
