//! Data sets: which bytes are the right ones, where they are, and their decoded arrays. Nothing here trains.

mod fetch;
mod idx;
mod manifest;
mod shapes;
mod store;

pub use fetch::{FetchError, FetchSource, fetch};
pub use idx::{IdxError, decode};
pub use manifest::{IdxFile, Manifest, Source, UnknownDataset, all, by_id};
pub use shapes::{CLASSES, generate};
pub use store::{DatasetError, Folder, default_folder, find, load};

use crate::artifact::{Sha256Hex, sha256_of_parts};
use crate::wire::Arrays;

/// SHA-256 over the four decoded arrays: what was trained on, whatever files it came from.
pub fn content_digest(arrays: &Arrays) -> Sha256Hex {
    sha256_of_parts(&arrays.parts())
}
