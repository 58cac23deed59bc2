//! A cheap check that a text has only the syntax that [`emit`](fn@crate::yaml::emit) writes.
//!
//! It replaces the guard, which costs many times as much, for files that have to equal the text written for the value read
//! from them: duplicate keys, wrong numbers and ambiguous texts all fail that comparison. Only text that is costly for the
//! YAML crate has to be refused first, and that needs anchors, brackets or depth.

use crate::bounded::RESULT_CAP;

/// Most bytes of a line before its quoted text: enough for all that we write, and an end to nesting.
const BARE_LIMIT: usize = 100;

/// Whether the text has only lines of spaces, dashes, words, colons and at most one quoted text without escapes at its end.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() as u64 <= RESULT_CAP && !text.is_empty() && text.split('\n').all(is_plain_line)
}

fn is_plain_line(line: &str) -> bool {
    let (bare, quoted) = line.split_once('"').map_or((line, None), |(bare, quoted)| (bare, Some(quoted)));
    let bare = bare.strip_suffix("[]").or_else(|| bare.strip_suffix("{}")).unwrap_or(bare);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.+:".contains(&byte);
    let closed = |quoted: &str| quoted.strip_suffix('"').is_some_and(|text| !text.contains(['"', '\\']));
    bare.len() <= BARE_LIMIT && bare.bytes().all(is_word) && quoted.is_none_or(closed)
}
