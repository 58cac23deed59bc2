//! Downloads of files whose length and digest are known. A file gets its name only when it is complete and verified.
//!
//! The bytes go to `<file>.part` next to the target, where the next download resumes. A server's lengths and ranges only
//! decide what is tried next; the publisher's digest decides whether the file is right.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body, Timeout};

use crate::lock::has_name;
use hlb_core::artifact::{ArtifactError, Sha256Hex, failed, publish_file, sha256_file};
use hlb_core::clock::{Clock as _, MonotonicClock};
use hlb_core::hint::Hint;
use hlb_core::text::{show, show_path};

/// Bytes read at once.
const PIECE: usize = 1 << 17;

/// Redirects that are followed for one request.
const REDIRECTS: u32 = 10;

/// Longest time to find the host, and again to connect to it.
const CONNECT: Duration = Duration::from_secs(30);

/// A file as published.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// The publisher's name of it.
    pub file: &'a str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256Hex,
}

/// Timeouts and retries.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Longest wait for the answer, and between two of its parts.
    pub silence: Duration,
    /// Time in which an answer must bring [`least_bytes`](Self::least_bytes) more.
    pub window: Duration,
    /// Longest time for the body of one answer.
    pub answer: Duration,
    /// Bytes that count as progress.
    pub least_bytes: u64,
    /// Requests in a row that may fail without progress, beyond the first.
    pub retries: u32,
    /// Wait before the first of these; each further wait is twice as long.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_mins(1),
            window: Duration::from_mins(5),
            // The largest archive, of 1.6 GB, takes four hours at one megabit a second.
            answer: Duration::from_hours(6),
            least_bytes: 64 << 10,
            retries: 5,
            pause: Duration::from_secs(1),
        }
    }
}

/// A download that failed. The target is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum DownloadError {
    /// The system refused a step; what came so far stays.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Another process has locked the part.
    #[error("`{}` is being downloaded by another process", show_path(path))]
    Busy { path: PathBuf },
    /// No answer, which may pass, or a redirect that is not followed.
    #[error("cannot reach `{}`: {}", show(url), show(why))]
    Unreachable { url: String, why: String, may_pass: bool },
    /// An answer without a file.
    #[error("`{}` answered with status {status}", show(url))]
    Status { url: String, status: u16 },
    /// HTML where the file should be.
    #[error("the server sent a web page for `{}`, not {}", show(url), show(file))]
    WebPage { url: String, file: String },
    /// The server says that it has a file of another length; nothing of it was read.
    #[error("the file at `{}` is {found} bytes long, the publisher's {} is {expected}", show(url), show(file))]
    Length { url: String, file: String, found: u64, expected: u64 },
    /// Complete but not the published file; it was removed.
    #[error("{} from `{}` has SHA-256 {found}, the publisher's has {expected}", show(file), show(url))]
    Digest { url: String, file: String, found: Sha256Hex, expected: Sha256Hex },
    /// It broke off too often; what came so far stays.
    #[error("the download of `{}` broke off at {had} of {expected} bytes: {}", show(url), show(why))]
    BrokeOff { url: String, had: u64, expected: u64, why: String },
}

impl DownloadError {
    /// Whether the next request may succeed.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { may_pass, .. } => *may_pass,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::BrokeOff { .. } => true,
            _ => false,
        }
    }
}

impl Hint for DownloadError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Artifact(ArtifactError::Io { source, .. })
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                "free some space on the disk and run the same command again; it goes on where it broke off"
            }
            Self::Artifact(error) => return error.hint(),
            Self::Busy { .. } => "wait until the other process is done",
            Self::Unreachable { .. } => {
                "check the address, the network and the proxy, or take a file that you have: --from FILE"
            }
            Self::Status { status: 400..=499, .. } => "check the address, or take the file from another one",
            Self::Status { .. } => "try again later, or take the file from another address",
            Self::WebPage { .. } => {
                "open the address in a browser: it may ask to log in; then take the file with --from FILE"
            }
            Self::Length { .. } | Self::Digest { .. } => {
                "it is another file, or an altered one; take the published one from another address"
            }
            Self::BrokeOff { .. } => "run the same command again; it goes on where it broke off",
        };
        Some(hint.to_owned())
    }
}

