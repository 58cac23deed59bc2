//! What machines cost: the price that the user gives, or a row of a table; and what a stretch of time costs at it.
//!
//! The table is `prices.yaml`, compiled in, and a file of the same form may add to it. Each row holds every price that it
//! was seen at, so that a run is priced as of its own day and can be priced anew as of another. Nothing here asks the
//! network or a clock, and no price is ever made up: what is not known is `None`.

use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::hint::Hint;
use crate::text::{SafeText, show};
use crate::yaml::{self, ReadError, Source, VARIANT_CAP, YamlError};

/// What an hour of the machine costs, and who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars per hour of the whole machine.
    pub usd_per_hour: f64,
    /// Provider; `own` for a figure given on the command line.
    pub provider: SafeText<40>,
    /// Instance type.
    pub instance: SafeText<80>,
    /// Region.
    pub region: SafeText<40>,
    /// The machine's GPUs in words; `null` for none, or where it is not known.
    pub gpus: Option<SafeText<80>>,
    /// Day the price was seen, YYYY-MM-DD; `null` where the source does not say.
    pub date: Option<SafeText<10>>,
    /// Where the figure is from.
    pub source: SafeText<200>,
    /// Who vouches for it.
    pub origin: Origin,
    /// How the provider rounds up what is rented; `null` where that is not known.
    pub billing: Option<Billing>,
}

/// Who vouches for a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The table that is compiled in: anybody can look it up.
    Shipped,
    /// A table of the user's.
    File,
    /// The command line.
    Own,
}

/// How a provider rounds up the time that a machine is rented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// Seconds that are charged at least.
    pub minimum_seconds: u32,
    /// Time is rounded up to whole multiples of this many seconds, 1 or more.
    #[serde(deserialize_with = "increment")]
    pub increment_seconds: u32,
    /// Where the rule is from.
    pub source: SafeText<200>,
}

/// What a stretch of time costs, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The share of an hour's price.
    pub prorated_usd: f64,
    /// What the provider would charge for a machine rented for this time alone; `null` where its rule is not known.
    pub billed_usd: Option<f64>,
}

/// Prices by name, several for each as time went on.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Row>,
}

/// A price that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// No such row.
    #[error("there is no price `{}` in the table", show(.asked))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// Rows whose name contains a part of it.
        near: Vec<String>,
    },
    /// Not a positive number of dollars.
    #[error("a price is a number of US dollars per hour above 0 and at most 100000")]
    Range,
    /// Not a day of the calendar.
    #[error("`{}` is not a day written as YYYY-MM-DD", show(.given))]
    Day {
        /// What was given.
        given: String,
    },
    /// The user's table cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The user's table is not of the right form.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

impl Hint for PriceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. } => Some(naming(near)),
            Self::Read(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::Range | Self::Day { .. } => None,
        }
    }
}

/// How rows are named, with examples.
fn naming(near: &[String]) -> String {
    let shown =
        if near.is_empty() { "run `hlb-bench hardware --prices` to see all rows".to_owned() } else { near.join(", ") };
    format!("a row is named PROVIDER/INSTANCE@REGION, for example {shown}")
}

/// The prices of one machine in one region.
#[derive(Debug, Clone)]
struct Row {
    /// Its newest price.
    newest: Price,
    /// Those seen before, oldest first; one of no known day counts as the oldest.
    before: Vec<Seen>,
}

impl Row {
    /// The price of a day: the last that was seen until then, else the first that was seen at all.
    fn on(&self, day: &str) -> Price {
        let known = |date: &Option<SafeText<10>>| date.as_ref().is_none_or(|date| date.as_str() <= day);
        if known(&self.newest.date) {
            return self.newest.clone();
        }
        let seen = self.before.iter().rev().find(|seen| known(&seen.date)).or(self.before.first());
        seen.map_or_else(|| self.newest.clone(), |seen| self.at(seen))
    }

    /// The row at an earlier price.
    fn at(&self, seen: &Seen) -> Price {
        let Seen { usd_per_hour, date, source } = seen.clone();
        Price { usd_per_hour, date, source, ..self.newest.clone() }
    }

    /// All prices it was seen at.
    fn all(&self) -> impl Iterator<Item = Price> {
        self.before.iter().map(|seen| self.at(seen)).chain([self.newest.clone()])
    }
}

/// Prices of machines, and how providers round up what is rented.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// How providers round up; of one that is not listed it is not known.
    #[serde(default, deserialize_with = "distinct")]
    billing: Vec<Rule>,
    /// A row for each machine and region.
    #[serde(deserialize_with = "distinct")]
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
    #[serde(default, deserialize_with = "distinct")]
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

