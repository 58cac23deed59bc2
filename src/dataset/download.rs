//! Downloads of files whose length and digest are known: whole and right under their name, or not under it at all.
//!
//! The bytes go to `<file>.part` beside the target and are hashed on the way, so memory does not grow with the file.
//! What a broken download left there is taken up by the next one. Nothing here believes a server: its lengths, ranges,
//! types and encodings only decide what is tried next, and the publisher's digest alone decides what is right. Nothing
//! here unpacks, prints, or touches any path but the target and its part.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use ureq::http::{HeaderMap, Response, Uri, header};
use ureq::{Agent, Body, Timeout};

use crate::artifact::{ArtifactError, Sha256Hex, publish_file, sha256_file};
use crate::clock::{Clock as _, MonotonicClock};
use crate::hint::Hint;
use crate::text;

/// Bytes read at once.
const PIECE: usize = 1 << 17;

/// Bytes at the beginning of a file that are kept to recognise a web page by.
const HEAD: usize = 64;

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

/// How long a server is waited for, and how often it is asked again.
#[derive(Debug, Clone)]
pub struct Patience {
    /// To find the host, and again to connect to it.
    pub connect: Duration,
    /// From the request to the end of the answer's headers.
    pub response: Duration,
    /// Longest silence.
    pub silence: Duration,
    /// Time in which [`least_bytes`](Self::least_bytes) must come.
    pub window: Duration,
    /// The body of one answer, however well it flows.
    pub answer: Duration,
    /// Bytes that make a window or a request worth it; a whole file is always worth it.
    pub least_bytes: u64,
    /// Requests in a row that may fail without progress, beyond the first.
    pub retries: u32,
    /// Wait before the first of these; each further wait is twice as long.
    pub pause: Duration,
    /// Redirects that are followed for one request.
    pub redirects: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            response: Duration::from_mins(1),
            silence: Duration::from_mins(1),
            window: Duration::from_mins(5),
            // The largest archive, of 1.6 GB, takes four hours at one megabit a second.
            answer: Duration::from_hours(6),
            least_bytes: 64 << 10,
            retries: 5,
            pause: Duration::from_secs(1),
            redirects: 10,
        }
    }
}

