//! One line of `allowed_signers`: a name, what its key may sign and when, and the key.
//!
//! This file must never fall back on a default: what a line does not say, it does not allow.

use std::fmt;
use std::mem;

use chrono::{DateTime, Datelike as _, NaiveDateTime, Timelike as _, Utc};
use ssh_key::PublicKey;

use crate::signing::key_type::{KeyError, UnsupportedKey, read_key};
use crate::signing::namespace::RESULT_NAMESPACE;
use hlb_core::hint::Hint;
use hlb_core::text::{is_hidden, show};

/// The longest user part of a principal, in characters; GitHub's limit for a handle.
const MAX_USER: usize = 39;

/// The longest line, in bytes: room for the longest key, name and options.
const MAX_LINE: usize = 400;

/// One line of the list.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Whose key it is.
    pub(super) principal: String,
    rules: Options,
    /// The key, without a comment.
    pub(super) key: PublicKey,
}

/// The options of a line. Both ends of the time are themselves within it, as in OpenSSH.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Options {
    namespaces: Vec<String>,
    valid_after: Option<DateTime<Utc>>,
    valid_before: Option<DateTime<Utc>>,
}

/// Why a key whose signature is good may not sign.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum WhyNot {
    #[error("the key is not listed")]
    UnknownKey,
    #[error("the key of `{principal}` may not sign in namespace `{namespace}`")]
    OtherNamespace { principal: String, namespace: String },
    #[error("`{principal}` is not a runner that the board lists in `runners.yaml`")]
    NotARunner { principal: String },
    #[error("the key of `{principal}` was valid until {valid_before}")]
    Expired { principal: String, valid_before: DateTime<Utc> },
    #[error("the key of `{principal}` is not valid before {valid_after}")]
    NotYetValid { principal: String, valid_after: DateTime<Utc> },
}

impl Hint for WhyNot {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey => Some("add the key's line to `allowed_signers`".to_owned()),
            Self::OtherNamespace { .. } => {
                Some("add the namespace to the key's line, or sign with the right key".to_owned())
            }
            Self::NotARunner { principal } => Some(format!(
                "a maintainer lists a runner as `- {principal}` in `runners.yaml` next to `allowed_signers`"
            )),
            Self::Expired { .. } | Self::NotYetValid { .. } => None,
        }
    }
}

/// What is wrong with one line of a list of signers.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum LineProblem {
    /// It is not written as it has to be; the hint says how, where that helps.
    #[error("{message}")]
    Text { message: String, hint: Option<String> },
    #[error("public key may not sign here")]
    KeyType(#[from] UnsupportedKey),
}

impl LineProblem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::Text { message: message.into(), hint: None }
    }

    pub(super) fn with_hint(message: String, hint: &str) -> Self {
        Self::Text { message, hint: Some(hint.to_owned()) }
    }

    fn key(reason: &dyn fmt::Display) -> Self {
        Self::new(format!("public key cannot be read: {reason}"))
    }

    fn no_namespaces() -> Self {
        let hint = format!("write `namespaces=\"{RESULT_NAMESPACE}\"` between name and key");
        Self::with_hint("option `namespaces` is missing".to_owned(), &hint)
    }
}

impl Hint for LineProblem {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Text { hint, .. } => hint.clone(),
            Self::KeyType(key) => key.hint(),
        }
    }
}

impl Line {
    /// Refuses what no editor shows, and what no line needs; a comment, too, is looked at by people.
    pub(super) fn check_text(content: &str) -> Result<(), LineProblem> {
        if content.len() > MAX_LINE {
            return Err(LineProblem::new(format!("it has {} bytes, at most {MAX_LINE} are read", content.len())));
        }
        let hidden = |character: &char| is_hidden(*character) && *character != '\t';
        match content.chars().find(hidden) {
            Some(found) => Err(LineProblem::new(format!("it holds the hidden character U+{:04X}", u32::from(found)))),
            None => Ok(()),
        }
    }

