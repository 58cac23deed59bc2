//! The built-in data set: ten classes of 32x32 color images that the program draws itself.
//!
//! Every image has one figure under random pose, scale, color, clutter, occlusion and noise. Seven classes
//! differ by outline (the figure is painted in one tone), three by texture (the outline is then any of three). Contrast
//! has either sign and lighting differs more between images than figure and background do, so single pixels say little:
//! a linear classifier stays far below what a small convolutional network learns.
//!
//! The bytes must be the same on every machine, so this module uses integers only: no floating point, no library
//! function that may round differently, no generator whose algorithm may change. The digests are pinned in the tests.
//! A change of any byte needs a new name for the data set.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

/// Pixels on each side of an image.
const SIDE: usize = 32;

/// Color channels of a pixel: red, green, blue.
const CHANNELS: usize = 3;

/// Images in the training split.
const TRAIN_IMAGES: usize = 5000;

/// Images in the evaluation split.
const EVAL_IMAGES: usize = 2000;

/// Classes. Image `i` is of class `i mod 10`, so every class is equally frequent.
const CLASSES: usize = 10;

/// Draws both splits, about 21.5 MB, always the same bytes: training images and labels, evaluation images and labels.
pub(crate) fn generate() -> Vec<u8> {
    let train = draw_split(b"hlb-bench shapes v1 train split.", TRAIN_IMAGES);
    let evaluation = draw_split(b"hlb-bench shapes v1 eval split..", EVAL_IMAGES);
    [train, evaluation].concat()
}

/// Images, then labels. The images are drawn side by side; each has a stream of its own, so the number of threads changes
/// no byte.
fn draw_split(key: &[u8; 32], count: usize) -> Vec<u8> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = count.div_ceil(threads);
    let mut bytes: Vec<u8> = thread::scope(|scope| {
        let draw = |first: usize| scope.spawn(move || draw_images(key, first..count.min(first + share)));
        let workers: Vec<_> = (0..count).step_by(share).map(draw).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("drawing does not panic")).collect()
    });
    bytes.extend((0..10).cycle().take(count));
    bytes
}

fn draw_images(key: &[u8; 32], indices: Range<usize>) -> Vec<u8> {
    indices.flat_map(|index| draw_image(index % CLASSES, &mut Dice::new(key, index)).bytes()).collect()
}

/// Random whole numbers of one image: `ChaCha` with 8 rounds, the split's name as key, the image's index as stream.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(key: &[u8; 32], index: usize) -> Self {
        let mut generator = ChaCha8Rng::from_seed(*key);
        generator.set_stream(index as u64);
        Self(generator)
    }

    /// A number in `low..=high`: the next 32 bits `r` give `low + floor(r * (high - low + 1) / 2^32)`.
    ///
    /// No draw is rejected. The bias is below one in a million for the small ranges here.
    fn pick(&mut self, low: i32, high: i32) -> i32 {
        let count = i64::from(high - low + 1);
        let offset = (i64::from(self.0.next_u32()) * count) >> 32;
        low + i32::try_from(offset).expect("the offset is less than the count")
    }

    /// -1 or 1.
    fn sign(&mut self) -> i32 {
        2 * self.pick(0, 1) - 1
    }

    /// Zero on average, within `-reach..=reach`, values near zero likelier: the difference of two uniform numbers,
    /// made of the low and the high half of the next 32 bits by the rule of [`Dice::pick`].
    fn noise(&mut self, reach: u16) -> i32 {
        let bits = self.0.next_u32();
        let scaled = |half: u32| ((half * (u32::from(reach) + 1)) >> 16).cast_signed();
        scaled(bits & 0xffff) - scaled(bits >> 16)
    }
}

/// Red, green and blue, nominally 0 to 255; clamped only when the image is finished.
type Color = [i32; CHANNELS];

/// A color whose channels differ from `brightness` by at most `spread`.
fn tinted(dice: &mut Dice, brightness: i32, spread: u16) -> Color {
    [0; CHANNELS].map(|_: i32| brightness + dice.noise(spread))
}

fn shifted(color: Color, by: Color) -> Color {
    [color[0] + by[0], color[1] + by[1], color[2] + by[2]]
}

