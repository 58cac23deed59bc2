//! JPEG as Pillow reads it: first its own walk over the header, which decides the number of channels and refuses some
//! files, then libjpeg, then its conversion to RGB.

use super::{DecodedImage, ImageError, libjpeg, room};

/// What the header says of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Frame {
    width: u32,
    height: u32,
    layers: u8,
}

/// The image in the bytes of a JPEG file, in the memory of `spare`.
pub(super) fn decode(bytes: &[u8], spare: Vec<u8>) -> Result<DecodedImage, ImageError> {
    let frame = frame(bytes)?;
    let mut pixels = libjpeg::decode(bytes, (frame.width, frame.height), frame.layers, spare)?;
    match frame.layers {
        1 => pixels = wide(&pixels),
        3 => {}
        _ => pixels.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = from_cmyk(*pixel)),
    }
    Ok(DecodedImage::from_pixels(frame.width, frame.height, pixels))
}

/// Width and height of an image that may be decoded.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    frame(bytes).map(|frame| (frame.width, frame.height))
}

fn frame(bytes: &[u8]) -> Result<Frame, ImageError> {
    // The last of the three bytes by which a JPEG is known begins the first marker.
    let frame = Walk { bytes, place: 2, frame: None, profile: None }.frame()?;
    room(frame.width, frame.height)?;
    Ok(frame)
}

/// Pixels of four bytes, in no more memory than they need.
fn wide(gray: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(gray.len() * super::PIXEL);
    pixels.extend(gray.iter().flat_map(|&gray| [gray, gray, gray, u8::MAX]));
    pixels
}

/// Red, green and blue of the four inks, as Pillow mixes them. It treats the inks of every file as inverted,
/// as Adobe's are, with or without the marker.
fn from_cmyk(inverted: [u8; 4]) -> [u8; 4] {
    let light = u32::from(inverted[3]);
    let ink = |value: u8| {
        let product = u32::from(!value) * light + 128;
        light - (((product >> 8) + product) >> 8).min(light)
    };
    let [red, green, blue, _] = inverted.map(|value| u8::try_from(ink(value)).unwrap_or(u8::MAX));
    [red, green, blue, u8::MAX]
}

const fn bad(why: &'static str) -> ImageError {
    ImageError::Header { why }
}

const CUT: ImageError = bad("a segment is cut short");

/// The walk over the markers up to the first scan.
struct Walk<'a> {
    bytes: &'a [u8],
    place: usize,
    frame: Option<Frame>,
    /// Length of the profile's part that comes first, if there is one.
    profile: Option<&'a [u8]>,
}

impl<'a> Walk<'a> {
    /// The frame in force when the first scan begins.
    fn frame(mut self) -> Result<Frame, ImageError> {
        loop {
            match self.marker()? {
                0xda => {
                    self.segment()?;
                    return self.frame.ok_or(bad("a scan begins before the frame is described"));
                }
                0xc4 | 0xcc | 0xdc | 0xdd | 0xdf => drop(self.segment()?),
                0xdb => tables(self.segment()?)?,
                0xc0..=0xc7 | 0xc9..=0xcf | 0xde => self.described()?,
                marker @ (0xe0..=0xef | 0xfe) => self.application(marker)?,
                0xc8 | 0xd0..=0xd9 | 0xf0..=0xfd => {}
                _ => return Err(bad("no marker where one is due")),
            }
        }
    }

    /// The next marker's second byte. Bytes other than 0xff before it, fill bytes and escaped ones are passed over.
    fn marker(&mut self) -> Result<u8, ImageError> {
        loop {
            let rest = self.bytes.get(self.place..).unwrap_or_default();
            match rest {
                [0xff, 0xff, ..] => self.place += 1,
                [0xff, 0, ..] => self.place += 2,
                [0xff, marker, ..] => {
                    self.place += 2;
                    return Ok(*marker);
                }
                [_, _, ..] => self.place += 1,
                _ => return Err(ImageError::Truncated { length: self.bytes.len() }),
            }
        }
    }

    /// The body of the segment that begins here. A length under two counts as two, as it does for Pillow.
    fn segment(&mut self) -> Result<&'a [u8], ImageError> {
        let truncated = ImageError::Truncated { length: self.bytes.len() };
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let [high, low, body @ ..] = rest else { return Err(truncated) };
        let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(2);
        self.place += 2 + length;
        body.get(..length).ok_or(truncated)
    }

    fn described(&mut self) -> Result<(), ImageError> {
        let [bits, h0, h1, w0, w1, layers, components @ ..] = self.segment()? else { return Err(CUT) };
        if *bits != 8 {
            return Err(bad("the image has not 8 bits a channel"));
        }
        if !matches!(layers, 1 | 3 | 4) {
            return Err(bad("the image has not 1, 3 or 4 channels"));
        }
        if self.profile.take().is_some_and(|part| part.len() < 14) || !components.len().is_multiple_of(3) {
            return Err(CUT);
        }
        let [height, width] = [[*h0, *h1], [*w0, *w1]].map(|pair| u32::from(u16::from_be_bytes(pair)));
        self.frame = Some(Frame { width, height, layers: *layers });
        Ok(())
    }

    /// Metadata changes no pixel, but Pillow refuses some that is cut short.
    fn application(&mut self, marker: u8) -> Result<(), ImageError> {
        let body = self.segment()?;
        let cut = match marker {
            0xe0 => body.starts_with(b"JFIF") && body.len() < 7,
            0xed => body.strip_prefix(b"Photoshop 3.0\0").is_some_and(resources_cut),
            0xee => body.starts_with(b"Adobe") && body.len() < 7,
            _ => false,
        };
        if marker == 0xe2 && body.starts_with(b"ICC_PROFILE\0") {
            self.profile = Some(self.profile.map_or(body, |first| first.min(body)));
        }
        if cut { Err(CUT) } else { Ok(()) }
    }
}

