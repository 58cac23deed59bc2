//! PNG as Pillow reads it: every color type, depth and interlacing, converted to RGB.
//!
//! The crate `png` reads the format. As in Pillow, checksums are verified before the image data but not after it, a missing
//! end is accepted, and transparency is dropped. Rows are converted one at a time, so memory is bounded by the image size.

use std::io::{Cursor, ErrorKind};

use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, InterlaceInfo, Limits, Reader};

use super::{DecodedImage, ImageError, PIXEL, room};
use hlb_core::text;

/// Most bytes that the crate may reserve: for a row of the widest image, `MOST_SIDE` pixels of 8 bytes, and for metadata.
const LIMIT: usize = 64 << 20;

/// The image in the bytes of a PNG file, the signature of which has been seen.
pub(super) fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageError> {
    let refused = |error| refusal(error, bytes.len());
    let mut checked = decoder(bytes, false);
    let (width, height) = checked.read_header_info().map_err(refused)?.size();
    let room = room(width, height)?;
    checked.read_info().map_err(refused)?;
    let mut reader = decoder(bytes, true).read_info().map_err(refused)?;
    // The first frame of an animation may say that it is smaller.
    if reader.info().frame_control.is_some_and(|frame| (frame.width, frame.height) != (width, height)) {
        return Err(ImageError::Header { why: "its first frame has another size" });
    }
    let mut pixels = vec![u8::MAX; room];
    place(&mut reader, &mut pixels).map_err(refused)?;
    Ok(DecodedImage::from_pixels(width, height, pixels))
}

/// Width and height of an image that may be decoded.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    let header =
        decoder(bytes, false).read_header_info().map(png::Info::size).map_err(|error| refusal(error, bytes.len()));
    let (width, height) = header?;
    room(width, height)?;
    Ok((width, height))
}

fn decoder(bytes: &[u8], ignores_checksums: bool) -> Decoder<Cursor<&[u8]>> {
    let mut options = DecodeOptions::default();
    options.set_ignore_crc(ignores_checksums);
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    options.set_skip_ancillary_crc_failures(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(Limits { bytes: LIMIT });
    decoder
}

fn refusal(error: DecodingError, length: usize) -> ImageError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => ImageError::Truncated { length },
        other => ImageError::Damaged { message: text::show(&other.to_string()) },
    }
}

/// Converts each row and writes its pixels to their places.
fn place(reader: &mut Reader<Cursor<&[u8]>>, pixels: &mut [u8]) -> Result<(), DecodingError> {
    let (color, depth) = reader.output_color_type();
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let palette = reader.info().palette.clone().unwrap_or_default();
    let bits = color.samples() * depth as usize;
    let mut line = Vec::new();
    for y in 0.. {
        // Reading past the last row would read the rest of the data, which may be missing.
        if y == height && !reader.info().interlaced {
            break;
        }
        let Some(row) = reader.next_interlaced_row()? else { break };
        let columns = (row.data().len() * 8 / bits).min(width);
        let colors = (0..columns).map(|column| pixel(color, depth, &palette, row.data(), column));
        match row.interlace() {
            InterlaceInfo::Null(_) => {
                let places = pixels[y * width * PIXEL..].as_chunks_mut().0;
                places.iter_mut().zip(colors).for_each(|(place, color)| *place = color);
            }
            InterlaceInfo::Adam7(info) => {
                line.clear();
                line.extend(colors.flatten());
                png::expand_interlaced_row(pixels, width * PIXEL, &line, info, 32);
            }
        }
    }
    Ok(())
}

/// One pixel of a row. Entries that a palette lacks are black.
fn pixel(color: ColorType, depth: BitDepth, palette: &[u8], row: &[u8], column: usize) -> [u8; PIXEL] {
    let wide = usize::from(depth == BitDepth::Sixteen) + 1;
    let start = column * color.samples() * wide;
    let depth = depth as u8;
    let [red, green, blue] = match color {
        ColorType::Indexed => {
            let entry = palette.as_chunks().0.get(usize::from(sample(row, column, depth)));
            entry.copied().unwrap_or_default()
        }
        ColorType::Grayscale if depth < 8 => [sample(row, column, depth) * (u8::MAX / ((1 << depth) - 1)); 3],
        // Pillow keeps 16 bits of gray and clips them to 8 bits. Of other colors it keeps the high byte.
        ColorType::Grayscale if depth == 16 && row[start] > 0 => [u8::MAX; 3],
        ColorType::Grayscale if depth == 16 => [row[start + 1]; 3],
        ColorType::Grayscale | ColorType::GrayscaleAlpha => [row[start]; 3],
        ColorType::Rgb | ColorType::Rgba => [row[start], row[start + wide], row[start + 2 * wide]],
    };
    [red, green, blue, u8::MAX]
}

