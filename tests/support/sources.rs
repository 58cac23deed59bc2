//! A small reader of Rust sources: which file uses a name that another file defines.
//!
//! It knows modules, `use` (`pub use` is followed to the file that defines the name), paths in
//! code, in macros and in attributes. It does not know types, so method calls are not seen. What
//! stands under `#[cfg(test)]` is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::{Attribute, Item, ItemMod};

use self::reading::{Reading, is_test};

mod reading;

/// Reads a file by its path from the root of the repository; `None` where there is none.
pub(crate) type Reader<'a> = &'a dyn Fn(&str) -> Option<String>;

type Names = Vec<String>;

/// What one file takes from others: by file, the names.
pub(crate) type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

enum Meaning {
    /// Defined in the file of this module.
    Here,
    Module(usize),
    /// Another name for a path, by `use`.
    Alias(Names),
}

struct Module {
    file: String,
    parent: Option<usize>,
    root: usize,
    names: BTreeMap<String, Vec<Meaning>>,
    globs: Vec<Names>,
    used: Vec<Names>,
}

#[derive(Clone, PartialEq)]
enum Target {
    Defined(String, String),
    Module(usize),
}

/// The modules of some crates.
#[derive(Default)]
pub(crate) struct Sources {
    modules: Vec<Module>,
    /// The first module of each library, by the name that paths have for it.
    libraries: BTreeMap<String, usize>,
}

impl Sources {
    /// The crates of a work tree: the package at its root and those in `crates/`.
    pub(crate) fn of_tree(root: &Path) -> Self {
        let mut sources = Self::default();
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();
        let mut packages = vec![("hlb_bench".to_owned(), "src".to_owned())];
        for name in folder(&root.join("crates")) {
            packages.push((format!("hlb_{}", name.replace('-', "_")), format!("crates/{name}/src")));
        }
        for (library, source) in packages {
            sources.add(&library, &format!("{source}/lib.rs"), &read);
            sources.add("", &format!("{source}/main.rs"), &read);
            for program in folder(&root.join(&source).join("bin")) {
                sources.add("", &format!("{source}/bin/{program}"), &read);
            }
        }
        sources
    }

    /// Adds a crate by its first file, unless there is none; a program's `library` is empty, since
    /// nothing names it.
    pub(crate) fn add(&mut self, library: &str, file: &str, read: Reader) {
        let Some(text) = read(file) else { return };
        let (folder, _) = file.rsplit_once('/').expect("a file in a folder");
        let root = self.modules.len();
        if !library.is_empty() {
            self.libraries.insert(library.to_owned(), root);
        }
        let module = self.start(file, None, root);
        self.read(module, parse(file, &text).items, folder, read);
    }

    fn start(&mut self, file: &str, parent: Option<usize>, root: usize) -> usize {
        let (names, globs, used) = (BTreeMap::new(), Vec::new(), Vec::new());
        self.modules.push(Module { file: file.to_owned(), parent, root, names, globs, used });
        self.modules.len() - 1
    }

    /// Reads the items of a module whose children lie in `folder`.
    fn read(&mut self, module: usize, items: Vec<Item>, folder: &str, read: Reader) {
        for item in items {
            match item {
                Item::Mod(child) if !is_test(&child.attrs) => self.read_child(module, child, folder, read),
                item => Reading(&mut self.modules[module]).item(&item),
            }
        }
    }

    fn read_child(&mut self, module: usize, child: ItemMod, folder: &str, read: Reader) {
        let name = child.ident.to_string();
        let parent = &self.modules[module];
        let (file, root) = (parent.file.clone(), parent.root);
        let inner = format!("{folder}/{name}");
        let index = if let Some((_, items)) = child.content {
            let index = self.start(&file, Some(module), root);
            self.read(index, items, &inner, read);
            index
        } else {
            let (file, text, inner) = found(&child.attrs, &file, &inner, read);
            let index = self.start(&file, Some(module), root);
            self.read(index, parse(&file, &text).items, &inner, read);
            index
        };
        self.modules[module].names.entry(name).or_default().push(Meaning::Module(index));
    }

