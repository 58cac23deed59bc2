//! Calls to libjpeg, the only unsafe code of the decoder.
//!
//! The input comes as in Pillow, in pieces of 64 KiB from a source that suspends when it is empty, since libjpeg's results
//! for damaged and truncated files depend on that. Warnings are not errors. libjpeg reports an error by unwinding through
//! its frames, which are built for that; no unwinding leaves this module.

#![expect(unsafe_code, reason = "libjpeg is a C library")]

use std::any::Any;
use std::mem::{MaybeUninit, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use mozjpeg_sys as sys;
use sys::{c_int, c_long, jpeg_common_struct, jpeg_decompress_struct};

use super::ImageError;
use hlb_core::text;

/// Results of `jpeg_read_header`: the input is empty; the file has tables but no image.
const SUSPENDED: c_int = 0;
const TABLES_ONLY: c_int = 2;

/// Pillow's `MAXBLOCK`, in bytes.
const PIECE: usize = 65_536;

/// Most bytes of libjpeg's own memory, above all the coefficients of an image in several scans: enough for 40
/// megapixels of three channels at full resolution, or for [`super::MOST_PIXELS`] with the usual coarser chroma.
const MOST_BYTES: c_long = 256 << 20;

/// Most scans: each costs a pass over the whole image, however few bytes it has itself.
const MOST_SCANS: c_int = 500;

/// Most pixels of all scans of an image: 31 scans of the largest one, and most progressive images have ten.
const MOST_SCANNED: u64 = 2_000_000_000;

/// What libjpeg said, on its way from a callback to [`decode`].
struct GaveUp(String);

/// As many zeros as libjpeg wants to see ahead before it decodes the fast way: ten blocks of eight times 64 bytes.
const AHEAD: usize = 10 * 8 * 64;

/// The pixels of an image of 1, 3 or 4 `layers`, in the memory of `spare`: one byte a pixel if it is gray, else four: red,
/// green, blue, 255, or the inks as the file holds them.
///
/// libjpeg decodes slowly near the end of its input, which is half of a small file. So a file that ends properly gets some
/// zeros after its end. They are not a marker and come after one, so they are never read as pixels.
pub(super) fn decode(bytes: &[u8], size: (u32, u32), layers: u8, spare: Vec<u8>) -> Result<Vec<u8>, ImageError> {
    let work = move |bytes: &[u8]| {
        let work = AssertUnwindSafe(|| Session::new(bytes).decode(size, layers, spare));
        catch_unwind(work).unwrap_or_else(|payload| Err(refusal(payload)))
    };
    if bytes.len() > PIECE || !bytes.ends_with(&[0xff, 0xd9]) {
        return work(bytes);
    }
    match work(&[bytes, &[0; AHEAD]].concat()) {
        Err(ImageError::Truncated { .. }) => Err(ImageError::Truncated { length: bytes.len() }),
        other => other,
    }
}

/// The error in the payload of our own unwinding; any other unwinding goes on.
fn refusal(payload: Box<dyn Any + Send>) -> ImageError {
    match payload.downcast::<GaveUp>() {
        Ok(gave_up) => ImageError::Damaged { message: gave_up.0 },
        Err(other) => resume_unwind(other),
    }
}

/// A source of bytes, and how many more to leave out when they come.
#[repr(C)]
struct Source {
    manager: sys::jpeg_source_mgr,
    skip: usize,
}

/// Everything that libjpeg keeps addresses of, in one box so that they stay valid.
struct State {
    info: jpeg_decompress_struct,
    errors: sys::jpeg_error_mgr,
    source: Source,
    progress: sys::jpeg_progress_mgr,
}

/// One decompression.
struct Session<'a> {
    state: *mut State,
    bytes: &'a [u8],
    /// How many of the bytes libjpeg was given so far.
    given: usize,
}