/// Downloads a published file from a web address to `target`, whose folder must exist. `progress` is called
/// with the number of bytes received so far.
///
/// The target appears when the file is whole, right and on the disk, and replaces what had its name; if that is the
/// right file already, nothing is asked. Any other outcome leaves at most `<target>.part`, which the next call
/// resumes. Only one process at a time downloads to a target; another is refused.
///
/// Proxies are those of the environment: the first valid one of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY`, in either
/// case, for both kinds of addresses, except for the hosts in `NO_PROXY`.
pub fn download(
    url: &str,
    published: &Published<'_>,
    target: &Path,
    progress: &mut dyn FnMut(u64),
    patience: &Patience,
) -> Result<(), DownloadError> {
    let mut part = Part::open(target)?;
    if target.is_file() && sha256_file(target)? == published.sha256 {
        return part.remove();
    }
    let agent = agent(url, patience);
    let outcome = Download { url, published, progress, patience, agent, is_under_way: false }.run(&mut part);
    match outcome {
        Ok(()) => Ok(publish_file(&part.path, target)?),
        Err(error) if part.length == 0 || matches!(error, DownloadError::Digest { .. }) => {
            part.remove()?;
            Err(error)
        }
        other => other,
    }
}

/// The file that receives the bytes; locked until it is dropped.
struct Part {
    path: PathBuf,
    file: File,
    /// Bytes in the file.
    length: u64,
    /// Whether they may have come in more than one answer.
    is_pieced: bool,
}

impl Part {
    /// Opens and locks the part next to a target, and creates it if there is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "it is created if need be, and what is not a regular file is refused"
    )]
    fn open(target: &Path) -> Result<Self, DownloadError> {
        let path = target.with_added_extension("part");
        // A link would lead out of the folder, and a pipe would block.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let opened = File::options().read(true).append(true).create(true).custom_flags(flags).open(&path);
        let file = opened.map_err(failed("open", &path))?;
        if !file.metadata().map_err(failed("read", &path))?.is_file() {
            return Err(ArtifactError::NotAFile { path }.into());
        }
        match file.try_lock() {
            // The previous owner of the lock may have renamed or removed the file.
            Ok(()) if has_name(&file, &path) => {}
            Err(fs::TryLockError::Error(source)) => return Err(failed("lock", &path)(source).into()),
            _ => return Err(DownloadError::Busy { path: target.to_owned() }),
        }
        let length = file.metadata().map_err(failed("read", &path))?.len();
        Ok(Self { path, file, length, is_pieced: length > 0 })
    }

    /// Discards everything received.
    fn restart(&mut self) -> Result<(), DownloadError> {
        self.file.set_len(0).map_err(failed("empty", &self.path))?;
        (self.length, self.is_pieced) = (0, false);
        Ok(())
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(piece).map_err(failed("write", &self.path))?;
        self.length += piece.len() as u64;
        Ok(())
    }

    fn remove(self) -> Result<(), DownloadError> {
        Ok(fs::remove_file(&self.path).map_err(failed("remove", &self.path))?)
    }
}

/// One call of [`download`].
struct Download<'a> {
    url: &'a str,
    published: &'a Published<'a>,
    progress: &'a mut dyn FnMut(u64),
    patience: &'a Patience,
    agent: Agent,
    /// Whether this call received anything, so the network worked.
    is_under_way: bool,
}

