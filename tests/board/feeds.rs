//! The files for programs: parsed by strangers' parsers, they say what the board says, and nobody's words change their shape.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use hlb_board::{Board, Row, SiteOptions, Workers, records};
use hlb_core::units::DeviceKind;
use hlb_protocol::run_log::LoggedRun;
use roxmltree::{Document, Node};
use serde_json::Value;

use crate::board::hostile_words;
use crate::board::site::full;
use crate::support::context::Context;
use crate::support::fixture::{Fixture, Hand, Spec, gpu_machine};

const ATOM: &str = "http://www.w3.org/2005/Atom";
const BASE: &str = "https://bench.example.org/board/";

/// Columns of `history.csv`, as documented.
const HISTORY: [&str; 10] =
    ["track", "class", "date", "seconds", "name", "authors", "path", "previous_seconds", "factor", "status"];

fn at(base_url: &str) -> SiteOptions {
    SiteOptions { base_url: Some(base_url.parse().expect("an address")), studies: None }
}

fn build(fixture: &Fixture, options: &SiteOptions) -> PathBuf {
    let out = fixture.sibling("site");
    hlb_board::write(&fixture.board(), &out, options, Workers::all()).expect("written");
    out
}

fn read(site: &Path, name: &str) -> String {
    fs::read_to_string(site.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn entries(site: &Path) -> Value {
    serde_json::from_str(&read(site, "entries.json")).expect("JSON")
}

fn rows(board: &Board) -> impl Iterator<Item = &Row> {
    board.tracks.iter().flat_map(|track| &track.rows)
}

fn of<'a>(entries: &'a Value, path: &str) -> &'a Value {
    let all = entries["entries"].as_array().expect("a list");
    all.iter().find(|entry| entry["path"] == path).unwrap_or_else(|| panic!("no {path}"))
}

/// A table: its columns, and each line by column.
fn table(text: &str) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> = reader.headers().expect("a head").iter().map(str::to_owned).collect();
    // The parser refuses lines with more or fewer cells than the first.
    let line = |line: Result<csv::StringRecord, csv::Error>| {
        head.iter().cloned().zip(line.expect("as many cells").iter().map(str::to_owned)).collect()
    };
    let lines = reader.records().map(line).collect();
    (head, lines)
}

/// The parser of the tests may be off by a digit that does not count; nothing else may.
fn same_figure(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-14 * expected.abs()
}

fn same_value(found: &Value, expected: &Value) -> bool {
    let figures = found.as_f64().zip(expected.as_f64());
    figures.map_or_else(|| found == expected, |(found, expected)| same_figure(found, expected))
}

