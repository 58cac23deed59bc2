//! The text form of an SSH signature, in the one layout that is accepted here.
//!
//! OpenSSH and the `ssh-key` crate each let through files that the other refuses: text after the
//! end, other line widths, CR LF, blank lines before the start, a non-empty reserved field, a
//! length that promises more than its field holds. A signature that two verifiers judge differently
//! is worthless on a public board, so a file is decoded, encoded again, and must come out as the
//! very same bytes.
//!
//! This file must never decide whether a signature is good; `verify` does.

use base64ct::{Base64, Encoding};
use ssh_key::{Algorithm, LineEnding, SshSig};

use crate::signing::key_type::{UnsupportedKey, check_key, check_key_type};
use hlb_core::hint::Hint;

/// The largest signature file that is looked at, in bytes. Real ones have 295 to about 600.
pub(crate) const MAX_BYTES: usize = 4096;

/// Characters of base64 in every full line, as `ssh-keygen` writes them.
const COLUMNS: usize = 70;

const HEADER: &str = "-----BEGIN SSH SIGNATURE-----";
const FOOTER: &str = "-----END SSH SIGNATURE-----";

/// What is before the public key: `SSHSIG` and the version of the format.
const PREAMBLE_BYTES: usize = 10;

/// Bytes that a FIDO token appends to its signature: one of flags, four of a counter.
pub(super) const TOKEN_TRAILER: usize = 5;

/// Why a file is not a signature in the accepted layout.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ArmorError {
    #[error("signature has a carriage return in line {line}")]
    CarriageReturn { line: usize },
    #[error("signature is not laid out as `ssh-keygen` writes it, from line {line} on")]
    Layout { line: usize },
    /// Signed with a kind of key that is not accepted.
    #[error("signature was made by a key that may not sign here")]
    Key(#[from] UnsupportedKey),
    /// It is not the text of a signature, or its fields cannot be read or are not in order.
    #[error("signature {problem}")]
    Content { problem: String },
}

impl Hint for ArmorError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::CarriageReturn { .. } => Some(
                "git may have changed the line ends: keep `-text` for these files in \
                 `.gitattributes` and check them out again"
                    .to_owned(),
            ),
            Self::Key(key) => key.hint(),
            Self::Layout { .. } | Self::Content { .. } => {
                Some("sign the result again; a signature file is never edited by hand".to_owned())
            }
        }
    }
}

/// Decodes a signature file that must be byte for byte in the accepted layout.
///
/// Its fields are then in order, which says nothing about its truth yet.
pub fn decode(file: &[u8]) -> Result<SshSig, ArmorError> {
    let text = ascii(file)?;
    if let Some(line) = text.split('\n').position(|line| line.contains('\r')) {
        return Err(ArmorError::CarriageReturn { line: line + 1 });
    }
    let blob = unwrap(text)?;
    let canonical = wrap(&blob);
    if canonical != text {
        let same = canonical.split('\n').zip(text.split('\n')).take_while(|(ours, theirs)| ours == theirs).count();
        return Err(ArmorError::Layout { line: same + 1 });
    }
    fields(&blob, text)
}

/// Brings what a signing tool returned into the accepted layout: any line width, LF or CR LF,
/// white space around. Only for answers to our own request, never for files that somebody sent.
pub fn normalize(answer: &[u8]) -> Result<String, ArmorError> {
    let canonical = wrap(&unwrap(ascii(answer)?)?);
    decode(canonical.as_bytes())?;
    Ok(canonical)
}

fn ascii(file: &[u8]) -> Result<&str, ArmorError> {
    if file.len() > MAX_BYTES {
        return Err(content(format!("has {} bytes, at most {MAX_BYTES} are read", file.len())));
    }
    std::str::from_utf8(file).ok().filter(|text| text.is_ascii()).ok_or_else(|| content("is not plain ASCII text"))
}

/// Takes header and footer off and decodes what is between them, however its lines are cut.
fn unwrap(text: &str) -> Result<Vec<u8>, ArmorError> {
    let rest = text.trim_ascii().strip_prefix(HEADER);
    let rest = rest.ok_or_else(|| content(format!("does not start with `{HEADER}`")))?;
    let body = rest.strip_suffix(FOOTER).ok_or_else(|| content(format!("does not end with `{FOOTER}`")))?;
    let base64: String = body.split_ascii_whitespace().collect();
    Base64::decode_vec(&base64).map_err(|_| content("body is not base64"))
}

fn wrap(blob: &[u8]) -> String {
    let mut body = String::new();
    for (index, character) in Base64::encode_string(blob).chars().enumerate() {
        if index % COLUMNS == 0 {
            body.push('\n');
        }
        body.push(character);
    }
    format!("{HEADER}{body}\n{FOOTER}\n")
}

