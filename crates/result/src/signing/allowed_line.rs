//! One line of `allowed_signers`: a name, what its key may sign and when, and the key.
//!
//! This file must never fall back on a default: what a line does not say, it does not allow.

use chrono::{DateTime, NaiveDate, Utc};
use ssh_key::PublicKey;

use crate::signing::key_type::{KeyType, UnsupportedKey};
use crate::signing::namespace::RESULT_NAMESPACE;
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// The longest user part of a principal, in characters; GitHub's limit for a handle.
const MAX_USER: usize = 39;

/// One line of the list.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: usize,
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
#[non_exhaustive]
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum WhyNot {
    #[error("the key is not listed")]
    UnknownKey,
    #[error("the key of `{principal}` may not sign in namespace `{namespace}`")]
    OtherNamespace { principal: String, namespace: String },
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
            Self::Expired { .. } | Self::NotYetValid { .. } => None,
        }
    }
}

/// What is wrong with one line of a list of signers.
#[non_exhaustive]
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum LineProblem {
    /// The name is not of the form `user@place`, or has a wildcard, a capital or a list.
    #[error("`{found}` is not a principal")]
    Principal { found: String },
    /// The key is handed on to a certificate authority.
    #[error("option `cert-authority` is not accepted")]
    CertAuthority,
    #[error("option `{name}` is unknown")]
    UnknownOption { name: String },
    #[error("option `{name}` is given twice")]
    DuplicateOption { name: &'static str },
    /// A value without quotes, or without the closing one.
    #[error("option `{name}` has no value in double quotes")]
    Unquoted { name: &'static str },
    /// Something other than a comma or a blank after an option.
    #[error("options are not separated by single commas at `{rest}`")]
    Separator { rest: String },
    #[error("option `namespaces` is missing")]
    NoNamespaces,
    #[error("`{found}` is not a plain namespace")]
    Namespace { found: String },
    /// A time without `Z`, which OpenSSH would read in the local time zone.
    #[error("`{found}` in option `{name}` has no `Z` at its end, so it would be local time")]
    LocalTime { name: &'static str, found: String },
    /// A time that does not exist or is written in another way.
    #[error("`{found}` in option `{name}` is not a time")]
    Time { name: &'static str, found: String },
    #[error("`valid-before` is not later than `valid-after`")]
    EmptyPeriod,
    #[error("public key cannot be read: {reason}")]
    Key { reason: String },
    #[error("public key may not sign here")]
    KeyType(#[from] UnsupportedKey),
    #[error("key already belongs to `{principal}` in line {line}")]
    KeyOfAnother { principal: String, line: usize },
}

impl Hint for LineProblem {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Principal { .. } => {
                Some("write one name in lower case, such as `alice@github`, without wildcards".to_owned())
            }
            Self::NoNamespaces => Some(format!("write `namespaces=\"{RESULT_NAMESPACE}\"` between name and key")),
            Self::LocalTime { .. } | Self::Time { .. } => {
                Some("write UTC as `\"20260131Z\"` or `\"20260131235959Z\"`".to_owned())
            }
            Self::KeyOfAnother { .. } => Some("give every name a key of its own".to_owned()),
            Self::KeyType(key) => key.hint(),
            _ => None,
        }
    }
}

impl Line {
    /// Reads a line that is neither blank nor a comment.
    pub(super) fn parse(number: usize, content: &str) -> Result<Self, LineProblem> {
        let (principal, rest) = first_word(content);
        check_principal(principal)?;
        let (rules, key) = if starts_with_key_type(rest) || rest.is_empty() {
            return Err(LineProblem::NoNamespaces);
        } else {
            Options::parse(rest)?
        };
        Ok(Self { number, principal: principal.to_owned(), rules, key: parse_key(key)? })
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
        let mut seen = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = option_name(rest)?;
            if seen.contains(&name) {
                return Err(LineProblem::DuplicateOption { name });
            }
            seen.push(name);
            let (value, after) = quoted(name, after)?;
            options.set(name, value)?;
            match after.chars().next() {
                Some(',') => rest = &after[1..],
                None | Some(' ' | '\t') => {
                    options.check()?;
                    return Ok((options, after.trim_start_matches([' ', '\t'])));
                }
                Some(_) => return Err(LineProblem::Separator { rest: show(after) }),
            }
        }
    }

    fn set(&mut self, name: &'static str, value: &str) -> Result<(), LineProblem> {
        match name {
            NAMESPACES => self.namespaces = namespaces(value)?,
            VALID_AFTER => self.valid_after = Some(time(name, value)?),
            _ => self.valid_before = Some(time(name, value)?),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), LineProblem> {
        if self.namespaces.is_empty() {
            return Err(LineProblem::NoNamespaces);
        }
        match (self.valid_after, self.valid_before) {
            (Some(after), Some(before)) if before <= after => Err(LineProblem::EmptyPeriod),
            _ => Ok(()),
        }
    }
}

const NAMESPACES: &str = "namespaces";
const VALID_AFTER: &str = "valid-after";
const VALID_BEFORE: &str = "valid-before";

/// The option that the text starts with (names are the same in capitals), and what follows it.
fn option_name(text: &str) -> Result<(&'static str, &str), LineProblem> {
    let end = text.find([' ', '\t', ',', '=']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    if name.eq_ignore_ascii_case("cert-authority") {
        return Err(LineProblem::CertAuthority);
    }
    [NAMESPACES, VALID_AFTER, VALID_BEFORE]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map(|known| (known, after))
        .ok_or_else(|| LineProblem::UnknownOption { name: show(name) })
}

/// Takes `="value"` off the text. A backslash has no meaning inside: no value of ours needs one.
fn quoted<'a>(name: &'static str, text: &'a str) -> Result<(&'a str, &'a str), LineProblem> {
    text.strip_prefix("=\"").and_then(|rest| rest.split_once('"')).ok_or(LineProblem::Unquoted { name })
}

fn namespaces(value: &str) -> Result<Vec<String>, LineProblem> {
    value
        .split(',')
        .map(|namespace| {
            is_plain_namespace(namespace)
                .then(|| namespace.to_owned())
                .ok_or_else(|| LineProblem::Namespace { found: show(namespace) })
        })
        .collect()
}

/// Letters, digits and `.@_-` only, which leaves out OpenSSH's pattern signs `*`, `?` and `!`.
fn is_plain_namespace(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".@_-".contains(&byte))
}

/// `YYYYMMDD[HHMM[SS]]Z`.
fn time(name: &'static str, value: &str) -> Result<DateTime<Utc>, LineProblem> {
    let found = || show(value);
    let bad = || LineProblem::Time { name, found: found() };
    let Some(digits) = value.strip_suffix('Z') else {
        return Err(if value.bytes().all(|byte| byte.is_ascii_digit()) {
            LineProblem::LocalTime { name, found: found() }
        } else {
            bad()
        });
    };
    utc(digits).ok_or_else(bad)
}

fn utc(digits: &str) -> Option<DateTime<Utc>> {
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |d| d.parse().ok());
    let year = digits.get(..4)?.parse().ok()?;
    NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)?
        .and_hms_opt(number(8, 10)?, number(10, 12)?, number(12, 14)?)
        .map(|time| time.and_utc())
}