/// What a cell says, without the mark against formulas.
fn plain(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// Three CPU sessions and one on a GPU, on different days, filed in another order; the middle one is no record. The runner ran the
/// first, so only the others are candidates.
fn progress() -> Fixture {
    let fixture = Fixture::new();
    let dated = |name: &str, day: &str, seconds: f64| Spec {
        runs: Spec::runs(10, seconds, 16),
        reference_epoch_seconds: Some(2.5),
        ..Spec::dated(name, day)
    };
    fixture.file(&dated("third", "2026-11-29", 1.25));
    fixture.file(&Spec { hand: Hand::Runner, ..dated("first", "2026-11-23", 2.5) });
    fixture.file(&dated("slower", "2026-11-27", 3.0));
    let mut gpu = dated("on-a-gpu", "2026-11-28", 0.2);
    (gpu.machine, gpu.device) = (gpu_machine(), DeviceKind::Cuda);
    fixture.file(&gpu);
    fixture
}

#[test]
fn entries_say_what_the_board_says() {
    let fixture = full();
    let (board, entries) = (fixture.board(), entries(&build(&fixture, &SiteOptions::default())));
    assert_eq!(entries["schema"], 1);
    assert_eq!(entries["rules_version"], hlb_core::rules::RULES_VERSION);
    let listed = entries["entries"].as_array().expect("a list");
    assert!(listed.iter().map(|entry| entry["path"].as_str()).eq(rows(&board).map(|row| Some(row.path.as_str()))));
    for (row, entry) in rows(&board).zip(listed) {
        let (result, summary) = (&row.entry.result, &row.entry.result.derived.summary);
        let spread = &summary.time_to_accuracy_seconds;
        let same = [
            ("rank", Value::from(row.rank)),
            ("class", Value::from(row.class.as_str())),
            ("unranked_because", Value::from(row.unranked_because.clone())),
            ("track", Value::from(result.track.as_str())),
            ("target_percent", Value::from(result.target.percent())),
            ("name", Value::from(result.variant.name.as_str())),
            ("date", Value::from("2026-11-26")),
            ("started_at", Value::from("2026-11-26T09:26:53Z")),
            ("median_seconds", Value::from(spread.median)),
            ("median_seconds_low", Value::from(summary.median_interval_seconds.low)),
            ("median_seconds_high", Value::from(summary.median_interval_seconds.high)),
            ("min_seconds", Value::from(spread.min)),
            ("quartile_1_seconds", Value::from(spread.quartile_1)),
            ("quartile_3_seconds", Value::from(spread.quartile_3)),
            ("max_seconds", Value::from(spread.max)),
            ("runs", Value::from(summary.runs)),
            ("reached", Value::from(summary.reached)),
            ("mean_final_accuracy_percent", Value::from(summary.mean_final_accuracy_percent)),
            ("trust_level", Value::from(row.entry.trust.level())),
            ("trust", Value::from(row.entry.trust.as_str())),
            ("result_sha256", Value::from(row.entry.result_sha256.to_string())),
            ("log_sha256", Value::from(result.log.sha256.to_string())),
        ];
        for (key, expected) in same {
            assert!(same_value(&entry[key], &expected), "{key} of {}: {} is not {expected}", row.path, entry[key]);
        }
    }
    assert_eq!(entries["rejected"][0]["path"], "shapes/2026-11-26-unsigned-one");
    assert_eq!(
        entries["rejected"],
        serde_json::json!([{
            "path": "shapes/2026-11-26-unsigned-one", "reasons": ["it is unsigned"]
        }])
    );
}

#[test]
fn every_kind_of_figure_is_in_the_entries() {
    let fixture = full();
    let (board, entries) = (fixture.board(), entries(&build(&fixture, &SiteOptions::default())));
    let row = |name: &str| rows(&board).find(|row| row.path.ends_with(name)).expect("on the board");
    let reference = of(&entries, "shapes/2026-11-26-reference");
    let cost = row("reference").entry.result.derived.summary.cost.expect("priced").prorated_usd;
    assert!(same_value(&reference["cost_usd"], &cost.into()) && reference["cost_currency"] == "USD", "{reference}");
    assert_eq!((&reference["price_usd_per_hour"], &reference["price_date"]), (&0.096.into(), &"2026-11-23".into()));
    assert_eq!((&reference["reproductions"], &reference["reproductions_agreeing"]), (&2.into(), &1.into()));
    assert_eq!(reference["reproduced_by"], "runner@example");
    let level = row("reference").tied_with_next.as_ref().expect("shares its rank with its twin");
    let p = hlb_core::stats::rounded_up_p(level.p);
    assert!(reference["level_with_next"] == level.name && same_value(&reference["level_with_next_p"], &p.into()));
    let smoother = of(&entries, "shapes/2026-11-26-smoother");
    let ratio = row("smoother").ratio.expect("both reached").estimate();
    assert!(same_value(&smoother["ratio_to_reference"], &ratio.value.into()), "{smoother}");
    assert!(same_value(&smoother["ratio_to_reference_low"], &ratio.low.into()), "{smoother}");
    assert_eq!(smoother["warnings"], serde_json::json!(["host_under_load"]));
    assert_eq!(smoother["authors"], serde_json::json!(["Grace Hopper", "Katherine Johnson"]));
    let gpu = of(&entries, "shapes/2026-11-26-on-a-gpu");
    let joules = row("on-a-gpu").entry.result.derived.summary.energy.gpu_joules.expect("measured");
    assert!(same_value(&gpu["energy_joules"], &joules.into()) && gpu["energy_of"] == "GPU", "{gpu}");
}

/// The list price does not depend on what the submitter paid, and work to target on no hardware.
#[test]
#[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
fn cost_at_list_price_and_work_to_target_are_in_the_entries() {
    let fixture = full();
    let (board, entries) = (fixture.board(), entries(&build(&fixture, &SiteOptions::default())));
    let (reference, twin) = (of(&entries, "shapes/2026-11-26-reference"), of(&entries, "shapes/2026-11-26-twin"));
    let gpu = of(&entries, "shapes/2026-11-26-on-a-gpu");
    assert!(!reference["cost_usd"].is_null() && twin["cost_usd"].is_null(), "the test needs both");
    for (entry, per_hour, name, date) in [
        (reference, 2.0 * 0.189_999 / 4.0, "2 virtual CPUs at 1/4 of gcp/n1-standard-4@us-central1 each", "2026-08-03"),
        (twin, 2.0 * 0.189_999 / 4.0, "2 virtual CPUs at 1/4 of gcp/n1-standard-4@us-central1 each", "2026-08-03"),
        (gpu, 31.92 / 8.0, "1 GPU at 1/8 of lambda/gpu_8x_h100_sxm5@any", "2026-09-20"),
    ] {
        let cost = per_hour * entry["median_seconds"].as_f64().expect("reached") / 3600.0;
        assert!(same_value(&entry["list_price_usd_per_hour"], &per_hour.into()), "{entry}");
        assert!(same_value(&entry["list_price_cost_usd"], &cost.into()), "{entry}");
        assert_eq!((&entry["list_price_name"], &entry["list_price_date"]), (&name.into(), &date.into()));
    }
    for (row, entry) in rows(&board).zip(entries["entries"].as_array().expect("a list")) {
        for key in ["steps_to_target", "flop_to_target", "list_price_cost_usd"] {
            assert_eq!(entry[key].is_null(), entry["median_seconds"].is_null(), "{key} of {}", row.path);
        }
        let Some(steps) = entry["steps_to_target"].as_f64() else { continue };
        let mut first: Vec<u64> = row.entry.log.runs.iter().map(|run| step_of_crossing(run, row)).collect();
        first.sort_unstable();
        let middle = [first[(first.len() - 1) / 2], first[first.len() / 2]];
        assert!(same_figure(steps, 0.5 * (middle[0] + middle[1]) as f64), "{first:?} and {steps} of {}", row.path);
        // The recipes of the fixture train on images of one size.
        let image = row.entry.result.derived.effort.training_flop_per_image as f64;
        let flop = steps * f64::from(row.entry.recipe.batch_size) * image;
        assert!((entry["flop_to_target"].as_f64().expect("counted") / flop - 1.0).abs() < 1e-9, "{}", row.path);
    }
}

/// The step at which a run first met the target, above any for a miss.
fn step_of_crossing(run: &LoggedRun, row: &Row) -> u64 {
    let met = run.epochs.iter().find(|epoch| row.entry.result.target.is_met_by(epoch.accuracy));
    met.map_or(u64::MAX / 4, |epoch| epoch.step)
}

#[test]
fn what_is_unknown_is_null_with_its_reason_and_never_zero() {
    let fixture = full();
    let entries = entries(&build(&fixture, &SiteOptions::default()));
    let mut reasons = 0;
    for entry in entries["entries"].as_array().expect("a list") {
        for (key, reason) in entry.as_object().expect("an object") {
            let Some(of) = key.strip_suffix("_unknown") else { continue };
            assert_eq!(entry[of].is_null(), reason.is_string(), "{of} and {key} of {}", entry["path"]);
            reasons += usize::from(reason.is_string());
        }
    }
    assert!(reasons > 10, "{reasons}");
    let few = of(&entries, "shapes/2026-11-26-three-runs");
    assert_eq!(few["cost_usd_unknown"], "no price was given");
    assert_eq!(few["median_seconds_unknown"], "the median run did not reach the target");
    assert_eq!((&few["ratio_to_reference"], &few["ratio_to_reference_unknown"]), (&1.0.into(), &Value::Null));
    let smoother = of(&entries, "shapes/2026-11-26-smoother");
    assert!(smoother["ratio_to_reference_unknown"].is_null());
    assert_eq!(few["energy_joules_unknown"], "the processor counts no energy");
    assert!(few["rank"].is_null() && few["unranked_because"].as_array().is_some_and(|reasons| reasons.len() > 1));
}

#[test]
fn the_table_of_entries_holds_the_same_as_the_json() {
    let fixture = full();
    let site = build(&fixture, &SiteOptions::default());
    let (entries, text) = (entries(&site), read(&site, "entries.csv"));
    assert!(text.lines().count() > 1 && text.split_inclusive('\n').all(|line| line.ends_with("\r\n")));
    let (head, lines) = table(&text);
    let listed = entries["entries"].as_array().expect("a list");
    assert_eq!(lines.len(), listed.len());
    for (line, entry) in lines.iter().zip(listed) {
        let object = entry.as_object().expect("an object");
        assert_eq!(object.keys().collect::<BTreeSet<_>>(), head.iter().collect::<BTreeSet<_>>());
        for (key, cell) in line {
            let expected = match &object[key] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Bool(truth) => truth.to_string(),
                Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
                figure => {
                    let (found, expected) = (cell.parse().expect("a figure"), figure.as_f64().expect("a figure"));
                    assert!(same_figure(found, expected), "{key} of {}: {cell} is not {figure}", entry["path"]);
                    continue;
                }
            };
            assert_eq!(plain(cell), expected, "{key} of {}", entry["path"]);
        }
    }
}

