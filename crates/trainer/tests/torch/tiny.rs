//! A small data set and recipe that the golden numbers were computed with; see `tests/parity/golden.py`.

use hlb_data::arrays::{ArrayShapes, Arrays};
use hlb_recipe::{Average, AverageStart, Recipe};
use hlb_trainer::{DeviceData, Engine, TorchTrainer};
use tch::Kind;

pub(crate) const SHAPES: ArrayShapes =
    ArrayShapes { train: 64, evaluation: 64, height: 16, width: 16, channels: 3, classes: 10 };

/// The generator that both sides share: the upper bits of Numerical Recipes' linear congruence.
pub(crate) struct Numbers(pub u32);

impl Numbers {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 16
    }

    pub(crate) fn unit(&mut self) -> f32 {
        self.next() as f32 / 32_768.0 - 1.0
    }
}

/// Mixes each byte with its neighbors, so that the directions of patches have variances well apart.
fn smooth(pixels: &mut [u8], side: usize) {
    for index in 0..pixels.len() {
        let mut value = u32::from(pixels[index]);
        if index / 3 % side > 0 {
            value = (3 * u32::from(pixels[index - 3]) + value) / 4;
        }
        if !(index / (3 * side)).is_multiple_of(side) {
            value = u32::from(pixels[index - 3 * side]).midpoint(value);
        }
        if index % 3 > 0 {
            value = (2 * u32::from(pixels[index - 1]) + value) / 3;
        }
        pixels[index] = value as u8;
    }
}

/// Noise with a bright square whose place and color tell the class.
pub(crate) fn arrays() -> Arrays {
    arrays_of(SHAPES)
}

/// The same of other sizes.
pub(crate) fn arrays_of(shapes: ArrayShapes) -> Arrays {
    let mut numbers = Numbers(1);
    let (count, side) = ((shapes.train + shapes.evaluation) as usize, shapes.width as usize);
    let mut images: Vec<u8> = (0..count * shapes.image_bytes()).map(|_| (numbers.next() % 256) as u8).collect();
    smooth(&mut images, side);
    let labels: Vec<u8> = (0..count).map(|image| (image % 10) as u8).collect();
    for (image, label) in labels.iter().enumerate() {
        for row in 0..side {
            for column in *label as usize..*label as usize + 4 {
                let pixel = &mut images[((image * side + row) * side + column) * 3 + *label as usize % 3];
                *pixel = 128 + *pixel / 2;
            }
        }
    }
    let half = shapes.train as usize;
    let (train, eval) = images.split_at(half * shapes.image_bytes());
    Arrays::new([train, &labels[..half], eval, &labels[half..]].concat(), shapes).unwrap()
}

/// An average that only observes.
pub(crate) fn observer(epochs: u32, every_steps: u32, decay: f64) -> Average {
    Average {
        epochs: epochs.into(),
        begins: AverageStart::Trained,
        every_steps,
        decay,
        power: 0.0,
        copy_back: false,
        statistics: true,
    }
}

pub(crate) fn trainer(recipe: &Recipe, kind: Kind) -> TorchTrainer<'static> {
    trainer_on(&arrays(), recipe, kind)
}

pub(crate) fn trainer_on(arrays: &Arrays, recipe: &Recipe, kind: Kind) -> TorchTrainer<'static> {
    let engine = Engine::cpu(kind);
    let data = DeviceData::upload(arrays, recipe.augment, engine);
    TorchTrainer::new(recipe.clone(), data, engine, Box::new(|_| {}))
}
