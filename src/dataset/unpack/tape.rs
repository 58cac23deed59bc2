//! The unpacked stream of an archive: blocks, headers whose checksum is right, and an end with nothing behind it.

use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::GzDecoder;
use tar::Header;

use super::error::UnpackError;

/// Bytes of a header, and what members are padded to.
pub(super) const BLOCK: usize = 512;

/// Size of the one buffer that members go through, in bytes.
pub(super) const BUFFER: usize = 1 << 16;

/// Most zero bytes after the end mark. `tar` fills up to a record, of 10 KiB unless asked for more.
const PADDING_CAP: u64 = 1 << 20;

/// An error about a header.
pub(super) fn wrong<T>(place: u64, problem: &'static str) -> Result<T, UnpackError> {
    Err(UnpackError::Header { place, problem })
}

/// Counts what is read.
pub(super) struct Counted<R> {
    pub(super) inner: R,
    pub(super) bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// The unpacked stream, read from its beginning to its end.
pub(super) struct Tape<'a, R> {
    gzip: GzDecoder<BufReader<Counted<R>>>,
    /// Bytes of the unpacked stream so far.
    pub(super) place: u64,
    buffer: Vec<u8>,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a, R: Read> Tape<'a, R> {
    pub(super) fn new(archive: R, progress: &'a mut dyn FnMut(u64)) -> Self {
        let counted = BufReader::with_capacity(BUFFER, Counted { inner: archive, bytes: 0 });
        Self { gzip: GzDecoder::new(counted), place: 0, buffer: vec![0; BUFFER], progress }
    }

    /// The next `length` bytes (at most [`BUFFER`]).
    pub(super) fn next(&mut self, length: usize) -> Result<&[u8], UnpackError> {
        let piece = &mut self.buffer[..length];
        self.gzip.read_exact(piece).map_err(|source| unreadable(self.place, source))?;
        self.place += length as u64;
        (self.progress)(self.gzip.get_ref().get_ref().bytes);
        Ok(piece)
    }

    /// Gives a member's data to `sink` piece by piece, and skips what fills up its last block.
    pub(super) fn pour(
        &mut self,
        bytes: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let mut rest = bytes;
        while rest > 0 {
            let length = usize::try_from(rest).map_or(BUFFER, |rest| rest.min(BUFFER));
            sink(self.next(length)?)?;
            rest -= length as u64;
        }
        let over = usize::try_from(bytes % BLOCK as u64).expect("less than a block");
        self.next((BLOCK - over) % BLOCK).map(|_| ())
    }

    /// The next header, once its checksum is right; `None` for a block of zeros, the end mark.
    pub(super) fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let place = self.place;
        let block = self.next(BLOCK)?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(block);
        let mut summed = header.clone();
        summed.set_cksum();
        match (header.cksum(), summed.cksum()) {
            (Ok(stated), Ok(sum)) if stated == sum => Ok(Some(summed)),
            _ => wrong(place, "has a wrong checksum"),
        }
    }

    /// Reads on from the end mark to the end of the file: zeros, the checksum of the stream, and nothing more.
    pub(super) fn finish(mut self) -> Result<(), UnpackError> {
        let mut zeros = 0;
        loop {
            let count = self.gzip.read(&mut self.buffer).map_err(|source| unreadable(self.place, source))?;
            if count == 0 {
                break;
            }
            zeros += count as u64;
            if self.buffer[..count].iter().any(|byte| *byte != 0) {
                return Err(UnpackError::Trailing { problem: "there is data after the end mark" });
            }
            if zeros > PADDING_CAP {
                return Err(UnpackError::Trailing { problem: "there is more than 1 MiB of zeros after the end mark" });
            }
        }
        let after = self.gzip.get_mut().fill_buf().map_err(|source| UnpackError::Read { source })?;
        if after.is_empty() {
            return Ok(());
        }
        Err(UnpackError::Trailing { problem: "there are bytes after the compressed stream" })
    }
}

/// Tells an archive that ends early from one that is damaged, and both from a disk that cannot be read.
fn unreadable(place: u64, source: io::Error) -> UnpackError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => UnpackError::Truncated { place },
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => UnpackError::Damaged { place, source },
        _ => UnpackError::Read { source },
    }
}