/// A download that failed. Nothing has the target's name that had it not before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The system refused a step; what came so far stays.
    #[error("cannot {step} `{path}`", path = text::show(&path.to_string_lossy()))]
    Io {
        /// What was tried, as a verb that the path follows.
        step: &'static str,
        /// The file that it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file came, and could not get its name.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Somebody holds the part.
    #[error("`{path}` is being downloaded by another process", path = text::show(&path.to_string_lossy()))]
    Busy {
        /// The target.
        path: PathBuf,
    },
    /// No answer.
    #[error("cannot reach `{url}`: {why}", url = text::show(url))]
    Unreachable {
        /// Address that was asked.
        url: String,
        /// What went wrong, fit to be shown.
        why: String,
    },
    /// Too many redirects.
    #[error("`{url}` is redirected more than {limit} times", url = text::show(url))]
    Redirects {
        /// Address that was given.
        url: String,
        /// Most redirects followed.
        limit: u32,
    },
    /// A redirect that is not followed.
    #[error("`{url}` is redirected to `{to}`, {why}", url = text::show(url), to = text::show(to))]
    Redirect {
        /// Address that was asked.
        url: String,
        /// Where it leads.
        to: String,
        /// Why nobody goes there.
        why: &'static str,
    },
    /// An answer without a file.
    #[error("`{url}` answered with status {status}", url = text::show(url))]
    Status {
        /// Address that was given.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// HTML where the file should be.
    #[error("the server sent a web page for `{url}`, not {file}", url = text::show(url), file = text::show(file))]
    WebPage {
        /// Address that was given.
        url: String,
        /// The publisher's name of the file.
        file: String,
    },
    /// The server says that it has a file of another length; nothing of it was read.
    #[error(
        "the file at `{url}` is {found} bytes long, the publisher's {file} is {expected}",
        url = text::show(url), file = text::show(file)
    )]
    Length {
        /// Address that was given.
        url: String,
        /// The publisher's name of the file.
        file: String,
        /// Length that the server tells, in bytes.
        found: u64,
        /// Published length in bytes.
        expected: u64,
    },
    /// The body goes on after the published length.
    #[error(
        "more than the {expected} bytes of {file} came from `{url}`",
        url = text::show(url), file = text::show(file)
    )]
    TooLong {
        /// Address that was given.
        url: String,
        /// The publisher's name of the file.
        file: String,
        /// Published length in bytes.
        expected: u64,
    },
    /// Another part of the file than was asked for.
    #[error(
        "`{url}` sent the bytes `{said}` of the file, those from {asked} on were asked for",
        url = text::show(url), said = text::show(said)
    )]
    Range {
        /// Address that was given.
        url: String,
        /// What the server said it sent, empty if it did not.
        said: String,
        /// First byte asked for.
        asked: u64,
    },
    /// Whole, and not the published file; it was removed.
    #[error(
        "{file} from `{url}` has SHA-256 {found}, the publisher's has {expected}",
        url = text::show(url), file = text::show(file)
    )]
    Digest {
        /// Address that was given.
        url: String,
        /// The publisher's name of the file.
        file: String,
        /// Digest of what came.
        found: Sha256Hex,
        /// Published digest.
        expected: Sha256Hex,
    },
    /// It broke off too often; what came so far stays.
    #[error("the download of `{url}` broke off at {had} of {expected} bytes: {why}", url = text::show(url))]
    BrokeOff {
        /// Address that was given.
        url: String,
        /// Bytes that lie in the part.
        had: u64,
        /// Published length in bytes.
        expected: u64,
        /// What went wrong, fit to be shown.
        why: String,
    },
}

impl DownloadError {
    /// Whether the bytes that came are at fault, and not the way they came.
    fn is_wrong_file(&self) -> bool {
        matches!(self, Self::Digest { .. } | Self::TooLong { .. })
    }
}

impl Hint for DownloadError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { source, .. } => return io_hint(source.kind()),
            Self::Artifact(error) => return error.hint(),
            Self::Busy { .. } => "wait until the other process is done",
            Self::Unreachable { .. } => {
                "check the address, the network and the proxy, or take a file that you have: --from FILE"
            }
            Self::Status { status: 400..=499, .. } | Self::Redirects { .. } | Self::Redirect { .. } => {
                "check the address, or take the file from another one"
            }
            Self::WebPage { .. } => {
                "open the address in a browser: it may ask to log in; then take the file with --from FILE"
            }
            Self::Length { .. } | Self::TooLong { .. } | Self::Digest { .. } => {
                "it is another file, or an altered one; take the published one from another address"
            }
            Self::Status { .. } | Self::Range { .. } => "try again later, or take the file from another address",
            Self::BrokeOff { .. } => "run the same command again; it goes on where it broke off",
        };
        Some(hint.to_owned())
    }
}

fn io_hint(kind: io::ErrorKind) -> Option<String> {
    let hint = match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space on the disk and run the same command again; it goes on where it broke off"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "choose a folder that you may write to",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn failed<'a>(step: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DownloadError + use<'a> {
    move |source| DownloadError::Io { step, path: path.to_owned(), source }
}

/// [`download_with`] the patience that suits the public internet.
pub fn download(
    url: &str,
    published: &Published<'_>,
    target: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), DownloadError> {
    download_with(url, published, target, progress, &Patience::default())
}

