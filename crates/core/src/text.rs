//! Untrusted text: what is accepted, and how it is shown.
//!
//! Every untrusted string goes through [`show`] before it reaches a terminal, a log or an error message. Every free text
//! or name in a file is a [`SafeText`] or an [`Id`], so reading refuses strings that could move a cursor, change the
//! direction of writing or hide characters.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hint::Hint;

/// Most characters that [`show`] returns, the dots of a cut included.
const SHOW_CAP: usize = 240;

/// Ranges of characters that are invisible or change how adjacent ones are drawn, without control characters.
///
/// Source: Unicode's `Default_Ignorable_Code_Point`, the bidirectional controls, the line and paragraph separators,
/// interlinear annotations and the noncharacters of the basic plane.
const HIDDEN: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
    ('\u{10fffe}', '\u{10ffff}'),
];

/// Whether a character is a control character (line feed and tab included), is invisible, or changes the direction of
/// writing.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || (!character.is_ascii() && HIDDEN.iter().any(|&(first, last)| (first..=last).contains(&character)))
}

/// Untrusted text for a terminal or an error message: hidden characters become escapes such as `\u{202e}`, and at most
/// 240 characters are returned, the last three of them dots if the text was cut. Showing the result again changes nothing.
pub fn show(untrusted: &str) -> String {
    show_capped(untrusted, SHOW_CAP)
}

/// A path for a terminal or an error message, as [`show`] gives text.
pub fn show_path(path: &Path) -> String {
    show(&path.to_string_lossy())
}

/// Untrusted text of any length as one visible line; [`show`] without its cap.
pub fn visible(untrusted: &str) -> String {
    show_capped(untrusted, usize::MAX)
}

/// A whole path on one visible line, for answers that a program may read.
pub fn visible_path(path: &Path) -> String {
    visible(&path.to_string_lossy())
}

/// Lines of any length whose hidden characters, but for line feeds and tabs, became the escapes of JSON: in JSON every
/// reader has the same value as before.
pub fn visible_lines(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) && !matches!(character, '\n' | '\t') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(visible, "\\u{unit:04x}").expect("a String takes all");
            }
        } else {
            visible.push(character);
        }
    }
    visible
}

/// The line that says why a program failed, as [`show`] gives it: its last one, without what follows the reason of a panic.
pub fn last_words(stderr: &[u8]) -> String {
    let telling = |line: &&str| !(line.is_empty() || line.starts_with("note:") || line.contains("stack backtrace"));
    show(String::from_utf8_lossy(stderr).lines().map(str::trim).rfind(telling).unwrap_or("it said nothing"))
}

/// [`show`] with another cap, in characters; a cap under three returns dots only.
pub fn show_capped(untrusted: &str, cap: usize) -> String {
    let mut escaped = String::new();
    // No text of more characters than the cap can fit, whatever is escaped in it.
    for character in untrusted.chars().take(cap.saturating_add(1)) {
        if is_hidden(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    let end_of = |count: usize| escaped.char_indices().nth(count).map(|(end, _)| end);
    if end_of(cap).is_some() {
        escaped.truncate(end_of(cap.saturating_sub(3)).unwrap_or(escaped.len()));
        escaped.push_str(&"..."[..cap.min(3)]);
    }
    escaped
}

/// Why a string is no [`SafeText`], no [`Id`] and no other text of one form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum TextError {
    /// No visible character.
    #[error("the text is empty or blank")]
    Blank,
    /// More characters than the field takes.
    #[error("the text has more than {limit} characters")]
    TooLong { limit: usize },
    /// A control, bidirectional or zero-width character; `place` counts characters from 1.
    #[error("the text holds the hidden character U+{code:04X} at place {place}")]
    Hidden { code: u32, place: usize },
    /// Not an [`Id`]; `why` is the rule that it breaks.
    #[error("`{shown}` is not an id: {why}")]
    NotAnId { shown: String, why: &'static str },
    /// Not of the form that its type has.
    #[error("`{shown}` is not {form}")]
    Form { shown: String, form: &'static str },
}

impl Hint for TextError {}

/// One line of free text from a file: 1 to `N` characters, not blank, none of them hidden (see [`is_hidden`]).
///
/// It may contain HTML or shell syntax, so it still has to be escaped where it is written.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", extend("minLength" = 1, "maxLength" = N))]
pub struct SafeText<const N: usize>(String);

impl<const N: usize> SafeText<N> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Untrusted text as [`show`] gives it, trimmed and cut at `N` characters; `None` if nothing is left.
    ///
    /// For text that the machine gives, such as a device's name, where an error would lose the rest of the record.
    pub fn cleaned(untrusted: &str) -> Option<Self> {
        Self::try_from(show_capped(untrusted.trim(), N)).ok()
    }
}

impl<const N: usize> TryFrom<String> for SafeText<N> {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        if text.chars().nth(N).is_some() {
            return Err(TextError::TooLong { limit: N });
        }
        if let Some((place, found)) = (1..).zip(text.chars()).find(|&(_, c)| is_hidden(c)) {
            return Err(TextError::Hidden { code: u32::from(found), place });
        }
        if text.trim().is_empty() {
            return Err(TextError::Blank);
        }
        Ok(Self(text))
    }
}

impl<const N: usize> FromStr for SafeText<N> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::try_from(text.to_owned())
    }
}

impl<const N: usize> AsRef<str> for SafeText<N> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for SafeText<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A name that is also a file name, a part of a URL and a key: `^[a-z0-9](-?[a-z0-9]){0,62}$`, and no name that Windows
/// keeps for a device.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", extend("pattern" = "^[a-z0-9](-?[a-z0-9]){0,62}$"))]
pub struct Id(String);

