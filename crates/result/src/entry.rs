//! An entry: the files of its folder, how far it can be trusted, and what can be wrong with it.

use std::fmt;
use std::mem;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::agreement::Agreement;
use crate::derive::Basis;
use crate::file::ResultFile;
use crate::fingerprint::Claim;
use crate::signing::{RERUN_NAMESPACE, RESULT_NAMESPACE, SignatureError, Verified};
use hlb_core::artifact::Sha256Hex;
use hlb_core::bounded::ReadError;
use hlb_core::hint::Hint;
use hlb_core::text::{show, show_path};
use hlb_core::yaml::YamlError;
use hlb_data::task::Task;
use hlb_data::{DatasetError, ManifestError};
use hlb_machine::range::OutOfRange;
use hlb_protocol::run_log::{RunLog, RunLogError};
use hlb_recipe::variant::VariantError;
use hlb_recipe::{Recipe, RecipeError};

/// The result, as YAML.
pub const RESULT_FILE: &str = "result.yaml";
/// Its detached signature.
pub const SIGNATURE_FILE: &str = "result.yaml.sig";
/// The variant as submitted.
pub const VARIANT_FILE: &str = "variant.yaml";
/// The recipe that it resolved to.
pub const RECIPE_FILE: &str = "recipe.yaml";
/// The manifest of a data set that is not the published one.
pub const MANIFEST_FILE: &str = "dataset.yaml";
/// The run log, as lines of JSON.
pub const LOG_FILE: &str = "session.jsonl";

/// Folder of the sessions that reproduced an entry, each with the files of an entry of its own.
pub const REPRODUCTIONS_FOLDER: &str = "reproductions";

/// How far an entry can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// No signature; never on the public board.
    Unsigned,
    /// Signed by the submitter.
    SelfReported(Verified),
    /// Signed by the runner that executed it.
    RunByTheRunner(Verified),
    /// Signed as either of the two, and an independent session under another key agrees.
    Reproduced(Box<Self>),
}

impl Trust {
    /// The level, 0 to 3.
    pub fn level(&self) -> u8 {
        match self {
            Self::Unsigned => 0,
            Self::SelfReported(_) => 1,
            Self::RunByTheRunner(_) => 2,
            Self::Reproduced(_) => 3,
        }
    }

    /// As in JSON and CSV, whose words stay.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::SelfReported(_) => "self-reported",
            Self::RunByTheRunner(_) => "run by the runner",
            Self::Reproduced(_) => "reproduced",
        }
    }

    /// In which namespace the result is signed; `None` for an unsigned one.
    pub fn namespace(&self) -> Option<&'static str> {
        match self {
            Self::Unsigned => None,
            Self::SelfReported(_) => Some(RESULT_NAMESPACE),
            Self::RunByTheRunner(_) => Some(RERUN_NAMESPACE),
            Self::Reproduced(signed) => signed.namespace(),
        }
    }

    /// The signer; `None` for an unsigned entry.
    pub fn signer(&self) -> Option<&Verified> {
        match self {
            Self::Unsigned => None,
            Self::SelfReported(signer) | Self::RunByTheRunner(signer) => Some(signer),
            Self::Reproduced(signed) => signed.signer(),
        }
    }
}

/// As people read it.
impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::RunByTheRunner(_) => "verified by CI",
            other => other.as_str(),
        })
    }
}

/// As programs read it.
impl Serialize for Trust {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A checked entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Folder that the files were read from.
    pub folder: PathBuf,
    /// Parsed `result.yaml`.
    pub result: ResultFile,
    /// SHA-256 of the result file: the identity of the entry.
    pub result_sha256: Sha256Hex,
    /// The recipe that was trained.
    pub recipe: Recipe,
    /// The track and the data set that it was trained on.
    pub task: Task,
    /// Parsed run log.
    pub log: RunLog,
    /// How far it can be trusted.
    pub trust: Trust,
    /// What only its session can have.
    pub claims: Vec<Claim>,
    /// Sessions under other keys that repeated it, in the order of their folders' names.
    pub reproductions: Vec<Reproduction>,
}

/// A session that repeated an entry, itself checked as an entry is.
#[derive(Debug, Clone)]
pub struct Reproduction {
    /// The session that repeated it, read and checked as an entry.
    pub entry: Box<Entry>,
    /// Whether it agrees with the entry, and why.
    pub agreement: Agreement,
}

impl Reproduction {
    /// Whether another person signed it with another key than the entry's.
    pub fn is_independent_of(&self, entry: &Entry) -> bool {
        let signers = entry.trust.signer().zip(self.entry.trust.signer());
        signers.is_some_and(|(one, other)| one.fingerprint != other.fingerprint && one.principal != other.principal)
    }
}

impl Entry {
    /// Frees the samples of the sensors, by far the largest part of a run log: a board has thousands of entries.
    pub fn forget_samples(&mut self) {
        self.log.samples = Vec::new();
        for again in &mut self.reproductions {
            again.entry.forget_samples();
        }
    }

