//! Shows how far a data set is: a bar on a terminal, and only notes elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::note;
use hlb_data::Watch;

/// The bar of a data set.
pub(crate) struct DatasetProgress {
    bar: Option<ProgressBar>,
    what: Mutex<String>,
}

impl DatasetProgress {
    /// Shows nothing yet.
    pub(crate) fn begin() -> Self {
        let bar = stderr().is_terminal().then(ProgressBar::hidden);
        Self { bar, what: Mutex::new(String::new()) }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }

    /// Whether this is the first sign of `what`.
    fn is_new(&self, what: &str) -> bool {
        let Ok(mut last) = self.what.lock() else { return false };
        let new = *last != what;
        if new {
            what.clone_into(&mut last);
        }
        new
    }
}

impl Watch for DatasetProgress {
    fn progress(&self, what: &str, done: u64, of: u64) {
        let Some(bar) = &self.bar else { return };
        if self.is_new(what) {
            let counts = what == "images";
            let template = if counts {
                "{msg} {bar:32} {pos}/{len}, {per_sec}, {eta} left"
            } else {
                "{msg} {bar:32} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left"
            };
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            bar.reset();
            bar.set_message(what.to_owned());
        }
        bar.set_length(of);
        bar.set_position(done);
    }

    fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        }
    }
}
