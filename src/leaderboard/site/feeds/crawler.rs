//! What crawlers are told, where the site's address is known: which pages there are.

use std::path::Path;

use serde::Serialize;

use super::super::base_url::BaseUrl;
use super::super::page::Pages;
use super::super::{INDEX, SiteError, rows};
use super::page_of;
use crate::leaderboard::board::Board;
use crate::leaderboard::record::{day, held_at};

const SITEMAP_FILE: &str = "sitemap.xml";
const ROBOTS_FILE: &str = "robots.txt";

#[derive(Serialize)]
struct Sitemap {
    pages: Vec<PageView>,
}

#[derive(Serialize)]
struct PageView {
    address: String,
    /// Day of its newest session.
    changed: Option<String>,
}

/// The sitemap of `others`, the paths of a site's files, and its entries; and `robots.txt` where anybody would look for it.
pub(in crate::leaderboard::site) fn files<'a>(
    board: &Board,
    others: impl Iterator<Item = &'a String>,
    base_url: &BaseUrl,
    pages: &Pages,
) -> Result<Vec<(String, String)>, SiteError> {
    let sitemap = pages.render(SITEMAP_FILE, SITEMAP_FILE, &Sitemap { pages: all_pages(board, others, base_url) })?;
    let robots = base_url.is_whole_host().then(|| (ROBOTS_FILE.to_owned(), robots(base_url)));
    Ok(std::iter::once((SITEMAP_FILE.to_owned(), sitemap)).chain(robots).collect())
}

fn all_pages<'a>(board: &Board, others: impl Iterator<Item = &'a String>, base_url: &BaseUrl) -> Vec<PageView> {
    let page = |path: &str, held| PageView { address: base_url.of(path), changed: held };
    let newest = rows(board).filter_map(|(_, row)| held_at(row)).max().map(day);
    let is_page = |path: &&String| Path::new(path).extension().is_some_and(|extension| extension == "html");
    let others = others.filter(is_page);
    let others = others.map(|path| page(path, newest.clone().filter(|_| path == INDEX)));
    let entries = rows(board).map(|(_, row)| page(&page_of(row), held_at(row).map(day)));
    others.chain(entries).collect()
}

fn robots(base_url: &BaseUrl) -> String {
    format!("User-agent: *\nAllow: /\nSitemap: {}\n", base_url.of(SITEMAP_FILE))
}
