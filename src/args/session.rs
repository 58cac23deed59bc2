//! Arguments of the commands that train: `submit`, `run`, `reproduce` and `study`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, RangedU64ValueParser, TypedValueParser};

use hlb_core::rules::{MAX_RUNS, MAX_STUDY_RUNS};
use hlb_protocol::job::DeviceChoice;

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// The variant
    pub(crate) variant: PathBuf,
    #[command(flatten)]
    pub(crate) session: SessionOptions,
    /// Key to sign with: a private key file, or a `.pub` file whose key an agent holds [default:
    /// the one git signs with]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Who you are on the board, such as `ada@github`; needed once, to list your key in
    /// `allowed_signers`
    #[arg(long, value_name = "NAME")]
    pub(crate) principal: Option<String>,
    /// Folder of the announcement that this session answers; its commit on the board's main branch
    /// gives the seeds
    #[arg(long, value_name = "DIR", conflicts_with = "as_runner")]
    pub(crate) announced: Option<PathBuf>,
    /// Sign as the runner that executed a stranger's variant, not as its submitter
    #[arg(long)]
    pub(crate) as_runner: bool,
    /// Folder of entries
    #[arg(long, value_name = "DIR", default_value = "submissions")]
    pub(crate) submissions: PathBuf,
    /// Folder that the site is built in
    #[arg(long, value_name = "DIR", default_value = "leaderboard/site")]
    pub(crate) site: PathBuf,
}

/// Arguments of `announce`.
#[derive(Debug, Args)]
pub(crate) struct Announce {
    /// The variant
    pub(crate) variant: PathBuf,
    /// Runs of the session [default: as many as a ranked row of the track needs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RUNS)))]
    pub(crate) runs: Option<u32>,
    /// Key to sign with: a private key file, or a `.pub` file whose key an agent holds [default:
    /// the one git signs with]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Who you are on the board, such as `ada@github`; needed once, to list your key in
    /// `allowed_signers`
    #[arg(long, value_name = "NAME")]
    pub(crate) principal: Option<String>,
    /// Folder of entries
    #[arg(long, value_name = "DIR", default_value = "submissions")]
    pub(crate) submissions: PathBuf,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The variant [default: the reference of the track, unchanged]
    pub(crate) variant: Option<PathBuf>,
    /// Track whose reference is run where no variant is given
    #[arg(long, value_name = "ID", default_value = "shapes", conflicts_with = "variant")]
    pub(crate) track: String,
    #[command(flatten)]
    pub(crate) session: SessionOptions,
    /// Stop each run when it first reaches the target; marks the result, which can then not be
    /// submitted
    #[arg(long)]
    pub(crate) stop_at_target: bool,
    /// Print the result as JSON instead of YAML
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `reproduce`. The entry says what the session is; the rest belongs to this machine.
#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// Folder of the entry
    pub(crate) entry: PathBuf,
    /// Sign the new session with this key and file it with the entry: a private key file, or a
    /// `.pub` file whose key an agent holds [default: the session is kept unsigned]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Who you are on the board, such as `ada@github`; needed once, to list your key in
    /// `allowed_signers`
    #[arg(long, value_name = "NAME", requires = "key")]
    pub(crate) principal: Option<String>,
    /// Finish the newest reproduction of this entry that ended early: finished runs are kept, the
    /// others are run again
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) host: HostOptions,
    /// Print the verdict as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `study`.
#[derive(Debug, Args)]
pub(crate) struct Study {
    /// The study
    pub(crate) file: PathBuf,
    /// Track to run it on, one of those that the file lists [default: its first]
    #[arg(long, value_name = "ID")]
    pub(crate) track: Option<String>,
    /// Runs of each variant [default: as the file says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_STUDY_RUNS)))]
    pub(crate) runs: Option<u32>,
    /// Folder of its records and report; a study that is there continues where it stopped [default:
    /// studies/out/NAME-TRACK]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print what would be trained and how long it would take, and train nothing
    #[arg(long, conflicts_with = "report_only")]
    pub(crate) dry_run: bool,
    /// Write the report again from the records, and train nothing
    #[arg(long)]
    pub(crate) report_only: bool,
    #[command(flatten)]
    pub(crate) trainer: TrainerOptions,
    #[command(flatten)]
    pub(crate) own: OwnDataset,
}

