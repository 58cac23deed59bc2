//! JSON schemas of the files that people write, made from the types that read them, so that an editor completes and explains
//! each key. They lie in `schemas/`; a test keeps them fresh.

use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use crate::dataset::Manifest;
use crate::history::History;
use crate::leaderboard::retractions_schema;
use crate::recipe::Recipe;
use crate::study::StudyFile;
use crate::track::Track;
use crate::{peak, price};

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Subject {
    /// A variant.
    Variant,
    /// A shipped recipe.
    Recipe,
    /// A track.
    Track,
    /// A study.
    Study,
    /// A board of published results.
    History,
    /// The manifest of a data set.
    Dataset,
    /// A table of prices.
    Prices,
    /// The table of what GPUs compute at most.
    Peaks,
    /// The list of entries that no longer count.
    Withdrawn,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Variant,
        Self::Recipe,
        Self::Track,
        Self::Study,
        Self::History,
        Self::Dataset,
        Self::Prices,
        Self::Peaks,
        Self::Withdrawn,
    ];

    /// Name of its file in `schemas/`.
    pub fn file(self) -> &'static str {
        match self {
            Self::Variant => "variant.json",
            Self::Recipe => "recipe.json",
            Self::Track => "track.json",
            Self::Study => "study.json",
            Self::History => "history.json",
            Self::Dataset => "dataset.json",
            Self::Prices => "prices.json",
            Self::Peaks => "peaks.json",
            Self::Withdrawn => "withdrawn.json",
        }
    }
}

/// The schema's text.
pub fn text(subject: Subject) -> String {
    let schema = match subject {
        Subject::Variant => variant(),
        Subject::Recipe => recipe(),
        Subject::Track => schema_of::<Track>(),
        Subject::Study => study(),
        Subject::History => schema_of::<History>(),
        Subject::Dataset => schema_of::<Manifest>(),
        Subject::Prices => price::schema(),
        Subject::Peaks => peak::schema(),
        Subject::Withdrawn => retractions_schema(),
    };
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema holds only strings as keys");
    text.push('\n');
    text
}

/// The keys of a recipe, none of which has to be there: what is missing is that of the recipe laid under it.
fn overlay() -> Value {
    let mut schema = schema_of::<Recipe>();
    nothing_is_required(&mut schema);
    schema
}

fn recipe() -> Value {
    let mut schema = overlay();
    schema["title"] = json!("A recipe that hlb-bench ships");
    schema["properties"]["extends"] = json!({"type": "string", "description": "Recipe that this one is laid over."});
    schema
}

fn variant() -> Value {
    let mut schema = overlay();
    schema["title"] = json!("A variant for hlb-bench");
    schema["description"] =
        json!("A shipped recipe and the keys that differ; keys that are left out are the recipe's.");
    let properties = &mut schema["properties"];
    properties["name"] = json!({
        "description": "Name in paths and tables.", "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"
    });
    properties["authors"] = json!({
        "description": "Who made it.", "type": "array", "items": {"type": "string", "maxLength": 80}, "minItems": 1, "maxItems": 20
    });
    properties["description"] = json!({"description": "The idea in a sentence.", "type": "string", "maxLength": 400});
    properties["extends"] = json!({
        "description": "Shipped recipe that it is laid over.", "enum": crate::variant::recipe_names()
    });
    // The track comes with the recipe.
    if let Some(properties) = properties.as_object_mut() {
        properties.remove("track");
    }
    schema["required"] = json!(["name", "authors", "description", "extends"]);
    schema
}

fn study() -> Value {
    let (mut schema, mut changes) = (StudyFile::schema(), overlay());
    schema["title"] = json!("A study for hlb-bench");
    if let (Some(all), Some(Value::Object(more))) =
        (schema["$defs"].as_object_mut(), changes.get_mut("$defs").map(Value::take))
    {
        all.extend(more);
    }
    if let Some(properties) = changes["properties"].as_object_mut() {
        properties.remove("track");
    }
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

/// Takes `required` off every mapping. A mapping without its `kind` is of the kind laid under it, which the schema does not know:
/// it may be any one that has these keys, so `oneOf` becomes `anyOf`.
fn nothing_is_required(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("required");
            if let Some(kinds) = map.remove("oneOf") {
                map.insert("anyOf".to_owned(), kinds);
            }
            map.values_mut().for_each(nothing_is_required);
        }
        Value::Array(items) => items.iter_mut().for_each(nothing_is_required),
        _ => {}
    }
}
