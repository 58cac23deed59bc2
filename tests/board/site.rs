//! The pages: the same board gives the same bytes, links hold, strangers' words stay words, and nobody's files are touched.

#![expect(clippy::disallowed_methods, reason = "a test may write what nobody relies on")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hlb_board::{RowState, SIGNERS_FILE, SiteError, SiteOptions, Workers, read_signers};
use hlb_core::hint::Hint as _;
use hlb_core::rules::{RULES_BEFORE, RULES_VERSION};
use hlb_core::stats::Estimate;
use hlb_core::units::DeviceKind;
use hlb_machine::GpuSample;
use hlb_machine::price::Table;
use hlb_protocol::run_log::{Shortcut, ShortcutName};
use html5gum::{HtmlString, Token, Tokenizer};

use crate::board::hostile_words;
use crate::support::fixture::{Fixture, Hand, Spec, gpu_machine, gpu_sample, price};

/// A row of the shipped price table with a price that was seen before.
const RENTED: &str = "azure/Standard_NC48ads_A100_v4@eastus";

/// A board with everything on it: ranked, unranked and rejected entries, two hardware classes, calibrated and warned ones, one
/// that was reproduced, and a track without entries.
pub(crate) fn full() -> Fixture {
    let fixture = Fixture::new();
    let reference = Spec { price: Some(price(0.096)), ..Spec::named("reference") };
    let folder = fixture.file(&reference);
    fixture.file_reproduction(&folder, "again", &Spec { hand: Hand::Runner, ..reference.clone() });
    let slow = Spec { runs: Spec::runs(10, 4.0, 16), ..reference };
    fixture.file_reproduction(&folder, "slow", &slow);
    fixture.file(&Spec { runs: Spec::runs(10, 2.504, 12), ..Spec::named("twin") });
    let mut fast = Spec {
        changes: "loss:\n  label_smoothing: 0.31\nlogit_scale: 0.17\n".to_owned(),
        description: "more smoothing, larger logits".to_owned(),
        ..Spec::named("smoother")
    };
    fast.runs = Spec::runs(10, 2.3, 14);
    fast.runs[4].over_target = -9;
    fast.authors = vec!["Grace Hopper".to_owned(), "Katherine Johnson".to_owned()];
    fast.hand = Hand::Runner;
    fast.reference_epoch_seconds = Some(2.5);
    fast.sample.host.other_cpu_percent = Some(12.0);
    fixture.file(&fast);
    let mut gpu = Spec { price: Table::shipped().find(RENTED, "2026-03-14").ok(), ..Spec::named("on-a-gpu") };
    (gpu.machine, gpu.device) = (gpu_machine(), DeviceKind::Cuda);
    gpu.machine.gpus[0].power_limit_milliwatts = Some(500_000);
    gpu.runs = Spec::runs(10, 0.21, 20);
    gpu.reference_epoch_seconds = Some(0.28);
    gpu.sample.gpus = vec![GpuSample { temperature_celsius: None, ..gpu_sample() }];
    let key = "gpus[0].temperature_celsius".to_owned();
    gpu.sample.unknown.insert(key, "the driver refuses".to_owned());
    fixture.file(&gpu);
    let mut few = Spec::named("three-runs");
    few.runs = Spec::runs(3, 2.0, -30);
    few.runs[1].diverges_after = Some(2);
    fixture.file(&few);
    fixture.file(&Spec { hand: Hand::Nobody, ..Spec::named("unsigned-one") });
    fixture
}

