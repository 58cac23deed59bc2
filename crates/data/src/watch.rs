//! Progress of a data set, for the caller to show.

/// Receives progress. The default methods do nothing.
pub trait Watch: Sync {
    /// `done` of `of` bytes or images of `what`.
    fn progress(&self, what: &str, done: u64, of: u64) {
        let _ = (what, done, of);
    }

    /// A note that is not an error.
    fn note(&self, text: &str) {
        let _ = text;
    }
}

impl Watch for () {}
