//! `hlb-bench power`: how many runs it takes to show a gain, or a mean over the target, before they are paid for.

use std::path::Path;

use crate::args::Power;
use crate::terminal::{answer, answer_json, describe_mean_power, describe_power};
use hlb_board::{SIGNERS_FILE, Workers, read_signers, signers_for};
use hlb_core::clock;
use hlb_core::hint::{Context as _, Result, bail};
use hlb_core::text::show_path;
use hlb_data::track::{self, Track};
use hlb_recipe::variant;
use hlb_result::{Deviation, DeviationSource, Entry, MeanPowerReport, PowerReport, TimesSource, check_entry};
use serde::Serialize;

/// Runs the command.
pub(super) fn power(arguments: &Power) -> Result<()> {
    let track = track::by_id(&arguments.track)?;
    match arguments.mean {
        Some(mean) => print(&of_mean(arguments, &track, mean)?, arguments.json, describe_mean_power),
        None => print(&of_gains(arguments, &track)?, arguments.json, describe_power),
    }
}

fn print<R: Serialize>(report: &R, json: bool, describe: fn(&R) -> Vec<String>) -> Result<()> {
    if json {
        answer_json(&serde_json::to_string(report)?);
    } else {
        for line in describe(report) {
            answer(&line);
        }
    }
    Ok(())
}

fn of_gains(arguments: &Power, track: &Track) -> Result<PowerReport> {
    let nothing = || {
        format!(
            "there is no entry of the reference of `{}` in {}; name another entry with --entry, a folder of entries with --submissions, or assume how much times vary, such as --noise 2%",
            track.id,
            show_path(&arguments.submissions)
        )
    };
    let source = match (arguments.noise, &arguments.entry) {
        (Some(noise), _) => TimesSource::assumed(noise),
        (None, Some(folder)) => TimesSource::measured(&named(folder, track)?)?,
        (None, None) => TimesSource::measured(&best(&arguments.submissions, track)?.with_context(nothing)?)?,
    };
    Ok(PowerReport::new(track, source, arguments.gain, arguments.runs))
}

fn of_mean(arguments: &Power, track: &Track, mean: f64) -> Result<MeanPowerReport> {
    let deviation = match (arguments.deviation, &arguments.entry) {
        (Some(points), _) => Deviation { points, source: DeviationSource::Assumed },
        (None, Some(folder)) => Deviation::observed(&named(folder, track)?)?,
        (None, None) => match best(&arguments.submissions, track)? {
            Some(entry) => Deviation::observed(&entry)?,
            None => Deviation::published(track)?,
        },
    };
    Ok(MeanPowerReport::new(track, mean, deviation, arguments.runs)?)
}

/// The entry or session that was named.
fn named(folder: &Path, track: &Track) -> Result<Entry> {
    let entry = check_entry(folder, &signers_for(folder, None)?, clock::calendar())?;
    if entry.result.track.as_str() != track.id {
        bail!("{} is for track `{}`, not for `{}`", show_path(folder), entry.result.track, track.id);
    }
    Ok(entry)
}

/// The first row of the track's reference on the board, if there is one: ranked rows come first, those of the fastest
/// hardware before others.
fn best(submissions: &Path, track: &Track) -> Result<Option<Entry>> {
    if !submissions.is_dir() {
        return Ok(None);
    }
    let signers = read_signers(&submissions.join(SIGNERS_FILE))?;
    let board = hlb_board::read(submissions, &signers, clock::calendar(), Workers::all())?;
    let reference = variant::shipped(&track.reference).as_ref().map(variant::digest);
    let rows = board.tracks.into_iter().filter(|ranked| ranked.track.id == track.id).flat_map(|ranked| ranked.rows);
    let mut of_reference = rows.filter(|row| Some(row.entry.result.variant.recipe_sha256) == reference);
    Ok(of_reference.next().map(|row| row.entry))
}