/// First cells of the table under a heading of the documentation, without their backticks.
fn documented(heading: &str) -> Vec<String> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/feeds.md")).expect("there");
    let part = text.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let part = part.split("\n## ").next().expect("a part");
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    part.lines().filter_map(cell).collect()
}

#[test]
fn every_key_and_column_is_documented_in_its_order() {
    let fixture = progress();
    let site = build(&fixture, &SiteOptions::default());
    let (head, _) = table(&read(&site, "entries.csv"));
    assert_eq!(documented("## An entry: "), head);
    let (head, _) = table(&read(&site, "history.csv"));
    assert_eq!(documented("## `history.csv`"), head);
    assert_eq!(head, HISTORY);
    let keys: BTreeSet<String> = documented("## `entries.json`").into_iter().collect();
    let entries = entries(&site);
    assert!(entries.as_object().expect("an object").keys().eq(keys.iter()), "{keys:?}");
}

#[test]
fn the_history_lists_who_was_fastest_and_when() {
    let fixture = progress();
    let board = fixture.board();
    let (_, lines) = table(&read(&build(&fixture, &SiteOptions::default()), "history.csv"));
    let column = |key: &str| lines.iter().map(|line| line[key].clone()).collect::<Vec<_>>();
    assert_eq!(column("name"), ["on-a-gpu", "first", "third"]);
    assert_eq!(column("date"), ["2026-11-28", "2026-11-23", "2026-11-29"]);
    assert_eq!(column("status"), ["candidate", "record", "candidate"]);
    assert_eq!(column("class")[0], "1x NVIDIA H100 80GB HBM3");
    assert_eq!(column("path")[2], "shapes/2026-11-29-third");
    let median = |name: &str| {
        let row = rows(&board).find(|row| row.path.ends_with(name)).expect("on the board");
        row.seconds().expect("reached")
    };
    let figure = |text: &str| text.parse::<f64>().expect("a figure");
    assert_eq!(figure(&lines[2]["seconds"]).to_bits(), median("third").to_bits());
    assert_eq!(figure(&lines[2]["previous_seconds"]).to_bits(), median("first").to_bits());
    assert!(same_figure(figure(&lines[2]["factor"]), median("first") / median("third")), "{}", lines[2]["factor"]);
    assert_eq!((lines[1]["previous_seconds"].as_str(), lines[1]["factor"].as_str()), ("", ""));
    let shapes = board.tracks.iter().find(|track| track.track.id == "shapes").expect("a track");
    let paths: Vec<&str> = records(shapes).iter().map(|record| record.row.path.as_str()).collect();
    assert_eq!(column("path"), paths);
}

