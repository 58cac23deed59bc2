use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bounded::{SMALL_CAP, read};
use crate::text;
use crate::yaml::{emit, is_canonical, parse, parse_canonical};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Nested {
    name: String,
    maybe: Option<f64>,
    count: u64,
    signed: i64,
    flag: bool,
    mode: Mode,
    steps: Vec<Step>,
    grid: Vec<Vec<f64>>,
    words: BTreeMap<String, String>,
    numbered: BTreeMap<u32, f32>,
    inner: Option<Box<Nested>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Plain,
    VeryFast,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Step {
    Flip { chance: f64 },
    Crop { pad: u32 },
    Nothing,
}

/// Texts that readers of YAML take for something else when they are bare, and any others without hidden characters.
fn any_text() -> impl Strategy<Value = String> {
    let trap = prop::sample::select(vec![
        "no",
        "off",
        "y",
        "1:30",
        "1_000",
        "2024-01-01",
        "1e-7",
        "010",
        "0o10",
        "~",
        "null",
        "=",
        "<<",
        "",
        " ",
        "- a",
        "a: b",
        "# c",
        "---",
        "...",
        "%TAG",
        "&a",
        "*a",
        "!a",
        "[",
        "{}",
        "'",
        "\"",
        "\\",
        "a\nb",
        "\n",
        "\ta",
        "a\n\n",
        "@",
        "`",
        "|",
        ">",
        "?",
        ".nan",
        "true",
        "é試",
    ]);
    let other = ".{0,24}".prop_map(|text: String| text.replace(text::is_hidden, "_"));
    prop_oneof![trap.prop_map(str::to_owned), other]
}

fn any_key() -> impl Strategy<Value = String> {
    any_text().prop_map(|text| match text.as_str() {
        "" | "<<" => "key".to_owned(),
        long => long.chars().take(12).collect(),
    })
}

fn any_float() -> impl Strategy<Value = f64> {
    let edge = prop::sample::select(vec![
        0.0,
        -0.0,
        1e-7,
        1e-5,
        1e-4,
        1e15,
        1e16,
        1e22,
        0.1,
        1.0,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        1.234_567_890_123_456_8e17,
    ]);
    prop_oneof![any::<f64>().prop_filter("finite", |x| x.is_finite()), edge]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any_float().prop_map(|chance| Step::Flip { chance }),
        any::<u32>().prop_map(|pad| Step::Crop { pad }),
        Just(Step::Nothing),
    ]
}

fn any_leaf() -> impl Strategy<Value = Nested> {
    let leaf = (
        (any_text(), prop::option::of(any_float()), any::<u64>(), any::<i64>(), any::<bool>()),
        prop::sample::select(vec![Mode::Plain, Mode::VeryFast]),
        prop::collection::vec(any_step(), 0..3),
        prop::collection::vec(prop::collection::vec(any_float(), 0..3), 0..3),
        prop::collection::btree_map(any_key(), any_text(), 0..4),
        prop::collection::btree_map(any::<u32>(), -1e9_f32..1e9, 0..3),
    );
    leaf.prop_map(|((name, maybe, count, signed, flag), mode, steps, grid, words, numbered)| Nested {
        name,
        maybe,
        count,
        signed,
        flag,
        mode,
        steps,
        grid,
        words,
        numbered,
        inner: None,
    })
}

fn any_nested() -> impl Strategy<Value = Nested> {
    (any_leaf(), prop::option::of(any_leaf())).prop_map(|(outer, inner)| Nested { inner: inner.map(Box::new), ..outer })
}