/// Draws background, clutter, figure, occlusion and noise over one another.
fn draw_image(class: usize, dice: &mut Dice) -> Canvas {
    let background = tinted(dice, 0, 32);
    let background = shifted(background, [dice.pick(64, 192); CHANNELS]);
    let mut canvas = Canvas::lit(background, dice);
    for _ in 0..dice.pick(1, 4) {
        draw_clutter(&mut canvas, background, dice);
    }
    let frame = figure_frame(dice);
    let figure =
        Figure { outline: outline_of(class, dice), texture: texture_of(class), tones: tones(background, dice) };
    canvas.paint(&frame, &figure);
    draw_occlusion(&mut canvas, &frame, background, dice);
    canvas.add_noise(dice);
    canvas
}

/// Two tones that differ from the background and from each other, one brighter and one darker.
fn tones(background: Color, dice: &mut Dice) -> [Color; 2] {
    let sign = dice.sign();
    [sign, -sign].map(|sign| {
        let contrast = sign * dice.pick(28, 80);
        shifted(background, tinted(dice, contrast, 28))
    })
}

/// A small bar or disc that means nothing, anywhere in the image.
fn draw_clutter(canvas: &mut Canvas, background: Color, dice: &mut Dice) {
    let center = [dice.pick(0, SIDE_UNITS), dice.pick(0, SIDE_UNITS)];
    let radii = [dice.pick(2 * UNIT, 7 * UNIT), dice.pick(UNIT, 2 * UNIT)];
    let frame = Frame::new(center, dice.pick(0, 63), radii);
    let outline = if dice.sign() > 0 { Outline::Disc } else { Outline::Square };
    let tones = tones(background, dice);
    canvas.paint(&frame, &Figure { outline, texture: Texture::Plain, tones });
}

/// A bar across part of the figure, in a tone of its own.
fn draw_occlusion(canvas: &mut Canvas, figure: &Frame, background: Color, dice: &mut Dice) {
    let center = figure.center.map(|middle| middle + dice.sign() * dice.pick(4 * UNIT, 9 * UNIT));
    let frame = Frame::new(center, dice.pick(0, 63), [dice.pick(4 * UNIT, 9 * UNIT), dice.pick(UNIT, 3 * UNIT)]);
    let tones = tones(background, dice);
    canvas.paint(&frame, &Figure { outline: Outline::Square, texture: Texture::Plain, tones });
}

/// Place, direction and size of the figure: it may leave the image by a little.
fn figure_frame(dice: &mut Dice) -> Frame {
    let center = [dice.pick(11 * UNIT, 21 * UNIT), dice.pick(11 * UNIT, 21 * UNIT)];
    let radius = dice.pick(7 * UNIT, 13 * UNIT);
    let aspect = dice.pick(80, 125);
    Frame::new(center, dice.pick(0, 63), [radius * aspect / 100, radius * 100 / aspect])
}

/// Units of length per pixel.
const UNIT: i32 = 8;
/// Side of an image in units.
const SIDE_UNITS: i32 = 32 * UNIT;
/// Where the four samples of a pixel lie along each axis, in units from its edge.
const SAMPLES: [i32; 4] = [1, 3, 5, 7];
/// Radius of a figure in its own frame.
const RADIUS: i32 = 1024;
/// Sines of multiples of 1/64 turn up to a quarter turn, in 1/16384, rounded to the nearest.
const SINES: [i32; 17] =
    [0, 1606, 3196, 4756, 6270, 7723, 9102, 10394, 11585, 12665, 13623, 14449, 15137, 15679, 16069, 16305, 16384];

/// Sine of `turns` 64ths of a full turn, in 1/16384.
fn sine(turns: i32) -> i32 {
    let turns = turns.rem_euclid(64);
    let quarter = |index: i32| SINES[usize::try_from(index).expect("an index into a quarter turn is 0 to 16")];
    match turns {
        0..=16 => quarter(turns),
        17..=32 => quarter(32 - turns),
        33..=48 => -quarter(turns - 32),
        _ => -quarter(64 - turns),
    }
}

