//! What strangers may send as YAML, and what it gets them: one clear error, soon, in little memory.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hlb_core::hint::Hint as _;
use hlb_core::text::{Id, SafeText};
use hlb_core::yaml::{self, YamlError};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use serde_json::{Value, json};

/// A small relative of the product's own file types.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "filled, never read")]
struct Variant {
    schema: u32,
    name: SafeText<80>,
    extends: Id,
    epochs: Option<u32>,
    learning_rate: Option<f64>,
    mirrored: Option<bool>,
    optimizer: Option<Optimizer>,
    steps: Option<Vec<Step>>,
    notes: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "filled, never read")]
struct Optimizer {
    kind: Kind,
    weights: Weights,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Nesterov,
    Adam,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "filled, never read")]
struct Weights {
    decay: f64,
    batch_size: u32,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[expect(dead_code, reason = "filled, never read")]
enum Step {
    Flip { chance: f64 },
    Crop { pad: u32 },
}

/// Three lines that every variant has.
const HEAD: &str = "schema: 1\nname: My idea\nextends: reference\n";

/// Limits of the two caps, in bytes.
const KIB_64: usize = 64 * 1024;
const MIB: usize = 1024 * 1024;

/// What a hostile text must come to.
enum Verdict {
    /// An error whose message holds this.
    Error(&'static str),
    /// A `Variant`: harmless after all.
    Read,
}

struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    verdict: Verdict,
}

/// `unit` again and again, up to `size` bytes.
fn filled(unit: &str, size: usize) -> String {
    unit.repeat(size / unit.len())
}

/// `line` for each number below `count`.
fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().concat()
}

/// A text on its own, that must be refused.
fn bad(name: &'static str, text: impl Into<Vec<u8>>, message: &'static str) -> Case {
    Case { name, bytes: text.into(), verdict: Verdict::Error(message) }
}

/// Lines after the three of every variant, that must be refused.
fn bad_line(name: &'static str, lines: impl AsRef<str>, message: &'static str) -> Case {
    bad(name, format!("{HEAD}{}", lines.as_ref()), message)
}

/// Lines after the three of every variant, that are harmless.
fn good_line(name: &'static str, lines: &str) -> Case {
    Case { name, bytes: format!("{HEAD}{lines}").into_bytes(), verdict: Verdict::Read }
}

fn bombs() -> Vec<Case> {
    let laugh = |i| format!("a{n}: &a{n} [*a{i}, *a{i}, *a{i}]\n", n = i + 1);
    let laughs = "a0: &a0 [lol, lol, lol]\n".to_owned() + &numbered(30, laugh);
    let aliases = filled("*a, ", KIB_64);
    let fat = format!("a: &a \"{}\"\nb: [{aliases}]\n", "x".repeat(16_000));
    let keys = numbered(110_000, |i| format!("k{i}: 1\n"));
    let flow_keys = numbered(60_000, |i| format!("k{i}: 1, "));
    vec![
        bad("alias bomb", laughs, "1:5: anchor"),
        bad("fat alias bomb", fat, "anchor"),
        bad("alias to itself", "a: &a [*a]\n", "anchor"),
        bad("alias to nothing", "a: *b\n", "1:4: alias"),
        bad("1 MiB of keys", keys.as_bytes()[..MIB].to_vec(), "more than 80000 punctuation"),
        bad("many flow keys", format!("{{{flow_keys}}}"), "more than 80000 punctuation"),
        bad("many items", filled("- 1\n", MIB), "more than 50000"),
        bad("many commas", format!("[{}]", filled("1,", MIB - 2)), "more than 80000 punctuation"),
        bad("commas up to the limit", format!("[{}]", "1,".repeat(79_990)), "more than 50000 keys and values"),
        bad("pairs up to the limit", format!("[{}]", "a: b,".repeat(39_990)), "more than 50000 keys and values"),
        bad("one over 1 MiB", vec![b'#'; MIB + 1], "1:1: 1048577 bytes of YAML, over the limit of 1048576"),
        bad("huge plain scalar", filled("x", MIB), "text of 1048576 bytes"),
        bad("huge quoted scalar", format!("\"{}\"", filled("x", MIB - 2)), "text of"),
        bad("huge block scalar", format!("a: |\n{}", filled(" x\n", MIB - 5)), "text of"),
        bad("huge folded scalar", format!("a: >\n{}", filled(" x\n\n", MIB - 5)), "text of"),
        bad("huge scalar over lines", format!("\"{}\"", filled("x\n", MIB - 2)), "text of"),
        bad("escapes that grow", format!("\"{}\"", filled("\\u8a66", MIB - 2)), "text of"),
        bad("only blank lines", filled("\n", MIB), "no value"),
        bad("only spaces", filled(" ", MIB), "no value"),
        bad("one long comment", format!("#{}", filled("x", MIB - 1)), "no value"),
        bad("many comments", filled("#\n", MIB), "more than 80000 punctuation"),
        bad("long key", format!("{}: 1\n", "k".repeat(65)), "key of 65 bytes"),
        bad("very long key", format!("{}: 1\n", "k".repeat(60_000)), "1:1: "),
        bad("long explicit key", format!("? {}\n: 1\n", "k".repeat(9_000)), "key of 9000 bytes"),
    ]
}

