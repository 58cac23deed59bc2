//! The pages in a real browser: no overflow from a small phone to a wall, readable in light and dark, nothing refused
//! by their own content security policy.
//!
//! Headless Chromium is driven through its `DevTools` protocol over a pipe, so that no port is opened and no driver is
//! needed. Without Chromium the test is skipped by name; with `CI` set it fails instead.

#![expect(clippy::disallowed_methods, reason = "a test may write what nobody relies on")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hlb_board::{SiteOptions, Studies, Workers};
use serde_json::{Value, json};

use crate::board::site::full;
use crate::support::fixture::{Fixture, Hand, Spec};

/// How long one answer of the browser may take.
const PATIENCE: Duration = Duration::from_mins(1);

const PROBE: &str = include_str!("../browser/probe.js");

/// Width of the view, in CSS pixels.
const WIDTHS: [u32; 6] = [320, 360, 768, 1280, 2560, 3840];

/// Those of which images are kept.
const PICTURED: [u32; 3] = [360, 1280, 2560];

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
    /// Addresses that were asked for and are no files.
    requests_elsewhere: Vec<String>,
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
        let mut browser = Self {
            child,
            requests,
            answers,
            session: None,
            last_id: 0,
            complaints: Vec::new(),
            requests_elsewhere: Vec::new(),
            _profile: profile,
        };
        browser.open_page();
        browser
    }

    fn open_page(&mut self) {
        let target = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call("Target.attachToTarget", &attach)["sessionId"].as_str().map(str::to_owned);
        self.session = session;
        for domain in ["Page", "Log", "Runtime", "Network"] {
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
            if message["method"] == "Network.requestWillBeSent" {
                let address = message["params"]["request"]["url"].as_str().unwrap_or_default();
                if !address.starts_with("file://") && !address.starts_with("data:") {
                    self.requests_elsewhere.push(address.to_owned());
                }
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

    /// The value of an expression in the page, as text.
    fn ask(&mut self, expression: &str) -> String {
        self.evaluate(expression, false)
    }

    /// The same of a promise.
    fn ask_later(&mut self, expression: &str) -> String {
        self.evaluate(expression, true)
    }

    fn evaluate(&mut self, expression: &str, later: bool) -> String {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": later});
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression:.200}: {answer}");
        answer["result"]["value"].as_str().map_or_else(|| answer["result"]["value"].to_string(), str::to_owned)
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
        let bytes = <base64ct::Base64 as base64ct::Encoding>::decode_vec(answer["data"].as_str().expect("an image"));
        std::fs::write(path, bytes.expect("base64")).expect("written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A browser, or `None` with the reason printed where a machine has none. In CI its absence is a failure.
fn browser() -> Option<Browser> {
    let found = chromium();
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "there is no Chromium in PATH");
        eprintln!("skipped: there is no Chromium in PATH");
    }
    found.map(|program| Browser::start(&program))
}

/// Screenshots of the last test run lie in `target/tmp`, to be looked at.
fn image(page: &str, width: u32, theme: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("board-{page}-{width}-{theme}.png"))
}

/// The pages of the whole fixture that differ in kind, by a name of their own.
fn kinds(site: &Path) -> Vec<(&'static str, PathBuf)> {
    let authors = std::fs::read_dir(site.join("authors")).expect("authors");
    let author = authors.map(|folder| folder.expect("listed").path()).min().expect("an author");
    vec![
        ("index", site.join("index.html")),
        ("entry", site.join("entries/shapes/2026-11-26-smoother/index.html")),
        ("entry-gpu", site.join("entries/shapes/2026-11-26-on-a-gpu/index.html")),
        ("track", site.join("tracks/shapes/index.html")),
        ("compare", site.join("tracks/shapes/compare.html")),
        ("track-with-records", site.join("tracks/fashion-mnist/index.html")),
        ("author", author.join("index.html")),
        ("study", site.join("studies/ablation-shapes/index.html")),
        ("history", site.join("history.html")),
        ("about", site.join("about.html")),
    ]
}

fn built() -> (Fixture, PathBuf) {
    let fixture = full();
    for (name, day, seconds) in
        [("first", "2026-11-23", 2.5), ("second", "2026-11-27", 1.9), ("third", "2026-11-29", 1.25)]
    {
        let spec = Spec {
            track: "fashion-mnist".to_owned(),
            runs: Spec::runs(10, seconds, 40),
            reference_epoch_seconds: Some(2.5),
            // The last is a candidate.
            hand: if name == "third" { Hand::Submitter } else { Hand::Runner },
            ..Spec::dated(name, day)
        };
        fixture.file(&spec);
    }
    let withdrawn = "withdrawn:\n- {entry: fashion-mnist/2026-11-27-second, verdict: refuted, date: 2026-11-30, reason: it trained on the evaluation split}\n";
    std::fs::write(fixture.submissions().join("withdrawn.yaml"), withdrawn).expect("written");
    let site = fixture.sibling("site");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/reports");
    let studies = Studies::new(&folder, hlb_study::remake);
    let options = SiteOptions { studies: Some(studies), ..SiteOptions::default() };
    hlb_board::write(&fixture.board(), &site, &options, Workers::all()).expect("written");
    let track = std::fs::read_to_string(site.join("tracks/fashion-mnist/index.html")).expect("a page");
    assert!(
        track.contains("A step down is a new record") && track.contains("<s>"),
        "steps and what was refuted are shown"
    );
    (fixture, site)
}

#[test]
fn pages_fit_and_can_be_read_on_every_screen() {
    let Some(mut browser) = browser() else { return };
    let (_fixture, site) = built();
    for (name, page) in kinds(&site) {
        let mut backgrounds = Vec::new();
        for (width, theme) in WIDTHS.iter().flat_map(|width| ["light", "dark"].map(|theme| (*width, theme))) {
            browser.show(&page, width, theme);
            let seen = browser.probe();
            let place = format!("{name} at {width} in {theme}: {seen}");
            assert!(seen["scroll_width"].as_u64() <= seen["client_width"].as_u64(), "overflow: {place}");
            assert_eq!(seen["wide"], json!([]), "{place}");
            assert_eq!(seen["faint"], json!([]), "{place}");
            assert!(seen["texts"].as_u64() > Some(30), "{place}");
            backgrounds.push(seen["background"].clone());
            if PICTURED.contains(&width) {
                browser.screenshot(width, seen["height"].as_u64().expect("a height"), &image(name, width, theme));
            }
        }
        assert_ne!(backgrounds[0], backgrounds[1], "the style sheet was loaded and knows both themes");
        assert_eq!(browser.complaints, Vec::<String>::new(), "{name}");
        assert_eq!(browser.requests_elsewhere, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_reader_sorts_and_filters_without_leaving_the_page() {
    let Some(mut browser) = browser() else { return };
    let (_fixture, site) = built();
    browser.show(&site.join("tracks/shapes/index.html"), 1280, "light");
    let names = "[...document.querySelectorAll('tr.entry:not([hidden]) .model a:not(.quiet)')].map((a) => a.textContent).join()";
    let before = browser.ask(names);
    let first = browser.ask("document.querySelector('tbody tr.entry .model a').textContent");
    // By cost, what is unknown last; and once more the other way round.
    browser.ask("document.querySelector('th[data-sort=cost] button').click()");
    let costs = "[...document.querySelector('tbody').querySelectorAll('tr.entry')].map((row) => row.dataset.cost || 'none').join()";
    let rising = browser.ask(costs);
    assert_eq!(browser.ask("document.querySelector('th[data-sort=cost]').getAttribute('aria-sort')"), "ascending");
    browser.ask("document.querySelector('th[data-sort=cost] button').click()");
    let falling = browser.ask(costs);
    assert!(rising.ends_with("none") || !rising.contains("none"), "{rising}");
    assert!(falling.ends_with("none") || !falling.contains("none"), "{falling}");
    // Back to the order of the board.
    browser.ask("{ const order = document.forms[0].elements.order; order.value = 'time'; order.dispatchEvent(new Event('change')); order.value = ''; order.dispatchEvent(new Event('change')); 1 }");
    assert_eq!(browser.ask(names), before);
    // What is filtered away is counted, and comes back.
    browser.ask("{ const text = document.forms[0].elements.text; text.value = 'Grace'; text.dispatchEvent(new Event('input', {bubbles: true})); 1 }");
    assert_eq!(browser.ask(names), "smoother");
    assert!(browser.ask("document.querySelector('output').textContent").starts_with("1 of "));
    browser.ask("{ const text = document.forms[0].elements.text; text.value = ''; text.dispatchEvent(new Event('input', {bubbles: true})); 1 }");
    assert_eq!(browser.ask(names), before);
    browser.ask("{ const trust = document.forms[0].elements.trust; trust.value = '3'; trust.dispatchEvent(new Event('input', {bubbles: true})); 1 }");
    assert_eq!(browser.ask(names), "reference", "one entry was reproduced; the first was {first}");
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// Whether numbers begin at zero, lie equally far apart and are short.
fn is_even(ticks: &str) -> bool {
    let numbers: Vec<f64> = ticks.split(',').map(|tick| tick.parse().expect("a number")).collect();
    let even = (0_u8..).zip(&numbers).all(|(place, number)| (number - f64::from(place) * numbers[1]).abs() < 1e-9);
    even && numbers.len() == 5 && ticks.split(',').all(|tick| tick.len() <= 4)
}

#[test]
fn a_reader_sets_any_two_entries_side_by_side() {
    let Some(mut browser) = browser() else { return };
    let (_fixture, site) = built();
    browser.show(&site.join("tracks/shapes/compare.html"), 1280, "light");
    let heads = "[...document.querySelectorAll('thead a')].map((a) => a.textContent).join(' | ')";
    let before = browser.ask(heads);
    let ticks = "[...document.querySelectorAll('figure text.x-tick')].map((tick) => tick.textContent).join()";
    let page = std::fs::read_to_string(site.join("tracks/shapes/compare.html")).expect("a page");
    let made =
        page.split("x-tick").skip(1).filter_map(|part| part.split(['>', '<']).nth(1)).collect::<Vec<_>>().join(",");
    assert_eq!(browser.ask(ticks), made, "the script marks the axis as the page was made");
    let curve = "document.querySelector('figure svg svg polyline').getAttribute('points')";
    let drawn = browser.ask(curve);
    browser.ask("{ const one = document.forms[0].elements.one; one.selectedIndex = 2; one.dispatchEvent(new Event('change')); 1 }");
    assert_ne!(browser.ask(heads), before);
    assert_ne!(browser.ask(curve), drawn);
    assert!(is_even(&browser.ask(ticks)), "{}", browser.ask(ticks));
    let chosen = browser.ask("document.querySelector('[data-path=one]').textContent");
    assert!(browser.ask("location.hash").contains(&chosen), "{chosen}");
    let link = browser.ask("document.querySelector('thead a').getAttribute('href')");
    assert!(site.join("tracks/shapes").join(&link).is_file(), "{link}");
    // An address names the two.
    let page =
        format!("{}#one={chosen}&other=shapes/2026-11-26-twin", site.join("tracks/shapes/compare.html").display());
    browser.show(&site.join("index.html"), 1280, "light");
    browser.show(Path::new(&page), 1280, "light");
    assert!(browser.ask(heads).ends_with("twin (2026-11-26)"), "{}", browser.ask(heads));
    assert_eq!(browser.complaints, Vec::<String>::new());
}

#[test]
fn without_scripts_every_row_is_there_and_in_order() {
    let Some(mut browser) = browser() else { return };
    let (_fixture, site) = built();
    browser.show(&site.join("tracks/shapes/index.html"), 1280, "light");
    let with = browser.ask("[...document.querySelectorAll('tr.entry')].map((row) => row.dataset.name).join()");
    browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.show(&site.join("tracks/shapes/index.html"), 1280, "light");
    // Scripts of the page are off, those of the protocol are not.
    let rows = "[...document.querySelectorAll('tr.entry')].filter((row) => row.checkVisibility()).map((row) => row.dataset.name).join()";
    assert_eq!(browser.ask(rows), with);
    assert_eq!(
        browser.ask("String(document.querySelector('form').checkVisibility())"),
        "false",
        "a filter without its script"
    );
}

/// The accessibility checker axe-core, if this machine has it: its file's path is in `HLB_BENCH_AXE`.
fn axe() -> Option<String> {
    let Some(path) = std::env::var_os("HLB_BENCH_AXE") else {
        assert!(std::env::var_os("CI").is_none(), "HLB_BENCH_AXE does not name axe.min.js");
        eprintln!("skipped: HLB_BENCH_AXE does not name axe.min.js");
        return None;
    };
    Some(std::fs::read_to_string(path).expect("HLB_BENCH_AXE can be read"))
}

#[test]
fn axe_finds_no_barrier_on_any_kind_of_page() {
    let Some(axe) = axe() else { return };
    let Some(mut browser) = browser() else { return };
    let (_fixture, site) = built();
    let mut barriers = Vec::new();
    for (name, page) in kinds(&site) {
        for (width, theme) in [(1280, "light"), (360, "dark")] {
            browser.show(&page, width, theme);
            browser.ask(&format!("{axe}; 1"));
            let run = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})\
                .then((found) => JSON.stringify(found.violations.map((it) => [it.id, it.nodes.map((node) => node.html.slice(0, 120)).slice(0, 3)])))";
            let found = browser.ask_later(run);
            if found != "[]" {
                barriers.push(format!("{name} at {width} in {theme}: {found}"));
            }
        }
    }
    assert!(barriers.is_empty(), "{}", barriers.join("\n"));
}
