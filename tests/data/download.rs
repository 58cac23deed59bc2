//! Downloads from a server that breaks off, lies, never ends or falls silent.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::hint::Hint as _;
use hlb_data::{DownloadError, Patience, Published, download};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::server::{Answer, Server};

/// Bytes of the published file.
const BYTES: usize = 300_000;

/// The published file: no two of its words are the same.
fn published() -> Vec<u8> {
    (0..BYTES as u64 / 8).flat_map(|at| (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect()
}

/// No waits, time limits that matter to no good server, and every byte is progress.
fn patience() -> Patience {
    Patience { pause: Duration::ZERO, least_bytes: 1, ..Patience::default() }
}

/// A folder to download `file.tgz` to.
struct Place {
    folder: TempDir,
    sha256: Sha256Hex,
    patience: Patience,
    progress: Vec<u64>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, sha256: sha256_hex(&published()), patience: patience(), progress: Vec::new() }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("file.tgz")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("file.tgz.part")
    }

    /// A place where a broken download left this.
    fn with_part(part: &[u8]) -> Self {
        let place = Self::new();
        fs::write(place.part(), part).unwrap();
        place
    }

    fn get(&mut self, url: &str) -> Result<(), DownloadError> {
        let published = Published { file: "file.tgz", bytes: BYTES as u64, sha256: self.sha256 };
        let target = self.target();
        download(url, &published, &target, &mut |bytes| self.progress.push(bytes), &self.patience)
    }

    /// Downloads, and asserts that nothing but the published file is there afterwards.
    fn get_right(&mut self, server: &Server) {
        self.get(&server.url("/file.tgz")).unwrap();
        assert!(fs::read(self.target()).unwrap() == published());
        assert_eq!(self.names(), ["file.tgz"]);
    }

    /// Fails to download, and asserts that there is no target and a part of this length, if any.
    fn get_wrong(&mut self, server: &Server, part: Option<usize>) -> DownloadError {
        let error = self.get(&server.url("/file.tgz")).unwrap_err();
        assert!(!self.target().exists(), "{error}");
        assert_eq!(fs::metadata(self.part()).ok().map(|facts| facts.len()), part.map(|bytes| bytes as u64), "{error}");
        assert!(error.hint().is_some(), "{error}");
        error
    }

    fn names(&self) -> Vec<String> {
        let items = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_file_comes_whole_and_its_progress_is_told() {
    let (server, mut place) = (Server::of(&published()), Place::new());
    place.get_right(&server);
    assert!(place.progress.is_sorted());
    assert_eq!((place.progress.first(), place.progress.last()), (Some(&0), Some(&(BYTES as u64))));
    assert_eq!(server.ranges(), [None]);
    assert_eq!(server.requests()[0].path, "/file.tgz");
}

#[test]
fn the_right_file_is_not_asked_for_again_and_a_wrong_one_is_replaced() {
    let (server, mut place) = (Server::of(&published()), Place::new());
    fs::write(place.target(), published()).unwrap();
    place.get_right(&server);
    assert_eq!(server.ranges(), []);
    fs::write(place.target(), "old").unwrap();
    place.get_right(&server);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn the_files_own_bytes_are_asked_for_and_kept() {
    // Some servers call an archive's own compression an encoding.
    let (server, mut place) =
        (Server::scripted(vec![Answer::whole(&published()).header("Content-Encoding", "gzip")]), Place::new());
    place.get_right(&server);
    assert!(server.requests()[0].head.to_ascii_lowercase().contains("accept-encoding: identity\r\n"));
}

#[test]
fn a_broken_download_is_resumed_by_the_next_call() {
    let (server, mut place) = (Server::of(&published()), Place::with_part(&published()[..1234]));
    place.get_right(&server);
    assert_eq!(server.ranges(), [Some(1234)]);
    assert_eq!(place.progress[0], 1234);
}

#[test]
fn a_part_that_is_whole_is_published_without_asking() {
    let (server, mut place) = (Server::of(&published()), Place::with_part(&published()));
    place.get_right(&server);
    assert_eq!(server.ranges(), []);
}

#[test]
fn a_part_of_another_file_is_thrown_away_and_the_file_fetched_once_more() {
    let mut altered = published();
    altered[7] ^= 1;
    for (part, ranges) in [
        (altered[..1000].to_vec(), vec![Some(1000), None]),
        (altered.clone(), vec![None]),
        ([altered, vec![0]].concat(), vec![None]),
    ] {
        let (server, mut place) = (Server::of(&published()), Place::with_part(&part));
        place.get_right(&server);
        assert_eq!(server.ranges(), ranges);
    }
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let (server, mut place) =
        (Server::scripted(vec![Answer::whole(&published())]), Place::with_part(&published()[..1000]));
    place.get_right(&server);
    assert_eq!(server.ranges(), [Some(1000)]);
}

#[test]
fn a_range_that_was_not_asked_for_is_not_appended() {
    let file = published();
    let rest = |range: &str| Answer::new("206 Partial Content", &file[1000..]).header("Content-Range", range);
    let wrong = [
        rest("bytes 999-299999/300000"),
        rest("bytes 0-1/300000"),
        rest("nonsense"),
        Answer::new("206 Partial Content", "x"),
    ];
    for answer in wrong {
        let (server, mut place) =
            (Server::scripted(vec![answer, Answer::whole(&file)]), Place::with_part(&file[..1000]));
        place.get_right(&server);
        assert_eq!(server.ranges(), [Some(1000), None]);
    }
}

#[test]
fn a_refused_range_starts_over() {
    let refused = Answer::new("416 Range Not Satisfiable", "");
    let (server, mut place) =
        (Server::scripted(vec![refused, Answer::whole(&published())]), Place::with_part(&published()[..9]));
    place.get_right(&server);
    assert_eq!(server.ranges(), [Some(9), None]);
}

#[test]
fn a_file_of_another_length_is_refused_before_it_is_read() {
    let lies = [
        (Answer::whole(b"short"), 5, None),
        (Answer::bare("200 OK", "").header("Content-Length", "99999999999").endless(), 99_999_999_999, None),
        (Answer::new("206 Partial Content", "x").header("Content-Range", "bytes 9-9/10"), 10, Some(9)),
    ];
    for (answer, length, part) in lies {
        let mut place = Place::with_part(&published()[..part.unwrap_or(0)]);
        let error = place.get_wrong(&Server::scripted(vec![answer]), part);
        assert!(matches!(error, DownloadError::Length { found, expected: 300_000, .. } if found == length), "{error}");
        assert_eq!(place.progress.len(), 1);
    }
}

#[test]
fn a_file_with_another_digest_is_not_kept() {
    let mut altered = published();
    altered[BYTES - 1] ^= 1;
    let mut place = Place::new();
    let error = place.get_wrong(&Server::of(&altered), None);
    let DownloadError::Digest { found, expected, .. } = error else { panic!("{error}") };
    assert_eq!((found, expected), (sha256_hex(&altered), place.sha256));
    // A resumed one is fetched in one go before it is given up.
    let (server, mut place) = (Server::of(&altered), Place::with_part(&altered[..50]));
    assert!(matches!(place.get_wrong(&server, None), DownloadError::Digest { .. }));
    assert_eq!(server.ranges(), [Some(50), None]);
    // A server without ranges has sent it in one go already.
    let (server, mut place) = (Server::scripted(vec![Answer::whole(&altered)]), Place::with_part(&altered[..50]));
    assert!(matches!(place.get_wrong(&server, None), DownloadError::Digest { .. }));
    assert_eq!(server.ranges(), [Some(50)]);
}

#[test]
fn an_endless_download_ends() {
    let endless = vec![Answer::bare("200 OK", "x").endless()];
    let mut place = Place::new();
    let error = place.get_wrong(&Server::scripted(endless), None);
    assert!(matches!(error, DownloadError::Digest { .. }), "{error}");
    // What comes after the right file is nobody's business.
    Place::new().get_right(&Server::scripted(vec![Answer::bare("200 OK", published()).endless()]));
}

#[test]
fn a_web_page_is_not_taken_for_the_file() {
    let page = "<!DOCTYPE html><title>Log in</title>";
    let pages = [
        Answer::new("200 OK", page).header("Content-Type", "text/html; charset=utf-8"),
        Answer::bare("200 OK", page),
        Answer::bare("200 OK", "\n<HTML>"),
        Answer::new("200 OK", [page.as_bytes(), &published()[page.len()..]].concat()),
    ];
    for answer in pages {
        let error = Place::new().get_wrong(&Server::scripted(vec![answer]), None);
        assert!(matches!(error, DownloadError::WebPage { .. }), "{error}");
        assert!(error.to_string().contains("sent a web page"), "{error}");
    }
}

#[test]
fn a_status_is_told_at_once_or_after_trying_again() {
    for (status, number, requests) in [
        ("404 Not Found", 404, 1),
        ("403 Forbidden", 403, 1),
        ("204 No Content", 204, 1),
        ("304 Not Modified", 304, 1),
        ("503 Service Unavailable", 503, 6),
        ("429 Too Many Requests", 429, 6),
    ] {
        let server = Server::scripted(vec![Answer::new(status, "")]);
        let error = Place::new().get_wrong(&server, None);
        assert!(matches!(error, DownloadError::Status { status, .. } if status == number), "{error}");
        assert_eq!(server.ranges().len(), requests, "{status}");
    }
    let busy = vec![Answer::new("503 Service Unavailable", "busy"), Answer::whole(&published())];
    Place::new().get_right(&Server::scripted(busy));
}

#[test]
fn redirects_are_followed_with_the_range() {
    let file = published();
    let mut steps = vec![
        Answer::redirect("301 Moved Permanently", "/a/b"),
        Answer::redirect("302 Found", "c?d"),
        Answer::new("307 Temporary Redirect", "moved").header("Location", "../e"),
    ];
    steps.reverse();
    let whole = file.clone();
    let server = Server::start(move |request| steps.pop().unwrap_or_else(|| Answer::file(&whole, request)));
    let mut place = Place::with_part(&file[..10]);
    place.get_right(&server);
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/file.tgz", "/a/b", "/a/c?d", "/e"]);
    assert_eq!(server.ranges(), [Some(10); 4]);
}

#[test]
fn redirects_in_a_circle_or_out_of_the_web_end() {
    let server = Server::scripted(vec![Answer::redirect("302 Found", "/file.tgz")]);
    let error = Place::new().get_wrong(&server, None);
    assert!(error.to_string().ends_with("it is redirected more than 10 times"), "{error}");
    assert_eq!(server.ranges().len(), 11);
    for location in ["file:///etc/passwd", "ftp://127.0.0.1/x", ""] {
        let server = Server::scripted(vec![Answer::redirect("302 Found", location)]);
        let error = Place::new().get_wrong(&server, None);
        assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
    }
}

#[test]
fn a_download_that_breaks_off_is_resumed_while_it_progresses() {
    let file = published();
    let server = Server::start(move |request| Answer::file(&file, request).cut(40_000));
    Place::new().get_right(&server);
    assert_eq!(server.ranges()[..3], [None, Some(40_000), Some(80_000)]);
    assert_eq!(server.ranges().len(), 8);
}

#[test]
fn a_download_without_progress_is_given_up_and_what_came_is_kept() {
    let file = published();
    let server =
        Server::start(move |request| Answer::file(&file, request).cut(if request.from.is_none() { 700 } else { 0 }));
    let mut place = Place::new();
    let error = place.get_wrong(&server, Some(700));
    assert!(matches!(error, DownloadError::BrokeOff { had: 700, expected: 300_000, .. }), "{error}");
    assert_eq!(server.ranges(), [None, Some(700), Some(700), Some(700), Some(700), Some(700), Some(700)]);
    place.get_right(&Server::of(&published()));
}

#[test]
fn a_server_that_always_begins_anew_and_breaks_off_is_given_up() {
    let server = Server::scripted(vec![Answer::whole(&published()).cut(200_000)]);
    let error = Place::new().get_wrong(&server, Some(200_000));
    assert!(matches!(error, DownloadError::BrokeOff { .. }), "{error}");
    assert_eq!(server.ranges().len(), 7);
}

#[test]
fn less_than_the_least_is_no_progress() {
    let file = published();
    let server = Server::start(move |request| Answer::file(&file, request).cut(10));
    let mut place = Place::new();
    place.patience.least_bytes = 100;
    // The first request and five more bring ten bytes each.
    let error = place.get_wrong(&server, Some(60));
    assert!(matches!(error, DownloadError::BrokeOff { had: 60, .. }), "{error}");
}

#[test]
fn a_silent_server_is_hung_up_on_and_asked_again() {
    let file = published();
    let mut is_first = true;
    let server = Server::start(move |request| {
        let answer = Answer::file(&file, request);
        if std::mem::take(&mut is_first) { answer.silent_after(500) } else { answer }
    });
    let mut place = Place::new();
    place.patience.silence = Duration::from_millis(200);
    place.get_right(&server);
    assert_eq!(server.ranges()[..2], [None, Some(500)]);
}

#[test]
fn a_server_that_drips_is_given_up() {
    let server = Server::scripted(vec![Answer::bare("200 OK", &published()[..1]).endless()]);
    let mut place = Place::new();
    (place.patience.window, place.patience.least_bytes) = (Duration::ZERO, u64::MAX);
    let error = place.get(&server.url("/file.tgz")).unwrap_err();
    assert!(error.to_string().contains("too slow"), "{error}");
    assert_eq!(server.ranges().len(), 6);
}

#[test]
fn a_body_may_not_take_for_ever() {
    let server = Server::scripted(vec![Answer::whole(&published()).silent_after(1)]);
    let mut place = Place::new();
    (place.patience.answer, place.patience.retries) = (Duration::from_millis(20), 0);
    let error = place.get(&server.url("/file.tgz")).unwrap_err();
    assert!(matches!(error, DownloadError::BrokeOff { .. }), "{error}");
}

#[test]
fn nobody_there_is_an_error_of_its_own() {
    let gone = Server::of(b"").url("/file.tgz");
    let error = Place::new().get(&gone).unwrap_err();
    assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
    for url in ["", "file.tgz", "ftp://127.0.0.1/x", "http://"] {
        let mut place = Place::new();
        assert!(matches!(place.get(url), Err(DownloadError::Unreachable { .. })), "{url}");
        assert_eq!(place.names(), [""; 0]);
    }
}

/// A server that answers every connection with these bytes: its address, and how many connections there were.
fn server_of_bytes(answer: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let _hung_up = stream.read(&mut [0; 1 << 14]).and_then(|_| stream.write_all(answer));
        }
    });
    (address, count)
}

