//! Signs a finished session, and files it on a board: as an entry, or with the entry that it
//! repeats.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::announcement::{ANNOUNCEMENT_FILE, ANNOUNCEMENT_SIGNATURE_FILE, ANNOUNCEMENTS_FOLDER, Announcement};
use crate::entry::{
    Entry, EntryError, LOG_FILE, MANIFEST_FILE, RECIPE_FILE, REPRODUCTIONS_FOLDER, RESULT_FILE, SIGNATURE_FILE,
    VARIANT_FILE,
};
use crate::file::{ResultFile, entry_name};
use crate::runners::RunnersError;
use crate::signers::{board_above, parse_signers, signers_text};
use crate::signing::{
    ANNOUNCEMENT_NAMESPACE, AllowedSigners, AllowedSignersError, LineProblem, ProvenKey, PublicKey, RERUN_NAMESPACE,
    RESULT_NAMESPACE, SignError, WhyNot, fingerprint, line_for,
};
use crate::verify::check_entry;
use hlb_core::artifact::{ArtifactError, publish_dir, sha256_file, write_atomic};
use hlb_core::bounded;
use hlb_core::clock;
use hlb_core::hint::Hint;
use hlb_core::text::show_path;
use hlb_core::yaml::{self, YamlError};
use hlb_protocol::run_log::LOG_CAP;

/// Names of folders that are being filed begin with this; boards pass over them.
const STAGING_PREFIX: &str = ".filing-";
/// Names of filed sessions that are being removed begin with this.
const FILED_PREFIX: &str = ".filed-";

/// A session that ended and has its result.
#[derive(Debug)]
pub struct FinishedSession {
    /// Its folder.
    pub folder: PathBuf,
    /// Its result.
    pub result: ResultFile,
    /// The text of its result file.
    pub result_text: String,
}

impl FinishedSession {
    /// Whether all its runs ended.
    pub fn is_complete(&self) -> bool {
        self.result.session.is_complete()
    }
}

/// A session that cannot be signed or filed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum FilingError {
    #[error("the folder {} cannot be made; name another with --submissions", show_path(.folder))]
    Board { folder: PathBuf, source: io::Error },
    #[error("cannot {step} {}", show_path(.path))]
    Io { step: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the key {fingerprint} may not sign for this board: it is not in {list}; say who you are with --principal, \
         such as `--principal ada@github`, and it is added"
    )]
    UnknownKey { fingerprint: String, list: String },
    #[error("the entry is unsigned, so no row can be raised; leave out --key to learn whether it agrees")]
    Unsigned,
    #[error("the entry is signed with this very key, so a reproduction would not be independent; use another person's")]
    SameKey,
    #[error("the entry is signed by {principal}, too, so a reproduction would not be independent")]
    SamePerson { principal: String },
    /// A folder that does not lie on a board.
    #[error("an entry lies in the folder of its track, and that on its board; {} does not", show_path(.entry))]
    NoBoard { entry: PathBuf },
    #[error("the key {fingerprint} may not sign for this board")]
    MayNotSign { fingerprint: String, source: WhyNot },
    #[error(transparent)]
    Signers(#[from] AllowedSignersError),
    #[error(transparent)]
    Runners(#[from] RunnersError),
    /// The line that is to be added to it.
    #[error(transparent)]
    Line(#[from] LineProblem),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    Entry(#[from] EntryError),
}

impl Hint for FilingError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::MayNotSign { source, .. } => source.hint(),
            Self::Signers(error) => error.hint(),
            Self::Runners(error) => error.hint(),
            Self::Line(error) => error.hint(),
            Self::Sign(error) => error.hint(),
            Self::Artifact(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::Entry(error) => error.hint(),
            _ => None,
        }
    }
}

fn failed<'a, E: Into<io::Error>>(step: &'static str, path: &'a Path) -> impl FnOnce(E) -> FilingError + use<'a, E> {
    move |error| FilingError::Io { step, path: path.to_owned(), source: error.into() }
}

/// A key that may sign for a board.
#[derive(Debug)]
pub struct BoardSigner {
    key: ProvenKey,
    signers: AllowedSigners,
    namespace: &'static str,
    /// Whether the key was added to the board's signers just now.
    pub is_new: bool,
}

impl BoardSigner {
    /// A key to sign a reproduction of an entry; refuses one that is not independent.
    pub fn independent(
        prove: impl FnOnce() -> Result<ProvenKey, SignError>,
        list: &Path,
        principal: Option<&str>,
        entry: &Entry,
    ) -> Result<Self, FilingError> {
        let theirs = entry.trust.signer().ok_or(FilingError::Unsigned)?;
        let key = prove()?;
        if fingerprint(key.public_key()) == theirs.fingerprint {
            return Err(FilingError::SameKey);
        }
        let (_, signers) = read_signers(list)?;
        let (namespace, known_as) = standing(&signers, key.public_key());
        if known_as.as_deref().or(principal) == Some(&theirs.principal) {
            return Err(FilingError::SamePerson { principal: theirs.principal.clone() });
        }
        check_writable(&entry.folder)?;
        Self::enroll(key, list, principal, namespace)
    }

