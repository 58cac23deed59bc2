//! Our figures next to published ones: the figures differ with the machine, the order of the variants
//! should not.

use serde::Serialize;

use crate::body::{PublishedFigure, PublishedFigures};
use crate::figures::VariantFigures;
use hlb_core::stats::kendall_tau;

/// Published figures next to ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PublishedComparison {
    /// Variants that both have figures of, in the published order: best accuracy first.
    pub rows: Vec<ComparedVariant>,
    /// Names of those with a figure of ours, best published accuracy first.
    pub published_order: Vec<String>,
    /// The same names, our best accuracy first.
    pub our_order: Vec<String>,
    /// Kendall's tau of the two lists of accuracies; `None` where there is no order.
    pub tau: Option<f64>,
    /// Whether both put the variants in the same order, in words.
    pub verdict: &'static str,
}

/// A variant in both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ComparedVariant {
    /// What was published.
    pub published: PublishedFigure,
    /// Our mean final accuracy in percent.
    pub our_percent: Option<f64>,
    /// Our median seconds of training.
    pub our_seconds: Option<f64>,
}

/// Puts our figures next to published ones.
pub(crate) fn compare_with_published(published: &PublishedFigures, figures: &[VariantFigures]) -> PublishedComparison {
    let row = |figure: &PublishedFigure| {
        let ours = figures.iter().find(|ours| ours.name == figure.variant.as_str());
        ComparedVariant {
            published: figure.clone(),
            our_percent: ours.and_then(|ours| ours.accuracy_percent).map(|estimate| estimate.value),
            our_seconds: ours.and_then(|ours| ours.train_seconds),
        }
    };
    let mut rows: Vec<ComparedVariant> = published.figures.iter().map(row).collect();
    // A stable sort: what is equal stays in the order of the file.
    rows.sort_by(|a, b| b.published.accuracy_percent.total_cmp(&a.published.accuracy_percent));
    let both = |row: &ComparedVariant| {
        Some((row.published.variant.to_string(), row.published.accuracy_percent, row.our_percent?))
    };
    let both: Vec<(String, f64, f64)> = rows.iter().filter_map(both).collect();
    let mut ours = both.clone();
    ours.sort_by(|a, b| b.2.total_cmp(&a.2));
    let names = |list: &[(String, f64, f64)]| list.iter().map(|(name, ..)| name.clone()).collect();
    let (published_order, our_order): (Vec<String>, Vec<String>) = (names(&both), names(&ours));
    let tau = kendall_tau(&both.iter().map(|(_, published, ours)| (*published, *ours)).collect::<Vec<_>>());
    let verdict = match both.len() {
        0 | 1 => "There are not yet two variants to order.",
        _ if published_order == our_order => "The order is the same.",
        _ => "The order is not the same.",
    };
    PublishedComparison { rows, published_order, our_order, tau, verdict }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::figures;
    use crate::figures::tests::made;

    #[test]
    fn both_orders_are_stated() {
        let (plan, mut records) = made();
        let published = plan.file.body.published.clone().expect("there are some");
        let found = compare_with_published(&published, &figures(&plan, &records));
        assert_eq!((found.verdict, found.tau), ("The order is the same.", Some(1.0)));
        for run in &mut records.runs {
            run.variant = if run.variant == "base" { "other".to_owned() } else { "base".to_owned() };
        }
        let found = compare_with_published(&published, &figures(&plan, &records));
        assert_eq!((found.verdict, found.tau), ("The order is not the same.", Some(-1.0)));
        assert_eq!(found.our_order, ["other", "base"]);
        records.runs.clear();
        let found = compare_with_published(&published, &figures(&plan, &records));
        let verdict = "There are not yet two variants to order.";
        assert_eq!((found.verdict, found.tau, found.rows.len()), (verdict, None, 2));
    }
}
