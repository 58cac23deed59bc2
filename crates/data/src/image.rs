//! Images as Pillow's `Image.open(file).convert("RGB")` gives them: JPEG and PNG, recognized by their
//! first bytes and not by name.
//!
//! What Pillow refuses is refused here, and what it repairs is repaired the same way: JPEGs are decoded by the same
//! library from the same input in the same pieces. Orientation, color profiles and transparency are ignored. Callers name
//! the file in their own errors.

mod jpeg;
mod libjpeg;
mod png;

/// What shapes the decoded and resized pixels, for the digests of caches and for results.
///
/// It has to change with any byte that [`decode`] or the resizer gives.
pub(crate) const DECODER: &str = "mozjpeg-sys 2.2.3, png 1, fast_image_resize 6.1 in the order of Pillow 13";

/// Most pixels of an image, since a file of a few bytes may state any size.
pub const MOST_PIXELS: u64 = 64_000_000;

/// Longest side of an image, which is libjpeg's limit, too: resizing a longer one costs far more than its pixels.
pub const MOST_SIDE: u32 = 65_500;

/// Bytes of a pixel of a [`DecodedImage`].
const PIXEL: usize = 4;

/// A decoded image: rows from the top, columns from the left.
///
/// A pixel has four bytes as in Pillow (red, green, blue and 255), which suits vector instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedImage {
    width: u32,
    height: u32,
    /// Row, column, and then red, green, blue, 255.
    pub(crate) pixels: Vec<u8>,
}

impl DecodedImage {
    /// An image of the given bytes: row, column, and then red, green, blue.
    #[cfg(test)]
    pub(crate) fn new(width: u32, height: u32, rgb: &[u8]) -> Self {
        assert_eq!(rgb.len(), width as usize * height as usize * 3, "three bytes a pixel");
        let with_a_fourth = |pixel: &[u8; 3]| [pixel[0], pixel[1], pixel[2], u8::MAX];
        Self::from_pixels(width, height, rgb.as_chunks().0.iter().flat_map(with_a_fourth).collect())
    }

    fn from_pixels(width: u32, height: u32, pixels: Vec<u8>) -> Self {
        assert!(width > 0 && height > 0, "an image has pixels");
        assert_eq!(pixels.len(), width as usize * height as usize * PIXEL, "four bytes a pixel");
        Self { width, height, pixels }
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The bytes: row, column, and then red, green, blue.
    pub fn rgb(&self) -> Vec<u8> {
        self.pixels.as_chunks::<PIXEL>().0.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect()
    }
}

/// Why bytes are not an accepted image. The messages follow the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ImageError {
    /// No bytes at all.
    #[error("is empty")]
    Empty,
    /// An image of a format that is not read.
    #[error("is an image in the format {format}; only JPEG and PNG are read")]
    Format { format: &'static str },
    /// Not the first bytes of any image.
    #[error("is neither a JPEG nor a PNG image")]
    Unknown,
    /// The bytes end before the image does.
    #[error("is truncated: its {length} bytes end before the image does")]
    Truncated { length: usize },
    /// A header that breaks a rule.
    #[error("has a header that cannot be read: {why}")]
    Header { why: &'static str },
    /// The decoder failed.
    #[error("cannot be decoded: {message}")]
    Damaged { message: String },
    /// More pixels than [`MOST_PIXELS`], or more than [`MOST_SIDE`] a side.
    #[error(
        "says it is {width} x {height} pixels large; at most {most} pixels are decoded, {side} a side",
        most = MOST_PIXELS,
        side = MOST_SIDE
    )]
    TooLarge { width: u32, height: u32 },
}

/// The image in the bytes of a file.
///
/// At most [`MOST_PIXELS`] pixels are decoded, which bounds the memory needed.
pub fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageError> {
    decode_with(bytes, Vec::new())
}

/// [`decode`] in memory that is there already. What is in it does not matter.
pub(crate) fn decode_with(bytes: &[u8], spare: Vec<u8>) -> Result<DecodedImage, ImageError> {
    match bytes {
        [] => Err(ImageError::Empty),
        [0xff, 0xd8, 0xff, ..] => jpeg::decode(bytes, spare),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => png::decode(bytes),
        _ => Err(other_format(bytes).map_or(ImageError::Unknown, |format| ImageError::Format { format })),
    }
}

/// How many pixels [`decode`] will hold, by the header alone.
pub(crate) fn pixels(bytes: &[u8]) -> Result<u64, ImageError> {
    let (width, height) = match bytes {
        [0xff, 0xd8, 0xff, ..] => jpeg::size(bytes)?,
        [0x89, b'P', b'N', b'G', ..] => png::size(bytes)?,
        _ => (0, 0),
    };
    Ok(u64::from(width) * u64::from(height))
}

/// The name of a format that Pillow would read and we do not.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("GIF"),
        [b'B', b'M', ..] => Some("BMP"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("WebP"),
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => Some("TIFF"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => Some("AVIF"),
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] => Some("JPEG 2000"),
        _ => None,
    }
}

/// Bytes of a [`DecodedImage`]'s pixels; an error for too many or none.
fn room(width: u32, height: u32) -> Result<usize, ImageError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS || width.max(height) > MOST_SIDE {
        return Err(ImageError::TooLarge { width, height });
    }
    match usize::try_from(pixels * PIXEL as u64) {
        Ok(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(ImageError::Header { why: "the image has no pixels" }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats_are_recognized_by_their_first_bytes() {
        let message = |bytes: &[u8]| decode(bytes).expect_err("no image").to_string();
        assert_eq!(message(b""), "is empty");
        assert_eq!(message(b"GIF89a......"), "is an image in the format GIF; only JPEG and PNG are read");
        assert_eq!(message(b"RIFF\0\0\0\0WEBPVP8 "), "is an image in the format WebP; only JPEG and PNG are read");
        assert_eq!(message(b"<!DOCTYPE html>"), "is neither a JPEG nor a PNG image");
        assert_eq!(message(b"\xff\xd8"), "is neither a JPEG nor a PNG image");
    }

    #[test]
    fn no_pixels_and_too_many_are_refused_before_memory_is_asked_for() {
        assert_eq!(room(8000, 8000), Ok(256_000_000));
        assert_eq!(room(8001, 8000), Err(ImageError::TooLarge { width: 8001, height: 8000 }));
        assert!(room(u32::MAX, u32::MAX).is_err());
        assert_eq!(room(MOST_SIDE, 977), Ok(4 * 65_500 * 977));
        for (width, height) in [(1, 64_000_000), (64_000_000, 1), (65_501, 1), (1, 65_501)] {
            assert_eq!(room(width, height), Err(ImageError::TooLarge { width, height }));
        }
        assert!(room(0, 5).is_err());
    }

    proptest! {
        #[test]
        fn strange_bytes_never_panic(
            start in prop::sample::select(vec![&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b""]),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _refused = decode(&[start, &bytes].concat());
        }
    }
}