#[test]
fn a_first_request_without_an_answer_says_what_to_do() {
    // Whatever is not TLS fails as a bad certificate does, and the next request would fail the same way.
    for (scheme, answer, connections) in [("https", &b"this is not TLS"[..], 1), ("http", b"", 6)] {
        let (address, count) = server_of_bytes(answer);
        let error = Place::new().get(&format!("{scheme}://{address}/file.tgz")).unwrap_err();
        assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
        assert!(error.hint().unwrap().contains("--from"), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), connections, "{error}");
    }
}

#[test]
fn a_second_process_is_refused_and_disturbs_nothing() {
    let (server, mut place) = (Server::of(&published()), Place::with_part(&published()[..10]));
    let first = File::options().append(true).open(place.part()).unwrap();
    first.lock().unwrap();
    let error = place.get_wrong(&server, Some(10));
    assert!(error.to_string().ends_with("file.tgz` is being downloaded by another process"), "{error}");
    assert_eq!(server.ranges(), []);
    drop(first);
    place.get_right(&server);
}

#[test]
fn many_at_once_leave_one_right_file() {
    let (server, place) = (Server::of(&published()), Place::new());
    let (url, target) = (server.url("/file.tgz"), place.target());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let published = Published { file: "file.tgz", bytes: BYTES as u64, sha256: place.sha256 };
                let outcome = download(&url, &published, &target, &mut |_| {}, &place.patience);
                assert!(matches!(outcome, Ok(()) | Err(DownloadError::Busy { .. })), "{outcome:?}");
            });
        }
    });
    assert!(fs::read(&target).unwrap() == published());
    assert_eq!(place.names(), ["file.tgz"]);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn nothing_but_a_file_is_written_to() {
    let (server, mut place) = (Server::of(&published()), Place::new());
    let elsewhere = place.folder.path().join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.part()).unwrap();
    assert!(place.get(&server.url("/file.tgz")).is_err());
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    fs::remove_file(place.part()).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, place.part(), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let error = place.get(&server.url("/file.tgz")).unwrap_err();
    assert!(error.to_string().ends_with("is not a regular file"), "{error}");
    assert_eq!(server.ranges(), []);
}

#[test]
fn what_a_server_says_cannot_reach_the_terminal_as_it_is() {
    let server = Server::scripted(vec![Answer::redirect("302 Found", "ftp://\u{202e}x\u{9b}31m")]);
    let error = Place::new().get_wrong(&server, None).to_string();
    assert!(!error.chars().any(|character| character.is_control() || character == '\u{202e}'), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever lies in the part, wherever connections break and however ranges are honored.
    #[test]
    fn any_pattern_of_break_offs_gives_exactly_the_published_bytes(
        left in 0..=BYTES,
        answers in prop::collection::vec((1..BYTES, any::<bool>()), 0..5),
    ) {
        let (file, mut answers) = (published(), answers.into_iter());
        let server = Server::start(move |request| match answers.next() {
            Some((cut, true)) => Answer::file(&file, request).cut(cut),
            Some((cut, false)) => Answer::whole(&file).cut(cut),
            None => Answer::file(&file, request),
        });
        Place::with_part(&published()[..left]).get_right(&server);
    }
}
