//! `hlb-bench export`: an entry in the form of another program.

use std::fs;
use std::path::{Path, PathBuf};

use crate::artifact::write_atomic;
use crate::cli::{Export, ExportFormat};
use crate::clock;
use crate::command::Answer;
use crate::command::import::put;
use crate::command::verify::signers;
use crate::hint::{Context as _, Result, bail};
use crate::interop::{chosen, dawnbench, document, mllog, table, tensorboard};
use crate::printer::{Label, answer, labelled};
use crate::result::{Entry, Trust, check_entry, entry_name};

/// Where folders of files go unless the user says otherwise.
const FOLDER: &str = "exports";

/// Runs the command.
pub(super) fn export(arguments: &Export) -> Result<Answer> {
    let signers = signers(&arguments.entry, arguments.signers.as_deref())?;
    let entry = check_entry(&arguments.entry, &signers, clock::calendar())?;
    if entry.trust == Trust::Unsigned {
        labelled(Label::Warning, "the session is unsigned: nobody vouches for it");
    }
    let takes_a_run = matches!(arguments.format, ExportFormat::Dawnbench | ExportFormat::Mllog);
    if arguments.run.is_some() && !takes_a_run {
        bail!("this form holds all runs; leave out --run");
    }
    write(&entry, arguments)?;
    Ok(Answer::Done)
}

fn write(entry: &Entry, arguments: &Export) -> Result<()> {
    let out = arguments.out.as_deref();
    let folder = out.unwrap_or(Path::new(FOLDER));
    match arguments.format {
        ExportFormat::Dawnbench => {
            let exported = dawnbench::export(entry, chosen(entry, arguments.run)?)?;
            let at = folder.join(exported.folder);
            put_all(&at, &[(exported.json_name, exported.json), (exported.tsv_name, exported.tsv)])
        }
        ExportFormat::Mllog => put(&mllog::text(entry, chosen(entry, arguments.run)?)?, out),
        ExportFormat::Csv => put(&table::text(entry), out),
        ExportFormat::Json => put(&document::text(entry)?, out),
        ExportFormat::Tensorboard => {
            let at = if out.is_some() { folder.to_owned() } else { default_of(entry) };
            tensorboard::files(entry)?
                .into_iter()
                .try_for_each(|file| put_all(&at.join(file.folder), &[(file.name, file.bytes)]))
        }
    }
}

/// A folder of the entry's own: TensorBoard reads all files of a folder as one run.
fn default_of(entry: &Entry) -> PathBuf {
    Path::new(FOLDER).join("tensorboard").join(entry_name(&entry.result))
}

/// Writes files into a folder and prints their names.
fn put_all(folder: &Path, files: &[(String, impl AsRef<[u8]>)]) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made; name another with --out", folder.display()))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        write_atomic(&path, bytes.as_ref())?;
        answer(&path.display().to_string());
    }
    Ok(())
}
