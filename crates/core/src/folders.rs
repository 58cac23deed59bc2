//! The program's folders among the user's, as the platform names them; `None` where it knows no home folder.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

const NAME: &str = "hlb-bench";

/// For what can be made again.
pub fn cache() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join(NAME))
}

/// For what this machine keeps to itself.
pub fn config() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.config_dir().join(NAME))
}

/// For data sets.
pub fn data() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.data_dir().join(NAME))
}
