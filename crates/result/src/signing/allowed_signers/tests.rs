//! What a list may say, and what it means.

use chrono::TimeZone;
use proptest::prelude::*;
use ssh_key::public::SkEd25519;

use super::*;
use crate::signing::RESULT_NAMESPACE;
use crate::signing::allowed_line::line_for;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const OTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF09vyBi3N/L5ct6ET/VWLKlbucyJ3932SFrib3ivfp3";

fn key() -> PublicKey {
    PublicKey::from_openssh(KEY).expect("a good key")
}

fn day(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 0, 0, 0).unwrap()
}

fn parse(text: &str) -> Result<AllowedSigners, AllowedSignersError> {
    AllowedSigners::parse(text, "trust/allowed_signers")
}

/// The problem of the only line of a list.
fn problem(line: &str) -> LineProblem {
    match parse(line) {
        Err(AllowedSignersError::Line { line: 1, problem, .. }) => problem,
        other => panic!("`{line}` gave {other:?}"),
    }
}

fn with_options(options: &str) -> String {
    format!("alice@github {options} {KEY}")
}

#[test]
fn a_listed_key_is_found_under_its_name() {
    let list = format!(
        "# who may sign\r\n\n \t \n  alice@github\tnamespaces=\"{RESULT_NAMESPACE}\"  {KEY} a comment \u{e9}\r\n"
    );
    let signers = parse(&list).expect("in order");
    assert_eq!(signers.by_key.len(), 1);
    let found = signers.find(&key(), RESULT_NAMESPACE, day(2026, 1, 1));
    assert_eq!(found, Ok("alice@github"));
}

#[test]
fn each_reason_to_refuse_a_key_is_told_apart() {
    let text = with_options(&format!(
        "namespaces=\"{RESULT_NAMESPACE}\",valid-after=\"20260101Z\",VALID-BEFORE=\"202607010000Z\""
    ));
    let signers = parse(&text).expect("in order");
    let find = |namespace, at| signers.find(&key(), namespace, at);

    assert_eq!(find(RESULT_NAMESPACE, day(2026, 3, 1)), Ok("alice@github"));
    assert_eq!(
        find(RERUN_NAMESPACE, day(2026, 3, 1)),
        Err(WhyNot::OtherNamespace { principal: "alice@github".to_owned(), namespace: RERUN_NAMESPACE.to_owned() })
    );
    assert_eq!(
        find(RESULT_NAMESPACE, day(2025, 12, 31)),
        Err(WhyNot::NotYetValid { principal: "alice@github".to_owned(), valid_after: day(2026, 1, 1) })
    );
    assert_eq!(
        find(RESULT_NAMESPACE, day(2026, 7, 2)),
        Err(WhyNot::Expired { principal: "alice@github".to_owned(), valid_before: day(2026, 7, 1) })
    );
    let stranger = PublicKey::from_openssh(OTHER_KEY).expect("a good key");
    assert_eq!(signers.find(&stranger, RESULT_NAMESPACE, day(2026, 3, 1)), Err(WhyNot::UnknownKey));
}

#[test]
fn both_ends_of_the_time_are_within() {
    let text = with_options("namespaces=\"a\",valid-after=\"20260101000000Z\",valid-before=\"20260101000001Z\"");
    let signers = parse(&text).expect("in order");
    let at = |second, nano| {
        let time = day(2026, 1, 1).timestamp() + second;
        let time = DateTime::from_timestamp(time, nano).expect("a time");
        signers.find(&key(), "a", time).is_ok()
    };
    assert!(!at(-1, 999_999_999));
    assert!(at(0, 0));
    assert!(at(1, 999_999_999));
    assert!(!at(2, 0));
}

#[test]
fn one_fitting_line_of_a_key_is_enough_and_the_nearest_reason_is_given() {
    let expired = "namespaces=\"a\",valid-before=\"20200101Z\"";
    let lines = [with_options(expired), with_options("namespaces=\"b\""), with_options("namespaces=\"c,d\"")];
    let signers = parse(&lines.join("\n")).expect("in order");
    assert_eq!(signers.by_key.len(), 1);
    assert!(signers.find(&key(), "d", day(2026, 1, 1)).is_ok());
    let why = signers.find(&key(), "a", day(2026, 1, 1));
    assert!(matches!(why, Err(WhyNot::Expired { .. })), "{why:?}");
}

#[test]
fn a_bad_line_is_named_and_refuses_the_list() {
    let text = format!("{}\n\nbob@github {KEY}\n", with_options("namespaces=\"a\""));
    let error = parse(&text).expect_err("line 3 has no namespaces");
    assert_eq!(error.to_string(), "`trust/allowed_signers` line 3 cannot be used");
    assert_eq!(error.hint().as_deref(), Some("write `namespaces=\"result.v1@hlb-bench\"` between name and key"));
}

