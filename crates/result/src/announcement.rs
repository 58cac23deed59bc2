//! An announcement: a session that is promised, signed, before anybody can know its nonce. That follows from the commit
//! that takes the announcement in, so whoever measured in secret cannot choose which of several sessions to show.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, EntryError, Fault};
use crate::signers::board_above;
use crate::signing::{ANNOUNCEMENT_NAMESPACE, AllowedSigners, RESULT_NAMESPACE, SignatureError, verify_listed_for};
use crate::verify::check_entry;
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::bounded::{self, ReadError, SMALL_CAP};
use hlb_core::hint::Hint;
use hlb_core::text::{Id, SafeText, show};
use hlb_core::yaml::{self, YamlError};

/// Folder of a track's announcements, one folder each.
pub const ANNOUNCEMENTS_FOLDER: &str = "announcements";
/// The announcement, as YAML.
pub const ANNOUNCEMENT_FILE: &str = "announcement.yaml";
/// Its detached signature.
pub const ANNOUNCEMENT_SIGNATURE_FILE: &str = "announcement.yaml.sig";
/// Format of the announcements that this program writes and reads.
pub const ANNOUNCEMENT_SCHEMA: &str = "hlb-bench/announcement/v1";

/// What is promised. Its bytes are canonical, so no other key can stand in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// [`ANNOUNCEMENT_SCHEMA`].
    pub schema: String,
    /// Id of the track.
    pub track: Id,
    /// Name of the variant.
    pub name: Id,
    /// Names of its authors.
    pub authors: Vec<SafeText<80>>,
    /// What the session trains.
    #[serde(flatten)]
    pub promise: Promise,
    /// The day, YYYY-MM-DD.
    pub day: SafeText<10>,
}

/// What a session has in common with the announcement that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// SHA-256 of the variant file.
    pub variant_sha256: Sha256Hex,
    /// SHA-256 of the recipe that it resolves to, on its track.
    pub recipe_sha256: Sha256Hex,
    /// Runs of each recipe.
    pub runs: u32,
    /// Who signs both, as the list of signers names them.
    pub principal: SafeText<120>,
}

/// An announcement that cannot be trusted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum AnnouncementError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("`{ANNOUNCEMENT_SIGNATURE_FILE}`: {0}")]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A file that does not belong to an announcement.
    #[error("`{}` does not belong to an announcement", show(.name))]
    Stranger { name: String },
    #[error("`{ANNOUNCEMENT_FILE}` is not in canonical form")]
    NotCanonical,
    #[error("`{key}` is `{stated}`, {problem}", stated = show(stated))]
    Contradiction { key: &'static str, stated: String, problem: String },
}

impl Hint for AnnouncementError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => error.hint(),
            Self::Signature(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::Stranger { .. } | Self::NotCanonical | Self::Contradiction { .. } => {
                Some("make it with `hlb-bench announce`, and add or change nothing in its folder".to_owned())
            }
        }
    }
}

/// An announcement with a good signature.
#[derive(Debug, Clone)]
pub struct SignedAnnouncement {
    /// Its folder.
    pub folder: PathBuf,
    /// SHA-256 of its file: its identity.
    pub sha256: Sha256Hex,
    /// What it says.
    pub announcement: Announcement,
}

