//! `hlb-bench leaderboard`: rebuilds the site from the submissions alone.

mod browser;
mod watch;

pub use browser::OpenError;

use crate::cli::Leaderboard;
use crate::clock;
use crate::command::{Answer, interrupt};
use crate::hint::{Failure, Result};
use crate::leaderboard::{
    self, Build, Built, Differences, Memory, Rejected, SIGNERS_FILE, SiteOptions, Workers, read_signers,
};
use crate::printer::{Label, answer, labelled, note};

/// Runs the command.
pub(super) fn leaderboard(arguments: &Leaderboard) -> Result<Answer> {
    if arguments.check {
        return check(arguments);
    }
    let plan = Build {
        submissions: arguments.submissions.clone(),
        out: arguments.out.clone(),
        options: options(arguments),
        workers: workers(arguments),
        memory: memory(arguments),
    };
    // Whatever changes from here on is seen, even while the site is built.
    let watching = || Ok::<_, Failure>((interrupt::catch()?, plan.look()));
    let watched = arguments.watch.then(watching).transpose()?;
    let built = match &watched {
        Some((interrupted, _)) => watch::build_at_last(interrupted, &plan)?,
        None => plan.run(clock::calendar())?,
    };
    tell(&built);
    let page = arguments.out.join("index.html");
    answer(&page.display().to_string());
    if arguments.open {
        browser::open(&page)?;
    }
    if let Some((interrupted, seen)) = watched {
        watch::rebuild_until(interrupted, &plan, seen);
        return Ok(Answer::Done);
    }
    Ok(verdict(built.rejected.is_empty() || arguments.allow_rejected))
}

fn verdict(good: bool) -> Answer {
    if good { Answer::Done } else { Answer::NotSo }
}

fn options(arguments: &Leaderboard) -> SiteOptions {
    SiteOptions { base_url: arguments.base_url.clone(), studies: Some(arguments.studies.clone()) }
}

fn workers(arguments: &Leaderboard) -> Workers {
    arguments.threads.map_or_else(Workers::all, Workers::new)
}

fn memory(arguments: &Leaderboard) -> Option<Memory> {
    let chosen = || arguments.cache.as_deref().map_or_else(Memory::of_user, Memory::in_folder);
    (!arguments.no_cache).then(chosen)
}

/// Says what came of a build.
fn tell(built: &Built) {
    if let Some(problem) = &built.cache_problem {
        labelled(Label::Warning, &format!("nothing is remembered of this build: {problem}"));
    }
    tell_rejected(&built.rejected);
    let current = if built.was_current { ", and nothing had changed" } else { "" };
    note(&format!("{} entries, {} rejected{current}", built.entries, built.rejected.len()));
}

fn tell_rejected(rejected: &[Rejected]) {
    for rejected in rejected {
        labelled(Label::Warning, &format!("rejected {}: {}", rejected.folder, rejected.reason));
    }
}

/// Whether the site is current. Rejected entries are named, and are not what is asked about: a current site lists them.
fn check(arguments: &Leaderboard) -> Result<Answer> {
    let signers = read_signers(&arguments.submissions.join(SIGNERS_FILE))?;
    let workers = workers(arguments);
    let board = leaderboard::read_with(&arguments.submissions, &signers, clock::calendar(), workers)?;
    tell_rejected(&board.rejected);
    let found = leaderboard::compare(&board, &arguments.out, &options(arguments), workers)?;
    list(&found);
    if found.is_none() {
        note("the site is current");
        return Ok(Answer::Done);
    }
    let Differences { missing, extra, differ } = &found;
    note(&format!(
        "the site is not current: {} missing, {} extra, {} differ",
        missing.len(),
        extra.len(),
        differ.len()
    ));
    labelled(Label::Hint, "build it again with `hlb-bench leaderboard`");
    Ok(Answer::NotSo)
}

fn list(found: &Differences) {
    for (word, paths) in [("missing", &found.missing), ("extra", &found.extra), ("differs", &found.differ)] {
        for path in paths {
            answer(&format!("{word} {}", crate::text::show(path)));
        }
    }
}
