//! How far a data set is, for the caller to show. Nothing here prints.

/// Told how far a data set is. Every method does nothing unless it is written.
pub trait Watch: Sync {
    /// `done` of `of` bytes or images of `what`.
    fn progress(&self, what: &str, done: u64, of: u64) {
        let _ = (what, done, of);
    }

    /// Something worth knowing that is no error.
    fn note(&self, text: &str) {
        let _ = text;
    }
}

impl Watch for () {}