/// Brings a published file from a web address to `target`, whose folder must exist. `progress` is told how many bytes
/// of the file are there.
///
/// The target appears when the file is whole, right and on the disk, and replaces what had its name; if that is the
/// right file already, nothing is asked. Any other outcome leaves at most `<target>.part`, which the next call takes
/// up, and never bytes that are known to be wrong. Only one process at a time downloads to a target; another is
/// refused.
///
/// Proxies are those of the environment: the first valid one of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY`, in either
/// case, for both kinds of addresses, except for the hosts in `NO_PROXY`.
pub fn download_with(
    url: &str,
    published: &Published<'_>,
    target: &Path,
    progress: &mut dyn FnMut(u64),
    patience: &Patience,
) -> Result<(), DownloadError> {
    let mut part = Part::open(target)?;
    let is_there = target.is_file() && sha256_file(target)? == published.sha256;
    let outcome = if is_there { Ok(()) } else { Download::new(url, published, progress, patience).run(&mut part) };
    match outcome {
        Ok(()) if !is_there => part.publish(target),
        // An empty part is of no use; one that is the wrong file must not be taken up.
        outcome => {
            let is_useless = part.length == 0 || outcome.as_ref().is_err_and(DownloadError::is_wrong_file);
            if is_there || is_useless {
                part.remove()?;
            }
            outcome
        }
    }
}

/// The file that the bytes come to, locked for as long as this lives.
struct Part {
    path: PathBuf,
    file: File,
    /// Bytes in the file.
    length: u64,
    /// Over the bytes in the file.
    hasher: Sha256,
    /// The first bytes of the file, at most [`HEAD`].
    head: Vec<u8>,
    /// Whether its bytes came in more than one answer, maybe of different versions of the file.
    is_pieced: bool,
}

impl Part {
    /// Opens and locks the part beside a target, and creates it if there is none.
    fn open(target: &Path) -> Result<Self, DownloadError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        // Whoever held the lock until now may have published or removed the file, hardly many times in a row.
        for _ in 0..100 {
            let file = locked(&path, target)?;
            if is_still(&path, &file) {
                let (hasher, head) = (Sha256::new(), Vec::new());
                return Ok(Self { path, file, length: 0, hasher, head, is_pieced: false });
            }
        }
        Err(DownloadError::Busy { path: target.to_owned() })
    }

    /// Reads what an earlier download left, and forgets it if it cannot belong to a file of `most` bytes.
    fn take_up(&mut self, most: u64) -> Result<(), DownloadError> {
        let left = self.file.metadata().map_err(failed("read", &self.path))?.len();
        if left > most {
            return self.restart();
        }
        let mut buffer = vec![0; PIECE];
        loop {
            let count = self.file.read(&mut buffer).map_err(failed("read", &self.path))?;
            if count == 0 {
                self.is_pieced = self.length > 0;
                return Ok(());
            }
            self.count(&buffer[..count]);
        }
    }

    /// Throws everything away.
    fn restart(&mut self) -> Result<(), DownloadError> {
        self.file.set_len(0).map_err(failed("empty", &self.path))?;
        self.hasher.reset();
        self.head.clear();
        (self.length, self.is_pieced) = (0, false);
        Ok(())
    }

    /// Adds a piece that came.
    fn append(&mut self, piece: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(piece).map_err(failed("write", &self.path))?;
        self.count(piece);
        Ok(())
    }

    /// Takes a piece that is in the file into account.
    fn count(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.length += piece.len() as u64;
        let wanted = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..wanted]);
    }

    fn digest(&self) -> Sha256Hex {
        hex::encode(self.hasher.clone().finalize()).parse().expect("64 lower-case digits are a digest")
    }

    /// Gives the file its final name; the lock lasts until that is done.
    fn publish(self, target: &Path) -> Result<(), DownloadError> {
        Ok(publish_file(&self.path, target)?)
    }

    fn remove(self) -> Result<(), DownloadError> {
        fs::remove_file(&self.path).map_err(failed("remove", &self.path))
    }
}