fn build(fixture: &Fixture, name: &str) -> PathBuf {
    let out = fixture.sibling(name);
    hlb_board::write(&fixture.board(), &out, &SiteOptions::default(), Workers::all()).expect("written");
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
    let moved = fixture.sibling("moved");
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

fn leaderboard_tracks() -> usize {
    hlb_data::track::all().len()
}

#[test]
fn every_link_leads_to_a_file_of_the_site() {
    let fixture = full();
    let site = build(&fixture, "site");
    let pages = pages(&site);
    let count = |folder: &str| pages.keys().filter(|path| path.starts_with(folder)).count();
    assert_eq!(count("entries"), 5, "one page an entry");
    assert_eq!(count("tracks"), leaderboard_tracks() + 1, "one page a track, and one that compares");
    assert!(count("authors") >= 3 && pages.contains_key(Path::new("about.html")), "{:?}", pages.keys());
    for (path, page) in &pages {
        let is_source = |tag: &Tag| tag.name == "a" && tag.get("href").is_some_and(|link| link.starts_with("https://"));
        let (sources, own): (Vec<Tag>, Vec<Tag>) = tags(page).into_iter().partition(is_source);
        assert_eq!(
            !sources.is_empty(),
            path == Path::new("history.html"),
            "sources of published boards lead elsewhere"
        );
        for link in own.iter().filter_map(|tag| tag.get("href").or_else(|| tag.get("src"))) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            assert!(!file.contains(':') && !file.starts_with('/'), "{} links to {link}", path.display());
            let target =
                if file.is_empty() { site.join(path) } else { site.join(path).parent().expect("a folder").join(file) };
            assert!(target.is_file(), "{} links to {link}", path.display());
            // What a script reads out of an address is no place of the page.
            if !fragment.is_empty() && !fragment.contains('=') {
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
    let entry = "shapes/2026-11-26-reference";
    for name in ["variant.yaml", "recipe.yaml", "result.yaml", "result.yaml.sig", "session.jsonl"] {
        let copied = fs::read(site.join("entries").join(entry).join(name)).expect("copied");
        assert_eq!(copied, fs::read(fixture.submissions().join(entry).join(name)).expect("there"), "{name}");
    }
    let signers = |folder: &Path| fs::read(folder.join("allowed_signers")).expect("there");
    assert_eq!(signers(&site), signers(&fixture.submissions()));
}

/// The board with one entry, whose every free text is `words`.
fn with_words(words: &str) -> (Fixture, PathBuf) {
    let fixture = Fixture::new();
    fixture.file(&hostile_words::spec("words", words));
    fixture.file(&Spec { folder: "has <b>markup<b>".to_owned(), ..Spec::named("rejected") });
    let site = build(&fixture, "site");
    (fixture, site)
}

/// Every element in its order, with the names of its attributes.
fn skeleton(page: &str) -> Vec<(String, BTreeSet<String>)> {
    tags(page).into_iter().map(|tag| (tag.name, tag.attributes.into_keys().collect())).collect()
}

/// One board for all of them; the words of entry `words-N` are the Nth.
#[test]
fn hostile_words_stay_words() {
    let words = hostile_words::admitted();
    let hostile = pages(&build(&hostile_words::board(&words), "site"));
    let benign = pages(&build(&hostile_words::board(&hostile_words::harmless()), "site"));
    // The addresses of authors' pages are made from their names.
    let of_author = |path: &&PathBuf| path.starts_with("authors");
    assert_eq!(hostile.len(), benign.len());
    for (path, page) in hostile.iter().filter(|(path, _)| !of_author(path)) {
        assert_eq!(skeleton(page), skeleton(&benign[path]), "{}", path.display());
    }
    let of_authors = |pages: &BTreeMap<PathBuf, String>| {
        let own = pages.iter().filter(|(path, _)| of_author(path)).map(|(_, page)| skeleton(page));
        own.collect::<BTreeSet<_>>()
    };
    assert_eq!(of_authors(&hostile), of_authors(&benign));
    let index = text(&hostile[Path::new("tracks/shapes/index.html")]);
    for (number, words) in words.iter().map(|words| hostile_words::on_a_line(words)).enumerate() {
        let page = format!("entries/shapes/2026-11-26-words-{number}/index.html");
        assert!(text(&hostile[Path::new(&page)]).contains(&self::words(&words)), "{words} in {page}");
        assert!(index.contains(&self::words(&hostile_words::cut(&words, 80))), "{words} in the index");
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
    fs::write(fixture.submissions().join("shapes/2026-11-26-reference/session.jsonl"), "{}\n").expect("spoilt");
    let index = text(&pages(&build(&fixture, "site"))[Path::new("index.html")]);
    for expected in [
        "three-runs",
        "3 runs, a rank requires 10",
        "0 of 3 runs reached the target, a rank requires 9 of 10",
        "shapes/2026-11-26-unsigned-one it is unsigned",
        "shapes/2026-11-26-reference `session.jsonl` has SHA-256",
        "No entry yet.",
        "smoother",
        "verified by CI runner@example",
        "self-reported ada@example",
    ] {
        assert!(index.contains(expected), "`{expected}` is not in {index}");
    }
}

/// Ten runs that all end one image over the target, but for one that is `last` images from it.
fn all_but_one(name: &str, last: i32) -> Spec {
    let mut spec = Spec::named(name);
    spec.runs = Spec::runs(10, 2.0, 0);
    spec.runs.iter_mut().for_each(|run| run.over_target = 1);
    spec.runs[4].over_target = last;
    spec
}

#[test]
fn a_row_that_only_lacks_proof_stands_after_the_ranked_ones_of_its_class() {
    let fixture = Fixture::new();
    fixture.file(&Spec::named("ranked"));
    fixture.file(&all_but_one("reaches", -5));
    fixture.file(&all_but_one("at-the-target", -9));
    fixture.file(&all_but_one("below", -10));
    let mut few = all_but_one("few", -5);
    few.runs.pop();
    fixture.file(&few);
    let board = fixture.board();
    let found: Vec<_> =
        board.tracks[0].rows.iter().map(|row| (&row.path["shapes/2026-11-26-".len()..], row.rank, row.state)).collect();
    let expected = [
        ("ranked", Some(1), RowState::Ranked),
        ("at-the-target", None, RowState::NotProven),
        ("reaches", None, RowState::NotProven),
        ("below", None, RowState::Unranked),
        ("few", None, RowState::Unranked),
    ];
    assert_eq!(found, expected);
    let site = build(&fixture, "site");
    let pages = pages(&site);
    let page = text(&pages[Path::new("tracks/shapes/index.html")]);
    let (class, unranked) = page.split_once("Not ranked").expect("a table of those that are not ranked");
    for name in ["ranked", "reaches", "at-the-target"] {
        assert!(class.contains(&format!("YAML of {name}")) && !unranked.contains(&format!("YAML of {name}")), "{name}");
    }
    assert!(unranked.contains("YAML of below") && unranked.contains("YAML of few"), "{unranked}");
    // A mean of 0.4 images over the target with a standard error of 0.6: t = 2/3 with 9 degrees of freedom.
    assert!(class.contains("reaches on average, not proven (p = 0.2609)"), "{class}");
    assert!(class.contains("reaches on average, not proven (p = 0.5000)"), "{class}");
    assert!(!class.contains("Ineligible because"), "{class}");
    let entry = text(&pages[Path::new("entries/shapes/2026-11-26-reaches/index.html")]);
    assert!(entry.contains("Reaches on average, not proven (p = 0.2609), Shapes"), "{entry}");
    let feed = fs::read_to_string(site.join("entries.json")).expect("read");
    let feed: serde_json::Value = serde_json::from_str(&feed).expect("JSON");
    let of = |index: usize| (feed["entries"][index]["rank"].as_u64(), feed["entries"][index]["not_proven_p"].as_f64());
    assert_eq!(
        [0, 1, 2, 3, 4].map(of),
        [(Some(1), None), (None, Some(0.5)), (None, Some(0.2609)), (None, None), (None, None)]
    );
    let reasons = feed["entries"][2]["unranked_because"].as_array().expect("a list");
    assert!(
        reasons.len() == 1 && reasons[0].as_str().is_some_and(|reason| reason.contains("p = 0.2609")),
        "{reasons:?}"
    );
}

#[test]
fn what_is_unknown_is_never_zero() {
    let fixture = full();
    let pages = pages(&build(&fixture, "site"));
    let entry = text(&pages[Path::new("entries/shapes/2026-11-26-three-runs/index.html")]);
    for expected in [
        "unknown : no price was given",
        "Memory limit unknown the control group sets no memory limit",
        "GPUs unknown NVML is not available",
        "— (the median run did not reach the target)",
        "diverged",
    ] {
        assert!(entry.contains(expected), "`{expected}` is not in {entry}");
    }
    // The list price of an hour is known; what the session cost at it is not.
    let entry = entry.replace("$0.0950 an hour", "");
    assert!(!entry.contains("$0") && !entry.contains("None") && !entry.contains("null"), "{entry}");
    let gpu = text(&pages[Path::new("entries/shapes/2026-11-26-on-a-gpu/index.html")]);
    assert!(gpu.contains("Processes of others unknown the driver does not say"), "{gpu}");
}

#[test]
fn an_entry_page_shows_curves_differences_and_commands() {
    let fixture = full();
    let pages = pages(&build(&fixture, "site"));
    let page = &pages[Path::new("entries/shapes/2026-11-26-smoother/index.html")];
    let tags = tags(page);
    assert!(named(&tags, "polyline") >= 10 && named(&tags, "circle") >= 9, "a curve a run, and where it reached");
    let text = text(page);
    let reference = hlb_recipe::variant::shipped("hlb-shapes").expect("shipped");
    let changed = |key: &str, before: f64, after: f64| format!("{key} {before} {after}");
    for expected in [
        &changed("loss.label_smoothing", reference.loss.label_smoothing, 0.31),
        &changed("logit_scale", reference.logit_scale, 0.17),
        "hlb-bench run variant.yaml --runs 10 --device cpu --threads 2",
        "ssh-keygen -Y verify -f allowed_signers -I runner@example -n rerun.v1@hlb-bench -s result.yaml.sig < result.yaml",
        "hlb-bench verify submissions/shapes/2026-11-26-smoother",
        "9 of 10",
        "missed",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in {text}");
    }
    let reference = self::text(&pages[Path::new("entries/shapes/2026-11-26-reference/index.html")]);
    assert!(reference.contains("Identical to the reference hlb-shapes"), "{reference}");
}

#[test]
fn a_shortcut_was_used_or_the_page_says_why_not() {
    let fixture = Fixture::new();
    let refused = "the loss of step 3 is 2.1 instead of 2.3".parse().ok();
    let graph = Shortcut { name: ShortcutName::CudaGraph, refused };
    let shortcuts = vec![Shortcut { name: ShortcutName::FusedSgd, refused: None }, graph];
    fixture.file(&Spec { shortcuts, ..Spec::named("short") });
    let page = seen(&fixture, "short").1;
    assert_holds(&page, &["Fused SGD used", "CUDA graph of a step not used the loss of step 3 is 2.1 instead of 2.3"]);
}

/// The index, and the page of an entry of this name, as a reader sees them.
fn seen(fixture: &Fixture, name: &str) -> (String, String) {
    let pages = pages(&build(fixture, "site"));
    let entry = &pages[Path::new(&format!("entries/shapes/2026-11-26-{name}/index.html"))];
    (text(&pages[Path::new("index.html")]), text(entry))
}

fn assert_holds(page: &str, expected: &[&str]) {
    for expected in expected {
        assert!(page.contains(expected), "`{expected}` is not in {page}");
    }
}

#[test]
fn ranks_begin_anew_in_each_hardware_class() {
    let page = fs::read_to_string(build(&full(), "site").join("index.html")).expect("there");
    let index = text(&page);
    assert_holds(
        &index,
        &["1x NVIDIA H100 80GB HBM3 1 entry; reference: ", "Rows of a hardware class stand by the ratio"],
    );
    assert_holds(&index, &["2x Intel(R) Xeon(R) Processor @ 2.60GHz 3 entries; reference: "]);
    assert_holds(
        &index,
        &["1= 2026-11-26 smoother", "1= 2026-11-26 reference", "1= 2026-11-26 twin", " 1 2026-11-26 on-a-gpu"],
    );
    let tags = tags(&page);
    assert_eq!(tags.iter().filter(|tag| tag.get("scope") == Some("rowgroup")).count(), 2, "one heading a class");
}

/// The entries of the project were measured by both.
#[test]
fn what_the_rules_before_measured_is_verified_and_not_ranked() {
    let submissions = Path::new(env!("CARGO_MANIFEST_DIR")).join("submissions");
    let signers = read_signers(&submissions.join(SIGNERS_FILE)).expect("a good list");
    let board = hlb_board::read(&submissions, &signers, Fixture::now(), Workers::all()).expect("readable");
    assert_eq!(board.rejected, []);
    let rows = board.tracks.iter().flat_map(|track| &track.rows);
    let (before, today): (Vec<_>, Vec<_>) = rows.partition(|row| row.entry.result.rules_version == RULES_BEFORE);
    let reason = format!("it was measured by rules {RULES_BEFORE}, and rows of {RULES_VERSION} are ranked");
    assert!(
        !before.is_empty() && before.iter().all(|row| row.rank.is_none() && row.unranked_because.contains(&reason))
    );
    assert!(before.iter().all(|row| row.on_typical_host.is_none()));
    // One of them has a run of the reference that missed the target, which is no reason to leave it out.
    assert!(today.len() >= 4 && today.iter().all(|row| row.rank.is_some()));
}

#[test]
fn rows_that_do_not_differ_share_a_rank_and_say_so() {
    let (index, entry) = seen(&full(), "reference");
    assert_holds(&index, &["shares its rank with twin (p = "]);
    assert_holds(&entry, &["Rank 1= on ", "; shares its rank with twin (p = "]);
    let fixture = Fixture::new();
    fixture.file(&Spec::named("slow"));
    let beside = Some(2.5);
    fixture.file(&Spec { runs: Spec::runs(10, 2.0, 16), reference_epoch_seconds: beside, ..Spec::named("fast") });
    let (index, fast) = seen(&fixture, "fast");
    assert!(!fast.contains("shares its rank") && !index.contains("shares its rank"), "{index}");
    assert_holds(&fast, &["Rank 1 on "]);
}

#[test]
fn the_ratio_to_the_reference_has_its_interval_or_says_why_there_is_none() {
    let fixture = full();
    let (index, entry) = seen(&fixture, "smoother");
    let board = fixture.board();
    let row = board.tracks.iter().flat_map(|track| &track.rows).find(|row| row.path.ends_with("smoother"));
    let row = row.expect("on the board");
    let derived = &row.entry.result.derived;
    let calibration = derived.calibration.as_ref().expect("calibrated");
    let bounded = |ratio: Estimate| (ratio.value, ratio.low.expect("known"), ratio.high.expect("known"));
    let (on_any_host, low, high) = bounded(row.ratio.expect("both reached").estimate());
    assert_holds(&index, &[&format!("{on_any_host:.3} 95 % {low:.3} – {high:.3}")]);
    let (ratio, low, high) = bounded(calibration.time_ratio.expect("both reached"));
    let drift = derived.drift.expect("ten runs").second_half_over_first.value;
    assert_holds(
        &entry,
        &[
            &format!("{ratio:.3} {low:.3} – {high:.3} {:.4}", calibration.p_same_time.expect("ten runs")),
            &format!("relative to the median of its recipe {drift:.3}"),
            "Reference: runs that reached the target 10 of 10 runs",
            "Every run of the reference hlb-shapes",
            "hlb-bench run variant.yaml --runs 10 --device cpu --threads 2 --calibrate",
        ],
    );
    let row = board.tracks.iter().flat_map(|track| &track.rows).find(|row| row.path.ends_with("three-runs"));
    assert_eq!(row.expect("on the board").seconds(), None, "a reference that missed has no time");
    let (index, entry) = seen(&fixture, "twin");
    assert_holds(&index, &["twin Ada Lovelace ", " 1 by definition "]);
    assert_holds(
        &entry,
        &["There is no paired reference: the session did not run hlb-shapes", "second half of the session"],
    );
    let changes = "loss: {label_smoothing: 0.15}\n".to_owned();
    fixture.file(&Spec { changes, ..Spec::named("lone") });
    assert_holds(&seen(&fixture, "lone").0, &["no reference (the session has no paired reference)"]);
}

#[test]
fn warnings_are_badges_on_the_row_and_sentences_on_the_page() {
    let (index, entry) = seen(&full(), "smoother");
    let sentence = "other processes used 12.0 % of the processors, by median";
    assert_holds(&index, &[&format!("host under load : {sentence}"), "power limited"]);
    assert_holds(&entry, &[&format!("Warning: host under load {sentence}")]);
    let (_, quiet) = seen(&full(), "reference");
    assert!(!quiet.contains("Warning:"), "{quiet}");
}

#[test]
fn intervals_of_median_and_share_are_stated() {
    let (index, entry) = seen(&full(), "smoother");
    assert_holds(&entry, &["9 of 10 success rate 60 % – 98 % (95 % Wilson interval)", "95 % interval of the median"]);
    assert!(!index.contains("Wilson"), "only the entry's page has it");
}

#[test]
fn energy_is_in_joules_or_says_why_it_is_unknown() {
    let (index, gpu) = seen(&full(), "on-a-gpu");
    assert_holds(&index, &["unknown (the processor counts no energy) processor", "J GPU"]);
    assert_holds(&gpu, &["GPU, measured by difference of the GPU's own energy counter"]);
    let (_, cpu) = seen(&full(), "twin");
    let why = "GPU unknown the processor trained";
    assert_holds(&cpu, &[why, "Processor packages unknown the processor counts no energy"]);
}

#[test]
fn sensors_are_drawn_over_the_session_or_their_absence_is_explained() {
    let fixture = full();
    let pages = pages(&build(&fixture, "site"));
    let charts = |page: &str| {
        let is_chart = |tag: &&Tag| tag.get("class").is_some_and(|class| class.contains("chart-small"));
        tags(page).iter().filter(is_chart).count()
    };
    let page = |name: &str| &pages[Path::new(&format!("entries/shapes/2026-11-26-{name}/index.html"))];
    let gpu = text(page("on-a-gpu"));
    assert_eq!(charts(page("on-a-gpu")), 3, "power, clock and processors");
    assert_holds(&gpu, &["GPU temperature: unknown the driver refuses", "GPU temperature unknown the driver refuses"]);
    assert_holds(&gpu, &["GPU power 412 W 412 W 412 W 412 W 412 W", "those of the reference lighter"]);
    assert_holds(&gpu, &["Share of the samples in which the GPU was throttled: 0.00 %"]);
    assert_eq!(charts(page("twin")), 2, "frequency and processors");
    let twin = text(page("twin"));
    assert_holds(&twin, &["CPU frequency 2600 MHz", "The dashed line is the share that other processes used."]);
}

#[test]
fn throughput_is_compared_with_the_peak_where_it_is_known() {
    let (_, gpu) = seen(&full(), "on-a-gpu");
    let expected = ["Training, per image", "MFLOP", "Throughput while training", "MFU (share of the peak)"];
    assert_holds(&gpu, &expected);
    let share = gpu.split("MFU (share of the peak) ").nth(1).expect("there").split(' ').next().expect("a number");
    assert!(share.parse::<f64>().is_ok_and(|share| share > 0.0 && share < 100.0), "{share}");
    let (_, cpu) = seen(&full(), "twin");
    assert_holds(
        &cpu,
        &["MFU (share of the peak) unknown trained on the processor, and the table lists peaks of GPUs only"],
    );
}

/// Whoever names no price has a cost all the same, and rows of all hardware classes are in its order.
#[test]
fn cost_at_list_price_is_on_every_page_of_a_row() {
    let fixture = full();
    let pages = pages(&build(&fixture, "site"));
    let page = |path: &str| text(&pages[Path::new(path)]);
    let entry = page("entries/shapes/2026-11-26-twin/index.html");
    let price = "$0.0950 an hour: 2 virtual CPUs at 1/4 of gcp/n1-standard-4@us-central1 each, seen 2026-08-03";
    assert_holds(&entry, &[price, "at the submitter’s price: unknown, no price was given"]);
    assert_holds(&page("tracks/shapes/compare.html"), &["Cost at list price", "Operations to target"]);
    let track = page("tracks/shapes/index.html");
    let (_, cheapest) = track.split_once("all hardware classes, cheapest first").expect("a table");
    let at = |name: &str| cheapest.find(name).unwrap_or_else(|| panic!("no {name} in {cheapest}"));
    assert!(at("smoother") < at("twin") && at("twin") < at("on-a-gpu"), "{cheapest}");
    assert_holds(&track, &["at the list price of its hardware class against its time"]);
}

#[test]
fn cost_is_stated_as_of_the_session_and_as_of_the_newest_prices() {
    let (_, gpu) = seen(&full(), "on-a-gpu");
    let table = Table::shipped();
    let then = table.find(RENTED, "2026-03-14").expect("tabled");
    let now = table.on(&then, table.newest_day()).expect("tabled");
    assert!((then.usd_per_hour - now.usd_per_hour).abs() > 0.01, "the test needs a price that changed");
    let seen_on = |price: &hlb_machine::price::Price| price.date.as_ref().expect("dated").to_string();
    let session = format!("the session's day, 2026-11-26 {} ${:.2}", seen_on(&then), then.usd_per_hour);
    let newest =
        format!("{}, this page's newest prices {} ${:.2}", table.newest_day(), seen_on(&now), now.usd_per_hour);
    assert_holds(&gpu, &[&session, &newest, "Billing unknown the provider's rule for billing is not known"]);
    let fixture = Fixture::new();
    fixture.file(&Spec { price: table.find("aws/p5.4xlarge", "2026-11-01").ok(), ..Spec::named("rented") });
    let (_, rented) = seen(&fixture, "rented");
    assert_holds(&rented, &["Billing at least 60 s, then in steps of 1 s"]);
    let (_, own) = seen(&full(), "reference");
    assert_holds(&own, &["No newer price: the price was given by the submitter", "unknown (the provider's rule"]);
}

#[test]
fn reproductions_are_shown_whether_they_agree_or_not() {
    let fixture = full();
    let (index, entry) = seen(&fixture, "reference");
    assert_holds(&index, &["reproduced ada@example reproduced by runner@example", "reran the session from the entry"]);
    assert_holds(
        &entry,
        &[
            "agrees runner@example, 2026-11-26",
            "disagrees ada@example, 2026-11-26",
            "Signed by the same person or with the same key as the entry",
            "outside of 5 %",
            "hlb-bench verify submissions/shapes/2026-11-26-reference/reproductions/again",
            "hlb-bench reproduce submissions/shapes/2026-11-26-reference",
        ],
    );
    let below = "shapes/2026-11-26-reference/reproductions/slow";
    for name in ["variant.yaml", "recipe.yaml", "result.yaml", "result.yaml.sig", "session.jsonl"] {
        let copied = fs::read(fixture.sibling("site").join("entries").join(below).join(name)).expect("copied");
        assert_eq!(copied, fs::read(fixture.submissions().join(below).join(name)).expect("there"), "{name}");
    }
    let (_, twin) = seen(&fixture, "twin");
    assert_holds(&twin, &["Not reproduced yet."]);
}

#[test]
fn a_reproduction_whose_folder_has_a_strange_name_is_published_under_its_digest() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("first"));
    fixture.file_reproduction(&folder, "a; touch pwned", &Spec { hand: Hand::Runner, ..Spec::named("first") });
    let (_, entry) = seen(&fixture, "first");
    assert_holds(&entry, &["agrees runner@example", "Its folder's name cannot be used in a command"]);
    assert!(!entry.contains("touch"), "{entry}");
    let result = fs::read(folder.join("reproductions/a; touch pwned/result.yaml")).expect("there");
    let digest = hlb_core::artifact::sha256_hex(&result).to_string();
    let site = fixture.sibling("site/entries/shapes/2026-11-26-first/reproductions");
    let names: Vec<PathBuf> = files(&site).into_keys().collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with(&digest[..32])), "{names:?}");
    // Somebody may name a folder as the address that another one gets.
    fixture.file_reproduction(&folder, &digest[..32], &Spec { hand: Hand::Runner, ..Spec::named("first") });
    let error = hlb_board::write(&fixture.board(), &site.join("new"), &SiteOptions::default(), Workers::all());
    let words = error.expect_err("one address").to_string();
    assert!(words.contains("a; touch pwned") && words.contains(&format!("reproductions/{}", &digest[..32])), "{words}");
}