    /// Reads a line that is neither blank nor a comment.
    pub(super) fn parse(content: &str) -> Result<Self, LineProblem> {
        let (principal, rest) = first_word(content);
        check_principal(principal)?;
        if starts_with_key_type(rest) || rest.is_empty() {
            return Err(LineProblem::no_namespaces());
        }
        let (rules, key) = Options::parse(rest)?;
        Ok(Self { principal: principal.to_owned(), rules, key: parse_key(key)? })
    }

    /// Whether the key may sign in this namespace at this time. Whole seconds count, as in OpenSSH, and both ends are still within.
    pub(super) fn permits(&self, namespace: &str, at: DateTime<Utc>) -> Result<(), WhyNot> {
        let principal = || self.principal.clone();
        if !self.rules.namespaces.iter().any(|ours| ours == namespace) {
            return Err(WhyNot::OtherNamespace { principal: principal(), namespace: show(namespace) });
        }
        let second = at.timestamp();
        match (self.rules.valid_after, self.rules.valid_before) {
            (Some(valid_after), _) if second < valid_after.timestamp() => {
                Err(WhyNot::NotYetValid { principal: principal(), valid_after })
            }
            (_, Some(valid_before)) if second > valid_before.timestamp() => {
                Err(WhyNot::Expired { principal: principal(), valid_before })
            }
            _ => Ok(()),
        }
    }
}

impl Options {
    /// Reads options up to the first blank outside quotes; returns them and what follows.
    fn parse(text: &str) -> Result<(Self, &str), LineProblem> {
        let mut options = Self::default();
        let mut rest = text;
        loop {
            let (name, after) = option_name(rest)?;
            let value = after.strip_prefix("=\"").and_then(|rest| rest.split_once('"'));
            let Some((value, after)) = value else {
                return Err(LineProblem::new(format!("option `{name}` has no value in double quotes")));
            };
            options.set(name, value)?;
            match after.chars().next() {
                Some(',') => rest = &after[1..],
                None | Some(' ' | '\t') => {
                    options.check()?;
                    return Ok((options, after.trim_start_matches([' ', '\t'])));
                }
                Some(_) => {
                    let message = format!("options are not separated by single commas at `{}`", show(after));
                    return Err(LineProblem::new(message));
                }
            }
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), LineProblem> {
        let is_there = match name {
            NAMESPACES => !mem::replace(&mut self.namespaces, namespaces(value)?).is_empty(),
            VALID_AFTER => self.valid_after.replace(time(name, value)?).is_some(),
            _ => self.valid_before.replace(time(name, value)?).is_some(),
        };
        if is_there { Err(LineProblem::new(format!("option `{name}` is given twice"))) } else { Ok(()) }
    }

    fn check(&self) -> Result<(), LineProblem> {
        if self.namespaces.is_empty() {
            return Err(LineProblem::no_namespaces());
        }
        match (self.valid_after, self.valid_before) {
            (Some(after), Some(before)) if before <= after => {
                Err(LineProblem::new("`valid-before` is not later than `valid-after`"))
            }
            _ => Ok(()),
        }
    }
}

const NAMESPACES: &str = "namespaces";
const VALID_AFTER: &str = "valid-after";
const VALID_BEFORE: &str = "valid-before";

/// The option that the text starts with (names are the same in capitals), and what follows it: `="value"`, in which a
/// backslash has no meaning, since no value of ours needs one.
fn option_name(text: &str) -> Result<(&'static str, &str), LineProblem> {
    let end = text.find([' ', '\t', ',', '=']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    if name.eq_ignore_ascii_case("cert-authority") {
        return Err(LineProblem::new("option `cert-authority` is not accepted"));
    }
    [NAMESPACES, VALID_AFTER, VALID_BEFORE]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map(|known| (known, after))
        .ok_or_else(|| LineProblem::new(format!("option `{}` is unknown", show(name))))
}

fn namespaces(value: &str) -> Result<Vec<String>, LineProblem> {
    if let Some(bad) = value.split(',').find(|namespace| !is_plain_namespace(namespace)) {
        return Err(LineProblem::new(format!("`{}` is not a plain namespace", show(bad))));
    }
    Ok(value.split(',').map(str::to_owned).collect())
}

/// Letters, digits and `.@_-` only, which leaves out OpenSSH's pattern signs `*`, `?` and `!`.
fn is_plain_namespace(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".@_-".contains(&byte))
}

/// `YYYYMMDD[HHMM[SS]]Z`.
fn time(name: &str, value: &str) -> Result<DateTime<Utc>, LineProblem> {
    value.strip_suffix('Z').and_then(utc).ok_or_else(|| {
        // OpenSSH would read it in the local time zone.
        let is_local = value.bytes().all(|byte| byte.is_ascii_digit());
        let what = if is_local { "has no `Z` at its end, so it would be local time" } else { "is not a time" };
        let message = format!("`{}` in option `{name}` {what}", show(value));
        LineProblem::with_hint(message, "write UTC as `\"20260131Z\"` or `\"20260131235959Z\"`")
    })
}

fn utc(digits: &str) -> Option<DateTime<Utc>> {
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let time = NaiveDateTime::parse_from_str(&format!("{digits:0<14}"), "%Y%m%d%H%M%S").ok()?;
    // A leap second, 60, is read as a second of more than 10^9 nanoseconds. OpenSSH counts seconds from 1970.
    (time.nanosecond() == 0 && time.year() >= 1970).then(|| time.and_utc())
}

/// `user@place` in lower case: letters and digits, single hyphens inside; at most 39 characters
/// before the `@`, as GitHub has them. No pattern sign of OpenSSH's can pass.
pub(crate) fn check_principal(text: &str) -> Result<(), LineProblem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = text.split_once('@').is_some_and(|(user, place)| {
        user.len() <= MAX_USER
            && user.split('-').all(|part| !part.is_empty() && part.bytes().all(plain))
            && place.bytes().next().is_some_and(plain)
            && place.bytes().all(|byte| plain(byte) || b".-".contains(&byte))
    });
    if good {
        return Ok(());
    }
    let hint = "write one name in lower case, such as `alice@github`, without wildcards";
    Err(LineProblem::with_hint(format!("`{}` is not a principal", show(text)), hint))
}

