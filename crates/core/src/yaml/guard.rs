//! A pre-scan that refuses hostile or ambiguous YAML before the YAML crate sees it.
//!
//! Its time and memory are proportional to the size of the text: it walks the events of an independent parser and stops
//! at the first broken rule. It builds no values and knows no types. It refuses what is costly for the YAML crate
//! (aliases, nesting, directives), read differently by different readers (duplicate and merge keys, tags, tabs,
//! not-a-number), or invisible to a reviewer (control, bidirectional and zero-width characters).

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use crate::hint::Hint;
use crate::text;
use crate::yaml::position::Position;
use crate::yaml::read::RESULT_CAP;

/// Deepest nesting of mappings and sequences.
pub(super) const DEPTH_LIMIT: usize = 16;
/// Most events (scalars, starts and ends) of a text.
const EVENT_LIMIT: usize = 50_000;
/// Most characters that may start a token. The parser keeps all tokens of an outermost `[...]` in memory at once, up to
/// about 400 bytes for each of these characters; a text at the limit of events has fewer.
const INDICATOR_LIMIT: usize = 80_000;
/// Longest scalar, in bytes after unescaping.
const SCALAR_LIMIT: usize = 16 * 1024;
/// Longest key, in bytes after unescaping.
const KEY_LIMIT: usize = 64;

/// A rule of the guard that a text breaks.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Refusal {
    /// Larger than any file we read.
    #[error("{bytes} bytes of YAML, over the limit of {limit}", limit = RESULT_CAP.0)]
    TooLarge { bytes: usize },
    /// Nothing, or only comments.
    #[error("the file holds no value")]
    Empty,
    /// A byte order mark.
    #[error("byte order mark (U+FEFF)")]
    ByteOrderMark,
    /// A tab outside a quoted escape.
    #[error("tab character")]
    Tab,
    /// A carriage return outside a quoted escape.
    #[error("carriage return: lines must end with LF alone")]
    CarriageReturn,
    /// A control, bidirectional or zero-width character, written out or as an escape.
    #[error("hidden character U+{code:04X}")]
    Hidden { code: u32 },
    /// `%YAML`, `%TAG` and the like.
    #[error("`%` directive")]
    Directive,
    /// More than one document.
    #[error("a second document starts here")]
    SecondDocument,
    /// `&name`.
    #[error("anchor (`&`)")]
    Anchor,
    /// `*name`.
    #[error("alias (`*`)")]
    Alias,
    /// `!name`.
    #[error("tag (`!`)")]
    Tag,
    /// `<<`.
    #[error("merge key (`<<`)")]
    MergeKey,
    /// A mapping or sequence as a key.
    #[error("a mapping or sequence as a key")]
    ComplexKey,
    /// A key without text.
    #[error("empty key")]
    EmptyKey,
    /// The same key twice in one mapping.
    #[error("key `{key}` is given twice, first on line {first_line}")]
    DuplicateKey { key: String, first_line: usize },
    /// A key over the limit.
    #[error("key of {bytes} bytes, over the limit of {KEY_LIMIT}")]
    LongKey { bytes: usize },
    /// A scalar over the limit.
    #[error("text of {bytes} bytes, over the limit of {SCALAR_LIMIT}")]
    LongScalar { bytes: usize },
    /// Too many levels.
    #[error("nested more than {DEPTH_LIMIT} levels deep")]
    TooDeep,
    /// Too many values.
    #[error("more than {EVENT_LIMIT} keys and values")]
    TooMany,
    /// Too many brackets, commas, colons, quotes and the like.
    #[error("more than {INDICATOR_LIMIT} punctuation marks")]
    TooMuchPunctuation,
    /// A plain scalar that starts like structure, which parsers read differently.
    #[error("`{value}` may be text or structure")]
    Ambiguous { value: String },
    /// `.nan` or an infinity.
    #[error("`{value}` is not a finite number")]
    NotFinite { value: String },
    /// Not YAML.
    #[error("not valid YAML: {message}")]
    Syntax { message: String },
}

