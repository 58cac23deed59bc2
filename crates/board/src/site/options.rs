//! Options of a site.

use crate::site::base_url::BaseUrl;
use crate::site::studies::Studies;

/// Options of a site, in addition to its board.
#[derive(Debug, Clone, Default)]
pub struct SiteOptions {
    /// Where it is published. Without it every address in its files is relative.
    pub base_url: Option<BaseUrl>,
    /// Reports of studies to publish.
    pub studies: Option<Studies>,
}

impl SiteOptions {
    /// The address of a file of the site, for a file in the site's root.
    pub(crate) fn address(&self, path: &str) -> String {
        self.base_url.as_ref().map_or_else(|| path.to_owned(), |base| base.of(path))
    }
}
