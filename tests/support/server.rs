//! A web server on this machine that answers as the tests tell it to: broken, wrong, endless, or right.
//!
//! It never waits: a server that falls silent holds the connection until the other side hangs up.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    /// First byte of the range, if one was asked for.
    pub(crate) from: Option<usize>,
    /// Request line and headers as they came.
    pub(crate) head: String,
}

/// What is answered. The connection is closed after every answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    ending: Ending,
}

/// What comes after the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The connection is closed.
    Close,
    /// Zeros, for as long as somebody listens.
    Endless,
    /// Nothing, and the connection stays open.
    Silence,
}

impl Answer {
    /// Status and body, and not a word about its length.
    pub(crate) fn bare(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), ending: Ending::Close }
    }

    /// Status, body and its right length.
    pub(crate) fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self::bare(status, body).header("Content-Length", length)
    }

    /// The whole file, whatever was asked for.
    pub(crate) fn whole(file: &[u8]) -> Self {
        Self::new("200 OK", file)
    }

    /// The file as a good server sends it, from the byte that was asked for.
    pub(crate) fn file(file: &[u8], request: &Request) -> Self {
        let total = file.len();
        match request.from {
            None => Self::whole(file),
            Some(from) if from >= total => {
                Self::new("416 Range Not Satisfiable", "").header("Content-Range", format!("bytes */{total}"))
            }
            Some(from) => {
                let range = format!("bytes {from}-{}/{total}", total - 1);
                Self::new("206 Partial Content", &file[from..]).header("Content-Range", range)
            }
        }
    }

    /// Sends the asker to another address.
    pub(crate) fn redirect(status: &'static str, location: impl Into<String>) -> Self {
        Self::new(status, "").header("Location", location)
    }

    /// Sets a header; one of this name that was there goes.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Breaks off after so many bytes of the body; its length is told as if it did not.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    /// Goes on with zeros for ever.
    pub(crate) fn endless(mut self) -> Self {
        self.ending = Ending::Endless;
        self
    }

    /// Falls silent after so many bytes of the body.
    pub(crate) fn silent_after(mut self, bytes: usize) -> Self {
        self.ending = Ending::Silence;
        self.cut(bytes)
    }

    /// Errors are the other side hanging up.
    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        write!(stream, "HTTP/1.1 {}\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "Connection: close\r\n\r\n")?;
        stream.write_all(&self.body)?;
        match self.ending {
            Ending::Close => Ok(()),
            Ending::Endless => loop {
                stream.write_all(&[0; 4096])?;
            },
            Ending::Silence => stream.read(&mut [0]).map(drop),
        }
    }
}

/// A running server; it stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl Server {
    /// Answers each request with what `answer` says, one after the other.
    pub(crate) fn start(mut answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (log, over) = (requests.clone(), is_over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Some((mut stream, request)) = stream.ok().and_then(heard) else { continue };
                log.lock().unwrap().push(request.clone());
                let _hung_up = answer(&request).send(&mut stream);
            }
        });
        Self { address, requests, is_over }
    }

    /// Answers in this order; the last answer is repeated.
    pub(crate) fn scripted(script: Vec<Answer>) -> Self {
        let mut next = 0;
        Self::start(move |_| {
            let answer = script[next].clone();
            next = (next + 1).min(script.len() - 1);
            answer
        })
    }

    /// Serves one file as it should be served.
    pub(crate) fn of(file: &[u8]) -> Self {
        let file = file.to_owned();
        Self::start(move |request| Answer::file(&file, request))
    }

    /// Address of a path that begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// First bytes of the ranges that were asked for, in order.
    pub(crate) fn ranges(&self) -> Vec<Option<usize>> {
        self.requests().iter().map(|request| request.from).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread, which sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads a request to the end of its headers.
fn heard(stream: TcpStream) -> Option<(TcpStream, Request)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let range =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let from = range.and_then(|range| range.trim_end_matches('-').parse().ok());
    Some((reader.into_inner(), Request { path, from, head }))
}
