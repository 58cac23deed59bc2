//! A run of ours as an entry of DAWNBench: a JSON file and a TSV file that our importer, and theirs, read.

use std::fmt::Write as _;

use serde::Serialize;

use crate::dawnbench::task::Task;
use crate::file::ExportedFile;
use hlb_core::hint::{Failure, Result};
use hlb_core::units::Accuracy;
use hlb_core::version::Commit;
use hlb_protocol::run_log::LoggedRun;
use hlb_result::{Entry, RunFigures};

/// Digits after the point of an accuracy in percent. Cut, never rounded: what is under the target stays under it.
const PLACES: u32 = 10;

/// Keys in the order in which the format lists them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    version: &'static str,
    author: String,
    author_email: &'static str,
    framework: String,
    #[serde(rename = "codeURL")]
    code_url: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_hash: Option<&'a str>,
    model: String,
    hardware: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_per_hour: Option<f64>,
    timestamp: &'a str,
    misc: Misc<'a>,
}

/// What the format has no key for.
#[derive(Serialize)]
struct Misc<'a> {
    comments: String,
    track: &'a str,
    target: String,
    variant: &'a str,
    extends: &'a str,
    run: u32,
    runs: u32,
    seed: String,
    batch_size: u32,
    precision: &'a str,
    device: &'a str,
    rules_version: &'a str,
    price_source: Option<String>,
    recipe_sha256: String,
    result_sha256: String,
}

/// The two files of the entry of one run, which has to have reached the target.
pub fn export(entry: &Entry, (run, figures): (&LoggedRun, &RunFigures)) -> Result<[ExportedFile; 2]> {
    if figures.time_to_accuracy_seconds.is_none() {
        let message = format!("run {} did not reach the target, and this format states a time to it", run.run);
        return Err(Failure::new(message).with_hint("name a run that reached with --run; `export csv` shows them all"));
    }
    let task = Task::of_track(&entry.task.track);
    let json = serde_json::to_string_pretty(&facts(entry, figures))? + "\n";
    let tsv = curve(run, task.column);
    let (folder, stem) = (format!("{}/train", task.folder), stem(entry));
    let file = |kind, text: String| ExportedFile {
        folder: folder.clone(),
        name: format!("{stem}.{kind}"),
        bytes: text.into_bytes(),
    };
    Ok([file("json", json), file("tsv", tsv)])
}

fn facts<'a>(entry: &'a Entry, figures: &RunFigures) -> Facts<'a> {
    let result = &entry.result;
    let authors: Vec<&str> = result.variant.authors.iter().map(AsRef::as_ref).collect();
    let is_commit = |commit: &&str| !commit.ends_with("-dirty");
    Facts {
        version: "v1.0",
        author: authors.join(", "),
        // An entry knows no addresses, neither of people nor of code.
        author_email: "",
        framework: format!("libtorch {}", result.libtorch.version),
        code_url: "",
        commit_hash: result.harness.commit.as_ref().map(Commit::as_str).filter(is_commit),
        model: format!("{} on {}", result.variant.name, result.variant.extends),
        hardware: result.class(),
        cost_per_hour: result.price.as_ref().map(|price| price.usd_per_hour),
        timestamp: result.session.day().unwrap_or_default(),
        misc: misc(entry, figures),
    }
}

fn misc<'a>(entry: &'a Entry, figures: &RunFigures) -> Misc<'a> {
    let result = &entry.result;
    let summary = &result.derived.summary;
    Misc {
        comments: format!(
            "exported by hlb-bench {}: run {} of a session in which {} of {} runs reached the target; hours are of training alone, without the data set, set-up, the warmup run and evaluation",
            result.harness.version, figures.run, summary.reached, summary.runs
        ),
        track: result.track.as_str(),
        target: format!("{} of {}", result.target.correct, result.target.of),
        variant: result.variant.name.as_str(),
        extends: &result.variant.extends,
        run: figures.run,
        runs: summary.runs,
        seed: figures.seed.to_string(),
        batch_size: entry.recipe.batch_size,
        precision: result.session.precision.as_str(),
        device: result.session.device.as_str(),
        rules_version: &result.rules_version,
        price_source: result.price.as_ref().map(|price| price.source.to_string()),
        recipe_sha256: result.variant.recipe_sha256.to_string(),
        result_sha256: entry.result_sha256.to_string(),
    }
}

/// Author, model, hardware and framework, as the format asks for.
fn stem(entry: &Entry) -> String {
    let result = &entry.result;
    let author = result.variant.authors.first().map_or("", AsRef::as_ref);
    let hardware = result.class();
    let parts = [author, result.variant.name.as_str(), &hardware, &format!("libtorch {}", result.libtorch.version)];
    parts.map(part).join("_")
}

/// Small letters and digits with hyphens between them; what has none of them is `unknown`.
fn part(text: &str) -> String {
    const LONGEST: usize = 48;
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut joined = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    joined.truncate(LONGEST);
    let joined = joined.trim_end_matches('-');
    if joined.is_empty() { "unknown".to_owned() } else { joined.to_owned() }
}

fn curve(run: &LoggedRun, column: &str) -> String {
    run.epochs.iter().fold(format!("epoch\thours\t{column}\n"), |mut text, epoch| {
        let _ = writeln!(text, "{}\t{}\t{}", epoch.epoch, epoch.train_seconds / 3600.0, percent(epoch.accuracy));
        text
    })
}

/// The accuracy in percent, its digits cut.
fn percent(accuracy: Accuracy) -> String {
    let scale = 10_u128.pow(PLACES);
    let scaled = 100 * scale * u128::from(accuracy.correct) / u128::from(accuracy.total.max(1));
    let text = format!("{}.{:0width$}", scaled / scale, scaled % scale, width = PLACES as usize);
    let short = text.trim_end_matches('0');
    short.strip_suffix('.').unwrap_or(short).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dawnbench::decimal::Decimal;
    use hlb_data::track;

    #[test]
    fn parts_of_names_are_plain() {
        assert_eq!(part("Ada Lovelace"), "ada-lovelace");
        assert_eq!(part("Intel(R) Xeon(R) @ 2.60GHz, 2 CPUs"), "intel-r-xeon-r-2-60ghz-2-cpus");
        assert_eq!(part("../a_b"), "a-b");
        assert_eq!(part("Ёлка"), "unknown");
    }

    proptest! {
        /// Whatever the size of the split, the file crosses the target where the counts do.
        #[test]
        fn no_crossing_moves(total in 1_u32..20_000, thousandths in 0_i64..=1000, near in -2_i64..=2) {
            for track in track::all() {
                let at_target = i64::from(total) * i64::from(track.target.correct) / i64::from(track.target.of);
                let wide = i64::from(total) * thousandths / 1000;
                for correct in [wide, at_target + near] {
                    let correct = u32::try_from(correct.clamp(0, i64::from(total))).unwrap();
                    let accuracy = Accuracy { correct, total };
                    let written = Decimal::parse(&percent(accuracy)).expect("a decimal number");
                    prop_assert_eq!(written.is_at_least(track.target), track.target.is_met_by(accuracy));
                }
            }
        }
    }
}
