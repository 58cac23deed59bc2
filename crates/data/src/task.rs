//! A track and the data set it is run on: the published one, or a user's own in its place.

use crate::arrays::ArrayShapes;
use crate::error::DatasetProblem;
use crate::track::Track;
use crate::{DatasetError, Manifest};
use hlb_recipe::variant;
use hlb_recipe::{Recipe, Terms};

/// What a session trains on.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The track.
    pub track: Track,
    /// The data set.
    pub manifest: Manifest,
    /// Shapes of the arrays that are trained on.
    pub shapes: ArrayShapes,
}

impl Task {
    /// The track on its own data set.
    pub fn published(track: Track) -> Self {
        let manifest =
            crate::by_id(&track.dataset).expect("every track names a shipped data set; a test reads them all");
        let shapes = manifest.shapes(track.resize).expect("every track fits its data set; a test reads them all");
        Self { track, manifest, shapes }
    }

    /// The track on a user's own data set, which has to have images of the same size and as many classes. Its counts may
    /// differ; the result is never ranked.
    pub fn own(track: Track, manifest: Manifest) -> Result<Self, DatasetError> {
        let Self { track, shapes: expected, .. } = Self::published(track);
        let unfit = |problem: String| DatasetProblem::Unfit(problem).of(&manifest);
        let one_size = || {
            let has = if manifest.size.is_some() { "images of one size" } else { "images of many sizes" };
            unfit(format!("has {has}, which track `{}` cannot use", track.id))
        };
        let shapes = manifest.shapes(track.resize).ok_or_else(one_size)?;
        if (ArrayShapes { train: expected.train, evaluation: expected.evaluation, ..shapes }) != expected {
            let text = |shapes: ArrayShapes| {
                let ArrayShapes { height, width, channels, classes, .. } = shapes;
                format!("{classes} classes of {width}x{height}x{channels}")
            };
            return Err(unfit(format!("has {}, track `{}` needs {}", text(shapes), track.id, text(expected))));
        }
        Ok(Self { track, manifest, shapes })
    }

    /// The shipped reference recipe of the track.
    pub fn reference(&self) -> Recipe {
        variant::shipped(&self.track.reference).expect("every track names a shipped recipe; a test reads them all")
    }

    /// What a recipe has to fit.
    pub fn terms(&self) -> Terms<'_> {
        Terms {
            side: self.shapes.height.min(self.shapes.width),
            channels: self.shapes.channels,
            train_images: self.shapes.train,
            forbids: &self.track.forbids,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track;

    fn cifar(changes: &[(&str, &str)]) -> Manifest {
        let mut text =
            crate::by_id("cifar-10-binary").expect("shipped").text().replace("id: cifar-10-binary", "id: mine");
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        Manifest::own(text.as_bytes(), "mine.yaml").expect("a good manifest")
    }

    #[test]
    fn a_users_data_set_may_have_other_counts() {
        let track = track::by_id("cifar10").expect("shipped");
        let smaller = cifar(&[
            ("evaluation: 10000", "evaluation: 33"),
            ("test_batch.bin, records: 10000", "test_batch.bin, records: 33"),
        ]);
        let task = Task::own(track, smaller).expect("it fits");
        assert_eq!(task.shapes.evaluation, 33);
    }

    #[test]
    fn a_users_data_set_has_to_fit_the_track() {
        let nine = cifar(&[(", truck]", "]")]);
        let error = Task::own(track::by_id("cifar10").expect("shipped"), nine).expect_err("nine classes").to_string();
        assert!(error.contains("has 9 classes of 32x32x3, track `cifar10` needs 10 classes of 32x32x3"), "{error}");
        let track = track::by_id("imagenette-64").expect("shipped");
        let error = Task::own(track, cifar(&[])).expect_err("images of one size").to_string();
        assert!(error.contains("has images of one size, which track `imagenette-64` cannot use"), "{error}");
    }
}