/// A sample of at most 8 bits of a row of one channel.
fn sample(row: &[u8], column: usize, depth: u8) -> u8 {
    let per_byte = usize::from(8 / depth);
    let place = u8::try_from(column % per_byte).unwrap_or(0);
    let mask = u8::MAX >> (8 - depth);
    row[column / per_byte] >> (8 - depth * (place + 1)) & mask
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
        let mut check = flate2::Crc::new();
        check.update(name);
        check.update(body);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[..], name, body, &check.sum().to_be_bytes()].concat()
    }

    fn head(width: u32, height: u32, depth: u8, color: u8) -> Vec<u8> {
        let mut body = [width.to_be_bytes(), height.to_be_bytes()].concat();
        body.extend([depth, color, 0, 0, 0]);
        chunk(b"IHDR", &body)
    }

    fn png(head: &[u8], extra: &[u8], rows: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(rows).unwrap();
        let data = chunk(b"IDAT", &packer.finish().unwrap());
        [&b"\x89PNG\r\n\x1a\n"[..], head, extra, &data, &chunk(b"IEND", b"")].concat()
    }

    #[test]
    fn filters_look_left_and_up() {
        let rows = [[0, 10, 20, 30], [1, 1, 2, 3], [2, 1, 1, 1], [3, 0, 0, 0], [4, 5, 5, 5]].concat();
        let image = decode(&png(&head(3, 5, 8, 0), b"", &rows)).unwrap();
        let gray: Vec<u8> = image.rgb().chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(gray, [10, 20, 30, 1, 3, 6, 2, 4, 7, 1, 2, 4, 6, 11, 16]);
    }

    #[test]
    fn small_samples_palettes_and_transparency_become_rgb() {
        let bits = decode(&png(&head(3, 1, 1, 0), b"", &[0, 0b1010_0000])).unwrap();
        assert_eq!(bits.rgb(), [[255; 3], [0; 3], [255; 3]].concat());
        let palette = chunk(b"PLTE", &[1, 2, 3, 4, 5, 6]);
        let named = decode(&png(&head(2, 1, 4, 3), &palette, &[0, 0x1f])).unwrap();
        assert_eq!(named.rgb(), [4, 5, 6, 0, 0, 0]);
        let clear = decode(&png(&head(1, 1, 8, 6), b"", &[0, 9, 8, 7, 0])).unwrap();
        assert_eq!(clear.rgb(), [9, 8, 7]);
        let deep = decode(&png(&head(2, 1, 16, 0), b"", &[0, 0, 77, 1, 0])).unwrap();
        assert_eq!(deep.rgb(), [77, 77, 77, 255, 255, 255]);
    }

    #[test]
    fn wrong_and_missing_bytes_are_different_errors() {
        let good = png(&head(2, 2, 8, 0), b"", &[0, 1, 2, 0, 3, 4]);
        assert!(decode(&good).is_ok());
        assert!(decode(&good[..good.len() - 12]).is_ok(), "a missing end is accepted");
        let short = png(&head(2, 3, 8, 0), b"", &[0, 1, 2, 0, 3, 4]);
        assert!(matches!(decode(&short), Err(ImageError::Damaged { .. })));
        let cut = &good[..good.len() - 26];
        assert_eq!(decode(cut), Err(ImageError::Truncated { length: cut.len() }));
        let filter = png(&head(2, 1, 8, 0), b"", &[9, 1, 2]);
        assert!(matches!(decode(&filter), Err(ImageError::Damaged { .. })));
        let mut checksum = good.clone();
        checksum[29] ^= 1;
        assert!(decode(&checksum).unwrap_err().to_string().contains("CRC error"));
        let huge = png(&head(u32::MAX, 9, 8, 0), b"", &[0]);
        assert_eq!(decode(&huge), Err(ImageError::TooLarge { width: u32::MAX, height: 9 }));
    }

    #[test]
    fn an_animation_with_a_smaller_first_frame_is_refused() {
        let control = chunk(b"acTL", &[[0, 0, 0, 1], [0; 4]].concat());
        let frame =
            chunk(b"fcTL", &[[0; 4], [0, 0, 0, 1], [0, 0, 0, 1], [0; 4], [0; 4], [0, 1, 0, 1], [0; 4]].concat()[..26]);
        let error = decode(&png(&head(2, 1, 8, 0), &[control, frame].concat(), &[0, 1, 2])).unwrap_err();
        assert!(matches!(error, ImageError::Header { .. } | ImageError::Damaged { .. }), "{error}");
    }
}