proptest! {
    #[test]
    fn what_is_emitted_is_read_back_and_emitted_again_the_same(value in any_nested()) {
        let text = emit(&value).unwrap();
        prop_assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
        let back: Nested = parse(text.as_bytes(), "emitted").unwrap();
        prop_assert_eq!(&back, &value);
        // `==` cannot tell -0.0 from 0.0; the text can.
        prop_assert_eq!(emit(&back).unwrap(), text.clone());
        prop_assert!(is_canonical(text.as_bytes(), &back));
        prop_assert_eq!(parse_canonical(text.as_bytes(), "emitted").unwrap(), Some(back));
    }

    #[test]
    fn a_canonical_text_passes_all_rules(text in "([a-z]{1,2}: |- |  )?[a-z0-9.+:-]{0,5}( ?\"[a-z \\n'#&]{0,4}\"|\\[\\]|\\{\\})?\n{0,2}([a-z]: [.0-9a-z\"]{1,5}\n)?") {
        if let Ok(Some(value)) = parse_canonical::<serde_json::Value>(text.as_bytes(), "any.yaml") {
            prop_assert_eq!(parse::<serde_json::Value>(text.as_bytes(), "any.yaml").unwrap(), value);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_break_its_message(text in "[-a: \\[\\]{},#|>'\"&*!%?.0-9\\n\\\\]{0,60}") {
        if let Err(error) = parse::<serde_json::Value>(text.as_bytes(), "any.yaml") {
            prop_assert!(!error.to_string().chars().any(text::is_hidden));
        }
    }
}

fn example() -> Nested {
    Nested {
        name: "say \"no\"\nor \\".to_owned(),
        maybe: Some(1e-7),
        count: 3,
        signed: -4,
        flag: true,
        mode: Mode::VeryFast,
        steps: vec![Step::Flip { chance: 0.5 }, Step::Nothing],
        grid: vec![vec![1.0, 1e16], vec![]],
        words: BTreeMap::from([("on".to_owned(), "off".to_owned())]),
        numbered: BTreeMap::from([(7, 0.5)]),
        inner: None,
    }
}

#[test]
fn the_text_has_one_fixed_form() {
    let expected = r#"name: "say \"no\"\nor \\"
maybe: 1.0e-07
count: 3
signed: -4
flag: true
mode: "very-fast"
steps:
  - kind: "flip"
    chance: 0.5
  - kind: "nothing"
grid:
  - - 1.0
    - 1.0e+16
  - []
words:
  "on": "off"
numbered:
  7: 0.5
inner: null
"#;
    assert_eq!(emit(&example()).unwrap(), expected);
}

#[test]
fn only_the_emitted_bytes_are_canonical() {
    let text = emit(&example()).unwrap();
    assert!(is_canonical(text.as_bytes(), &example()));
    let edited = [
        text.replace("count: 3", "count:  3"),
        text.replace("1.0e-07", "1e-7"),
        format!("{text}\n"),
        format!("# note\n{text}"),
    ];
    for other in edited {
        assert_eq!(parse::<Nested>(other.as_bytes(), "edited").unwrap(), example());
        assert!(!is_canonical(other.as_bytes(), &example()), "{other}");
        assert_eq!(parse_canonical::<Nested>(other.as_bytes(), "edited").unwrap(), None, "{other}");
    }
}

/// The message for a value that cannot be written.
fn unwritable(value: &impl Serialize) -> String {
    emit(value).unwrap_err().to_string()
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let numbers = BTreeMap::from([("loss", vec![1.0, f64::NAN])]);
    assert_eq!(unwritable(&numbers), "cannot write this as YAML: a number that is not finite (in `loss[1]`)");
    let hidden = BTreeMap::from([("gpu", "a\u{1b}[0m")]);
    assert_eq!(unwritable(&hidden), "cannot write this as YAML: hidden character U+001B (in `gpu`)");
    let variant: Result<u8, u8> = Ok(1);
    assert!(unwritable(&variant).contains("#[serde(tag)]"));
    let deep = (0..17).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    assert_eq!(unwritable(&deep), "cannot write this as YAML: line 1: nested more than 16 levels deep");
    assert!(unwritable(&BTreeMap::from([("k".repeat(65), 1)])).contains("key of 65 bytes"));
    assert!(unwritable(&vec![0; 50_001]).contains("more than 50000"));
}

/// The kind of refusal that a path gets.
fn refused(path: &Path) -> String {
    read(path, SMALL_CAP).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_up_to_the_cap_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, vec![b'x'; 65_536]).unwrap();
    assert_eq!(read(&path, SMALL_CAP).unwrap().len(), 65_536);
    fs::write(&path, vec![b'x'; 65_537]).unwrap();
    let message = format!("`{}` has 65537 bytes, over the limit of 65536 bytes", path.display());
    assert_eq!(refused(&path), message);
}

#[test]
fn a_huge_file_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.yaml");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(refused(&path).contains("1099511627776 bytes"));
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "a: 1\n").unwrap();
    std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(refused(folder.path()).contains("is a folder"));
    assert!(refused(&at("link")).contains("is a symbolic link"));
    assert!(refused(&at("pipe")).contains("is a pipe"));
    assert!(refused(&at("socket")).contains("is a socket or device"));
    assert!(refused(Path::new("/dev/null")).contains("is a socket or device"));
    assert!(refused(&at("none")).contains("cannot read"));
}
