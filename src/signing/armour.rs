//! The text form of an SSH signature, in the one layout that is accepted here.
//!
//! OpenSSH and the `ssh-key` crate each let through layouts that the other refuses: text after the
//! end, other line widths, CR LF, blank lines before the start, a non-empty reserved field. A
//! signature that two verifiers judge differently is worthless on a public board, so a file is
//! decoded, armoured again, and must come out as the very same bytes.
//!
//! This file must never judge a signature; that is `verify`'s.

use std::fmt;

use base64ct::{Base64, Encoding};
use ssh_key::{PublicKey, SshSig};

use super::key_type::{KeyType, UnsupportedKey};
use super::wire::{Envelope, TOKEN_TRAILER};
use crate::hint::Hint;

/// The largest signature file that is looked at, in bytes. Real ones have 295 to about 600.
pub const MAX_BYTES: usize = 4096;

/// Characters of base64 in every full line, as `ssh-keygen` writes them.
const COLUMNS: usize = 70;

const HEADER: &str = "-----BEGIN SSH SIGNATURE-----";
const FOOTER: &str = "-----END SSH SIGNATURE-----";

/// Why a file is not a signature in the accepted layout.
#[non_exhaustive]
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub enum ArmourError {
    /// More than [`MAX_BYTES`].
    #[error("signature has {found} bytes, at most {MAX_BYTES} are read")]
    TooLarge {
        /// Size of the file in bytes.
        found: usize,
    },
    /// Bytes outside ASCII: a byte order mark, an image, anything.
    #[error("signature is not plain ASCII text")]
    NotAscii,
    /// CR LF or a lone CR.
    #[error("signature has a carriage return in line {line}")]
    CarriageReturn {
        /// Line number, from 1.
        line: usize,
    },
    /// Something other than the header comes first.
    #[error("signature does not start with `{HEADER}`")]
    NoHeader,
    /// The footer is missing.
    #[error("signature does not end with `{FOOTER}`")]
    NoFooter,
    /// The last line does not end in a line feed.
    #[error("signature has no line feed at its end")]
    NoFinalNewline,
    /// Text, a blank line or another signature after the footer.
    #[error("signature is followed by other text")]
    TextAfterEnd,
    /// The body is not base64 in its only spelling.
    #[error("signature body is not base64")]
    NotBase64,
    /// The right bytes, laid out in another way.
    #[error("signature is not laid out as `ssh-keygen` writes it, from line {line} on")]
    Layout {
        /// First line that differs, from 1.
        line: usize,
    },
    /// Signed with a kind of key that is not accepted.
    #[error("signature was made by a key that may not sign here")]
    Key(#[from] UnsupportedKey),
    /// The inner fields cannot be read: cut short, bytes left over, an unknown hash.
    #[error("signature cannot be decoded: {reason}")]
    Content {
        /// What the decoder said.
        reason: String,
    },
    /// A version of the format other than 1.
    #[error("signature is of format version {found}, only version 1 is read")]
    Version {
        /// The version it claims.
        found: u32,
    },
    /// The field that the format reserves is in use.
    #[error("signature has {found} bytes in its reserved field, which must be empty")]
    Reserved {
        /// Length of the field in bytes.
        found: usize,
    },
}

impl Hint for ArmourError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::CarriageReturn { .. } => Some(
                "git may have changed the line ends: keep `-text` for these files in \
                 `.gitattributes` and check them out again"
                    .to_owned(),
            ),
            Self::Key(key) => key.hint(),
            Self::Layout { .. } | Self::NoFinalNewline | Self::TextAfterEnd | Self::NoHeader => {
                Some("sign the result again; a signature file is never edited by hand".to_owned())
            }
            _ => None,
        }
    }
}

/// A signature whose layout and fields are in order. It says nothing about its truth yet.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub(super) signature: SshSig,
    key_type: KeyType,
}

impl Decoded {
    /// The kind of key that it claims to be made with.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The namespace that it claims to be made for.
    pub fn namespace(&self) -> &str {
        self.signature.namespace()
    }
}

/// Decodes a signature file that must be byte for byte in the accepted layout.
pub fn decode(file: &[u8]) -> Result<Decoded, ArmourError> {
    let text = ascii(file)?;
    let blob = unwrap(text)?;
    let canonical = wrap(&Base64::encode_string(&blob));
    if canonical != text {
        return Err(ArmourError::Layout { line: first_difference(&canonical, text) });
    }
    fields(&blob, &canonical)
}

