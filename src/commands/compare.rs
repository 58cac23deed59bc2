//! `hlb-bench compare`: which of two sessions is faster, and how sure that is.

use std::path::Path;

use crate::args::Compare;
use crate::terminal::{Label, answer, answer_json, describe_comparison, labeled};
use hlb_board::signers_for;
use hlb_core::clock;
use hlb_core::hint::Result;
use hlb_result::{Comparison, Entry, check_entry};

/// Runs the command.
pub(super) fn compare(arguments: &Compare) -> Result<()> {
    let read = |folder: &Path| -> Result<Entry> {
        Ok(check_entry(folder, &signers_for(folder, arguments.signers.as_deref())?, clock::calendar())?)
    };
    let comparison = Comparison::new(&read(&arguments.a)?, &read(&arguments.b)?, arguments.same_host)?;
    for remark in &comparison.remarks {
        labeled(Label::Warning, remark);
    }
    if arguments.json {
        answer_json(&serde_json::to_string(&comparison)?);
    } else {
        for line in describe_comparison(&comparison) {
            answer(&line);
        }
    }
    Ok(())
}
