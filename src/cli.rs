//! The command line: clap types only, no input or output.

use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::dataset::Place;
use crate::job::DeviceChoice;
use crate::leaderboard::BaseUrl;
use crate::rules::MAX_RUNS;

/// Measures how long, and at what cost, a training recipe takes to reach an accuracy on this machine.
#[derive(Debug, Parser)]
#[command(name = "hlb-bench", version, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 the thing asked about is not so, 2 could not do it.")]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Verify the data, record the hardware, run the session, sign the result, file the entry, rebuild the page
    Submit(Submit),
    /// Hold the same session; print its result and keep it unsigned
    Run(Run),
    /// Check signatures, digests, formats, and every figure against the run logs
    Verify(Verify),
    /// Say which of two entries or local sessions is faster, and how sure one can be
    Compare(Compare),
    /// Hold an entry's session again from the entry alone, and say whether the two agree
    Reproduce(Reproduce),
    /// Train variants of a study in turn, run by run with the same seeds, and report how they compare
    Study(Study),
    /// Say how many runs a claimed gain needs, before they are paid for
    Power(Power),
    /// Rebuild the site from the submissions alone
    Leaderboard(Leaderboard),
    /// Data sets: where they are, whether they are the right bytes
    #[command(subcommand)]
    Data(Data),
    /// Show what would be recorded about this machine
    #[command(after_help = "GPUs are read through NVML: libnvidia-ml.so.1, or the file that $HLB_BENCH_NVML names.")]
    Hardware(Hardware),
    /// Make an Ed25519 key in OpenSSH format
    Keygen(Keygen),
    /// Shipped recipes, and what a variant resolves to
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// Read results that others published, as a board that is never ranked with measured rows
    #[command(subcommand)]
    Import(Import),
    /// Write an entry or a local session in the form of another program; nothing that is exported can be verified any more
    Export(Export),
}