fn nests() -> Vec<Case> {
    let deep_block = numbered(300, |i| format!("{}a:\n", "  ".repeat(i)));
    vec![
        bad("open brackets, 64 KiB", filled("[", KIB_64), "1:256: nested more than 16"),
        bad("open brackets, 1 MiB", filled("[", MIB), "more than 80000 punctuation"),
        bad("closed brackets", "[".repeat(40_000) + &"]".repeat(40_000), "nested more than 16"),
        bad("open braces", filled("{", KIB_64), "1:256: nested more than 16"),
        bad("open {a: , 64 KiB", filled("{a: ", KIB_64), "nested more than 16"),
        bad("open {a: , 1 MiB", filled("{a: ", MIB), "more than 80000 punctuation"),
        bad("open [a: , 64 KiB", filled("[a: ", KIB_64), "nested more than 16"),
        bad("open [a: , 1 MiB", filled("[a: ", MIB), "more than 80000 punctuation"),
        bad("open [{a: , 1 MiB", filled("[{a: ", MIB), "more than 80000 punctuation"),
        bad("dashes, 1 MiB", filled("- ", MIB), "nested more than 16"),
        bad("dashes without spaces", filled("-", MIB), "text of"),
        bad("question marks", filled("? ", MIB), "more than 80000 punctuation"),
        bad("colons", filled(": ", MIB), "more than 80000 punctuation"),
        bad("block mappings", deep_block, "nested more than 16"),
        bad("quotes", filled("\"", MIB), "more than 80000 punctuation"),
        bad("closing brackets", filled("]", KIB_64), "1:1: not valid YAML"),
        bad("brackets over lines", filled("[\n", MIB), "more than 80000 punctuation"),
        bad("keys over lines", filled("{a:\n", MIB), "more than 80000 punctuation"),
        bad("17 levels", "[".repeat(17) + &"]".repeat(17), "1:17: nested more than 16"),
    ]
}

