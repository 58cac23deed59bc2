//! PNG as Pillow reads it: every colour type, depth and interlacing, converted to RGB.
//!
//! Check sums count before the picture's data and not after, a missing end is no fault, and rows that are there are not
//! refused for what follows them. Transparency is dropped. Rows are inflated one at a time, so that a bomb costs no more
//! memory than the picture that it says it is.

use flate2::{Decompress, FlushDecompress, Status};

use super::{PIXEL, Picture, PictureError, room};

/// Largest number of bytes of one row: a pixel has at most four channels of 16 bits.
const MOST_PIXEL_BYTES: usize = 8;

const fn bad(why: &'static str) -> PictureError {
    PictureError::Header { why }
}

fn damaged(message: &str) -> PictureError {
    PictureError::Damaged { message: message.to_owned() }
}

/// What the colours of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    Grey,
    Rgb,
    Palette,
    GreyAlpha,
    RgbAlpha,
}

impl Colour {
    fn channels(self) -> usize {
        match self {
            Self::Grey | Self::Palette => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::RgbAlpha => 4,
        }
    }
}

/// The header chunk.
#[derive(Clone, Copy, Debug)]
struct Head {
    width: u32,
    height: u32,
    /// Bits a channel: 1, 2, 4, 8 or 16.
    depth: u8,
    colour: Colour,
    interlaced: bool,
}

impl Head {
    fn parse(body: &[u8]) -> Result<Self, PictureError> {
        let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, _, filters, interlaced, ..] = *body else {
            return Err(bad("its header chunk is too short"));
        };
        let colour = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => Colour::Grey,
            (2, 8 | 16) => Colour::Rgb,
            (3, 1 | 2 | 4 | 8) => Colour::Palette,
            (4, 8 | 16) => Colour::GreyAlpha,
            (6, 8 | 16) => Colour::RgbAlpha,
            _ => return Err(bad("there is no such colour type and depth")),
        };
        if filters != 0 {
            return Err(bad("there is no such set of filters"));
        }
        let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        Ok(Self { width, height, depth, colour, interlaced: interlaced != 0 })
    }

    /// Bytes of a row of so many pixels.
    fn row_bytes(self, pixels: usize) -> usize {
        (pixels * self.colour.channels() * usize::from(self.depth)).div_ceil(8)
    }

    /// How far back the filters look, in bytes.
    fn step(self) -> usize {
        self.row_bytes(1)
    }
}

/// One chunk: its name and the bytes of it that are there.
struct Chunk<'a> {
    name: [u8; 4],
    body: &'a [u8],
    whole: bool,
    /// Whether the check sum is there and right.
    checked: bool,
}

/// The chunks of a file, to the first that is none.
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let (head, after) = self.rest.split_at_checked(8)?;
        let (length, name) = head.split_at(4);
        let name: [u8; 4] = name.try_into().ok()?;
        if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return None;
        }
        let length = length.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let body = &after[..length.min(after.len())];
        let sum = after.get(length..).and_then(|after| after.get(..4));
        self.rest = after.get(length + 4..).unwrap_or_default();
        let mut check = flate2::Crc::new();
        if name != *b"IDAT" {
            check.update(&name);
            check.update(body);
        }
        let checked = sum == Some(&check.sum().to_be_bytes()[..]);
        Some(Chunk { name, body, whole: body.len() == length, checked })
    }
}

/// The picture in the bytes of a PNG file, the signature of which has been seen.
pub(super) fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
    let truncated = PictureError::Truncated { length: bytes.len() };
    let mut chunks = Chunks { rest: &bytes[8..] };
    let (head, palette, first) = preface(&mut chunks, &truncated)?;
    let mut pixels = vec![u8::MAX; room(head.width, head.height)?];
    let mut rows = Rows { inflater: Decompress::new(true), piece: first, chunks, truncated };
    if head.interlaced {
        for pass in PASSES {
            rows.place(head, &palette, pass, &mut pixels)?;
        }
    } else {
        rows.place(head, &palette, WHOLE, &mut pixels)?;
    }
    rows.epilogue()?;
    Ok(Picture::from_pixels(head.width, head.height, pixels))
}

type Preface<'a> = (Head, [[u8; 3]; 256], &'a [u8]);