/// Opens a part for this process alone.
fn locked(path: &Path, target: &Path) -> Result<File, DownloadError> {
    // A link would lead out of the folder.
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let opened = File::options().read(true).append(true).create(true).custom_flags(flags).open(path);
    let file = opened.map_err(failed("open", path))?;
    // Reading a pipe would never end.
    if !file.metadata().map_err(failed("read", path))?.is_file() {
        return Err(ArtifactError::NotAFile { path: path.to_owned() }.into());
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(DownloadError::Busy { path: target.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", path)(source)),
    }
}

/// Whether a path leads to the file that was opened.
fn is_still(path: &Path, opened: &File) -> bool {
    let (Ok(now), Ok(then)) = (fs::symlink_metadata(path), opened.metadata()) else { return false };
    (now.dev(), now.ino()) == (then.dev(), then.ino())
}

/// Why a request did not bring the rest of the file.
enum Setback {
    /// The next request may go better.
    Passing(DownloadError),
    /// It may not.
    Final(DownloadError),
}

impl From<DownloadError> for Setback {
    fn from(error: DownloadError) -> Self {
        Self::Final(error)
    }
}

/// One call of [`download_with`].
struct Download<'a> {
    url: &'a str,
    published: &'a Published<'a>,
    progress: &'a mut dyn FnMut(u64),
    patience: &'a Patience,
    agent: Agent,
    /// Whether this call received anything: then the network worked a moment ago.
    is_under_way: bool,
}

impl<'a> Download<'a> {
    fn new(
        url: &'a str,
        published: &'a Published<'a>,
        progress: &'a mut dyn FnMut(u64),
        patience: &'a Patience,
    ) -> Self {
        Self { url, published, progress, patience, agent: agent(patience), is_under_way: false }
    }

    /// Fills the part with the published file. A wrong file that was pieced together is fetched once more in one go.
    fn run(mut self, part: &mut Part) -> Result<(), DownloadError> {
        part.take_up(self.published.bytes)?;
        (self.progress)(part.length);
        match self.fill(part) {
            Err(error) if error.is_wrong_file() && part.is_pieced => {
                part.restart()?;
                self.fill(part)
            }
            outcome => outcome,
        }
    }

    /// Asks until everything is there or no progress is made.
    fn fill(&mut self, part: &mut Part) -> Result<(), DownloadError> {
        let mut furthest = part.length;
        let mut failures = 0;
        while part.length < self.published.bytes {
            let error = match self.ask(part) {
                Ok(()) => continue,
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Passing(error)) => error,
            };
            // Only new bytes count: a server that begins anew and breaks off each time must not be asked for ever.
            if part.length > furthest && part.length - furthest >= self.patience.least_bytes {
                (furthest, failures) = (part.length, 0);
            } else if failures == self.patience.retries {
                return Err(error);
            } else {
                std::thread::sleep(self.patience.pause.saturating_mul(2_u32.saturating_pow(failures)));
                failures += 1;
            }
        }
        self.judge(part)
    }

    fn judge(&self, part: &Part) -> Result<(), DownloadError> {
        let (found, expected) = (part.digest(), self.published.sha256);
        if found == expected {
            return Ok(());
        }
        let (url, file) = self.names();
        Err(DownloadError::Digest { url, file, found, expected })
    }

    /// One request for what is missing.
    fn ask(&mut self, part: &mut Part) -> Result<(), Setback> {
        let response = self.follow(part.length)?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) && is_html(response.headers()) {
            return Err(self.web_page().into());
        }
        match status {
            200 => self.whole(response, part),
            206 => self.rest(response, part),
            416 if part.length > 0 => {
                part.restart()?;
                Err(Setback::Passing(self.status(status)))
            }
            408 | 425 | 429 | 500.. => Err(Setback::Passing(self.status(status))),
            _ => Err(self.status(status).into()),
        }
    }

    /// Follows redirects to an answer that is none.
    fn follow(&self, from: u64) -> Result<Response<Body>, Setback> {
        let mut url = self.url.to_owned();
        for _ in 0..=self.patience.redirects {
            let response = self.get(&url, from)?;
            match redirect(response.status().as_u16(), response.headers()) {
                Some(location) => url = self.next_address(&url, &location)?,
                None => return Ok(response),
            }
        }
        Err(DownloadError::Redirects { url: self.url.to_owned(), limit: self.patience.redirects }.into())
    }

    fn next_address(&self, url: &str, location: &str) -> Result<String, DownloadError> {
        let refused = |why| DownloadError::Redirect { url: url.to_owned(), to: location.to_owned(), why };
        let next = joined(url, location).ok_or_else(|| refused("which is no web address"))?;
        if is_secure(self.url) && !is_secure(&next) {
            return Err(refused("which is not encrypted"));
        }
        Ok(next)
    }

    /// Sends one request. Bytes of the file are asked for as they are: a server must not compress them.
    fn get(&self, url: &str, from: u64) -> Result<Response<Body>, Setback> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        request.call().map_err(|error| {
            let may_pass = may_pass(&error, self.is_under_way);
            let error = DownloadError::Unreachable { url: url.to_owned(), why: text::show(&error.to_string()) };
            if may_pass { Setback::Passing(error) } else { Setback::Final(error) }
        })
    }

    /// An answer that begins with the first byte, whatever was asked for.
    fn whole(&mut self, response: Response<Body>, part: &mut Part) -> Result<(), Setback> {
        let told = number(response.headers(), &header::CONTENT_LENGTH);
        self.check_length(told)?;
        part.restart()?;
        self.receive(response.into_body(), part)
    }

    /// An answer that goes on where the part ends, if it does.
    fn rest(&mut self, response: Response<Body>, part: &mut Part) -> Result<(), Setback> {
        let said = response.headers().get(header::CONTENT_RANGE);
        let said = said.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default();
        let range = content_range(&said);
        self.check_length(range.and_then(|(_, total)| total))?;
        if range.is_none_or(|(first, _)| first != part.length) {
            let error = DownloadError::Range { url: self.url.to_owned(), said, asked: part.length };
            part.restart()?;
            return Err(Setback::Passing(error));
        }
        part.is_pieced = part.length > 0;
        self.receive(response.into_body(), part)
    }

    /// Refuses a file of another length before anything of it is read.
    fn check_length(&self, told: Option<u64>) -> Result<(), DownloadError> {
        match told {
            Some(found) if found != self.published.bytes => {
                let (url, file) = self.names();
                Err(DownloadError::Length { url, file, found, expected: self.published.bytes })
            }
            _ => Ok(()),
        }
    }

    /// Reads a body to the end of the file, and no further if the file is right then.
    fn receive(&mut self, body: Body, part: &mut Part) -> Result<(), Setback> {
        let mut body = body.into_reader();
        let mut buffer = vec![0; PIECE];
        let mut pace = Pace::new(self.patience);
        while part.length < self.published.bytes {
            let missing = usize::try_from(self.published.bytes - part.length).unwrap_or(PIECE);
            let count = match body.read(&mut buffer[..missing.min(PIECE)]) {
                Ok(0) => return Err(self.broke_off(part, "the connection ended")),
                Ok(count) => count,
                Err(error) => return Err(self.broke_off(part, &error.to_string())),
            };
            self.take(&buffer[..count], part)?;
            if part.length < self.published.bytes && pace.is_too_slow(count as u64) {
                return Err(self.broke_off(part, "the server is too slow"));
            }
        }
        let is_right = part.digest() == self.published.sha256;
        if !is_right && matches!(body.read(&mut buffer[..1]), Ok(1)) {
            let (url, file) = self.names();
            return Err(DownloadError::TooLong { url, file, expected: self.published.bytes }.into());
        }
        Ok(())
    }

    fn take(&mut self, piece: &[u8], part: &mut Part) -> Result<(), DownloadError> {
        self.is_under_way = true;
        let is_head = part.length < HEAD as u64;
        part.append(piece)?;
        if is_head && begins_as_html(&part.head) {
            part.restart()?;
            return Err(self.web_page());
        }
        (self.progress)(part.length);
        Ok(())
    }

    fn names(&self) -> (String, String) {
        (self.url.to_owned(), self.published.file.to_owned())
    }

    fn status(&self, status: u16) -> DownloadError {
        DownloadError::Status { url: self.url.to_owned(), status }
    }

    fn web_page(&self) -> DownloadError {
        let (url, file) = self.names();
        DownloadError::WebPage { url, file }
    }

    fn broke_off(&self, part: &Part, why: &str) -> Setback {
        let (had, expected) = (part.length, self.published.bytes);
        Setback::Passing(DownloadError::BrokeOff { url: self.url.to_owned(), had, expected, why: text::show(why) })
    }
}