    /// Every file that was read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        let files: BTreeSet<&str> = self.modules.iter().map(|module| module.file.as_str()).collect();
        files.into_iter()
    }

    /// Where the names that each file uses are defined, other files only. A child may
    /// use what the modules that it lies in define, so that is left out.
    pub(crate) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (index, module) in self.modules.iter().enumerate() {
            let above: BTreeSet<&str> = self.around(index).collect();
            let from = arrows.entry(module.file.clone()).or_default();
            for target in module.used.iter().flat_map(|path| self.resolve(index, path, 0)) {
                if let Target::Defined(file, name) = target
                    && !above.contains(file.as_str())
                {
                    from.entry(file).or_default().insert(name);
                }
            }
        }
        arrows
    }

    /// The file of a module and those of the modules that it lies in.
    fn around(&self, module: usize) -> impl Iterator<Item = &str> {
        let modules = std::iter::successors(Some(&self.modules[module]), |module| Some(&self.modules[module.parent?]));
        modules.map(|module| module.file.as_str())
    }

    /// Every path that a file uses, written out from its crate: `std::io::stdout` also where the
    /// file says `io::stdout`.
    pub(crate) fn paths(&self) -> BTreeSet<(String, String)> {
        let written = |module: &Module, path: &Names| {
            let mut path = path.clone();
            if let Some(Meaning::Alias(whole)) = module.names.get(&path[0]).and_then(|meanings| meanings.last()) {
                path.splice(..1, whole.iter().cloned());
            }
            (module.file.clone(), path.join("::"))
        };
        let aliases = |module: &Module| {
            let meanings = module.names.values().flatten();
            let paths = meanings
                .filter_map(|meaning| if let Meaning::Alias(path) = meaning { Some(path.join("::")) } else { None });
            paths.map(|path| (module.file.clone(), path)).collect::<Vec<_>>()
        };
        let used = self.modules.iter().flat_map(|module| module.used.iter().map(move |path| written(module, path)));
        used.chain(self.modules.iter().flat_map(aliases)).collect()
    }

    /// What a path leads to from within a module. The depth bounds names that are defined by each
    /// other.
    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Vec<Target> {
        if depth > 8 {
            return Vec::new();
        }
        let mut targets = match path[0].as_str() {
            "crate" => vec![Target::Module(self.modules[module].root)],
            "self" => vec![Target::Module(module)],
            "super" => self.modules[module].parent.map(Target::Module).into_iter().collect(),
            name => self.look_up(module, name, depth),
        };
        if targets.is_empty() {
            targets.extend(self.libraries.get(&path[0]).map(|root| Target::Module(*root)));
        }
        for name in &path[1..] {
            let is_module = |target: &Target| matches!(target, Target::Module(_));
            if targets.iter().any(is_module) {
                targets.retain(is_module);
            }
            targets = targets.into_iter().flat_map(|target| self.step(target, name, depth)).collect();
        }
        targets
    }

    fn step(&self, target: Target, name: &str, depth: usize) -> Vec<Target> {
        match target {
            Target::Module(module) if name == "super" => {
                self.modules[module].parent.map(Target::Module).into_iter().collect()
            }
            Target::Module(module) => self.look_up(module, name, depth),
            // A variant or an associated function: the type decides.
            defined @ Target::Defined(..) => vec![defined],
        }
    }

    fn look_up(&self, index: usize, name: &str, depth: usize) -> Vec<Target> {
        let module = &self.modules[index];
        let meant = |meaning: &Meaning| match meaning {
            Meaning::Here => vec![Target::Defined(module.file.clone(), name.to_owned())],
            Meaning::Module(child) => vec![Target::Module(*child)],
            Meaning::Alias(path) => self.resolve(index, path, depth + 1),
        };
        if let Some(meanings) = module.names.get(name) {
            return meanings.iter().flat_map(meant).collect();
        }
        let through = |glob: &Names| {
            let modules = self.resolve(index, glob, depth + 1);
            modules.into_iter().filter(|target| matches!(target, Target::Module(_))).collect::<Vec<_>>()
        };
        let modules = if depth > 8 { Vec::new() } else { module.globs.iter().flat_map(through).collect() };
        modules.into_iter().flat_map(|target| self.step(target, name, depth + 1)).collect()
    }
}

/// Names in a folder, in order; none where it is missing.
fn folder(path: &Path) -> Vec<String> {
    let items = fs::read_dir(path).into_iter().flatten();
    let mut names: Vec<String> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn parse(file: &str, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The file of a child module, its text, and the folder of its own children.
fn found(attributes: &[Attribute], parent: &str, inner: &str, read: Reader) -> (String, String, String) {
    let named = attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => Some(literal(&pair.value)),
        _ => None,
    });
    let candidates = match named {
        Some(path) => vec![sibling(parent, &path)],
        None => vec![format!("{inner}.rs"), format!("{inner}/mod.rs")],
    };
    for file in candidates {
        if let Some(text) = read(&file) {
            let inner = file.strip_suffix("/mod.rs").or(file.strip_suffix(".rs")).expect("a Rust file").to_owned();
            return (file, text, inner);
        }
    }
    panic!("{parent}: there is no file for the module in {inner}")
}

fn literal(value: &syn::Expr) -> String {
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => text.value(),
        _ => panic!("`#[path]` has a string"),
    }
}

/// A path that is given from the folder of a file, without `..`.
fn sibling(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}
