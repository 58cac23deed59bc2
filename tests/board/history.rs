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
    let (about, under) = (Some(Qualifier::AboutOrUnder), Some(Qualifier::Under));
    let stated = [(18.1, about), (12.31, None), (10.0, under), (10.0, about), (7.0, about), (7.0, about), (6.3, about)];
    assert_eq!(said, stated);
    assert_eq!(board.rows[1].seconds_up_to, Some(12.38));
}

#[test]
fn boards_without_seconds_have_none() {
    for size in ["128", "192", "256"] {
        let board = board(&format!("fastai-imagenette-{size}"));
        assert_eq!(board.rows.iter().map(|row| row.epochs.unwrap()).collect::<Vec<_>>(), [5, 20, 80, 200]);
        assert!(board.rows.iter().all(|row| row.seconds.is_none() && row.accuracy_percent.is_some()));
        assert_eq!(board.track.is_some(), size == "128");
    }
    assert_eq!(board("hlb-imagenette-schedules").rows.len(), 8);
}
