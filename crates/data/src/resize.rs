//! Images resized to the size of a track, as torchvision resizes a Pillow image.
//!
//! The filter is Pillow's, a triangle as wide as the image shrinks, and so is the order of its two passes: rows and
//! columns are resized one after the other, and between the two every value is rounded to a byte. The weights have fewer
//! bits than Pillow's, which moves a few values in a thousand by one. The bytes do not depend on the instruction
//! set of the machine. Random crops and flips are a part of training, not of this module.

use std::fmt;
use std::ops::Range;

use fast_image_resize as fir;
use fir::images::{Image, ImageRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::DecodedImage;

/// How an image of any size becomes a square. The side is in pixels, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Resize {
    /// Both sides at once, whatever becomes of the aspect ratio: torchvision's `Resize((side, side))`.
    Squash {
        /// Side of the square.
        side: u32,
    },
    /// torchvision's `Resize(side)`, then its `CenterCrop(side)`.
    ShortestSideThenCentreCrop {
        /// Side of the square.
        side: u32,
    },
}

impl Resize {
    /// Side of the square, in pixels.
    pub fn side(self) -> u32 {
        match self {
            Self::Squash { side } | Self::ShortestSideThenCentreCrop { side } => side,
        }
    }

    /// Bytes of one resized image.
    pub fn bytes(self) -> usize {
        let side = self.side() as usize;
        side * side * 3
    }

    /// Width and height of the whole image once resized; the square is cut from its center.
    fn scaled(self, width: u32, height: u32) -> (u64, u64) {
        let (width, height, side) = (u64::from(width), u64::from(height), u64::from(self.side()));
        match self {
            Self::Squash { .. } => (side, side),
            Self::ShortestSideThenCentreCrop { .. } if width <= height => (side, side * height / width),
            Self::ShortestSideThenCentreCrop { .. } => (side * width / height, side),
        }
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Squash { side } => write!(formatter, "squashed to {side}x{side}"),
            Self::ShortestSideThenCentreCrop { side } => {
                write!(formatter, "shortest side resized to {side}, then the {side}x{side} in the middle")
            }
        }
    }
}

/// One direction of a resize: a segment of pixels, whole ones or not, becomes the side of the square.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    /// Length of the image, in pixels.
    whole: u32,
    /// Where the segment begins.
    start: f64,
    /// How long it is.
    length: f64,
}

impl Axis {
    /// The `side` pixels in the center of `whole` pixels made `scaled` pixels long.
    fn new(whole: u32, scaled: u64, side: u32) -> Self {
        let scale = f64::from(whole) / real(scaled);
        let start = real(center_offset(scaled, u64::from(side))) * scale;
        Self { whole, start, length: (f64::from(side) * scale).min(f64::from(whole) - start) }
    }

    /// The pixels that the filter reaches from the segment, and some more.
    fn reach(self, side: u32) -> Range<u32> {
        let reach = (self.length / f64::from(side)).max(1.0) + 2.0;
        let end = (self.start + self.length + reach).ceil();
        truncated(self.start - reach)..truncated(end).min(self.whole)
    }
}

/// Where a square of `side` begins in the center of `scaled` pixels: Python's `round`, which takes halves to even.
fn center_offset(scaled: u64, side: u64) -> u64 {
    let spare = scaled - side;
    let half = spare / 2;
    if spare.is_multiple_of(2) || half.is_multiple_of(2) { half } else { half + 1 }
}

#[expect(clippy::cast_precision_loss, reason = "a size in pixels is far below 2^53")]
fn real(pixels: u64) -> f64 {
    pixels as f64
}

/// A coordinate rounded toward zero, at least zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in an image; below zero is zero")]
fn truncated(place: f64) -> u32 {
    place as u32
}

/// Whether Pillow shrinks the columns before the rows: when they lose more than twice as many pixels.
///
/// The order shows in the rounding between the two. Pillow before 13 always begins with the rows.
fn columns_first(from: (u32, u32), to: (u64, u64)) -> bool {
    let lost = |from: u32, to: u64| i128::from(from) - i128::from(to);
    let (rows, columns) = (lost(from.0, to.0), lost(from.1, to.1));
    columns > 0 && columns > 2 * rows
}

