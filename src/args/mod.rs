//! The command line: clap types only, no input or output. One file for each kind of command; small
//! ones stand here.

mod board;
mod data;
mod exchange;
mod session;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::schema::Subject;

pub(crate) use board::{Compare, Leaderboard, Power, Verify};
pub(crate) use data::{Data, DatasetChoice, Fetch};
pub(crate) use exchange::{Export, ExportFormat, Import};
pub(crate) use session::{Announce, Doctor, HostOptions, Reproduce, Run, SessionOptions, Study, Submit};

/// Measures how long, and at what cost, a training recipe takes to reach an accuracy on this
/// machine.
#[derive(Debug, Parser)]
#[command(name = "hlb-bench", version, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 success, 1 check failed, 2 error.")]
pub(crate) struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify the data, record the hardware, run the session, sign the result, file the entry,
    /// rebuild the page
    Submit(Submit),
    /// Promise a session before its seeds can be known: file a signed announcement, which
    /// `submit --announced` answers once it is merged
    Announce(Announce),
    /// Run the same session, print its result, and keep it unsigned
    Run(Run),
    /// Check signatures, digests, formats, and every figure against the run logs
    Verify(Verify),
    /// Say which of two entries or local sessions is faster, and how sure that is
    Compare(Compare),
    /// Run an entry's session again from the entry alone, and say whether the two agree
    Reproduce(Reproduce),
    /// Train variants of a study in turn, run by run with the same seeds, and report how they
    /// compare
    Study(Study),
    /// Say how many runs it takes to show a gain, before they are paid for
    Power(Power),
    /// Rebuild the site from the submissions alone
    Leaderboard(Leaderboard),
    /// Data sets: where they are, and whether they are the right bytes
    #[command(subcommand)]
    Data(Data),
    /// Say whether this machine is ready to measure, and what to do where it is not
    #[command(after_help = "Exit codes: 0 ready, 1 not ready, 2 error.")]
    Doctor(Doctor),
    /// Show what would be recorded about this machine
    #[command(after_help = "GPUs are read through NVML: libnvidia-ml.so.1, or the file that $HLB_BENCH_NVML names.")]
    Hardware(Hardware),
    /// Make an Ed25519 key in OpenSSH format
    Keygen(Keygen),
    /// Shipped recipes, and what a variant resolves to
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// Read results that others published, as external results that are never ranked with measured
    /// rows
    #[command(subcommand)]
    Import(Import),
    /// Write an entry or a local session in another program's format; an export can no longer be
    /// verified
    Export(Export),
    /// Sign what is on standard input; `submit` and `reproduce` start it
    #[command(hide = true)]
    SignForParent(SignForParent),
    /// Decode the images that standard input names; whatever prepares a data set starts it
    #[command(hide = true)]
    DecodeForParent,
}

/// Arguments of `sign-for-parent`.
#[derive(Debug, Args)]
pub(crate) struct SignForParent {
    /// What the signature is for
    #[arg(long)]
    pub(crate) namespace: String,
    /// Key file, where it is not the one that git signs with
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
}

/// Arguments of `hardware`.
#[derive(Debug, Args)]
pub(crate) struct Hardware {
    /// Print JSON instead of YAML
    #[arg(long)]
    pub(crate) json: bool,
    /// List the price table instead
    #[arg(long)]
    pub(crate) prices: bool,
}

/// Arguments of `keygen`.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// File of the private key; the public key is written next to it with `.pub`
    pub(crate) path: PathBuf,
    /// Comment in the public key
    #[arg(long, default_value = "hlb-bench")]
    pub(crate) comment: String,
    /// Encrypt the private key with a passphrase that is asked for
    #[arg(long)]
    pub(crate) passphrase: bool,
}

/// What to do with recipes.
#[derive(Debug, Subcommand)]
pub(crate) enum RecipeCommand {
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
        of: Subject,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
