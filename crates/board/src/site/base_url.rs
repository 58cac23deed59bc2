//! The address that a site is published under.

use std::fmt;
use std::str::FromStr;

use hlb_core::text::show;

/// Most bytes of an address.
const CAP: usize = 1024;

/// Where a site is published: `http` or `https`, a host and perhaps a folder; it ends with a slash.
///
/// Only characters that mean themselves in every file of the site get in, so that an address is never encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// A text that is not such an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not an address that a site can be published under: {why}; write it like https://bench.example.org/board/",
    show(.given)
)]
pub struct BaseUrlError {
    /// What was given.
    pub given: String,
    /// The rule it breaks.
    pub why: &'static str,
}

impl BaseUrl {
    /// The address of a file of the site.
    pub(crate) fn of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(given: &str) -> Result<Self, BaseUrlError> {
        match broken_rule(given) {
            None => Ok(Self(format!("{}/", given.trim_end_matches('/')))),
            Some(why) => Err(BaseUrlError { given: given.to_owned(), why }),
        }
    }
}

fn broken_rule(given: &str) -> Option<&'static str> {
    if given.len() > CAP {
        return Some("it has more than 1024 bytes");
    }
    let rest = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://"));
    let Some(rest) = rest else { return Some("it begins with neither https:// nor http://") };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if !host.split('.').all(is_label) {
        return Some("its host is not of letters, digits and hyphens between single dots");
    }
    if port.is_some_and(|port| !is_port(port)) {
        return Some("its port is not a number from 1 to 65535");
    }
    let folders = path.strip_suffix('/').unwrap_or(path);
    (!path.is_empty() && !folders.split('/').all(is_folder))
        .then_some("its path is not of letters, digits and `-._~` between single slashes")
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_folder(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !name.is_empty() && name.bytes().all(plain) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_with_one_slash() {
        for (given, expected) in [
            ("https://bench.example.org", "https://bench.example.org/"),
            ("http://localhost:8000/", "http://localhost:8000/"),
            ("https://example.org/a/~board", "https://example.org/a/~board/"),
        ] {
            let url: BaseUrl = given.parse().unwrap();
            assert_eq!(url.to_string(), expected);
            assert_eq!(url.of("index.html"), format!("{expected}index.html"));
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        let long = format!("https://example.org/{}", "a".repeat(CAP));
        let bad = [
            "",
            "example.org",
            "//example.org",
            "ftp://example.org",
            "javascript:alert(1)",
            "HTTPS://example.org",
            "https://",
            "https:///a",
            "https://a b",
            "https://.org",
            "https://a..b",
            "https://-a.org",
            "https://me:secret@example.org",
            "https://example.org:",
            "https://example.org:0",
            "https://example.org:+80",
            "https://example.org:99999",
            "https://example.org/?q",
            "https://example.org/#a",
            "https://example.org/../a",
            "https://example.org/a//b",
            "https://example.org//",
            "https://example.org/%2e%2e",
            "https://example.org/<b>",
            "https://example.org/\"",
            "https://[::1]/",
            "https://exämple.org",
            "https://example.org/\n",
            " https://a.org",
            &long,
        ];
        for text in bad {
            assert!(text.parse::<BaseUrl>().is_err(), "{text:?} was taken for an address");
        }
    }

    #[test]
    fn an_error_names_the_rule_and_an_example() {
        let error = "ftp://example.org".parse::<BaseUrl>().unwrap_err().to_string();
        assert!(error.contains("neither https:// nor http://; write it like https://bench"), "{error}");
    }
}
