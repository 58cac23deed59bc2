//! `hlb-bench export`: an entry in another program's format.

use std::fs;
use std::path::{Path, PathBuf};

use crate::args::{Export, ExportFormat};
use crate::terminal::{Label, answer, answer_text_to, labeled};
use hlb_board::signers_for;
use hlb_core::artifact::write_atomic;
use hlb_core::clock;
use hlb_core::hint::{Context as _, Result, bail};
use hlb_core::text::{show_path, visible_path};
use hlb_interop::{ExportedFile, chosen, dawnbench, document, mllog, table, tensorboard};
use hlb_result::{Entry, Trust, check_entry, entry_name};

/// Where folders of files go unless the user says otherwise.
const FOLDER: &str = "exports";

/// Runs the command.
pub(super) fn export(arguments: &Export) -> Result<()> {
    let signers = signers_for(&arguments.entry, arguments.signers.as_deref())?;
    let entry = check_entry(&arguments.entry, &signers, clock::calendar())?;
    if entry.trust == Trust::Unsigned {
        labeled(Label::Warning, "the session is unsigned, so it is not known who measured it");
    }
    let takes_a_run = matches!(arguments.format, ExportFormat::Dawnbench | ExportFormat::Mllog);
    if arguments.run.is_some() && !takes_a_run {
        bail!("this format takes all runs; leave out --run");
    }
    write(&entry, arguments)
}

fn write(entry: &Entry, arguments: &Export) -> Result<()> {
    let out = arguments.out.as_deref();
    let folder = out.unwrap_or(Path::new(FOLDER));
    match arguments.format {
        ExportFormat::Dawnbench => {
            let files = dawnbench::export(entry, chosen(entry, arguments.run)?)?;
            files.iter().try_for_each(|file| put(folder, file))
        }
        ExportFormat::Mllog => Ok(answer_text_to(out, &mllog::text(entry, chosen(entry, arguments.run)?)?)?),
        ExportFormat::Csv => Ok(answer_text_to(out, &table::text(entry))?),
        ExportFormat::Json => Ok(answer_text_to(out, &document::text(entry)?)?),
        ExportFormat::Tensorboard => {
            let at = if out.is_some() { folder.to_owned() } else { default_of(entry) };
            tensorboard::files(entry)?.iter().try_for_each(|file| put(&at, file))
        }
    }
}

/// A folder for this entry alone, because TensorBoard reads all files of a folder as one run.
fn default_of(entry: &Entry) -> PathBuf {
    Path::new(FOLDER).join("tensorboard").join(entry_name(&entry.result))
}

/// Writes a file below a folder and prints its name.
fn put(out: &Path, file: &ExportedFile) -> Result<()> {
    let folder = out.join(&file.folder);
    fs::create_dir_all(&folder)
        .with_context(|| format!("the folder {} cannot be made; name another with --out", show_path(&folder)))?;
    let path = folder.join(&file.name);
    write_atomic(&path, &file.bytes)?;
    answer(&visible_path(&path));
    Ok(())
}
