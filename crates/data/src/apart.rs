//! Images decoded in a process of its own, which has no key, no environment, no network, and may read nothing but them.
//!
//! `hlb-bench` starts itself with [`DECODE_COMMAND`], sends a line of JSON, and reads lines of JSON until the images come, one
//! after the other in the order of the files. Whatever that process says is a stranger's word: the arrays have a digest.

use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::confine::{Guard, confine};
use crate::decode_all::decode_all;
use crate::error::{DatasetProblem, unreadable};
use crate::file_list::ListedFile;
use crate::resize::Resize;
use hlb_core::artifact::{Sha256Hex, sha256_file, sha256_hex};
use hlb_core::bounded::{self, ReadError};
use hlb_core::text::show;

/// Command of `hlb-bench` that decodes images for its parent.
pub const DECODE_COMMAND: &str = "decode-for-parent";

/// Longest line that is read from the other process, in bytes.
const LINE_CAP: u64 = 64 * 1024;

/// Switches of libjpeg that are handed on: which instructions it uses does not change a byte.
const HANDED_ON: &str = "JSIMD_FORCENONE";

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// From now on images are decoded by this program, which is `hlb-bench`; else in this process.
pub fn decode_apart(program: &Path) {
    PROGRAM.get_or_init(|| program.to_owned());
}

/// What is to be decoded.
#[derive(Serialize, Deserialize)]
struct Job {
    files: Vec<ListedFile>,
    resize: Resize,
    threads: usize,
}

/// What the other process says.
#[derive(Serialize, Deserialize)]
enum Message {
    /// It has given up what it can, which does not include these.
    Without(Vec<Guard>),
    /// So many images are decoded.
    Done(usize),
    /// The file of this number is not an image of the data set.
    Refused(usize, Refusal),
    /// All are decoded; their bytes follow.
    Images,
}

/// What is wrong with a file.
#[derive(Serialize, Deserialize)]
enum Refusal {
    /// It cannot be read: the system's number of the error, if it has one, and its text.
    Read(Option<i32>, String),
    /// It has another digest.
    Digest(Sha256Hex),
    /// It is not an image.
    Image(String),
}

impl Refusal {
    fn read(error: &io::Error) -> Self {
        Self::Read(error.raw_os_error(), error.to_string())
    }

    fn of(self, file: &ListedFile, folder: &Path) -> DatasetProblem {
        let path = folder.join(&file.path);
        match self {
            // What is no file is not allowed to the other process, which cannot tell why.
            Self::Read(..) if let Err(error) = bounded::open_named(&path) => unreadable(&path)(error),
            Self::Read(Some(code), _) => DatasetProblem::Read { path, source: io::Error::from_raw_os_error(code) },
            Self::Read(None, text) => DatasetProblem::Read { path, source: io::Error::other(show(&text)) },
            Self::Digest(found) => DatasetProblem::Digest { path, found, expected: file.sha256 },
            Self::Image(problem) => DatasetProblem::Format { path, problem: show(&problem) },
        }
    }
}

/// Reads, verifies, decodes and resizes files in a folder; what `collect` makes of the images, and the guards that their
/// decoder went without.
pub(crate) fn decode<T>(
    files: &[ListedFile],
    folder: &Path,
    resize: Resize,
    progress: &(dyn Fn(usize) + Sync),
    collect: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<(T, Vec<Guard>), DatasetProblem> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let Some(program) = PROGRAM.get() else {
        let images = decode_files(files, folder, resize, threads, progress)
            .map_err(|(file, refusal)| refusal.of(&files[file], folder))?;
        let collected = collect(&mut &images[..]).map_err(|error| ended(&error))?;
        return Ok((collected, Guard::all()));
    };
    let job = Job { files: files.to_vec(), resize, threads };
    let mut decoder = Decoder::start(program, &job, folder).map_err(|error| ended(&error))?;
    let mut without = Vec::new();
    loop {
        match decoder.listen().map_err(|error| ended(&error))? {
            Message::Without(guards) => without = guards,
            Message::Done(done) => progress(done.min(files.len())),
            Message::Refused(file, refusal) => {
                let file = files.get(file).ok_or_else(|| ended(&"it named no file"))?;
                return Err(refusal.of(file, folder));
            }
            Message::Images => break,
        }
    }
    let collected = collect(&mut decoder.output).map_err(|error| ended(&error))?;
    Ok((collected, without))
}

fn ended(why: &dyn std::fmt::Display) -> DatasetProblem {
    DatasetProblem::Decoder { why: show(&why.to_string()) }
}

