//! Data sets: which bytes are the right ones, where they are, and the arrays made of them. Nothing here trains or prints.
//!
//! ```text
//! manifest -> fetch (download, unpack, file_list) -> store -> prepare (idx, cifar, shapes | image, resize, decode_all) -> cache
//! ```
//!
//! Images are decoded by a process of its own (`apart`) that may do nothing else (`confine`).

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod apart;
pub mod arrays;
mod cache;
mod cifar;
mod confine;
mod decode_all;
mod download;
mod duplicates;
mod error;
mod fetch;
mod file_list;
pub mod flops;
mod idx;
mod image;
mod lock;
mod manifest;
mod prepare;
mod resize;
mod shapes;
mod store;
pub mod task;
pub mod track;
mod unpack;
mod watch;

pub use apart::{DECODE_COMMAND, decode_apart, decode_for_parent};
pub use cache::{CachedArrays, Prepared, cache_folder, cached, prune};
pub use cifar::decode as decode_cifar;
pub use confine::Guard;
pub use decode_all::decode_all;
pub use download::{DownloadError, Patience, Published, download};
pub use duplicates::{Duplicates, count_duplicates};
pub use error::{DatasetError, DatasetProblem};
pub use fetch::{Fetch, FetchError, Place, prune_downloads};
pub use idx::decode as decode_idx;
pub use image::{DecodedImage, ImageError, MOST_PIXELS, MOST_SIDE, decode as decode_image};
pub use manifest::{Archive, IdxFile, Manifest, ManifestError, Source, UnknownDataset, all, by_id, is_shipped};
pub use prepare::{prepare, verify};
pub use resize::{Resize, Resizer};
pub use store::{Folder, default_folder, find};
pub use unpack::{Limits, UnpackError, Unpacked, unpack};
pub use watch::Watch;