impl Download<'_> {
    /// Fills the part with the published file.
    fn run(mut self, part: &mut Part) -> Result<(), DownloadError> {
        if part.length > self.published.bytes {
            part.restart()?;
        }
        (self.progress)(part.length);
        let expected = self.published.sha256;
        let mut found = self.fill(part)?;
        // The pieces may be of two versions of the file.
        if found != expected && part.is_pieced {
            part.restart()?;
            found = self.fill(part)?;
        }
        if found == expected {
            return Ok(());
        }
        let (url, file) = self.names();
        Err(DownloadError::Digest { url, file, found, expected })
    }

    /// Asks until everything is there, whose digest it returns, or no progress is made.
    fn fill(&mut self, part: &mut Part) -> Result<Sha256Hex, DownloadError> {
        let mut furthest = part.length;
        let mut failures = 0;
        while part.length < self.published.bytes {
            let Err(error) = self.ask(part) else { continue };
            // Only new bytes count, and only enough of them: a server that begins anew and breaks off each time, or
            // sends next to nothing, must not be asked for ever.
            let has_progressed = part.length > furthest && part.length - furthest >= self.patience.least_bytes;
            if error.may_pass() && has_progressed {
                (furthest, failures) = (part.length, 0);
            } else if !error.may_pass() || failures == self.patience.retries {
                return Err(error);
            } else {
                std::thread::sleep(self.patience.pause.saturating_mul(2_u32.saturating_pow(failures)));
                failures += 1;
            }
        }
        Ok(sha256_file(&part.path)?)
    }

    /// One request for what is missing.
    fn ask(&mut self, part: &mut Part) -> Result<(), DownloadError> {
        let response = self.get(part)?;
        let (status, headers) = (response.status().as_u16(), response.headers());
        if response.status().is_success() && response.body().mime_type().is_some_and(is_html) {
            return Err(self.web_page());
        }
        let goes_on = match status {
            200 => {
                self.check_length(response.body().content_length())?;
                part.restart()?;
                true
            }
            206 => {
                let range = content_range(headers);
                self.check_length(range.and_then(|(_, total)| total))?;
                part.is_pieced = part.length > 0;
                range.is_some_and(|(first, _)| first == part.length)
            }
            416 if part.length > 0 => false,
            _ => return Err(DownloadError::Status { url: self.url.to_owned(), status }),
        };
        if !goes_on {
            part.restart()?;
            return Err(self.broke_off(part, "the server sent another part of the file than was asked for"));
        }
        self.receive(response.into_body(), part)
    }

    /// Sends one request. Bytes of the file are asked for as they are: a server must not compress them.
    fn get(&self, part: &Part) -> Result<Response<Body>, DownloadError> {
        let mut request = self.agent.get(self.url);
        if part.length > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", part.length));
        }
        request.call().map_err(|error| {
            let may_pass = may_pass(&error, self.is_under_way);
            if may_pass && self.is_under_way {
                return self.broke_off(part, &error.to_string());
            }
            let why = match error {
                ureq::Error::RequireHttpsOnly(to) => format!("it is redirected to `{to}`, which is not encrypted"),
                ureq::Error::TooManyRedirects => format!("it is redirected more than {REDIRECTS} times"),
                other => other.to_string(),
            };
            DownloadError::Unreachable { url: self.url.to_owned(), why, may_pass }
        })
    }

    /// Refuses a file of another length before anything of it is read.
    fn check_length(&self, stated: Option<u64>) -> Result<(), DownloadError> {
        let expected = self.published.bytes;
        let Some(found) = stated.filter(|found| *found != expected) else { return Ok(()) };
        let (url, file) = self.names();
        Err(DownloadError::Length { url, file, found, expected })
    }

    /// Reads a body to the published length, and no further.
    fn receive(&mut self, body: Body, part: &mut Part) -> Result<(), DownloadError> {
        let mut body = body.into_reader().take(self.published.bytes - part.length);
        let mut buffer = vec![0; PIECE];
        let clock = MonotonicClock::start();
        let (mut window_end, mut window_bytes) = (self.patience.window, 0);
        while part.length < self.published.bytes {
            let count = match body.read(&mut buffer) {
                Ok(0) => return Err(self.broke_off(part, "the connection ended")),
                Ok(count) => count,
                Err(error) => return Err(self.broke_off(part, &error.to_string())),
            };
            self.is_under_way = true;
            if part.length == 0 && begins_as_html(&buffer[..count]) {
                return Err(self.web_page());
            }
            part.append(&buffer[..count])?;
            (self.progress)(part.length);
            window_bytes += count as u64;
            if clock.now() >= window_end && part.length < self.published.bytes {
                if window_bytes < self.patience.least_bytes {
                    return Err(self.broke_off(part, "the server is too slow"));
                }
                (window_end, window_bytes) = (clock.now() + self.patience.window, 0);
            }
        }
        Ok(())
    }

    fn names(&self) -> (String, String) {
        (self.url.to_owned(), self.published.file.to_owned())
    }

    fn web_page(&self) -> DownloadError {
        let (url, file) = self.names();
        DownloadError::WebPage { url, file }
    }

    fn broke_off(&self, part: &Part, why: &str) -> DownloadError {
        let (had, expected) = (part.length, self.published.bytes);
        DownloadError::BrokeOff { url: self.url.to_owned(), had, expected, why: why.to_owned() }
    }
}

