//! The one change of a list of signers that a stranger may propose: a line for their own account.
//!
//! Everything else (another namespace, a time, a second key, a runner) is a maintainer's to commit.

use ssh_key::PublicKey;

use crate::signing::allowed_line::{Line, LineProblem, line_for};
use crate::signing::allowed_signers::{AllowedSigners, AllowedSignersError};
use crate::signing::key_type::fingerprint;
use crate::signing::namespace::RESULT_NAMESPACE;
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// Where the accounts of pull requests are.
const PLACE: &str = "github";

/// A signer that a list would gain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedSigner {
    /// Who, such as `ada@github`.
    pub principal: String,
    /// Fingerprint of the key, `SHA256:...`.
    pub fingerprint: String,
    /// The key as two words, as an account lists it.
    pub key: String,
}

impl AddedSigner {
    /// Where the account lists the keys that it signs with.
    pub fn address(&self) -> String {
        let login = self.principal.split('@').next().unwrap_or_default();
        format!("https://api.github.com/users/{login}/ssh_signing_keys")
    }
}

/// Why a change of a list needs a maintainer.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum AddedSignerError {
    #[error("something else changes than one whole line that is added at the end")]
    NotOneLine,
    #[error("the line that is added cannot be used")]
    Line(#[source] LineProblem),
    #[error("`{found}` is added, but the pull request is that of `{expected}`")]
    OtherPrincipal { found: String, expected: String },
    #[error("`{principal}` has a line already")]
    NameTaken { principal: String },
    /// The key is listed under another name, or the list as it was cannot be used.
    #[error("the line does not fit the list")]
    List(#[from] AllowedSignersError),
    #[error("the line has to be `{expected}`, without other namespaces, options, blanks or a comment")]
    OtherForm { expected: String },
}

impl Hint for AddedSignerError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Line(problem) => problem.hint(),
            Self::List(error) => error.hint(),
            _ => None,
        }
    }
}

/// Judges what a pull request of the account `author` makes of a list, byte by byte; `None` if nothing changes.
pub fn check_added(base: &str, proposed: &str, author: &str) -> Result<Option<AddedSigner>, AddedSignerError> {
    if base == proposed {
        return Ok(None);
    }
    let line = added_line(base, proposed).ok_or(AddedSignerError::NotOneLine)?;
    Line::check_text(line).map_err(AddedSignerError::Line)?;
    let parsed = Line::parse(line).map_err(AddedSignerError::Line)?;
    let expected = format!("{}@{PLACE}", author.to_ascii_lowercase());
    if parsed.principal != expected {
        return Err(AddedSignerError::OtherPrincipal { found: parsed.principal, expected: show(&expected) });
    }
    if AllowedSigners::parse(base, "the list as it was")?.names(&expected) {
        return Err(AddedSignerError::NameTaken { principal: expected });
    }
    AllowedSigners::parse(proposed, "the list as it would be")?;
    // Whatever else the line says, it does not say here.
    let only = line_for(&parsed.key, &expected, &[RESULT_NAMESPACE]).map_err(AddedSignerError::Line)?;
    if line != only {
        return Err(AddedSignerError::OtherForm { expected: only });
    }
    Ok(Some(described(&parsed.key, expected, &only)))
}

/// What follows the list as it was, if that is one line with its end.
fn added_line<'a>(base: &str, proposed: &'a str) -> Option<&'a str> {
    let rest = proposed.strip_prefix(base)?;
    let rest = if base.is_empty() || base.ends_with('\n') { rest } else { rest.strip_prefix('\n')? };
    let line = rest.strip_suffix('\n')?;
    (!line.is_empty() && !line.contains('\n')).then_some(line)
}

