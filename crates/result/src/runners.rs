//! Who is a runner of a board: a list that only its maintainers change, next to that of the signers.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::signing::{LineProblem, check_principal};
use hlb_core::bounded::{self, ReadError, SMALL_CAP};
use hlb_core::hint::Hint;
use hlb_core::text::show_path;
use hlb_core::yaml::{self, YamlError};

/// Name of the list, in the folder of a board's entries.
pub const RUNNERS_FILE: &str = "runners.yaml";

/// Runners of a board: whose signatures say that the board's own machine measured an entry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Runners")]
struct List {
    /// Their names in `allowed_signers`, in any order.
    runners: Vec<Principal>,
}

/// A name as `allowed_signers` has it, such as `runner@hlb-bench`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("pattern" = "^[a-z0-9]+(-[a-z0-9]+)*@[a-z0-9][a-z0-9.-]*$"))]
struct Principal(String);

impl TryFrom<String> for Principal {
    type Error = LineProblem;

    fn try_from(text: String) -> Result<Self, LineProblem> {
        check_principal(&text).map(|()| Self(text))
    }
}

/// A list of runners that cannot be used.
#[derive(thiserror::Error, Debug)]
#[expect(missing_docs, reason = "the messages say what is wrong")]
pub enum RunnersError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

impl Hint for RunnersError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
        }
    }
}

/// The schema of such a file.
pub fn runners_schema() -> Value {
    schemars::schema_for!(List).to_value()
}

/// The runners of the board whose list of signers is this; a missing file names none.
pub(crate) fn runners_beside(signers: &Path) -> Result<Vec<String>, RunnersError> {
    let path = signers.with_file_name(RUNNERS_FILE);
    let bytes = match bounded::read(&path, SMALL_CAP) {
        Err(error) if error.is_of_no_file() => return Ok(Vec::new()),
        read => read?,
    };
    let list: List = yaml::parse(&bytes, &show_path(&path))?;
    Ok(list.runners.into_iter().map(|Principal(name)| name).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Result<Vec<String>, RunnersError> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(RUNNERS_FILE), text).expect("writable");
        runners_beside(&folder.path().join("allowed_signers"))
    }

    #[test]
    fn runners_are_named_one_by_one() {
        for none in ["runners: []\n", "runners:\n"] {
            assert_eq!(read(none).expect("in order"), [""; 0]);
        }
        let two = read("runners:\n- runner@hlb-bench\n- ada@github\n").expect("in order");
        assert_eq!(two, ["runner@hlb-bench", "ada@github"]);
        for bad in ["", "runners: runner@hlb-bench\n", "runner: []\n", "runners: [\"*\"]\n", "runners: [Ada@github]\n"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_list_there_is_no_runner_and_a_link_is_no_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let signers = folder.path().join("allowed_signers");
        assert_eq!(runners_beside(&signers).expect("none"), [""; 0]);
        fs::write(folder.path().join("mine"), "runners: [mallory@github]\n").expect("writable");
        std::os::unix::fs::symlink("mine", folder.path().join(RUNNERS_FILE)).expect("a link");
        assert!(runners_beside(&signers).is_err());
    }
}
