//! Whether the code of an entry is pinned, as far as its address tells.

use crate::dawnbench::irregularity::Kind;

/// What is wrong with the address and the commit of an entry's code; `None` for a commit.
pub(super) fn flaw(address: Option<&str>, commit: Option<&str>) -> Option<Kind> {
    let address = address.map(str::trim).filter(|address| !address.is_empty());
    // A commit without an address leads nowhere.
    let Some(address) = address else { return Some(Kind::CodeAbsent) };
    if commit.is_some_and(|commit| is_commit(commit.trim())) {
        return None;
    }
    let parts: Vec<&str> = address.split(['/', '#', '?', '=']).collect();
    let pins = ["tree", "commit", "commits", "blob"];
    let after = parts.windows(2).filter(|pair| pins.contains(&pair[0])).map(|pair| pair[1]);
    let named: Vec<&str> = after.collect();
    if named.iter().any(|name| is_commit(name)) {
        None
    } else if named.iter().any(|name| is_tag(name)) || parts.windows(2).any(|pair| pair == ["releases", "tag"]) {
        Some(Kind::CodePinnedByTag)
    } else {
        Some(Kind::CodeUnpinned)
    }
}

/// At least seven hexadecimal digits, as git shortens them.
fn is_commit(name: &str) -> bool {
    (7..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `v1.0` and the like; a tag with another name looks like a branch.
fn is_tag(name: &str) -> bool {
    name.strip_prefix('v').unwrap_or(name).starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_commit_pins() {
        let at = |address: &str| flaw(Some(address), None);
        assert_eq!(at("https://github.com/a/b/tree/63d69aee17c215419760739c3690837f221ee124"), None);
        assert_eq!(at("https://github.com/a/b/commit/1bc5aee"), None);
        assert_eq!(at("https://github.com/a/b/tree/master/pytorch/CIFAR10"), Some(Kind::CodeUnpinned));
        assert_eq!(at("https://github.com/a/b"), Some(Kind::CodeUnpinned));
        assert_eq!(at("https://github.com/a/b/tree/v1.13"), Some(Kind::CodePinnedByTag));
        assert_eq!(at("https://github.com/a/b/releases/tag/june"), Some(Kind::CodePinnedByTag));
        assert_eq!(at(" "), Some(Kind::CodeAbsent));
        assert_eq!(flaw(None, None), Some(Kind::CodeAbsent));
        assert_eq!(flaw(None, Some("0b8962aecfd7a7bab3737ec1baa7d9a0f8ef8cfa")), Some(Kind::CodeAbsent));
        assert_eq!(flaw(Some("https://github.com/a/b"), Some("0b8962aecfd7a7bab3737ec1baa7d9a0f8ef8cfa")), None);
        assert_eq!(flaw(Some("https://github.com/a/b"), Some("master")), Some(Kind::CodeUnpinned));
    }
}
