//! Prices of machines by name, several for each as time went on: `prices.yaml`, and tables of the same form.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::price::billing::{Billing, increment};
use crate::price::quote::{Origin, Price, PriceError, check_day, is_price, row_name};
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::text::{SafeText, show, show_path};
use hlb_core::yaml::{Source, YamlError};

/// Prices by name, several for each as time went on.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Row>,
}

/// One machine in one region.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its prices, oldest first; one of no known day counts as the oldest.
    prices: Vec<Price>,
    /// Its virtual CPUs, where they are stated.
    vcpus: Option<NonZeroU32>,
}

impl Row {
    fn newest(&self) -> &Price {
        self.prices.last().expect("a row has a price")
    }

    /// Virtual CPUs of a machine without a GPU; `None` for any other.
    pub(super) fn processors(&self) -> Option<u32> {
        self.vcpus.filter(|_| self.newest().gpus.is_none()).map(NonZeroU32::get)
    }

    /// GPUs of a machine whose GPUs are of one of these models; `None` for any other.
    pub(super) fn gpus_of(&self, models: &[&str]) -> Option<u32> {
        let (count, model) = count_and_model(self.newest().gpus.as_ref()?.as_str())?;
        models.contains(&model).then_some(count)
    }

    /// The price of a day: the last that was seen until then, else the first that was seen.
    pub(super) fn on(&self, day: &str) -> Price {
        let known = |price: &&Price| price.date.as_ref().is_none_or(|date| date.as_str() <= day);
        self.prices.iter().rev().find(known).unwrap_or(&self.prices[0]).clone()
    }
}

/// Prices of machines, and how providers round up what is rented.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// How providers round up; of one that is not listed it is not known.
    #[serde(default)]
    billing: Vec<Rule>,
    /// A row for each machine and region.
    prices: Vec<WrittenRow>,
}

/// How one provider rounds up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Provider, a word without slash, at sign and space.
    #[serde(deserialize_with = "word")]
    #[schemars(regex(pattern = r"^[^/@ ]+$"))]
    provider: SafeText<40>,
    /// Seconds that are charged at least.
    minimum_seconds: u32,
    /// Time is rounded up to whole multiples of this many seconds.
    #[serde(deserialize_with = "increment")]
    #[schemars(range(min = 1))]
    increment_seconds: u32,
    /// Where the rule is from.
    source: SafeText<200>,
}

/// A machine and what it costs; its name is `provider/instance@region`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenRow {
    /// Provider, a word without slash, at sign and space.
    #[serde(deserialize_with = "word")]
    #[schemars(regex(pattern = r"^[^/@ ]+$"))]
    provider: SafeText<40>,
    /// Instance type, likewise.
    #[serde(deserialize_with = "word")]
    #[schemars(regex(pattern = r"^[^/@ ]+$"))]
    instance: SafeText<80>,
    /// Region, likewise.
    #[serde(deserialize_with = "word")]
    #[schemars(regex(pattern = r"^[^/@ ]+$"))]
    region: SafeText<40>,
    /// The machine's GPUs in words; left out for none.
    gpus: Option<SafeText<80>>,
    /// The machine's virtual CPUs. Where it has no GPU, the list price of processors is its price divided by them.
    vcpus: Option<NonZeroU32>,
    /// US dollars per hour of the whole machine, above 0.
    #[serde(deserialize_with = "dollars")]
    #[schemars(range(max = 100_000))]
    usd_per_hour: f64,
    /// Day the price was seen, YYYY-MM-DD; `null` where the source does not say.
    #[serde(default, deserialize_with = "day")]
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    date: Option<SafeText<10>>,
    /// Where the figure is from.
    source: SafeText<200>,
    /// Prices that were seen earlier.
    #[serde(default)]
    history: Vec<Seen>,
}

/// A price that was seen earlier.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// US dollars per hour of the whole machine, above 0.
    #[serde(deserialize_with = "dollars")]
    #[schemars(range(max = 100_000))]
    usd_per_hour: f64,
    /// Day the price was seen, YYYY-MM-DD; `null` where the source does not say.
    #[serde(default, deserialize_with = "day")]
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    date: Option<SafeText<10>>,
    /// Where the figure is from.
    source: SafeText<200>,
}