impl Hint for Refusal {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Tab => "indent and separate with spaces; in a double-quoted text write `\\t`",
            Self::CarriageReturn => "save the file with Unix line ends (LF)",
            Self::ByteOrderMark => "save the file as UTF-8 without a byte order mark",
            Self::Hidden { .. } => "delete the character; editors may not show it",
            Self::Anchor | Self::Alias | Self::MergeKey => "write the value out where it is needed",
            Self::Tag | Self::Directive => "remove it: the type of a value follows from its key",
            Self::NotFinite { .. } => "give a finite number, or leave the key out",
            Self::Ambiguous { .. } => "put it in double quotes if it is text",
            Self::SecondDocument => "keep one document for each file",
            Self::DuplicateKey { .. } => "keep one of the two",
            Self::Empty => "write at least one `key: value` line",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// A refusal and where it is.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Position,
    pub(super) refusal: Refusal,
}

/// Refuses more bytes than any file of ours has.
pub(super) fn check_size(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() as u64 <= RESULT_CAP.0 {
        return Ok(());
    }
    Err(Fault { at: Position::START, refusal: Refusal::TooLarge { bytes: bytes.len() } })
}

/// Checks all rules; the text is at most [`RESULT_CAP`] bytes long.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    check_characters(text)?;
    let mut walk = Walk::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        walk.step(&event, span.start).map_err(|refusal| Fault { at: span.start.into(), refusal })?;
    }
    walk.finish()
}

/// Refuses characters and directives line by line, before any parser runs.
fn check_characters(text: &str) -> Result<(), Fault> {
    let mut indicators = 0;
    for (row, line) in text.split('\n').enumerate() {
        for (index, character) in line.chars().enumerate() {
            indicators += usize::from(is_indicator(character));
            let refusal = if indicators > INDICATOR_LIMIT {
                Some(Refusal::TooMuchPunctuation)
            } else {
                refused_character(character, index == 0)
            };
            if let Some(refusal) = refusal {
                return Err(Fault { at: Position::new(row + 1, index + 1), refusal });
            }
        }
    }
    Ok(())
}

/// Whether a character may start or end a token. (A comment, `#`, ends a plain scalar.)
fn is_indicator(character: char) -> bool {
    matches!(character, '[' | ']' | '{' | '}' | ',' | ':' | '?' | '"' | '\'' | '*' | '&' | '!' | '#' | '|' | '>')
}

/// The rule that a character of a line breaks by being there.
fn refused_character(character: char, first: bool) -> Option<Refusal> {
    match character {
        '%' if first => Some(Refusal::Directive),
        '\t' => Some(Refusal::Tab),
        '\r' => Some(Refusal::CarriageReturn),
        '\u{feff}' => Some(Refusal::ByteOrderMark),
        hidden if text::is_hidden(hidden) => Some(Refusal::Hidden { code: u32::from(hidden) }),
        _ => None,
    }
}

/// The parser's error as a refusal.
fn syntax(error: &ScanError) -> Fault {
    let at = Position::from(*error.marker());
    let refusal = match error.info() {
        // The parser looks ahead and has a limit of its own, above ours, for open brackets.
        "recursion limit exceeded" => Refusal::TooDeep,
        unknown if unknown.ends_with("found unknown anchor") => Refusal::Alias,
        message => Refusal::Syntax { message: text::show(message) },
    };
    Fault { at, refusal }
}

/// A collection that is open while the events go by.
enum Frame {
    Sequence,
    Mapping {
        /// Keys so far, with the line of each.
        keys: HashMap<String, usize>,
        /// Whether the next node is a key.
        at_key: bool,
    },
}

/// What is known between two events.
#[derive(Default)]
struct Walk {
    frames: Vec<Frame>,
    events: usize,
    documents: usize,
    /// Whether the document has a value.
    filled: bool,
}