fn signs() -> Vec<Case> {
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let marked = [vec![0xff, 0xfe], utf16(HEAD)].concat();
    vec![
        bad("byte order mark", format!("\u{feff}{HEAD}"), "1:1: byte order mark"),
        bad("byte order mark inside", format!("{HEAD}notes: a\u{feff}b\n"), "4:9: byte order"),
        bad("CRLF", HEAD.replace('\n', "\r\n"), "1:10: carriage return"),
        bad("CR", HEAD.replace('\n', "\r"), "1:10: carriage return"),
        bad_line("tab to indent", "optimizer:\n\tkind: adam\n", "5:1: tab"),
        bad_line("tab to separate", "epochs:\t3\n", "4:8: tab"),
        bad_line("NUL", "notes: a\0b\n", "4:9: hidden character U+0000"),
        bad_line("NUL as an escape", "notes: \"a\\0b\"\n", "4:8: hidden character U+0000"),
        bad_line("ESC", "notes: \u{1b}[31m\n", "4:8: hidden character U+001B"),
        bad_line("ESC as an escape", "notes: \"\\e[31m\"\n", "hidden character U+001B"),
        bad_line("ESC in hexadecimal", "notes: \"\\x1b[2J\"\n", "hidden character U+001B"),
        bad_line("BEL in a comment", "# \u{7}\n", "4:3: hidden character U+0007"),
        bad_line("C1 control", "notes: \u{9b}31m\n", "hidden character U+009B"),
        bad_line("next line", "notes: a\u{85}b\n", "hidden character U+0085"),
        bad_line("line separator", "notes: a\u{2028}b\n", "hidden character U+2028"),
        bad_line("bidi override", "notes: a\u{202e}b\n", "4:9: hidden character U+202E"),
        bad_line("bidi override escaped", "notes: \"\\u202e\"\n", "hidden character U+202E"),
        bad_line("bidi isolate in a key", "no\u{2066}tes: a\n", "hidden character U+2066"),
        bad_line("zero width space", "epo\u{200b}chs: 3\n", "4:4: hidden character U+200B"),
        bad_line("tag characters", "notes: a\u{e0041}\n", "hidden character U+E0041"),
        bad_line("escaped CR", "notes: \"a\\rb\"\n", "hidden character U+000D"),
        bad_line("lone surrogate", "notes: \"\\ud800\"\n", "4:"),
        bad("invalid UTF-8", [HEAD.as_bytes(), b"notes: \xff\n"].concat(), "4:8: not UTF-8"),
        bad("overlong UTF-8", [HEAD.as_bytes(), b"notes: \xc0\xaf\n"].concat(), "4:8: not UTF-8"),
        bad("cut UTF-8", [HEAD.as_bytes(), b"notes: \xe8\xa9"].concat(), "4:8: not UTF-8"),
        bad("UTF-16", marked, "1:1: not UTF-8"),
        bad("UTF-16 without mark", utf16(HEAD), "1:2: hidden character U+0000"),
        bad("an ELF program", b"\x7fELF\x02\x01\x01\0\0".to_vec(), "1:1: hidden character U+007F"),
        bad("a gzip file", b"\x1f\x8b\x08\0\0".to_vec(), "1:2: not UTF-8"),
    ]
}

fn structure() -> Vec<Case> {
    vec![
        bad("empty file", "", "1:1: the file holds no value"),
        bad("comments only", "# nothing\n# here\n", "the file holds no value"),
        bad("null", "null\n", "the file holds no value"),
        bad("document mark only", "---\n", "the file holds no value"),
        bad("document end only", "...\n", "1:1: "),
        bad("two documents", format!("{HEAD}---\n{HEAD}"), "4:1: a second document"),
        bad("text after the end", format!("{HEAD}...\n{HEAD}"), "5:1: a second document"),
        bad("many documents", filled("--- a\n", MIB), "2:1: a second document"),
        bad("YAML directive", format!("%YAML 1.2\n---\n{HEAD}"), "1:1: `%` directive"),
        bad("TAG directives", filled("%TAG !a! tag:a,2000:\n", KIB_64), "1:1: `%` directive"),
        bad_line("tag", "notes: !!str 3\n", "4:8: tag"),
        bad_line("program tag", "notes: !!python/object/apply:os.system [x]\n", "tag (`!`)"),
        bad_line("local tag", "optimizer: !Adam {}\n", "tag (`!`)"),
        bad("root tag", format!("!Variant\n{HEAD}"), "tag (`!`)"),
        bad_line("anchor without alias", "notes: &a b\n", "anchor"),
        bad_line("anchor on a mapping", "optimizer: &a\n  kind: adam\n", "anchor"),
        bad_line("anchor on a key", "&a notes: b\n", "anchor"),
        bad_line("merge key", "<<: {epochs: 3}\n", "4:1: merge key"),
        bad_line("quoted merge key", "\"<<\": {epochs: 3}\n", "4:1: merge key"),
        bad_line("complex key", "? [a, b]\n: 1\n", "4:3: a mapping or sequence as a key"),
        bad_line("mapping as a key", "{a: b}: 1\n", "a mapping or sequence as a key"),
        bad_line("key mark as text", "steps: [{c: , ?, d}]\n", "`?` may be text"),
        bad_line("empty key", ": 1\n", "4:1: empty key"),
        bad_line("duplicate key", "name: other\n", "4:1: key `name` is given twice, first on line 2"),
        bad_line("duplicate in other quotes", "\"na\\x6de\": other\n", "4:1: key `name` is given twice"),
        bad_line("duplicate below", "optimizer: {kind: adam, kind: adam}\n", "4:25: key `kind`"),
    ]
}