/// What asks. It follows no redirect by itself, because it would read a redirect's body to the end first.
fn agent(patience: &Patience) -> Agent {
    let config = Agent::config_builder()
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_send_request(Some(patience.response))
        .timeout_recv_response(Some(patience.response))
        .timeout_recv_body(Some(patience.answer))
        .timeout_per_read(Some(patience.silence))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("hlb-bench/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity");
    config.build().into()
}

/// Whether a request without an answer is worth repeating. A host that is not found or refuses is, if it was there
/// before.
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

/// Watches that the bytes of one answer keep coming.
struct Pace<'a> {
    patience: &'a Patience,
    clock: MonotonicClock,
    /// Bytes since the window began.
    bytes: u64,
}

impl<'a> Pace<'a> {
    fn new(patience: &'a Patience) -> Self {
        Self { patience, clock: MonotonicClock::start(), bytes: 0 }
    }

    /// Whether a window ends with this piece, and too little came in it.
    fn is_too_slow(&mut self, piece: u64) -> bool {
        self.bytes += piece;
        if self.clock.now() < self.patience.window {
            return false;
        }
        let is_too_slow = self.bytes < self.patience.least_bytes;
        *self = Self::new(self.patience);
        is_too_slow
    }
}

/// Where an answer sends the asker, if it does.
fn redirect(status: u16, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION)?;
    let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
    is_redirect.then(|| String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// The web address that a `Location` means, seen from the address that was asked.
fn joined(base: &str, location: &str) -> Option<String> {
    let base: Uri = base.parse().ok()?;
    let (scheme, host) = (base.scheme_str()?, base.authority()?);
    let location = location.split('#').next().unwrap_or_default();
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let full = if is_absolute(location) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else if location.is_empty() || location.starts_with('?') {
        format!("{scheme}://{host}{}{location}", base.path())
    } else {
        format!("{scheme}://{host}{}", without_dots(&format!("{folder}/{location}")))
    };
    let uri: Uri = full.parse().ok()?;
    (matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty()))
        .then_some(full)
}

