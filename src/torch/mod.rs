//! All of libtorch: the only room that names `tch`. Reached by the trainer program alone.
//!
//! Comments marked *why* teach: where a trick comes from and what happens without it. The tricks are those of
//! hlb-CIFAR10 by Tysam Balsbaugh, in the form that hlb-imagenette uses.

mod average;
mod data;
mod determinism;
mod device;
mod layout;
mod network;
mod optimizer;
mod run;
mod trouble;
mod whitening;

pub(crate) use data::DeviceData;
pub(crate) use determinism::{ask_for_deterministic_algorithms, digest};
pub(crate) use device::{DeviceError, Engine, load_cuda_if_there_is_a_gpu, loaded_libtorch};
pub(crate) use layout::{Layout, State};
pub(crate) use network::{Mode, Network};
pub(crate) use optimizer::Sgd;
pub(crate) use run::TorchTrainer;
pub(crate) use trouble::{explain, is_of_libtorch};
pub(crate) use whitening::fit as fit_whitening;
