//! Filters that templates write figures with. A value that is missing stays missing, so that `or_dash` and `or_unknown` can say
//! why; printing it as it is would be an error.

use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, HtmlEscape};
use serde::Deserialize as _;

use crate::external;
use crate::site::addresses::author_page;
use crate::site::figure::{bytes, day, dollars, foreign, human_interval, percentage, ratio, scaled};
use crate::site::published::published_seconds;
use hlb_core::units::{Accuracy, human_seconds};

/// How a number is written.
type Form = fn(f64) -> String;

/// Every form, under the name of its filter.
const FORMS: [(&str, Form); 19] = [
    ("seconds", human_seconds),
    ("milliseconds", |seconds| format!("{:.1} ms", seconds * 1e3)),
    ("percent", percentage),
    ("share", |share| percentage(100.0 * share)),
    ("whole_share", |share| format!("{:.0} %", 100.0 * share)),
    ("short_percent", |percent| format!("{percent:.1} %")),
    ("whole_percent", |percent| format!("{percent:.0} %")),
    ("points", |points| format!("{points:.2}")),
    ("plain", |number| number.to_string()),
    ("ratio", ratio),
    ("p", |p| format!("{p:.4}")),
    ("dollars", dollars),
    ("flop", |count| scaled(count, "FLOP")),
    ("flop_per_second", |rate| scaled(rate, "FLOP/s")),
    ("bytes", |count| bytes(whole(count))),
    ("watts", |watts| format!("{watts:.0} W")),
    ("milliwatts", |milliwatts| format!("{:.0} W", milliwatts / 1e3)),
    ("megahertz", |megahertz| format!("{megahertz:.0} MHz")),
    ("celsius", |degrees| format!("{degrees:.0} °C")),
];

/// Gives an environment the filters and functions of the site.
pub(crate) fn add_to(environment: &mut Environment<'static>) {
    for (name, form) in FORMS {
        environment.add_filter(name, move |number: Option<f64>| number.map(form));
    }
    environment.add_filter("written", written);
    environment.add_filter("interval", interval);
    environment.add_filter("accuracy", |of: Option<Serde<Accuracy>>| of.map(|of| percentage(of.percent())));
    environment.add_filter("published_seconds", |row: Serde<external::ExternalResult>| {
        row.seconds.map(|seconds| published_seconds(&row, seconds))
    });
    environment.add_filter("yes_no", |value: Option<bool>| value.map(yes_no));
    environment.add_filter("foreign", |text: Option<String>| text.map(|text| foreign(&text)));
    environment.add_filter("author_page", |name: &str| author_page(name));
    environment.add_filter("day", |time: Option<String>| time.map(|time| day(&time)));
    environment.add_filter("or_dash", |value: Value, why: &str| or_word(value, "—", why, in_title));
    environment.add_filter("or_none", |value: Value, why: &str| or_word(value, "—", why, in_full));
    environment.add_filter("or_unknown_in_title", |value: Value, why: &str| or_word(value, "unknown", why, in_title));
    environment.add_filter("or_unknown", |value: Value, why: &str| or_word(value, "unknown", why, in_full));
    environment.add_filter("or_reason", or_reason);
    environment.add_function("figure", |of: &Value| shown(of, in_title));
    environment.add_function("spelled", |of: &Value| shown(of, in_full));
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes, or saturated")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn form(name: &str) -> Result<Form, Error> {
    let found = FORMS.iter().find(|(known, _)| *known == name).map(|(_, form)| *form);
    found.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "there is no such form of a number"))
}

/// A value in the form of this name; `text` and `yes_no` are for values that are not numbers.
fn written(value: Value, name: &str) -> Result<Value, Error> {
    Ok(match name {
        _ if value.is_none() => value,
        "yes_no" => Value::from(yes_no(value.is_true())),
        "text" => Value::from(foreign(&value.to_string())),
        _ => Value::from(form(name)?(f64::try_from(value)?)),
    })
}

/// Both ends of an interval, each in the form of this name.
fn interval(of: &Value, name: &str) -> Result<String, Error> {
    let end = |key: &str| Option::<f64>::deserialize(of.get_attr(key)?);
    Ok(human_interval(end("low")?, end("high")?, form(name)?))
}

/// A value, or `unknown` with the reason that its record gives under the value's key.
fn or_reason(value: Value, record: &Value, key: &str) -> Result<Value, Error> {
    let reason = record.get_attr("unknown")?.get_attr(key)?;
    Ok(or_word(value, "unknown", reason.as_str().unwrap_or("the record gives no reason"), in_full))
}

/// How a missing value is shown: from the word for its absence, and why it is missing.
type Missing = fn(&HtmlEscape, &HtmlEscape) -> String;

/// Where there is little room, the reason is a title, and read out to those who cannot see that.
fn in_title(word: &HtmlEscape, why: &HtmlEscape) -> String {
    format!(r#"<span class="missing" title="{why}">{word}<span class="unseen"> ({why})</span></span>"#)
}

/// Where there is room, the reason follows.
fn in_full(word: &HtmlEscape, why: &HtmlEscape) -> String {
    format!(r#"<span class="missing">{word}</span> <span class="why">{why}</span>"#)
}

fn or_word(value: Value, word: &str, why: &str, missing: Missing) -> Value {
    if value.is_none() || value.is_undefined() {
        return Value::from_safe_string(missing(&HtmlEscape(word), &HtmlEscape(&foreign(why))));
    }
    value
}

/// The text of a [`Figure`](crate::site::figure::Figure), which the formatter escapes like any other; of one that is
/// missing, its escaped parts. A function, because most of a page is figures and a macro takes several times as long.
fn shown(of: &Value, markup: Missing) -> Result<Value, Error> {
    let (text, missing) = (of.get_attr("text")?, of.get_attr("missing")?);
    match (text.as_str(), missing.as_str()) {
        (Some(word), Some(why)) => Ok(Value::from_safe_string(markup(&HtmlEscape(word), &HtmlEscape(why)))),
        (Some(_), None) if missing.is_none() => Ok(text),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "this is not a figure")),
    }
}