/// How to hold a session.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct SessionOptions {
    /// Runs of the session; a ranked row needs as many as its track asks for [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RUNS)))]
    pub runs: Option<u32>,
    /// Hold a run of the track's reference before each run, and state the ratio; `submit` does so wherever a row could be
    /// ranked
    #[arg(long, conflicts_with = "no_calibrate")]
    pub calibrate: bool,
    /// Do not hold the reference beside the variant
    #[arg(long)]
    pub no_calibrate: bool,
    /// Ask libtorch for deterministic algorithms, train one seed twice, and say whether the two were bit-identical
    #[arg(long)]
    pub deterministic: bool,
    /// Finish the newest session of this variant that ended early: runs that ended are kept, others are held again
    #[arg(long)]
    pub resume: bool,
    /// Where to train
    #[arg(long, value_parser = devices(), default_value_t = DeviceChoice::Auto)]
    pub device: DeviceChoice,
    /// Threads of libtorch on the CPU [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Folder that holds the data set's files
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Manifest of a data set of your own to use in place of the track's; its results are never ranked
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Row of the price table that this machine is rented under: PROVIDER/INSTANCE or PROVIDER/INSTANCE@REGION
    #[arg(long, value_name = "ROW", conflicts_with = "price_per_hour")]
    pub price: Option<String>,
    /// Table of prices of your own; its rows win over the shipped ones
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// US dollars per hour of this machine
    #[arg(long, value_name = "USD", requires = "price_source")]
    pub price_per_hour: Option<f64>,
    /// Where that price is from
    #[arg(long, value_name = "TEXT", requires = "price_per_hour")]
    pub price_source: Option<String>,
    /// Folder that sessions are kept in
    #[arg(long, value_name = "DIR", default_value = "sessions")]
    pub sessions: PathBuf,
    /// End the session if the trainer gives no sign of life for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub hang_after: u64,
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub struct Submit {
    /// The variant
    pub variant: PathBuf,
    /// How to hold the session
    #[command(flatten)]
    pub session: SessionOptions,
    /// Key to sign with: a private key file, or a `.pub` file whose key an agent holds [default: the one git signs with]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Who you are on the board, such as `ada@github`; needed once, to list your key in `allowed_signers`
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// Sign as the runner that executed a stranger's variant, not as its submitter
    #[arg(long)]
    pub as_runner: bool,
    /// Folder of entries
    #[arg(long, value_name = "DIR", default_value = "submissions")]
    pub submissions: PathBuf,
    /// Where the site is built
    #[arg(long, value_name = "DIR", default_value = "leaderboard/site")]
    pub site: PathBuf,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The variant [default: the reference of the track, unchanged]
    pub variant: Option<PathBuf>,
    /// Track whose reference is run where no variant is given
    #[arg(long, value_name = "ID", default_value = "shapes", conflicts_with = "variant")]
    pub track: String,
    /// How to hold the session
    #[command(flatten)]
    pub session: SessionOptions,
    /// End each run at its first crossing; marks the result, which can then not be submitted
    #[arg(long)]
    pub stop_at_target: bool,
    /// Print the result as JSON instead of YAML
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `study`.
#[derive(Debug, Args)]
pub struct Study {
    /// The study
    pub file: PathBuf,
    /// Track to hold it on, one of those that the file lists [default: its first]
    #[arg(long, value_name = "ID")]
    pub track: Option<String>,
    /// Runs of each variant [default: as the file says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: Option<u32>,
    /// Folder of its records and report; a study that is there goes on where it was [default: studies/out/NAME-TRACK]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print what would be trained and how long it would take, and train nothing
    #[arg(long, conflicts_with = "report_only")]
    pub dry_run: bool,
    /// Write the report again from the records, and train nothing
    #[arg(long)]
    pub report_only: bool,
    /// Where to train
    #[arg(long, value_parser = devices(), default_value_t = DeviceChoice::Auto)]
    pub device: DeviceChoice,
    /// Threads of libtorch on the CPU [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Folder that holds the data set's files
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Manifest of a data set of your own to use in place of the track's
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// End a run if its trainer gives no sign of life for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub hang_after: u64,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Entries, or folders that hold entries
    #[arg(default_value = "submissions")]
    pub paths: Vec<PathBuf>,
    /// Keys that may sign, in OpenSSH's format [default: `allowed_signers` of the submissions folder]
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// Print one JSON object an entry
    #[arg(long)]
    pub json: bool,
    /// Print a table in Markdown, for a job's summary or a comment
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Folder of an entry, or of a session that `run` kept
    pub a: PathBuf,
    /// Folder of another one on the same track
    pub b: PathBuf,
    /// Keys that may sign, in OpenSSH's format [default: `allowed_signers` of each one's submissions folder]
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `power`.
#[derive(Debug, Args)]
pub struct Power {
    /// Track
    #[arg(long, value_name = "ID")]
    pub track: String,
    /// By how much the new recipe is truly faster, such as `2%` [default: a table of gains]
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub gain: Option<f64>,
    /// Runs of each recipe that there would be: say what so many can tell apart
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RUNS)))]
    pub runs: Option<u32>,
    /// Folder of entries, the best of which on the track's reference says how uneven times are
    #[arg(long, value_name = "DIR", default_value = "submissions")]
    pub submissions: PathBuf,
    /// Entry or local session whose times are taken instead
    #[arg(long, value_name = "DIR", conflicts_with = "noise")]
    pub entry: Option<PathBuf>,
    /// Take times that differ from run to run by this much, such as `5%`, where nothing was measured yet
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub noise: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The devices that a session can train on, each with what it means.
fn devices() -> impl TypedValueParser<Value = DeviceChoice> {
    let help = |device| match device {
        DeviceChoice::Auto => "CUDA where there is a GPU, else the CPU",
        DeviceChoice::Cpu => "The CPU",
        DeviceChoice::Cuda => "The first GPU; an error without one",
    };
    let values = DeviceChoice::ALL.map(|device| PossibleValue::new(device.name()).help(help(device)));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<DeviceChoice>())
}