/// Brings what a signing tool returned into the accepted layout: any line width, LF or CR LF,
/// white space around. Only for answers to our own request, never for files that somebody sent.
pub fn normalise(answer: &[u8]) -> Result<String, ArmourError> {
    let text = ascii(answer)?.trim_ascii();
    let body =
        text.strip_prefix(HEADER).ok_or(ArmourError::NoHeader)?.strip_suffix(FOOTER).ok_or(ArmourError::NoFooter)?;
    let base64: String = body.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
    let canonical = wrap(&base64);
    decode(canonical.as_bytes())?;
    Ok(canonical)
}

fn ascii(file: &[u8]) -> Result<&str, ArmourError> {
    if file.len() > MAX_BYTES {
        return Err(ArmourError::TooLarge { found: file.len() });
    }
    std::str::from_utf8(file).ok().filter(|text| text.is_ascii()).ok_or(ArmourError::NotAscii)
}

/// Takes header and footer off and decodes what is between them.
fn unwrap(text: &str) -> Result<Vec<u8>, ArmourError> {
    if let Some(line) = text.split('\n').position(|line| line.contains('\r')) {
        return Err(ArmourError::CarriageReturn { line: line + 1 });
    }
    let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n')).ok_or(ArmourError::NoHeader)?;
    let (body, tail) = rest.split_once(FOOTER).ok_or(ArmourError::NoFooter)?;
    match tail {
        "\n" => {}
        "" => return Err(ArmourError::NoFinalNewline),
        _ => return Err(ArmourError::TextAfterEnd),
    }
    // Blanks are taken out before decoding so that a wrong layout is told from wrong base64.
    let base64 = body.replace([' ', '\t', '\n'], "");
    Base64::decode_vec(&base64).map_err(|_| ArmourError::NotBase64)
}

fn wrap(base64: &str) -> String {
    let mut out = String::with_capacity(MAX_BYTES);
    out.push_str(HEADER);
    for (index, character) in base64.chars().enumerate() {
        if index % COLUMNS == 0 {
            out.push('\n');
        }
        out.push(character);
    }
    out.push('\n');
    out.push_str(FOOTER);
    out.push('\n');
    out
}

fn first_difference(expected: &str, found: &str) -> usize {
    let same = expected.split('\n').zip(found.split('\n')).take_while(|(left, right)| left == right).count();
    same + 1
}

/// Reads the fields and applies the rules about them that the crate leaves open.
fn fields(blob: &[u8], canonical: &str) -> Result<Decoded, ArmourError> {
    let envelope = Envelope::read(blob).ok_or_else(|| content(&"its fields do not fit"))?;
    if envelope.version != SshSig::VERSION {
        return Err(ArmourError::Version { found: envelope.version });
    }
    if !envelope.reserved.is_empty() {
        return Err(ArmourError::Reserved { found: envelope.reserved.len() });
    }
    // Before the crate looks, whose errors about RSA or certificates name no key type.
    let name = envelope.key_type();
    let key_type = KeyType::from_name(name.ok_or_else(|| content(&"its key has no type"))?)?;
    let signature = SshSig::from_pem(canonical).map_err(|error| content(&error))?;
    check_key(&envelope, &signature)?;
    check_proper(&envelope, key_type)?;
    Ok(Decoded { signature, key_type })
}

/// The key must be spelled as it would be written again.
fn check_key(envelope: &Envelope<'_>, signature: &SshSig) -> Result<(), ArmourError> {
    let key = PublicKey::from(signature.public_key().clone());
    match key.to_bytes() {
        Ok(bytes) if bytes == envelope.public_key => Ok(()),
        Ok(_) => Err(content(&"its key has another spelling")),
        Err(error) => Err(content(&error)),
    }
}

/// The signature proper must be of the key's own kind, and only a token's has a trailer.
fn check_proper(envelope: &Envelope<'_>, key_type: KeyType) -> Result<(), ArmourError> {
    let trailer = if key_type.is_security_key() { TOKEN_TRAILER } else { 0 };
    let fits = envelope
        .proper()
        .is_some_and(|proper| proper.kind == key_type.as_str().as_bytes() && proper.trailer.len() == trailer);
    if fits { Ok(()) } else { Err(content(&"the signature in it is not of its key's kind")) }
}

