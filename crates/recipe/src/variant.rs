//! Variants: a YAML overlay on a shipped recipe. It is data without code, so an untrusted variant is safe to run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Recipe, RecipeError, Terms};
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::hint::{self, Hint};
use hlb_core::text::{Id, SafeText, show};
use hlb_core::tree::{self, Change};
use hlb_core::yaml::{self, Source, YamlError};

macro_rules! recipes {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../../recipes/", $name, ".yaml")))),*] };
}

/// The shipped recipes. Each is a whole one, or an overlay on one that stands before it.
const SHIPPED: [(&str, &str); 32] = recipes![
    "hlb-shapes",
    "hlb-fashion-mnist",
    "hlb-cifar10",
    "hlb-cifar10-fixed",
    "hlb-cifar10-v0.5.0",
    "hlb-cifar10-v0.6.0",
    "hlb-cifar10-v0.7.0",
    "hlb-cifar10-v0.7.0-r2",
    "airbench94",
    "airbench94-r2",
    "airbench94-muon",
    "airbench94-muon-r2",
    "airbench95",
    "airbench95-r2",
    "airbench96",
    "airbench96-r2",
    "hiverge",
    "hiverge-r2",
    "hiverge-2025-09",
    "fulcrum-e1",
    "resnet9-dawnbench",
    "resnet9",
    "resnet9-shapes",
    "resnet9-fashion-mnist",
    "airbench-shapes",
    "airbench-fashion-mnist",
    "muon-shapes",
    "muon-shapes-short",
    "muon-fashion-mnist",
    "hlb-imagenette",
    "hlb-imagenette-fixed",
    "hlb-imagenette-128",
];

/// A shipped recipe file.
#[derive(Debug, Clone, Deserialize)]
struct Layer {
    /// Recipe that it is laid over; none if it is whole.
    #[serde(default)]
    extends: Option<String>,
    #[serde(flatten)]
    changes: Map<String, Value>,
}

/// Names of files or recipes, and what each sets, the lowest first.
type Layers = Vec<(String, Value)>;

/// Every shipped recipe with its layers.
static RECIPES: LazyLock<BTreeMap<&str, (Recipe, Layers)>> = LazyLock::new(|| {
    let mut recipes: BTreeMap<&str, (Recipe, Layers)> = BTreeMap::new();
    for (name, text) in SHIPPED {
        let source = sound(name, Source::new(text.as_bytes(), name));
        let layer: Layer = sound(name, source.parse());
        let mut layers = layer.extends.map_or_else(Vec::new, |base| recipes[base.as_str()].1.clone());
        layers.push((name.to_owned(), Value::Object(layer.changes)));
        let recipe = sound(name, source.fill(stacked(&layers)));
        recipes.insert(name, (recipe, layers));
    }
    recipes
});

fn sound<T>(name: &str, read: Result<T, YamlError>) -> T {
    read.unwrap_or_else(|error| panic!("recipes/{name}.yaml is shipped, and a test reads it: {error}"))
}

/// The layers laid over each other.
fn stacked(layers: &[(String, Value)]) -> Value {
    let mut settings = Value::Object(Map::new());
    for (_, changes) in layers {
        lay_over(&mut settings, changes.clone());
    }
    settings
}

/// A submission as its author wrote it.
#[derive(Debug, Clone)]
pub struct Variant {
    /// What it says of itself.
    pub header: Header,
    source: Source,
}

/// What a variant says of itself, and the keys it changes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Header {
    /// Name in paths and tables.
    pub name: Id,
    /// Who made it.
    pub authors: Vec<SafeText<80>>,
    /// The idea in a sentence.
    pub description: SafeText<400>,
    /// Shipped recipe that it is laid over.
    pub extends: String,
    /// The keys that differ.
    #[serde(flatten)]
    pub changes: Map<String, Value>,
}

/// A variant that cannot be turned into a recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum VariantError {
    /// Not YAML that we accept, or a header key is wrong.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A value out of range, a contradiction, or a key that breaks a rule of variants.
    #[error("{shown_name}:{place} {problem}")]
    Rule { shown_name: String, place: String, problem: String, hint: Option<String> },
}

impl VariantError {
    fn rule(source: &Source, problem: String, hint: Option<String>) -> Self {
        Self::Rule { shown_name: source.name().to_owned(), place: String::new(), problem, hint }
    }
}

impl Hint for VariantError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Yaml(error) => error.hint(),
            Self::Rule { hint, .. } => hint.clone(),
        }
    }
}

/// Names of the shipped recipes.
pub fn recipe_names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

/// The newest revision of a shipped recipe, where it is not this one.
///
/// A recipe never changes under its name, since entries name it: `NAME-r2` is the second revision of `NAME`.
pub fn newer_revision(name: &str) -> Option<&'static str> {
    let (base, own) = revision(name);
    let others = SHIPPED.iter().map(|(other, _)| *other).filter(|other| revision(other).0 == base);
    others.max_by_key(|other| revision(other).1).filter(|newest| revision(newest).1 > own)
}

/// A recipe's name without its revision, and the revision.
fn revision(name: &str) -> (&str, u32) {
    let parts = name.rsplit_once("-r").and_then(|(base, number)| Some((base, number.parse().ok()?)));
    parts.unwrap_or((name, 1))
}

/// The shipped recipe of this name.
pub fn shipped(name: &str) -> Option<Recipe> {
    RECIPES.get(name).map(|(recipe, _)| recipe.clone())
}

