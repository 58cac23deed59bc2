//! A pre-scan that refuses hostile or ambiguous YAML before the YAML crate sees it.
//!
//! Its time and memory are proportional to the size of the text: it walks the events of an independent parser and stops
//! at the first broken rule. It builds no values and knows no types. It refuses what is costly for the YAML crate
//! (aliases, nesting, directives), read differently by different readers (duplicate and merge keys, tags, tabs,
//! not-a-number), or invisible to a reviewer (control, bidirectional and zero-width characters).

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use crate::bounded::RESULT_CAP;
use crate::text;
use crate::yaml::position::Position;

/// Deepest nesting of mappings and sequences.
const DEPTH_LIMIT: usize = 16;
/// Most events (scalars, starts and ends) of a text.
const EVENT_LIMIT: usize = 50_000;
/// Most characters that may start a token. The parser keeps all tokens of an outermost `[...]` in memory at once, up to
/// about 400 bytes for each of these characters; a text at the limit of events has fewer.
const INDICATOR_LIMIT: usize = 80_000;
/// Longest scalar, in bytes after unescaping.
const SCALAR_LIMIT: usize = 16 * 1024;
/// Longest key, in bytes after unescaping.
const KEY_LIMIT: usize = 64;

/// What to do about syntax that stands for a value elsewhere.
const WRITE_OUT: &str = "write the value out where it is needed";
/// What to do about syntax that names a type.
const TYPE_FROM_KEY: &str = "remove it: the type of a value follows from its key";

/// A rule that a text breaks, in words, and what to do about it.
struct Refusal {
    message: String,
    hint: Option<&'static str>,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    fn hidden(character: char) -> Self {
        Self::new(format!("hidden character U+{:04X}", u32::from(character)))
            .hint("delete the character; editors may not show it")
    }

    fn alias() -> Self {
        Self::new("alias (`*`)").hint(WRITE_OUT)
    }

    fn too_deep() -> Self {
        Self::new(format!("nested more than {DEPTH_LIMIT} levels deep"))
    }
}

/// The first broken rule of a text, and where.
pub(super) struct Fault {
    pub(super) at: Position,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

impl Fault {
    fn new(at: impl Into<Position>, Refusal { message, hint }: Refusal) -> Self {
        Self { at: at.into(), message, hint }
    }
}

/// Refuses more bytes than any file of ours has.
pub(super) fn check_size(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() as u64 <= RESULT_CAP {
        return Ok(());
    }
    let message = format!("{} bytes of YAML, over the limit of {RESULT_CAP}", bytes.len());
    Err(Fault::new(Position::START, Refusal::new(message)))
}

/// Checks all rules; the text is at most [`RESULT_CAP`] bytes long.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    check_characters(text)?;
    let mut walk = Walk::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        walk.step(&event, span.start).map_err(|refusal| Fault::new(span.start, refusal))?;
    }
    if walk.filled {
        return Ok(());
    }
    // A text without a value is an error of its own, not a type error about `null`.
    let empty = Refusal::new("the file holds no value").hint("write at least one `key: value` line");
    Err(Fault::new(Position::START, empty))
}