/// Reads the fields and applies the rules about them that the crate leaves open.
fn fields(blob: &[u8], canonical: &str) -> Result<SshSig, ArmorError> {
    let signature = SshSig::from_pem(canonical).map_err(|error| unreadable(&error, blob))?;
    if signature.version() != SshSig::VERSION {
        return Err(wrong_version(signature.version()));
    }
    if !signature.reserved().is_empty() {
        let found = signature.reserved().len();
        return Err(content(format!("has {found} bytes in its reserved field, which must be empty")));
    }
    let key_type = signature.public_key().algorithm();
    check_key(signature.public_key())?;
    if signature.algorithm() != key_type {
        return Err(undecodable("the signature in it is not of its key's kind"));
    }
    if encoded(&signature)? != blob {
        return Err(undecodable("its fields do not fit"));
    }
    Ok(signature)
}

/// What is wrong where the crate gives up, whose errors about certificates name no key type.
fn unreadable(error: &ssh_key::Error, blob: &[u8]) -> ArmorError {
    match (error, key_type_name(blob).map(check_key_type)) {
        (ssh_key::Error::Version { number }, _) => wrong_version(*number),
        (_, Some(Err(unsupported))) => unsupported.into(),
        _ => undecodable(&error.to_string()),
    }
}

/// The name of the key's kind: the first string in the public key, which is the first field.
fn key_type_name(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.get(PREAMBLE_BYTES + 4..)?.split_first_chunk::<4>()?;
    let name = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    std::str::from_utf8(name).ok()
}