/// Maps places of the image into the frame of a figure, whose radius there is [`RADIUS`].
struct Frame {
    /// Column and row of the figure's middle, in units.
    center: [i32; 2],
    /// Nothing farther away than this, along an axis, is painted, in units: corners reach 1.11 radii.
    reach: i32,
    /// Rows of the inverse matrix, in 1/65536 of a frame unit per unit.
    inverse: [[i64; 2]; 2],
}

impl Frame {
    /// `turns` counts 64ths of a full turn; `radii` are in units.
    fn new(center: [i32; 2], turns: i32, radii: [i32; 2]) -> Self {
        // (1 / 16384 of a sine) * 1024 * 65536 / radius, shortened.
        let entry = |sine: i32, radius: i32| i64::from(sine) * 4096 / i64::from(radius);
        let (sine, cosine) = (sine(turns), sine(turns + 16));
        let inverse =
            [[entry(cosine, radii[0]), entry(sine, radii[0])], [entry(-sine, radii[1]), entry(cosine, radii[1])]];
        Self { center, reach: 9 * radii[0].max(radii[1]) / 8 + 1, inverse }
    }

    /// Frame coordinates of a place in the image.
    fn locate(&self, column: i32, row: i32) -> [i32; 2] {
        let (dx, dy) = (i64::from(column - self.center[0]), i64::from(row - self.center[1]));
        self.inverse.map(|line| {
            let place = (line[0] * dx + line[1] * dy) >> 16;
            i32::try_from(place).expect("an image spans few thousand frame units")
        })
    }

    /// Pixels along axis 0 (columns) or 1 (rows) that the figure can touch.
    fn span(&self, axis: usize) -> Range<usize> {
        let pixel = |unit: i32| usize::try_from(unit.clamp(0, SIDE_UNITS) / UNIT).expect("clamped to the image");
        pixel(self.center[axis] - self.reach)..pixel(self.center[axis] + self.reach + UNIT - 1)
    }
}

/// What is painted: an outline, filled with a texture of two tones.
struct Figure {
    outline: Outline,
    texture: Texture,
    tones: [Color; 2],
}

/// The edge of a figure.
#[derive(Clone, Copy)]
enum Outline {
    Disc,
    Ring,
    Crescent,
    Triangle,
    Square,
    Cross,
    Star,
}

/// What is inside of a figure.
#[derive(Clone, Copy)]
enum Texture {
    Plain,
    Stripes,
    Checks,
    Dots,
}

fn outline_of(class: usize, dice: &mut Dice) -> Outline {
    use Outline::{Crescent, Cross, Disc, Ring, Square, Star, Triangle};
    let plain = [Disc, Ring, Crescent, Triangle, Square, Cross, Star];
    let any = [Disc, Square, Triangle][usize::try_from(dice.pick(0, 2)).expect("drawn from 0 to 2")];
    plain.get(class).copied().unwrap_or(any)
}

fn texture_of(class: usize) -> Texture {
    match class {
        7 => Texture::Stripes,
        8 => Texture::Checks,
        9 => Texture::Dots,
        _ => Texture::Plain,
    }
}

impl Outline {
    /// Whether a place of the frame is inside.
    fn holds(self, place: [i32; 2]) -> bool {
        let [u, v] = place;
        match self {
            Self::Disc => within(place, 900),
            Self::Ring => within(place, 1000) && !within(place, 560),
            Self::Crescent => within(place, RADIUS) && !within([u - 480, v], 820),
            Self::Triangle => half_planes(place, &TRIANGLE, 512) == 3,
            Self::Square => u.abs().max(v.abs()) <= 800,
            Self::Cross => u.abs().min(v.abs()) <= 290 && u.abs().max(v.abs()) <= 1000,
            // A pentagram is where at most one of the lines through its edges is crossed.
            Self::Star => half_planes(place, &STAR, 350) >= 4,
        }
    }
}

impl Texture {
    /// Whether a place of the frame has the second tone.
    fn second_tone(self, place: [i32; 2]) -> bool {
        let cell = place.map(|along| along.rem_euclid(CELL));
        match self {
            Self::Plain => false,
            Self::Stripes => cell[0] < CELL / 2,
            Self::Checks => (cell[0] < CELL / 2) != (cell[1] < CELL / 2),
            Self::Dots => within(cell.map(|along| along - CELL / 2), CELL / 3),
        }
    }
}

