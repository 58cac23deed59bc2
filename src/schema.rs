//! JSON schemas of the files that people write, made from the types that read them, so that an
//! editor completes and explains each key. They are kept in `schemas/`, and a test compares them.

use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use hlb_board::external::ExternalResults;
use hlb_board::retractions_schema;
use hlb_data::Manifest;
use hlb_data::track::Track;
use hlb_machine::peak;
use hlb_machine::price;
use hlb_recipe::Recipe;
use hlb_result::runners_schema;
use hlb_study::StudyFile;

/// Kind of file.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Subject {
    /// A variant
    Variant,
    /// A shipped recipe
    Recipe,
    /// A track
    Track,
    /// A study
    Study,
    /// A table of external results
    #[value(name = "history")]
    ExternalResults,
    /// The manifest of a data set
    Dataset,
    /// A table of prices
    Prices,
    /// The table of GPUs' peak throughput
    Peaks,
    /// The list of retracted entries
    Withdrawn,
    /// The list of a board's runners
    Runners,
}

/// The schema's text.
pub(crate) fn text(subject: Subject) -> String {
    let schema = match subject {
        Subject::Variant => variant(),
        Subject::Recipe => recipe(),
        Subject::Track => schema_of::<Track>(),
        Subject::Study => study(),
        Subject::ExternalResults => schema_of::<ExternalResults>(),
        Subject::Dataset => schema_of::<Manifest>(),
        Subject::Prices => price::schema(),
        Subject::Peaks => peak::schema(),
        Subject::Withdrawn => retractions_schema(),
        Subject::Runners => runners_schema(),
    };
    serde_json::to_string_pretty(&schema).expect("a schema holds only strings as keys") + "\n"
}

/// The keys of a recipe, all optional: the recipe that is extended has the missing ones.
fn overlay() -> Value {
    let mut schema = schema_of::<Recipe>();
    make_optional(&mut schema);
    schema
}

/// An overlay of this title with more keys before those of a recipe.
fn titled_overlay(title: &str, keys: Value) -> Value {
    let mut schema = overlay();
    schema["title"] = json!(title);
    if let (Some(properties), Value::Object(keys)) = (schema["properties"].as_object_mut(), keys) {
        properties.extend(keys);
    }
    schema
}

fn recipe() -> Value {
    let extends = json!({"type": "string", "description": "Recipe that this one is laid over."});
    titled_overlay("A recipe that hlb-bench ships", json!({"extends": extends}))
}

fn variant() -> Value {
    let keys = json!({
        "name": {"description": "Name in paths and tables.", "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
        "authors": {
            "description": "Who made it.", "type": "array", "items": {"type": "string", "maxLength": 80}, "minItems": 1, "maxItems": 20
        },
        "description": {"description": "The idea in a sentence.", "type": "string", "maxLength": 400},
        "extends": {"description": "Shipped recipe that it is laid over.", "enum": hlb_recipe::variant::recipe_names()},
    });
    let mut schema = titled_overlay("A variant for hlb-bench", keys);
    schema["description"] =
        json!("A shipped recipe and the keys that differ; keys that are left out are the recipe's.");
    remove_track(&mut schema);
    schema["required"] = json!(["name", "authors", "description", "extends"]);
    schema
}

/// Only a shipped recipe names its track.
fn remove_track(overlay: &mut Value) {
    if let Some(properties) = overlay["properties"].as_object_mut() {
        properties.remove("track");
    }
}

fn study() -> Value {
    let (mut schema, mut changes) = (StudyFile::schema(), overlay());
    schema["title"] = json!("A study for hlb-bench");
    if let (Some(all), Some(Value::Object(more))) =
        (schema["$defs"].as_object_mut(), changes.get_mut("$defs").map(Value::take))
    {
        all.extend(more);
    }
    remove_track(&mut changes);
    schema["$defs"]["Changes"] =
        json!({"type": "object", "properties": changes["properties"], "additionalProperties": false});
    let entry = &mut schema["$defs"]["VariantEntry"]["properties"];
    entry["changes"]["$ref"] = json!("#/$defs/Changes");
    entry["changes_on"]["additionalProperties"] = json!({"$ref": "#/$defs/Changes"});
    schema
}

fn schema_of<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

/// Removes `required` from every mapping. Where `kind` is left out, the extended recipe has it and
/// the schema cannot know it, so the keys may be those of any kind: `oneOf` becomes `anyOf`.
fn make_optional(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("required");
            if let Some(kinds) = map.remove("oneOf") {
                map.insert("anyOf".to_owned(), kinds);
            }
            map.values_mut().for_each(make_optional);
        }
        Value::Array(items) => items.iter_mut().for_each(make_optional),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    /// Set `UPDATE_SCHEMAS` to write them anew.
    #[test]
    fn the_schemas_are_fresh() {
        for subject in Subject::value_variants() {
            let name = subject.to_possible_value().unwrap();
            let path =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{}.json", name.get_name()));
            let text = text(*subject);
            if std::env::var_os("UPDATE_SCHEMAS").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                found == text,
                "{} is stale: run `UPDATE_SCHEMAS=1 cargo test -p hlb-bench schemas`",
                path.display()
            );
        }
    }
}