/// The schema of `prices.yaml`, and of a table of one's own.
pub fn schema() -> Value {
    schemars::schema_for!(Written).to_value()
}

/// The first item that is equal to one before it, and its index.
fn first_repeated<T: Ord + Clone>(items: impl Iterator<Item = T>) -> Option<(usize, T)> {
    let mut seen = BTreeSet::new();
    items.enumerate().find(|(_, item)| !seen.insert(item.clone()))
}

impl WrittenRow {
    fn name(&self) -> String {
        row_name(&self.provider, &self.instance, &self.region)
    }

    /// The prices in order of time.
    fn into_row(self, origin: Origin, billing: Option<&Billing>) -> Row {
        let Self { provider, instance, region, gpus, vcpus, usd_per_hour, date, source, mut history } = self;
        history.push(Seen { usd_per_hour, date, source });
        history.sort_by(|left, right| left.date.cmp(&right.date));
        let price = |Seen { usd_per_hour, date, source }| Price {
            usd_per_hour,
            provider: provider.clone(),
            instance: instance.clone(),
            region: region.clone(),
            gpus: gpus.clone(),
            date,
            source,
            origin,
            billing: billing.cloned(),
        };
        Row { prices: history.into_iter().map(price).collect(), vcpus }
    }
}

/// Part of a row's name, without the characters that separate parts.
fn word<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<SafeText<N>, D::Error> {
    let word = SafeText::<N>::deserialize(from)?;
    if word.as_str().contains(['/', '@', ' ']) {
        return Err(D::Error::custom(format!("`{word}` holds a slash, an at sign or a space")));
    }
    Ok(word)
}

fn dollars<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let dollars = f64::deserialize(from)?;
    if is_price(dollars) { Ok(dollars) } else { Err(D::Error::custom(format!("{dollars}: {}", PriceError::Range))) }
}

fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SafeText<10>>, D::Error> {
    let day = Option::<SafeText<10>>::deserialize(from)?;
    day.as_ref().map_or(Ok(()), |day| check_day(day.as_str())).map_err(D::Error::custom)?;
    Ok(day)
}

impl Written {
    /// A table with one rule for each provider, one row for each name, and one price of each day in a row.
    fn parse(source: &Source) -> Result<Self, YamlError> {
        let written: Self = source.parse()?;
        match written.repetition() {
            Some((key_path, message)) => Err(source.unfit(key_path, message)),
            None => Ok(written),
        }
    }

    /// Key path and words of the first thing that is there twice.
    fn repetition(&self) -> Option<(String, String)> {
        if let Some((index, provider)) = first_repeated(self.billing.iter().map(|rule| &rule.provider)) {
            return Some((format!("billing[{index}]"), format!("`{provider}` is listed twice")));
        }
        if let Some((index, name)) = first_repeated(self.prices.iter().map(WrittenRow::name)) {
            return Some((format!("prices[{index}]"), format!("`{name}` is listed twice")));
        }
        self.prices.iter().enumerate().find_map(|(index, row)| {
            let (_, day) = first_repeated(row.history.iter().map(|seen| &seen.date).chain([&row.date]))?;
            let day = day.as_ref().map_or("null", SafeText::as_str);
            Some((format!("prices[{index}]"), format!("`{}` has two prices of the day `{day}`", row.name())))
        })
    }

    /// Its rows, billed by its own rules, else by those of `before`.
    fn into_rows(self, origin: Origin, before: &[Row]) -> Vec<Row> {
        let Self { billing: rules, prices } = self;
        let billing = |provider: &SafeText<40>| {
            let own = rules.iter().find(|rule| rule.provider == *provider).map(Rule::billing);
            own.or_else(|| before.iter().find(|row| row.newest().provider == *provider)?.newest().billing.clone())
        };
        let row = |row: WrittenRow| {
            let billing = billing(&row.provider);
            row.into_row(origin, billing.as_ref())
        };
        prices.into_iter().map(row).collect()
    }
}

impl Rule {
    fn billing(&self) -> Billing {
        let Self { minimum_seconds, increment_seconds, source, .. } = self;
        Billing { minimum_seconds: *minimum_seconds, increment_seconds: *increment_seconds, source: source.clone() }
    }
}

