//! `hlb-bench recipe`: shipped recipes, and what a variant resolves to.

use std::path::Path;

use crate::args::RecipeCommand;
use crate::schema;
use crate::terminal::{answer, answer_json, answer_text, note};
use hlb_core::hint::{Result, bail};
use hlb_core::text;
use hlb_core::tree::Change;
use hlb_recipe::variant::{self, Resolved};
use hlb_session::ResolvedVariant;

/// Runs the command.
pub(super) fn recipe(command: &RecipeCommand) -> Result<()> {
    match command {
        RecipeCommand::List => variant::recipe_names().into_iter().for_each(|name| answer(&listed(name))),
        RecipeCommand::Show { recipe, json, origins } => show(&resolve(recipe)?, *json, *origins)?,
        RecipeCommand::Diff { before, after } => diff(&resolve(before)?, &resolve(after)?),
        RecipeCommand::Schema { of } => answer_text(&schema::text(*of)),
    }
    Ok(())
}

/// A recipe's name, and its newest revision if that is another.
fn listed(name: &str) -> String {
    variant::newer_revision(name).map_or_else(|| name.to_owned(), |newer| format!("{name}  (superseded by {newer})"))
}

fn show(resolved: &Resolved, json: bool, origins: bool) -> Result<()> {
    let recipe = &resolved.recipe;
    if origins {
        for (path, value, origin) in resolved.origins() {
            answer(&format!("{path}: {value}  ({origin})"));
        }
    } else if json {
        answer_json(&serde_json::to_string(recipe)?);
    } else {
        answer_text(&variant::canonical(recipe));
    }
    note(&format!("sha256 {}; keys that are not listed have their defaults", variant::digest(recipe)));
    Ok(())
}

/// What differs, with the origin of either value.
fn diff(before: &Resolved, after: &Resolved) {
    for Change { path, before: old, after: new } in variant::differences(&before.recipe, &after.recipe) {
        answer(&format!("{path}: {old} ({}) -> {new} ({})", before.origin(&path), after.origin(&path)));
    }
}

/// A shipped recipe by its name, else a variant by its file.
fn resolve(named: &str) -> Result<Resolved> {
    if let Some(resolved) = Resolved::shipped(named) {
        return Ok(resolved);
    }
    let path = Path::new(named);
    if !path.exists() {
        bail!("`{}` is neither a file nor a shipped recipe; `hlb-bench recipe list` prints those", text::show(named));
    }
    let resolved = ResolvedVariant::read(path, None)?;
    Ok(Resolved::variant(&resolved.variant, resolved.recipe))
}