/// The bytes of a signature as its fields give them.
fn encoded(signature: &SshSig) -> Result<Vec<u8>, ArmorError> {
    let armored = signature.to_pem(LineEnding::LF).map_err(|error| undecodable(&error.to_string()))?;
    let mut blob = unwrap(&armored)?;
    // The crate writes a P-256 token's trailer into the string before it: only the length of the
    // string is wrong, since both stand at the end.
    if signature.algorithm() == Algorithm::SkEcdsaSha2NistP256 {
        let numbers = signature.signature_bytes().len() - TOKEN_TRAILER;
        let at = blob.len() - TOKEN_TRAILER - numbers - 4;
        let length = u32::try_from(numbers).map_err(|error| undecodable(&error.to_string()))?;
        blob[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(blob)
}

fn content(problem: impl Into<String>) -> ArmorError {
    ArmorError::Content { problem: problem.into() }
}

fn undecodable(reason: &str) -> ArmorError {
    content(format!("cannot be decoded: {reason}"))
}

fn wrong_version(found: u32) -> ArmorError {
    content(format!("is of format version {found}, only version 1 is read"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made by `ssh-keygen -Y sign -n result.v1@hlb-bench` (OpenSSH 9.2) over the bytes `hello`.
    const GOOD: &str = "\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgjlEWarepit/Z8Q91v8jE6Fe6Do
Js6WsrojJNYyf9jCwAAAATcmVzdWx0LnYxQGhsYi1iZW5jaAAAAAAAAAAGc2hhNTEyAAAA
UwAAAAtzc2gtZWQyNTUxOQAAAEAJUvK6L7eIbph+KfdA58K9zd8FOlb3r4eo44IfWF4tlJ
YtLc+IJn/GtAKxtt/PhbFBwGnfqOeZYNzS/AhEb4gP
-----END SSH SIGNATURE-----
";

    fn refuse(text: &str) -> ArmorError {
        decode(text.as_bytes()).expect_err("not in the accepted layout")
    }

    fn no_header() -> ArmorError {
        content("does not start with `-----BEGIN SSH SIGNATURE-----`")
    }

    fn no_footer() -> ArmorError {
        content("does not end with `-----END SSH SIGNATURE-----`")
    }

    /// The same signature with another number of columns.
    fn columns(width: usize) -> String {
        let body: Vec<char> = GOOD.lines().filter(|line| !line.starts_with('-')).flat_map(str::chars).collect();
        let lines: Vec<String> = body.chunks(width).map(|c| c.iter().collect()).collect();
        format!("{HEADER}\n{}\n{FOOTER}\n", lines.join("\n"))
    }

    #[test]
    fn what_the_stock_tool_writes_is_the_accepted_layout() {
        let decoded = decode(GOOD.as_bytes()).expect("in order");
        assert_eq!(decoded.algorithm(), Algorithm::Ed25519);
        assert_eq!(decoded.namespace(), "result.v1@hlb-bench");
        assert_eq!(columns(COLUMNS), GOOD);
    }

    #[test]
    fn carriage_returns_are_refused() {
        let error = refuse(&GOOD.replace('\n', "\r\n"));
        assert_eq!(error, ArmorError::CarriageReturn { line: 1 });
        assert!(error.hint().is_some_and(|hint| hint.contains("-text")));
        let error = refuse(&GOOD.replacen('\n', "\n\r", 2));
        assert_eq!(error, ArmorError::CarriageReturn { line: 2 });
    }

    #[test]
    fn nothing_may_stand_before_the_header() {
        for before in ["\n", " "] {
            assert_eq!(refuse(&format!("{before}{GOOD}")), ArmorError::Layout { line: 1 });
        }
        assert_eq!(refuse(&format!("x\n{GOOD}")), no_header());
        assert_eq!(refuse(&format!("\u{feff}{GOOD}")), content("is not plain ASCII text"));
        assert_eq!(refuse(""), no_header());
    }

    #[test]
    fn nothing_may_stand_after_the_end() {
        let end = GOOD.lines().count() + 1;
        assert_eq!(refuse(&format!("{GOOD}\n")), ArmorError::Layout { line: end + 1 });
        assert_eq!(refuse(&format!("{GOOD} ")), ArmorError::Layout { line: end });
        for after in ["x", "see above\n"] {
            assert_eq!(refuse(&format!("{GOOD}{after}")), no_footer(), "{after}");
        }
        assert_eq!(refuse(&format!("{GOOD}{GOOD}")), content("body is not base64"));
    }

    #[test]
    fn the_last_line_ends() {
        assert_eq!(refuse(GOOD.trim_end()), ArmorError::Layout { line: GOOD.lines().count() + 1 });
        let cut = GOOD.replace(FOOTER, "");
        assert_eq!(refuse(&cut), no_footer());
    }

    #[test]
    fn lines_have_seventy_columns_and_no_blanks() {
        for width in [69, 71, 76, 1000] {
            let error = refuse(&columns(width));
            assert!(matches!(error, ArmorError::Layout { line: 2 }), "{width}: {error}");
        }
        let indented = GOOD.replacen('\n', "\n ", 1);
        assert_eq!(refuse(&indented), ArmorError::Layout { line: 2 });
        let trailing = GOOD.replacen("\n-----END", " \n-----END", 1);
        assert!(matches!(refuse(&trailing), ArmorError::Layout { .. }));
        let blank_line = GOOD.replacen("\n-----END", "\n\n-----END", 1);
        assert!(matches!(refuse(&blank_line), ArmorError::Layout { .. }));
    }

    #[test]
    fn the_body_is_base64() {
        let error = refuse(&GOOD.replacen("U1NI", "U1N!", 1));
        assert_eq!(error, content("body is not base64"));
        let error = refuse(&format!("{HEADER}\n{FOOTER}\n"));
        assert!(matches!(error, ArmorError::Content { .. }), "{error}");
    }

    #[test]
    fn a_large_file_is_refused_unread() {
        let error = refuse(&GOOD.repeat(20));
        assert_eq!(error, content(format!("has {} bytes, at most 4096 are read", 20 * GOOD.len())));
    }

    #[test]
    fn an_answer_in_any_layout_is_normalized() {
        for width in [1, 64, 70, 76, 1000] {
            assert_eq!(normalize(columns(width).as_bytes()).as_deref(), Ok(GOOD));
        }
        let windows = format!("\r\n{}", columns(76).replace('\n', "\r\n"));
        assert_eq!(normalize(windows.as_bytes()).as_deref(), Ok(GOOD));
        assert_eq!(normalize(GOOD.trim_end().as_bytes()).as_deref(), Ok(GOOD));
        assert_eq!(normalize(GOOD.replace('\n', "\n ").as_bytes()).as_deref(), Ok(GOOD));
    }

    #[test]
    fn an_answer_that_is_no_signature_stays_refused() {
        assert_eq!(normalize(b"").err(), Some(no_header()));
        assert_eq!(normalize(HEADER.as_bytes()).err(), Some(no_footer()));
        let two = format!("{GOOD}{GOOD}");
        assert!(normalize(two.as_bytes()).is_err());
    }

    proptest! {
        /// No file is accepted that is not its own canonical form.
        #[test]
        fn whatever_is_accepted_is_canonical(
            at in 0..GOOD.len(), cut in 0usize..3, put in "[ -~\r\n]{0,3}"
        ) {
            let end = (at + cut).min(GOOD.len());
            let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
            if let Ok(decoded) = decode(text.as_bytes()) {
                prop_assert_eq!(normalize(text.as_bytes()).expect("accepted"), text);
                prop_assert!(!decoded.namespace().is_empty());
            }
        }

        /// Nothing that a stranger can send makes it panic.
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(decode(&bytes).is_err());
            prop_assert!(decode(wrap(&bytes).as_bytes()).is_err());
        }
    }
}