impl Table {
    /// The table that is compiled in.
    pub fn shipped() -> Self {
        // A board asks for it with every entry.
        static SHIPPED: LazyLock<Table> = LazyLock::new(|| {
            let source = Source::new(include_bytes!("../../../../prices.yaml"), "prices.yaml");
            let written = source
                .and_then(|source| Written::parse(&source))
                .expect("the shipped price table is valid; a test reads it");
            Table { rows: written.into_rows(Origin::Shipped, &[]) }
        });
        SHIPPED.clone()
    }

    /// The shipped table with the rows of a file of the same form, which win over shipped rows of the same name.
    ///
    /// The file has at most 64 KiB. A provider without a rule for billing in it keeps the shipped rule.
    pub fn with_file(path: &Path) -> Result<Self, PriceError> {
        let bytes = bounded::read_named(path, SMALL_CAP)?;
        Self::shipped().with(&Source::new(&bytes, &show_path(path))?)
    }

    /// With the rows of a text.
    pub(super) fn with(self, source: &Source) -> Result<Self, PriceError> {
        let mut rows = Written::parse(source)?.into_rows(Origin::File, &self.rows);
        let names: Vec<String> = rows.iter().map(|row| row.newest().name()).collect();
        rows.extend(self.rows.into_iter().filter(|row| !names.contains(&row.newest().name())));
        Ok(Self { rows })
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The newest price of every row.
    pub fn newest(&self) -> Vec<Price> {
        self.rows.iter().map(|row| row.newest().clone()).collect()
    }

    /// The newest day that a price of the table was seen, YYYY-MM-DD.
    pub fn newest_day(&self) -> &str {
        let days = self.rows.iter().filter_map(|row| row.newest().date.as_ref());
        days.map(SafeText::as_str).max().expect("the shipped table has prices with a day; a test reads it")
    }

    /// The price of a row on a day (YYYY-MM-DD): the last that was seen until then, else the first
    /// that was seen, with its date. The region may be left out of the name where only one has the instance.
    pub fn find(&self, name: &str, day: &str) -> Result<Price, PriceError> {
        check_day(day)?;
        Ok(self.row(name)?.on(day))
    }

    /// The row that a price is of, on another day; `None` if this table has no such row, or another's under its name.
    pub fn on(&self, price: &Price, day: &str) -> Option<Price> {
        check_day(day).ok()?;
        let same = |row: &&Row| row.newest().name() == price.name() && row.newest().origin == price.origin;
        self.rows.iter().find(same).map(|row| row.on(day))
    }

    /// Whether the price is in the table, as of any day.
    pub fn holds(&self, price: &Price) -> bool {
        self.rows.iter().any(|row| row.prices.contains(price))
    }

    /// The newest prices of a machine that was recognized, in all regions: those of the provider where the type is not known.
    ///
    /// With the type `n1-standard-4`, rows of that machine with an add-on (`n1-standard-4+t4`) are found too.
    pub fn for_instance(&self, provider: &str, instance_type: Option<&str>) -> Vec<Price> {
        let fits = |price: &Price| {
            let machine = price.instance.as_str().split('+').next();
            price.provider.as_str() == provider && instance_type.is_none_or(|wanted| machine == Some(wanted))
        };
        self.rows.iter().map(Row::newest).filter(|price| fits(price)).cloned().collect()
    }

    fn row(&self, asked: &str) -> Result<&Row, PriceError> {
        let matches = |row: &&Row| {
            let name = row.newest().name();
            name == asked || name.split('@').next() == Some(asked)
        };
        let found: Vec<&Row> = self.rows.iter().filter(matches).collect();
        if let [only] = found[..] {
            return Ok(only);
        }
        let provider = asked.split('/').next().unwrap_or_default();
        let near = if found.is_empty() {
            self.rows.iter().filter(|row| row.newest().provider.as_str() == provider).collect()
        } else {
            found
        };
        let near = near.into_iter().take(4).map(|row| format!("`{}`", show(&row.newest().name()))).collect();
        Err(PriceError::Unknown { asked: asked.to_owned(), near })
    }
}
/// Count and model of GPUs in words such as `8x H100 80GB`.
pub(super) fn count_and_model(gpus: &str) -> Option<(u32, &str)> {
    let (count, model) = gpus.split_once("x ")?;
    Some((count.parse().ok().filter(|count| *count > 0)?, model))
}