#[test]
fn principals_have_one_spelling() {
    for good in ["a@b", "a-1-b@github", "runner@hlb-bench.example"] {
        let line = format!("{good} namespaces=\"a\" {KEY}");
        assert!(parse(&line).is_ok(), "{good}");
    }
    let long = format!("{}@github", "a".repeat(40));
    for bad in [
        "*",
        "*@github",
        "a?@github",
        "!a@github",
        "a@github,b@github",
        "Alice@github",
        "alice",
        "@github",
        "a@",
        "a@*",
        "-a@github",
        "a-@github",
        "a--b@github",
        "a@@b",
        "\"a@github\"",
        "\u{430}@github",
        long.as_str(),
        "a@-b",
    ] {
        let found = problem(&format!("{bad} namespaces=\"a\" {KEY}"));
        assert_eq!(found.to_string(), format!("`{bad}` is not a principal"));
    }
}

#[test]
fn options_are_closed() {
    let period = "namespaces=\"a\",valid-after=\"20260101Z\",valid-before=\"20260101Z\"";
    let cases = [
        ("cert-authority", "option `cert-authority` is not accepted"),
        ("namespaces=\"a\",Cert-Authority", "option `cert-authority` is not accepted"),
        ("no-touch-required", "option `no-touch-required` is unknown"),
        ("namespaces=\"a\",,valid-after=\"20260101Z\"", "option `` is unknown"),
        ("namespaces=\"a\", valid-after=\"20260101Z\"", "option `` is unknown"),
        ("namespaces=\"a\",NAMESPACES=\"b\"", "option `namespaces` is given twice"),
        ("namespaces=\"a\",valid-after=\"20260101Z\",valid-after=\"20260102Z\"", "option `valid-after` is given twice"),
        ("namespaces=a", "option `namespaces` has no value in double quotes"),
        ("namespaces=\"a", "option `namespaces` has no value in double quotes"),
        ("namespaces", "option `namespaces` has no value in double quotes"),
        ("valid-before=\"20260101Z\"", "option `namespaces` is missing"),
        (period, "`valid-before` is not later than `valid-after`"),
    ];
    for (options, expected) in cases {
        assert_eq!(problem(&with_options(options)).to_string(), expected, "{options}");
    }
    let found = problem(&with_options("namespaces=\"a\"x")).to_string();
    assert!(found.starts_with("options are not separated by single commas at `x "), "{found}");
}

#[test]
fn namespaces_are_plain() {
    for bad in ["", "*", "a,", "result.v?@hlb-bench", "!a", "a b", "a\\"] {
        let found = problem(&with_options(&format!("namespaces=\"{bad}\""))).to_string();
        assert!(found.ends_with("is not a plain namespace"), "{bad}: {found}");
    }
}

#[test]
fn times_are_in_utc_and_exist() {
    let after = |value: &str| {
        let found = problem(&with_options(&format!("namespaces=\"a\",valid-after=\"{value}\"")));
        assert!(found.hint().is_some_and(|hint| hint.contains("write UTC as")), "{found:?}");
        found.to_string()
    };
    for local in ["20260101", "202601010000", "20260101000000"] {
        assert!(after(local).ends_with("so it would be local time"), "{local}");
    }
    for bad in [
        "19691231Z",
        "00000101Z",
        "20260230Z",
        "20261301Z",
        "2026010124Z",
        "202601012460Z",
        "20260101000060Z",
        "2026-01-01Z",
        "Z",
        "+2026101Z",
        "20260101z",
        "20260101 Z",
    ] {
        assert!(after(bad).ends_with("is not a time"), "{bad}");
    }
}

#[test]
fn keys_are_of_an_accepted_kind_and_whole() {
    let line = |key: &str| format!("alice@github namespaces=\"a\" {key}");
    let rsa = problem(&line("ssh-rsa AAAA"));
    assert!(matches!(rsa, LineProblem::KeyType(_)), "{rsa:?}");
    let certificate = problem(&line("ssh-ed25519-cert-v01@openssh.com AAAA"));
    assert!(matches!(certificate, LineProblem::KeyType(_)), "{certificate:?}");
    for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", &KEY[..KEY.len() - 4], "ssh-ed25519 !"] {
        let found = problem(&line(bad)).to_string();
        assert!(found.starts_with("public key cannot be read: "), "{bad}: {found}");
    }
    let other_kind = KEY.replacen("ssh-ed25519", "ecdsa-sha2-nistp256", 1);
    let found = problem(&line(&other_kind)).to_string();
    assert!(found.starts_with("public key cannot be read: "), "{found}");
}