/// Whether a list of Photoshop's resources ends within a name; anywhere else Pillow lets it end.
fn resources_cut(mut body: &[u8]) -> bool {
    while let Some([_, _, rest @ ..]) = body.strip_prefix(b"8BIM") {
        let Some(&length) = rest.first() else { return true };
        let name = (1 + usize::from(length)).next_multiple_of(2);
        let Some([a, b, c, d, data @ ..]) = rest.get(name..) else { return false };
        let size = (u32::from_be_bytes([*a, *b, *c, *d]) as usize).next_multiple_of(2);
        body = data.get(size..).unwrap_or_default();
    }
    false
}

/// Quantization tables have 64 entries of one or two bytes each.
fn tables(mut body: &[u8]) -> Result<(), ImageError> {
    while let Some(first) = body.first() {
        let length = if *first < 16 { 65 } else { 129 };
        body = body.get(length..).ok_or(bad("a quantization table is cut short"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageError> {
        super::decode(bytes, vec![3; 99])
    }

    /// 8 x 8 pixels of the gray 128: one block, all of its coefficients zero.
    fn gray() -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
        bytes.extend([1; 64]);
        bytes.extend(b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0");
        for class in [0x00, 0x10] {
            bytes.extend(b"\xff\xc4\0\x14");
            bytes.extend([class, 1]);
            bytes.extend([0; 16]);
        }
        bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\x3f\xff\xd9");
        bytes
    }

    #[test]
    fn a_picture_is_decoded_and_a_description_changes_nothing() {
        let plain = decode(&gray()).unwrap();
        assert_eq!(plain, DecodedImage::new(8, 8, &[128; 192]));
        let mut described = gray();
        described.splice(2..2, b"\xff\xe1\0\x04ab".iter().copied());
        assert_eq!(decode(&described).unwrap(), plain);
    }

    #[test]
    fn what_is_cut_anywhere_is_refused() {
        let whole = gray();
        for length in 3..whole.len() - 2 {
            let error = decode(&whole[..length]).expect_err("cut");
            assert!(!matches!(error, ImageError::Damaged { .. }), "{length}: {error:?}");
        }
        let truncated = decode(&whole[..whole.len() - 3]).unwrap_err();
        assert_eq!(truncated, ImageError::Truncated { length: whole.len() - 3 });
    }

    #[test]
    fn libjpegs_own_words_are_in_the_error() {
        let mut bytes = gray();
        let frame = bytes.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
        bytes[frame + 1] = 0xc5;
        let message = decode(&bytes).unwrap_err().to_string();
        assert_eq!(message, "cannot be decoded: Unsupported JPEG process: SOF type 0xc5");
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        let mut bytes = gray();
        let frame = bytes.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
        bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        assert_eq!(decode(&bytes), Err(ImageError::TooLarge { width: 65535, height: 65535 }));
    }

    /// The progressive image made this wide and high.
    fn sized(mut bytes: Vec<u8>, side: u16) -> Vec<u8> {
        let frame = bytes.windows(2).position(|pair| pair == b"\xff\xc2").unwrap();
        bytes[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
        bytes[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
        bytes
    }

    #[test]
    fn scans_of_a_large_picture_are_fewer() {
        assert!(decode(&sized(progressive(30), 4000)).is_ok());
        assert!(decode(&sized(progressive(480), 2000)).is_ok());
        let message = decode(&sized(progressive(480), 4000)).unwrap_err().to_string();
        assert_eq!(message, "cannot be decoded: its scans are more than 2000000000 pixels");
    }

    /// The gray image as a progressive one, of that many scans of the mean values.
    fn progressive(scans: usize) -> Vec<u8> {
        let mut bytes = gray();
        let frame = bytes.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
        bytes[frame + 1] = 0xc2;
        bytes.truncate(bytes.windows(2).position(|pair| pair == b"\xff\xda").unwrap());
        bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\0\x7f".repeat(scans));
        bytes.extend(b"\xff\xd9");
        bytes
    }

    #[test]
    fn a_picture_that_is_all_scans_is_refused() {
        assert_eq!(decode(&progressive(500)).unwrap().rgb(), [128; 192]);
        let message = decode(&progressive(502)).unwrap_err().to_string();
        assert_eq!(message, "cannot be decoded: it has more than 500 scans");
    }

    #[test]
    fn what_libjpeg_keeps_itself_is_bounded() {
        let mut bytes = progressive(1);
        let frame = bytes.windows(2).position(|pair| pair == b"\xff\xc2").unwrap();
        let four = b"\xff\xc2\0\x14\x08\x1f\x40\x1f\x40\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0";
        bytes.splice(frame..frame + 13, four.iter().copied());
        let message = decode(&bytes).unwrap_err().to_string();
        assert_eq!(message, "cannot be decoded: Backing store not supported");
    }

    #[test]
    fn inks_are_mixed_as_pillow_mixes_them() {
        assert_eq!(from_cmyk([255, 255, 255, 255]), [255, 255, 255, 255]);
        assert_eq!(from_cmyk([255, 255, 255, 0]), [0, 0, 0, 255]);
        assert_eq!(from_cmyk([0, 128, 255, 255]), [0, 128, 255, 255]);
        assert_eq!(from_cmyk([200, 100, 50, 180]), [141, 71, 35, 255]);
    }
}