/// What `submit` and `run` ask about a session.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct SessionOptions {
    /// Runs of the session; a ranked row needs as many as its track asks for [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RUNS)))]
    pub(crate) runs: Option<u32>,
    /// Run the track's reference before each run, and state the ratio; `submit` does so wherever a
    /// row could be ranked
    #[arg(long, conflicts_with = "no_calibrate")]
    pub(crate) calibrate: bool,
    /// Do not run the reference with the variant
    #[arg(long)]
    pub(crate) no_calibrate: bool,
    /// Ask libtorch for deterministic algorithms, train one seed twice, and say whether the two
    /// were bit-identical
    #[arg(long)]
    pub(crate) deterministic: bool,
    /// Finish the newest session of this variant that ended early: finished runs are kept, the
    /// others are run again
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) host: HostOptions,
    #[command(flatten)]
    pub(crate) own: OwnDataset,
}

/// What a session takes from this machine and its user, and not from a variant or an entry.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostOptions {
    #[command(flatten)]
    pub(crate) trainer: TrainerOptions,
    /// Row of the price table that this machine is rented under: PROVIDER/INSTANCE or
    /// PROVIDER/INSTANCE@REGION
    #[arg(long, value_name = "ROW", conflicts_with = "price_per_hour")]
    pub(crate) price: Option<String>,
    /// Table of prices of your own; its rows win over the shipped ones
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// US dollars per hour of this machine
    #[arg(long, value_name = "USD", requires = "price_source")]
    pub(crate) price_per_hour: Option<f64>,
    /// Source of that price
    #[arg(long, value_name = "TEXT", requires = "price_per_hour")]
    pub(crate) price_source: Option<String>,
    /// Folder that sessions are kept in
    #[arg(long, value_name = "DIR", default_value = "sessions")]
    pub(crate) sessions: PathBuf,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) device: DeviceOptions,
    /// Folder that sessions are kept in
    #[arg(long, value_name = "DIR", default_value = "sessions")]
    pub(crate) sessions: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What trains.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceOptions {
    /// Where to train
    #[arg(long, env = "HLB_BENCH_DEVICE", hide_env_values = true, default_value = "auto", value_parser = device())]
    pub(crate) device: DeviceChoice,
    /// Threads of libtorch on the CPU [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
}

/// How the trainer runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrainerOptions {
    #[command(flatten)]
    pub(crate) device: DeviceOptions,
    /// Folder that holds the data set's files
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Give up on a trainer that shows no sign of life for this long
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = RangedU64ValueParser::<u64>::new().range(1..).map(Duration::from_secs))]
    pub(crate) hang_after: Duration,
}

/// A data set in place of the track's.
#[derive(Debug, Clone, Args)]
pub(crate) struct OwnDataset {
    /// Manifest of a data set of your own to use in place of the track's; its results are never
    /// ranked
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
}

/// Reads a device by its name.
fn device() -> impl TypedValueParser<Value = DeviceChoice> {
    let explained = DeviceChoice::ALL.map(|device| {
        PossibleValue::new(device.name()).help(match device {
            DeviceChoice::Auto => "CUDA on a machine with a GPU, else the CPU",
            DeviceChoice::Cpu => "The CPU",
            DeviceChoice::Cuda => "The first GPU; an error without one",
        })
    });
    let named = |name: String| DeviceChoice::ALL.into_iter().find(|device| device.name() == name);
    PossibleValuesParser::new(explained).try_map(move |name| named(name).ok_or("there is no such device"))
}