/// An item of a list in which each says something else.
trait Item {
    /// What no other item of the list may be called.
    fn name(&self) -> String;

    /// What is wrong with it, beyond its single keys.
    fn flaw(&self) -> Option<String> {
        None
    }
}

impl Item for Rule {
    fn name(&self) -> String {
        self.provider.to_string()
    }
}

impl Item for Seen {
    fn name(&self) -> String {
        self.date.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string)
    }
}

impl Item for WrittenRow {
    fn name(&self) -> String {
        format!("{}/{}@{}", self.provider, self.instance, self.region)
    }

    fn flaw(&self) -> Option<String> {
        let day = self.history.iter().find(|seen| seen.date == self.date)?;
        Some(format!("has two prices of the day `{}`", day.name()))
    }
}

/// A list whose items have different names; an error stands where the second of two begins.
fn distinct<'de, D: Deserializer<'de>, T: Item + Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(Distinct(Vec::new()))
}

/// The items read so far.
struct Distinct<T>(Vec<T>);

impl<'de, T: Item + Deserialize<'de>> Visitor<'de> for Distinct<T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Vec<T>, A::Error> {
        while let Some(item) = items.next_element_seed(&self)? {
            self.0.push(item);
        }
        Ok(self.0)
    }
}

impl<'de, T: Item + Deserialize<'de>> DeserializeSeed<'de> for &Distinct<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        let item = T::deserialize(from)?;
        let name = item.name();
        let twice = || self.0.iter().any(|before| before.name() == name).then(|| "is listed twice".to_owned());
        match item.flaw().or_else(twice) {
            Some(flaw) => Err(D::Error::custom(format!("`{name}` {flaw}"))),
            None => Ok(item),
        }
    }
}

impl WrittenRow {
    /// The prices in order of time, whichever of them the writer put on top.
    fn into_row(self, origin: Origin, billing: Option<Billing>) -> Row {
        let Self { provider, instance, region, gpus, usd_per_hour, date, source, history: mut before } = self;
        before.push(Seen { usd_per_hour, date, source });
        before.sort_by(|left, right| left.date.cmp(&right.date));
        let Seen { usd_per_hour, date, source } = before.pop().expect("one was pushed");
        Row { newest: Price { usd_per_hour, provider, instance, region, gpus, date, source, origin, billing }, before }
    }
}

/// Part of a row's name: free of the characters that part it.
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

fn increment<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        0 => Err(D::Error::custom("time is rounded up to multiples of 1 second or more")),
        seconds => Ok(seconds),
    }
}

fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SafeText<10>>, D::Error> {
    let day = Option::<SafeText<10>>::deserialize(from)?;
    day.as_ref().map_or(Ok(()), |day| check_day(day.as_str())).map_err(D::Error::custom)?;
    Ok(day)
}

/// Refuses what is no day, or not in the one form that sorts as the days do.
fn check_day(given: &str) -> Result<(), PriceError> {
    let read = chrono::NaiveDate::parse_from_str(given, "%Y-%m-%d");
    if read.is_ok_and(|day| day.format("%Y-%m-%d").to_string() == given) {
        return Ok(());
    }
    Err(PriceError::Day { given: given.to_owned() })
}

/// Whether it is more than nothing and at most what any machine costs an hour.
fn is_price(dollars: f64) -> bool {
    dollars > 0.0 && dollars <= 100_000.0
}