    /// A key for the board whose signers are in the file `list`. One that is not there yet is added
    /// for `principal`.
    pub fn enroll(
        key: ProvenKey,
        list: &Path,
        principal: Option<&str>,
        namespace: &'static str,
    ) -> Result<Self, FilingError> {
        let folder = list.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|source| FilingError::Board { folder: folder.to_owned(), source })?;
        let (text, signers) = read_signers(list)?;
        match may_sign(&signers, &key, namespace) {
            Ok(()) => {
                // Writing it again shows before the training that the folder can be written to.
                write_atomic(list, text.as_bytes())?;
                return Ok(Self { key, signers, namespace, is_new: false });
            }
            // No line that could be added makes a runner.
            Err(error @ FilingError::MayNotSign { source: WhyNot::NotARunner { .. }, .. }) => return Err(error),
            Err(_) => {}
        }
        let Some(principal) = principal else {
            let fingerprint = fingerprint(key.public_key());
            return Err(FilingError::UnknownKey { fingerprint, list: show_path(list) });
        };
        let line = line_for(key.public_key(), principal, &[namespace])?;
        let text = if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" };
        let extended = format!("{text}{line}\n");
        let signers = signers.with_text(&extended, &show_path(list))?;
        may_sign(&signers, &key, namespace)?;
        write_atomic(list, extended.as_bytes())?;
        Ok(Self { key, signers, namespace, is_new: true })
    }

    /// The key's fingerprint.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.key.public_key())
    }

    /// The signers of the board, this key among them.
    pub fn signers(&self) -> &AllowedSigners {
        &self.signers
    }

    /// Who signs, as the board's list names them.
    pub fn principal(&self) -> String {
        let found = self.signers.find(self.key.public_key(), self.namespace, clock::calendar());
        found.map(str::to_owned).unwrap_or_default()
    }

    /// Signs an announcement and files it on the board, never over an older one; its folder.
    pub fn announce(&self, announcement: &Announcement, submissions: &Path) -> Result<PathBuf, FilingError> {
        let text = yaml::emit(announcement)?;
        let signature = self.key.sign(ANNOUNCEMENT_NAMESPACE, text.as_bytes())?;
        let below = submissions.join(announcement.track.as_str()).join(ANNOUNCEMENTS_FOLDER);
        fs::create_dir_all(&below).map_err(failed("create", &below))?;
        let name = format!("{}-{}", announcement.day, announcement.name);
        let target = names(&below, name).find(|target| !target.exists()).expect("the names never end");
        let staging = staging(&below)?;
        write_atomic(&staging.path().join(ANNOUNCEMENT_FILE), text.as_bytes())?;
        write_atomic(&staging.path().join(ANNOUNCEMENT_SIGNATURE_FILE), signature.as_bytes())?;
        publish_dir(staging.path(), &target)?;
        let _moved = staging.keep();
        Ok(target)
    }

    /// Signs a finished session in its folder, and verifies it as a board will.
    pub fn sign(&self, session: &FinishedSession) -> Result<Entry, FilingError> {
        let signature = self.key.sign(self.namespace, session.result_text.as_bytes())?;
        write_atomic(&session.folder.join(SIGNATURE_FILE), signature.as_bytes())?;
        Ok(check_entry(&session.folder, &self.signers, clock::calendar())?)
    }
}

/// The text of a board's list of signers, and what it says; both are empty where there is none.
fn read_signers(list: &Path) -> Result<(String, AllowedSigners), FilingError> {
    let text = signers_text(list).map_err(failed("read", list))?.unwrap_or_default();
    let signers = parse_signers::<FilingError>(&text, list)?;
    Ok((text, signers))
}

/// Refuses, before hours of training, a key whose signature the board will refuse.
fn may_sign(signers: &AllowedSigners, key: &ProvenKey, namespace: &str) -> Result<(), FilingError> {
    let found = signers.find(key.public_key(), namespace, clock::calendar());
    found.map(drop).map_err(|source| FilingError::MayNotSign { fingerprint: fingerprint(key.public_key()), source })
}

/// In which namespace a key may sign here, and for whom; one that is not listed will be, as a
/// submitter's.
fn standing(listed: &AllowedSigners, key: &PublicKey) -> (&'static str, Option<String>) {
    let of = |namespace| match listed.find(key, namespace, clock::calendar()) {
        Ok(name) => Some(name.to_owned()),
        // A key for reruns alone, which is refused as such.
        Err(WhyNot::NotARunner { principal }) => Some(principal),
        Err(_) => None,
    };
    let found = [RESULT_NAMESPACE, RERUN_NAMESPACE].into_iter().find_map(|namespace| Some((namespace, of(namespace)?)));
    found.map_or((RESULT_NAMESPACE, None), |(namespace, name)| (namespace, Some(name)))
}

