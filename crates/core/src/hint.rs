//! Errors that say what to do next, and the one error that a command ends with.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

pub use crate::bail;

/// An error with an optional hint. Every error of this program implements it, so that it converts
/// into [`Failure`].
pub trait Hint: Error + Send + Sync + 'static {
    /// What to do next, if known.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl Hint for std::io::Error {}
impl Hint for serde_json::Error {}

/// The nearest of the words that are known, if one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = known.into_iter().map(|known| (strsim::osa_distance(word, known), known)).min()?;
    (distance <= (word.chars().count() / 3).max(1)).then_some(nearest)
}

/// What a command returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command failed: an error, its causes, and a hint.
///
/// It is not an `Error` itself. That is what lets `?` convert every [`Hint`] into it and keep the
/// hint, and what keeps an error without `Hint` from compiling.
#[derive(Debug)]
pub struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(message: impl Display + Debug + Send + Sync + 'static) -> Self {
        Self { error: anyhow::Error::msg(message), hint: None }
    }

    /// The same failure with this hint in place of its own.
    #[must_use]
    pub fn with_hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }

    /// What to do next, if known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The causes, outermost first, without the error itself.
    pub fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        self.error.chain().skip(1)
    }
}

impl<E: Hint> From<E> for Failure {
    fn from(error: E) -> Self {
        let hint = error.hint();
        Self { error: error.into(), hint }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        Display::fmt(&self.error, f)
    }
}

/// Adds what was being done to an error, which becomes the cause and keeps its hint.
pub trait Context<T> {
    /// With a text that is there already.
    fn context(self, text: impl Into<String>) -> Result<T>;
    /// With a text that is made only if there is an error.
    fn with_context(self, text: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Failure>> Context<T> for Result<T, E> {
    fn context(self, text: impl Into<String>) -> Result<T> {
        self.with_context(|| text.into())
    }

    fn with_context(self, text: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let Failure { error, hint } = error.into();
            Failure { error: error.context(text()), hint }
        })
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, text: impl Into<String>) -> Result<T> {
        self.with_context(|| text.into())
    }

    fn with_context(self, text: impl FnOnce() -> String) -> Result<T> {
        self.ok_or_else(|| Failure::new(text()))
    }
}

/// Returns with a [`Failure`] of this text.
#[macro_export]
macro_rules! bail {
    ($($text:tt)*) => { return Err($crate::hint::Failure::new(format!($($text)*))) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct Full;

    impl Hint for Full {
        fn hint(&self) -> Option<String> {
            Some("free some space".to_owned())
        }
    }

    fn write() -> Result<()> {
        Err(Full).context("the log cannot be written")?;
        Ok(())
    }

    #[test]
    fn a_hint_outlives_the_context_that_is_put_around_its_error() {
        let failure = write().unwrap_err();
        assert_eq!(
            (failure.to_string().as_str(), failure.hint()),
            ("the log cannot be written", Some("free some space"))
        );
        assert_eq!(failure.causes().map(ToString::to_string).collect::<Vec<_>>(), ["the disk is full"]);
    }

    #[test]
    fn what_has_no_hint_gives_none() {
        let refuse = |number: u32| -> Result<u32> {
            if number == 2 {
                bail!("{number} is refused");
            }
            None.context("nothing is there")
        };
        assert_eq!(refuse(2).unwrap_err().to_string(), "2 is refused");
        assert_eq!(refuse(3).unwrap_err().to_string(), "nothing is there");
        assert_eq!(Failure::from(std::io::Error::other("no")).hint(), None);
    }
}
