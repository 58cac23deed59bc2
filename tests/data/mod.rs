//! Data sets: fetched, unpacked and decoded.

mod datasets;
mod download;
mod fetch;
mod images;
