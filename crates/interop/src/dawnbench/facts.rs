//! The JSON file: who, what, on what, at what price. Types are not trusted, e-mail addresses are not kept.

use std::fmt;

use chrono::NaiveDate;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::dawnbench::code;
use crate::dawnbench::irregularity::{Irregularity, Kind, form};
use hlb_core::text::show;

/// Required keys, each of a text.
const TEXTS: [&str; 8] = ["version", "author", "authorEmail", "framework", "codeURL", "model", "hardware", "timestamp"];
/// Keys of the published format that need not be there.
const OPTIONAL: [&str; 3] = ["costPerHour", "logFilename", "misc"];
/// US dollars per hour that no machine costs.
const MOST_USD: f64 = 100_000.0;
/// Keys of `misc` whose spelling varies most.
const SPELLINGS: [&str; 3] = ["CUDA version", "CuDNN version", "AMI"];

/// What the JSON file of an entry says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Who made it.
    pub author: Option<String>,
    /// Framework, with its version or not.
    pub framework: Option<String>,
    /// Address of the code.
    pub code: Option<String>,
    /// Commit of the code.
    pub commit: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Machine.
    pub hardware: Option<String>,
    /// Day, YYYY-MM-DD.
    pub day: Option<String>,
    /// US dollars per hour.
    pub usd_per_hour: Option<f64>,
    /// What is odd about the file.
    pub irregularities: Vec<Irregularity>,
}

impl Facts {
    /// Reads a JSON file. The error says why it cannot be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the JSON is not UTF-8")?;
        let kinds = [Kind::JsonByteOrderMark, Kind::JsonCarriageReturns, Kind::JsonNoLastNewline];
        let (bare, irregularities) = form(text, kinds);
        let unreadable = |error: serde_json::Error| format!("the JSON cannot be read: {}", show(&error.to_string()));
        let members: Members = serde_json::from_str(bare).map_err(unreadable)?;
        let mut facts = Self { irregularities, ..Self::default() };
        if bare.split('{').next().is_some_and(|blank| blank.contains('\n')) {
            facts.irregularities.push(Kind::JsonLeadingBlankLine.into());
        }
        facts.take_texts(&members);
        facts.take_price(&members);
        facts.check_keys(&members);
        facts.check_misc(members.get("misc"));
        if members.0.iter().any(|(_, value)| has_full_width(value)) {
            facts.irregularities.push(Kind::FullWidth.into());
        }
        facts.irregularities.extend(code::flaw(facts.code.as_deref(), facts.commit.as_deref()).map(Into::into));
        Ok(facts)
    }

    fn take_texts(&mut self, members: &Members) {
        let mut dropped = 0;
        let mut text = |key: &str| {
            let found = members.get(key).and_then(Value::as_str)?;
            let (kept, addresses) = without_addresses(found);
            dropped += addresses;
            (!kept.is_empty()).then_some(kept)
        };
        self.author = text("author");
        self.framework = text("framework");
        self.code = text("codeURL");
        self.commit = text("commitHash");
        self.model = text("model");
        self.hardware = text("hardware");
        if dropped > 0 {
            self.irregularities.push(Kind::EmailsDropped.into());
        }
        let addresses = members.get("authorEmail").and_then(Value::as_str).unwrap_or("");
        if addresses.matches('@').count() > 1 {
            self.irregularities.push(Kind::SeveralEmails.into());
        }
        let stated = members.get("timestamp").and_then(Value::as_str).unwrap_or("");
        self.take_day(stated);
        match members.get("version").and_then(Value::as_str) {
            Some("v1.0") | None => {}
            Some(other) => self.irregularities.push(Irregularity::with(Kind::FormatVersion, other)),
        }
    }

    fn take_day(&mut self, stated: &str) {
        let day = NaiveDate::parse_from_str(stated.trim(), "%Y-%m-%d").map(|day| day.to_string()).ok();
        // Years of five digits are days too, in some other form.
        self.day = day.filter(|day| day.len() == 10);
        if !stated.is_empty() && self.day.as_deref() != Some(stated) {
            self.irregularities.push(Irregularity::with(Kind::DateForm, stated));
        }
    }

    fn take_price(&mut self, members: &Members) {
        let (price, odd) = match members.get("costPerHour") {
            None => (None, Some(Kind::PriceAbsent.into())),
            Some(Value::Null) => (None, Some(Kind::PriceNull.into())),
            Some(value) => match value.as_f64().filter(|usd| *usd > 0.0 && *usd <= MOST_USD) {
                Some(usd) => (Some(usd), None),
                None => (None, Some(Irregularity::with(Kind::PriceUnusable, value.to_string()))),
            },
        };
        self.usd_per_hour = price;
        self.irregularities.extend(odd);
    }

    fn check_keys(&mut self, members: &Members) {
        let is_other = |value: &Value| !value.is_string() && !value.is_null();
        let missing = TEXTS.iter().filter(|key| members.get(key).is_none_or(Value::is_null));
        let others = TEXTS.iter().filter(|key| members.get(key).is_some_and(is_other));
        let keys: Vec<&str> = members.0.iter().map(|(key, _)| key.as_str()).collect();
        let unknown = keys.iter().filter(|key| !TEXTS.contains(key) && !OPTIONAL.contains(key));
        self.irregularities.extend(Irregularity::listing(Kind::MissingKeys, missing));
        self.irregularities.extend(Irregularity::listing(Kind::NotText, others));
        self.irregularities.extend(Irregularity::listing(Kind::UnknownKeys, unknown));
    }

    fn check_misc(&mut self, misc: Option<&Value>) {
        let keys = match misc {
            None | Some(Value::Null) => return,
            Some(Value::String(text)) => {
                self.irregularities.push(Kind::MiscIsText.into());
                self.irregularities.extend(untimed("misc", text));
                return;
            }
            Some(Value::Object(keys)) => keys,
            Some(_) => return self.irregularities.push(Kind::MiscIsOther.into()),
        };
        let others: Vec<&str> = keys.keys().map(String::as_str).filter(|key| is_other_spelling(key)).collect();
        self.irregularities.extend(Irregularity::listing(Kind::OtherSpellings, &others));
        for (key, value) in keys {
            self.irregularities.extend(value.as_str().and_then(|text| untimed(key, text)));
        }
    }
}