/// All before the picture's data, and the first chunk of the data.
fn preface<'a>(chunks: &mut Chunks<'a>, truncated: &PictureError) -> Result<Preface<'a>, PictureError> {
    let mut head = None;
    let mut palette = [[0; 3]; 256];
    loop {
        let chunk = chunks.next().ok_or(bad("its chunks end before the picture's data"))?;
        match &chunk.name {
            b"IDAT" => {
                let head: Head = head.ok_or(bad("the picture's data come before the header chunk"))?;
                return Ok((head, palette, chunk.body));
            }
            b"IEND" => return Err(bad("it has no data of the picture")),
            _ if !chunk.whole => return Err(truncated.clone()),
            _ if !chunk.checked => return Err(bad("a check sum before the picture's data is wrong")),
            b"IHDR" => head = Some(Head::parse(chunk.body)?),
            b"PLTE" => {
                for (entry, colour) in palette.iter_mut().zip(chunk.body.chunks_exact(3)) {
                    entry.copy_from_slice(colour);
                }
            }
            _ => {}
        }
    }
}

/// Where the pixels of one pass lie: first column and row, and the steps from one to the next.
#[derive(Clone, Copy)]
struct Pass {
    left: usize,
    top: usize,
    across: usize,
    down: usize,
}

const WHOLE: Pass = Pass { left: 0, top: 0, across: 1, down: 1 };

/// Adam7. Source: the PNG specification, section 8.2.
const PASSES: [Pass; 7] = [
    Pass { left: 0, top: 0, across: 8, down: 8 },
    Pass { left: 4, top: 0, across: 8, down: 8 },
    Pass { left: 0, top: 4, across: 4, down: 8 },
    Pass { left: 2, top: 0, across: 4, down: 4 },
    Pass { left: 0, top: 2, across: 2, down: 4 },
    Pass { left: 1, top: 0, across: 2, down: 2 },
    Pass { left: 0, top: 1, across: 1, down: 2 },
];

/// The rows of the picture's data, inflated as they are asked for.
struct Rows<'a> {
    inflater: Decompress,
    /// What is left of the present chunk of data.
    piece: &'a [u8],
    /// The chunks after it.
    chunks: Chunks<'a>,
    truncated: PictureError,
}

impl Rows<'_> {
    /// Reads the rows of one pass and puts their pixels where they belong.
    fn place(
        &mut self,
        head: Head,
        palette: &[[u8; 3]; 256],
        pass: Pass,
        pixels: &mut [u8],
    ) -> Result<(), PictureError> {
        let (width, height) = (head.width as usize, head.height as usize);
        let columns = width.saturating_sub(pass.left).div_ceil(pass.across);
        if columns == 0 {
            return Ok(());
        }
        let length = head.row_bytes(columns);
        debug_assert!(length <= columns * MOST_PIXEL_BYTES, "rows are bounded by pixels");
        let (mut before, mut row) = (vec![0; length], vec![0; length + 1]);
        for y in (pass.top..height).step_by(pass.down) {
            self.fill(&mut row)?;
            unfilter(&mut row, &before, head.step())?;
            let line = &mut pixels[y * width * PIXEL..(y + 1) * width * PIXEL];
            for column in 0..columns {
                let start = PIXEL * (pass.left + column * pass.across);
                line[start..start + 3].copy_from_slice(&pixel(head, palette, &row[1..], column));
            }
            before.copy_from_slice(&row[1..]);
        }
        Ok(())
    }

    /// Fills a row, its filter byte included.
    fn fill(&mut self, row: &mut [u8]) -> Result<(), PictureError> {
        let mut filled = 0;
        while filled < row.len() {
            // The inflater may hold back what it has read, so an empty piece is handed over as well.
            let count = self.inflate(&mut row[filled..])?;
            filled += count;
            if count == 0 && self.piece.is_empty() {
                let next = self.chunks.next().filter(|chunk| chunk.name == *b"IDAT");
                self.piece = next.ok_or_else(|| self.truncated.clone())?.body;
            }
        }
        Ok(())
    }

    /// Inflates some of the present piece. Returns how many bytes that gave.
    fn inflate(&mut self, out: &mut [u8]) -> Result<usize, PictureError> {
        let (taken, given) = (self.inflater.total_in(), self.inflater.total_out());
        let status = self.inflater.decompress(self.piece, out, FlushDecompress::None);
        let status = status.map_err(|_error| damaged("its compressed data are broken"))?;
        let advance = |now: u64, then: u64| usize::try_from(now - then).unwrap_or(usize::MAX);
        self.piece = &self.piece[advance(self.inflater.total_in(), taken)..];
        let count = advance(self.inflater.total_out(), given);
        if status == Status::StreamEnd && count < out.len() {
            return Err(self.truncated.clone());
        }
        Ok(count)
    }

    /// What follows the data may say anything but must not be cut within a chunk.
    fn epilogue(self) -> Result<(), PictureError> {
        let Self { chunks, truncated, .. } = self;
        let mut rest = chunks.take_while(|chunk| chunk.name != *b"IEND");
        if rest.all(|chunk| chunk.whole) { Ok(()) } else { Err(truncated) }
    }
}

