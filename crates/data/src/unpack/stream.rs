//! The unpacked stream of an archive: where it is read, and that nothing follows its end.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::error::UnpackError;

/// Bytes read at once.
pub(super) const BUFFER: usize = 1 << 16;

/// Most zero bytes after the end mark. `tar` fills up to a record, of 10 KiB unless asked for more.
const PADDING_CAP: u64 = 1 << 20;

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

/// Offsets in the unpacked stream, shared with the reader inside `tar`.
#[derive(Default)]
pub(super) struct Position {
    /// Bytes read so far.
    read: Cell<u64>,
    /// Where the present member ends and the header of the next one begins.
    pub(super) member_end: Cell<u64>,
}

impl Position {
    /// The error for an archive that ends early, is damaged, has a header that `tar` refuses, or cannot be read.
    pub(super) fn unreadable(&self, source: io::Error) -> UnpackError {
        let place = self.read.get();
        match source.kind() {
            io::ErrorKind::UnexpectedEof => UnpackError::Truncated { place },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => UnpackError::Damaged { place, source },
            io::ErrorKind::Other => UnpackError::Header { place: self.member_end.get(), problem: source.to_string() },
            _ => UnpackError::Read { source },
        }
    }
}

/// The unpacked stream as `tar` reads it. Its end is an error, since an archive ends with a mark before it.
pub(super) struct Stream<'a, R> {
    gzip: GzDecoder<BufReader<Counted<R>>>,
    position: &'a Position,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a, R: Read> Stream<'a, R> {
    pub(super) fn new(archive: R, position: &'a Position, progress: &'a mut dyn FnMut(u64)) -> Self {
        let counted = BufReader::with_capacity(BUFFER, Counted { inner: archive, bytes: 0 });
        Self { gzip: GzDecoder::new(counted), position, progress }
    }

    /// Reads on from the end mark to the end of the file: zeros, the checksum of the stream, and nothing more.
    pub(super) fn finish(mut self) -> Result<(), UnpackError> {
        let mut buffer = vec![0; BUFFER];
        let mut zeros = 0;
        loop {
            let count = self.gzip.read(&mut buffer).map_err(|source| self.position.unreadable(source))?;
            if count == 0 {
                break;
            }
            zeros += count as u64;
            if buffer[..count].iter().any(|byte| *byte != 0) {
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

impl<R: Read> Read for Stream<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = &self.position.read;
        let count = self.gzip.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read.set(read.get() + count as u64);
        (self.progress)(self.gzip.get_ref().get_ref().bytes);
        Ok(count)
    }
}
