//! Lines of JSON from strangers: bounded before serde sees them, so that a line costs no more than a small multiple of itself.

use serde::Deserialize;

use crate::text::show;

/// Longest line of a run log or a list, in bytes. A line with the readings of many GPUs has some thousand.
pub const LINE_CAP: usize = 64 * 1024;
/// Deepest nesting of objects and arrays.
const DEPTH_LIMIT: usize = 6;
/// Longest text, in bytes as it is written.
const TEXT_LIMIT: usize = 1024;

/// Why a line cannot be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum LineError {
    #[error("it has {bytes} bytes, over the limit of {cap}")]
    TooLong { bytes: usize, cap: usize },
    #[error("it is nested more than {DEPTH_LIMIT} levels deep")]
    TooDeep,
    #[error("a text in it has more than {TEXT_LIMIT} bytes")]
    LongText,
    /// Not JSON, or not of the type; the cause quotes the line, so it is shown and not the source.
    #[error("{}", show(&.0.to_string()))]
    Unfit(serde_json::Error),
}

/// Reads a line of at most [`LINE_CAP`] bytes.
pub fn read_line<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, LineError> {
    read_line_up_to(LINE_CAP, line)
}

/// Reads a line of at most `cap` bytes.
pub fn read_line_up_to<'a, T: Deserialize<'a>>(cap: usize, line: &'a str) -> Result<T, LineError> {
    if line.len() > cap {
        return Err(LineError::TooLong { bytes: line.len(), cap });
    }
    check(line.as_bytes())?;
    serde_json::from_str(line).map_err(LineError::Unfit)
}

/// Depth and lengths of texts. Whether it is JSON at all is left to the parser.
fn check(line: &[u8]) -> Result<(), LineError> {
    let (mut depth, mut rest) = (0_usize, line);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'"' => rest = after_text(after)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_LIMIT {
            return Err(LineError::TooDeep);
        }
    }
    Ok(())
}

/// What follows a text whose opening quote has been read.
fn after_text(text: &[u8]) -> Result<&[u8], LineError> {
    let mut escaped = false;
    for (length, byte) in text.iter().enumerate() {
        if length > TEXT_LIMIT {
            return Err(LineError::LongText);
        }
        if !escaped && *byte == b'"' {
            return Ok(&text[length + 1..]);
        }
        escaped = !escaped && *byte == b'\\';
    }
    Ok(&[])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn read(line: &str) -> Result<Value, LineError> {
        read_line(line)
    }

    #[test]
    fn a_line_is_bounded_in_length_depth_and_texts() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&deep(6)).is_ok());
        assert!(matches!(read(&deep(7)), Err(LineError::TooDeep)));
        assert!(matches!(read(&deep(30_000)), Err(LineError::TooDeep)));
        let text = |length: usize| format!("{{\"{}\":1}}", "x".repeat(length));
        assert!(read(&text(1024)).is_ok());
        assert!(matches!(read(&text(1025)), Err(LineError::LongText)));
        assert!(matches!(read(&format!("[\"{}\"]", "\\\"".repeat(600))), Err(LineError::LongText)));
        let long = format!("[{}1]", "1,".repeat(LINE_CAP / 2));
        assert!(matches!(read(&long), Err(LineError::TooLong { .. })));
    }

    #[test]
    fn brackets_in_texts_are_texts() {
        assert!(read(r#"["[[[[[[[[", "\"[[[[[[[[", "\\"]"#).is_ok());
        assert!(read("[\"open").is_err());
    }

    #[test]
    fn an_error_quotes_no_hidden_character() {
        let error = read_line::<Strict>("{\"\\u202e\":1}").unwrap_err().to_string();
        assert!(!error.chars().any(crate::text::is_hidden), "{error:?}");
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {}

    proptest! {
        /// The guard takes nothing away from small lines.
        #[test]
        fn a_small_line_is_read_as_serde_reads_it(line in r#"[\[\]{}",:\\a1 ]{0,12}"#) {
            prop_assert_eq!(read(&line).ok(), serde_json::from_str::<Value>(&line).ok());
        }
    }
}