/// Normals of a regular triangle's edges, in 1/16384, rounded to the nearest.
const TRIANGLE: [[i32; 2]; 3] = [[16384, 0], [-8192, 14189], [-8192, -14189]];

/// Normals of a regular pentagon's edges, in 1/16384, rounded to the nearest.
const STAR: [[i32; 2]; 5] = [[16384, 0], [5063, 15582], [-13255, 9630], [-13255, -9630], [5063, -15582]];

/// Length of a texture's period in frame units.
const CELL: i32 = 560;

fn within(place: [i32; 2], radius: i32) -> bool {
    place[0] * place[0] + place[1] * place[1] <= radius * radius
}

/// How many of the lines at `distance` from the middle, across these normals, have the place on their inner side.
fn half_planes(place: [i32; 2], normals: &[[i32; 2]], distance: i32) -> usize {
    let inside = |normal: &&[i32; 2]| place[0] * normal[0] + place[1] * normal[1] <= distance << 14;
    normals.iter().filter(inside).count()
}

/// An image while it is drawn.
struct Canvas([[Color; SIDE]; SIDE]);

impl Canvas {
    /// The background under a light that falls off across the image.
    fn lit(background: Color, dice: &mut Dice) -> Self {
        let slopes = [(); 2].map(|()| {
            let light = dice.noise(72);
            tinted(dice, light, 16)
        });
        let mut canvas = Self([[background; SIDE]; SIDE]);
        for (row, line) in (0_i32..).zip(&mut canvas.0) {
            for (column, pixel) in (0_i32..).zip(line) {
                *pixel = std::array::from_fn(|channel| {
                    let rise = slopes[0][channel] * (2 * column - 31) + slopes[1][channel] * (2 * row - 31);
                    background[channel] + (rise >> 6)
                });
            }
        }
        canvas
    }

    /// Lays a figure over what is there; pixels on its edge are mixed from 16 samples.
    fn paint(&mut self, frame: &Frame, figure: &Figure) {
        for row in frame.span(1) {
            for column in frame.span(0) {
                let counts = count_samples(frame, figure, column, row);
                self.0[row][column] = mixed(self.0[row][column], figure.tones, counts);
            }
        }
    }

    /// Adds grain to the brightness and, less, to each channel.
    fn add_noise(&mut self, dice: &mut Dice) {
        for pixel in self.0.as_flattened_mut() {
            let grain = dice.noise(20);
            *pixel = shifted(*pixel, tinted(dice, grain, 12));
        }
    }

    /// In the order row, column, channel.
    fn bytes(&self) -> Vec<u8> {
        let byte = |value: &i32| u8::try_from((*value).clamp(0, 255)).expect("clamped to a byte");
        self.0.as_flattened().as_flattened().iter().map(byte).collect()
    }
}

/// How many of a pixel's 16 samples have each tone.
fn count_samples(frame: &Frame, figure: &Figure, column: usize, row: usize) -> [i32; 2] {
    let corner = [column, row].map(|index| i32::try_from(index).expect("a pixel of the image") * UNIT);
    let mut counts = [0; 2];
    for y in SAMPLES {
        for x in SAMPLES {
            let place = frame.locate(corner[0] + x, corner[1] + y);
            if figure.outline.holds(place) {
                counts[usize::from(figure.texture.second_tone(place))] += 1;
            }
        }
    }
    counts
}

