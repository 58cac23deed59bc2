//! Reports of studies that the site publishes and links. A study is not ranked: nothing in it is signed or verified.
//! Its files are made again from its records, by whoever knows studies: nothing that lies in its folder is published as it is.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::site::addresses::is_plain;
use crate::site::error::SiteError;
use crate::site::figure::foreign;
use hlb_core::hint::{Failure, Result};

/// The page of a report.
const PAGE: &str = "index.html";

/// Where the content begins, and what leads back to the board from there.
const CONTENT: &str = "<main id=\"content\"";
const WAY_BACK: &str = "<header class=\"top\"><div class=\"frame\"><a class=\"mark\" href=\"../../index.html\">hlb-bench</a></div></header>\n";

/// Reports of studies to publish.
#[derive(Debug, Clone)]
pub struct Studies {
    /// The folder of their folders; it may be missing.
    pub(crate) folder: PathBuf,
    /// The folder of study files, which reports are made again from.
    pub(crate) files: PathBuf,
    /// Makes a report from what is in its folder and in that of the study files.
    remake: fn(&Path, &Path) -> Result<StudyReport>,
}

impl Studies {
    /// The reports in a folder, which lies next to the study files.
    pub fn new(folder: &Path, remake: fn(&Path, &Path) -> Result<StudyReport>) -> Self {
        Self { folder: folder.to_owned(), files: folder.join(".."), remake }
    }
}

/// A report as this program makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyReport {
    /// Title of the study.
    pub title: String,
    /// Its files by their names, the page among them.
    pub files: Vec<(&'static str, String)>,
}

/// A study on the site.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Study {
    /// Its page, from the site's root.
    page: String,
    title: String,
    #[serde(skip)]
    files: Vec<(String, String)>,
}

/// The reports in a folder, by name; a folder that is not there has none.
pub(super) fn find(studies: &Studies) -> Result<Vec<Study>, SiteError> {
    if !studies.folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| SiteError::Folder { step: "list", path: studies.folder.clone(), source };
    let mut found = Vec::new();
    for item in std::fs::read_dir(&studies.folder).map_err(failed)? {
        let item = item.map_err(failed)?;
        let folder = item.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Its name becomes a path of the site.
        if folder.join(PAGE).is_file() && is_plain(&name) {
            // As a link among the entries: it could lead to any folder of this machine.
            let made = if item.file_type().map_err(failed)?.is_symlink() {
                Err(Failure::new("it is a symbolic link").with_hint("put the folder itself there"))
            } else {
                (studies.remake)(&folder, &studies.files)
            };
            let report = made.map_err(|failure| SiteError::study(&folder, &failure))?;
            found.push(Study::new(&name, report));
        }
    }
    found.sort_by(|one, other| one.page.cmp(&other.page));
    Ok(found)
}

impl Study {
    fn new(name: &str, report: StudyReport) -> Self {
        let file = |(file, text): (&str, String)| {
            let led_back = file == PAGE;
            let text = if led_back { text.replacen(CONTENT, &format!("{WAY_BACK}{CONTENT}"), 1) } else { text };
            (format!("studies/{name}/{file}"), text)
        };
        let files = report.files.into_iter().map(file).collect();
        Self { page: format!("studies/{name}/{PAGE}"), title: foreign(&report.title), files }
    }

    /// Its files by their paths in the site.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        self.files.clone()
    }
}
