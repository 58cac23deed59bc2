//! The report of a study: a page that stands alone, the same as text, and a table of the runs. A function of plan and
//! records alone, so that it can be written again at any time.
//!
//! | file | noun |
//! |---|---|
//! | `view` | what page and text are told |
//! | `drawing` | curves as coordinates |
//! | `markdown` | the text |
//! | `csv` | the table |

mod csv;
mod drawing;
mod markdown;
mod view;

use std::path::Path;

use crate::plan::StudyPlan;
use crate::records::Records;
use hlb_board::{Pages, SiteError};
use hlb_core::artifact::write_atomic;

use view::View;

/// The files of a report: the page, the text, the table.
pub(crate) const REPORT_FILES: [&str; 3] = ["index.html", "report.md", "runs.csv"];

/// A report, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Page, text and table, in the order of [`REPORT_FILES`].
    texts: [String; 3],
}

impl Report {
    /// What follows from the runs so far.
    pub fn new(plan: &StudyPlan, records: &Records) -> Result<Self, SiteError> {
        let view = View::new(plan, records);
        let page = Pages::default().render("study.html", REPORT_FILES[0], &view)?;
        Ok(Self { texts: [page, markdown::text(&view), csv::text(plan, records)] })
    }

    /// Writes it into a folder, over an older one.
    pub fn write(&self, folder: &Path) -> Result<(), SiteError> {
        for (name, text) in REPORT_FILES.iter().zip(&self.texts) {
            write_atomic(&folder.join(name), text.as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::made;

    #[test]
    fn a_report_holds_page_text_and_table() {
        let (plan, records) = made();
        let [page, text, table] = Report::new(&plan, &records).expect("a report").texts;
        for part in ["<svg", "<polyline", "prefers-color-scheme", "Kendall", "base", "98.10 %"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("stylesheet") && !page.contains("src="), "it stands alone");
        assert!(text.contains("| other | 3 | 3 of 3 |"), "{text}");
        assert!(text.contains("The order is the same"), "{text}");
        assert_eq!(table.lines().count(), 7);
        assert!(table.starts_with("variant,run,seed,outcome,time_to_accuracy_seconds,train_seconds,final_accuracy_percent,correct,total\nbase,1,"));
        assert!(table.lines().nth(1).is_some_and(|line| line.ends_with(",reached,11,11,99,990,1000")), "{table}");
    }

    #[test]
    fn a_study_without_runs_has_a_report_that_says_so() {
        let (plan, mut records) = made();
        records.runs.clear();
        let [page, text, table] = Report::new(&plan, &records).expect("a report").texts;
        assert!(page.contains("0 of 6 runs") && text.contains("0 of 6 runs"), "{text}");
        assert_eq!(table.lines().count(), 1);
    }

    #[test]
    fn a_median_that_missed_is_unknown() {
        let (plan, mut records) = made();
        for run in &mut records.runs {
            run.outcome = hlb_protocol::run_log::Outcome::Missed;
        }
        let text = &Report::new(&plan, &records).expect("a report").texts[1];
        assert!(text.contains("unknown (the median run missed 94.50 %)"), "{text}");
    }
}