/// Refuses characters and directives line by line, before any parser runs.
fn check_characters(text: &str) -> Result<(), Fault> {
    let mut indicators = 0;
    for (row, line) in text.split('\n').enumerate() {
        for (index, character) in line.chars().enumerate() {
            indicators += usize::from(is_indicator(character));
            let refusal = if indicators > INDICATOR_LIMIT {
                Some(Refusal::new(format!("more than {INDICATOR_LIMIT} punctuation marks")))
            } else {
                refused_character(character, index == 0)
            };
            if let Some(refusal) = refusal {
                return Err(Fault::new(Position { line: row + 1, column: index + 1 }, refusal));
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
    Some(match character {
        '%' if first => Refusal::new("`%` directive").hint(TYPE_FROM_KEY),
        '\t' => {
            Refusal::new("tab character").hint("indent and separate with spaces; in a double-quoted text write `\\t`")
        }
        '\r' => {
            Refusal::new("carriage return: lines must end with LF alone").hint("save the file with Unix line ends (LF)")
        }
        '\u{feff}' => Refusal::new("byte order mark (U+FEFF)").hint("save the file as UTF-8 without a byte order mark"),
        hidden if text::is_hidden(hidden) => Refusal::hidden(hidden),
        _ => return None,
    })
}

/// The parser's error as a refusal.
fn syntax(error: &ScanError) -> Fault {
    let refusal = match error.info() {
        // The parser looks ahead and has a limit of its own, above ours, for open brackets.
        "recursion limit exceeded" => Refusal::too_deep(),
        unknown if unknown.ends_with("found unknown anchor") => Refusal::alias(),
        message => Refusal::new(format!("not valid YAML: {}", text::show(message))),
    };
    Fault::new(*error.marker(), refusal)
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
            return Err(Refusal::new(format!("more than {EVENT_LIMIT} keys and values")));
        }
        if let Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) =
            event
        {
            check_bare(*anchor, tag.is_some())?;
        }
        match event {
            Event::DocumentStart(_) => self.document(),
            Event::Alias(_) => Err(Refusal::alias()),
            Event::Scalar(value, style, ..) => self.scalar(value, *style, mark),
            Event::SequenceStart(..) => self.open(Frame::Sequence),
            Event::MappingStart(..) => self.open(Frame::Mapping { keys: HashMap::new(), at_key: true }),
            Event::SequenceEnd | Event::MappingEnd => {
                self.frames.pop();
                self.value_done();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn document(&mut self) -> Result<(), Refusal> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        Err(Refusal::new("a second document starts here").hint("keep one document for each file"))
    }

    fn open(&mut self, frame: Frame) -> Result<(), Refusal> {
        if let Some(Frame::Mapping { at_key: true, .. }) = self.frames.last() {
            return Err(Refusal::new("a mapping or sequence as a key"));
        }
        if self.frames.len() == DEPTH_LIMIT {
            return Err(Refusal::too_deep());
        }
        self.filled = true;
        self.frames.push(frame);
        Ok(())
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, mark: Marker) -> Result<(), Refusal> {
        check_content(value)?;
        let plain = style == ScalarStyle::Plain;
        if plain && is_ambiguous(value) {
            let message = format!("`{}` may be text or structure", text::show(value));
            return Err(Refusal::new(message).hint("put it in double quotes if it is text"));
        }
        if let Some(Frame::Mapping { keys, at_key }) = self.frames.last_mut()
            && *at_key
        {
            *at_key = false;
            return check_key(keys, value, mark.line());
        }
        if plain && is_not_finite(value) {
            let message = format!("`{value}` is not a finite number");
            return Err(Refusal::new(message).hint("give a finite number, or leave the key out"));
        }
        self.filled |= !(plain && matches!(value, "" | "~" | "null"));
        self.value_done();
        Ok(())
    }

    /// After a value, a mapping waits for its next key.
    fn value_done(&mut self) {
        if let Some(Frame::Mapping { at_key, .. }) = self.frames.last_mut() {
            *at_key = true;
        }
    }
}

/// Refuses an anchor or a tag before a node.
fn check_bare(anchor: usize, tagged: bool) -> Result<(), Refusal> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (0, true) => Err(Refusal::new("tag (`!`)").hint(TYPE_FROM_KEY)),
        _ => Err(Refusal::new("anchor (`&`)").hint(WRITE_OUT)),
    }
}

/// Refuses long scalars, and hidden characters that came in as escapes; `\n` and `\t` are the two that may.
fn check_content(value: &str) -> Result<(), Refusal> {
    if value.len() > SCALAR_LIMIT {
        return Err(Refusal::new(format!("text of {} bytes, over the limit of {SCALAR_LIMIT}", value.len())));
    }
    let hidden = |&c: &char| text::is_hidden(c) && c != '\n' && c != '\t';
    match value.chars().find(hidden) {
        None => Ok(()),
        Some(found) => Err(Refusal::hidden(found)),
    }
}

/// Refuses a key for its text or because its mapping has it.
fn check_key(keys: &mut HashMap<String, usize>, key: &str, line: usize) -> Result<(), Refusal> {
    if key.is_empty() {
        return Err(Refusal::new("empty key"));
    }
    if key == "<<" {
        return Err(Refusal::new("merge key (`<<`)").hint(WRITE_OUT));
    }
    if key.len() > KEY_LIMIT {
        return Err(Refusal::new(format!("key of {} bytes, over the limit of {KEY_LIMIT}", key.len())));
    }
    let Some(first_line) = keys.insert(key.to_owned(), line) else { return Ok(()) };
    let message = format!("key `{}` is given twice, first on line {first_line}", text::show(key));
    Err(Refusal::new(message).hint("keep one of the two"))
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
