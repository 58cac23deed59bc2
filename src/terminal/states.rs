//! What checking a board's chain of states found, in words or as a list in Markdown.

use crate::terminal::markdown;
use crate::terminal::printer::{Label, answer, labeled, note};
use hlb_board::StatesReport;

/// Prints what is wrong with a chain, and what a reader should know of it.
pub(crate) fn print_states(report: &StatesReport, in_markdown: bool) {
    if !in_markdown {
        report.problems.iter().for_each(|problem| labeled(Label::Error, problem));
        report.notes.iter().for_each(|line| note(line));
        return;
    }
    for problem in &report.problems {
        answer(&format!("- **against the rules:** {}", markdown::foreign(problem)));
    }
    for line in &report.notes {
        answer(&format!("- {}", markdown::foreign(line)));
    }
    answer("");
}
