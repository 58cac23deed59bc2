//! Templates, and how a page comes out of one. All escaping happens here, by the template engine, and nowhere else.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context, escape_formatter};
use serde::Serialize;

use crate::board::{Board, RankedTrack};
use crate::site::error::SiteError;
use crate::site::figures::MEDIAN_MISSED;
use crate::site::filters;
use hlb_core::rules::{CLOCK_TOLERANCE_SHARE, REACHED_SHARE, RULES_VERSION, SIGNIFICANCE};

const TEMPLATES: [(&str, &str); 16] = [
    ("base.html", include_str!("../../../../leaderboard/templates/base.html")),
    ("macros.html", include_str!("../../../../leaderboard/templates/macros.html")),
    ("index.html", include_str!("../../../../leaderboard/templates/index.html")),
    ("drawings.html", include_str!("../../../../leaderboard/templates/drawings.html")),
    ("rows.html", include_str!("../../../../leaderboard/templates/rows.html")),
    ("track.html", include_str!("../../../../leaderboard/templates/track.html")),
    ("compare.html", include_str!("../../../../leaderboard/templates/compare.html")),
    ("author.html", include_str!("../../../../leaderboard/templates/author.html")),
    ("history.html", include_str!("../../../../leaderboard/templates/history.html")),
    ("about.html", include_str!("../../../../leaderboard/templates/about.html")),
    ("entry.html", include_str!("../../../../leaderboard/templates/entry.html")),
    ("study.html", include_str!("../../../../leaderboard/templates/study.html")),
    ("study.md", include_str!("../../../../leaderboard/templates/study.md")),
    ("feed.xml", include_str!("../../../../leaderboard/templates/feed.xml")),
    ("badge.svg", include_str!("../../../../leaderboard/templates/badge.svg")),
    // For pages that stand alone, which include it.
    LOOK_FILES[0],
];

/// Files that every page looks the way it does by, under their paths in the site.
pub(crate) const LOOK_FILES: [(&str, &str); 3] = [
    ("style.css", include_str!("../../../../leaderboard/style.css")),
    ("board.js", include_str!("../../../../leaderboard/board.js")),
    ("icon.svg", include_str!("../../../../leaderboard/icon.svg")),
];

/// All templates, ready to render.
pub struct Pages(Environment<'static>);

impl Default for Pages {
    /// Reads the templates. A name that is not defined is an error, and so is a missing value that would be printed:
    /// what is unknown has words of its own.
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .set_auto_escape_callback(|name| if name == "study.md" { AutoEscape::None } else { AutoEscape::Html });
        environment.set_syntax(syntax());
        environment.set_formatter(|out, state, value| {
            if value.is_none() {
                return Err(Error::new(ErrorKind::InvalidOperation, "a missing value would be printed"));
            }
            escape_formatter(out, state, value)
        });
        filters::add_to(&mut environment);
        add_rules(&mut environment);
        for (name, text) in TEMPLATES {
            environment
                .add_template(name, text)
                .expect("a shipped template is valid; every test of the site reads them");
        }
        Self(environment)
    }
}

impl Pages {
    /// The templates of a board's site, whose pages all have the same things around their content.
    pub(crate) fn of_board(board: &Board) -> Self {
        let mut pages = Self::default();
        let track = |track: &RankedTrack| context! { id => &track.track.id, title => &track.track.title };
        let site = context! {
            rules_version => RULES_VERSION,
            has_signers => board.signers_text.is_some(),
            has_states => board.states_text.is_some(),
            tracks => board.tracks.iter().map(track).collect::<Value>(),
        };
        pages.0.add_global("site", site);
        pages
    }

    /// Renders one page; `path` is where it will stand, for messages and for the way back to the site's root.
    pub fn render(&self, template: &str, path: &str, view: impl Serialize) -> Result<String, SiteError> {
        let root = "../".repeat(path.matches('/').count());
        let view = context! { root, ..Serde(view) };
        let page = self.0.get_template(template).and_then(|template| template.render(view));
        page.map_err(|source| SiteError::Render { page: path.to_owned(), source: Box::new(source) })
    }
}

/// The thresholds that pages quote, and why a figure of the median run is missing.
fn add_rules(environment: &mut Environment) {
    environment.add_global("median_missed", MEDIAN_MISSED);
    environment.add_global("significance", SIGNIFICANCE.to_string());
    environment.add_global("reached_percent", (100.0 * REACHED_SHARE).to_string());
    environment.add_global("clock_tolerance_percent", (100.0 * CLOCK_TOLERANCE_SHARE).to_string());
}

/// A line with nothing but a tag leaves no line behind.
fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().expect("the delimiters are the usual ones")
}
