//! `hlb-bench recipe`: shipped recipes, and what a variant resolves to.

use std::path::Path;

use anyhow::Result;

use crate::cli::RecipeCommand;
use crate::command::Answer;
use crate::command::measure::{self, read_variant};
use crate::printer::{answer, answer_text, note};
use crate::recipe::Recipe;
use crate::variant;

/// Runs the command.
pub(super) fn recipe(command: &RecipeCommand) -> Result<Answer> {
    match command {
        RecipeCommand::List => variant::recipe_names().into_iter().for_each(answer),
        RecipeCommand::Show { recipe, json } => {
            let recipe = resolve(recipe)?;
            if *json {
                answer(&serde_json::to_string(&recipe)?);
            } else {
                answer_text(&variant::canonical(&recipe));
            }
            note(&format!("sha256 {}", variant::digest(&recipe)));
        }
        RecipeCommand::Diff { before, after } => {
            for change in variant::differences(&resolve(before)?, &resolve(after)?) {
                answer(&format!("{}: {} -> {}", change.path, change.before, change.after));
            }
        }
    }
    Ok(Answer::Done)
}

/// A shipped recipe by its name, else a variant by its file.
fn resolve(named: &str) -> Result<Recipe> {
    if let Some(recipe) = variant::shipped(named) {
        return Ok(recipe);
    }
    let bytes = read_variant(Path::new(named))?;
    Ok(measure::resolve(bytes, &crate::text::show(named), None)?.recipe)
}
