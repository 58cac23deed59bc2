//! Disk, data sets, and the key that signs.

use std::error::Error;
use std::path::Path;

use hlb_core::text::visible_path;
use hlb_result::signing::{KeyChoice, named_key};

use crate::finding::Finding;

/// Free space that a session and its data should find, in MiB.
const LEAST_FREE: u64 = 1024;

/// Free space where sessions and data sets are kept.
pub(crate) fn disk(sessions: &Path) -> Vec<Finding> {
    let data = hlb_data::default_folder();
    [("disk of sessions", sessions), ("disk of data sets", data.as_path())]
        .map(|(what, folder)| free(what, folder))
        .into()
}

fn free(what: &'static str, folder: &Path) -> Finding {
    // A folder that is to be made will lie on the disk of the nearest one that is there.
    let nearest = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let bound = format!("{LEAST_FREE} MiB or more");
    match rustix::fs::statvfs(nearest) {
        Ok(facts) => {
            let mebibytes = (facts.f_bavail.saturating_mul(facts.f_frsize)) >> 20;
            let value = format!("{mebibytes} MiB are free in {}", visible_path(nearest));
            let finding = if mebibytes < LEAST_FREE {
                Finding::note(what, value, "make room, or name another folder")
            } else {
                Finding::good(what, value)
            };
            finding.bound(bound)
        }
        Err(error) => {
            let value = format!("{} cannot be asked: {error}", visible_path(nearest));
            Finding::note(what, value, "name another folder").bound(bound)
        }
    }
}

/// Which data sets are on this machine; their bytes are not read.
pub(crate) fn data_sets() -> Finding {
    let (mut here, mut absent) = (Vec::new(), Vec::new());
    for manifest in hlb_data::all() {
        let id = manifest.id.as_str().to_owned();
        match hlb_data::find(&manifest, None) {
            Ok(_) => here.push(id),
            Err(_) => absent.push(id),
        }
    }
    let fetched = if absent.is_empty() {
        String::new()
    } else {
        format!("; `hlb-bench data fetch` brings {}", absent.join(", "))
    };
    Finding::good("data sets", format!("{}{fetched}", here.join(", ")))
}

/// Whether there is a key that could sign; it is not opened.
pub(crate) fn key() -> Finding {
    match named_key(&KeyChoice::GitDefault) {
        Ok(name) => Finding::good("key", format!("git signs with {name}")),
        Err(error) => {
            let next = "run `hlb-bench keygen ~/.ssh/hlb_bench`, and give it to `submit` with --key";
            Finding::note("key", words(&error), next)
        }
    }
}

/// An error with what caused it, in a line.
fn words(error: &dyn Error) -> String {
    let (mut words, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
