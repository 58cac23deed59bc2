//! Muon's update: the nearest matrix with orthogonal rows, about, by Newton-Schulz iterations.

use std::iter::zip;

use tch::{Kind, Tensor};

use crate::layout::Weight;
use hlb_recipe::Muon;

/// Added to norms, so that none is zero in a division.
const TINY: f64 = 1e-7;

/// An update of the same size in every direction, layer by layer.
///
/// *Why:* gradients of a convolution lie in few directions; made orthogonal, an update moves in all of them (Jordan 2024).
pub(crate) fn orthogonal_step(
    layers: &[Weight],
    parameters: &Tensor,
    direction: &Tensor,
    rate: f64,
    muon: Muon,
    rescaled: bool,
) {
    let parts = |flat: &Tensor| {
        let sizes: Vec<i64> = layers.iter().map(|layer| layer.numel()).collect();
        let parts = flat.split_with_sizes(sizes, 0);
        zip(layers, parts).map(|(layer, part)| part.view([layer.outputs(), layer.fan_in()])).collect::<Vec<_>>()
    };
    let directions = parts(direction);
    let nearest = if direction.device().is_cuda() {
        orthogonal_padded(&directions, muon, Kind::BFloat16)
    } else {
        // A CPU begins a product of small matrices in single precision several times faster than one in 16 bits.
        let kind = if direction.kind() == Kind::BFloat16 { Kind::Float } else { direction.kind() };
        directions.iter().map(|matrix| orthogonal(matrix, muon, kind)).collect()
    };
    for (mut weight, nearest) in zip(parts(parameters), nearest) {
        if rescaled {
            #[expect(clippy::cast_precision_loss, reason = "a layer has few outputs")]
            let norm = (weight.size()[0] as f64).sqrt();
            let _ = weight.g_mul_(&((weight.norm() + TINY).reciprocal() * norm));
        }
        let _ = weight.g_sub_(&(nearest * rate));
    }
}

/// The nearest matrix with orthogonal rows, about, computed in `kind`.
fn orthogonal(matrix: &Tensor, muon: Muon, kind: Kind) -> Tensor {
    let x = upright(matrix).to_kind(kind).unsqueeze(0);
    let nearest = newton_schulz(&(&x / (x.norm() + TINY)), muon).squeeze_dim(0).to_kind(matrix.kind());
    if is_tall(matrix) { nearest.transpose(0, 1) } else { nearest }
}

/// The same of several matrices at once, each in the corner of a matrix of zeros, which stay zeros.
///
/// *Why:* the matrices are small, and a GPU takes as long to begin an operation as to compute it.
fn orthogonal_padded(matrices: &[Tensor], muon: Muon, kind: Kind) -> Vec<Tensor> {
    let corners: Vec<Tensor> = matrices.iter().map(upright).collect();
    let most = |axis: usize| corners.iter().map(|corner| corner.size()[axis]).max().unwrap_or(0);
    let count = i64::try_from(corners.len()).unwrap_or(0);
    let padded = Tensor::zeros([count, most(0), most(1)], (kind, matrices[0].device()));
    let corner = |whole: &Tensor, index: usize| {
        let size = corners[index].size();
        whole.get(i64::try_from(index).unwrap_or(0)).narrow(0, 0, size[0]).narrow(1, 0, size[1])
    };
    for (index, matrix) in corners.iter().enumerate() {
        corner(&padded, index).copy_(matrix);
    }
    let norms = padded.norm_scalaropt_dim(2, [1_i64, 2].as_slice(), true);
    let nearest = newton_schulz(&(padded / (norms + TINY)), muon);
    let unpadded = |(index, matrix): (usize, &Tensor)| {
        let found = corner(&nearest, index).to_kind(matrix.kind());
        if is_tall(matrix) { found.transpose(0, 1) } else { found }
    };
    matrices.iter().enumerate().map(unpadded).collect()
}

fn is_tall(matrix: &Tensor) -> bool {
    matrix.size()[0] > matrix.size()[1]
}

/// The matrix with at most as many rows as columns.
fn upright(matrix: &Tensor) -> Tensor {
    if is_tall(matrix) { matrix.transpose(0, 1) } else { matrix.shallow_clone() }
}

