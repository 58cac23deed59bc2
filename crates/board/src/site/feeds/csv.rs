//! Tables as RFC 4180 has them, made so that no spreadsheet takes a text for a formula.

/// What a spreadsheet begins a formula with, and the mark that tells it not to.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// One line of a table, its line break included.
pub(super) fn line(cells: impl IntoIterator<Item = String>) -> String {
    lines([cells], csv::Terminator::CRLF)
}

/// A table whose lines end in LF, as command line programs expect them.
pub fn table(rows: impl IntoIterator<Item = impl IntoIterator<Item = String>>) -> String {
    lines(rows, csv::Terminator::Any(b'\n'))
}

fn lines(rows: impl IntoIterator<Item = impl IntoIterator<Item = String>>, terminator: csv::Terminator) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
    for cells in rows {
        writer.write_record(cells.into_iter().map(String::into_bytes)).expect("memory takes every line");
    }
    String::from_utf8(writer.into_inner().expect("memory takes every line")).expect("texts are UTF-8")
}

/// A text as a cell. One that a spreadsheet would compute, or that begins with the mark against that, gets the mark in front,
/// so that a reader who removes one mark from the front of a cell has the text again.
pub fn text(text: &str) -> String {
    let is_marked = [text, text.trim_start()].iter().any(|text| text.starts_with(FORMULA));
    if is_marked { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_marked_and_figures_are_not() {
        let shown = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=1", " =1", "-2+3", "+cmd|' /C calc'!A0"].map(text);
        let marked = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "''=1", "' =1", "'-2+3", "'+cmd|' /C calc'!A0"];
        assert_eq!(shown, marked);
        assert_eq!(["plain", "a=1", "a,b", ""].map(text), ["plain", "a=1", "a,b", ""]);
        assert_eq!(line(["-0.5".to_owned(), "a,b".to_owned()]), "-0.5,\"a,b\"\r\n");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_from_a_parser(texts in prop::collection::vec(any::<String>(), 2..6)) {
            let line = line(texts.iter().map(|given| text(given)));
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(rows.len(), 1);
            let back: Vec<&str> = rows[0].iter().map(|cell| cell.strip_prefix('\'').unwrap_or(cell)).collect();
            prop_assert_eq!(back, texts);
        }
    }
}