fn starts_with_key_type(text: &str) -> bool {
    let (word, _) = first_word(text);
    ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start))
}

fn first_word(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((word, rest)) => (word, rest.trim_start_matches([' ', '\t'])),
        None => (text, ""),
    }
}

/// Reads `keytype base64 [comment]`; the comment means nothing and is dropped.
fn parse_key(text: &str) -> Result<PublicKey, LineProblem> {
    let (kind, rest) = first_word(text);
    let (base64, _comment) = first_word(rest);
    if kind.is_empty() || base64.is_empty() {
        return Err(LineProblem::key(&"the line ends before it"));
    }
    read_key(kind, base64).map_err(|error| match error {
        KeyError::Unsupported(key) => key.into(),
        KeyError::Unreadable(reason) => LineProblem::key(&reason),
    })
}

/// The line that lets `key` sign as `principal` in these namespaces, without a line feed.
///
/// It is read back before it is returned, so a bad name or namespace is refused here already.
pub fn line_for(key: &PublicKey, principal: &str, namespaces: &[&str]) -> Result<String, LineProblem> {
    let bare = PublicKey::from(key.key_data().clone());
    let encoded = bare.to_openssh().map_err(|error| LineProblem::key(&error))?;
    let line = format!("{principal} namespaces=\"{}\" {}", namespaces.join(","), encoded.trim_end());
    check_principal(principal)?;
    Line::parse(&line)?;
    Ok(line)
}