/// Newton-Schulz iterations on a batch of matrices, `[matrices, rows, columns]`: only of batches can products be scaled and added
/// in one call.
fn newton_schulz(matrices: &Tensor, muon: Muon) -> Tensor {
    let [_, rows, columns] = matrices.size()[..] else { unreachable!("a batch of matrices") };
    // Smaller matrices take as long to begin a product as to compute it.
    let is_exact = matches!(matrices.kind(), Kind::Float | Kind::Double);
    if is_exact && rows >= 64 && columns >= 2 * rows {
        return iterated_on_products(matrices, muon);
    }
    plainly_iterated(matrices, muon)
}

fn plainly_iterated(matrices: &Tensor, muon: Muon) -> Tensor {
    let [a, b, c] = muon.coefficients;
    let mut x = matrices.shallow_clone();
    for _ in 0..muon.iterations {
        let gram = x.bmm(&x.transpose(1, 2));
        let mixed = gram.baddbmm(&gram, &gram, b, c);
        x = x.baddbmm(&mixed, &x, a, 1.0);
    }
    x
}

/// The same for wide matrices, in half the time: all iterations on the small matrix of products of rows, `x` last.
///
/// *Why it is the same:* an iteration multiplies by a polynomial of that matrix, and such polynomials commute. Not in 16 bits, where
/// squares of small singular values are lost.
fn iterated_on_products(matrices: &Tensor, muon: Muon) -> Tensor {
    let [a, b, c] = muon.coefficients;
    let mut gram = matrices.bmm(&matrices.transpose(1, 2));
    let mut factor: Option<Tensor> = None;
    for left in (0..muon.iterations).rev() {
        let mixed = gram.baddbmm(&gram, &gram, b, c);
        let _ = mixed.diagonal(0, 1, 2).g_add_scalar_(a);
        if left > 0 {
            gram = mixed.bmm(&gram).bmm(&mixed);
        }
        factor = Some(factor.map_or_else(|| mixed.shallow_clone(), |factor| mixed.bmm(&factor)));
    }
    factor.map_or_else(|| matrices.shallow_clone(), |factor| factor.bmm(matrices))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const MUON: Muon = Muon {
        coefficients: [3.4445, -4.775, 2.0315],
        iterations: 5,
        renormalize_every: 0.0,
        renormalize_grows: 0.0,
        renormalize_rounds: false,
    };

    fn made(rows: i64, columns: i64) -> Tensor {
        let count = rows * columns;
        (Tensor::arange(count, (Kind::Double, Device::Cpu)).square() * 1.7).sin().view([rows, columns]) / count
    }

    /// Singular values of the second fall to a millionth.
    #[test]
    fn iterations_on_the_products_give_the_same() {
        let falling = Tensor::logspace(0, -6, 64, 10.0, (Kind::Double, Device::Cpu)).unsqueeze(1);
        for matrix in [made(64, 200), made(64, 200) * falling] {
            let x = (&matrix / matrix.norm()).unsqueeze(0);
            for iterations in [0, 1, 3, 5] {
                let muon = Muon { iterations, ..MUON };
                let plain = plainly_iterated(&x, muon);
                for (kind, bound) in [(Kind::Double, 1e-12), (Kind::Float, 1e-4)] {
                    let found = iterated_on_products(&x.to_kind(kind), muon);
                    let apart = (&plain - found).abs().max().double_value(&[]);
                    assert!(apart < bound, "{iterations} iterations in {kind:?}: {apart:e}");
                }
            }
        }
    }

    /// Layers of several shapes, tall and wide, alone and padded in one batch.
    #[test]
    fn a_padded_batch_gives_each_layer_what_it_gets_alone() {
        let matrices = [made(4, 27), made(24, 12), made(16, 16), made(1, 5)];
        let together = orthogonal_padded(&matrices, MUON, Kind::Double);
        for (matrix, found) in zip(&matrices, together) {
            let alone = orthogonal(matrix, MUON, Kind::Double);
            assert!((alone - found).abs().max().double_value(&[]) < 1e-12, "{:?}", matrix.size());
        }
    }
}