/// Reads `2%` as 0.02. The sign is asked for, because a bare 2 or 0.02 would be guessed at.
fn share(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').ok_or("say it in percent, such as `2%`")?;
    let percent: f64 = number.trim().parse().map_err(|_| "that is no number of percent".to_owned())?;
    let in_range = percent > 0.0 && percent < 100.0;
    in_range.then_some(percent / 100.0).ok_or_else(|| "it has to be over 0 % and under 100 %".to_owned())
}

/// Arguments of `reproduce`. What belongs to the session is the entry's to say; what belongs to this machine is asked for.
#[derive(Debug, Args)]
pub struct Reproduce {
    /// Folder of the entry
    pub entry: PathBuf,
    /// Sign the new session with this key and file it with the entry: a private key file, or a `.pub` file whose key an
    /// agent holds [default: the session is kept unsigned]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Who you are on the board, such as `ada@github`; needed once, to list your key in `allowed_signers`
    #[arg(long, value_name = "NAME", requires = "key")]
    pub principal: Option<String>,
    /// Finish the newest reproduction of this entry that ended early: runs that ended are kept, others are held again
    #[arg(long)]
    pub resume: bool,
    /// Where to train
    #[arg(long, value_parser = devices(), default_value_t = DeviceChoice::Auto)]
    pub device: DeviceChoice,
    /// Threads of libtorch on the CPU [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Folder that holds the data set's files
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Row of the price table that this machine is rented under: PROVIDER/INSTANCE or PROVIDER/INSTANCE@REGION
    #[arg(long, value_name = "ROW", conflicts_with = "price_per_hour")]
    pub price: Option<String>,
    /// Table of prices of your own; its rows win over the shipped ones
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// US dollars per hour of this machine
    #[arg(long, value_name = "USD", requires = "price_source")]
    pub price_per_hour: Option<f64>,
    /// Where that price is from
    #[arg(long, value_name = "TEXT", requires = "price_per_hour")]
    pub price_source: Option<String>,
    /// Folder that sessions are kept in
    #[arg(long, value_name = "DIR", default_value = "sessions")]
    pub sessions: PathBuf,
    /// End the session if the trainer gives no sign of life for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub hang_after: u64,
    /// Print the verdict as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `leaderboard`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Leaderboard {
    /// Folder of entries
    #[arg(long, value_name = "DIR", default_value = "submissions")]
    pub submissions: PathBuf,
    /// Where the site is built
    #[arg(long, value_name = "DIR", default_value = "leaderboard/site")]
    pub out: PathBuf,
    /// Folder with reports of studies that the site hands on and links
    #[arg(long, value_name = "DIR", default_value = "studies/reports")]
    pub studies: PathBuf,
    /// Where the site is published, with http:// or https://; with it the feed has whole addresses
    #[arg(long, value_name = "URL")]
    pub base_url: Option<BaseUrl>,
    /// Exit with 0 although entries were rejected; they are listed all the same
    #[arg(long)]
    pub allow_rejected: bool,
    /// Say whether the site is what the submissions make of it, name the files that are not, and write nothing
    #[arg(long, conflicts_with_all = ["cache", "open", "watch"])]
    pub check: bool,
    /// Open the page in a browser: one that `$BROWSER` names, else the system's
    #[arg(long)]
    pub open: bool,
    /// Build again whenever the submissions change, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Has no effect: every build verifies every entry
    #[arg(long, value_name = "DIR", hide = true)]
    pub cache: Option<PathBuf>,
    /// Has no effect: every build verifies every entry
    #[arg(long, hide = true, conflicts_with = "cache")]
    pub no_cache: bool,
    /// Threads [default: one for each core]; the site does not depend on how many
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
}

