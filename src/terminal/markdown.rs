//! A table in Markdown, for places such as the summary of a job. What strangers wrote stays in its
//! cell, whatever it says.

use std::fmt::Write as _;

use hlb_core::text::show_capped;

/// Most characters of a cell.
const CELL_CAP: usize = 400;

/// The head of a table: names of columns, which are ours.
pub(super) fn head(columns: &[&str]) -> String {
    let rule = vec!["---"; columns.len()];
    format!("{}\n{}\n", line(columns), line(&rule))
}

/// A row of cells that are Markdown already: [`foreign`], or our own words.
pub(super) fn line<S: AsRef<str>>(cells: &[S]) -> String {
    cells.iter().fold("|".to_owned(), |line, cell| line + " " + cell.as_ref() + " |")
}

/// A stranger's text as Markdown that shows just that, on one line: hidden characters become
/// escapes, and every punctuation mark that could begin markup, a link, HTML or the next cell
/// becomes a character reference.
pub(super) fn foreign(text: &str) -> String {
    let mut cell = String::new();
    for character in show_capped(text, CELL_CAP).chars() {
        if character.is_ascii_punctuation() && !"-/,".contains(character) {
            write!(cell, "&#{};", u32::from(character)).expect("a String takes all");
        } else {
            cell.push(character);
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_table_has_a_head_and_rows() {
        assert_eq!(head(&["entry", "trust"]), "| entry | trust |\n| --- | --- |\n");
        assert_eq!(line(&["a", "b"]), "| a | b |");
    }

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        assert_eq!(foreign("a|b"), "a&#124;b");
        assert_eq!(foreign("`x`"), "&#96;x&#96;");
        assert_eq!(foreign("<img src=x>"), "&#60;img src&#61;x&#62;");
        assert_eq!(foreign("two\nlines"), "two&#92;nlines");
        assert_eq!(foreign("&lt;"), "&#38;lt&#59;");
        assert_eq!(foreign("www.example.org @ada #1"), "www&#46;example&#46;org &#64;ada &#35;1");
        assert_eq!(foreign("submissions/shapes/2026-11-23-reference"), "submissions/shapes/2026-11-23-reference");
    }

    /// What a browser makes of the character references.
    fn read(cell: &str) -> String {
        let mut parts = cell.split("&#");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (code, rest) = part.split_once(';').expect("a whole reference");
            text.push(char::from_u32(code.parse().expect("a number")).expect("a character"));
            text.push_str(rest);
        }
        text
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_as_it_was_shown(text in any::<String>()) {
            let cell = foreign(&text);
            prop_assert!(!cell.contains(['|', '`', '<', '>', '\\', '*', '_', '[', ']', '\n', '\r']), "{}", cell);
            prop_assert_eq!(read(&cell), show_capped(&text, CELL_CAP));
        }
    }
}