/// `user@place` in lower case: letters and digits, single hyphens inside; at most 39 characters
/// before the `@`, as GitHub has them. No pattern sign of OpenSSH's can pass.
fn check_principal(text: &str) -> Result<(), LineProblem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = text.split_once('@').is_some_and(|(user, place)| {
        user.len() <= MAX_USER
            && user.split('-').all(|part| !part.is_empty() && part.bytes().all(plain))
            && place.bytes().next().is_some_and(plain)
            && place.bytes().all(|byte| plain(byte) || b".-".contains(&byte))
    });
    if good { Ok(()) } else { Err(LineProblem::Principal { found: show(text) }) }
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
        return Err(LineProblem::Key { reason: "the line ends before it".to_owned() });
    }
    KeyType::from_name(kind)?;
    PublicKey::from_openssh(&format!("{kind} {base64}")).map_err(|error| LineProblem::Key { reason: error.to_string() })
}

/// The line that lets `key` sign as `principal` in these namespaces, without a line feed.
///
/// It is read back before it is returned, so a bad name or namespace is refused here already.
pub(crate) fn line_for(key: &PublicKey, principal: &str, namespaces: &[&str]) -> Result<String, LineProblem> {
    let bare = PublicKey::from(key.key_data().clone());
    let encoded = bare.to_openssh().map_err(|error| LineProblem::Key { reason: error.to_string() })?;
    let line = format!("{principal} namespaces=\"{}\" {}", namespaces.join(","), encoded.trim_end());
    check_principal(principal)?;
    Line::parse(1, &line)?;
    Ok(line)
}
