//! What a site is told beside its board.

use std::path::PathBuf;

use super::base_url::BaseUrl;

/// What a site is told beside its board; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct SiteOptions {
    /// Where it is published. Without it every address in its files is relative, and there is no sitemap, which needs whole
    /// ones.
    pub base_url: Option<BaseUrl>,
    /// Folder with the reports of studies to hand on; one that is not there has none.
    pub studies: Option<PathBuf>,
}

impl SiteOptions {
    /// The address of a file of the site, as a file says it that `root` leads back to the site's root from.
    pub(super) fn address(&self, root: &str, path: &str) -> String {
        self.base_url.as_ref().map_or_else(|| format!("{root}{path}"), |base| base.of(path))
    }
}
