//! A study as its author wrote it: which variants, on which tracks, how often. Data, never code.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::body::Body;
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::hint::{Context as _, Failure, Result};
use hlb_core::rules::MAX_STUDY_RUNS;
use hlb_core::text::{SafeText, show, show_path};
use hlb_core::yaml::Source;
use hlb_data::task::Task;
use hlb_data::track;
use hlb_recipe::Recipe;
use hlb_recipe::variant::{self, Variant, VariantError};

/// Fewest and most variants.
const VARIANTS: std::ops::RangeInclusive<usize> = 2..=50;

/// A study file that keeps its own rules; what its variants resolve to depends on the track.
#[derive(Debug, Clone)]
pub struct StudyFile {
    pub(crate) body: Body,
    source: Source,
    /// SHA-256 of the file.
    pub(crate) digest: Sha256Hex,
}

impl StudyFile {
    /// Reads a study from the file that the user names.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&bounded::read_named(path, SMALL_CAP)?, &show_path(path))
    }

    /// Reads a study; `shown_name` is its file in messages.
    pub fn parse(bytes: &[u8], shown_name: &str) -> Result<Self> {
        let source = Source::new(bytes, shown_name)?;
        let body = source.parse()?;
        let file = Self { body, source, digest: sha256_hex(bytes) };
        file.check()?;
        Ok(file)
    }

    /// The schema of such a file; what may stand under `changes` is the recipe's to say.
    pub fn schema() -> Value {
        schemars::schema_for!(Body).to_value()
    }

    /// The track asked for, which has to be one of the study's, or its first.
    pub fn choose_track(&self, asked: Option<&str>) -> Result<&str> {
        let tracks = &self.body.tracks;
        let wanted = asked.unwrap_or(&tracks[0]);
        tracks.iter().find(|track| *track == wanted).map(String::as_str).ok_or_else(|| {
            let known = tracks.iter().map(|track| format!("`{track}`")).collect::<Vec<_>>().join(", ");
            Failure::new(format!("the study has no track `{}`; it has {known}", show(wanted)))
                .with_hint("name one of them with --track, or add it to `tracks` in the file")
        })
    }

    /// The recipe of a variant on a track, resolved as that of a variant file is.
    pub(crate) fn resolve(&self, index: usize, task: &Task) -> Result<Recipe> {
        let entry = &self.body.variants[index];
        let named = |error: VariantError| {
            let words = format!("{error} (in variant `{}`)", entry.name);
            Err(error).context(words)
        };
        let variant = self.variant(index, &task.track.id, &task.track.reference);
        let base = variant.base().or_else(named)?;
        if base.track != task.track.id {
            let problem = format!("is a recipe of track `{}`, but the study is run on `{}`", base.track, task.track.id);
            return Err(self.rule(&format!("variants[{index}]"), "extends", &problem));
        }
        variant.resolve(task.terms()).or_else(named)
    }

    fn variant(&self, index: usize, track: &str, reference: &str) -> Variant {
        let (entry, steps) = (&self.body.variants[index], self.steps_to(index));
        let (mut layers, mut parts) = (Vec::new(), Vec::new());
        for step in steps.iter().copied() {
            let entry = &self.body.variants[step];
            layers.extend([Some(&entry.changes), entry.changes_on.get(track)].into_iter().flatten());
            let at = format!("variants[{step}]");
            parts.extend([at.clone(), format!("{at}.changes"), format!("{at}.changes_on.{track}")]);
        }
        // A key is looked for where it was set last.
        parts.reverse();
        let description = entry.description.clone().or_else(|| SafeText::cleaned("one of the variants of a study"));
        let first = self.body.variants[steps[0]].extends.as_ref();
        let extends = first.or_else(|| self.body.extends_on.get(track)).map_or(reference, String::as_str);
        Variant::part(
            entry.name.clone(),
            description.expect("a text of ours can be seen"),
            extends.to_owned(),
            &layers,
            self.source.parts(parts),
        )
    }

    /// The variants that this one comes after, the first of them first, and itself.
    fn steps_to(&self, index: usize) -> Vec<usize> {
        let mut steps = vec![index];
        while let Some(before) = self.body.variants[steps[steps.len() - 1]].after.as_ref() {
            // It is an earlier one, so this ends.
            let Some(step) = self.body.variants.iter().position(|entry| entry.name == *before) else { break };
            steps.push(step);
        }
        steps.reverse();
        steps
    }

    fn check(&self) -> Result<()> {
        self.check_tracks()?;
        if !(1..=MAX_STUDY_RUNS).contains(&self.body.runs) {
            return Err(self.rule("", "runs", &format!("is {}, has to be 1 to {MAX_STUDY_RUNS}", self.body.runs)));
        }
        self.check_variants()?;
        self.check_bases()?;
        self.check_published()
    }

    fn check_tracks(&self) -> Result<()> {
        let tracks = &self.body.tracks;
        if tracks.is_empty() {
            return Err(self.rule("", "tracks", "has to list at least one track"));
        }
        for (index, id) in tracks.iter().enumerate() {
            track::by_id(id).map_err(|error| self.rule("", "tracks", &error.to_string()))?;
            if tracks[..index].contains(id) {
                return Err(self.rule("", "tracks", &format!("lists `{id}` twice")));
            }
        }
        Ok(())
    }

    fn check_variants(&self) -> Result<()> {
        let Body { variants, reference, tracks, .. } = &self.body;
        if !VARIANTS.contains(&variants.len()) {
            let problem = format!("lists {} variants, has to list 2 to 50", variants.len());
            return Err(self.rule("", "variants", &problem));
        }
        let mut names = BTreeSet::new();
        for (index, entry) in variants.iter().enumerate() {
            let at = format!("variants[{index}]");
            if !names.insert(entry.name.as_str()) {
                return Err(self.rule(&at, "name", &format!("`{}` is the name of an earlier variant", entry.name)));
            }
            if let Some(stranger) = entry.changes_on.keys().find(|track| !tracks.contains(track)) {
                let problem = format!("`{}` is none of the study's tracks", show(stranger));
                return Err(self.rule(&at, "changes_on", &problem));
            }
        }
        if !names.contains(reference.as_str()) {
            return Err(self.rule("", "reference", &format!("there is no variant `{reference}`")));
        }
        Ok(())
    }

    fn check_bases(&self) -> Result<()> {
        let Body { variants, extends_on, tracks, .. } = &self.body;
        if let Some(stranger) = extends_on.keys().find(|track| !tracks.contains(track)) {
            return Err(self.rule("", "extends_on", &format!("`{}` is none of the study's tracks", show(stranger))));
        }
        for (track, name) in extends_on {
            let recipe = variant::shipped(name);
            if recipe.is_none_or(|recipe| recipe.track != *track) {
                let problem = format!("there is no recipe `{}` of track `{track}`", show(name));
                return Err(self.rule("extends_on", track, &problem));
            }
        }
        for (index, entry) in variants.iter().enumerate() {
            let Some(before) = &entry.after else { continue };
            let at = format!("variants[{index}]");
            if !variants[..index].iter().any(|earlier| earlier.name == *before) {
                return Err(self.rule(&at, "after", &format!("there is no earlier variant `{before}`")));
            }
            if entry.extends.is_some() {
                return Err(self.rule(&at, "extends", &format!("comes with variant `{before}` in `after`")));
            }
        }
        Ok(())
    }

    fn check_published(&self) -> Result<()> {
        let Some(published) = &self.body.published else { return Ok(()) };
        let mut seen = BTreeSet::new();
        for (index, figure) in published.figures.iter().enumerate() {
            let wrong = |key, problem: &str| Err(self.rule(&format!("published.figures[{index}]"), key, problem));
            let name = figure.variant.as_str();
            if !self.body.variants.iter().any(|entry| entry.name == figure.variant) {
                return wrong("variant", &format!("there is no variant `{name}`"));
            }
            if !seen.insert(name) {
                return wrong("variant", &format!("`{name}` has a figure already"));
            }
            if !(0.0..=100.0).contains(&figure.accuracy_percent) {
                return wrong("accuracy_percent", &format!("is {}, has to be 0 to 100", figure.accuracy_percent));
            }
            if figure.seconds.is_some_and(|seconds| !(seconds > 0.0 && seconds.is_finite())) {
                return wrong("seconds", "has to be above 0");
            }
        }
        Ok(())
    }

    /// The error for a key inside the value under a key path; an empty path is the whole file.
    fn rule(&self, within: &str, key: &str, problem: &str) -> Failure {
        let source = self.source.parts(if within.is_empty() { Vec::new() } else { vec![within.to_owned()] });
        let place = source.locate(key).map_or_else(String::new, |place| format!("{place}:"));
        let dot = if within.is_empty() { "" } else { "." };
        Failure::new(format!("{}:{place} `{within}{dot}{key}`: {problem}", self.source.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::VariantEntry;

    const HEAD: &str = "name: s\ntitle: T\ndescription: D\ntracks: [shapes]\nruns: 2\nreference: a\n";

    fn task() -> Task {
        Task::published(track::by_id("shapes").expect("shipped"))
    }

    fn refusal(text: &str) -> String {
        let task = task();
        let file = match StudyFile::parse(text.as_bytes(), "s.yaml") {
            Err(error) => return error.to_string(),
            Ok(file) => file,
        };
        let errors = (0..file.body.variants.len()).filter_map(|index| file.resolve(index, &task).err());
        errors.map(|error| error.to_string()).next().expect("an error")
    }

    #[test]
    fn errors_name_the_place() {
        let variants = "variants:\n  - {name: a}\n  - name: b\n    ";
        let cases = [
            ("variants: [{name: a}]\n", "s.yaml:7:11: `variants`: lists 1 variants, has to list 2 to 50"),
            ("variants: [{name: a}, {name: a}]\n", "s.yaml:7:30: `variants[1].name`: `a` is the name of an earlier"),
            ("variants: [{name: b}, {name: c}]\n", "s.yaml:6:12: `reference`: there is no variant `a`"),
            (&format!("{variants}chagnes: {{}}\n"), "s.yaml:10:5: unknown field `chagnes`"),
            (
                &format!("{variants}changes: {{epochs: 0}}\n"),
                "s.yaml:10:23: `epochs`: is 0, has to be above 0 and at most 1000 (in variant `b`)",
            ),
            (&format!("{variants}changes: {{epochs: x}}\n"), "s.yaml:10:23: invalid type: string \"x\""),
            (&format!("{variants}changes: {{norm: {{ghost: 1}}}}\n"), "s.yaml:10:22: unknown field `ghost`"),
            (&format!("{variants}changes_on: {{shapes: {{epochs: 0}}}}\n"), "s.yaml:10:35: `epochs`: is 0"),
            (&format!("{variants}changes_on: {{cifar10: {{}}}}\n"), "`variants[1].changes_on`: `cifar10` is none of"),
            (
                &format!("{variants}extends: hlb-cifar10\n"),
                "s.yaml:10:14: `variants[1].extends`: is a recipe of track `cifar10`",
            ),
            (&format!("{variants}extends: nothing\n"), "there is no recipe `nothing`"),
            (&format!("{variants}changes: {{track: shapes}}\n"), "`track` comes with the recipe"),
            (&format!("{variants}after: c\n"), "s.yaml:10:12: `variants[1].after`: there is no earlier variant `c`"),
            ("variants: [{name: a, after: a}, {name: b}]\n", "`variants[0].after`: there is no earlier variant `a`"),
            (
                &format!("{variants}after: a\n    extends: hlb-shapes\n"),
                "`variants[1].extends`: comes with variant `a`",
            ),
            (&format!("extends_on: {{cifar10: hlb-cifar10}}\n{variants}\n"), "`extends_on`: `cifar10` is none of"),
            (
                &format!("extends_on: {{shapes: hlb-cifar10}}\n{variants}\n"),
                "`extends_on.shapes`: there is no recipe `hlb-cifar10` of track `shapes`",
            ),
        ];
        for (body, expected) in cases {
            let found = refusal(&format!("{HEAD}{body}"));
            assert!(found.contains(expected), "{body}: {found}, expected {expected}");
            assert!(found.starts_with("s.yaml:"), "{found}");
        }
    }

    #[test]
    fn the_rules_of_the_head_and_of_published_figures_are_kept() {
        let variants = "variants: [{name: a}, {name: b}]\n";
        let cases = [
            ("tracks: [shapes]", "tracks: []", "`tracks`: has to list at least one track"),
            ("tracks: [shapes]", "tracks: [shape]", "`tracks`: there is no track `shape`"),
            ("tracks: [shapes]", "tracks: [shapes, shapes]", "`tracks`: lists `shapes` twice"),
            ("runs: 2", "runs: 0", "s.yaml:5:7: `runs`: is 0, has to be 1 to 1000"),
        ];
        for (from, to, expected) in cases {
            let found = refusal(&format!("{HEAD}{variants}").replace(from, to));
            assert!(found.contains(expected), "{found}, expected {expected}");
        }
        for (figures, expected) in [
            ("{variant: c, accuracy_percent: 1}", "`published.figures[0].variant`: there is no variant `c`"),
            ("{variant: a, accuracy_percent: 101}", "`published.figures[0].accuracy_percent`: is 101"),
            ("{variant: a, accuracy_percent: 1, seconds: 0}", "`published.figures[0].seconds`: has to be above 0"),
            ("{variant: a, accuracy_percent: 1}, {variant: a, accuracy_percent: 1}", "`a` has a figure already"),
        ] {
            let found =
                refusal(&format!("{HEAD}{variants}published: {{source: x, conditions: y, figures: [{figures}]}}\n"));
            assert!(found.contains(expected), "{found}, expected {expected}");
        }
    }

    #[test]
    fn changes_of_a_track_lie_over_the_others() {
        let text = format!(
            "{HEAD}variants:\n  - {{name: a}}\n  - name: b\n    changes: {{stem: {{kind: conv, width: 32}}, epochs: 3}}\n    changes_on: {{shapes: {{stem: {{width: 16}}}}}}\n"
        );
        let file = StudyFile::parse(text.as_bytes(), "s.yaml").expect("good");
        let recipe = file.resolve(1, &task()).expect("a recipe");
        assert_eq!((recipe.stem, recipe.epochs), (hlb_recipe::Stem::Conv { width: 16 }, 3_u32.into()));
        assert_eq!(file.resolve(0, &task()).expect("a recipe"), task().reference());
    }

    #[test]
    fn a_step_of_a_ladder_lies_over_the_steps_before() {
        let text = format!(
            "{HEAD}extends_on: {{shapes: resnet9-shapes}}\nvariants:\n  - name: a\n    changes: {{epochs: 8, batch_size: 64}}\n    changes_on: {{shapes: {{epochs: 9}}}}\n  - {{name: b, after: a, changes: {{batch_size: 32}}}}\n  - {{name: c, after: b, changes: {{epochs: 0}}}}\n"
        );
        let file = StudyFile::parse(text.as_bytes(), "s.yaml").expect("good");
        let recipe = file.resolve(1, &task()).expect("a recipe");
        assert_eq!((recipe.epochs, recipe.batch_size, recipe.stem.width()), (9_u32.into(), 32, 16));
        assert_eq!(recipe.activation, hlb_recipe::Activation::Celu);
        let wrong = file.resolve(2, &task()).expect_err("no epochs").to_string();
        assert!(wrong.starts_with("s.yaml:13:"), "{wrong}");
    }

    /// The ladder ends on the recipe that is shipped, whatever each step says; on `shapes` it is longer and in bfloat16.
    #[test]
    fn the_last_step_of_the_ladder_is_the_shipped_recipe() {
        let text = include_str!("../../../studies/resnet9-ladder.yaml");
        let file = StudyFile::parse(text.as_bytes(), "ladder").expect("good");
        assert_eq!(file.body.variants.len(), 8);
        for (id, name) in &file.body.extends_on {
            let task = Task::published(track::by_id(id).expect("shipped"));
            let (mut last, shipped) =
                (file.resolve(7, &task).expect("a recipe"), variant::shipped(name).expect("shipped"));
            if id == "shapes" {
                (last.epochs, last.precision) = (shipped.epochs, shipped.precision);
            }
            assert_eq!(last, shipped, "{name}");
        }
        let cifar = Task::published(track::by_id("cifar10").expect("shipped"));
        let entry = file.resolve(3, &cifar).expect("a recipe");
        assert_eq!(entry, variant::shipped("resnet9-dawnbench").expect("shipped"));
    }

    /// The grid chooses the peaks of the very schedules that are compared then, on other seeds.
    #[test]
    fn the_grid_of_peaks_has_the_schedules_of_the_study() {
        let parse = |text: &str| StudyFile::parse(text.as_bytes(), "study").expect("good");
        let study = parse(include_str!("../../../studies/schedules.yaml"));
        let grid = parse(include_str!("../../../studies/schedule-peaks.yaml"));
        assert_ne!(study.body.seeds, grid.body.seeds);
        for id in &grid.body.tracks {
            let task = Task::published(track::by_id(id).expect("shipped"));
            for (index, variant) in study.body.variants.iter().enumerate() {
                let compared = study.resolve(index, &task).expect("a recipe");
                let names =
                    ["", "-eighth", "-quarter", "-half", "-double"].map(|peak| format!("{}{peak}", variant.name));
                let of_it = |entry: &VariantEntry| names.contains(&entry.name.to_string());
                let peaks = grid.body.variants.iter().enumerate().filter(|(_, entry)| of_it(entry));
                let mut peaks: Vec<Recipe> = peaks.map(|(at, _)| grid.resolve(at, &task).expect("a recipe")).collect();
                assert!(peaks.contains(&compared), "{id}: {}", variant.name);
                for recipe in &mut peaks {
                    recipe.optimizer.weights.lr = compared.optimizer.weights.lr;
                }
                assert!(peaks.iter().all(|recipe| *recipe == compared), "{id}: {}", variant.name);
            }
        }
    }

    #[test]
    fn shipped_studies_resolve_on_all_their_tracks() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("studies");
        for item in std::fs::read_dir(folder).expect("there are studies") {
            let path = item.expect("readable").path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let bytes = std::fs::read(&path).expect("readable");
            let file = StudyFile::parse(&bytes, &path.to_string_lossy()).unwrap_or_else(|error| panic!("{error}"));
            for id in &file.body.tracks {
                let task = Task::published(track::by_id(id).expect("checked"));
                for index in 0..file.body.variants.len() {
                    file.resolve(index, &task).unwrap_or_else(|error| panic!("{id}: {error}"));
                }
            }
        }
    }
}
