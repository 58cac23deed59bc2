//! The report as text, for places that show Markdown.

use crate::report::view::{Published, VariantRow, View};

/// The whole text.
pub(super) fn text(view: &View) -> String {
    let mut lines = vec![format!("# {}", plain(&view.title)), String::new(), plain(&view.description), String::new()];
    lines.push(format!(
        "{}{}. Reference: `{}`. Run `i` of every variant has the same seed, so data order and random numbers are the same.",
        view.progress,
        if view.complete { "" } else { ", more to come" },
        view.reference
    ));
    lines.push(String::new());
    lines.extend(view.facts.iter().map(|[name, value]| format!("- {name}: {}", plain(value))));
    lines.extend(figures(view));
    lines.extend(variants(view));
    lines.extend(view.published.iter().flat_map(published));
    lines.join("\n") + "\n"
}

fn figures(view: &View) -> Vec<String> {
    let head = [
        "Variant",
        "Runs",
        "Reached",
        "Time-to-accuracy, median (95 %)",
        "Train seconds, median",
        "Final accuracy, mean (95 %)",
        "Deviation, points",
        "Difference, points (95 %)",
        "p, paired t-test, Holm",
        "p, Wilcoxon, Holm",
        "Ratio of train seconds (95 %)",
    ];
    let mut lines = vec![String::new(), "## Figures".to_owned(), String::new()];
    lines.extend(table(&head, view.rows.iter().map(cells)));
    lines.push(String::new());
    lines.push(
        "A run that missed the target counts as slower than any time. Differences and ratios are taken over pairs of runs with the \
         same seed; p-values are two-sided and adjusted over the variants."
            .to_owned(),
    );
    lines
}

fn cells(row: &VariantRow) -> Vec<String> {
    let runs = if row.left_out.is_empty() { row.runs.to_string() } else { format!("{} ({})", row.runs, row.left_out) };
    vec![
        row.name.clone(),
        runs,
        row.reached.clone(),
        row.time.line(),
        row.train_seconds.clone(),
        row.accuracy.line(),
        row.deviation.clone(),
        row.difference.line(),
        row.p_t_test.line(),
        row.p_wilcoxon.line(),
        row.train_ratio.line(),
    ]
}

fn variants(view: &View) -> Vec<String> {
    let mut lines = vec![String::new(), "## Variants".to_owned(), String::new()];
    for variant in &view.variants {
        let about =
            if variant.description.is_empty() { String::new() } else { format!(": {}", plain(&variant.description)) };
        lines.push(format!("- `{}`{about} (recipe `{}`)", variant.name, &variant.recipe_sha256[..16]));
        let changes = &variant.changes;
        lines.extend(
            changes.iter().map(|change| format!("  - `{}`: {} → {}", change.path, change.before, change.after)),
        );
    }
    lines
}

fn published(published: &Published) -> Vec<String> {
    let head = ["Variant", "Published accuracy", "Our accuracy", "Published seconds", "Our train seconds"];
    let mut lines = vec![String::new(), "## Published figures".to_owned(), String::new()];
    lines.push(format!("{}; {}.", plain(&published.source), plain(&published.conditions)));
    lines.push(String::new());
    lines.extend(table(
        &head,
        published.rows.iter().map(|row| {
            [&row.name, &row.published_accuracy, &row.our_accuracy, &row.published_seconds, &row.our_seconds]
                .map(Clone::clone)
                .to_vec()
        }),
    ));
    lines.push(String::new());
    lines.push(format!("- Published order, best accuracy first: {}", published.their_order));
    lines.push(format!("- Our order, best accuracy first: {}", published.our_order));
    lines.push(format!("- {} Kendall's tau: {}", published.verdict, published.tau));
    lines
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let rule = format!("|{}", "---|".repeat(head.len()));
    let rows = rows.map(|cells| line(&cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>()));
    [line(&head), rule].into_iter().chain(rows).collect()
}

/// Text without the power of markup.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        if matches!(character, '\\' | '|' | '<' | '*' | '_' | '`' | '[') {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}