#[test]
fn a_runner_is_one_that_the_board_names() {
    let text = with_options(&format!("namespaces=\"{RERUN_NAMESPACE},{RESULT_NAMESPACE}\""));
    let signers = parse(&text).expect("in order");
    let find =
        |signers: &AllowedSigners, namespace| signers.find(&key(), namespace, day(2026, 1, 1)).map(str::to_owned);
    let refused = Err(WhyNot::NotARunner { principal: "alice@github".to_owned() });
    assert_eq!(find(&signers, RERUN_NAMESPACE), refused);
    assert_eq!(find(&signers.clone().with_runners(["runner@hlb-bench".to_owned()]), RERUN_NAMESPACE), refused);
    assert_eq!(find(&signers, RESULT_NAMESPACE), Ok("alice@github".to_owned()));
    let named = signers.with_runners(["alice@github".to_owned()]);
    assert_eq!(find(&named, RERUN_NAMESPACE), Ok("alice@github".to_owned()));
}

#[test]
fn a_line_shows_all_that_it_says_and_is_short() {
    for hidden in ['\u{202e}', '\u{200b}', '\u{1b}', '\r', '\u{3164}', '\0'] {
        for line in [format!("# a{hidden}b"), with_options("namespaces=\"a\"") + &format!(" a{hidden}b")] {
            let expected = format!("it holds the hidden character U+{:04X}", u32::from(hidden));
            assert_eq!(problem(&line).to_string(), expected);
        }
    }
    let long = with_options("namespaces=\"a\"") + " " + &"x".repeat(400);
    assert!(problem(&long).to_string().ends_with("at most 400 are read"));
    assert!(problem(&"#".repeat(401)).to_string().ends_with("at most 400 are read"));
}

#[test]
fn a_key_has_one_spelling() {
    // The length of the point is 32, and nothing larger.
    let longer = KEY.replacen("AAAAI", "AAAAJ", 1);
    // Nothing follows, and no end is added.
    for bad in [longer, format!("{KEY}="), format!("{KEY}AAAA")] {
        assert!(parse(&format!("alice@github namespaces=\"a\" {bad}")).is_err(), "{bad}");
    }
}

#[test]
fn a_private_key_has_one_name_whatever_kind_of_key_it_is() {
    let point = *key().key_data().ed25519().expect("of that kind");
    let line = |name: &str, key: KeyData| {
        line_for(&PublicKey::from(key), &format!("{name}@github"), &["a"]).expect("in order") + "\n"
    };
    let plain = line("alice", KeyData::Ed25519(point));
    let token = |name, application: &str| line(name, KeyData::SkEd25519(SkEd25519::new(point, application)));
    for second in [token("bob", "ssh:"), token("bob", "ssh:other")] {
        for text in [plain.clone() + &second, second.clone() + &plain, token("alice", "ssh:1") + &second] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
    assert!(parse(&(plain + &token("alice", "ssh:"))).is_ok(), "one name may have both");
}

#[test]
fn a_key_belongs_to_one_name() {
    let text = format!("alice@github namespaces=\"a\" {KEY}\nbob@github namespaces=\"b\" {KEY}\n");
    let error = parse(&text).expect_err("one key, two names");
    let AllowedSignersError::Line { line, problem, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(line, 2);
    assert_eq!(problem.to_string(), "key already belongs to `alice@github` in line 1");
}

#[test]
fn a_line_that_we_write_can_be_read() {
    let namespaces = [RESULT_NAMESPACE, RERUN_NAMESPACE];
    let mut commented = key();
    commented.set_comment("secret host name");
    let line = line_for(&commented, "alice@github", &namespaces).expect("in order");
    assert_eq!(line, format!("alice@github namespaces=\"{RESULT_NAMESPACE},{RERUN_NAMESPACE}\" {KEY}"));
    let signers = parse(&line).expect("what we write, we read").with_runners(["alice@github".to_owned()]);
    assert!(signers.find(&key(), RERUN_NAMESPACE, day(2026, 1, 1)).is_ok());
    assert!(line_for(&key(), "alice@github x", &namespaces).is_err());
    assert!(line_for(&key(), "# alice@github", &namespaces).is_err());
    assert!(line_for(&key(), "alice@github", &[]).is_err());
}

#[test]
fn a_huge_list_is_refused_unread() {
    let error = parse(&"#".repeat(2 * 1024 * 1024 + 1)).expect_err("too large");
    assert!(matches!(error, AllowedSignersError::TooLarge { .. }));
}

proptest! {
    /// Whatever stands in a line, it is read or refused, and a list that was read never lets a
    /// key sign in a namespace that is not in its text.
    #[test]
    fn no_line_opens_an_unnamed_namespace(options in "[a-z\"=,* -]{0,40}") {
        if let Ok(signers) = parse(&with_options(&options)) {
            let found = signers.find(&key(), "zz@zz", day(2026, 1, 1));
            prop_assert!(found.is_err());
        }
    }
}
