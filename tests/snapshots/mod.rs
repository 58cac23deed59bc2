//! What people read, word for word: help, errors, JSON and the front page, each as a file that a diff shows.
//!
//! A snapshot that is missing or differs fails; `INSTA_UPDATE=always cargo test -p hlb-bench --test it snapshots` accepts it.

mod errors;
mod help;
mod json;
mod page;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::clone::project;
use crate::support::context::{Answer, Context};

/// What differs between machines, days and builds, and what is shown in its place.
const FILTERS: [(&str, &str); 8] = [
    (r"\d{4}-\d\d-\d\d-([a-z]+)-[0-9a-f]{8}\b", "[today]-$1-[nonce]"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:[fingerprint]"),
    (r"\b[0-9a-f]{64}\b", "[sha256]"),
    (r"\b[0-9a-f]{40}\b", "[commit]"),
    (r"ssh-ed25519 [A-Za-z0-9+/=]+", "ssh-ed25519 [key]"),
    (r"hlb-bench \d+\.\d+\.\d+", "hlb-bench [version]"),
    (r"[^\s`]*/target/(debug|release)\b", "[build]"),
    (r" +\n", "\n"),
];

/// Snapshots of one folder of `tests/snapshots/`.
struct Snapshots {
    folder: &'static str,
    seen: BTreeSet<String>,
}

impl Snapshots {
    fn of(folder: &'static str) -> Self {
        Self { folder, seen: BTreeSet::new() }
    }

    /// Compares a text with the snapshot of this name; paths in the test's folder are shown without it.
    fn check(&mut self, name: &str, text: &str, context: &Context) {
        let root = fs::canonicalize(context.root()).unwrap();
        let text = text.replace(root.to_str().unwrap(), "[folder]");
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(project("tests/snapshots").join(self.folder));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        for (pattern, shown) in FILTERS {
            settings.add_filter(pattern, shown);
        }
        settings.bind(|| insta::assert_snapshot!(name, text));
        assert!(self.seen.insert(name.to_owned()), "two snapshots are called {name}");
    }

    /// Every file of the folder belongs to a snapshot.
    fn finish(self) {
        let names = |path: &Path| Some(path.file_name()?.to_str()?.strip_suffix(".snap")?.to_owned());
        let files = fs::read_dir(project("tests/snapshots").join(self.folder)).unwrap();
        let left: Vec<String> =
            files.filter_map(|file| names(&file.unwrap().path())).filter(|name| !self.seen.contains(name)).collect();
        assert!(left.is_empty(), "nothing writes these snapshots in {} any more: {left:?}", self.folder);
    }
}

/// A command and what it answered, as a terminal would show them.
fn shown(typed: &str, answer: &Answer) -> String {
    let code = answer.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    let mut text = format!("$ {typed}\nexit code {code}\n");
    for (name, written) in [("standard output", &answer.stdout), ("standard error", &answer.stderr)] {
        if !written.is_empty() {
            text.extend(["--- ", name, "\n", written]);
        }
    }
    text
}