    /// What only its session, and those that repeated it, can have; kept no longer.
    pub fn take_claims(&mut self) -> Vec<Claim> {
        let mut taken = mem::take(&mut self.claims);
        taken.extend(self.reproductions.iter_mut().flat_map(|again| again.entry.take_claims()));
        taken
    }

    /// Names of its files, with the digests of those that have one. A signature has none: it is verified
    /// where it is used.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, Option<Sha256Hex>)> {
        let (variant, dataset) = (&self.result.variant, &self.result.dataset);
        let files = [
            (VARIANT_FILE, Some(variant.variant_sha256)),
            (RECIPE_FILE, Some(variant.recipe_sha256)),
            (LOG_FILE, Some(self.result.log.sha256)),
            (RESULT_FILE, Some(self.result_sha256)),
            (SIGNATURE_FILE, None),
        ];
        files.into_iter().chain((!dataset.published).then_some((MANIFEST_FILE, Some(dataset.manifest_sha256))))
    }

    /// What its figures follow from.
    pub fn basis(&self) -> Basis<'_> {
        Basis {
            log: &self.log,
            machine: &self.result.machine,
            recipe: &self.recipe,
            shapes: self.task.shapes,
            price: self.result.price.as_ref(),
        }
    }
}

/// An entry that does not verify.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", show_path(folder))]
pub struct EntryError {
    /// Folder of the entry.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub fault: Box<Fault>,
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Fault {
    #[error("cannot be listed: {0}")]
    Folder(std::io::Error),
    #[error("holds no `{RESULT_FILE}`")]
    NoResult,
    /// A session that was killed, or ended without a result.
    #[error("the session did not end with a result: {0}")]
    Unfinished(String),
    /// It, or something in it, is a link, a pipe or a device.
    #[error("{} is neither a file nor a folder of its own; links are not followed", show_path(.0))]
    Irregular(PathBuf),
    /// A file that does not belong to an entry.
    #[error("`{}` does not belong to an entry", show(.0))]
    Stranger(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("`{SIGNATURE_FILE}`: {refused}{why}", refused = .0, why = why(.0))]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    Variant(#[from] VariantError),
    #[error("`{RECIPE_FILE}`: {0}")]
    Recipe(#[from] RecipeError),
    /// The manifest of a data set that is not the published one.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The bytes are not those that this program writes.
    #[error("`{0}` is not in canonical form")]
    NotCanonical(&'static str),
    #[error("`{file}` has SHA-256 {found}, the result says {stated}")]
    Digest { file: &'static str, found: Sha256Hex, stated: Sha256Hex },
    /// A figure that does not follow from the run log.
    #[error("`{key}` is {stated}, the run log gives {recomputed}")]
    Figure { key: String, stated: String, recomputed: String },
    /// A value that no machine has.
    #[error(transparent)]
    Machine(#[from] OutOfRange),
    #[error("`{LOG_FILE}`: {0}")]
    RunLog(#[from] RunLogError),
    #[error(
        "run {run}, epoch {epoch} trained in {seconds:.4} s, which is impossible: the device's peak rate allows no less than {floor:.4} s"
    )]
    Impossible { run: u32, epoch: u32, seconds: f64, floor: f64 },
    #[error(
        "`{LOG_FILE}`: after {at_seconds:.3} s it lacks `library_clock_seconds`, which `hlb-bench` writes; measure again with a current one"
    )]
    ClockMissing { at_seconds: f64 },
    #[error(
        "processors worked {seconds:.1} s for it while {passed:.1} s passed, which is impossible: it kept at most {most} busy"
    )]
    Overworked { seconds: f64, most: u32, passed: f64 },
    #[error(
        "{first} and {second} have {what} in common, which no two runs do; each run of a session has to be trained"
    )]
    Repeated { first: String, second: String, what: &'static str },
    /// A session in the folder of reproductions that does not reproduce this entry.
    #[error("`{REPRODUCTIONS_FOLDER}/{}`: {problem}", show(.name))]
    Reproduction { name: String, problem: String },
    #[error("the announcement that it answers: {problem}")]
    Announcement { problem: String },
    /// A value that contradicts another file or this program's tables.
    #[error("`{key}` is `{}`, {problem}", show(.stated))]
    Contradiction { key: &'static str, stated: String, problem: String },
}

/// Why a good signature does not count, for places that show no causes.
fn why(error: &SignatureError) -> String {
    if let SignatureError::NotAllowed { why, .. } = error { format!(": {why}") } else { String::new() }
}

impl Hint for EntryError {
    fn hint(&self) -> Option<String> {
        match self.fault.as_ref() {
            Fault::Signature(error) => error.hint(),
            Fault::Digest { .. } | Fault::Figure { .. } | Fault::NotCanonical(_) => {
                Some("the files were changed after the session; restore them from git, or measure again".to_owned())
            }
            Fault::Unfinished(_) => Some("its run log shows what it did; measure again for a result".to_owned()),
            Fault::Stranger(_) => Some("remove it; an entry holds only what its session wrote".to_owned()),
            Fault::Irregular(_) => Some("put what it leads to in its place".to_owned()),
            Fault::NoResult => Some("name the folder of an entry, or a folder of entries".to_owned()),
            _ => None,
        }
    }
}