/// The HTTP client. It follows redirects from an encrypted address to encrypted ones only.
fn agent(url: &str, patience: &Patience) -> Agent {
    let config = Agent::config_builder()
        .https_only(url.to_ascii_lowercase().starts_with("https:"))
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_send_request(Some(patience.silence))
        .timeout_recv_response(Some(patience.silence))
        .timeout_recv_body(Some(patience.answer))
        .timeout_per_read(Some(patience.silence))
        .http_status_as_error(false)
        .max_redirects(REDIRECTS)
        .user_agent(concat!("hlb-bench/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity");
    config.build().into()
}

/// Whether a request without an answer is repeated. Other errors, such as those of a missing host or a bad certificate,
/// are temporary only if it answered before.
fn may_pass(error: &ureq::Error, is_under_way: bool) -> bool {
    use io::ErrorKind as Kind;
    match error {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed => is_under_way,
        ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => true,
        ureq::Error::Io(error) => match error.kind() {
            Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::UnexpectedEof
            | Kind::TimedOut
            | Kind::WouldBlock
            | Kind::Interrupted => true,
            _ => is_under_way,
        },
        _ => false,
    }
}

/// The first byte, and the length of the whole file if given, of `bytes FIRST-LAST/TOTAL`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let said = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = said.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.parse().ok()))
}

/// Whether the server calls its answer a web page.
fn is_html(mime_type: &str) -> bool {
    let kind = mime_type.to_ascii_lowercase();
    kind.starts_with("text/html") || kind.starts_with("application/xhtml")
}

/// Whether a file begins as a web page does.
fn begins_as_html(piece: &[u8]) -> bool {
    let head = piece.strip_prefix(b"\xef\xbb\xbf").unwrap_or(piece).trim_ascii_start();
    let begins_with = |tag: &[u8]| head.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag));
    begins_with(b"<!doctype") || begins_with(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_with_what_to_do() {
        let file = File::options().append(true).open("/dev/full").unwrap();
        let mut part = Part { path: PathBuf::from("a.part"), file, length: 0, is_pieced: false };
        let error = part.append(b"x").unwrap_err();
        let DownloadError::Artifact(ArtifactError::Io { source, .. }) = &error else { panic!("{error:?}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "cannot write `a.part`");
        assert!(error.hint().unwrap().contains("free some space"));
        assert_eq!(part.length, 0);
    }

    #[test]
    fn what_was_never_there_is_not_waited_for() {
        let io = |kind: io::ErrorKind| ureq::Error::Io(kind.into());
        let absent = [
            ureq::Error::HostNotFound,
            ureq::Error::Timeout(Timeout::Connect),
            io(io::ErrorKind::ConnectionRefused),
            io(io::ErrorKind::NetworkUnreachable),
            io(io::ErrorKind::HostUnreachable),
            // A certificate that is not valid.
            io(io::ErrorKind::InvalidData),
        ];
        for error in absent {
            assert_eq!((may_pass(&error, false), may_pass(&error, true)), (false, true), "{error}");
        }
        for error in [ureq::Error::Timeout(Timeout::RecvResponse), io(io::ErrorKind::ConnectionReset)] {
            assert!(may_pass(&error, false), "{error}");
        }
        assert!(!may_pass(&ureq::Error::TlsRequired, true));
    }

    #[test]
    fn an_encrypted_address_allows_encrypted_ones_only() {
        for (url, is_limited) in
            [("https://a.example/f", true), ("HTTPS://a.example/f", true), ("http://a.example/f", false)]
        {
            assert_eq!(agent(url, &Patience::default()).config().https_only(), is_limited, "{url}");
        }
    }

    #[test]
    fn ranges_are_read_or_refused() {
        let read = |said: &'static str| {
            let value = header::HeaderValue::from_static(said);
            content_range(&HeaderMap::from_iter([(header::CONTENT_RANGE, value)]))
        };
        assert_eq!(read("bytes 10-19/20"), Some((10, Some(20))));
        assert_eq!(read("bytes 10-19/*"), Some((10, None)));
        for bad in ["", "bytes */20", "bytes 10-19", "lines 1-2/3", "bytes -1-2/3", "10-19/20"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn web_pages_are_known_by_how_they_begin() {
        for page in ["<!DOCTYPE html>", "\n <HTML lang=en>", "\u{feff}<!doctype"] {
            assert!(begins_as_html(page.as_bytes()), "{page}");
        }
        for file in ["", "<", "\u{1f}\u{8b}", "<?xml", "html"] {
            assert!(!begins_as_html(file.as_bytes()), "{file}");
        }
    }
}