fn values() -> Vec<Case> {
    vec![
        bad_line("not a number", "learning_rate: .nan\n", "4:16: `.nan` is not a finite number"),
        bad_line("infinity", "learning_rate: -.INF\n", "`-.INF` is not a finite number"),
        bad_line("nan as a word", "learning_rate: nan\n", "4:16: invalid type: string \"nan\""),
        bad_line("too large a float", "learning_rate: 1e400\n", "4:16: invalid type: string \"1e400\""),
        bad_line("quoted number", "learning_rate: \"0.5\"\n", "4:16: invalid type: string \"0.5\""),
        bad_line("10,000 digits", format!("epochs: {}\n", "9".repeat(10_000)), "4:9: invalid"),
        bad_line("10,000 decimals", format!("epochs: 0.{}\n", "9".repeat(10_000)), "4:9: invalid"),
        bad_line("2^32", "epochs: 4294967296\n", "4:9: invalid value: integer `4294967296`"),
        bad_line("2^64", "epochs: 18446744073709551616\n", "4:9: invalid type"),
        bad_line("negative", "epochs: -1\n", "4:9: invalid"),
        bad_line("float for an integer", "epochs: 3.0\n", "4:9: invalid type"),
        bad_line("separators", "epochs: 1_000\n", "4:9: invalid type: string \"1_000\""),
        bad_line("sexagesimal", "epochs: 1:30\n", "4:9: invalid type: string \"1:30\""),
        bad_line("octal of old", "epochs: 010\n", "4:9: invalid type: string \"010\""),
        bad_line("truth value of old", "mirrored: no\n", "4:11: invalid type: string \"no\""),
        bad_line("unknown field", "epoch: 3\n", "4:1: unknown field `epoch`"),
        bad_line("escape in a field's name", "\"a\\nb\": 3\n", "4:1: unknown field `a\\nb`"),
        bad_line("long text for a number", format!("epochs: {}\n", "x".repeat(16_000)), "expected a whole"),
        bad("sequence", "- 1\n", "1:1: invalid type: sequence, expected a mapping"),
        bad("scalar", "hello\n", "1:1: invalid type: string \"hello\", expected a mapping"),
        bad("missing field", "schema: 1\nname: a\n", "1:1: missing field `extends`"),
        bad("path for an id", "schema: 1\nname: a\nextends: ../../etc/passwd\n", "3:10: `../../etc/passwd`"),
        bad("device for an id", "schema: 1\nname: a\nextends: nul\n", "3:10: `nul` is not an id"),
        bad("blank name", "schema: 1\nname: ' '\nextends: a\n", "2:7: the text is empty or blank"),
        bad("two lines as a name", "schema: 1\nname: \"a\\nb\"\nextends: a\n", "2:7: the text holds"),
        bad("unclosed bracket", "schema: [\n", "not valid YAML"),
        bad("unclosed quote", "schema: \"\n", "not valid YAML"),
        bad("wrong indent", "schema: 1\n name: a\n", "2:6: not valid YAML"),
        bad("HTML", "<!DOCTYPE html>\n<html lang=\"en\">\n", "1:1: invalid type: string"),
        good_line("comment with markup", "# <script>alert(1)</script>\n"),
        good_line("block text", "notes: |\n  one\n  two %TAG *a &b !c\n"),
        good_line("flow style", "optimizer: {kind: adam, weights: {decay: 0.1, batch_size: 8}}\n"),
        good_line("60 kB of comment lines", &filled("# a comment line\n", 60_000)),
        good_line("16 KiB of text", &format!("notes: {}\n", "x".repeat(16 * 1024))),
        good_line("escaped letters and lines", "notes: \"\\u8a66\\n\\t\\\"\"\n"),
    ]
}

