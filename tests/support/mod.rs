//! What tests share: scratch folders, entries, data sets, servers, trainers that are played.

pub(crate) mod archive;
pub(crate) mod clone;
pub(crate) mod context;
pub(crate) mod fixture;
pub(crate) mod server;
pub(crate) mod simulated;
pub(crate) mod sources;
pub(crate) mod stub_cuda;
pub(crate) mod trainer;
pub(crate) mod traps;
