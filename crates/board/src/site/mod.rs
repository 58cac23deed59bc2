//! Writes the board as pages: plain HTML and one style sheet, readable from a disk, without network or scripts.
//!
//! The pages are a function of the board alone: no clock, no path of this machine, no order but the board's. Only files that an
//! earlier build wrote are ever removed.
//!
//! | file | noun |
//! |---|---|
//! | `contents` | every file of a site and its content |
//! | `folder`, `differences` | the folder that the site lives in; how it differs from what it should contain |
//! | `copies` | the files of an entry next to its page |
//! | `templates`, `filters` | how a page comes out of a template; how templates write figures |
//! | `options`, `base_url`, `addresses` | options of a site; where it is published; paths of its pages |
//! | `figure`, `figures` | numbers as text, unknown ones included; figures of an entry that several files show |
//! | `published`, `studies` | the external results that a track is compared with; reports of studies |
//! | `pages/` | what each template is filled with |
//! | `charts/` | what the drawings show |
//! | `feeds/` | the same figures for programs |

mod addresses;
mod base_url;
mod charts;
mod contents;
mod copies;
mod differences;
mod error;
mod feeds;
mod figure;
mod figures;
mod filters;
mod folder;
mod options;
mod pages;
mod published;
mod studies;
mod templates;

use std::path::Path;

use crate::board::Board;
use crate::workers::Workers;

pub(crate) use addresses::is_plain;
pub use base_url::{BaseUrl, BaseUrlError};
pub use charts::plot;
pub use differences::{Differences, compare};
pub use error::SiteError;
pub use feeds::{csv_table, csv_text};
pub use figure::{human_interval, percentage, ratio, scaled};
pub use options::SiteOptions;
pub use studies::{Studies, StudyReport};
pub use templates::Pages;

use contents::{Once, paths, put_all};
use folder::SiteFolder;

/// The file that makes a folder a site of ours.
pub(crate) const MARKER: &str = ".hlb-bench-site";

/// Writes the whole site on so many threads into `out`, which has to be new, empty, or a site that this function wrote.
///
/// Pages of entries that are no longer on the board are removed; nothing else ever is. The files of each entry are
/// copied next to its page, and those of its reproductions, so that the links hold where only the site is published.
pub fn write(board: &Board, out: &Path, options: &SiteOptions, workers: Workers) -> Result<(), SiteError> {
    let once = Once::new(board, options, workers)?;
    let folder = SiteFolder::open(out, paths(board, &once)?)?;
    put_all(board, &once, workers, &|path, bytes| folder.put(path, bytes))?;
    folder.close()
}