impl Id {
    /// Most letters and digits; hyphens stand between two of them and are not counted.
    const LETTERS: usize = 63;

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rule that a text breaks, if it breaks one.
    fn broken_rule(text: &str) -> Option<&'static str> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() {
            return Some("it is empty");
        }
        if !text.bytes().all(allowed) {
            return Some("only the letters a to z, digits and hyphens may be in it");
        }
        if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
            return Some("a hyphen stands between two letters or digits");
        }
        if text.bytes().filter(|&byte| byte != b'-').count() > Self::LETTERS {
            return Some("it has more than 63 letters and digits");
        }
        is_device(text).then_some("Windows keeps this name for a device")
    }
}

/// Whether Windows takes a name for a device, in any folder.
fn is_device(name: &str) -> bool {
    let numbered = name.strip_prefix("com").or_else(|| name.strip_prefix("lpt"));
    matches!(name, "con" | "nul" | "aux" | "prn")
        || numbered.is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
}

impl TryFrom<String> for Id {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        match Self::broken_rule(&text) {
            None => Ok(Self(text)),
            Some(why) => Err(TextError::NotAnId { shown: show_capped(&text, 80), why }),
        }
    }
}

impl FromStr for Id {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A type for a text of one plain form: read from nothing else, shown and written as it is. `$holds` says whether a text has
/// the form, `$form` what it is, in words.
macro_rules! plain_text {
    ($(#[$about:meta])* $name:ident, $form:literal, $holds:expr) => {
        $(#[$about])*
        #[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::text::TextError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let holds: fn(&str) -> bool = $holds;
                if holds(&text) {
                    return Ok(Self(text));
                }
                Err($crate::text::TextError::Form { shown: $crate::text::show_capped(&text, 80), form: $form })
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text::TextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(&self.0)
            }
        }
    };
}

pub(crate) use plain_text;

/// Whether a text is so many lower-case hexadecimal digits.
pub(crate) fn is_lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hidden_characters_are_shown_as_escapes() {
        assert_eq!(last_words(b"banner\n a\x1b[31mb\n \nnote: more\n"), "a\\u{1b}[31mb");
        assert_eq!(show("evil\u{202e}txt"), "evil\\u{202e}txt");
        assert_eq!(show("two\nlines\t"), "two\\nlines\\t");
        assert_eq!(show("Zoë 試 \u{1f680}"), "Zoë 試 \u{1f680}");
    }

    #[test]
    fn long_text_is_cut_with_dots() {
        assert_eq!(show_capped("abcdefgh", 8), "abcdefgh");
        assert_eq!(show_capped("abcdefghi", 8), "abcde...");
        assert_eq!(show_capped("abc", 2), "..");
        assert_eq!(show(&"x".repeat(1_000_000)).chars().count(), SHOW_CAP);
    }

    #[test]
    fn whole_texts_stay_visible_and_json_keeps_its_value() {
        assert_eq!(visible(&"x\n".repeat(300)), "x\\n".repeat(300));
        assert_eq!(visible_path(Path::new("a\u{3164}b")), "a\\u{3164}b");
        let hidden = "a\u{202e}\u{9b}\u{7f}\u{200b}\u{e0001}\r\n\tb";
        let json = serde_json::to_string(hidden).unwrap();
        let shown = visible_lines(&json);
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), hidden);
        assert_eq!(visible_lines("one\n\ttwo\r\n"), "one\n\ttwo\\u000d\n");
    }

    #[test]
    fn ids_follow_the_one_form() {
        let longest = "a-".repeat(62) + "b";
        for good in ["a", "0", "imagenette-64", "cifar10", "con-1", &longest] {
            assert_eq!(good.parse::<Id>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(64);
        let bad = [
            "", "-a", "a-", "a--b", "A", "a_b", "a.b", "..", "../x", "a/b", "a b", "é", "a\0", "con", "nul", "aux",
            "prn", "com1", "lpt9", "..%2f", &too_long,
        ];
        for text in bad {
            assert!(text.parse::<Id>().is_err(), "{text:?} was taken for an id");
        }
    }

    #[test]
    fn an_id_error_names_the_rule() {
        let error = "My Run".parse::<Id>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`My Run` is not an id: only the letters a to z, digits and hyphens may be in it"
        );
    }

    #[test]
    fn safe_text_is_bounded_visible_and_not_blank() {
        assert_eq!("ab".parse::<SafeText<2>>().unwrap().as_str(), "ab");
        assert_eq!("abc".parse::<SafeText<2>>(), Err(TextError::TooLong { limit: 2 }));
        assert_eq!("  ".parse::<SafeText<9>>(), Err(TextError::Blank));
        assert_eq!("".parse::<SafeText<9>>(), Err(TextError::Blank));
        let hidden = "a\u{200b}".parse::<SafeText<9>>().unwrap_err();
        assert_eq!(hidden.to_string(), "the text holds the hidden character U+200B at place 2");
    }

    #[test]
    fn machine_text_is_cleaned_and_never_refused_unless_blank() {
        let cleaned = SafeText::<12>::cleaned(" GPU\u{7}  model X\n").unwrap();
        assert_eq!(cleaned.as_str(), "GPU\\u{7} ...");
        assert_eq!(SafeText::<12>::cleaned(" \n"), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_clean_bounded_and_stable(text in any::<String>(), cap in 3_usize..40) {
            let shown = show_capped(&text, cap);
            prop_assert!(!shown.chars().any(is_hidden));
            prop_assert!(shown.chars().count() <= cap);
            prop_assert_eq!(show_capped(&shown, cap), shown);
        }
    }
}
