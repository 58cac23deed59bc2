//! Templates, and how a page comes out of one. All escaping happens here, by the template engine, and nowhere else.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, HtmlEscape, UndefinedBehavior, escape_formatter};
use serde::Serialize;

use crate::leaderboard::site::error::SiteError;

const TEMPLATES: [(&str, &str); 15] = [
    ("base.html", include_str!("../../../leaderboard/templates/base.html")),
    ("macros.html", include_str!("../../../leaderboard/templates/macros.html")),
    ("index.html", include_str!("../../../leaderboard/templates/index.html")),
    ("drawings.html", include_str!("../../../leaderboard/templates/drawings.html")),
    ("rows.html", include_str!("../../../leaderboard/templates/rows.html")),
    ("track.html", include_str!("../../../leaderboard/templates/track.html")),
    ("compare.html", include_str!("../../../leaderboard/templates/compare.html")),
    ("author.html", include_str!("../../../leaderboard/templates/author.html")),
    ("history.html", include_str!("../../../leaderboard/templates/history.html")),
    ("about.html", include_str!("../../../leaderboard/templates/about.html")),
    ("entry.html", include_str!("../../../leaderboard/templates/entry.html")),
    ("study.html", include_str!("../../../leaderboard/templates/study.html")),
    ("feed.xml", include_str!("../../../leaderboard/templates/feed.xml")),
    ("badge.svg", include_str!("../../../leaderboard/templates/badge.svg")),
    // For pages that stand alone, which include it.
    LOOK_FILES[0],
];

/// Files that every page looks the way it does by, under their paths in the site.
pub(crate) const LOOK_FILES: [(&str, &str); 3] = [
    ("style.css", include_str!("../../../leaderboard/style.css")),
    ("board.js", include_str!("../../../leaderboard/board.js")),
    ("icon.svg", include_str!("../../../leaderboard/icon.svg")),
];

/// All templates, ready to render.
pub(crate) struct Pages(Environment<'static>);

impl Pages {
    /// Reads the templates. A name that is not defined is an error, and so is a missing value that would be printed:
    /// what is unknown has words of its own.
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_syntax(syntax());
        environment.set_formatter(|out, state, value| {
            if value.is_none() {
                return Err(Error::new(ErrorKind::InvalidOperation, "a missing value would be printed"));
            }
            escape_formatter(out, state, value)
        });
        environment.add_function("figure", figure);
        environment.add_function("spelled", spelled);
        for (name, text) in TEMPLATES {
            environment
                .add_template(name, text)
                .expect("a shipped template is valid; every test of the site reads them");
        }
        Self(environment)
    }

    /// Renders one page; `path` is where it will stand, for messages.
    pub(crate) fn render(&self, template: &str, path: &str, view: &impl Serialize) -> Result<String, SiteError> {
        let page = self.0.get_template(template).and_then(|template| template.render(Serde(view)));
        page.map_err(|source| SiteError::Render { page: path.to_owned(), source: Box::new(source) })
    }
}

/// A [`Figure`](super::figure::Figure) where there is little room: why there is none is a title, and read to who cannot see it.
/// Functions, because most of a page is figures and a macro takes several times as long.
fn figure(of: &Value) -> Result<Value, Error> {
    shown(of, |word, why| {
        format!(r#"<span class="missing" title="{why}">{word}<span class="unseen"> ({why})</span></span>"#)
    })
}

/// A [`Figure`](super::figure::Figure) where there is room to say why there is none.
fn spelled(of: &Value) -> Result<Value, Error> {
    shown(of, |word, why| format!(r#"<span class="missing">{word}</span> <span class="why">{why}</span>"#))
}

/// The text of a figure, which the formatter escapes like any other; of one that is missing, its escaped parts in `markup`.
fn shown(of: &Value, markup: impl Fn(HtmlEscape, HtmlEscape) -> String) -> Result<Value, Error> {
    let (text, missing) = (of.get_attr("text")?, of.get_attr("missing")?);
    match (text.as_str(), missing.as_str()) {
        (Some(word), Some(why)) => Ok(Value::from_safe_string(markup(HtmlEscape(word), HtmlEscape(why)))),
        (Some(_), None) if missing.is_none() => Ok(text),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "this is no figure")),
    }
}

/// A line with nothing but a tag leaves no line behind.
fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().expect("the delimiters are the usual ones")
}