impl Walk {
    /// Takes one event, refusing it if it breaks a rule.
    fn step(&mut self, event: &Event<'_>, mark: Marker) -> Result<(), Refusal> {
        self.events += 1;
        if self.events > EVENT_LIMIT {
            return Err(Refusal::TooMany);
        }
        match event {
            Event::DocumentStart(_) => self.document(),
            Event::Alias(_) => Err(Refusal::Alias),
            Event::Scalar(value, style, anchor, tag) => {
                plain_node(*anchor, tag.is_some())?;
                self.scalar(value, *style, mark)
            }
            Event::SequenceStart(anchor, tag) => {
                plain_node(*anchor, tag.is_some())?;
                self.open(Frame::Sequence)
            }
            Event::MappingStart(anchor, tag) => {
                plain_node(*anchor, tag.is_some())?;
                self.open(Frame::Mapping { keys: HashMap::new(), at_key: true })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.frames.pop();
                self.value_done();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// A text without a value is an error of its own, not a type error about `null`.
    fn finish(self) -> Result<(), Fault> {
        if self.filled {
            return Ok(());
        }
        Err(Fault { at: Position::START, refusal: Refusal::Empty })
    }

    fn document(&mut self) -> Result<(), Refusal> {
        self.documents += 1;
        if self.documents > 1 { Err(Refusal::SecondDocument) } else { Ok(()) }
    }

    fn open(&mut self, frame: Frame) -> Result<(), Refusal> {
        if self.at_key() {
            return Err(Refusal::ComplexKey);
        }
        if self.frames.len() == DEPTH_LIMIT {
            return Err(Refusal::TooDeep);
        }
        self.filled = true;
        self.frames.push(frame);
        Ok(())
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, mark: Marker) -> Result<(), Refusal> {
        check_content(value)?;
        let plain = style == ScalarStyle::Plain;
        if plain && is_ambiguous(value) {
            return Err(Refusal::Ambiguous { value: text::show(value) });
        }
        if let Some(Frame::Mapping { keys, at_key }) = self.frames.last_mut()
            && *at_key
        {
            *at_key = false;
            return check_key(keys, value, mark.line());
        }
        if plain && is_not_finite(value) {
            return Err(Refusal::NotFinite { value: value.to_owned() });
        }
        self.filled |= !(plain && matches!(value, "" | "~" | "null"));
        self.value_done();
        Ok(())
    }

    fn at_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame::Mapping { at_key: true, .. }))
    }

    /// After a value, a mapping waits for its next key.
    fn value_done(&mut self) {
        if let Some(Frame::Mapping { at_key, .. }) = self.frames.last_mut() {
            *at_key = true;
        }
    }
}

/// Refuses what may stand before a node.
fn plain_node(anchor: usize, tagged: bool) -> Result<(), Refusal> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (0, true) => Err(Refusal::Tag),
        _ => Err(Refusal::Anchor),
    }
}

/// Refuses long scalars, and hidden characters that came in as escapes; `\n` and `\t` are the two that may.
fn check_content(value: &str) -> Result<(), Refusal> {
    if value.len() > SCALAR_LIMIT {
        return Err(Refusal::LongScalar { bytes: value.len() });
    }
    let hidden = |&c: &char| text::is_hidden(c) && c != '\n' && c != '\t';
    match value.chars().find(hidden) {
        None => Ok(()),
        Some(found) => Err(Refusal::Hidden { code: u32::from(found) }),
    }
}

/// Refuses a key for its text or because its mapping has it.
fn check_key(keys: &mut HashMap<String, usize>, key: &str, line: usize) -> Result<(), Refusal> {
    if key.is_empty() {
        return Err(Refusal::EmptyKey);
    }
    if key == "<<" {
        return Err(Refusal::MergeKey);
    }
    if key.len() > KEY_LIMIT {
        return Err(Refusal::LongKey { bytes: key.len() });
    }
    match keys.insert(key.to_owned(), line) {
        None => Ok(()),
        Some(first_line) => Err(Refusal::DuplicateKey { key: text::show(key), first_line }),
    }
}

/// Whether a plain scalar starts with the mark of a key or value, or is the bare mark of an item. Found by fuzzing: the
/// two parsers disagree about `[?, a]` and its like.
fn is_ambiguous(value: &str) -> bool {
    value == "-" || value.starts_with(['?', ':'])
}

/// Whether a plain scalar is one of YAML's spellings of not-a-number or an infinity, in any case.
fn is_not_finite(value: &str) -> bool {
    let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
    unsigned.eq_ignore_ascii_case(".nan") || unsigned.eq_ignore_ascii_case(".inf")
}
