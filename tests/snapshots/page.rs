//! The front page of a board with everything on it, as its reader sees it.

use std::fs;

use hlb_board::{SiteOptions, Workers};
use html5gum::{Token, Tokenizer};

use crate::board::site::full;
use crate::snapshots::Snapshots;
use crate::support::context::Context;

#[test]
fn the_front_page_says_this() {
    let (fixture, context) = (full(), Context::new());
    let site = context.path("site");
    hlb_board::write(&fixture.board(), &site, &SiteOptions::default(), Workers::all()).unwrap();
    let page = fs::read_to_string(site.join("index.html")).unwrap();
    let mut snapshots = Snapshots::of("page");
    snapshots.check("front", &visible(&page), &context);
    snapshots.finish();
}

/// The text of a page: a line for each block and each row of a table.
fn visible(page: &str) -> String {
    const INLINE: [&[u8]; 12] =
        [b"a", b"abbr", b"b", b"code", b"em", b"small", b"span", b"strong", b"time", b"tspan", b"sup", b"sub"];
    let (mut text, mut is_hidden) = (String::new(), false);
    for token in Tokenizer::new(page).map(|token| token.expect("in memory")) {
        match token {
            Token::StartTag(tag) => {
                is_hidden = [&b"style"[..], b"script"].contains(&tag.name.as_slice());
                text.push_str(if INLINE.contains(&tag.name.as_slice()) { "" } else { "\n" });
            }
            Token::EndTag(tag) => {
                is_hidden = false;
                text.push_str(match tag.name.as_slice() {
                    b"td" | b"th" => "\t",
                    name if INLINE.contains(&name) => "",
                    _ => "\n",
                });
            }
            Token::String(piece) if !is_hidden => text.push_str(&String::from_utf8_lossy(&piece)),
            _ => {}
        }
    }
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    // The cells of a row begin on lines of their own, each after the tab of the one before it.
    let text = text.replace("\t\n", " | ");
    let lines = text.lines().map(words).filter(|line| !line.is_empty() && line != "|");
    lines.map(|line| line + "\n").collect()
}
