//! Which file may use what, kept by reading the sources: the crates in the root's `src/` and in
//! `crates/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::support::sources::{Arrows, Sources};

/// The crates in `crates/` and what each may use; what those may use, it may use too. The package
/// at the root is last.
const ORDER: [(&str, &[&str]); 13] = [
    ("hlb_core", &[]),
    ("hlb_recipe", &["hlb_core"]),
    ("hlb_machine", &["hlb_core"]),
    ("hlb_data", &["hlb_recipe"]),
    ("hlb_protocol", &["hlb_data", "hlb_machine"]),
    ("hlb_trainer", &["hlb_protocol"]),
    ("hlb_result", &["hlb_protocol"]),
    ("hlb_session", &["hlb_result"]),
    ("hlb_board", &["hlb_result"]),
    ("hlb_study", &["hlb_session", "hlb_board"]),
    ("hlb_doctor", &["hlb_session"]),
    ("hlb_interop", &["hlb_board"]),
    // All but the trainer, which links libtorch.
    ("hlb_bench", &["hlb_study", "hlb_doctor", "hlb_interop"]),
];

/// Libraries that touch the world or shape its bytes, and where they may be used: a folder or a
/// file, from the root of the repository if it begins with `/`.
const OWNERS: [(&str, &[&str]); 12] = [
    ("etcetera", &["crates/core/src/folders.rs"]),
    ("tch", &["crates/trainer"]),
    ("serde_yaml", &["crates/core/src/yaml"]),
    ("saphyr_parser", &["crates/core/src/yaml"]),
    ("ssh_key", &["crates/result/src/signing"]),
    ("sysinfo", &["crates/machine"]),
    ("nvml_wrapper", &["crates/machine"]),
    ("minijinja", &["crates/board"]),
    ("ureq", &["crates/data/src/download.rs"]),
    ("tar", &["crates/data/src/unpack", "crates/data/src/unpack.rs"]),
    ("memmap2", &["crates/data/src/cache.rs"]),
    // Its version is part of the decoder's name.
    ("fast_image_resize", &["crates/data/src/resize.rs", "crates/data/src/image.rs"]),
];

/// What prints, and where it may.
const PRINTING: [&str; 7] =
    ["println!", "eprintln!", "print!", "eprint!", "dbg!", "std::io::stdout", "std::io::stderr"];
const PRINTERS: [&str; 3] = ["/src/terminal", "/src/main.rs", "crates/trainer/src/main.rs"];

static TREE: LazyLock<Sources> = LazyLock::new(|| Sources::of_tree(root()));

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a file is the place or lies in it.
fn lies_in(file: &str, place: &str) -> bool {
    let file = format!("/{file}/");
    match place.strip_prefix('/') {
        Some(_) => file.starts_with(&format!("{place}/")),
        None => file.contains(&format!("/{place}/")),
    }
}

/// Files that use a path or what lies below it.
fn users<'a>(paths: &'a BTreeSet<(String, String)>, wanted: &str) -> BTreeSet<&'a str> {
    let is_below = |path: &str| path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    paths.iter().filter(|(_, path)| is_below(path)).map(|(file, _)| file.as_str()).collect()
}

/// Files that use a path outside the places where it may be used.
fn strangers<'a>(paths: &'a BTreeSet<(String, String)>, wanted: &str, places: &[&str]) -> Vec<&'a str> {
    let is_strange = |file: &&str| !places.iter().any(|place| lies_in(file, place));
    users(paths, wanted).into_iter().filter(is_strange).collect()
}

/// The files that are reached from a file, in any number of steps.
fn reached<'a>(arrows: &'a Arrows, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = vec![from];
    while let Some(file) = open.pop() {
        for next in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    found
}

/// Circles of files that use each other, each as the lines that say how.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reach: BTreeMap<&str, _> = arrows.keys().map(|file| (file.as_str(), reached(arrows, file))).collect();
    let mut circles: BTreeMap<BTreeSet<&str>, Vec<String>> = BTreeMap::new();
    for (from, targets) in arrows {
        let on_circle = |other: &str| {
            reach[from.as_str()].contains(other) && reach.get(other).is_some_and(|back| back.contains(from.as_str()))
        };
        let members: BTreeSet<&str> = arrows.keys().map(String::as_str).filter(|other| on_circle(other)).collect();
        for (to, names) in targets.iter().filter(|(to, _)| members.contains(to.as_str())) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            circles.entry(members.clone()).or_default().push(format!("{from} -> {to}: {}", names.join(", ")));
        }
    }
    circles.into_values().map(|lines| lines.join("\n")).collect()
}

/// The crates that a crate may use.
fn allowed(library: &str) -> BTreeSet<&'static str> {
    let (_, direct) =
        ORDER.iter().find(|(name, _)| *name == library).unwrap_or_else(|| panic!("`ORDER` lacks {library}"));
    direct.iter().flat_map(|name| allowed(name).into_iter().chain([*name])).collect()
}

