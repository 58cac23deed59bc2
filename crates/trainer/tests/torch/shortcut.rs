//! Shortcuts give what the plain way gives, and one that does not is refused.

use hlb_core::seed::Seed;
use hlb_protocol::run_log::{Shortcut, ShortcutName};
use hlb_protocol::trainer::{Fingerprint, Trainer as _};
use hlb_recipe::{Recipe, Stem, variant};
use hlb_trainer::TorchTrainer;
use tch::Kind;

use crate::tiny;

/// A recipe on the small data set: narrow, short, with small batches.
fn small(name: &str) -> Recipe {
    let mut recipe = variant::shipped(name).unwrap();
    (recipe.epochs, recipe.batch_size, recipe.augment.crop) = (4_u32.into(), 16, 16);
    for stage in &mut recipe.resolution {
        stage.side = 12;
    }
    recipe.blocks.widths = vec![16, 24];
    // Fewer than there are, so that each seed has filters of its own.
    if let Stem::Whiten(whiten) = &mut recipe.stem {
        whiten.images = 16;
    }
    recipe
}

/// Losses and models of two runs, after a warmup run that offers these shortcuts.
fn two_runs(recipe: &Recipe, kind: Kind, offered: &[ShortcutName]) -> (Vec<Shortcut>, Vec<f64>, Vec<Fingerprint>) {
    tch::set_num_threads(1);
    let mut trainer: TorchTrainer = tiny::trainer(recipe, kind);
    trainer.offer(offered.to_vec());
    let decided = trainer.warm_up(Seed::from_number(9)).unwrap();
    let (mut losses, mut models) = (Vec::new(), Vec::new());
    for seed in [1, 2] {
        trainer.reset(Seed::from_number(seed)).unwrap();
        losses.extend((1..=4).map(|epoch| trainer.train_until(4 * epoch).unwrap()));
        models.push(trainer.fingerprint());
    }
    (decided, losses, models)
}

/// On the CPU a graph does its work again, so only its bookkeeping can be wrong: which batch it reads, which model, and when the
/// bias of the whitening is frozen.
#[test]
fn runs_by_graphs_are_bit_identical_to_plain_ones() {
    for name in ["hlb-shapes", "airbench94", "airbench94-muon", "hlb-cifar10-v0.7.0", "hlb-imagenette"] {
        let recipe = small(name);
        let (decided, losses, models) = two_runs(&recipe, Kind::Float, &[ShortcutName::CudaGraph]);
        assert_eq!(decided, [Shortcut { name: ShortcutName::CudaGraph, refused: None }], "{name}");
        let plain = two_runs(&recipe, Kind::Float, &[]);
        assert_eq!((&losses, &models), (&plain.1, &plain.2), "{name}");
    }
}

#[test]
fn a_fused_kernel_that_is_right_is_used() {
    let (decided, ..) = two_runs(&small("airbench94"), Kind::Float, &[ShortcutName::FusedSgd]);
    assert_eq!(decided, [Shortcut { name: ShortcutName::FusedSgd, refused: None }]);
}

/// The fused SGD of the CPU is wrong in half precision: parameters do not move.
#[test]
fn a_shortcut_that_is_wrong_is_refused_and_leaves_no_trace() {
    for kind in [Kind::Half, Kind::BFloat16] {
        let (decided, losses, models) = two_runs(&small("hlb-shapes"), kind, &[ShortcutName::FusedSgd]);
        let refused = decided[0].refused.as_ref().unwrap().as_str();
        assert!(refused.contains("the loss of step") || refused.contains("apart after a way"), "{refused}");
        let plain = two_runs(&small("hlb-shapes"), kind, &[]);
        assert_eq!((&losses, &models), (&plain.1, &plain.2), "{kind:?}");
    }
}