/// Resizes images one after the other; the memory for that is kept from one to the next.
#[derive(Debug, Default)]
pub struct Resizer {
    inner: fir::Resizer,
    between: Vec<u8>,
    square: Vec<u8>,
}

impl Resizer {
    /// A resizer that uses the best instructions of the machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes an image's `side * side * 3` bytes: row, column, channel.
    ///
    /// # Panics
    ///
    /// If `out` has another length, or the side is zero.
    pub fn apply(&mut self, image: &DecodedImage, resize: Resize, out: &mut [u8]) {
        let side = resize.side();
        assert!(side > 0, "a square has pixels");
        assert_eq!(out.len(), resize.bytes(), "room for one resized image");
        let (from, to) = ((image.width(), image.height()), resize.scaled(image.width(), image.height()));
        let (across, down) = (Axis::new(from.0, to.0, side), Axis::new(from.1, to.1, side));
        let (mut between, mut square) = (std::mem::take(&mut self.between), std::mem::take(&mut self.square));
        square.resize(bytes(side, side), 0);
        if columns_first(from, to) {
            between.resize(bytes(from.0, side), 0);
            self.columns(&image.pixels, from.0, down, side, &mut between);
            self.rows(&between, side, across, side, &mut square);
        } else {
            let needed = down.reach(side);
            let rows = needed.end - needed.start;
            between.resize(bytes(side, rows), 0);
            let source = &image.pixels[bytes(from.0, needed.start)..bytes(from.0, needed.end)];
            self.rows(source, rows, across, side, &mut between);
            // The same segment of the rows that are left.
            let down = Axis { whole: rows, start: down.start - f64::from(needed.start), ..down };
            self.columns(&between, side, down, side, &mut square);
        }
        for (pixel, out) in square.as_chunks::<4>().0.iter().zip(out.as_chunks_mut().0) {
            let [red, green, blue, _] = *pixel;
            *out = [red, green, blue];
        }
        (self.between, self.square) = (between, square);
    }

    /// Resizes each of some rows to `side` pixels.
    fn rows(&mut self, source: &[u8], rows: u32, across: Axis, side: u32, out: &mut [u8]) {
        let segment = (across.start, 0.0, across.length, f64::from(rows));
        self.pass((source, across.whole, rows), segment, out, (side, rows));
    }

    /// Resizes each of some columns to `side` pixels.
    fn columns(&mut self, source: &[u8], columns: u32, down: Axis, side: u32, out: &mut [u8]) {
        let segment = (0.0, down.start, f64::from(columns), down.length);
        self.pass((source, columns, down.whole), segment, out, (columns, side));
    }

    /// Resizes a segment (left, top, width, height) of an image in one direction. What goes before width and height
    /// are the bytes.
    fn pass(&mut self, from: (&[u8], u32, u32), segment: (f64, f64, f64, f64), out: &mut [u8], to: (u32, u32)) {
        let source = ImageRef::new(from.1, from.2, from.0, fir::PixelType::U8x4).expect("four bytes a pixel");
        let mut target =
            Image::from_slice_u8(to.0, to.1, out, fir::PixelType::U8x4).expect("room for four bytes a pixel");
        let options = fir::ResizeOptions::new()
            .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Bilinear))
            .use_alpha(false)
            .crop(segment.0, segment.1, segment.2, segment.3);
        self.inner.resize(&source, &mut target, &options).expect("the segment lies within the image");
    }
}

