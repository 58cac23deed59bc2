//! Published boards: what is compiled in is what lies in the folder, and says what the sources say.

use std::collections::BTreeSet;
use std::path::Path;

use hlb_board::external::{self, ExternalResult, ExternalResults, Qualifier};
use hlb_core::yaml;

fn board(id: &str) -> ExternalResults {
    external::shipped().into_iter().find(|board| board.id.as_str() == id).expect(id)
}

/// A row by the part of its name or authors that the field knows it by, and by its seconds.
fn row<'a>(board: &'a ExternalResults, known_as: &str, seconds: f64) -> &'a ExternalResult {
    let text = |row: &ExternalResult| {
        format!("{} {}", row.name, row.authors.as_ref().map_or("", AsRef::as_ref)).to_lowercase()
    };
    let is = |row: &&ExternalResult| row.seconds == Some(seconds) && text(row).contains(known_as);
    board.rows.iter().find(is).unwrap_or_else(|| panic!("{known_as} at {seconds} s"))
}

#[test]
fn every_board_in_the_folder_is_compiled_in_under_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("leaderboard/history");
    let names = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
    let shipped: BTreeSet<String> = external::shipped().iter().map(|board| format!("{}.yaml", board.id)).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), shipped);
    assert_eq!(external::shipped().len(), shipped.len());
}

#[test]
fn every_board_is_read_again_as_it_was() {
    for board in external::shipped() {
        let text = yaml::emit(&board).unwrap();
        assert!(!text.contains(": null"), "{text}");
        assert_eq!(external::parse(&text, "again").unwrap(), board);
    }
}

#[test]
fn the_rows_of_dawnbench_that_the_field_remembers_are_there() {
    let board = board("dawnbench-cifar10");
    assert_eq!(
        (board.track.as_ref().map(hlb_core::text::Id::as_str), board.target_percent),
        (Some("cifar10"), Some(94.0))
    );
    let known = [
        ("apple", 9.43, None),
        ("ajay", 10.66, None),
        ("kakao", 27.98, None),
        ("baidu", 44.44, Some(0.105)),
        ("kakao", 57.05, None),
        ("baidu", 71.82, Some(0.0212)),
        ("ajay", 73.75, None),
        ("david page", 74.04, Some(0.0629)),
    ];
    for (name, seconds, usd) in known {
        let row = row(&board, name, seconds);
        assert_eq!(row.usd, usd, "{name}");
        assert!(row.accuracy_percent.is_some_and(|percent| percent >= 94.0), "{name}");
        let cost = row.usd_per_hour.map(|usd| usd * seconds / 3600.0);
        assert!(row.usd.zip(cost).is_none_or(|(stated, cost)| (stated - cost).abs() < 1e-4), "{name}");
    }
    assert!(row(&board, "apple", 9.43).hardware.as_ref().unwrap().as_str().contains("8 GPU"));
    assert!(board.rows.is_sorted_by_key(|row| row.seconds.unwrap()));
}

#[test]
fn signs_before_seconds_are_kept_as_they_were_said() {
    let board = board("hlb-cifar10");
    let said: Vec<_> = board.rows.iter().map(|row| (row.seconds.unwrap(), row.qualifier)).collect();
    let (near, under, about) = (Some(Qualifier::AboutOrUnder), Some(Qualifier::Under), Some(Qualifier::About));
    let stated = [(18.1, near), (12.31, None), (10.0, under), (7.68, None), (6.98, None), (6.84, about), (6.3, near)];
    assert_eq!(said, stated);
    let ends: Vec<_> = board.rows.iter().filter_map(|row| row.seconds_up_to).collect();
    assert_eq!(ends, [12.38, 7.71, 6.99]);
}

#[test]
fn a_maximum_is_kept_beside_the_accuracy_that_met_the_target() {
    let board = board("dawnbench-cifar10");
    // The column of hlb-imagenette's slides, top to bottom.
    let slides = [94.23, 94.05, 94.04, 94.18, 94.2, 94.1, 94.06, 94.08];
    let fastest = board.rows.iter().take(slides.len());
    let (met, highest): (Vec<_>, Vec<_>) =
        fastest.map(|row| (row.accuracy_percent.unwrap(), row.max_accuracy_percent.unwrap())).unzip();
    assert_eq!(highest, slides);
    assert_eq!(met.iter().zip(&slides).filter(|(met, highest)| met < highest).count(), 3);
}

#[test]
fn the_fastest_of_hiverge_and_after_it_are_there_and_the_older_row_stays() {
    let hiverge = board("hiverge");
    let rows: Vec<_> = hiverge.rows.iter().map(|row| (row.seconds.unwrap(), row.epochs.unwrap())).collect();
    assert_eq!(rows, [(1.978, 7.65), (1.98, 7.65), (2.015, 7.59)]);
    let fulcrum = board("fulcrum");
    let fastest = row(&fulcrum, "e1", 1.828);
    assert_eq!((fastest.accuracy_percent, fastest.epochs, fastest.runs), (Some(94.046), Some(8.875), Some(200)));
    assert!(fulcrum.about.as_str().contains("8,000 of the 10,000"), "the accuracy is not of the whole split");
}

#[test]
fn a_task_that_no_track_has_is_shown_without_one() {
    let board = board("cifar100-speedrun");
    assert_eq!((board.track, board.target_percent), (None, Some(75.0)));
    assert_eq!((board.rows[0].seconds, board.rows[0].runs), (Some(3.9618), Some(200)));
}

#[test]
fn lines_to_compare_accuracies_with_are_no_times() {
    let board = board("cifar10-accuracy");
    assert_eq!((board.track.as_ref().map(hlb_core::text::Id::as_str), board.target_percent), (Some("cifar10"), None));
    let lines: Vec<_> = board.rows.iter().map(|row| (row.name.as_str(), row.accuracy_percent.unwrap())).collect();
    assert_eq!(lines, [("ViT-H/14", 99.5), ("BiT-L (ResNet-152x4)", 99.37)]);
    assert!(
        board.rows.iter().all(|row| row.seconds.is_none() && row.source.as_str().starts_with("https://arxiv.org/"))
    );
}

#[test]
fn cells_of_the_notebook_that_redefine_the_model_are_named() {
    let board = board("hlb-imagenette-notebooks");
    let odd = board.rows.iter().filter(|row| !row.irregularities.is_empty()).map(|row| row.name.as_str());
    let named = ["without whitening", "without pushing_pool_layer_to_beginning", "ghost batch norm"];
    assert_eq!(odd.collect::<Vec<_>>(), named);
}

#[test]
fn the_documented_ablation_has_the_published_accuracies_and_seconds() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/studies.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for row in board("hlb-imagenette-ablation").rows {
        let figures = format!("| {} %, {} s |", row.accuracy_percent.unwrap(), row.seconds.unwrap());
        assert!(docs.contains(&figures), "{}: {figures}", row.name);
    }
}

#[test]
fn boards_without_seconds_have_none() {
    for size in ["128", "192", "256"] {
        let board = board(&format!("fastai-imagenette-{size}"));
        assert_eq!(board.rows.iter().map(|row| row.epochs.unwrap()).collect::<Vec<_>>(), [5.0, 20.0, 80.0, 200.0]);
        assert!(board.rows.iter().all(|row| row.seconds.is_none() && row.accuracy_percent.is_some()));
        assert_eq!(board.track.is_some(), size == "128");
    }
    assert_eq!(board("hlb-imagenette-schedules").rows.len(), 8);
}
