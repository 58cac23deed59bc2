//! Training with libtorch. No other crate depends on `tch`, and only the trainer program depends on this one.
//!
//! Comments marked *why* say where a technique comes from and what happens without it. The techniques are those of
//! hlb-CIFAR10 by Tysam Balsbaugh, in the form that hlb-imagenette uses, and of airbench by Keller Jordan.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod allocator;
mod augmentation;
mod context;
mod cuda;
mod data;
mod determinism;
mod device;
mod device_error;
mod ema;
mod examine;
mod health;
mod layout;
mod loss;
mod muon;
mod native;
mod network;
mod optimizer;
mod run;
mod sgd;
mod shortcut;
mod stage;
mod state;
mod step_graph;
mod test_time_augmentation;
mod warmup;
mod whitening;

pub use allocator::keep_freed_memory;
pub use augmentation::{AugmentationDraws, AugmentationSampler, Corners};
pub use cuda::{cuda_versions, first_gpu, load_cuda_if_there_is_a_driver};
pub use data::{Batch, DeviceData};
pub use determinism::{ask_for_deterministic_algorithms, digest};
pub use device::{Engine, UnsupportedDevice, loaded_libtorch};
pub use device_error::{explain, is_of_libtorch, words_of};
pub use examine::examine;
pub use health::matmul_tera;
pub use layout::Layout;
pub use network::{Mode, Network};
pub use run::TorchTrainer;
pub use state::{State, apply_init};
pub(crate) use whitening::fit as fit_whitening;