/// Whether an address names its scheme.
fn is_absolute(location: &str) -> bool {
    let is_scheme = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    location.split_once(':').is_some_and(|(scheme, _)| !scheme.is_empty() && is_scheme(scheme))
}

/// A path without its `.` and `..`; its query stays as it is.
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept = Vec::new();
    for name in path.split('/') {
        match name {
            "." => {}
            // The empty name before the first slash stays.
            ".." => kept.truncate((kept.len() - 1).max(1)),
            _ => kept.push(name),
        }
    }
    kept.join("/") + query
}

fn is_secure(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https"))
}

fn number(headers: &HeaderMap, name: &header::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The first byte and the length of the whole file, if it is told, of `bytes FIRST-LAST/TOTAL`.
fn content_range(said: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = said.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first.trim().parse().ok()?, total))
}

/// Whether the server calls its answer a web page.
fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    kind.is_some_and(|kind| kind.starts_with(b"text/html") || kind.starts_with(b"application/xhtml"))
}

/// Whether a file begins as a web page does.
fn begins_as_html(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    head.starts_with(b"<!doctype") || head.starts_with(b"<html")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_disk_is_named_with_what_to_do() {
        let file = File::options().append(true).open("/dev/full").unwrap();
        let (hasher, path) = (Sha256::new(), PathBuf::from("a.part"));
        let mut part = Part { path, file, length: 0, hasher, head: Vec::new(), is_pieced: false };
        let error = part.append(b"x").unwrap_err();
        let DownloadError::Io { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "cannot write `a.part`");
        assert!(error.hint().unwrap().contains("free some space"));
        assert_eq!(part.length, 0);
    }

    #[test]
    fn a_lock_counts_only_while_the_file_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part");
        let first = locked(&path, &path).unwrap();
        assert!(is_still(&path, &first));
        publish_file(&path, &folder.path().join("a")).unwrap();
        assert!(!is_still(&path, &first));
        fs::write(&path, "another").unwrap();
        assert!(!is_still(&path, &first));
        assert_eq!(Part::open(&folder.path().join("a")).unwrap().file.metadata().unwrap().len(), 7);
    }

    #[test]
    fn what_was_never_there_is_not_waited_for() {
        let io = |kind: io::ErrorKind| ureq::Error::Io(kind.into());
        let absent = [
            ureq::Error::HostNotFound,
            ureq::Error::Timeout(Timeout::Connect),
            io(io::ErrorKind::ConnectionRefused),
            io(io::ErrorKind::NetworkUnreachable),
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
    fn redirects_lead_where_a_browser_would_go() {
        let base = "http://a.example:81/data/sets/file.tgz?v=1";
        let cases = [
            ("https://b.example/x?y#z", Some("https://b.example/x?y")),
            ("//b.example/x", Some("http://b.example/x")),
            ("/x", Some("http://a.example:81/x")),
            ("x?u=http://c/", Some("http://a.example:81/data/sets/x?u=http://c/")),
            ("../x/./y?a/../b", Some("http://a.example:81/data/x/y?a/../b")),
            ("../../../../x", Some("http://a.example:81/x")),
            ("?v=2", Some("http://a.example:81/data/sets/file.tgz?v=2")),
            ("ftp://b.example/x", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("http://", None),
            ("http:///x", None),
            ("/a b", None),
        ];
        for (location, expected) in cases {
            assert_eq!(joined(base, location).as_deref(), expected, "{location}");
        }
    }

    /// Where a download of `url` goes when it is sent to `location`.
    fn sent_on(url: &str, location: &str) -> Result<String, String> {
        let published = Published { file: "f", bytes: 1, sha256: crate::artifact::sha256_hex(b"x") };
        let (patience, mut progress) = (Patience::default(), |_| {});
        let download = Download::new(url, &published, &mut progress, &patience);
        download.next_address(url, location).map_err(|error| error.to_string())
    }

    #[test]
    fn nobody_is_led_from_an_encrypted_address_to_one_that_is_not() {
        let refused = "`https://a.example/f` is redirected to `http://a.example/f`, which is not encrypted";
        assert_eq!(sent_on("https://a.example/f", "http://a.example/f"), Err(refused.to_owned()));
        assert_eq!(sent_on("https://a.example/f", "g"), Ok("https://a.example/g".to_owned()));
        assert_eq!(sent_on("http://a.example/f", "http://b.example/"), Ok("http://b.example/".to_owned()));
        assert!(sent_on("HTTPS://a.example/f", "HTTP://a.example/f").is_err());
    }

    #[test]
    fn ranges_are_read_or_refused() {
        assert_eq!(content_range("bytes 10-19/20"), Some((10, Some(20))));
        assert_eq!(content_range("bytes 10-19/*"), Some((10, None)));
        for bad in ["", "bytes */20", "bytes 10-19", "lines 1-2/3", "bytes -1-2/3", "bytes 1-2/x", "10-19/20"] {
            assert_eq!(content_range(bad), None, "{bad}");
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

    proptest! {
        #[test]
        fn no_location_leads_out_of_the_web(location in any::<String>()) {
            if let Some(url) = joined("https://a.example/b/c", &location) {
                let uri: Uri = url.parse().unwrap();
                prop_assert!(matches!(uri.scheme_str(), Some("http" | "https")));
                prop_assert!(uri.host().is_some());
            }
        }
    }
}