/// Uses of a crate that is not below the one that uses it, as `file: crate`.
fn upward(paths: &BTreeSet<(String, String)>) -> Vec<String> {
    let library = |file: &str| match file.strip_prefix("crates/").and_then(|rest| rest.split_once('/')) {
        Some((folder, _)) => format!("hlb_{}", folder.replace('-', "_")),
        None => "hlb_bench".to_owned(),
    };
    let is_ours = |name: &str| ORDER.iter().any(|(known, _)| *known == name);
    let mut found = BTreeSet::new();
    for (file, path) in paths {
        let (used, own) = (path.split("::").next().expect("a name"), library(file));
        if is_ours(used) && used != own && !allowed(&own).contains(used) {
            found.insert(format!("{file}: {used}"));
        }
    }
    found.into_iter().collect()
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let circles = circles(&TREE.arrows());
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n\n"));
}

#[test]
fn imports_go_down_the_order_of_crates() {
    assert_eq!(upward(&TREE.paths()), [""; 0]);
}

#[test]
fn each_library_that_touches_the_world_has_one_owner() {
    let paths = TREE.paths();
    for (library, places) in OWNERS {
        assert!(!users(&paths, library).is_empty(), "nothing uses `{library}`; remove its rule");
        assert_eq!(strangers(&paths, library, places), [""; 0], "`{library}` belongs to {places:?}");
    }
}

#[test]
fn only_the_terminal_prints() {
    let paths = TREE.paths();
    for printing in PRINTING {
        assert_eq!(strangers(&paths, printing, &PRINTERS), [""; 0], "`{printing}` belongs to the terminal");
    }
}

/// Types of errors whose message names a path as it is: `{path}` of `thiserror` writes hidden characters, too. `clippy.toml`
/// forbids the other way, `Path::display`.
fn raw_paths(text: &str) -> Vec<String> {
    struct Found(Vec<String>);
    impl Found {
        fn look(&mut self, attributes: &[syn::Attribute], fields: &syn::Fields) {
            let Some(error) = attributes.iter().find(|attribute| attribute.path().is_ident("error")) else { return };
            let Ok(tokens) = error.parse_args::<proc_macro2::TokenStream>() else { return };
            let words: Vec<String> = tokens.clone().into_iter().map(|token| token.to_string()).collect();
            for (index, field) in fields.iter().enumerate() {
                let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
                let is_named_anew = words.windows(2).any(|pair| pair[0] == name && pair[1] == "=");
                let path =
                    matches!(&field.ty, syn::Type::Path(path) if path.path.segments.last().unwrap().ident == "PathBuf");
                let is_quoted = [format!("{{{name}}}"), format!("{{{name}:")].iter().any(|raw| words[0].contains(raw));
                if path && is_quoted && !is_named_anew {
                    self.0.push(words[0].clone());
                }
            }
        }
    }
    impl<'ast> syn::visit::Visit<'ast> for Found {
        fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
            self.look(&item.attrs, &item.fields);
        }
        fn visit_variant(&mut self, variant: &'ast syn::Variant) {
            self.look(&variant.attrs, &variant.fields);
        }
    }
    let mut found = Found(Vec::new());
    syn::visit::Visit::visit_file(&mut found, &syn::parse_file(text).unwrap());
    found.0
}

#[test]
fn no_error_names_a_path_as_it_is() {
    for file in TREE.files() {
        assert_eq!(raw_paths(&fs::read_to_string(root().join(file)).unwrap()), [""; 0], "{file}: use `show_path`");
    }
    let error = |message: &str| format!("enum E {{ #[error({message})] A {{ path: PathBuf, other: String }} }}");
    for raw in ["\"in {path}\"", "\"in {path:?}\""] {
        assert_eq!(raw_paths(&error(raw)).len(), 1, "{raw}");
    }
    for shown in
        ["\"in {path}\", path = show_path(path)", "\"in {}\", show_path(path)", "\"in {other}\"", "transparent"]
    {
        assert_eq!(raw_paths(&error(shown)), [""; 0], "{shown}");
    }
    assert_eq!(raw_paths("#[error(\"{0}\")] struct E(PathBuf);").len(), 1);
}

#[test]
fn nothing_below_the_command_line_knows_clap() {
    assert_eq!(strangers(&TREE.paths(), "clap", &["/src"]), [""; 0]);
}

#[test]
fn the_board_and_the_pure_crates_start_no_program() {
    let places = [
        "/src/commands",
        "/src/terminal",
        "crates/session",
        "crates/trainer",
        "crates/result/src/signing",
        "crates/data/src/apart.rs",
    ];
    let paths = TREE.paths();
    assert_eq!(strangers(&paths, "std::process::Command", &places), [""; 0]);
}

