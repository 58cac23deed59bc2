//! Paths of files, from the site's root.

use crate::board::Row;
use hlb_core::artifact::{Sha256Hex, sha256_hex};

/// Longest readable part of an address.
const SLUG_CAP: usize = 40;

/// Hexadecimal digits of a digest in an address: too many for anybody to find two names that share them.
const DIGITS: usize = 32;

/// The beginning of a digest that stands for a name in an address.
pub(crate) fn digits(digest: Sha256Hex) -> String {
    digest.to_string()[..DIGITS].to_owned()
}

/// Whether a name stands as it is in an address and in a command.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(plain)
}

/// The folder of an entry's page and files.
pub(crate) fn entry_folder(row: &Row) -> String {
    format!("entries/{}", row.path)
}

/// The page of an entry.
pub(crate) fn entry_page(row: &Row) -> String {
    format!("{}/index.html", entry_folder(row))
}

/// The page of an author.
///
/// A name is anything that a person may be called, an address is plain ASCII: letters and digits are kept, and the
/// beginning of the name's digest keeps apart what would fall together.
pub(crate) fn author_page(name: &str) -> String {
    let lower = name.to_lowercase();
    let plain: String = lower.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-");
    slug.truncate(SLUG_CAP);
    format!("authors/{}-{}/index.html", slug.trim_end_matches('-'), digits(sha256_hex(name.as_bytes())))
        .replace("/-", "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_can_be_read_in_its_address() {
        let page = author_page("Grace Hopper");
        assert!(page.starts_with("authors/grace-hopper-") && page.ends_with("/index.html"), "{page}");
        assert_ne!(author_page("王小明"), author_page("李小红"));
        // These two share the first eight digits of their digests.
        assert_ne!(author_page("Ada.=]@}"), author_page("Ada.(%!("));
    }

    proptest! {
        #[test]
        fn an_address_is_plain(name in ".{1,80}") {
            let page = author_page(&name);
            let folder = page.strip_prefix("authors/").and_then(|rest| rest.strip_suffix("/index.html"));
            let folder = folder.expect("a folder and a page");
            prop_assert!(is_plain(folder) && !folder.starts_with('-') && folder.len() >= DIGITS, "{page}");
        }
    }
}
