//! One text for one value: block style, fixed forms of scalars, keys in the order of the type.
//!
//! Every text value is double-quoted and every float has a point and, if large or small, a signed exponent, because
//! readers of YAML disagree on bare `no`, `1:30`, `2024-01-01` and `1e-7`. What [`emit`] cannot write so that the guard
//! and the YAML crate read it back is an error: not-a-number, infinities, hidden characters, enum variants with content
//! (use `#[serde(tag = "...")]`), bytes. The YAML crate's own writer is not used.

use std::fmt::{self, Display};

use serde::ser::{self, Impossible, Serialize};

use super::YamlError;
use super::guard;
use crate::text;

/// The text of a value: LF line ends, one at the end, at most [`super::RESULT_CAP`] bytes.
///
/// The same value gives the same bytes on every machine. A map without an order of its own (a `HashMap`) does not belong
/// in such a value.
pub fn emit<T: Serialize + ?Sized>(value: &T) -> Result<String, YamlError> {
    let out = emit_unread(value)?;
    readable(&out)?;
    Ok(out)
}

/// The same text without holding it to the guard's rules, which costs many times as much: for a text that is only digested, or
/// compared with one that has passed the guard.
pub fn emit_unread<T: Serialize + ?Sized>(value: &T) -> Result<String, YamlError> {
    let mut track = serde_path_to_error::Track::new();
    let writer = serde_path_to_error::Serializer::new(ToNode, &mut track);
    let root = value.serialize(writer);
    let root = root.map_err(|Unwritable(message)| YamlError::Unwritable {
        key_path: match track.path().to_string() {
            top if top == "." => String::new(),
            path => text::show(&path),
        },
        message,
    })?;
    let mut out = String::new();
    match &root {
        Node::Entries(entries) if !entries.is_empty() => write_entries(&mut out, entries, 0),
        Node::Items(items) if !items.is_empty() => write_items(&mut out, items, 0),
        scalar => write_inline(&mut out, scalar),
    }
    Ok(out)
}

/// Holds our own text to the rules for everybody's.
fn readable(text: &str) -> Result<(), YamlError> {
    let checked = guard::check_size(text.as_bytes()).and_then(|()| guard::check(text));
    checked.map_err(|fault| YamlError::Unwritable {
        key_path: String::new(),
        message: format!("line {}: {}", fault.at.line, fault.refusal),
    })
}

/// A value on its way to text.
enum Node {
    /// A text value, not yet quoted.
    Text(String),
    /// A number, truth value or null as it is written.
    Word(String),
    Items(Vec<Node>),
    Entries(Vec<(String, Node)>),
}

/// Writes the rest of a line for a node without lines of its own.
fn write_inline(out: &mut String, node: &Node) {
    match node {
        Node::Text(text) => push_quoted(out, text),
        Node::Word(word) => out.push_str(word),
        Node::Items(_) => out.push_str("[]"),
        Node::Entries(_) => out.push_str("{}"),
    }
    out.push('\n');
}

/// Writes `key: value` lines; the first one goes on where `out` stands.
fn write_entries(out: &mut String, entries: &[(String, Node)], indent: usize) {
    for (index, (key, node)) in entries.iter().enumerate() {
        if index > 0 {
            push_spaces(out, indent);
        }
        out.push_str(key);
        out.push(':');
        match node {
            Node::Entries(inner) if !inner.is_empty() => {
                out.push('\n');
                push_spaces(out, indent + 2);
                write_entries(out, inner, indent + 2);
            }
            Node::Items(inner) if !inner.is_empty() => {
                out.push('\n');
                push_spaces(out, indent + 2);
                write_items(out, inner, indent + 2);
            }
            scalar => {
                out.push(' ');
                write_inline(out, scalar);
            }
        }
    }
}

/// Writes `- value` lines; the first one goes on where `out` stands.
fn write_items(out: &mut String, items: &[Node], indent: usize) {
    for (index, node) in items.iter().enumerate() {
        if index > 0 {
            push_spaces(out, indent);
        }
        out.push_str("- ");
        match node {
            Node::Entries(inner) if !inner.is_empty() => write_entries(out, inner, indent + 2),
            Node::Items(inner) if !inner.is_empty() => write_items(out, inner, indent + 2),
            scalar => write_inline(out, scalar),
        }
    }
}

fn push_spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// Appends a double-quoted text; hidden characters other than these two never come here.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            plain => out.push(plain),
        }
    }
    out.push('"');
}

/// The key of an entry as it is written: bare if every reader takes it for text, or if it is a whole number.
fn key_text(node: Node) -> Result<String, Unwritable> {
    match node {
        Node::Text(key) if is_bare_key(&key) => Ok(key),
        Node::Text(key) => {
            let mut quoted = String::new();
            push_quoted(&mut quoted, &key);
            Ok(quoted)
        }
        Node::Word(word) if word.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Ok(word),
        _ => refuse("only texts and whole numbers can be keys"),
    }
}

/// Whether a key is an identifier that no reader of YAML 1.1 or 1.2 takes for a truth value or null.
fn is_bare_key(key: &str) -> bool {
    const TAKEN: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !TAKEN.iter().any(|taken| key.eq_ignore_ascii_case(taken))
}