fn mixed(under: Color, tones: [Color; 2], counts: [i32; 2]) -> Color {
    let bare = 16 - counts[0] - counts[1];
    std::array::from_fn(|channel| {
        (under[channel] * bare + tones[0][channel] * counts[0] + tones[1][channel] * counts[1] + 8) >> 4
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::OnceLock;

    use super::*;
    use crate::arrays::Arrays;
    use hlb_core::artifact::sha256_hex;

    /// Names of the classes, at the index of their label.
    const NAMES: [&str; CLASSES] =
        ["disc", "ring", "crescent", "triangle", "square", "cross", "star", "stripes", "checks", "dots"];

    const IMAGE: usize = SIDE * SIDE * CHANNELS;

    fn shapes() -> &'static Arrays {
        static SHAPES: OnceLock<Arrays> = OnceLock::new();
        let shapes = || crate::by_id("shapes").expect("shipped").shapes(None).expect("of one size");
        SHAPES.get_or_init(|| Arrays::new(generate(), shapes()).expect("they fit the manifest"))
    }

    #[test]
    fn the_bytes_are_pinned() {
        assert_eq!(
            shapes().parts().map(|part| sha256_hex(part).to_string()),
            [
                "3d0b6bebd936160fdb04a542b508d3b9b01fddcc62eee73a2bb6480796b5e657",
                "c9a54e6bf707245247bf724c88fc4a21e5cac18c8d2d759bc64d14a3b99c008a",
                "8d2df16516113082b7836eeb22119188624aeb0aa3470bc3f391bf1ea0da9eba",
                "19efeabbd5fed476d80e2ce2609cdc76c23b9694a1631c6371599ab362810a91",
            ]
        );
    }

    #[test]
    fn each_split_has_as_many_pictures_of_every_class() {
        let [train_images, train_labels, eval_images, eval_labels] = shapes().parts();
        for (images, labels, count) in
            [(train_images, train_labels, TRAIN_IMAGES), (eval_images, eval_labels, EVAL_IMAGES)]
        {
            assert_eq!(images.len(), count * IMAGE);
            assert_eq!(labels.len(), count);
            let mut frequency = [0; CLASSES];
            for label in labels {
                frequency[usize::from(*label)] += 1;
            }
            assert_eq!(frequency, [count / CLASSES; CLASSES]);
        }
    }

    #[test]
    fn the_manifest_names_the_classes_in_their_order() {
        let manifest = crate::by_id("shapes").expect("shipped");
        assert_eq!(manifest.classes.iter().map(hlb_core::text::SafeText::as_str).collect::<Vec<_>>(), NAMES);
    }

    #[test]
    fn no_picture_occurs_twice() {
        let all = shapes().train_images().chunks(IMAGE).chain(shapes().eval_images().chunks(IMAGE));
        let distinct: HashSet<&[u8]> = all.collect();
        assert_eq!(distinct.len(), TRAIN_IMAGES + EVAL_IMAGES);
    }

    #[test]
    fn brightness_of_single_pixels_does_not_show_the_class() {
        let (images, labels) = (shapes().train_images(), shapes().train_labels());
        let mut sums = [0_u64; CLASSES];
        for (image, label) in images.chunks(IMAGE).zip(labels) {
            sums[usize::from(*label)] += image.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        }
        let per_class = (images.len() / CLASSES) as u64;
        let means = sums.map(|sum| sum / per_class);
        let (least, most) = (means.iter().min(), means.iter().max());
        let spread = most.zip(least).map(|(most, least)| most - least);
        // Grounds alone differ by up to 128, and a mean over 500 of them by a few.
        assert!(spread.is_some_and(|spread| spread <= 8), "{means:?}");
    }

    #[test]
    fn the_sine_table_closes_a_full_turn() {
        for turns in 0..64 {
            assert_eq!(sine(turns), -sine(turns + 32));
            assert_eq!(sine(turns), sine(turns - 64));
            let square = sine(turns).pow(2) + sine(turns + 16).pow(2);
            assert!((square - (1 << 28)).abs() < 1 << 15, "{turns}: {square}");
        }
    }

    #[test]
    fn a_figure_is_painted_where_its_frame_says() {
        let tones = [[200; CHANNELS], [0; CHANNELS]];
        let figure = Figure { outline: Outline::Square, texture: Texture::Plain, tones };
        let mut canvas = Canvas([[[100; CHANNELS]; SIDE]; SIDE]);
        canvas.paint(&Frame::new([8 * UNIT, 20 * UNIT], 0, [4 * UNIT, 2 * UNIT]), &figure);
        assert_eq!(canvas.0[20][8], tones[0], "the middle");
        assert_eq!(canvas.0[20][10], tones[0], "inside along the columns");
        assert_eq!(canvas.0[23][8], [100; CHANNELS], "outside along the rows");
        assert_eq!(canvas.0[8][20], [100; CHANNELS], "rows and columns are not exchanged");
    }
}
