//! Turns an error into the lines that its reader sees: what, why, and what to do next.

use crate::artifact::ArtifactError;
use crate::command::OpenError;
use crate::dataset::{DatasetError, FetchError};
use crate::interop::ExportError;
use crate::interop::dawnbench::ImportError;
use crate::leaderboard::{BuildError, SiteError};
use crate::price::PriceError;
use crate::printer::{Label, labelled, note};
use crate::result::{EntryError, FilingError};
use crate::run_log::LogError;
use crate::session::{SessionError, SpawnError};
use crate::signing::{AllowedSignersError, KeygenError, SignError, SignatureError};
use crate::study::StudyError;
use crate::variant::VariantError;
use crate::yaml::{ReadError, YamlError};

/// Prints an error with its causes and hints.
pub fn print(error: &anyhow::Error) {
    labelled(Label::Error, &error.to_string());
    let mut shown = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Some errors quote their cause; it is not said twice.
        if !shown.contains(&text) {
            note(&format!("  caused by: {text}"));
        }
        shown = text;
    }
    if let Some(hint) = error.chain().find_map(hint) {
        labelled(Label::Hint, &hint);
    }
}

/// The hint of one of our errors.
pub fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    macro_rules! hints {
        ($($type:ty),*) => { $( if let Some(found) = error.downcast_ref::<$type>() { return found.hint(); } )* };
    }
    hints!(VariantError, YamlError, DatasetError, FetchError, PriceError, EntryError, SpawnError);
    hints!(ArtifactError, ReadError, SiteError, SignatureError, SignError, KeygenError, AllowedSignersError);
    hints!(FilingError, StudyError, SessionError, LogError, ImportError, ExportError, BuildError, OpenError);
    None
}
