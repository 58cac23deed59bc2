//! The frozen first layer: filters that decorrelate 2x2 patches and bring them to unit variance.
//!
//! *Why:* the network then starts on inputs whose directions all carry the same weight; Page (2019) introduced it to
//! the speed runs, hlb-CIFAR10 has 2x2 patches.

use tch::{Kind, Tensor};

/// Images whose patches are held at once.
const CHUNK: i64 = 1000;

/// Filters `[4 * channels, channels, 2, 2]` from normalised `images`, `[images, channels, rows, columns]`.
///
/// Row `i` is eigenvector `i` of the centred patch covariance (largest eigenvalue first) over
/// `sqrt(eigenvalue + eps)`. Sums are taken in double precision on the CPU; the result has the kind and device of the images.
pub(crate) fn fit(images: &Tensor, eps: f64) -> Tensor {
    let channels = images.size()[1];
    let covariance = covariance(images);
    let (values, vectors) = covariance.linalg_eigh("U");
    let scaled = &vectors * signs(&vectors) / (values + eps).sqrt().unsqueeze(0);
    let filters = scaled.transpose(0, 1).flip([0]).reshape([-1, channels, 2, 2]);
    let filters = filters.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    filters.to_kind(images.kind()).to_device(images.device())
}

/// For each column of `vectors` the sign that makes its first large entry positive, `[1, columns]`.
///
/// The sign of an eigenvector is arbitrary; fixed so, all linear-algebra libraries give the same filters.
fn signs(vectors: &Tensor) -> Tensor {
    let magnitude = vectors.abs();
    let large = magnitude.ge_tensor(&(magnitude.amax([0], true) * 0.5));
    let first = large.to_kind(Kind::Int64).argmax(0, true);
    vectors.gather(0, &first, false).sign()
}

/// Centred covariance (n - 1) of all patches, entries ordered channel, row, column.
fn covariance(images: &Tensor) -> Tensor {
    let size = images.size()[1] * 4;
    let options = (Kind::Double, images.device());
    let (mut sum, mut squares) = (Tensor::zeros([size], options), Tensor::zeros([size, size], options));
    let mut count = 0;
    for chunk in images.split(CHUNK, 0) {
        let patches = chunk.to_kind(Kind::Double).unfold(2, 2, 1).unfold(3, 2, 1).permute([0, 2, 3, 1, 4, 5]);
        let patches = patches.reshape([-1, size]);
        count += patches.size()[0];
        sum += patches.sum_dim_intlist(0_i64, false, Kind::Double);
        squares += patches.transpose(0, 1).matmul(&patches);
    }
    let count = count.max(2);
    let mean = &sum / count;
    ((squares - mean.outer(&mean) * count) / (count - 1)).to_device(tch::Device::Cpu)
}
