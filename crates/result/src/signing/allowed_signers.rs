//! Who may sign what, and when: OpenSSH's `allowed_signers` file, read more strictly.
//!
//! The same file serves `ssh-keygen -Y verify -f`, so its format is OpenSSH's. What OpenSSH leaves
//! open is closed here: no wildcards, every line names its namespaces, times are in UTC, a key
//! belongs to one principal, and a line that cannot be read is an error where OpenSSH skips it.
//!
//! This file must never decide whether a signature is good, and never reads a clock.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use crate::signing::allowed_line::{Line, LineProblem, WhyNot};
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// The largest file that is read, in bytes: room for some ten thousand signers.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A list of signers: the lines of each key, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct AllowedSigners {
    by_key: BTreeMap<KeyData, Vec<Line>>,
}

/// A list of signers that cannot be used.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum AllowedSignersError {
    #[error("`{source_name}` has {found} bytes, at most {MAX_BYTES} are read")]
    TooLarge { source_name: String, found: usize },
    /// A line that is not in order. The whole list is refused: skipping the line could drop a limit
    /// that its author meant to set.
    #[error("`{source_name}` line {line} cannot be used")]
    Line {
        source_name: String,
        line: usize,
        #[source]
        problem: LineProblem,
    },
}

impl Hint for AllowedSignersError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Line { problem, .. } => problem.hint(),
            Self::TooLarge { .. } => None,
        }
    }
}

impl AllowedSigners {
    /// Reads a list. `source_name` is only for messages.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, AllowedSignersError> {
        if text.len() > MAX_BYTES {
            return Err(AllowedSignersError::TooLarge { source_name: show(source_name), found: text.len() });
        }
        let mut signers = Self::default();
        for (index, content) in text.lines().enumerate() {
            signers.add(index + 1, content).map_err(|problem| AllowedSignersError::Line {
                source_name: show(source_name),
                line: index + 1,
                problem,
            })?;
        }
        Ok(signers)
    }

    /// Whose key it is, if it may sign in this namespace at this time.
    ///
    /// A key may have several lines; one that fits is enough. Otherwise the reason is the one of
    /// the line that came nearest: a wrong time is reported before a wrong namespace.
    pub fn find(&self, key: &PublicKey, namespace: &str, at: DateTime<Utc>) -> Result<&str, WhyNot> {
        let mut nearest = WhyNot::UnknownKey;
        for line in self.by_key.get(key.key_data()).into_iter().flatten() {
            match line.permits(namespace, at) {
                Ok(()) => return Ok(&line.principal),
                Err(WhyNot::OtherNamespace { .. }) if nearest != WhyNot::UnknownKey => {}
                Err(why) => nearest = why,
            }
        }
        Err(nearest)
    }

    fn add(&mut self, number: usize, content: &str) -> Result<(), LineProblem> {
        let content = content.trim_matches([' ', '\t']);
        if content.is_empty() || content.starts_with('#') {
            return Ok(());
        }
        let line = Line::parse(number, content)?;
        let same_key = self.by_key.entry(line.key.key_data().clone()).or_default();
        if let Some(first) = same_key.first().filter(|first| first.principal != line.principal) {
            let message = format!("key already belongs to `{}` in line {}", first.principal, first.number);
            return Err(LineProblem::with_hint(message, "give every name a key of its own"));
        }
        same_key.push(line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::signing::allowed_line::line_for;
    use crate::signing::{RERUN_NAMESPACE, RESULT_NAMESPACE};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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
            (
                "namespaces=\"a\",valid-after=\"20260101Z\",valid-after=\"20260102Z\"",
                "option `valid-after` is given twice",
            ),
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
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", &KEY[..KEY.len() - 4], "ssh-ed25519 \u{1b}"] {
            let found = problem(&line(bad)).to_string();
            assert!(found.starts_with("public key cannot be read: "), "{bad}: {found}");
        }
        let other_kind = KEY.replacen("ssh-ed25519", "ecdsa-sha2-nistp256", 1);
        let found = problem(&line(&other_kind)).to_string();
        assert!(found.starts_with("public key cannot be read: "), "{found}");
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
        let signers = parse(&line).expect("what we write, we read");
        assert!(signers.find(&key(), RERUN_NAMESPACE, day(2026, 1, 1)).is_ok());
        assert!(line_for(&key(), "alice@github x", &namespaces).is_err());
        assert!(line_for(&key(), "# alice@github", &namespaces).is_err());
        assert!(line_for(&key(), "alice@github", &[]).is_err());
    }

    #[test]
    fn a_huge_list_is_refused_unread() {
        let error = parse(&"#".repeat(MAX_BYTES + 1)).expect_err("too large");
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
}
