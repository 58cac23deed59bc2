//! Whether a machine is ready, in words.

use crate::terminal::printer::{Label, answer, labeled};
use hlb_doctor::{Finding, Report, Verdict};

/// Prints each thing that was looked at in a line, what to do below it, and what follows.
pub(crate) fn print_report(report: &Report) {
    for finding in &report.findings {
        answer(&line(finding));
        if let Some(next) = &finding.next {
            answer(&format!("{:28}{next}", ""));
        }
    }
    let count = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).count();
    answer(&match (count(Verdict::Wrong), count(Verdict::Note)) {
        (0, 0) => "this machine is ready to measure".to_owned(),
        (0, notes) => format!("this machine is ready to measure, with {notes} to know"),
        (wrong, _) => format!("this machine is not ready to measure: {wrong} to mend"),
    });
}

/// Says before a session what its row would suffer from.
pub(crate) fn print_doubts(report: &Report) {
    for finding in report.findings.iter().filter(|finding| finding.verdict != Verdict::Good) {
        let next = finding.next.as_deref().map_or_else(String::new, |next| format!("; {next}"));
        labeled(Label::Warning, &format!("{}: {}{next}", finding.what, finding.value));
    }
}

fn line(finding: &Finding) -> String {
    let word = match finding.verdict {
        Verdict::Good => "ok",
        Verdict::Note => "note",
        Verdict::Wrong => "wrong",
    };
    let bound = finding.bound.as_ref().map_or_else(String::new, |bound| format!(" ({bound})"));
    format!("{word:<6}{:<22}{}{bound}", finding.what, finding.value)
}