fn corpus() -> Vec<Case> {
    [bombs(), nests(), signs(), structure(), values()].into_iter().flatten().collect()
}

/// The longest that one text may take: the promise in a release build; unoptimized code on a busy machine gets more.
fn longest() -> Duration {
    Duration::from_millis(if cfg!(debug_assertions) { 8_000 } else { 500 })
}

/// Reads one case; says what is wrong with how it went.
fn complaint(case: &Case) -> Option<String> {
    let read = || (yaml::parse::<Variant>(&case.bytes, "v.yaml"), yaml::parse::<Value>(&case.bytes, "v.yaml"));
    let timed = || {
        let start = Instant::now();
        drop(read());
        start.elapsed()
    };
    // Other processes delay one reading, but not each of three.
    if (0..3).all(|_| timed() > longest()) {
        return Some(format!("took longer than {:?}, three times", longest()));
    }
    let (typed, untyped) = read();
    match (&case.verdict, typed) {
        (Verdict::Read, Ok(_)) => untyped.err().map(|error| error.to_string()),
        (Verdict::Read, Err(error)) => Some(error.to_string()),
        (Verdict::Error(_), Ok(value)) => Some(format!("was read as {value:?}")),
        (Verdict::Error(part), Err(error)) => bad_message(&error, part),
    }
}

/// What is wrong with a message that should name file and place, hold `part`, be one line and not be long.
fn bad_message(error: &YamlError, part: &str) -> Option<String> {
    let message = error.to_string();
    let fits = message.starts_with("v.yaml:")
        && message.contains(part)
        && message.chars().count() <= 1_200
        && !message.chars().any(char::is_control);
    (!fits).then_some(message)
}

#[test]
fn every_hostile_text_gets_its_error_in_time() {
    let cases = corpus();
    assert!(cases.len() >= 60);
    let complaints: Vec<_> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, complaint(case)?))).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Set for the processes that the memory test starts.
const ALONE: &str = "HLB_TEST_HOSTILE_ALONE";

#[test]
fn reading_any_of_them_takes_a_process_less_than_64_mib() {
    let costly = [bombs(), nests()].into_iter().flatten();
    let complaints: Vec<_> =
        costly.filter_map(|case| Some(format!("{}: {}", case.name, complaint_alone(&case.bytes)?))).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Reads a text in a process of its own; gives what that says if it fails.
fn complaint_alone(bytes: &[u8]) -> Option<String> {
    let name = concat!(module_path!(), "::read_in_a_process_of_its_own");
    let name = name.split_once("::").expect("a path has two parts").1;
    let program = std::env::current_exe().expect("this test runs from a file");
    let mut command = Command::new(program);
    command.args(["--exact", name, "--ignored", "--nocapture"]).env(ALONE, "1");
    let said = answer(&mut command, bytes);
    (!said.contains("1 passed")).then_some(said)
}

#[test]
#[ignore = "started by the test above: memory can be measured only in a process of its own"]
fn read_in_a_process_of_its_own() {
    use std::io::Read as _;
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let mut bytes = Vec::with_capacity(2 * MIB);
    std::io::stdin().read_to_end(&mut bytes).unwrap();
    let _error = yaml::parse::<Value>(&bytes, "v.yaml");
    assert!(peak_kib() < 64 * 1024, "needs {} KiB", peak_kib());
}

/// Runs a program with `input`; gives all that it says.
fn answer(command: &mut Command, input: &[u8]) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().expect("the pipe was asked for");
    pipe.write_all(input).expect("the program reads all of it");
    drop(pipe);
    let output = child.wait_with_output().expect("the program ends");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The most memory that this process has used, in KiB, as Linux tells it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has this file");
    let peak = status.split_once("VmHWM:").expect("and this line in it").1;
    let digits = peak.split_whitespace().next().expect("with a number");
    digits.parse().expect("of KiB")
}