#[test]
fn an_entry_without_a_calendar_time_has_no_date_and_no_record() {
    let fixture = Fixture::new();
    let spec = Spec { started_at: "someday-ago".to_owned(), folder: "someday-ag-odd".to_owned(), ..Spec::named("odd") };
    fixture.file(&spec);
    let site = build(&fixture, &at(BASE));
    let entries = entries(&site);
    let odd = of(&entries, "shapes/someday-ag-odd");
    assert_eq!((&odd["rank"], &odd["date"], &odd["started_at"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!(odd["unranked_because"], serde_json::json!(["its session states no calendar time"]));
    assert_eq!(odd["date_unknown"], "the session states no calendar time");
    assert_eq!(table(&read(&site, "history.csv")).1.len(), 0);
    assert!(!read(&site, "feed.xml").contains("<entry>"));
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Node<'a, 'a> {
    let mut found = node.children().filter(|child| child.has_tag_name((ATOM, name)));
    let only = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "more than one {name}");
    only
}

fn words<'a>(node: Node<'a, 'a>, name: &str) -> &'a str {
    let text = child(node, name).text().unwrap_or_default();
    assert!(!text.trim().is_empty(), "an empty {name}");
    text
}

/// What RFC 4287 asks of a feed; returns its entries.
fn checked_feed<'a>(document: &'a Document<'a>) -> Vec<Node<'a, 'a>> {
    let feed = document.root_element();
    assert!(feed.has_tag_name((ATOM, "feed")));
    assert!(words(feed, "id").starts_with("tag:hlb-bench,2026:") && !words(feed, "title").is_empty());
    assert!(!words(child(feed, "author"), "name").is_empty(), "a feed without entries needs an author of its own");
    let rels = |node: Node<'a, 'a>| -> Vec<&str> {
        node.children()
            .filter(|child| child.has_tag_name((ATOM, "link")))
            .filter_map(|link| link.attribute("rel"))
            .collect()
    };
    assert_eq!(rels(feed), ["self", "alternate"]);
    let entries: Vec<Node<'a, 'a>> = feed.children().filter(|node| node.has_tag_name((ATOM, "entry"))).collect();
    let moment = |node| DateTime::parse_from_rfc3339(words(node, "updated")).expect("RFC 3339");
    for entry in &entries {
        assert!(!words(*entry, "title").is_empty() && !words(*entry, "summary").is_empty());
        assert_eq!(rels(*entry), ["alternate"]);
        assert!(entry.children().any(|node| node.has_tag_name((ATOM, "author"))));
    }
    assert!(entries.iter().map(|entry| moment(*entry)).is_sorted_by(|newer, older| newer >= older), "newest first");
    let newest = entries.iter().map(|entry| moment(*entry)).max();
    assert_eq!(moment(feed), newest.unwrap_or_else(|| DateTime::UNIX_EPOCH.fixed_offset()));
    entries
}

#[test]
fn the_feed_is_atom_and_holds_the_records() {
    let fixture = progress();
    let (board, site) = (fixture.board(), build(&fixture, &SiteOptions::default()));
    let text = read(&site, "feed.xml");
    let document = Document::parse(&text).expect("XML");
    let entries = checked_feed(&document);
    let names: Vec<&str> = entries.iter().map(|entry| words(*entry, "title")).collect();
    assert!(names[0].contains("third") && names[1].contains("on-a-gpu") && names[2].contains("first"), "{names:?}");
    assert_eq!(names.len(), 3);
    for entry in &entries {
        let page = child(*entry, "link").attribute("href").expect("a link");
        assert!(page.starts_with("entries/") && site.join(page).is_file(), "{page}");
        let row = rows(&board).find(|row| page.contains(&row.path)).expect("on the board");
        assert_eq!(words(*entry, "id"), format!("tag:hlb-bench,2026:result/{}", row.entry.result_sha256));
        assert_eq!(words(*entry, "updated"), row.entry.result.session.started_at);
        assert_eq!(words(child(*entry, "author"), "name"), "Ada Lovelace");
        assert_eq!(child(*entry, "category").attribute("term"), Some("shapes"));
    }
    let candidate = "It is a candidate: its session was not announced.";
    assert!(words(entries[0], "summary").contains("2.000 times as fast as the record before"));
    assert!(words(entries[0], "summary").ends_with(candidate) && names[0].ends_with(" (candidate)"));
    assert!(words(entries[2], "summary").ends_with("the first of this hardware class."));
    assert_eq!(text.matches("http").count(), 1, "no host but that of the format: {text}");
}

/// XML has no way at all to write a character outside of its production `Char`.
#[test]
fn every_character_that_a_text_may_hold_can_stand_in_a_feed() {
    let in_xml = |one: &char| matches!(one, '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let shown = (char::MIN..=char::MAX).filter(|one| !hlb_core::text::is_hidden(*one));
    assert_eq!(shown.filter(|one| !in_xml(one)).collect::<Vec<_>>(), []);
}

#[test]
fn a_board_without_entries_has_every_file() {
    let fixture = Fixture::new();
    let site = build(&fixture, &at(BASE));
    let text = read(&site, "feed.xml");
    assert!(checked_feed(&Document::parse(&text).expect("XML")).is_empty());
    assert!(text.contains("<updated>1970-01-01T00:00:00Z</updated>"));
    assert_eq!(entries(&site)["entries"], serde_json::json!([]));
    for name in ["entries.csv", "history.csv"] {
        assert_eq!(read(&site, name).lines().count(), 1, "{name}");
    }
    assert!(read(&site, "badges/cifar10.svg").contains("no record yet"));
}

#[test]
fn each_track_has_a_badge_with_its_record() {
    let fixture = full();
    let (board, site) = (fixture.board(), build(&fixture, &SiteOptions::default()));
    for track in &board.tracks {
        let text = read(&site, &format!("badges/{}.svg", track.track.id));
        let document = Document::parse(&text).expect("XML");
        let named = |name: &'static str| document.descendants().filter(move |node| node.tag_name().name() == name);
        let texts: Vec<&str> = named("text").filter_map(|node| node.text()).collect();
        let best = track.rows.iter().find(|row| row.rank == Some(1));
        let time = best.and_then(Row::seconds);
        let time = time.map_or_else(|| "no record yet".to_owned(), hlb_core::units::human_seconds);
        assert_eq!(texts.last(), Some(&time.as_str()), "{}", track.track.id);
        let title = named("title").next().and_then(|node| node.text()).expect("a title");
        assert!(title.contains(&time) && title.starts_with(&track.track.id), "{title}");
        let root = document.root_element();
        assert_eq!((root.attribute("role"), root.attribute("aria-label")), (Some("img"), Some(title)));
        let number = |node: Node<'_, '_>, key: &str| node.attribute(key).and_then(|text| text.parse::<u32>().ok());
        let boxes = named("rect").filter_map(|node| number(node, "width")).sum::<u32>();
        assert_eq!(number(root, "width"), Some(boxes), "the boxes fill the image");
        let inside =
            named("rect").zip(named("text")).all(|(frame, text)| number(text, "textLength") < number(frame, "width"));
        assert!(inside, "{text}");
        assert_eq!(text.matches("http").count(), 1, "it asks for nothing: {text}");
        assert!(!text.contains("href") && !text.contains("url(") && !text.contains("@import"), "{text}");
    }
    assert!(read(&site, "badges/shapes.svg").contains("by on-a-gpu on 1x NVIDIA"), "the fastest on whatever hardware");
}

#[test]
fn with_an_address_links_of_the_feed_are_whole() {
    let fixture = full();
    let site = build(&fixture, &at(BASE));
    let feed = read(&site, "feed.xml");
    let feed = Document::parse(&feed).expect("XML");
    for link in feed.descendants().filter_map(|node| node.attribute("href")) {
        assert!(site.join(link.strip_prefix(BASE).expect("whole")).is_file(), "{link}");
    }
}

#[test]
fn the_command_takes_an_address_and_refuses_what_is_none() {
    let context = Context::new();
    fs::create_dir(context.path("submissions")).expect("made");
    let answer = context.run(["leaderboard", "--out", "site", "--base-url", "https://bench.example.org"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(read(&context.path("site"), "feed.xml").contains("href=\"https:&#x2f;&#x2f;bench.example.org&#x2f;"));
    let answer = context.run(["leaderboard", "--out", "other", "--base-url", "javascript:alert(1)"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("neither https:// nor http://; write it like"), "{}", answer.stderr);
    assert!(!context.path("other").exists());
}

/// Elements with the names of their attributes, each as often as it is there, in whatever order.
fn shape(xml: &str) -> BTreeMap<String, usize> {
    let document = Document::parse(xml).expect("XML");
    let mut found = BTreeMap::new();
    for node in document.descendants().filter(Node::is_element) {
        let path: Vec<&str> = node.ancestors().map(|above| above.tag_name().name()).collect();
        let attributes: Vec<&str> = node.attributes().map(|attribute| attribute.name()).collect();
        *found.entry(format!("{path:?} {attributes:?}")).or_default() += 1;
    }
    found
}

/// Keys of a value and of what is in it, and how long its lists are; no texts.
fn keys(value: &Value) -> Value {
    match value {
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), keys(value))).collect(),
        Value::Array(items) => items.iter().map(keys).collect(),
        Value::String(_) => Value::from("a text"),
        other => Value::from(other.is_number()),
    }
}

#[test]
fn hostile_words_change_the_shape_of_no_file() {
    let words = hostile_words::admitted();
    let (fixture, other) = (hostile_words::board(&words), hostile_words::board(&hostile_words::harmless()));
    let (hostile, benign) = (build(&fixture, &at(BASE)), build(&other, &at(BASE)));
    let (found, expected) = (entries(&hostile), entries(&benign));
    assert_eq!(keys(&found), keys(&expected));
    assert_eq!(found["rejected"].as_array().map(Vec::len), Some(words.len()));
    for name in ["feed.xml", "badges/shapes.svg"] {
        assert_eq!(shape(&read(&hostile, name)), shape(&read(&benign, name)), "{name}");
    }
    let feed = read(&hostile, "feed.xml");
    let feed = Document::parse(&feed).expect("XML");
    let authors: BTreeSet<&str> =
        feed.descendants().filter(|node| node.has_tag_name((ATOM, "name"))).filter_map(|node| node.text()).collect();
    let (_, lines) = table(&read(&hostile, "entries.csv"));
    let (_, history) = table(&read(&hostile, "history.csv"));
    assert_eq!((lines.len(), history.len()), (words.len(), words.len()));
    for (number, words) in words.iter().map(|words| hostile_words::on_a_line(words)).enumerate() {
        let path = format!("shapes/2026-11-26-words-{number}");
        let (entry, author) = (of(&found, &path), hostile_words::cut(&words, 80));
        assert_eq!((&entry["description"], &entry["authors"][0]), (&words.as_str().into(), &author.as_str().into()));
        assert!(authors.contains(author.as_str()), "{author}");
        let line = lines.iter().find(|line| line["path"] == path).expect("a line");
        assert_eq!(plain(&line["description"]), words);
        let line = history.iter().find(|line| line["path"] == path).expect("a line");
        assert_eq!(plain(&line["authors"]), format!("{author}; B"));
    }
    for cell in lines.iter().chain(&history).flat_map(BTreeMap::values) {
        assert!(!cell.starts_with(['=', '+', '@', '\t', '\r', '-']), "a formula: {cell}");
    }
}