/// Undoes the filter that the first byte of a row names.
fn unfilter(row: &mut [u8], before: &[u8], step: usize) -> Result<(), PictureError> {
    let Some((filter, row)) = row.split_first_mut() else { return Ok(()) };
    let left = |row: &[u8], index: usize| if index < step { 0 } else { row[index - step] };
    for index in 0..row.len() {
        let (a, b, c) = (left(row, index), before[index], left(before, index));
        let guess = match filter {
            0 => return Ok(()),
            1 => a,
            2 => b,
            3 => u8::midpoint(a, b),
            4 => paeth(a, b, c),
            _ => return Err(damaged("a row names no filter that there is")),
        };
        row[index] = row[index].wrapping_add(guess);
    }
    Ok(())
}

/// The neighbour nearest to `a + b - c`, in the order left, above, above left. Source: the specification, section 9.4.
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let [left, above, corner] = [a, b, c].map(i16::from);
    let guess = left + above - corner;
    let [near_left, near_above, near_corner] = [left, above, corner].map(|value| (guess - value).abs());
    if near_left <= near_above && near_left <= near_corner {
        a
    } else if near_above <= near_corner {
        b
    } else {
        c
    }
}

/// One pixel of an unfiltered row.
fn pixel(head: Head, palette: &[[u8; 3]; 256], row: &[u8], column: usize) -> [u8; 3] {
    let wide = usize::from(head.depth == 16) + 1;
    let start = column * head.colour.channels() * wide;
    match head.colour {
        Colour::Palette => palette[usize::from(sample(row, column, head.depth))],
        Colour::Grey if head.depth < 8 => [sample(row, column, head.depth) * (u8::MAX / ((1 << head.depth) - 1)); 3],
        // Pillow keeps 16 bits of grey, and cuts off what 8 bits cannot hold. Of all other colours it keeps the high byte.
        Colour::Grey if head.depth == 16 && row[start] > 0 => [u8::MAX; 3],
        Colour::Grey if head.depth == 16 => [row[start + 1]; 3],
        Colour::Grey | Colour::GreyAlpha => [row[start]; 3],
        Colour::Rgb | Colour::RgbAlpha => [row[start], row[start + wide], row[start + 2 * wide]],
    }
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

    fn head(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
        let mut body = [width.to_be_bytes(), height.to_be_bytes()].concat();
        body.extend([depth, colour, 0, 0, 0]);
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
        let picture = decode(&png(&head(3, 5, 8, 0), b"", &rows)).unwrap();
        let grey: Vec<u8> = picture.rgb().chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(grey, [10, 20, 30, 1, 3, 6, 2, 4, 7, 1, 2, 4, 6, 11, 16]);
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
    fn wrong_and_missing_bytes_are_told_apart() {
        let good = png(&head(2, 2, 8, 0), b"", &[0, 1, 2, 0, 3, 4]);
        assert!(decode(&good).is_ok());
        assert!(decode(&good[..good.len() - 12]).is_ok(), "a missing end is no fault");
        let short = png(&head(2, 3, 8, 0), b"", &[0, 1, 2, 0, 3, 4]);
        assert_eq!(decode(&short), Err(PictureError::Truncated { length: short.len() }));
        let filter = png(&head(2, 1, 8, 0), b"", &[9, 1, 2]);
        assert_eq!(decode(&filter), Err(damaged("a row names no filter that there is")));
        let mut check = good.clone();
        check[29] ^= 1;
        assert_eq!(decode(&check), Err(bad("a check sum before the picture's data is wrong")));
        let bomb = png(&head(u32::MAX, 9, 8, 0), b"", &[0]);
        assert_eq!(decode(&bomb), Err(PictureError::TooLarge { width: u32::MAX, height: 9 }));
    }
}
