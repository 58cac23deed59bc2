//! A study on one track: what each variant trains, with which seeds, in which order.

use serde::Serialize;

use crate::body::VariantEntry;
use crate::file::StudyFile;
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::hint::Result;
use hlb_core::seed::{self, Seed};
use hlb_core::text::SafeText;
use hlb_core::tree::Change;
use hlb_data::flops::Work;
use hlb_data::task::Task;
use hlb_protocol::run_log::TrainingLength;
use hlb_recipe::{Recipe, variant};

/// A study on one track.
#[derive(Debug, Clone)]
pub struct StudyPlan {
    /// The study.
    pub file: StudyFile,
    /// The track, and the data set.
    pub task: Task,
    /// Runs of each variant.
    pub runs: u32,
    /// The variants, in the order in which they take turns.
    pub variants: Vec<PlannedVariant>,
    /// Place of the reference in `variants`.
    pub reference: usize,
}

/// A variant and what it trains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedVariant {
    /// Name in tables.
    pub name: String,
    /// The idea in a sentence.
    pub description: Option<SafeText<400>>,
    /// What it trains.
    pub recipe: Recipe,
    /// Digest and length of that.
    pub length: TrainingLength,
    /// The keys in which it differs from the reference.
    pub changes: Vec<Change>,
}

/// A run of a study: which variant, and which of its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRun {
    /// Number of the run, from 1: the number of the round, too.
    pub run: u32,
    /// Place of the variant in the plan.
    pub variant: usize,
}

impl StudyPlan {
    /// A study on one of its tracks; `runs` replaces the number in the file.
    pub fn new(file: StudyFile, task: Task, runs: Option<u32>) -> Result<Self> {
        let entries = &file.body.variants;
        let recipes = (0..entries.len()).map(|index| file.resolve(index, &task)).collect::<Result<Vec<Recipe>, _>>()?;
        let reference = entries.iter().position(|entry| entry.name == file.body.reference);
        let reference = reference.expect("a study file has its reference");
        let variant = |(entry, recipe): (&VariantEntry, &Recipe)| PlannedVariant {
            name: entry.name.to_string(),
            description: entry.description.clone(),
            length: TrainingLength::new(variant::digest(recipe), recipe.length(task.shapes.train)),
            changes: variant::differences(&recipes[reference], recipe),
            recipe: recipe.clone(),
        };
        let variants = entries.iter().zip(&recipes).map(variant).collect();
        Ok(Self { runs: runs.unwrap_or(file.body.runs), file, task, variants, reference })
    }

    /// Id of the track.
    pub fn track(&self) -> &str {
        &self.task.track.id
    }

    /// The runs in their order: each round has one of every variant, so that what drifts on a machine
    /// drifts for all of them.
    pub fn order(&self) -> impl Iterator<Item = PlannedRun> + '_ {
        (1..=self.runs).flat_map(|run| (0..self.variants.len()).map(move |variant| PlannedRun { run, variant }))
    }

    /// Seed of run `run` of every variant on this track. It depends on no recipe, so that runs of one number are pairs: data order,
    /// crops and mirroring are the same wherever the recipes ask for the same.
    pub fn seed(&self, run: u32) -> Seed {
        let set = self.file.body.seeds.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        seed::derive(sha256_hex(format!("study {}{set}", self.track()).as_bytes()), "", run)
    }

    /// Place of a variant.
    pub(crate) fn variant_index(&self, name: &str) -> Option<usize> {
        self.variants.iter().position(|variant| variant.name == name)
    }

    /// Floating-point operations of one run, evaluations included.
    pub(crate) fn flop_per_run(&self, variant: usize) -> u128 {
        let (variant, shapes) = (&self.variants[variant], self.task.shapes);
        let work = Work::of(&variant.recipe, shapes);
        let evaluated = u128::from(variant.length.epochs) * u128::from(shapes.evaluation);
        u128::from(variant.images_per_run()) * u128::from(work.training_flop_per_image)
            + evaluated * u128::from(work.evaluation_flop_per_image)
    }
}

impl PlannedVariant {
    /// Images that one run trains on, counted as often as they are seen.
    pub(crate) fn images_per_run(&self) -> u64 {
        self.steps() * u64::from(self.recipe.batch_size)
    }

    /// Optimizer steps of one run.
    pub fn steps(&self) -> u64 {
        self.length.length().steps()
    }

    /// SHA-256 of its recipe.
    pub fn digest(&self) -> Sha256Hex {
        self.length.recipe_sha256
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const STUDY: &str = "name: s\ntitle: A study\ndescription: of two things\ntracks: [shapes, fashion-mnist]\n\
        runs: 3\nreference: base\nvariants:\n  - {name: base, changes: {epochs: 2}}\n  - {name: other, changes: {epochs: 2, norm: {ghost_batches: 16}}}\n\
        published:\n  source: slides\n  conditions: elsewhere\n  figures:\n    - {variant: base, accuracy_percent: 90, seconds: 30.5}\n    - {variant: other, accuracy_percent: 89.5}\n";

    pub(crate) fn plan() -> StudyPlan {
        let text = STUDY.replace("epochs: 2", "epochs: 2, average: null, evaluate: {weights: trained}");
        let task = Task::published(hlb_data::track::by_id("shapes").expect("shipped"));
        StudyPlan::new(StudyFile::parse(text.as_bytes(), "s.yaml").expect("good"), task, None).expect("good")
    }

    #[test]
    fn rounds_have_every_variant_once() {
        let order: Vec<_> = plan().order().map(|planned| (planned.run, planned.variant)).collect();
        assert_eq!(order, [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]);
    }

    #[test]
    fn seeds_depend_on_track_and_number_alone() {
        let plan = plan();
        assert_eq!(plan.seed(1), seed::derive(sha256_hex(b"study shapes"), "", 1));
        assert_ne!(plan.seed(1), plan.seed(2));
        let mut other = plan.clone();
        other.file.body.seeds = "peaks".parse().ok();
        assert_ne!(plan.seed(1), other.seed(1));
        let changed: Vec<&str> = plan.variants[1].changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!((plan.variants[0].changes.len(), changed), (0, vec!["norm.ghost_batches"]));
    }

    #[test]
    fn a_track_has_to_be_one_of_the_study() {
        let file = StudyFile::parse(STUDY.as_bytes(), "s.yaml").expect("good");
        assert_eq!(file.choose_track(None).expect("the first"), "shapes");
        assert_eq!(file.choose_track(Some("fashion-mnist")).expect("the second"), "fashion-mnist");
        let error = file.choose_track(Some("cifar10")).expect_err("not one of them").to_string();
        assert_eq!(error, "the study has no track `cifar10`; it has `shapes`, `fashion-mnist`");
    }
}