impl<'a> Session<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let state = Box::into_raw(Box::new(MaybeUninit::<State>::zeroed())).cast::<State>();
        // SAFETY: all fields are C structures of numbers, pointers, enumerations with a zero and optional functions, so
        // zeros are valid. The box is ours alone until `drop`, and everything is set up in the order libjpeg asks for.
        unsafe {
            (*state).source.manager = source_of(bytes);
            (*state).progress.progress_monitor = Some(count_scans);
            let errors = sys::jpeg_std_error(&mut (*state).errors);
            errors.error_exit = Some(give_up);
            errors.output_message = Some(say_nothing);
            (*state).info.common.err = &raw mut (*state).errors;
            sys::jpeg_create_decompress(&raw mut (*state).info);
            (*state).info.src = (&raw mut (*state).source).cast();
            (*state).info.common.progress = &raw mut (*state).progress;
            (*(*state).info.common.mem).max_memory_to_use = MOST_BYTES;
        }
        Self { state, bytes, given: 0 }
    }

    /// libjpeg's structure.
    fn info(&mut self) -> &mut jpeg_decompress_struct {
        // SAFETY: the state lives until `drop`, and the borrow ends before anything else touches the structure.
        unsafe { &mut (*self.state).info }
    }

    /// Gives libjpeg the next piece; an error if there are no more.
    fn more(&mut self) -> Result<(), ImageError> {
        let truncated = ImageError::Truncated { length: self.bytes.len() };
        // SAFETY: the source is a part of the state, and libjpeg is not running.
        let source = unsafe { &mut (*self.state).source };
        while self.given < self.bytes.len() {
            let kept = source.manager.bytes_in_buffer;
            let next = (self.given + PIECE).min(self.bytes.len());
            let unread = &self.bytes[self.given - kept..next];
            self.given = next;
            source.manager.next_input_byte = unread.as_ptr();
            source.manager.bytes_in_buffer = unread.len();
            source.leave_out(source.skip);
            if source.skip == 0 {
                return Ok(());
            }
        }
        Err(truncated)
    }

    /// Repeats a step that stops when the input is empty.
    fn finish<T>(&mut self, mut step: impl FnMut(&mut Self) -> Option<T>) -> Result<T, ImageError> {
        loop {
            if let Some(done) = step(self) {
                return Ok(done);
            }
            self.more()?;
        }
    }

    fn decode(mut self, size: (u32, u32), layers: u8, mut pixels: Vec<u8>) -> Result<Vec<u8>, ImageError> {
        let (width, height) = size;
        self.more()?;
        self.finish(Self::header)?;
        if (self.info().image_width, self.info().image_height) != size {
            return Err(ImageError::Header { why: "it describes two images" });
        }
        let (space, channels) = match layers {
            1 => (sys::JCS_GRAYSCALE, 1),
            3 => (sys::JCS_EXT_RGBX, 4),
            _ => (sys::JCS_CMYK, 4),
        };
        self.info().out_color_space = space;
        // SAFETY: the header has been read.
        self.finish(|session| (unsafe { sys::jpeg_start_decompress(session.info()) } != 0).then_some(()))?;
        if usize::try_from(self.info().output_components) != Ok(channels) || self.info().output_width != width {
            return Err(ImageError::Header { why: "it describes two images" });
        }
        pixels.resize(width as usize * height as usize * channels, 0);
        let mut rows: Vec<*mut u8> =
            pixels.chunks_exact_mut(width as usize * channels).map(<[u8]>::as_mut_ptr).collect();
        while self.info().output_scanline < height {
            self.finish(|session| session.rows(&mut rows))?;
        }
        // An image with all its rows and no end marker is accepted.
        // SAFETY: all rows have been read.
        unsafe { sys::jpeg_finish_decompress(self.info()) };
        Ok(pixels)
    }

    /// Reads the header up to the first scan.
    fn header(&mut self) -> Option<()> {
        loop {
            // SAFETY: the structure has been created and has a source.
            match unsafe { sys::jpeg_read_header(self.info(), 0) } {
                TABLES_ONLY => {}
                SUSPENDED => return None,
                _ => return Some(()),
            }
        }
    }

    /// Reads as many of the missing rows as libjpeg gives at once.
    fn rows(&mut self, rows: &mut [*mut u8]) -> Option<()> {
        let missing = &mut rows[self.info().output_scanline as usize..];
        let most = u32::try_from(missing.len()).unwrap_or(u32::MAX);
        // SAFETY: decompression has begun, and each row has room for `output_width` times `output_components` bytes, which
        // `decode` has compared. Nothing else uses the rows while their addresses are here.
        let count = unsafe { sys::jpeg_read_scanlines(self.info(), missing.as_mut_ptr(), most) };
        (count > 0).then_some(())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: `new` made both, and nothing uses them any more.
        unsafe {
            sys::jpeg_destroy_decompress(&mut (*self.state).info);
            drop(Box::from_raw(self.state.cast::<MaybeUninit<State>>()));
        }
    }
}

