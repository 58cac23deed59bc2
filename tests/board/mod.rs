//! The pages and the files of the site.

mod announced;
mod browser;
mod builds;
mod feeds;
mod history;
mod hostile_words;
pub(crate) mod site;
mod states;
mod withdrawn;
