//! Everything shipped loads: recipes, variants, tracks, data sets.

use std::path::Path;

use hlb_data::task::Task;
use hlb_data::track;
use hlb_recipe::variant;

#[test]
fn every_track_has_its_reference_and_its_data_set() {
    for track in track::all() {
        let task = Task::published(track.clone());
        let reference = variant::shipped(&track.reference).unwrap();
        assert_eq!(reference.track, track.id);
        reference.check(task.terms()).unwrap();
    }
}

#[test]
fn every_shipped_variant_resolves_to_a_recipe_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("variants");
    let mut digests = Vec::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let variant = variant::Variant::parse(&std::fs::read(&path).unwrap(), &path.to_string_lossy()).unwrap();
        let track = track::by_id(&variant.base().unwrap().track).unwrap();
        let recipe = variant.resolve(Task::published(track).terms()).unwrap();
        digests.push(variant::digest(&recipe));
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert!(count >= 4 && digests.len() == count);
}

#[test]
fn two_overlays_that_resolve_to_the_same_recipe_have_the_same_digest() {
    let resolve = |changes: &str| {
        let text = format!("{}{changes}", crate::support::context::VARIANT);
        let variant = variant::Variant::parse(text.as_bytes(), "v.yaml").unwrap();
        variant::digest(&variant.resolve(Task::published(track::by_id("shapes").unwrap()).terms()).unwrap())
    };
    let plain = resolve("");
    assert_eq!(plain, variant::digest(&variant::shipped("hlb-shapes").unwrap()));
    assert_eq!(resolve("loss:\n  label_smoothing: 0.2\n"), plain);
    assert_eq!(resolve("loss: {label_smoothing: 2.0e-01}\nbatch_size: 128\n"), plain);
    assert_ne!(resolve("loss: {label_smoothing: 0.1}\n"), plain);
}