#[test]
fn pages_hold_one_script_file_and_can_be_found_one_s_way_in() {
    let fixture = full();
    for (path, page) in pages(&build(&fixture, "site")) {
        let (tags, path) = (tags(&page), path.display().to_string());
        for forbidden in ["style", "iframe", "img", "object", "base"] {
            assert_eq!(named(&tags, forbidden), 0, "<{forbidden}> in {path}");
        }
        // One script file, that of the site; what else is a script element holds data.
        let scripts: Vec<&Tag> = tags.iter().filter(|tag| tag.name == "script").collect();
        let file = |tag: &&&Tag| tag.get("src").is_some_and(|source| source.trim_start_matches("../") == "board.js");
        assert_eq!(scripts.iter().filter(file).count(), 1, "{path}");
        let data = |tag: &&&Tag| tag.get("type") == Some("application/json");
        assert_eq!(scripts.iter().filter(data).count(), scripts.len() - 1, "{path}");
        // A form is answered by the script alone, and hidden without it.
        assert!(tags.iter().filter(|tag| tag.name == "form").all(|tag| tag.get("hidden").is_some()), "{path}");
        for once in ["h1", "main", "header", "footer"] {
            assert_eq!(named(&tags, once), 1, "<{once}> in {path}");
        }
        let head = tags.split(|tag| tag.name == "body").next().expect("a head");
        assert_eq!(named(head, "title"), 1, "<title> in {path}");
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
    let out = fixture.sibling("theirs");
    fs::create_dir(&out).expect("made");
    fs::write(out.join("thesis.tex"), "precious").expect("written");
    let before = files(&out);
    let error = hlb_board::write(&fixture.board(), &out, &SiteOptions::default(), Workers::all()).expect_err("refused");
    assert!(matches!(error, SiteError::Foreign { .. }), "{error:?}");
    let expected = format!(
        "`{}` is not empty and has no `.hlb-bench-site`, so it is not a site that this program wrote",
        out.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().is_some_and(|hint| hint.contains("--out")));
    assert_eq!(files(&out), before);
}

#[test]
fn what_others_published_is_a_line_among_the_records() {
    let fixture = Fixture::new();
    for (name, day, seconds) in [("first", "2026-11-23", 40.0), ("second", "2026-11-27", 30.0)] {
        fixture.file(&Spec {
            track: "cifar10".to_owned(),
            runs: Spec::runs(20, seconds, 60),
            hand: Hand::Runner,
            reference_epoch_seconds: Some(40.0),
            ..Spec::dated(name, day)
        });
    }
    assert_eq!(fixture.board().rejected, []);
    let site = build(&fixture, "site");
    let page = fs::read_to_string(site.join("tracks/cifar10/index.html")).expect("a page");
    let drawing = page.split("A step down is a new record").nth(1).expect("steps");
    assert!(drawing.contains("class=\"target\"") && drawing.contains("external result: 1.828 s"), "{drawing}");
}

#[test]
fn external_results_are_compared_with_by_what_they_measure() {
    let fixture = full();
    let site = build(&fixture, "site");
    let read = |path: &str| fs::read_to_string(site.join(path)).expect("a page");
    let (track, history) = (read("tracks/cifar10/index.html"), read("history.html"));
    for line in ["#fulcrum\">1.828 s, E1</a>", "#cifar10-accuracy\">99.50 %, ViT-H&#x2f;14</a>"] {
        assert!(track.contains(line), "{line}: {track}");
    }
    assert!(!read("tracks/shapes/index.html").contains("external accuracy"), "nobody else has it");
    let section =
        |id: &str| history.split("<section ").find(|part| part.contains(&format!("id=\"{id}\""))).expect("one");
    let maximum = "Max accuracy</th>";
    assert_eq!(history.matches(maximum).count(), 1, "only where a row has it");
    assert!(section("dawnbench-cifar10").contains(maximum) && section("dawnbench-cifar10").contains("94.23 %"));
    assert!(section("hiverge").contains(">7.65</td>") && section("fastai-imagenette-128").contains(">5</td>"));
    assert!(section("cifar100-speedrun").contains("No track of this board has the same task"));
    let lines = section("cifar10-accuracy");
    assert!(lines.contains("with the same data set") && !lines.contains("Seconds"), "{lines}");
}

#[test]
fn stale_pages_go_and_files_of_others_stay() {
    let fixture = full();
    let site = build(&fixture, "site");
    fs::write(site.join("CNAME"), "bench.example.org").expect("written");
    let gone = fixture.submissions().join("shapes/2026-11-26-on-a-gpu");
    fs::remove_dir_all(gone).expect("removed");
    build(&fixture, "site");
    assert!(!site.join("entries/shapes/2026-11-26-on-a-gpu").exists());
    assert!(site.join("entries/shapes/2026-11-26-reference/index.html").exists());
    assert_eq!(fs::read_to_string(site.join("CNAME")).expect("kept"), "bench.example.org");
}

#[test]
fn a_marker_that_names_files_outside_the_site_removes_nothing_there() {
    let fixture = full();
    let site = build(&fixture, "site");
    let outside = fixture.sibling("outside.txt");
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
    let log = fixture.submissions().join("shapes/2026-11-26-reference/session.jsonl");
    let mut bytes = fs::read(&log).expect("there");
    bytes[40] ^= 1;
    fs::write(&log, bytes).expect("written");
    let error = hlb_board::write(&board, &fixture.sibling("site"), &SiteOptions::default(), Workers::all())
        .expect_err("refused");
    assert!(matches!(&error, SiteError::Changed { path } if *path == log), "{error:?}");
}
