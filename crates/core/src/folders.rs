//! The program's folders below the user's, as the platform names them; `None` without a home folder.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

const NAME: &str = "hlb-bench";

/// Folder for files that can be made again.
pub fn cache() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join(NAME))
}

/// Folder for files that stay on this machine.
pub fn config() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.config_dir().join(NAME))
}

/// Folder for data sets.
pub fn data() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.data_dir().join(NAME))
}