impl Source {
    /// Leaves out bytes, and remembers how many are missing for that.
    fn leave_out(&mut self, count: usize) {
        let now = count.min(self.manager.bytes_in_buffer);
        self.skip = count - now;
        self.manager.bytes_in_buffer -= now;
        self.manager.next_input_byte = self.manager.next_input_byte.wrapping_add(now);
    }
}

/// A source without input yet, which suspends instead of waiting.
fn source_of(bytes: &[u8]) -> sys::jpeg_source_mgr {
    sys::jpeg_source_mgr {
        next_input_byte: bytes.as_ptr(),
        bytes_in_buffer: 0,
        init_source: Some(do_nothing),
        fill_input_buffer: Some(run_dry),
        skip_input_data: Some(skip),
        resync_to_restart: Some(sys::jpeg_resync_to_restart),
        term_source: Some(do_nothing),
    }
}

unsafe extern "C-unwind" fn do_nothing(_: &mut jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn run_dry(_: &mut jpeg_decompress_struct) -> sys::boolean {
    0
}

unsafe extern "C-unwind" fn say_nothing(_: &mut jpeg_common_struct) {}

unsafe extern "C-unwind" fn skip(info: &mut jpeg_decompress_struct, count: c_long) {
    // SAFETY: the only source that this module sets is a `Source`, of which the manager is the first field.
    let source = unsafe { &mut *info.src.cast::<Source>() };
    source.leave_out(usize::try_from(count).unwrap_or(0));
}

/// libjpeg's exit. It must not return.
unsafe extern "C-unwind" fn give_up(info: &mut jpeg_common_struct) {
    type Format = unsafe extern "C-unwind" fn(*mut jpeg_common_struct, *mut u8);
    // JMSG_LENGTH_MAX.
    let mut message = [0_u8; 200];
    // SAFETY: the binding's type says 80 bytes that are only read; libjpeg writes up to 200, which are here. The error
    // manager is the one that `jpeg_std_error` filled.
    unsafe {
        if let Some(format) = (*info.err).format_message {
            let format: Format = std::mem::transmute(format);
            format(info, message.as_mut_ptr());
        }
    }
    let said = message.split(|&byte| byte == 0).next().unwrap_or_default();
    resume_unwind(Box::new(GaveUp(text::show(&String::from_utf8_lossy(said)))));
}

/// Called now and then; stops an image that is all scans.
unsafe extern "C-unwind" fn count_scans(info: &mut jpeg_common_struct) {
    // SAFETY: this module makes only decompressors, and they begin with the common structure.
    let info = unsafe { &*ptr::from_mut(info).cast::<jpeg_decompress_struct>() };
    if info.input_scan_number > MOST_SCANS {
        resume_unwind(Box::new(GaveUp(format!("it has more than {MOST_SCANS} scans"))));
    }
    let scans = u64::try_from(info.input_scan_number).unwrap_or(0);
    // Neither side is over 65,535, so this does not overflow.
    if scans * u64::from(info.image_width) * u64::from(info.image_height) > MOST_SCANNED {
        resume_unwind(Box::new(GaveUp(format!("its scans are more than {MOST_SCANNED} pixels"))));
    }
}

// `skip` and `count_scans` rely on it.
const _: () = assert!(offset_of!(Source, manager) == 0 && offset_of!(jpeg_decompress_struct, common) == 0);
