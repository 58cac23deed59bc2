//! Settings and figures as trees: which keys differ between two of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// One key whose value differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Key path, such as `optimizer.weights.lr`.
    pub path: String,
    /// Value in the first tree, `-` where it has no such key.
    pub before: String,
    /// Value in the second tree, `-` where it has no such key.
    pub after: String,
}

/// A value as a tree.
pub fn of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("our types have finite numbers, and strings as keys")
}

/// The keys whose values differ, in the order of their paths.
pub fn differences(before: &Value, after: &Value) -> Vec<Change> {
    let (before, after) = (leaves(before), leaves(after));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |tree: &BTreeMap<String, String>, path: &String| tree.get(path).map_or("-", String::as_str).to_owned();
    let change =
        |path: &String| Change { path: path.clone(), before: value(&before, path), after: value(&after, path) };
    paths.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// Every value that is not a mapping, by its key path.
pub fn leaves(tree: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(tree, String::new(), &mut found);
    found
}

/// Mappings and lists of mappings are descended into; a list of plain values is one leaf.
fn collect(tree: &Value, path: String, found: &mut BTreeMap<String, String>) {
    match tree {
        Value::Object(map) => {
            for (key, value) in map {
                let deeper = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, deeper, found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, format!("{path}[{index}]"), found);
            }
        }
        Value::String(text) => {
            found.insert(path, text.clone());
        }
        other => {
            found.insert(path, other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_the_key_and_both_values() {
        let before = json!({"a": {"b": 1, "c": "x"}, "d": [1, 2], "e": null});
        let after = json!({"a": {"b": 2, "c": "x"}, "d": [1, 3], "f": true});
        let found: Vec<String> = differences(&before, &after)
            .iter()
            .map(|change| format!("{}: {} -> {}", change.path, change.before, change.after))
            .collect();
        assert_eq!(found, ["a.b: 1 -> 2", "d: [1,2] -> [1,3]", "e: null -> -", "f: - -> true"]);
    }

    #[test]
    fn equal_trees_have_no_differences() {
        let tree = json!({"runs": [{"run": 1}, {"run": 2}]});
        assert_eq!(differences(&tree, &tree), []);
    }
}