#[test]
fn the_program_for_everybody_links_no_libtorch() {
    let output = std::process::Command::new("readelf").arg("-d").arg(env!("CARGO_BIN_EXE_hlb-bench")).output().unwrap();
    let needed = String::from_utf8(output.stdout).unwrap();
    assert!(needed.contains("NEEDED") && !needed.contains("torch"), "{needed}");
}

/// The three letters have two meanings in this field; the project spells out the one that it means.
#[test]
fn test_time_augmentation_is_spelled_out() {
    let abbreviation = ["T", "T", "A"].concat();
    let mut files: Vec<PathBuf> = TREE.files().map(|file| root().join(file)).collect();
    files.push(root().join("README.md"));
    files.push(root().join("docs/reference/rules.md"));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let words = text.split(|character: char| !character.is_alphanumeric());
        assert_eq!(words.filter(|word| *word == abbreviation).count(), 0, "{}", file.display());
    }
}

/// The crates of a made-up tree, whose first file is `crates/NAME/src/lib.rs`.
fn made(files: &[(&str, &str)]) -> Sources {
    let read = |path: &str| files.iter().find(|(file, _)| *file == path).map(|(_, text)| (*text).to_owned());
    let mut sources = Sources::default();
    for (file, _) in files {
        if let Some(name) = file.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/src/lib.rs")) {
            sources.add(&format!("hlb_{name}"), file, &read);
        }
    }
    sources
}

#[test]
fn a_circle_through_a_reexport_is_found() {
    let files = [
        ("crates/core/src/lib.rs", "pub mod room; pub mod user;"),
        // Neither the declaration of a child nor a re-export is a use.
        ("crates/core/src/room/mod.rs", "mod inner; pub use self::inner::Inner; pub struct Outer;"),
        ("crates/core/src/room/inner.rs", "use crate::user; pub struct Inner(user::User);"),
        ("crates/core/src/user.rs", "pub struct User; fn new() -> Option<crate::room::Inner> { None }"),
    ];
    let circle = "crates/core/src/room/inner.rs -> crates/core/src/user.rs: User\n\
                  crates/core/src/user.rs -> crates/core/src/room/inner.rs: Inner";
    assert_eq!(circles(&made(&files).arrows()), [circle]);
}

#[test]
fn a_file_that_uses_what_it_reexports_depends_on_it() {
    let inner = ("crates/core/src/room/inner.rs", "use crate::user::User; pub struct Inner(User);");
    let user = ("crates/core/src/user.rs", "use crate::room::Outer; pub struct User(Outer);");
    let lib = ("crates/core/src/lib.rs", "mod room; mod user;");
    let count = |room: &str| circles(&made(&[lib, inner, user, ("crates/core/src/room/mod.rs", room)]).arrows()).len();
    assert_eq!(count("mod inner; pub use inner::*; pub struct Outer;"), 0);
    assert_eq!(count("mod inner; pub use inner::*; pub struct Outer(Inner);"), 1);
}

#[test]
fn names_in_macros_and_attributes_count_and_those_in_tests_do_not() {
    let count = |uses: &str| {
        let one = format!("use crate::other; pub struct Name; {uses}");
        let other = ("crates/core/src/other.rs", "pub fn name() -> crate::one::Name { crate::one::Name }");
        let lib = ("crates/core/src/lib.rs", "mod one; mod other;");
        circles(&made(&[lib, ("crates/core/src/one.rs", &one), other]).arrows()).len()
    };
    assert_eq!(count("fn shown() { println!(\"{}\", vec![other::name()]) }"), 1);
    assert_eq!(count("#[error(\"{name}\", name = other::name())] struct Error;"), 1);
    assert_eq!(count("#[cfg(test)] mod tests { use crate::other::name; }"), 0);
    assert_eq!(count("impl Name { #[cfg(test)] fn name() { other::name() } }"), 0);
}

#[test]
fn an_import_against_the_order_is_found() {
    let files = [
        ("crates/core/src/lib.rs", "use hlb_board::Board;"),
        ("crates/board/src/lib.rs", "pub struct Board; fn held() { hlb_session::held() }"),
        ("crates/session/src/lib.rs", "pub fn held() {} pub use hlb_core::Unit;"),
    ];
    let found = upward(&made(&files).paths());
    assert_eq!(found, ["crates/board/src/lib.rs: hlb_session", "crates/core/src/lib.rs: hlb_board"]);
}

#[test]
fn a_use_outside_its_owner_is_found_under_any_name() {
    let lib =
        ("crates/core/src/lib.rs", "use std::io; fn shown() { io::stdout(); } fn more() { if true { eprintln!() } }");
    let paths = made(&[lib]).paths();
    assert_eq!(strangers(&paths, "std::io::stdout", &PRINTERS), ["crates/core/src/lib.rs"]);
    assert_eq!(strangers(&paths, "eprintln!", &["/src"]), ["crates/core/src/lib.rs"]);
    assert_eq!(strangers(&paths, "eprintln!", &["core"]), [""; 0]);
}
