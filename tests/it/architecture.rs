//! The direction rules of `src/lib.rs`, kept by reading the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether `line` has `word` where no longer name ends with it, as `fetch::` does with `tch::`.
fn has_word(line: &str, word: &str) -> bool {
    let longer = |at: usize| line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    line.match_indices(word).any(|(at, _)| !longer(at))
}

/// Files whose code names `word` and that lie in none of `owners`.
fn strangers(word: &str, owners: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().any(|line| !line.trim_start().starts_with("//") && has_word(line, word))
    };
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let found = sources(&root).into_iter().filter(names).map(|path| relative(&path));
    found.filter(|path| !owners.iter().any(|owner| path.starts_with(owner))).collect()
}

#[test]
fn each_library_that_touches_the_world_has_one_owner() {
    let rules: [(&str, &[&str]); 14] = [
        ("tch::", &["torch/", "bin/hlb-bench-trainer.rs"]),
        ("torch::", &["torch/", "bin/hlb-bench-trainer.rs"]),
        ("serde_yaml", &["yaml/"]),
        ("saphyr_parser", &["yaml/"]),
        ("ssh_key", &["signing/"]),
        ("sysinfo", &["hardware/"]),
        ("nvml_wrapper", &["hardware/"]),
        ("minijinja", &["leaderboard/"]),
        ("ureq", &["dataset/download.rs"]),
        ("tar::", &["dataset/unpack/"]),
        ("memmap2", &["dataset/cache.rs"]),
        ("mozjpeg_sys", &["dataset/picture/libjpeg.rs"]),
        // Its version is part of the decoder's name.
        ("fast_image_resize", &["dataset/resize.rs", "dataset/picture.rs"]),
        ("Instant::now", &["clock.rs"]),
    ];
    for (word, owners) in rules {
        assert_eq!(strangers(word, owners), [""; 0], "`{word}` belongs to {owners:?}");
    }
}

#[test]
fn only_the_printer_prints() {
    for word in ["println!", "eprintln!", "print!(", "stdout()", "stderr()"] {
        let owners =
            ["terminal/", "bin/hlb-bench-trainer.rs", "command/progress.rs", "command/study/progress.rs", "main.rs"];
        let found = strangers(word, &owners);
        assert_eq!(found, [""; 0], "`{word}` belongs to the printer");
    }
}

#[test]
fn the_leaderboard_and_the_pure_rooms_start_nothing() {
    for word in ["Command::new", "crate::session", "crate::torch"] {
        let found =
            strangers(word, &["session/", "signing/", "command/", "terminal/", "torch/", "bin/", "args/", "main.rs"]);
        assert_eq!(found, [""; 0], "`{word}`");
    }
}

#[test]
fn the_program_for_everybody_links_no_libtorch() {
    let output = std::process::Command::new("readelf").arg("-d").arg(env!("CARGO_BIN_EXE_hlb-bench")).output().unwrap();
    let needed = String::from_utf8(output.stdout).unwrap();
    assert!(needed.contains("NEEDED") && !needed.contains("torch"), "{needed}");
}

/// This field has two meanings for the three letters; the project uses neither.
#[test]
fn words_are_those_of_the_glossary() {
    let abbreviation = ["T", "T", "A"].concat();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = sources(&root.join("src"));
    for name in ["README.md", "docs/rules.md", "docs/glossary.md", "docs/architecture.md"] {
        files.push(root.join(name));
    }
    for file in files.iter().filter(|file| !file.ends_with("glossary.md")) {
        let text = fs::read_to_string(file).unwrap();
        let words = text.split(|character: char| !character.is_alphanumeric());
        assert_eq!(words.filter(|word| *word == abbreviation).count(), 0, "{}", file.display());
    }
}
