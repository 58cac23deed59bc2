//! Versions of programs and their sources, as results state them: each of one plain form, so that none carries anything else.

use crate::text::{is_lower_hex, plain_text};

/// Most characters of a version.
const LONGEST: usize = 64;

plain_text! {
    /// Version of `hlb-bench`, as Semantic Versioning has it.
    ProgramVersion,
    "a version such as `1.2.3`",
    |text| text.len() <= LONGEST && semver::Version::parse(text).is_ok()
}

plain_text! {
    /// The commit of the sources that a program was built from; its end says if they differed from it.
    Commit,
    "a commit: 40 lower-case hexadecimal digits are, with `-dirty` if its files were changed",
    |text| is_lower_hex(text.strip_suffix("-dirty").unwrap_or(text), 40)
}

plain_text! {
    /// A commit of a board's history.
    CommitId, "the id of a commit: 40 or 64 lower-case hexadecimal digits are", |text| {
        is_lower_hex(text, 40) || is_lower_hex(text, 64)
    }
}

plain_text! {
    /// Version of libtorch with its build, such as `2.11.0+cu130`.
    LibtorchVersion,
    "a version of libtorch, such as `2.11.0+cu130`",
    |text| text.len() <= LONGEST && text.starts_with(|first: char| first.is_ascii_digit()) && text.bytes().all(is_of_version)
}

fn is_of_version(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_version_and_nothing_else() {
        for good in ["0.1.0", "99.0.0", "1.2.3-rc.1+build"] {
            assert_eq!(good.parse::<ProgramVersion>().map(|version| version.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "99.0", "v1.2.3", "1.2.3 ", "<b>", &format!("1.2.3-{}", "a".repeat(60))] {
            assert!(bad.parse::<ProgramVersion>().is_err(), "{bad:?}");
        }
        for good in ["0", "2.11.0", "2.11.0+cu130", "2.12.0a0+git1234567"] {
            assert!(good.parse::<LibtorchVersion>().is_ok(), "{good:?}");
        }
        for bad in ["", "<img src=x>", "2.11.0 ", "2.11.0\n", "latest", &"1".repeat(65)] {
            assert!(bad.parse::<LibtorchVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_commit_is_40_digits_that_may_be_dirty() {
        let commit = "142041d862e92a285fd520ddde324d26f83ad2ce";
        for good in [commit.to_owned(), format!("{commit}-dirty")] {
            assert!(good.parse::<Commit>().is_ok(), "{good:?}");
        }
        for bad in ["", "<b>", "142041d", &commit.to_uppercase(), &format!("{commit}-dirty-dirty"), "-dirty"] {
            assert!(bad.parse::<Commit>().is_err(), "{bad:?}");
        }
    }
}