/// The message and hint for lines behind the three of every variant.
fn told(lines: &str) -> (String, Option<String>) {
    let error = yaml::parse::<Variant>(format!("{HEAD}{lines}").as_bytes(), "v.yaml").expect_err("the lines are bad");
    (error.to_string(), error.hint())
}

#[test]
fn messages_say_where_what_and_what_to_do() {
    let table = [
        (
            "epoch: 3\n",
            "v.yaml:4:1: unknown field `epoch`, expected one of `schema`, `name`, `extends`, `epochs`, `learning_rate`, `mirrored`, `optimizer`, `steps`, `notes`",
            "did you mean `epochs`?",
        ),
        (
            "optimizer:\n  kind: adam\n  weights:\n    decay: 0.1\n    batch_sise: 2\n",
            "v.yaml:8:5: unknown field `batch_sise`, expected `decay` or `batch_size` (in `optimizer.weights`)",
            "did you mean `batch_size`?",
        ),
        (
            "optimizer:\n  kind: adm\n",
            "v.yaml:5:9: unknown variant `adm`, expected `nesterov` or `adam` (in `optimizer.kind`)",
            "did you mean `adam`?",
        ),
        (
            "optimizer:\n  kind: adam\n  weights:\n    decay: 0.1\n",
            "v.yaml:7:5: missing field `batch_size` (in `optimizer.weights`)",
            "",
        ),
        ("optimizer: {}\n", "v.yaml:4:12: missing field `kind` (in `optimizer`)", ""),
        (
            "steps:\n  - kind: flip\n    chance: 0.5\n  - kind: crop\n    padd: 2\n",
            "v.yaml:8:5: unknown field `padd`, expected `pad` (in `steps[1]`)",
            "did you mean `pad`?",
        ),
        (
            "steps:\n  - kind: flip\n    chance: often\n",
            "v.yaml:5:5: invalid type: string \"often\", expected a number (in `steps[0]`)",
            "write plain digits, without quotes, separators or units",
        ),
        (
            "epochs: 1_000\n",
            "v.yaml:4:9: invalid type: string \"1_000\", expected a whole number, not negative (in `epochs`)",
            "write plain digits, without quotes, separators or units",
        ),
        (
            "mirrored: no\n",
            "v.yaml:4:11: invalid type: string \"no\", expected `true` or `false` (in `mirrored`)",
            "write `true` or `false`, without quotes",
        ),
        (
            "epochs: -1\n",
            "v.yaml:4:9: invalid type: integer `-1`, expected a whole number, not negative (in `epochs`)",
            "",
        ),
        ("name: again\n", "v.yaml:4:1: key `name` is given twice, first on line 2", "keep one of the two"),
        ("notes: *x\n", "v.yaml:4:8: alias (`*`)", "write the value out where it is needed"),
        (
            "learning_rate: .nan\n",
            "v.yaml:4:16: `.nan` is not a finite number",
            "give a finite number, or leave the key out",
        ),
        ("notes: a\u{202e}b\n", "v.yaml:4:9: hidden character U+202E", "delete the character; editors may not show it"),
        (
            "optimizer:\n\tkind: adam\n",
            "v.yaml:5:1: tab character",
            "indent and separate with spaces; in a double-quoted text write `\\t`",
        ),
        ("---\nschema: 1\n", "v.yaml:4:1: a second document starts here", "keep one document for each file"),
    ];
    for (lines, message, hint) in table {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        assert_eq!(told(lines), (message.to_owned(), hint), "for {lines:?}");
    }
}

