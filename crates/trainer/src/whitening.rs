//! The frozen first layer: filters that decorrelate patches and bring them to unit variance.
//!
//! *Why:* the network then starts on inputs whose directions all carry the same weight; Page (2019) introduced it to
//! the speed runs, hlb-CIFAR10 has 2x2 patches. airbench has each filter with either sign, so that the activation after it
//! loses nothing.

use tch::{Kind, Tensor};

use hlb_recipe::Whiten;

/// Images whose patches are in memory at once.
const CHUNK: i64 = 1000;

/// Filters `[filters, channels, kernel, kernel]` from normalized `images`, `[images, channels, rows, columns]`.
///
/// Row `i` is eigenvector `i` of the patch covariance (largest eigenvalue first) over `sqrt(eigenvalue + eps)`. Sums are
/// taken in double precision on the CPU; the result has the kind and device of the images.
pub(crate) fn fit(images: &Tensor, whiten: Whiten) -> Tensor {
    let (channels, kernel) = (images.size()[1], i64::from(whiten.kernel));
    let (values, vectors) = directions(images, whiten);
    let scaled = if whiten.half {
        let (values, vectors) = (values.to_kind(Kind::Half), vectors.to_kind(Kind::Half));
        (vectors / (values + whiten.eps).sqrt().unsqueeze(0)).to_kind(Kind::Double)
    } else {
        vectors / (values + whiten.eps).sqrt().unsqueeze(0)
    };
    let filters = scaled.transpose(0, 1).flip([0]).reshape([-1, channels, kernel, kernel]);
    let filters = if whiten.sign_pairs { Tensor::cat(&[&filters, &filters.neg()], 0) } else { filters };
    let filters = filters.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    filters.to_kind(images.kind()).to_device(images.device())
}

/// Eigenvalues in rising order and eigenvectors in the columns, with fixed signs; the plain mean over chunks of images, if asked.
fn directions(images: &Tensor, whiten: Whiten) -> (Tensor, Tensor) {
    let size = whiten.chunk.map_or(images.size()[0], i64::from);
    let (mut value_sum, mut vector_sum, mut chunks) = (Tensor::from(0.0), Tensor::from(0.0), 0);
    for chunk in images.split(size, 0) {
        let (values, vectors) = covariance(&chunk, whiten).linalg_eigh("U");
        let vectors = &vectors * signs(&vectors);
        (value_sum, vector_sum, chunks) = (value_sum + values, vector_sum + vectors, chunks + 1);
    }
    (value_sum / chunks, vector_sum / chunks)
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

/// Covariance (centered: n - 1, else n) of all patches, entries ordered channel, row, column.
///
/// *Why a product for each image:* the covariance is one small tile, and of a single long product a GPU gives a tile to one of
/// its processors.
fn covariance(images: &Tensor, whiten: Whiten) -> Tensor {
    let kernel = i64::from(whiten.kernel);
    let size = images.size()[1] * kernel * kernel;
    let options = (Kind::Double, images.device());
    let (mut sum, mut squares) = (Tensor::zeros([size], options), Tensor::zeros([size, size], options));
    let mut count = 0;
    for chunk in images.split(CHUNK, 0) {
        let patches = chunk.to_kind(Kind::Double).unfold(2, kernel, 1).unfold(3, kernel, 1);
        let patches = patches.permute([0, 2, 3, 1, 4, 5]).reshape([chunk.size()[0], -1, size]);
        count += patches.size()[0] * patches.size()[1];
        sum += patches.sum_dim_intlist([0_i64, 1].as_slice(), false, Kind::Double);
        squares += patches.transpose(1, 2).bmm(&patches).sum_dim_intlist(0_i64, false, Kind::Double);
    }
    let count = count.max(2);
    let covariance = if whiten.centered {
        let mean = &sum / count;
        (squares - mean.outer(&mean) * count) / (count - 1)
    } else {
        squares / count
    };
    covariance.to_device(tch::Device::Cpu)
}
