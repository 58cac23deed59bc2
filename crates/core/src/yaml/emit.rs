//! One text for one value: block style, fixed forms of scalars, keys in the order of the type.
//!
//! Every text value is double-quoted and every float has a point and, if large or small, a signed exponent, because
//! readers of YAML disagree on bare `no`, `1:30`, `2024-01-01` and `1e-7`. What [`emit`] cannot write so that the
//! guard and the YAML crate read it back is an error: not-a-number, infinities, hidden characters, enum variants with
//! content (use `#[serde(tag = "...")]`). The YAML crate turns a value into its tree; the text is written here, since
//! the crate's own writer leaves texts bare.

use serde::Serialize;
use serde_yaml::{Mapping, Number, Value};

use crate::text;
use crate::yaml::error::YamlError;
use crate::yaml::guard;

/// The text of a value: LF line ends, one at the end, at most [`RESULT_CAP`](crate::bounded::RESULT_CAP) bytes.
///
/// The same value gives the same bytes on every machine. A map without an order of its own (a `HashMap`) does not
/// belong in such a value.
pub fn emit<T: Serialize + ?Sized>(value: &T) -> Result<String, YamlError> {
    let out = emit_unread(value)?;
    guard::check_size(out.as_bytes())
        .and_then(|()| guard::check(&out))
        .map_err(|fault| unwritable(format!("line {}: {}", fault.at.line, fault.message)))?;
    Ok(out)
}

/// The same text without the guard's check, which costs many times as much: for a text that is only digested, or
/// compared with one that has passed the guard.
pub fn emit_unread<T: Serialize + ?Sized>(value: &T) -> Result<String, YamlError> {
    let mut out = String::new();
    write_node(&mut out, &tree(value)?, 0)?;
    Ok(out)
}

/// The value as a tree. A tag in it stands for an enum variant with content: without the wrapper that follows the
/// path, the crate would also take a map's only key for a tag if it begins with `!`.
fn tree<T: Serialize + ?Sized>(value: &T) -> Result<Value, YamlError> {
    let mut track = serde_path_to_error::Track::new();
    let writer = serde_path_to_error::Serializer::new(serde_yaml::value::Serializer, &mut track);
    value.serialize(writer).map_err(|error| YamlError::Unwritable {
        key_path: match track.path().to_string() {
            top if top == "." => String::new(),
            path => text::show(&path),
        },
        message: text::show(&error.to_string()),
    })
}

/// Writes a value where `out` stands and ends its last line; its further lines are indented.
fn write_node(out: &mut String, value: &Value, indent: usize) -> Result<(), YamlError> {
    match value {
        Value::Mapping(entries) if !entries.is_empty() => return write_entries(out, entries, indent),
        Value::Sequence(items) if !items.is_empty() => return write_items(out, items, indent),
        Value::Mapping(_) => out.push_str("{}"),
        Value::Sequence(_) => out.push_str("[]"),
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => push_number(out, number)?,
        Value::String(text) => push_quoted(out, text)?,
        Value::Tagged(_) => return Err(unwritable("an enum variant with content needs `#[serde(tag)]`")),
    }
    out.push('\n');
    Ok(())
}

fn write_entries(out: &mut String, entries: &Mapping, indent: usize) -> Result<(), YamlError> {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            push_spaces(out, indent);
        }
        push_key(out, key)?;
        out.push(':');
        if matches!(value, Value::Mapping(inner) if !inner.is_empty())
            || matches!(value, Value::Sequence(inner) if !inner.is_empty())
        {
            out.push('\n');
            push_spaces(out, indent + 2);
        } else {
            out.push(' ');
        }
        write_node(out, value, indent + 2).map_err(|error| under(&key_text(key), error))?;
    }
    Ok(())
}

fn write_items(out: &mut String, items: &[Value], indent: usize) -> Result<(), YamlError> {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            push_spaces(out, indent);
        }
        out.push_str("- ");
        write_node(out, item, indent + 2).map_err(|error| under(&format!("[{index}]"), error))?;
    }
    Ok(())
}

fn push_spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// Appends a key: bare if every reader takes it for text, or if it is a whole number.
fn push_key(out: &mut String, key: &Value) -> Result<(), YamlError> {
    match key {
        Value::String(key) if is_bare_key(key) => out.push_str(key),
        Value::String(key) => push_quoted(out, key)?,
        Value::Number(number) if !number.is_f64() => push_number(out, number)?,
        _ => return Err(unwritable("only texts and whole numbers can be keys")),
    }
    Ok(())
}

fn push_quoted(out: &mut String, text: &str) -> Result<(), YamlError> {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            hidden if text::is_hidden(hidden) => {
                return Err(unwritable(format!("hidden character U+{:04X}", u32::from(hidden))));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    Ok(())
}

/// Appends a number; a 32-bit float has the digits of the wider one.
fn push_number(out: &mut String, number: &Number) -> Result<(), YamlError> {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.is_finite() => out.push_str(&float_text(float)),
        Some(_) if number.is_f64() => return Err(unwritable("a number that is not finite")),
        _ => out.push_str(&number.to_string()),
    }
    Ok(())
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

/// A key in a path of keys.
fn key_text(key: &Value) -> String {
    match key {
        Value::Number(number) => number.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn unwritable(message: impl Into<String>) -> YamlError {
    YamlError::Unwritable { key_path: String::new(), message: message.into() }
}

/// The error of a value that is under this key or index of another.
fn under(step: &str, error: YamlError) -> YamlError {
    let YamlError::Unwritable { key_path, message } = error else { return error };
    let dot = if key_path.is_empty() || key_path.starts_with('[') { "" } else { "." };
    YamlError::Unwritable { key_path: text::show(&format!("{step}{dot}{key_path}")), message }
}
