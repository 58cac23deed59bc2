//! A look at a text that should be one of our own: whether it has no marks but those that [`emit`](fn@crate::yaml::emit) writes.
//!
//! It costs a fraction of the guard, and spares it where a file has to hold the very bytes that are written for what was read
//! from it: keys that stand twice, numbers that are none and texts that readers disagree about all fail at that comparison.
//! What has to be kept from the YAML crate before it is whatever costs it more than the text's size, which needs anchors,
//! brackets or depth.

use crate::yaml::read::RESULT_CAP;

/// Most bytes of a line before its quoted text: enough for all that we write, and an end to nesting.
const BARE_LIMIT: usize = 100;

/// Whether the text has only lines of spaces, dashes, words, colons and at most one quoted text without escapes at its end.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() as u64 <= RESULT_CAP.0 && !text.is_empty() && text.split('\n').all(is_plain_line)
}

fn is_plain_line(line: &str) -> bool {
    let (bare, quoted) = line.split_once('"').map_or((line, None), |(bare, quoted)| (bare, Some(quoted)));
    let bare = bare.strip_suffix("[]").or_else(|| bare.strip_suffix("{}")).unwrap_or(bare);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.+:".contains(&byte);
    let closed = |quoted: &str| quoted.strip_suffix('"').is_some_and(|text| !text.contains(['"', '\\']));
    bare.len() <= BARE_LIMIT && bare.bytes().all(is_word) && quoted.is_none_or(closed)
}