impl Variant {
    /// Reads a variant; nothing of it is resolved yet. `shown_name` is its file in messages.
    pub fn parse(bytes: &[u8], shown_name: &str) -> Result<Self, VariantError> {
        let source = Source::new(bytes, shown_name)?;
        let header: Header = source.parse()?;
        let count = header.authors.len();
        if (1..=20).contains(&count) {
            return Ok(Self { header, source });
        }
        Err(VariantError::rule(&source, format!("`authors` lists {count} names, has to list 1 to 20"), None))
    }

    /// A variant that is a part of another file, such as a study, which names the authors. The values of `layers` are laid over
    /// each other in this order; `source` is that file.
    pub fn part(
        name: Id,
        description: SafeText<400>,
        extends: String,
        layers: &[&Map<String, Value>],
        source: Source,
    ) -> Self {
        let mut changes = Value::Object(Map::new());
        for layer in layers {
            lay_over(&mut changes, Value::Object((*layer).clone()));
        }
        let Value::Object(changes) = changes else { unreachable!("a mapping laid over a mapping is one") };
        Self { header: Header { name, authors: Vec::new(), description, extends, changes }, source }
    }

    /// The recipe in `extends`, before any change.
    pub fn base(&self) -> Result<Recipe, VariantError> {
        let extends = &self.header.extends;
        shipped(extends).ok_or_else(|| {
            let problem = format!("`extends`: there is no recipe `{}`", show(extends));
            let nearest = hint::nearest(extends, recipe_names().iter().copied());
            let question = nearest.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
            let hint = format!("{question}`hlb-bench recipe list` prints the shipped recipes");
            VariantError::rule(&self.source, problem, Some(hint))
        })
    }

    /// The recipe with the changes laid over it; its ranges are checked against `terms`.
    pub fn resolve(&self, terms: Terms) -> Result<Recipe, VariantError> {
        let base = self.base()?;
        if self.header.changes.contains_key("track") {
            let problem = "`track` comes with the recipe in `extends` and cannot be changed".to_owned();
            let hint = "delete the key, or extend the recipe of that track";
            return Err(VariantError::rule(&self.source, problem, Some(hint.to_owned())));
        }
        let mut settings = tree::of(&base);
        lay_over(&mut settings, Value::Object(self.header.changes.clone()));
        let recipe: Recipe = self.source.fill(settings)?;
        recipe.check(terms).map_err(|error| self.placed(&error))?;
        Ok(recipe)
    }

    /// A recipe's error with the place of its key in the file.
    fn placed(&self, error: &RecipeError) -> VariantError {
        let place = error.paths.iter().find_map(|path| self.source.locate(path));
        let place = place.map_or_else(String::new, |place| format!("{place}:"));
        let (shown_name, problem) = (self.source.name().to_owned(), error.to_string());
        VariantError::Rule { shown_name, place, problem, hint: None }
    }
}

/// Lays `over` on `base`: mappings are merged, everything else replaced. A mapping whose `kind` changes is
/// replaced as a whole, since another kind has other keys.
fn lay_over(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) if same_kind(base, &over) => {
            for (key, value) in over {
                lay_over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

fn same_kind(base: &Map<String, Value>, over: &Map<String, Value>) -> bool {
    over.get("kind").is_none_or(|kind| base.get("kind") == Some(kind))
}

/// The canonical text of a recipe: what is kept in an entry, and what [`digest`] is taken of.
pub fn canonical(recipe: &Recipe) -> String {
    yaml::emit(recipe).expect("a recipe holds only finite numbers and strings as keys")
}

/// SHA-256 of the canonical text.
pub fn digest(recipe: &Recipe) -> Sha256Hex {
    let text = yaml::emit_unread(recipe).expect("a recipe holds only finite numbers and strings as keys");
    sha256_hex(text.as_bytes())
}

/// The keys in which two recipes differ.
pub fn differences(before: &Recipe, after: &Recipe) -> Vec<Change> {
    tree::differences(&tree::of(before), &tree::of(after))
}

/// A recipe, and the origin of each of its values.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The recipe.
    pub recipe: Recipe,
    layers: Layers,
    source: Option<Source>,
}

impl Resolved {
    /// A shipped recipe.
    pub fn shipped(name: &str) -> Option<Self> {
        RECIPES.get(name).map(|(recipe, layers)| Self { recipe: recipe.clone(), layers: layers.clone(), source: None })
    }

    /// What a variant resolved to.
    pub fn variant(variant: &Variant, recipe: Recipe) -> Self {
        let base = RECIPES.get(variant.header.extends.as_str());
        let mut layers = base.map_or_else(Vec::new, |(_, layers)| layers.clone());
        layers.push((variant.source.name().to_owned(), Value::Object(variant.header.changes.clone())));
        Self { recipe, layers, source: Some(variant.source.clone()) }
    }

    /// Every value that is not a default, with its origin, in the order of the key paths.
    pub fn origins(&self) -> Vec<(String, String, String)> {
        let leaves = tree::leaves(&tree::of(&self.recipe));
        leaves.into_iter().map(|(path, value)| (path.clone(), value, self.origin(&path))).collect()
    }

    /// The origin of the value under `path`: a place in the variant's file, a shipped recipe, or a default.
    pub fn origin(&self, path: &str) -> String {
        let sets = |(_, changes): &&(String, Value)| tree::leaves(changes).contains_key(path);
        let Some((layer, _)) = self.layers.iter().rev().find(sets) else { return "default".to_owned() };
        let place = self.source.as_ref().filter(|source| source.name() == layer);
        match place.and_then(|source| source.locate(path)) {
            Some(place) => format!("{layer}:{place}"),
            None => layer.clone(),
        }
    }
}
