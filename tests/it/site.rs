//! The pages: the same board gives the same bytes, links hold, strangers' words stay words, and nobody's files are touched.

#![expect(clippy::disallowed_methods, reason = "a test may write what nobody relies on")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hlb_bench::leaderboard::{self, SiteError};
use html5gum::{HtmlString, Token, Tokenizer};

use crate::fixture::{Fixture, Hand, Spec, gpu_machine, price};

/// A board with everything on it: ranked, unranked and rejected entries, two machines, and a track without entries.
pub(crate) fn full() -> Fixture {
    let fixture = Fixture::new();
    fixture.file(&Spec { price: Some(price(0.096)), ..Spec::named("reference") });
    let mut fast = Spec {
        changes: "loss:\n  label_smoothing: 0.31\nlogit_scale: 0.17\n".to_owned(),
        description: "more smoothing, larger logits".to_owned(),
        ..Spec::named("smoother")
    };
    fast.runs = Spec::runs(10, 2.3, 14);
    fast.runs[4].over_target = -9;
    fast.authors = vec!["Grace Hopper".to_owned(), "Katherine Johnson".to_owned()];
    fast.hand = Hand::Runner;
    fixture.file(&fast);
    let mut gpu = Spec::named("on-a-gpu");
    (gpu.machine, gpu.device, gpu.price) = (gpu_machine(), "cuda".to_owned(), Some(price(2.99)));
    gpu.runs = Spec::runs(10, 0.21, 20);
    fixture.file(&gpu);
    let mut few = Spec::named("three-runs");
    few.runs = Spec::runs(3, 2.0, -30);
    few.runs[1].diverges_after = Some(2);
    fixture.file(&few);
    fixture.file(&Spec { hand: Hand::Nobody, ..Spec::named("unsigned-one") });
    fixture
}

fn build(fixture: &Fixture, name: &str) -> PathBuf {
    let out = fixture.beside(name);
    leaderboard::write(&fixture.board(), &out).expect("written");
    out
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for item in fs::read_dir(next).expect("listed") {
            let path = item.expect("listed").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_owned();
                found.insert(name, fs::read(&path).expect("read"));
            }
        }
    }
    found
}

fn pages(site: &Path) -> BTreeMap<PathBuf, String> {
    let html = |path: &PathBuf| path.extension().is_some_and(|end| end == "html");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    files(site).into_iter().filter(|(path, _)| html(path)).map(|(path, bytes)| (path, text(bytes))).collect()
}

/// An element's beginning.
#[derive(Debug)]
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

fn utf8(text: &HtmlString) -> String {
    String::from_utf8(text.to_vec()).expect("UTF-8")
}

fn tags(page: &str) -> Vec<Tag> {
    let tag = |token| match token {
        Token::StartTag(tag) => Some(Tag {
            name: utf8(&tag.name),
            attributes: tag.attributes.iter().map(|(key, value)| (utf8(key), utf8(value))).collect(),
        }),
        _ => None,
    };
    Tokenizer::new(page).filter_map(|token| tag(token.expect("in memory"))).collect()
}

/// What a reader sees, elements apart and with single spaces.
fn text(page: &str) -> String {
    let piece = |token| match token {
        Token::String(text) => utf8(&text),
        _ => " ".to_owned(),
    };
    words(&Tokenizer::new(page).map(|token| piece(token.expect("in memory"))).collect::<String>())
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn named(tags: &[Tag], name: &str) -> usize {
    tags.iter().filter(|tag| tag.name == name).count()
}

#[test]
fn the_same_submissions_give_the_same_bytes_wherever_they_lie() {
    let fixture = full();
    let first = build(&fixture, "first");
    let moved = fixture.beside("moved");
    fs::rename(fixture.submissions(), &moved).expect("moved");
    fs::create_dir(fixture.submissions()).expect("made");
    for (path, bytes) in files(&moved) {
        let copy = fixture.submissions().join(path);
        fs::create_dir_all(copy.parent().expect("a folder")).expect("made");
        fs::write(copy, bytes).expect("written");
    }
    assert_eq!(files(&first), files(&build(&fixture, "a/deeper/second")));
    let again = build(&fixture, "first");
    assert_eq!(files(&first), files(&again), "a second build over the first");
}

#[test]
fn every_link_leads_to_a_file_of_the_site() {
    let fixture = full();
    let site = build(&fixture, "site");
    let pages = pages(&site);
    assert_eq!(pages.len(), 1 + 4, "the index and one page an entry");
    for (path, page) in &pages {
        for link in tags(page).iter().filter_map(|tag| tag.get("href").or_else(|| tag.get("src"))) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            assert!(!file.contains(':') && !file.starts_with('/'), "{} links to {link}", path.display());
            let target =
                if file.is_empty() { site.join(path) } else { site.join(path).parent().expect("a folder").join(file) };
            assert!(target.is_file(), "{} links to {link}", path.display());
            if !fragment.is_empty() {
                let ids = tags(&fs::read_to_string(&target).expect("a page"));
                let has = ids.iter().any(|tag| tag.get("id") == Some(fragment));
                assert!(has, "{} links to {link}", path.display());
            }
        }
    }
}