#[test]
fn a_hostile_file_name_is_escaped_in_the_message() {
    let error = yaml::parse::<Variant>(b"", "a\u{1b}[2J\u{202e}.yaml").unwrap_err();
    assert_eq!(error.to_string(), "a\\u{1b}[2J\\u{202e}.yaml:1:1: the file holds no value");
}

/// JSON values with the texts and numbers that readers of YAML like to confuse.
fn any_value() -> impl Strategy<Value = Value> {
    let texts = prop::sample::select(vec![
        "no",
        "off",
        "y",
        "~",
        "null",
        "1:30",
        "1_000",
        "2024-01-01",
        "1e-7",
        "010",
        "0x10",
        "=",
        "<<",
        "",
        " a ",
        "- a",
        "a: b",
        "a #b",
        "---",
        "\\",
        "\"",
        "'",
        "a\nb\n",
        "\t",
        "é試🚀",
        ".inf",
        "\u{a0}",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        prop::sample::select(vec![1e-7, 1e16, 1e22, -0.0, 0.1, 5e-324]).prop_map(Value::from),
        texts.prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
    ];
    let keys = prop_oneof![
        prop::sample::select(vec!["no", "y", "on", "null", "1", "1e3", "a b", "é", "-", "a_b", "=", "True"])
            .prop_map(str::to_owned),
        "[a-z][a-z0-9_]{0,8}",
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..5).prop_map(Value::from),
            prop::collection::btree_map(keys.clone(), inner, 1..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
    .prop_map(|value| json!({ "value": value }))
}

/// Reads pairs of YAML text and JSON value; fails on the first that differ in value or type.
const PYTHON: &str = r#"
import json, sys, yaml
def same(a, b):
    if type(a) is not type(b): return False
    if isinstance(a, dict): return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list): return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)
for text, value in json.load(sys.stdin):
    read = yaml.safe_load(text)
    if not same(read, value): sys.exit(f"{text}\nread as {read!r}\ninstead of {value!r}")
print("same")
"#;

/// Runs the Python above with `input`.
fn compare_in_python(input: &Value) -> String {
    let mut python = Command::new("python3");
    answer(python.args(["-c", PYTHON]), input.to_string().as_bytes())
}

/// Whether `PyYAML` is there; its absence fails the test on CI.
fn has_pyyaml() -> bool {
    let found =
        Command::new("python3").args(["-c", "import yaml"]).output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "CI needs python3 with PyYAML");
    found
}

#[test]
fn pyyaml_reads_what_we_emit_as_the_same_values() {
    if !has_pyyaml() {
        eprintln!("skipped pyyaml_reads_what_we_emit_as_the_same_values: no python3 with PyYAML");
        return;
    }
    let mut runner = TestRunner::deterministic();
    let values = any_value();
    let pairs: Vec<Value> = (0..500)
        .map(|_| values.new_tree(&mut runner).unwrap().current())
        .filter_map(|value| Some(json!([yaml::emit(&value).ok()?, value])))
        .collect();
    assert!(pairs.len() > 450, "only {} values were emitted", pairs.len());
    assert_eq!(compare_in_python(&Value::from(pairs)), "same\n");
}

#[test]
fn pyyaml_would_notice_a_difference() {
    if !has_pyyaml() {
        eprintln!("skipped pyyaml_would_notice_a_difference: no python3 with PyYAML");
        return;
    }
    for (text, value) in [("a: no\n", json!("no")), ("a: 1e-7\n", json!(1e-7)), ("a: 1\n", json!(1.0))] {
        let said = compare_in_python(&json!([[text, { "a": value }]]));
        assert!(said.contains("instead of"), "{text} was not noticed: {said}");
    }
}