/// Bytes of an image of four bytes a pixel.
fn bytes(width: u32, height: u32) -> usize {
    width as usize * height as usize * 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resized(image: &DecodedImage, resize: Resize) -> Vec<u8> {
        let mut out = vec![0; resize.bytes()];
        Resizer::new().apply(image, resize, &mut out);
        out
    }

    fn ramp(width: u32, height: u32) -> DecodedImage {
        let pixel =
            |index: u32| [index % 251, index / 7 % 256, index * 5 % 256].map(|value| u8::try_from(value).unwrap());
        DecodedImage::new(width, height, &(0..width * height).flat_map(pixel).collect::<Vec<u8>>())
    }

    #[test]
    fn a_square_of_the_right_size_is_left_as_it_is() {
        let image = ramp(16, 16);
        assert_eq!(resized(&image, Resize::Squash { side: 16 }), image.rgb());
        assert_eq!(resized(&image, Resize::ShortestSideThenCentreCrop { side: 16 }), image.rgb());
    }

    /// The figures are Pillow's: `Image.frombytes("RGB", (4, 1), ...).resize((2, 2), BILINEAR)` and back up.
    #[test]
    fn small_pictures_are_resized_as_pillow_does() {
        let line = DecodedImage::new(4, 1, &[[0; 3], [100; 3], [200; 3], [255; 3]].concat());
        assert_eq!(resized(&line, Resize::Squash { side: 2 }), [[71; 3], [209; 3]].concat().repeat(2));
        let pair = DecodedImage::new(2, 1, &[[0; 3], [255; 3]].concat());
        let grown = [[0; 3], [64; 3], [191; 3], [255; 3]].concat().repeat(4);
        assert_eq!(resized(&pair, Resize::Squash { side: 4 }), grown);
    }

    #[test]
    fn the_centre_is_python_s() {
        let offsets = [(10, 10, 0), (11, 10, 0), (12, 10, 1), (13, 10, 2), (14, 10, 2), (15, 10, 2), (17, 10, 4)];
        for (scaled, side, offset) in offsets {
            assert_eq!(center_offset(scaled, side), offset, "{scaled} {side}");
        }
        assert_eq!(Resize::ShortestSideThenCentreCrop { side: 128 }.scaled(213, 160), (170, 128));
    }

    #[test]
    fn an_endless_strip_costs_no_more_than_its_square() {
        let strip = DecodedImage::new(1, 60_000, &vec![7; 180_000]);
        let out = resized(&strip, Resize::ShortestSideThenCentreCrop { side: 32 });
        assert_eq!(out, vec![7; 32 * 32 * 3]);
    }

    #[test]
    fn it_is_written_by_name() {
        let text = r#"{"kind":"shortest_side_then_centre_crop","side":128}"#;
        let resize: Resize = serde_json::from_str(text).unwrap();
        assert_eq!(resize, Resize::ShortestSideThenCentreCrop { side: 128 });
        assert_eq!(serde_json::to_string(&resize).unwrap(), text);
        assert!(serde_json::from_str::<Resize>(r#"{"kind":"squash","side":1,"more":2}"#).is_err());
    }

    /// The instructions that this machine has, and none.
    fn instructions() -> Vec<fir::CpuExtensions> {
        let best = fir::Resizer::new().cpu_extensions();
        #[cfg(target_arch = "x86_64")]
        return vec![fir::CpuExtensions::None, fir::CpuExtensions::Sse4_1, best];
        #[cfg(not(target_arch = "x86_64"))]
        return vec![fir::CpuExtensions::None, best];
    }

    #[test]
    #[expect(unsafe_code, reason = "the choice of instructions is unsafe to make")]
    fn all_instructions_give_the_same_bytes() {
        let mut resizer = Resizer::new();
        for (width, height) in [(213, 160), (160, 213), (61, 123), (33, 7), (5, 90), (1000, 9)] {
            let image = ramp(width, height);
            for resize in [Resize::Squash { side: 64 }, Resize::ShortestSideThenCentreCrop { side: 48 }] {
                let expected = resized(&image, resize);
                for instructions in instructions() {
                    // SAFETY: every machine that this runs on has had SSE 4.1 for fifteen years, and `best` is its own.
                    unsafe { resizer.inner.set_cpu_extensions(instructions) };
                    let mut out = vec![0; resize.bytes()];
                    resizer.apply(&image, resize, &mut out);
                    assert_eq!(out, expected, "{width} x {height}, {resize:?}, {instructions:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_resizer_remembers_nothing(width in 1_u32..40, height in 1_u32..40, side in 1_u32..20, squash: bool) {
            let resize = if squash { Resize::Squash { side } } else { Resize::ShortestSideThenCentreCrop { side } };
            let (image, mut resizer, mut out) = (ramp(width, height), Resizer::new(), vec![0; resize.bytes()]);
            resizer.apply(&ramp(height, width), resize, &mut out);
            resizer.apply(&image, resize, &mut out);
            prop_assert_eq!(&out, &resized(&image, resize));
            prop_assert!(out.iter().max() <= image.rgb().iter().max(), "no pixel is brighter than all of those it is made of");
        }
    }
}
