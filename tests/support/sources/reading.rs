//! What the items of a module define and use.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemUse, Macro, UseTree, Visibility};

use crate::support::sources::{Meaning, Module, Names};

pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    let says_test = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    };
    attributes.iter().any(says_test)
}

/// Collects what the items of a module define and use.
pub(super) struct Reading<'a>(pub(super) &'a mut Module);

impl Reading<'_> {
    pub(super) fn item(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Macro(item) => item.ident.as_ref(),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(name) = name.filter(|_| !is_test(item_attributes(item))) {
            self.0.names.entry(name.to_string()).or_default().push(Meaning::Here);
        }
        self.visit_item(item);
    }

    /// Adds the names of a `use`. A re-export is not a use: the file that uses the name depends on
    /// the one that defines it.
    fn import(&mut self, before: &[String], tree: &UseTree, is_reexport: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (name, path) = match tree {
            UseTree::Path(path) => return self.import(&with(&path.ident), &path.tree, is_reexport),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(before, tree, is_reexport));
            }
            UseTree::Glob(_) => {
                self.0.globs.push(before.to_vec());
                return self.use_unless(is_reexport, before.to_vec());
            }
            UseTree::Name(name) if name.ident == "self" => (before.last().expect("a path").clone(), before.to_vec()),
            UseTree::Name(name) => (name.ident.to_string(), with(&name.ident)),
            UseTree::Rename(name) => (name.rename.to_string(), with(&name.ident)),
        };
        self.use_unless(is_reexport, path.clone());
        self.0.names.entry(name).or_default().push(Meaning::Alias(path));
    }

    fn use_unless(&mut self, is_reexport: bool, path: Names) {
        if !is_reexport {
            self.0.used.push(path);
        }
    }

    /// Paths in tokens that `syn` does not read: `a::b`, single names that are not fields, macros as
    /// `name!`.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is =
            |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
        let mut at = 0;
        while at < tokens.len() {
            let is_field = at > 0 && is(at - 1, '.') && !(at > 1 && is(at - 2, '.'));
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) if !is_field => {
                    let mut path = vec![first.to_string()];
                    while let (true, true, Some(TokenTree::Ident(next))) =
                        (is(at + 1, ':'), is(at + 2, ':'), tokens.get(at + 3))
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    if is(at + 1, '!') && !is(at + 2, '=') {
                        path.last_mut().expect("a name").push('!');
                    }
                    self.0.used.push(path);
                }
                _ => {}
            }
            at += 1;
        }
    }
}

fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reading<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, method: &'ast ImplItemFn) {
        if !is_test(&method.attrs) {
            visit::visit_impl_item_fn(self, method);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&[], &item.tree, !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.used.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, used: &'ast Macro) {
        let mut path: Names = used.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        path.last_mut().expect("a macro has a name").push('!');
        self.0.used.push(path);
        self.tokens(used.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}
