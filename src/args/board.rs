//! Arguments of the commands that read entries: `verify`, `compare`, `power` and `leaderboard`.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

use hlb_board::BaseUrl;
use hlb_core::rules::MAX_RUNS;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Entries, or folders that hold entries
    #[arg(default_value = "submissions")]
    pub(crate) paths: Vec<PathBuf>,
    /// Keys that may sign, in OpenSSH's format [default: `allowed_signers` of the submissions
    /// folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Option<PathBuf>,
    /// Print one JSON object for each entry
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a table in Markdown, for a job's summary or a comment
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Folder of submissions before a pull request: say, too, what it does to signers and to the
    /// entries of others
    #[arg(long, value_name = "DIR", requires_all = ["author", "markdown"], conflicts_with = "signers")]
    pub(crate) base: Option<PathBuf>,
    /// Account that opened the pull request, as GitHub names it; a key that is added is for
    /// LOGIN@github
    #[arg(long, value_name = "LOGIN", requires = "base")]
    pub(crate) author: Option<String>,
    /// Older copy of the chain of states of one folder of submissions: say whether it is the
    /// beginning of `states.jsonl` there, and which entries were removed since
    #[arg(long, value_name = "FILE")]
    pub(crate) older_states: Option<PathBuf>,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Folder of an entry, or of a session that `run` kept
    pub(crate) a: PathBuf,
    /// Folder of another one on the same track
    pub(crate) b: PathBuf,
    /// Both ran on one host, so that the times themselves decide
    #[arg(long)]
    pub(crate) same_host: bool,
    /// Keys that may sign, in OpenSSH's format [default: `allowed_signers` of each one's
    /// submissions folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `power`.
#[derive(Debug, Args)]
pub(crate) struct Power {
    /// Track
    #[arg(long, value_name = "ID")]
    pub(crate) track: String,
    /// How much faster the new recipe truly is, such as `2%` [default: a table of gains]
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub(crate) gain: Option<f64>,
    /// Runs of each recipe: say what so many runs can show
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RUNS)))]
    pub(crate) runs: Option<u32>,
    /// Folder of entries; the best entry of the track's reference shows how much its runs vary
    #[arg(long, value_name = "DIR", default_value = "submissions")]
    pub(crate) submissions: PathBuf,
    /// Entry or local session whose runs are used instead
    #[arg(long, value_name = "DIR", conflicts_with = "noise")]
    pub(crate) entry: Option<PathBuf>,
    /// Assume that times vary from run to run by this much, such as `5%`, where nothing has been
    /// measured yet
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub(crate) noise: Option<f64>,
    /// True mean accuracy of the recipe in percent, such as `94.05`: say how many runs prove that it
    /// is over the target
    #[arg(long, value_name = "PERCENT", value_parser = accuracy, conflicts_with_all = ["gain", "noise"])]
    pub(crate) mean: Option<f64>,
    /// Assume that accuracy varies from run to run by so many percentage points, such as `0.145`
    /// [default: as observed, else as published]
    #[arg(long, value_name = "POINTS", value_parser = points, requires = "mean", conflicts_with = "entry")]
    pub(crate) deviation: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads `94.05` or `94.05%` as it stands.
fn accuracy(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent: f64 = number.trim().parse().map_err(|_| "write it in percent, such as `94.05`".to_owned())?;
    let in_range = percent > 0.0 && percent <= 100.0;
    in_range.then_some(percent).ok_or_else(|| "it has to be over 0 and at most 100".to_owned())
}

/// Reads a deviation in percentage points.
fn points(text: &str) -> Result<f64, String> {
    let points: f64 = text.trim().parse().map_err(|_| "write it in percentage points, such as `0.145`".to_owned())?;
    let in_range = points > 0.0 && points < 100.0;
    in_range.then_some(points).ok_or_else(|| "it has to be over 0 and under 100".to_owned())
}

/// Reads `2%` as 0.02. The sign is required, because a bare 2 or 0.02 could mean either.
fn share(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').ok_or("write it in percent, such as `2%`")?;
    let percent: f64 = number.trim().parse().map_err(|_| "the part before `%` is not a number".to_owned())?;
    let in_range = percent > 0.0 && percent < 100.0;
    in_range.then_some(percent / 100.0).ok_or_else(|| "it has to be over 0 % and under 100 %".to_owned())
}

/// Arguments of `leaderboard`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Leaderboard {
    /// Folder of entries
    #[arg(long, value_name = "DIR", default_value = "submissions")]
    pub(crate) submissions: PathBuf,
    /// Folder that the site is built in
    #[arg(long, value_name = "DIR", default_value = "leaderboard/site")]
    pub(crate) out: PathBuf,
    /// Folder of study reports that the site publishes and links
    #[arg(long, value_name = "DIR", default_value = "studies/reports")]
    pub(crate) studies: PathBuf,
    /// Where the site is published, with http:// or https://; with it the feed has whole
    /// addresses
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<BaseUrl>,
    /// Exit with 0 although entries were rejected; they are listed all the same
    #[arg(long)]
    pub(crate) allow_rejected: bool,
    /// Check that the site is what the submissions make of it, name the files that are not, and
    /// write nothing
    #[arg(long, conflicts_with_all = ["cache", "open", "watch"])]
    pub(crate) check: bool,
    /// Add a state to `states.jsonl` of the submissions if they changed since the last one, as
    /// maintainers do after a merge
    #[arg(long, conflicts_with_all = ["check", "watch"])]
    pub(crate) extend_states: bool,
    /// Open the page in a browser: one that `$BROWSER` names, else the system's
    #[arg(long)]
    pub(crate) open: bool,
    /// Build again whenever the submissions change, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
    /// Has no effect: every build verifies every entry
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) cache: Option<PathBuf>,
    /// Has no effect: every build verifies every entry
    #[arg(long, hide = true, conflicts_with = "cache")]
    pub(crate) no_cache: bool,
    /// Threads [default: one for each core]; the site does not depend on how many
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZero<usize>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_in_percent() {
        assert_eq!(share("2%"), Ok(0.02));
        assert_eq!(share("0.5 %"), Ok(0.005));
        for wrong in ["2", "0.02", "0%", "-1%", "100%", "NaN%", "two%", ""] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