impl Written {
    /// Its rows, billed by its own rules, else by those of `before`.
    fn into_rows(self, origin: Origin, before: &[Row]) -> Vec<Row> {
        let Self { billing: rules, prices } = self;
        let billing = |provider: &SafeText<40>| {
            let own = rules.iter().find(|rule| rule.provider == *provider).map(Rule::billing);
            own.or_else(|| before.iter().find(|row| row.newest.provider == *provider)?.newest.billing.clone())
        };
        prices
            .into_iter()
            .map(|row| {
                let billing = billing(&row.provider);
                row.into_row(origin, billing)
            })
            .collect()
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
            let written: Written = yaml::parse(include_bytes!("../prices.yaml"), "prices.yaml")
                .expect("the shipped price table is valid; a test reads it");
            Table { rows: written.into_rows(Origin::Shipped, &[]) }
        });
        SHIPPED.clone()
    }

    /// The shipped table with the rows of a file of the same form, which win over shipped rows of the same name.
    ///
    /// The file has at most 64 KiB. A provider without a rule for billing in it keeps the shipped rule.
    pub fn with_file(path: &Path) -> Result<Self, PriceError> {
        let bytes = yaml::read(path, VARIANT_CAP)?;
        Self::shipped().with(&Source::new(&bytes, &path.to_string_lossy())?)
    }

    /// With the rows of a text.
    fn with(self, source: &Source) -> Result<Self, PriceError> {
        let written: Written = source.parse()?;
        let mut rows = written.into_rows(Origin::File, &self.rows);
        let names: Vec<String> = rows.iter().map(|row| row.newest.name()).collect();
        rows.extend(self.rows.into_iter().filter(|row| !names.contains(&row.newest.name())));
        Ok(Self { rows })
    }

    /// The newest price of every row.
    pub fn newest(&self) -> Vec<Price> {
        self.rows.iter().map(|row| row.newest.clone()).collect()
    }

    /// The newest day that a price of the table was seen, YYYY-MM-DD.
    pub fn newest_day(&self) -> &str {
        let days = self.rows.iter().filter_map(|row| row.newest.date.as_ref());
        days.map(SafeText::as_str).max().expect("the shipped table has prices with a day; a test reads it")
    }

    /// The price of a row on a day (YYYY-MM-DD): the last that was seen until then, else the first that was seen at all,
    /// whose date then says so. The region may be left out of the name where only one has the instance.
    pub fn find(&self, name: &str, day: &str) -> Result<Price, PriceError> {
        check_day(day)?;
        Ok(self.row(name)?.on(day))
    }

    /// The row that a price is of, on another day; `None` if this table has no such row, or another's under its name.
    pub fn on(&self, price: &Price, day: &str) -> Option<Price> {
        check_day(day).ok()?;
        let same = |row: &&Row| row.newest.name() == price.name() && row.newest.origin == price.origin;
        self.rows.iter().find(same).map(|row| row.on(day))
    }

    /// Whether the price is in the table, as of whatever day.
    pub fn holds(&self, price: &Price) -> bool {
        self.rows.iter().flat_map(Row::all).any(|row| row == *price)
    }

    /// The newest prices of a machine that was recognised, in all regions: those of the provider where the type is not known.
    ///
    /// With the type `n1-standard-4`, rows of that machine with an add-on (`n1-standard-4+t4`) are found too.
    pub fn for_instance(&self, provider: &str, instance_type: Option<&str>) -> Vec<Price> {
        let fits = |price: &Price| {
            let machine = price.instance.as_str().split('+').next();
            price.provider.as_str() == provider && instance_type.is_none_or(|wanted| machine == Some(wanted))
        };
        self.rows.iter().map(|row| &row.newest).filter(|price| fits(price)).cloned().collect()
    }

    fn row(&self, asked: &str) -> Result<&Row, PriceError> {
        let matches = |row: &&Row| {
            let name = row.newest.name();
            name == asked || name.split('@').next() == Some(asked)
        };
        let found: Vec<&Row> = self.rows.iter().filter(matches).collect();
        if let [only] = found[..] {
            return Ok(only);
        }
        let provider = asked.split('/').next().unwrap_or_default();
        let near = if found.is_empty() {
            self.rows.iter().filter(|row| row.newest.provider.as_str() == provider).collect()
        } else {
            found
        };
        let near = near.into_iter().take(4).map(|row| format!("`{}`", show(&row.newest.name()))).collect();
        Err(PriceError::Unknown { asked: asked.to_owned(), near })
    }
}

/// The newest price of every row of the shipped table.
pub fn table() -> Vec<Price> {
    Table::shipped().newest()
}

/// What `seconds` cost: as a share of an hour, and as the provider would charge a machine rented for them alone.
pub fn cost(seconds: f64, price: &Price) -> Cost {
    let dollars = |seconds: f64| price.usd_per_hour * seconds / 3600.0;
    let seconds = seconds.max(0.0);
    let billed = price.billing.as_ref().map(|billing| dollars(billing.seconds(seconds)));
    Cost { prorated_usd: dollars(seconds), billed_usd: billed }
}

impl Billing {
    /// Seconds that are charged for `seconds`: rounded up, and at least the minimum.
    pub fn seconds(&self, seconds: f64) -> f64 {
        let increment = f64::from(self.increment_seconds.max(1));
        // A quotient may round down to a whole number: what was used is charged all the same.
        let rounded = ((seconds / increment).ceil() * increment).max(seconds);
        rounded.max(f64::from(self.minimum_seconds))
    }
}

