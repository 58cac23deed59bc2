//! The report of a study: a page that stands alone, the same as text, and a table of the runs. A function of plan and
//! records alone, so that it can be written again at any time.
//!
//! | file | noun |
//! |---|---|
//! | `view` | what page and text are told |
//! | `drawing` | curves as coordinates |
//! | `csv` | the table |

mod csv;
mod drawing;
mod view;

use crate::plan::StudyPlan;
use crate::records::Records;
use hlb_board::Pages;
use hlb_core::hint::Result;

use view::View;

/// Page, text and table of a report under their names: what follows from the runs so far.
pub(crate) fn files(plan: &StudyPlan, records: &Records) -> Result<[(&'static str, String); 3]> {
    let (pages, view) = (Pages::default(), View::new(plan, records));
    let page = pages.render("study.html", "index.html", &view)?;
    let text = pages.render("study.md", "report.md", &view)?;
    Ok([("index.html", page), ("report.md", text), ("runs.csv", csv::text(plan, records))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::made;

    fn texts(plan: &StudyPlan, records: &Records) -> [String; 3] {
        files(plan, records).expect("a report").map(|(_, text)| text)
    }

    #[test]
    fn a_report_holds_page_text_and_table() {
        let (plan, records) = made();
        let [page, text, table] = texts(&plan, &records);
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
        let [page, text, table] = texts(&plan, &records);
        assert!(page.contains("0 of 6 runs") && text.contains("0 of 6 runs"), "{text}");
        assert_eq!(table.lines().count(), 1);
    }

    #[test]
    fn a_median_that_missed_is_unknown() {
        let (plan, mut records) = made();
        for run in &mut records.runs {
            run.outcome = hlb_protocol::run_log::Outcome::Missed;
        }
        let [_, text, _] = texts(&plan, &records);
        assert!(text.contains("unknown (the median run missed 94.50 %)"), "{text}");
    }
}