impl SignedAnnouncement {
    /// Reads an announcement and checks its signature, which has to be of a key that may sign results.
    pub fn read(folder: &Path, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Self, AnnouncementError> {
        if let Some(name) = stranger(folder) {
            return Err(AnnouncementError::Stranger { name });
        }
        let bytes = bounded::read(&folder.join(ANNOUNCEMENT_FILE), SMALL_CAP)?;
        let armor = bounded::read(&folder.join(ANNOUNCEMENT_SIGNATURE_FILE), SMALL_CAP)?;
        let signer = verify_listed_for(RESULT_NAMESPACE, &bytes, &armor, ANNOUNCEMENT_NAMESPACE, signers, now)?;
        let announcement: Announcement =
            yaml::parse_canonical(&bytes, ANNOUNCEMENT_FILE)?.ok_or(AnnouncementError::NotCanonical)?;
        let stated = announcement.promise.principal.as_str();
        let named = folder.file_name().unwrap_or_default().to_string_lossy();
        let place = folder.parent().and_then(Path::parent).and_then(Path::file_name).unwrap_or_default();
        let says = |holds: bool, key, stated: &str, problem: String| {
            if holds {
                Ok(())
            } else {
                Err(AnnouncementError::Contradiction { key, stated: stated.to_owned(), problem })
            }
        };
        let Announcement { schema, track, name, day, .. } = &announcement;
        says(schema == ANNOUNCEMENT_SCHEMA, "schema", schema, format!("this program reads `{ANNOUNCEMENT_SCHEMA}`"))?;
        says(stated == signer.principal, "principal", stated, format!("but `{}` signed it", signer.principal))?;
        let is_in_place = place == track.as_str() || place.is_empty();
        says(is_in_place, "track", track.as_str(), "its folder lies in another track's".to_owned())?;
        let is_named = named.starts_with(&format!("{day}-{name}"));
        says(is_named, "name", name.as_str(), format!("its folder has to be named {day}-{name}"))?;
        Ok(Self { folder: folder.to_owned(), sha256: sha256_hex(&bytes), announcement })
    }
}

/// A name in the folder that is not one of the two.
fn stranger(folder: &Path) -> Option<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = names.map(|item| item.file_name().to_string_lossy().into_owned());
    names.find(|name| ![ANNOUNCEMENT_FILE, ANNOUNCEMENT_SIGNATURE_FILE].contains(&name.as_str()))
}

impl Promise {
    /// In what a session differs from what was promised.
    pub fn difference(&self, session: &Self) -> Option<&'static str> {
        let same = [
            ("another variant", self.variant_sha256 == session.variant_sha256),
            ("another recipe", self.recipe_sha256 == session.recipe_sha256),
            ("another number of runs", self.runs == session.runs),
            ("another signer", self.principal == session.principal),
        ];
        same.into_iter().find_map(|(what, same)| (!same).then_some(what))
    }
}

/// The folders of all announcements of a board, in the order of their names.
pub fn announcement_folders(submissions: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for track in fs::read_dir(submissions)? {
        let track = track?;
        let below = track.path().join(ANNOUNCEMENTS_FOLDER);
        // Links are not followed.
        if !track.file_type()?.is_dir() || !below.symlink_metadata().is_ok_and(|facts| facts.is_dir()) {
            continue;
        }
        for item in fs::read_dir(below)? {
            let item = item?;
            // Hidden ones are being filed.
            if !item.file_name().to_string_lossy().starts_with('.') {
                found.push(item.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folder of the announcement that a filed entry answers; `None` if it states none.
pub fn answered_by(entry: &Entry) -> io::Result<Option<PathBuf>> {
    let Some(announced) = &entry.result.session.announced else { return Ok(None) };
    let Some(board) = board_above(&entry.folder)? else { return Ok(None) };
    let wanted = announced.announcement_sha256;
    let is_wanted = |folder: &PathBuf| {
        bounded::read(&folder.join(ANNOUNCEMENT_FILE), SMALL_CAP).is_ok_and(|bytes| sha256_hex(&bytes) == wanted)
    };
    Ok(announcement_folders(&board)?.into_iter().find(is_wanted))
}

/// [`check_entry`] for an entry on a board, where the announcement that it answers has to lie, too.
pub fn check_filed(folder: &Path, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Entry, EntryError> {
    let entry = check_entry(folder, signers, now)?;
    match check_answered(&entry, signers, now) {
        Ok(()) => Ok(entry),
        Err(problem) => Err(EntryError { folder: folder.to_owned(), fault: Box::new(Fault::Announcement { problem }) }),
    }
}

fn check_answered(entry: &Entry, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<(), String> {
    if entry.result.session.announced.is_none() {
        return Ok(());
    }
    let found = answered_by(entry).map_err(|error| error.to_string())?;
    let found = found.ok_or("it is not among those of the board")?;
    let signed = SignedAnnouncement::read(&found, signers, now).map_err(|error| error.to_string())?;
    let principal = entry.trust.signer().map_or("", |signer| &signer.principal);
    let variant = &entry.result.variant;
    let session = Promise {
        variant_sha256: variant.variant_sha256,
        recipe_sha256: variant.recipe_sha256,
        runs: entry.result.session.runs,
        principal: SafeText::try_from(principal.to_owned()).map_err(|error| error.to_string())?,
    };
    let difference = signed.announcement.promise.difference(&session);
    difference.map_or(Ok(()), |what| Err(format!("the session is of {what} than it says")))
}
