//! Images that occur more than once, counted by the digest of their bytes as they are trained on.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arrays::Arrays;
use hlb_core::artifact::{Sha256Hex, sha256_hex};

/// How many images occur more than once. An evaluation image that is also trained on measures memory, not learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Duplicates {
    /// Training images equal to an earlier training image.
    pub train: u32,
    /// Evaluation images equal to an earlier evaluation image.
    pub evaluation: u32,
    /// Evaluation images equal to some training image.
    pub overlap: u32,
}

/// Counts the exact duplicates among the images of both splits.
pub fn count_duplicates(arrays: &Arrays) -> Duplicates {
    let size = arrays.shapes().image_bytes();
    let digests = |images: &[u8]| images.chunks_exact(size).map(sha256_hex).collect::<Vec<_>>();
    of_digests(&digests(arrays.train_images()), &digests(arrays.eval_images()))
}

/// The same from digests of images or files.
pub(crate) fn of_digests(train: &[Sha256Hex], evaluation: &[Sha256Hex]) -> Duplicates {
    let trained: HashSet<&Sha256Hex> = train.iter().collect();
    let evaluated: HashSet<&Sha256Hex> = evaluation.iter().collect();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Duplicates {
        train: number(train.len() - trained.len()),
        evaluation: number(evaluation.len() - evaluated.len()),
        overlap: number(evaluation.iter().filter(|digest| trained.contains(digest)).count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrays::ArrayShapes;

    #[test]
    fn copies_are_counted_within_and_across_the_splits() {
        let shapes = ArrayShapes { train: 4, evaluation: 3, height: 1, width: 2, channels: 1, classes: 2 };
        let train = [1, 1, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0];
        let evaluation = [2, 2, 2, 2, 3, 3, 0, 0, 0];
        let arrays = Arrays::new([&train[..], &evaluation[..]].concat(), shapes).expect("they fit");
        assert_eq!(count_duplicates(&arrays), Duplicates { train: 2, evaluation: 1, overlap: 2 });
    }
}
