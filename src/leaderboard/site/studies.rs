//! Reports of studies that the site hands on and links. A study is not ranked: nothing in it is signed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::SiteError;
use crate::result::LOG_CAP;
use crate::yaml;

/// What a report consists of, the page first.
const FILES: [&str; 3] = ["index.html", "report.md", "runs.csv"];

/// A study's report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Study {
    /// Its page, from the site's root.
    page: String,
    title: String,
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
        if folder.join(FILES[0]).is_file() && is_plain(&name) {
            found.push(Study::new(folder, &name)?);
        }
    }
    found.sort_by(|one, other| one.below.cmp(&other.below));
    Ok(found)
}

/// Its name becomes a path of the site.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(plain)
}

impl Study {
    fn new(folder: PathBuf, name: &str) -> Result<Self, SiteError> {
        let report = yaml::read(&folder.join("report.md"), LOG_CAP)?;
        let text = String::from_utf8_lossy(&report);
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(name).to_owned();
        let below = format!("studies/{name}");
        Ok(Self { page: format!("{below}/index.html"), title: super::figure::foreign(&title), folder, below })
    }

    /// Its files by their paths in the site, and where they are.
    pub(super) fn files(&self) -> BTreeMap<String, PathBuf> {
        let there = FILES.iter().filter(|file| self.folder.join(file).is_file());
        there.map(|file| (format!("{}/{file}", self.below), self.folder.join(file))).collect()
    }
}