fn described(key: &PublicKey, principal: String, line: &str) -> AddedSigner {
    let words: Vec<&str> = line.split(' ').skip(2).collect();
    AddedSigner { principal, fingerprint: fingerprint(key), key: words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const FOUNDERS: &str = "founders@hlb-bench namespaces=\"result.v1@hlb-bench\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF09vyBi3N/L5ct6ET/VWLKlbucyJ3932SFrib3ivfp3\n";

    fn good() -> String {
        format!("ada@github namespaces=\"result.v1@hlb-bench\" {KEY}\n")
    }

    fn judge(proposed: &str) -> Result<Option<AddedSigner>, AddedSignerError> {
        check_added(FOUNDERS, proposed, "Ada")
    }

    #[test]
    fn a_line_for_ones_own_account_may_be_added() {
        assert_eq!(judge(FOUNDERS), Ok(None));
        let added = judge(&(FOUNDERS.to_owned() + &good())).expect("in order").expect("a line");
        assert_eq!((added.principal.as_str(), added.key.as_str()), ("ada@github", KEY));
        assert!(added.fingerprint.starts_with("SHA256:") && added.address().ends_with("/users/ada/ssh_signing_keys"));
        let unended = FOUNDERS.trim_end();
        assert!(check_added(unended, &format!("{unended}\n{}", good()), "ada").is_ok());
        assert!(check_added("", &good(), "ada").is_ok());
    }

    #[test]
    fn a_list_changes_in_no_other_way() {
        let good = good();
        for proposed in [
            String::new(),
            good.clone(),
            good.clone() + FOUNDERS,
            FOUNDERS.to_owned() + "\n",
            FOUNDERS.to_owned() + "\n" + &good,
            FOUNDERS.to_owned() + good.trim_end(),
            FOUNDERS.to_owned() + &good + &good,
            FOUNDERS.to_owned() + &good + "# harmless\n",
            FOUNDERS.replace('\n', "\r\n") + &good,
            FOUNDERS.replace(' ', "  ") + &good,
            FOUNDERS.trim_end().to_owned() + " comment\n" + &good,
        ] {
            assert_eq!(judge(&proposed), Err(AddedSignerError::NotOneLine), "{proposed}");
        }
    }

    #[test]
    fn a_line_says_nothing_but_who_may_submit() {
        let (name, space) = ("ada@github", "namespaces=\"result.v1@hlb-bench\"");
        for line in [
            format!("{name} namespaces=\"rerun.v1@hlb-bench\" {KEY}"),
            format!("{name} namespaces=\"result.v1@hlb-bench,rerun.v1@hlb-bench\" {KEY}"),
            format!("{name} NAMESPACES=\"result.v1@hlb-bench\" {KEY}"),
            format!("{name} {space},valid-after=\"20260101Z\" {KEY}"),
            format!("{name} {space},valid-before=\"20300101Z\" {KEY}"),
            format!("{name} {space} {KEY} comment"),
            format!("{name} {space} {KEY} "),
            format!(" {name} {space} {KEY}"),
            format!("{name}\t{space} {KEY}"),
            format!("{name}  {space} {KEY}"),
            format!("{name} {space} {KEY}\r"),
            format!("{name} {space} {KEY} \u{202e}"),
            format!("{name} {space} {KEY} {}", "x".repeat(400)),
            format!("# {name} {space} {KEY}"),
            format!("{name} {KEY}"),
            format!("{name} cert-authority,{space} {KEY}"),
            format!("{name} {space} {}", KEY.replacen("AAAAI", "AAAAJ", 1)),
            // The neutral point.
            format!("{name} {space} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            assert!(judge(&format!("{FOUNDERS}{line}\n")).is_err(), "{line}");
        }
    }

    #[test]
    fn a_line_is_for_its_author_who_has_none_yet() {
        let line = |name: &str| format!("{FOUNDERS}{}", good().replacen("ada@github", name, 1));
        for other in [
            "founders@hlb-bench",
            "founders@github",
            "runner@hlb-bench",
            "ada@gitlab",
            "ada@github.example",
            "ad@github",
        ] {
            assert!(matches!(judge(&line(other)), Err(AddedSignerError::OtherPrincipal { .. })), "{other}");
        }
        for author in ["", "ada@github", "ada@x", "github-actions[bot]", "ad", "a_da"] {
            assert!(check_added(FOUNDERS, &line("ada@github"), author).is_err(), "{author}");
        }
        let ada = line("ada@github");
        let again = ada.clone() + &FOUNDERS.replacen("founders@hlb-bench", "ada@github", 1);
        assert!(matches!(check_added(&ada, &again, "ada"), Err(AddedSignerError::NameTaken { .. })));
        let theirs = FOUNDERS.to_owned() + &FOUNDERS.replacen("founders@hlb-bench", "ada@github", 1);
        assert!(matches!(judge(&theirs), Err(AddedSignerError::List(_))), "the founders' key");
    }
}