/// The shortest text that reads back as the same float: fixed notation from 0.0001 to below 10^16, else an exponent
/// with a point before it, a sign and at least two digits.
fn float_text(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    let (sign, power) = match exponent.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', exponent),
    };
    format!("{digits}{point}e{sign}{power:0>2}")
}

/// Why a value cannot be written.
#[derive(Debug)]
struct Unwritable(String);

impl Display for Unwritable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: Display>(message: T) -> Self {
        Self(text::show(&message.to_string()))
    }
}

fn refuse<T>(message: &str) -> Result<T, Unwritable> {
    Err(Unwritable(message.to_owned()))
}

fn word(value: impl Display) -> Node {
    Node::Word(value.to_string())
}

/// Turns any value into a [`Node`].
struct ToNode;

const NO_VARIANTS: &str = "an enum variant with content needs `#[serde(tag)]`";

impl ser::Serializer for ToNode {
    type Ok = Node;
    type Error = Unwritable;
    type SerializeSeq = ItemsWriter;
    type SerializeTuple = ItemsWriter;
    type SerializeTupleStruct = ItemsWriter;
    type SerializeTupleVariant = Impossible<Node, Unwritable>;
    type SerializeMap = EntriesWriter;
    type SerializeStruct = EntriesWriter;
    type SerializeStructVariant = Impossible<Node, Unwritable>;

    fn serialize_bool(self, value: bool) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_i8(self, value: i8) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_i16(self, value: i16) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_i32(self, value: i32) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_i64(self, value: i64) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_u8(self, value: u8) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_u16(self, value: u16) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_u32(self, value: u32) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    fn serialize_u64(self, value: u64) -> Result<Node, Unwritable> {
        Ok(word(value))
    }
    /// Widened without loss; its text has the digits of the wider float.
    fn serialize_f32(self, value: f32) -> Result<Node, Unwritable> {
        self.serialize_f64(f64::from(value))
    }
    fn serialize_f64(self, value: f64) -> Result<Node, Unwritable> {
        if !value.is_finite() {
            return refuse("a number that is not finite");
        }
        Ok(word(float_text(value)))
    }
    fn serialize_char(self, value: char) -> Result<Node, Unwritable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Result<Node, Unwritable> {
        let hidden = |&c: &char| text::is_hidden(c) && c != '\n' && c != '\t';
        if let Some(found) = value.chars().find(hidden) {
            let code = u32::from(found);
            return Err(Unwritable(format!("hidden character U+{code:04X}")));
        }
        Ok(Node::Text(value.to_owned()))
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<Node, Unwritable> {
        refuse("bytes have no form in YAML")
    }
    fn serialize_none(self) -> Result<Node, Unwritable> {
        Ok(word("null"))
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, Unwritable> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Node, Unwritable> {
        Ok(word("null"))
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Node, Unwritable> {
        Ok(word("null"))
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Node, Unwritable> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Node, Unwritable> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Node, Unwritable> {
        refuse(NO_VARIANTS)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<ItemsWriter, Unwritable> {
        Ok(ItemsWriter::default())
    }
    fn serialize_tuple(self, _: usize) -> Result<ItemsWriter, Unwritable> {
        Ok(ItemsWriter::default())
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<ItemsWriter, Unwritable> {
        Ok(ItemsWriter::default())
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        refuse(NO_VARIANTS)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<EntriesWriter, Unwritable> {
        Ok(EntriesWriter::default())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<EntriesWriter, Unwritable> {
        Ok(EntriesWriter::default())
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        refuse(NO_VARIANTS)
    }
}

/// Collects the items of a sequence.
#[derive(Default)]
struct ItemsWriter(Vec<Node>);

impl ItemsWriter {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.0.push(value.serialize(ToNode)?);
        Ok(())
    }
}

impl ser::SerializeSeq for ItemsWriter {
    type Ok = Node;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.push(value)
    }
    fn end(self) -> Result<Node, Unwritable> {
        Ok(Node::Items(self.0))
    }
}

impl ser::SerializeTuple for ItemsWriter {
    type Ok = Node;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.push(value)
    }
    fn end(self) -> Result<Node, Unwritable> {
        Ok(Node::Items(self.0))
    }
}

impl ser::SerializeTupleStruct for ItemsWriter {
    type Ok = Node;
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.push(value)
    }
    fn end(self) -> Result<Node, Unwritable> {
        Ok(Node::Items(self.0))
    }
}

/// Collects the entries of a mapping.
#[derive(Default)]
struct EntriesWriter {
    entries: Vec<(String, Node)>,
    /// A key that waits for its value.
    key: Option<String>,
}

impl ser::SerializeMap for EntriesWriter {
    type Ok = Node;
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        self.key = Some(key_text(key.serialize(ToNode)?)?);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        let Some(key) = self.key.take() else {
            return refuse("a value without its key");
        };
        self.entries.push((key, value.serialize(ToNode)?));
        Ok(())
    }
    fn end(self) -> Result<Node, Unwritable> {
        Ok(Node::Entries(self.entries))
    }
}

impl ser::SerializeStruct for EntriesWriter {
    type Ok = Node;
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unwritable> {
        let key = key_text(Node::Text(key.to_owned()))?;
        self.entries.push((key, value.serialize(ToNode)?));
        Ok(())
    }
    fn end(self) -> Result<Node, Unwritable> {
        Ok(Node::Entries(self.entries))
    }
}