#[test]
fn the_files_of_an_entry_are_beside_its_page_byte_for_byte() {
    let fixture = full();
    let site = build(&fixture, "site");
    let entry = "shapes/2026-03-14-reference";
    for name in ["variant.yaml", "recipe.yaml", "result.yaml", "result.yaml.sig", "session.jsonl"] {
        let copied = fs::read(site.join("entries").join(entry).join(name)).expect("copied");
        assert_eq!(copied, fs::read(fixture.submissions().join(entry).join(name)).expect("there"), "{name}");
    }
    let signers = |folder: &Path| fs::read(folder.join("allowed_signers")).expect("there");
    assert_eq!(signers(&site), signers(&fixture.submissions()));
}

/// Markup, template tags, script links and quotes, as a stranger would try them.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}{% include 'base.html' %}",
    "javascript:alert(1)",
    "</title></style></svg><h1>mine</h1><!--",
];

/// The board with one entry, whose every free text is `words`.
fn with_words(words: &str) -> (Fixture, PathBuf) {
    let fixture = Fixture::new();
    let mut spec = Spec::named("words");
    (spec.authors, spec.description) = (vec![words.to_owned(), "B".to_owned()], words.to_owned());
    spec.machine = gpu_machine();
    (spec.machine.host.cpu, spec.machine.host.kernel) = (Some(words.to_owned()), None);
    spec.machine.host.unknown.insert("kernel".to_owned(), words.to_owned());
    spec.machine.gpus[0].name = Some(words.to_owned());
    words.clone_into(&mut spec.device);
    let mut price = price(1.0);
    price.source = words.parse().expect("safe text");
    spec.price = Some(price);
    fixture.file(&spec);
    fixture.file(&Spec { folder: "has <b>markup<b>".to_owned(), ..Spec::named("rejected") });
    let site = build(&fixture, "site");
    (fixture, site)
}

/// Every element in its order, with the names of its attributes.
fn skeleton(page: &str) -> Vec<(String, BTreeSet<String>)> {
    tags(page).into_iter().map(|tag| (tag.name, tag.attributes.into_keys().collect())).collect()
}

#[test]
fn hostile_words_stay_words() {
    let (_benign, benign_site) = with_words("nothing but a plain sentence");
    let benign = pages(&benign_site);
    for words in HOSTILE {
        let (_fixture, site) = with_words(words);
        let hostile = pages(&site);
        assert_eq!(hostile.len(), benign.len());
        for (path, page) in &hostile {
            assert_eq!(skeleton(page), skeleton(&benign[path]), "{words} in {}", path.display());
            let shown = text(page);
            assert!(shown.contains(&self::words(words)), "{words} in {}", path.display());
        }
    }
}

#[test]
fn commands_to_paste_hold_no_words_of_a_stranger() {
    let (_fixture, site) = with_words("cpu; touch pwned");
    for page in pages(&site).values() {
        let mut inside = 0;
        for token in Tokenizer::new(page).map(|token| token.expect("in memory")) {
            match token {
                Token::StartTag(tag) if tag.name.as_slice() == b"pre" => inside += 1,
                Token::EndTag(tag) if tag.name.as_slice() == b"pre" => inside -= 1,
                Token::String(text) if inside > 0 => assert!(!String::from_utf8_lossy(&text).contains("pwned")),
                _ => {}
            }
        }
    }
}

#[test]
fn unranked_and_rejected_entries_are_listed_with_their_reasons() {
    let fixture = full();
    fs::write(fixture.submissions().join("shapes/2026-03-14-reference/session.jsonl"), "{}\n").expect("spoilt");
    let index = text(&pages(&build(&fixture, "site"))[Path::new("index.html")]);
    for expected in [
        "three-runs",
        "3 runs, a ranked row needs 10",
        "0 of 3 runs reached the target, a ranked row needs 9 of 10",
        "shapes/2026-03-14-unsigned-one it is unsigned",
        "shapes/2026-03-14-reference `session.jsonl` has SHA-256",
        "No entry yet.",
        "smoother",
        "run by the runner runner@example",
        "self-reported ada@example",
    ] {
        assert!(index.contains(expected), "`{expected}` is not in {index}");
    }
}

#[test]
fn what_is_unknown_is_never_zero() {
    let fixture = full();
    let pages = pages(&build(&fixture, "site"));
    let entry = text(&pages[Path::new("entries/shapes/2026-03-14-three-runs/index.html")]);
    for expected in [
        "unknown : no price was given",
        "Memory limit unknown the control group sets no memory limit",
        "GPUs unknown NVML is not available",
        "— (the median run did not reach the target)",
        "diverged",
    ] {
        assert!(entry.contains(expected), "`{expected}` is not in {entry}");
    }
    assert!(!entry.contains("$0") && !entry.contains("None") && !entry.contains("null"), "{entry}");
    let gpu = text(&pages[Path::new("entries/shapes/2026-03-14-on-a-gpu/index.html")]);
    assert!(gpu.contains("Processes of others unknown the driver does not say"), "{gpu}");
}

