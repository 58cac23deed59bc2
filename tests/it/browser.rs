//! The pages in a real browser: no overflow from a small phone to a wall, readable in light and dark, nothing refused
//! by their own content security policy.
//!
//! Headless Chromium is driven through its `DevTools` protocol over a pipe, so that no port is opened and no driver is
//! needed. Without Chromium the test is skipped by name; with `CI` set it fails instead.

#![expect(clippy::disallowed_methods, reason = "a test may write what nobody relies on")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hlb_bench::leaderboard;
use serde_json::{Value, json};

use crate::site::full;

/// How long one answer of the browser may take.
const PATIENCE: Duration = Duration::from_mins(1);

const PROBE: &str = include_str!("../browser/probe.js");

/// Width of the view, in CSS pixels.
const WIDTHS: [u32; 5] = [320, 375, 768, 1280, 3840];

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut places = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    places.find(|place| place.is_file())
}

/// A running browser with one page.
struct Browser {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    last_id: u64,
    complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        // The protocol's pipe is file descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let requests = child.stdin.take().expect("piped");
        let pipe = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for message in pipe.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("the protocol is JSON");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser =
            Self { child, requests, answers, session: None, last_id: 0, complaints: Vec::new(), _profile: profile };
        browser.open_page();
        browser
    }

    fn open_page(&mut self) {
        let target = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call("Target.attachToTarget", &attach)["sessionId"].as_str().map(str::to_owned);
        self.session = session;
        for domain in ["Page", "Log", "Runtime"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let mut request = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        write!(self.requests, "{request}\0").and_then(|()| self.requests.flush()).expect("the browser listens");
        let id = self.last_id;
        let answer = self.wait(|message| message["id"] == id);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// The first message that fits; complaints on the way are kept.
    fn wait(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.answers.recv_timeout(PATIENCE).expect("the browser answers");
            if matches!(
                message["method"].as_str(),
                Some("Log.entryAdded" | "Runtime.exceptionThrown" | "Runtime.consoleAPICalled")
            ) {
                self.complaints.push(message["params"].to_string());
            }
            if fits(&message) {
                return message;
            }
        }
    }

    fn show(&mut self, page: &Path, width: u32, theme: &str) {
        let view = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700});
        self.call("Emulation.setDeviceMetricsOverride", &view);
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.call("Emulation.setEmulatedMedia", &media);
        self.call("Page.navigate", &json!({"url": format!("file://{}", page.display())}));
        self.wait(|message| message["method"] == "Page.loadEventFired");
    }

    fn probe(&mut self) -> Value {
        let answer = self.call("Runtime.evaluate", &json!({"expression": PROBE, "returnByValue": true}));
        let text = answer["result"]["value"].as_str().unwrap_or_else(|| panic!("no answer: {answer}"));
        serde_json::from_str(text).expect("JSON")
    }

    fn screenshot(&mut self, width: u32, height: u64, path: &Path) {
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height.min(8000), "scale": 1});
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let answer = self.call("Page.captureScreenshot", &parameters);
        let bytes = <base64ct::Base64 as base64ct::Encoding>::decode_vec(answer["data"].as_str().expect("a picture"));
        std::fs::write(path, bytes.expect("base64")).expect("written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Screenshots of the last test run lie in `target/tmp`, to be looked at.
fn picture(page: &Path, width: u32, theme: &str) -> PathBuf {
    let name = if page.ends_with("site/index.html") { "index" } else { "entry" };
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("board-{name}-{width}-{theme}.png"))
}

#[test]
fn pages_fit_and_can_be_read_on_every_screen() {
    let Some(program) = chromium() else {
        assert!(std::env::var_os("CI").is_none(), "there is no Chromium in PATH");
        eprintln!("skipped: there is no Chromium in PATH");
        return;
    };
    let fixture = full();
    let site = fixture.beside("site");
    leaderboard::write(&fixture.board(), &site).expect("written");
    let mut browser = Browser::start(&program);
    let entries = ["smoother", "on-a-gpu"].map(|name| format!("entries/shapes/2026-03-14-{name}/index.html"));
    for page in [Path::new("index.html"), Path::new(&entries[0]), Path::new(&entries[1])] {
        let (page, mut grounds) = (site.join(page), Vec::new());
        for (width, theme) in WIDTHS.iter().flat_map(|width| ["light", "dark"].map(|theme| (*width, theme))) {
            browser.show(&page, width, theme);
            let seen = browser.probe();
            let place = format!("{} at {width} in {theme}: {seen}", page.display());
            assert!(seen["scroll_width"].as_u64() <= seen["client_width"].as_u64(), "overflow: {place}");
            assert_eq!(seen["wide"], json!([]), "{place}");
            assert_eq!(seen["faint"], json!([]), "{place}");
            assert!(seen["texts"].as_u64() > Some(50), "{place}");
            grounds.push(seen["ground"].clone());
            if width < 3840 {
                browser.screenshot(width, seen["height"].as_u64().expect("a height"), &picture(&page, width, theme));
            }
        }
        assert_ne!(grounds[0], grounds[1], "the style sheet was loaded and knows both themes");
        assert_eq!(browser.complaints, Vec::<String>::new(), "{}", page.display());
    }
}