/// The other process. It does not outlive this value.
struct Decoder {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Decoder {
    fn start(program: &Path, job: &Job, folder: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(DECODE_COMMAND).env_clear().current_dir(folder);
        command.envs(std::env::var_os(HANDED_ON).map(|value| (HANDED_ON, value)));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let pipe = |pipe: Option<_>| pipe.ok_or(io::ErrorKind::BrokenPipe);
        let (input, output) = (child.stdin.take(), pipe(child.stdout.take())?);
        let decoder = Self { child, output: BufReader::with_capacity(1 << 16, output) };
        let mut input = BufWriter::new(input.ok_or(io::ErrorKind::BrokenPipe)?);
        serde_json::to_writer(&mut input, job)?;
        input.flush()?;
        Ok(decoder)
    }

    /// Its next message; an error with its exit status if there is none.
    fn listen(&mut self) -> io::Result<Message> {
        let mut line = Vec::new();
        self.output.by_ref().take(LINE_CAP).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::Error::other(self.child.wait()?.to_string()));
        }
        Ok(serde_json::from_slice(&line)?)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // It has ended, or nobody wants its answer.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Closes what whoever started the parent left open: it may be a file to write to. Before Linux 5.9 it stays.
fn close_inherited() {
    #[expect(unsafe_code, reason = "there is no safe way to close what one did not open")]
    // SAFETY: this process has just begun and has opened nothing but its three standard streams, which stay.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}

/// Decodes what `input` asks for in the working folder, and answers on `output`: the part of the other process.
pub fn decode_for_parent(input: impl Read, output: impl Write + Send) -> io::Result<()> {
    close_inherited();
    // Nobody would read its answer.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let job: Job = serde_json::from_reader(BufReader::new(input))?;
    let without = confine(job.files.iter().map(|file| &file.path));
    let output = Mutex::new(output);
    let say = |message: &Message| {
        let line = serde_json::to_string(message)? + "\n";
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(line.as_bytes()).and_then(|()| output.flush())
    };
    say(&Message::Without(without))?;
    let progress = |done| {
        let _ = say(&Message::Done(done));
    };
    match decode_files(&job.files, Path::new(""), job.resize, job.threads, &progress) {
        Ok(images) => {
            say(&Message::Images)?;
            let mut output = output.into_inner().unwrap_or_else(PoisonError::into_inner);
            output.write_all(&images).and_then(|()| output.flush())
        }
        Err((file, refusal)) => say(&Message::Refused(file, refusal)),
    }
}

fn decode_files(
    files: &[ListedFile],
    folder: &Path,
    resize: Resize,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<u8>, (usize, Refusal)> {
    let numbered: Vec<(usize, &ListedFile)> = files.iter().enumerate().collect();
    let read = |(number, file): &(usize, &ListedFile)| {
        let path = folder.join(&file.path);
        let refusal = match bounded::read_named(&path, file.bytes) {
            Ok(bytes) if sha256_hex(&bytes) == file.sha256 => return Ok(bytes),
            // Of all its bytes, however many there are.
            Ok(_) | Err(ReadError::TooLarge { .. }) => {
                sha256_file(&path).map_or_else(|error| Refusal::Read(None, error.to_string()), Refusal::Digest)
            }
            Err(error) => Refusal::read(&error.into()),
        };
        Err((*number, refusal))
    };
    let refused = |(number, _): &(usize, &ListedFile), problem: crate::image::ImageError| {
        (*number, Refusal::Image(problem.to_string()))
    };
    decode_all(&numbered, read, refused, resize, threads, progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_list::Split;

    #[test]
    fn an_image_that_is_no_file_neither_blocks_nor_fills_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        std::fs::write(at("long"), [7; 9]).unwrap();
        let refusal = |name: &str, bytes| {
            let file =
                ListedFile { path: name.to_owned(), bytes, sha256: sha256_hex(b""), split: Split::Train, label: 0 };
            let refused = decode_files(&[file], folder.path(), Resize::Squash { side: 1 }, 1, &|_| ());
            match refused.unwrap_err() {
                (0, Refusal::Read(_, text)) => text,
                (_, Refusal::Digest(found)) => found.to_string(),
                _ => String::new(),
            }
        };
        assert_eq!(refusal("pipe", 1 << 63), "it is a pipe, not a regular file");
        assert_eq!(refusal("zero", 1 << 63), "it is a socket or device, not a regular file");
        assert_eq!(refusal("long", 8), sha256_hex(&[7; 9]).to_string());
    }
}