/// Files a signed session as an entry of the board in `submissions`, never over an older one; the
/// entry's folder.
pub fn file_entry(session: &FinishedSession, submissions: &Path) -> Result<PathBuf, FilingError> {
    let track = submissions.join(session.result.track.as_str());
    fs::create_dir_all(&track).map_err(failed("create", &track))?;
    let mut names = names(&track, entry_name(&session.result));
    let free = |target: &PathBuf| !target.exists() || is_filed(session, target);
    let target = names.find(free).expect("the names never end");
    publish(session, &track, &target)?;
    Ok(target)
}

/// A name in a folder, and the same with numbers.
fn names(folder: &Path, name: String) -> impl Iterator<Item = PathBuf> {
    let first = name.clone();
    let numbered = (2..).map(move |number| format!("{name}-{number}"));
    std::iter::once(first).chain(numbered).map(|name| folder.join(name))
}

/// Whether this very session is in that folder already: a process may end between filing a session
/// and removing it.
fn is_filed(session: &FinishedSession, target: &Path) -> bool {
    sha256_file(&target.join(LOG_FILE)).is_ok_and(|sha256| sha256 == session.result.log.sha256)
}

/// Files a signed session with the entry that it repeats; the session's new folder.
pub fn file_reproduction(session: &FinishedSession, entry: &Entry) -> Result<PathBuf, FilingError> {
    let facts = &session.result.session;
    let day = facts.day().unwrap_or("undated");
    let below = entry.folder.join(REPRODUCTIONS_FOLDER);
    fs::create_dir_all(&below).map_err(failed("create", &below))?;
    let folder = below.join(format!("{day}-{}", facts.nonce.short()));
    publish(session, &track_of(&entry.folder)?, &folder)?;
    Ok(folder)
}

/// Moves the session's files to `target`, complete or not at all, by way of a hidden folder in
/// `staging_in`.
fn publish(session: &FinishedSession, staging_in: &Path, target: &Path) -> Result<(), FilingError> {
    if !is_filed(session, target) {
        copy_to(session, staging_in, target)?;
    }
    remove_filed(&session.folder);
    Ok(())
}

/// Moves a filed session aside at once, so that a process that is killed leaves all of it or none,
/// and removes it with what such processes left. A folder that stays does no harm.
fn remove_filed(folder: &Path) {
    let Some((sessions, name)) = folder.parent().zip(folder.file_name()) else { return };
    let mut filed = OsString::from(FILED_PREFIX);
    filed.push(name);
    let _ = publish_dir(folder, &sessions.join(filed));
    for item in fs::read_dir(sessions).into_iter().flatten().flatten() {
        if item.file_name().to_string_lossy().starts_with(FILED_PREFIX) {
            let _ = fs::remove_dir_all(item.path());
        }
    }
}

fn copy_to(session: &FinishedSession, staging_in: &Path, target: &Path) -> Result<(), FilingError> {
    let staging = staging(staging_in)?;
    for name in [VARIANT_FILE, RECIPE_FILE, MANIFEST_FILE, LOG_FILE, RESULT_FILE, SIGNATURE_FILE] {
        if name == MANIFEST_FILE && session.result.dataset.published {
            continue;
        }
        let path = session.folder.join(name);
        write_atomic(&staging.path().join(name), &bounded::read(&path, LOG_CAP).map_err(failed("read", &path))?)?;
    }
    publish_dir(staging.path(), target)?;
    let _moved = staging.keep();
    Ok(())
}

fn staging(folder: &Path) -> Result<tempfile::TempDir, FilingError> {
    tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(folder).map_err(failed("write to", folder))
}

/// Refuses an entry that a reproduction could not be filed with, before hours of training.
fn check_writable(entry: &Path) -> Result<(), FilingError> {
    for folder in [entry.to_owned(), track_of(entry)?] {
        staging(&folder)?;
    }
    Ok(())
}

/// The folder of the board that an entry lies on; an error where there is none.
pub fn board_of(entry: &Path) -> Result<PathBuf, FilingError> {
    let board = board_above(entry).map_err(failed("read", entry))?;
    board.ok_or_else(|| FilingError::NoBoard { entry: entry.to_owned() })
}

/// The folder with the entries of a track.
fn track_of(entry: &Path) -> Result<PathBuf, FilingError> {
    let folder = fs::canonicalize(entry).map_err(failed("read", entry))?;
    folder.parent().map(Path::to_owned).ok_or_else(|| FilingError::NoBoard { entry: entry.to_owned() })
}