/// Something that its author says about what was timed, kept so that a reader sees it.
fn untimed(key: &str, text: &str) -> Option<Irregularity> {
    let said = format!("{key}: {text}").to_lowercase();
    let is_about_time = said.contains("checkpoint")
        && ["time", "minute", "hour", "second", "includ", "exclud"].iter().any(|word| said.contains(word));
    is_about_time.then(|| Irregularity::with(Kind::UntimedExtras, without_addresses(&format!("{key}: {text}")).0))
}

fn is_other_spelling(key: &str) -> bool {
    let bare = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SPELLINGS.iter().any(|known| *known != key && bare(known) == bare(key))
}

/// The words of a text that are no e-mail addresses, and how many were. A handle without a domain is none.
fn without_addresses(text: &str) -> (String, usize) {
    let is_address = |word: &&str| word.split_once('@').is_some_and(|(_, domain)| domain.contains('.'));
    let words: Vec<&str> = text.split_whitespace().collect();
    let dropped = words.iter().filter(|word| is_address(word)).count();
    if dropped == 0 {
        return (text.trim().to_owned(), 0);
    }
    let kept: Vec<&str> = words.into_iter().filter(|word| !is_address(word)).collect();
    (kept.join(" "), dropped)
}

fn has_full_width(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(|c| ('\u{ff01}'..='\u{ff5e}').contains(&c)),
        Value::Array(items) => items.iter().any(has_full_width),
        Value::Object(keys) => keys.iter().any(|(_, value)| has_full_width(value)),
        _ => false,
    }
}

/// The members of a JSON object in their order; a key that is there twice is an error.
struct Members(Vec<(String, Value)>);

impl Members {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members(Vec::new());
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            if members.get(&key).is_some() {
                return Err(A::Error::custom(format!("the key `{key}` is there twice")));
            }
            members.0.push((key, value));
        }
        Ok(members)
    }
}