impl Price {
    /// `provider/instance@region`.
    pub fn name(&self) -> String {
        format!("{}/{}@{}", self.provider, self.instance, self.region)
    }

    /// The newest price of the shipped row of this name; the region may be left out where only one has the instance.
    pub fn by_name(asked: &str) -> Result<Self, PriceError> {
        Table::shipped().row(asked).map(|row| row.newest.clone())
    }

    /// The user's own figure.
    pub fn own(usd_per_hour: f64, source: SafeText<200>, today: &str) -> Result<Self, PriceError> {
        check_day(today)?;
        if !is_price(usd_per_hour) {
            return Err(PriceError::Range);
        }
        Ok(Self {
            usd_per_hour,
            provider: plain("own"),
            instance: plain("unknown"),
            region: plain("unknown"),
            gpus: None,
            date: Some(plain(today)),
            source,
            origin: Origin::Own,
            billing: None,
        })
    }

    /// Whether it is more than nothing and less than any machine costs.
    pub fn is_in_range(&self) -> bool {
        is_price(self.usd_per_hour)
    }

    /// Whether it is the user's own figure, not a row of a table.
    pub fn is_own(&self) -> bool {
        self.origin == Origin::Own
    }
}

/// A word of ours, or a day that was checked.
fn plain<const N: usize>(word: &str) -> SafeText<N> {
    SafeText::try_from(word.to_owned()).expect("a plain short word")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table of a user's, with an older price on top of a newer one.
    const MINE: &str = "\
billing:
- provider: basement
  minimum_seconds: 600
  increment_seconds: 300
  source: house rules
prices:
- provider: basement
  instance: box
  region: here
  usd_per_hour: 0.5
  date: '2026-02-01'
  source: the bill
  history:
  - {usd_per_hour: 0.7, date: '2026-03-01', source: the next bill}
- provider: aws
  instance: p5.48xlarge
  region: us-east-1
  gpus: 8x H100 80GB
  usd_per_hour: 30
  source: our contract
";

    fn with(text: &str) -> Result<Table, PriceError> {
        Table::shipped().with(&Source::new(text.as_bytes(), "mine.yaml")?)
    }

    fn dollars_on(table: &Table, name: &str, day: &str) -> f64 {
        table.find(name, day).expect("in the table").usd_per_hour
    }

    #[test]
    fn every_row_has_a_name_of_its_own_and_prices_of_different_days() {
        let source = Source::new(include_bytes!("../prices.yaml"), "prices.yaml").expect("shipped");
        let written: Written = source.parse().expect("shipped");
        assert!(written.prices.len() > 30);
        for rule in &written.billing {
            let used = written.prices.iter().any(|row| row.provider == rule.provider);
            assert!(used && rule.source.as_str().starts_with("https://"), "{}", rule.provider);
        }
    }

    #[test]
    fn the_newest_day_is_the_newest_of_all() {
        let table = Table::shipped();
        assert!(check_day(table.newest_day()).is_ok());
        let newest = table.newest_day().to_owned();
        assert!(
            table.rows.iter().flat_map(Row::all).all(|price| price.date.is_none_or(|day| day.as_str() <= &*newest))
        );
    }

    #[test]
    fn a_row_is_found_with_and_without_its_region() {
        let full = Price::by_name("aws/p3.2xlarge@us-east-1").expect("in the table");
        assert_eq!(Price::by_name("aws/p3.2xlarge").expect("in the table"), full);
        assert!((full.usd_per_hour - 3.06).abs() < 1e-12);
        assert_eq!(full.gpus.expect("known").as_str(), "1x V100 16GB");
    }

    #[test]
    fn an_unknown_row_is_answered_with_rows_there_are() {
        let error = Price::by_name("aws/p9.huge").expect_err("unknown");
        assert_eq!(error.to_string(), "there is no price `aws/p9.huge` in the table");
        assert!(error.hint().expect("a hint").contains("aws/"));
    }

    #[test]
    fn a_run_is_priced_as_of_its_own_day() {
        let table = Table::shipped();
        let on = |day| dollars_on(&table, "aws/p4d.24xlarge", day);
        let expected = [
            ("2021-01-01", 32.7726),
            ("2025-06-22", 32.7726),
            ("2025-06-23", 21.957_642),
            ("2026-01-01", 21.957_642),
            ("2030-01-01", 21.957_642),
        ];
        for (day, dollars) in expected {
            assert!((on(day) - dollars).abs() < 1e-9, "{day}");
        }
    }

    #[test]
    fn before_the_first_price_that_one_counts_and_its_date_says_so() {
        let price = Table::shipped().find("azure/Standard_NC48ads_A100_v4", "2020-01-01").expect("in the table");
        assert!((price.usd_per_hour - 7.346).abs() < 1e-12);
        assert_eq!(price.date.expect("dated").as_str(), "2026-06-18");
    }

    #[test]
    fn a_price_can_be_had_as_of_another_day() {
        let table = Table::shipped();
        let then = table.find("azure/Standard_NC48ads_A100_v4", "2026-07-01").expect("in the table");
        let now = table.on(&then, table.newest_day()).expect("the same row");
        assert!((now.usd_per_hour - 9.554).abs() < 1e-12);
        assert_eq!(table.on(&now, "2026-07-01"), Some(then));
        let own = Price::own(1.0, plain("invoice"), "2026-11-22").expect("in range");
        assert_eq!(table.on(&own, "2026-11-22"), None);
    }

    #[test]
    fn only_prices_that_were_seen_are_held() {
        let table = Table::shipped();
        let then = table.find("aws/p4d.24xlarge", "2025-01-01").expect("in the table");
        assert!(table.holds(&then) && table.newest().iter().all(|price| table.holds(price)));
        assert!(!table.holds(&Price { usd_per_hour: 0.01, ..then.clone() }));
        assert!(!table.holds(&Price { billing: None, ..then }));
    }

    #[test]
    fn the_user_s_rows_win_and_are_marked() {
        let table = with(MINE).expect("valid");
        let contract = table.find("aws/p5.48xlarge", "2026-11-22").expect("in the file");
        assert!((contract.usd_per_hour - 30.0).abs() < 1e-12);
        assert_eq!(contract.origin, Origin::File);
        assert_eq!(contract.billing.as_ref().expect("the provider's").minimum_seconds, 60);
        assert_eq!(table.newest().len(), Table::shipped().rows.len() + 1);
        let other = table.find("aws/p3.2xlarge", "2026-11-22").expect("shipped");
        assert_eq!(other.origin, Origin::Shipped);
        assert!(Table::shipped().on(&contract, "2026-11-22").is_none(), "a contract is not the list price");
    }

    #[test]
    fn a_user_s_row_has_its_own_history_and_billing() {
        let table = with(MINE).expect("valid");
        assert!((dollars_on(&table, "basement/box", "2026-02-28") - 0.5).abs() < 1e-12);
        assert!((dollars_on(&table, "basement/box", "2026-03-01") - 0.7).abs() < 1e-12);
        let price = table.find("basement/box", "2026-11-22").expect("in the file");
        assert_eq!(price.billing.expect("its own").increment_seconds, 300);
    }

    #[test]
    fn a_table_of_the_user_s_is_read_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.yaml");
        std::fs::write(&path, MINE).expect("written");
        assert!(Table::with_file(&path).expect("valid").find("basement/box", "2026-11-22").is_ok());
        let missing = Table::with_file(&folder.path().join("none.yaml")).expect_err("missing");
        assert!(missing.hint().is_some());
    }

    #[test]
    fn the_example_in_the_documentation_is_a_table() {
        let page = include_str!("../docs/cost.md");
        let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        let table = with(example).expect("valid");
        assert!((dollars_on(&table, "basement/box", "2026-02-28") - 0.45).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_table_is_refused_with_line_and_key() {
        let wrong = [
            ("usd_per_hour: 0.5", "usd_per_hour: -1", "mine.yaml:10:17: -1: a price is"),
            ("usd_per_hour: 30", "usd_per_hour: .nan", "mine.yaml:19:17: "),
            ("region: here", "region: h/ere", "mine.yaml:9:11: `h/ere` holds a slash"),
            ("'2026-02-01'", "'2026-02-30'", "mine.yaml:11:9: `2026-02-30` is not a day"),
            ("'2026-02-01'", "'2026-2-1'", "mine.yaml:11:9: `2026-2-1` is not a day"),
            ("increment_seconds: 300", "increment_seconds: 0", "mine.yaml:4:22: time is rounded up"),
            ("gpus: 8x H100 80GB", "gpu: 8x H100 80GB", "mine.yaml:18:3: unknown field `gpu`"),
            (
                "'2026-03-01'",
                "'2026-02-01'",
                "mine.yaml:7:3: `basement/box@here` has two prices of the day `2026-02-01`",
            ),
            (
                "aws\n  instance: p5.48xlarge\n  region: us-east-1",
                "basement\n  instance: box\n  region: here",
                "mine.yaml:15:3: `basement/box@here` is listed twice",
            ),
        ];
        for (right, put, message) in wrong {
            assert!(MINE.contains(right), "{right}");
            let error = with(&MINE.replacen(right, put, 1)).expect_err(put).to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn a_day_has_one_form() {
        for wrong in ["", "today", "2026-13-01", "2026-11-1", "20261101", "+2026-11-1"] {
            let error = Table::shipped().find("aws/p3.2xlarge", wrong).expect_err(wrong);
            assert!(matches!(error, PriceError::Day { .. }), "{wrong}");
        }
    }

    #[test]
    fn a_machine_is_found_by_what_it_says_of_itself() {
        let table = Table::shipped();
        let names = |provider, kind| table.for_instance(provider, kind).iter().map(Price::name).collect::<Vec<_>>();
        assert_eq!(names("aws", Some("p3.2xlarge")), ["aws/p3.2xlarge@us-east-1"]);
        let with_gpu = ["gcp/n1-standard-4@us-central1", "gcp/n1-standard-4+t4@us-central1"];
        assert_eq!(names("gcp", Some("n1-standard-4")), with_gpu);
        assert!(names("azure", None).len() > 5);
        assert!(names("aws", Some("p3")).is_empty() && names("none", None).is_empty());
    }

    #[test]
    fn a_price_of_nothing_is_refused() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = Price::own(wrong, plain("invoice"), "2026-11-22");
            assert!(matches!(refused, Err(PriceError::Range)), "{wrong}");
        }
    }

    #[test]
    fn a_minute_on_a_provider_that_bills_minutes() {
        let price = Price::by_name("lambda/gpu_1x_h100_pcie").expect("in the table");
        let billed = |seconds| cost(seconds, &price).billed_usd.expect("known");
        let minute = price.usd_per_hour / 60.0;
        for (seconds, minutes) in [(0.1, 1.0), (60.0, 1.0), (60.1, 2.0), (3600.0, 60.0)] {
            assert!((billed(seconds) - minutes * minute).abs() < 1e-9, "{seconds}");
        }
        let azure = Price::by_name("azure/Standard_NC6s_v3").expect("in the table");
        assert_eq!(cost(60.0, &azure).billed_usd, None);
        assert!((cost(60.0, &azure).prorated_usd - 0.051).abs() < 1e-12);
    }

    /// A price with any rule of billing.
    fn any_price() -> impl Strategy<Value = Price> {
        (0.01_f64..1000.0, 0_u32..7200, 1_u32..7200).prop_map(|(dollars, minimum_seconds, increment_seconds)| {
            let billing = Billing { minimum_seconds, increment_seconds, source: plain("a rule") };
            let own = Price::own(dollars, plain("invoice"), "2026-11-22").expect("in range");
            Price { billing: Some(billing), ..own }
        })
    }

    proptest! {
        #[test]
        fn cost_grows_with_time_and_is_billed_at_no_less_than_its_share(
            price in any_price(), seconds in 0.0_f64..1e6, more in 0.0_f64..1e4,
        ) {
            let (less, more) = (cost(seconds, &price), cost(seconds + more, &price));
            prop_assert!(less.prorated_usd <= more.prorated_usd && less.billed_usd <= more.billed_usd);
            prop_assert!(less.billed_usd >= Some(less.prorated_usd));
        }

        #[test]
        fn whole_increments_over_the_minimum_are_billed_exactly(price in any_price(), count in 0_u32..1000) {
            let billing = price.billing.clone().expect("set");
            let seconds = f64::from(count) * f64::from(billing.increment_seconds) + f64::from(billing.minimum_seconds);
            let whole = (seconds / f64::from(billing.increment_seconds)).ceil() * f64::from(billing.increment_seconds);
            let cost_of_whole = cost(whole, &price);
            prop_assert_eq!(cost_of_whole.billed_usd, Some(cost_of_whole.prorated_usd));
        }

        #[test]
        fn no_more_than_one_increment_is_added(price in any_price(), seconds in 0.0_f64..1e6) {
            let billing = price.billing.expect("set");
            let charged = billing.seconds(seconds);
            let most = f64::from(billing.minimum_seconds).max(seconds + f64::from(billing.increment_seconds));
            prop_assert!(charged <= most + 1e-6, "{charged}");
        }
    }
}