/// What to do with data sets.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// List the data sets, where they are, and what is prepared
    List {
        /// Print one JSON object a data set
        #[arg(long)]
        json: bool,
    },
    /// Download a data set, or take it from what is already there, and verify it
    Fetch(Fetch),
    /// Verify every byte of a data set, and name each file that is missing, extra, altered or mislabelled
    Verify {
        /// Which data set
        #[command(flatten)]
        dataset: DatasetChoice,
        /// Folder that holds its files
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Decode and resize what a track trains on, and print its content digest; sessions do it by themselves
    Prepare {
        /// Track
        track: String,
        /// Manifest of a data set of your own to use in place of the track's
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Folder that holds its files
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Remove prepared arrays and broken downloads; both can be had again
    Prune {
        /// Data set [default: all]
        id: Option<String>,
    },
}

/// Which data set.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DatasetChoice {
    /// Data set
    pub id: Option<String>,
    /// Manifest of a data set of your own
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

/// Arguments of `data fetch`.
#[derive(Debug, Args)]
pub struct Fetch {
    /// Which data set
    #[command(flatten)]
    pub dataset: DatasetChoice,
    /// Where it is: an archive, a folder that holds the archive or its unpacked files, or an address; give several to have
    /// them tried in turn [default: the publisher's address]
    #[arg(long, value_name = "FILE|DIR|URL")]
    pub from: Vec<Place>,
    /// Take an archive although no second source confirms its digest
    #[arg(long)]
    pub accept_unconfirmed: bool,
}

/// Arguments of `hardware`.
#[derive(Debug, Args)]
pub struct Hardware {
    /// Print JSON instead of YAML
    #[arg(long)]
    pub json: bool,
    /// List the price table instead
    #[arg(long)]
    pub prices: bool,
}

/// Arguments of `keygen`.
#[derive(Debug, Args)]
pub struct Keygen {
    /// File of the private key; the public one goes beside it with `.pub`
    pub path: PathBuf,
    /// Comment in the public key
    #[arg(long, default_value = "hlb-bench")]
    pub comment: String,
    /// Encrypt the private key with a passphrase that is asked for
    #[arg(long)]
    pub passphrase: bool,
}

/// What to do with recipes.
#[derive(Debug, Subcommand)]
pub enum RecipeCommand {
    /// List the shipped recipes
    List,
    /// Print what a variant or a shipped recipe resolves to
    Show {
        /// File of a variant, or name of a shipped recipe
        recipe: String,
        /// Print JSON instead of YAML
        #[arg(long)]
        json: bool,
        /// Print each key with who set it: a place in the variant's file, or a shipped recipe
        #[arg(long, conflicts_with = "json")]
        origins: bool,
    },
    /// Print the keys in which two variants or recipes differ, and who set them
    Diff {
        /// File of a variant, or name of a shipped recipe
        before: String,
        /// File of a variant, or name of a shipped recipe
        after: String,
    },
    /// Print the JSON schema of a kind of file, for editors
    Schema {
        /// Kind of file
        of: crate::schema::Subject,
    },
}

/// What to import.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// A checkout of DAWNBench's entries; prints YAML, and what is odd about each entry
    Dawnbench {
        /// Top folder of the checkout
        folder: PathBuf,
        /// Which training entries: CIFAR10, ImageNet, or a track whose runs were exported
        #[arg(long, value_name = "TASK", default_value = "CIFAR10")]
        task: String,
        /// Write the YAML to this file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// In what form
    pub format: ExportFormat,
    /// Folder of an entry, or of a session that `run` kept
    pub entry: PathBuf,
    /// The run, where the form takes one [default: the median run]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RUNS)))]
    pub run: Option<u32>,
    /// Where to: a file for mllog, csv and json [default: standard output], a folder for dawnbench and tensorboard [default:
    /// exports]
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Keys that may sign, in OpenSSH's format [default: `allowed_signers` of the entry's submissions folder]
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
}

/// Forms to export in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// One run as the pair of files of a DAWNBench entry
    Dawnbench,
    /// One run as a log in the form of MLPerf; no MLPerf result
    Mllog,
    /// All evaluations of all runs as comma-separated values
    Csv,
    /// The result and the curves of all runs as one JSON object
    Json,
    /// The curves of all runs as event files of TensorBoard, a folder a run
    Tensorboard,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_share_is_said_in_percent() {
        assert_eq!(share("2%"), Ok(0.02));
        assert_eq!(share("0.5 %"), Ok(0.005));
        for wrong in ["2", "0.02", "0%", "-1%", "100%", "NaN%", "two%", ""] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