fn content(reason: &dyn fmt::Display) -> ArmourError {
    ArmourError::Content { reason: reason.to_string() }
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

    fn refuse(text: &str) -> ArmourError {
        decode(text.as_bytes()).expect_err("not in the accepted layout")
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
        assert_eq!(decoded.key_type(), KeyType::Ed25519);
        assert_eq!(decoded.namespace(), "result.v1@hlb-bench");
        assert_eq!(columns(COLUMNS), GOOD);
    }

    #[test]
    fn carriage_returns_are_refused() {
        let error = refuse(&GOOD.replace('\n', "\r\n"));
        assert_eq!(error, ArmourError::CarriageReturn { line: 1 });
        assert!(error.hint().is_some_and(|hint| hint.contains("-text")));
        let error = refuse(&GOOD.replacen('\n', "\n\r", 2));
        assert_eq!(error, ArmourError::CarriageReturn { line: 2 });
    }

    #[test]
    fn nothing_may_stand_before_the_header() {
        for before in ["\n", " ", "x\n"] {
            assert_eq!(refuse(&format!("{before}{GOOD}")), ArmourError::NoHeader);
        }
        assert_eq!(refuse(&format!("\u{feff}{GOOD}")), ArmourError::NotAscii);
        assert_eq!(refuse(""), ArmourError::NoHeader);
    }

    #[test]
    fn nothing_may_stand_after_the_end() {
        for after in ["\n", "x", "see above\n", GOOD] {
            let error = refuse(&format!("{GOOD}{after}"));
            assert_eq!(error, ArmourError::TextAfterEnd, "{after}");
        }
    }

    #[test]
    fn the_last_line_ends() {
        assert_eq!(refuse(GOOD.trim_end()), ArmourError::NoFinalNewline);
        let cut = GOOD.replace(FOOTER, "");
        assert_eq!(refuse(&cut), ArmourError::NoFooter);
    }

    #[test]
    fn lines_have_seventy_columns_and_no_blanks() {
        for width in [69, 71, 76, 1000] {
            let error = refuse(&columns(width));
            assert!(matches!(error, ArmourError::Layout { line: 2 }), "{width}: {error}");
        }
        let indented = GOOD.replacen('\n', "\n ", 1);
        assert_eq!(refuse(&indented), ArmourError::Layout { line: 2 });
        let trailing = GOOD.replacen("\n-----END", " \n-----END", 1);
        assert!(matches!(refuse(&trailing), ArmourError::Layout { .. }));
        let blank_line = GOOD.replacen("\n-----END", "\n\n-----END", 1);
        assert!(matches!(refuse(&blank_line), ArmourError::Layout { .. }));
    }

    #[test]
    fn the_body_is_base64() {
        let error = refuse(&GOOD.replacen("U1NI", "U1N!", 1));
        assert_eq!(error, ArmourError::NotBase64);
        let error = refuse(&format!("{HEADER}\n{FOOTER}\n"));
        let expected = "signature cannot be decoded: its fields do not fit";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_large_file_is_refused_unread() {
        let error = refuse(&GOOD.repeat(20));
        assert!(matches!(error, ArmourError::TooLarge { .. }));
    }

    #[test]
    fn an_answer_in_any_layout_is_normalised() {
        for width in [1, 64, 70, 76, 1000] {
            assert_eq!(normalise(columns(width).as_bytes()).as_deref(), Ok(GOOD));
        }
        let windows = format!("\r\n{}", columns(76).replace('\n', "\r\n"));
        assert_eq!(normalise(windows.as_bytes()).as_deref(), Ok(GOOD));
        assert_eq!(normalise(GOOD.trim_end().as_bytes()).as_deref(), Ok(GOOD));
    }

    #[test]
    fn an_answer_that_is_no_signature_stays_refused() {
        assert_eq!(normalise(b"").err(), Some(ArmourError::NoHeader));
        assert_eq!(normalise(HEADER.as_bytes()).err(), Some(ArmourError::NoFooter));
        let two = format!("{GOOD}{GOOD}");
        assert!(normalise(two.as_bytes()).is_err());
        let indented = GOOD.replacen('\n', "\n ", 1);
        assert!(normalise(indented.as_bytes()).is_err());
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
                prop_assert_eq!(normalise(text.as_bytes()).expect("accepted"), text);
                prop_assert!(!decoded.namespace().is_empty());
            }
        }

        /// Nothing that a stranger can send makes it panic.
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(decode(&bytes).is_err());
            let body = Base64::encode_string(&bytes);
            prop_assert!(decode(wrap(&body).as_bytes()).is_err());
        }
    }
}
