//! Reports of studies that the site publishes and links. A study is not ranked: nothing in it is signed or verified.
//! Its page is taken only if it begins as `hlb-bench study` begins it, with the rule that lets a browser run no script and ask no
//! other machine, whatever follows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::site::addresses::is_plain;
use crate::site::error::SiteError;
use crate::site::figure::foreign;
use hlb_core::yaml;
use hlb_protocol::run_log::LOG_CAP;

/// The page of a report.
const PAGE: &str = "index.html";

/// Files of a report in addition to its page.
const FILES: [&str; 2] = ["report.md", "runs.csv"];

/// How a page begins.
const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
  <meta charset=\"utf-8\">
  <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">
";

/// Where the content begins, and what leads back to the board from there.
const CONTENT: &str = "<main id=\"content\"";
const WAY_BACK: &str = "<header class=\"top\"><div class=\"frame\"><a class=\"mark\" href=\"../../index.html\">hlb-bench</a></div></header>\n";

/// A study's report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Study {
    /// Its page, from the site's root.
    page: String,
    title: String,
    /// What the page holds, with a way back to the board.
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    below: String,
}

/// The reports in a folder, by name; a folder that is not there has none.
pub(super) fn find(reports: &Path) -> Result<Vec<Study>, SiteError> {
    if !reports.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| SiteError::Folder { step: "list", path: reports.to_owned(), source };
    let mut found = Vec::new();
    for item in std::fs::read_dir(reports).map_err(failed)? {
        let folder = item.map_err(failed)?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Its name becomes a path of the site.
        if folder.join(PAGE).is_file() && is_plain(&name) {
            found.push(Study::new(folder, &name)?);
        }
    }
    found.sort_by(|one, other| one.below.cmp(&other.below));
    Ok(found)
}

impl Study {
    fn new(folder: PathBuf, name: &str) -> Result<Self, SiteError> {
        let report = yaml::read(&folder.join("report.md"), LOG_CAP)?;
        let text = String::from_utf8_lossy(&report);
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(name).to_owned();
        let page = String::from_utf8_lossy(&yaml::read(&folder.join(PAGE), LOG_CAP)?).into_owned();
        if !page.starts_with(HEAD) {
            return Err(SiteError::Study { path: folder.join(PAGE) });
        }
        let text = page.replacen(CONTENT, &format!("{WAY_BACK}{CONTENT}"), 1);
        let below = format!("studies/{name}");
        Ok(Self { page: format!("{below}/{PAGE}"), title: foreign(&title), text, folder, below })
    }

    /// Its page by its path in the site.
    pub(super) fn page(&self) -> (String, String) {
        (self.page.clone(), self.text.clone())
    }

    /// Its other files by their paths in the site, and where they are.
    pub(super) fn files(&self) -> BTreeMap<String, PathBuf> {
        let there = FILES.iter().filter(|file| self.folder.join(file).is_file());
        there.map(|file| (format!("{}/{file}", self.below), self.folder.join(file))).collect()
    }
}