#[test]
fn an_entry_page_shows_curves_differences_and_commands() {
    let fixture = full();
    let pages = pages(&build(&fixture, "site"));
    let page = &pages[Path::new("entries/shapes/2026-03-14-smoother/index.html")];
    let tags = tags(page);
    assert!(named(&tags, "polyline") >= 10 && named(&tags, "circle") >= 9, "a curve a run, and where it reached");
    let text = text(page);
    let reference = hlb_bench::variant::shipped("hlb-shapes").expect("shipped");
    let changed = |key: &str, before: f64, after: f64| format!("{key} {before} {after}");
    for expected in [
        &changed("loss.label_smoothing", reference.loss.label_smoothing, 0.31),
        &changed("logit_scale", reference.logit_scale, 0.17),
        "hlb-bench run variant.yaml --runs 10 --device cpu --threads 2",
        "ssh-keygen -Y verify -f allowed_signers -I runner@example -n rerun.v1@hlb-bench -s result.yaml.sig < result.yaml",
        "hlb-bench verify submissions/shapes/2026-03-14-smoother",
        "9 of 10",
        "missed",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in {text}");
    }
    let reference = self::text(&pages[Path::new("entries/shapes/2026-03-14-reference/index.html")]);
    assert!(reference.contains("Identical to the reference hlb-shapes"), "{reference}");
}

#[test]
fn pages_need_no_script_and_can_be_found_one_s_way_in() {
    let fixture = full();
    for (path, page) in pages(&build(&fixture, "site")) {
        let (tags, path) = (tags(&page), path.display().to_string());
        for forbidden in ["script", "style", "iframe", "form", "img", "object"] {
            assert_eq!(named(&tags, forbidden), 0, "<{forbidden}> in {path}");
        }
        for once in ["h1", "main", "header", "footer", "title"] {
            let expected = if once == "title" { 1 + named(&tags, "desc") } else { 1 };
            assert_eq!(named(&tags, once), expected, "<{once}> in {path}");
        }
        assert_eq!(named(&tags, "table"), named(&tags, "caption"), "{path}");
        for tag in &tags {
            let inline = tag.attributes.keys().any(|key| key == "style" || key.starts_with("on"));
            assert!(!inline, "{tag:?} in {path}");
            if tag.name == "th" {
                assert!(tag.get("scope").is_some(), "a heading without scope in {path}");
            }
            if tag.name == "html" {
                assert_eq!(tag.get("lang"), Some("en"));
            }
        }
        let mut ids: Vec<String> = tags.iter().filter_map(|tag| tag.get("id").map(str::to_owned)).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id twice in {path}");
    }
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_left_alone() {
    let fixture = full();
    let out = fixture.beside("theirs");
    fs::create_dir(&out).expect("made");
    fs::write(out.join("thesis.tex"), "precious").expect("written");
    let before = files(&out);
    let error = leaderboard::write(&fixture.board(), &out).expect_err("refused");
    assert!(matches!(error, SiteError::Foreign { .. }), "{error:?}");
    let expected = format!(
        "`{}` is not empty and holds no `.hlb-bench-site`, so it is not a site that this program wrote",
        out.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().is_some_and(|hint| hint.contains("--out")));
    assert_eq!(files(&out), before);
}

#[test]
fn stale_pages_go_and_files_of_others_stay() {
    let fixture = full();
    let site = build(&fixture, "site");
    fs::write(site.join("CNAME"), "bench.example.org").expect("written");
    let gone = fixture.submissions().join("shapes/2026-03-14-on-a-gpu");
    fs::remove_dir_all(gone).expect("removed");
    build(&fixture, "site");
    assert!(!site.join("entries/shapes/2026-03-14-on-a-gpu").exists());
    assert!(site.join("entries/shapes/2026-03-14-reference/index.html").exists());
    assert_eq!(fs::read_to_string(site.join("CNAME")).expect("kept"), "bench.example.org");
}

#[test]
fn a_marker_that_names_files_outside_the_site_removes_nothing_there() {
    let fixture = full();
    let site = build(&fixture, "site");
    let outside = fixture.beside("outside.txt");
    fs::write(&outside, "precious").expect("written");
    let marker = site.join(".hlb-bench-site");
    let lines = format!("{}../outside.txt\n{}\n", fs::read_to_string(&marker).expect("there"), outside.display());
    fs::write(&marker, lines).expect("written");
    build(&fixture, "site");
    assert_eq!(fs::read_to_string(&outside).expect("kept"), "precious");
}

#[test]
fn a_file_that_changed_since_it_was_verified_is_not_published() {
    let fixture = full();
    let board = fixture.board();
    let log = fixture.submissions().join("shapes/2026-03-14-reference/session.jsonl");
    let mut bytes = fs::read(&log).expect("there");
    bytes[40] ^= 1;
    fs::write(&log, bytes).expect("written");
    let error = leaderboard::write(&board, &fixture.beside("site")).expect_err("refused");
    assert!(matches!(&error, SiteError::Changed { path } if *path == log), "{error:?}");
}
