//! What others published before this program measured anything: boards as facts, compiled in.
//!
//! Pure: reads the files compiled in and nothing else. These rows are a division of their own: nothing here was measured by
//! our rules, on one machine or even with one meaning of "seconds", so they are never ranked with measured rows. What a
//! source does not say is absent, never 0.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use hlb_core::clock;
use hlb_core::text::{Id, SafeText};
use hlb_core::yaml::{self, YamlError};
use hlb_data::track;

/// The most rows of one board.
const MOST_ROWS: usize = 2000;

/// A board that somebody published, or a part of it that has one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalResults {
    /// Name in paths.
    pub id: Id,
    /// Name for people.
    pub title: SafeText<120>,
    /// What was measured, and of what the seconds are.
    pub about: SafeText<1000>,
    /// Where the rows are from.
    pub source: SafeText<400>,
    /// Track of ours with the same data set and the same kind of target; left out where there is none.
    #[serde(default, deserialize_with = "known_track", skip_serializing_if = "Option::is_none")]
    pub track: Option<Id>,
    /// Accuracy in percent that the seconds lead to; left out where the board has no target.
    #[serde(default, deserialize_with = "percent", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub target_percent: Option<f64>,
    /// 1 to 2000 rows, in the order of the board.
    #[serde(deserialize_with = "rows")]
    pub rows: Vec<ExternalResult>,
}

/// A published result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Row")]
pub struct ExternalResult {
    /// Day it was published, YYYY-MM-DD.
    #[serde(default, deserialize_with = "day", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub date: Option<SafeText<10>>,
    /// What it is called there.
    pub name: SafeText<200>,
    /// Who made it, as it is written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authors: Option<SafeText<400>>,
    /// Published seconds.
    #[serde(default, deserialize_with = "amount", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub seconds: Option<f64>,
    /// The upper end, where a range of seconds was published.
    #[serde(default, deserialize_with = "amount", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub seconds_up_to: Option<f64>,
    /// What was put before the seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<Qualifier>,
    /// Accuracy in percent, 0 to 100.
    #[serde(default, deserialize_with = "percent", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub accuracy_percent: Option<f64>,
    /// The highest accuracy of the whole run in percent, where the other is that of the moment that met the target.
    #[serde(default, deserialize_with = "percent", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_accuracy_percent: Option<f64>,
    /// Epochs that were trained, which may end within one.
    #[serde(default, deserialize_with = "amount", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub epochs: Option<f64>,
    /// US dollars that the seconds cost.
    #[serde(default, deserialize_with = "amount", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub usd: Option<f64>,
    /// US dollars per hour of the machine.
    #[serde(default, deserialize_with = "amount", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub usd_per_hour: Option<f64>,
    /// The machine, as it is written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<SafeText<400>>,
    /// Runs that the figures are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u32>,
    /// Where the row is from.
    pub source: SafeText<400>,
    /// What else a reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<SafeText<1000>>,
    /// What is odd about the files that the row was read from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub irregularities: Vec<SafeText<400>>,
}

/// What a publisher put before the seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Qualifier {
    /// Under so many seconds.
    #[serde(rename = "<")]
    Under,
    /// About so many seconds, or a little under.
    #[serde(rename = "~<")]
    AboutOrUnder,
    /// About so many seconds.
    #[serde(rename = "~")]
    About,
}

impl Qualifier {
    /// As it was written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Under => "<",
            Self::AboutOrUnder => "~<",
            Self::About => "~",
        }
    }
}

impl ExternalResult {
    /// What is wrong with it, beyond its single keys.
    fn flaw(&self) -> Option<&'static str> {
        let Self { seconds, seconds_up_to, qualifier, .. } = self;
        if self.max_accuracy_percent < self.accuracy_percent && self.max_accuracy_percent.is_some() {
            return Some("has a highest accuracy that another of its own exceeds");
        }
        match (seconds, seconds_up_to) {
            (None, Some(_)) => Some("has an upper end of seconds without a lower one"),
            (Some(low), Some(high)) if low > high => Some("has a range of seconds that runs backwards"),
            (None, None) if qualifier.is_some() => Some("qualifies seconds that it does not have"),
            _ => None,
        }
    }
}

fn known_track<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Id>, D::Error> {
    let id = Option::<Id>::deserialize(from)?;
    let unknown = id.as_ref().and_then(|id| track::by_id(id.as_str()).err());
    unknown.map_or(Ok(id), |error| Err(D::Error::custom(error)))
}

fn percent<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    within(from, |percent| (0.0..=100.0).contains(&percent), "is not a percentage from 0 to 100")
}

/// A number of seconds, epochs or dollars: nothing takes no time, and what is free has no price to state.
fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    within(from, |amount| amount > 0.0 && amount.is_finite(), "is not above 0; leave out what is not known")
}

fn within<'de, D: Deserializer<'de>>(from: D, is_good: fn(f64) -> bool, why: &str) -> Result<Option<f64>, D::Error> {
    match Option::<f64>::deserialize(from)? {
        Some(number) if !is_good(number) => Err(D::Error::custom(format!("{number} {why}"))),
        number => Ok(number),
    }
}

fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SafeText<10>>, D::Error> {
    let day = Option::<SafeText<10>>::deserialize(from)?;
    match &day {
        Some(text) if clock::parse_day(text.as_str()).is_none() => {
            Err(D::Error::custom(format!("`{text}` is not a day written as YYYY-MM-DD")))
        }
        _ => Ok(day),
    }
}

fn rows<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ExternalResult>, D::Error> {
    let rows = Vec::<ExternalResult>::deserialize(from)?;
    if rows.is_empty() || rows.len() > MOST_ROWS {
        return Err(D::Error::custom(format!("there are {} rows, have to be 1 to {MOST_ROWS}", rows.len())));
    }
    let flawed = rows.iter().find_map(|row| Some((row.name.clone(), row.flaw()?)));
    flawed.map_or(Ok(rows), |(name, flaw)| Err(D::Error::custom(format!("`{name}` {flaw}"))))
}

/// Reads a board; `place` is its file in messages.
pub fn parse(text: &str, place: &str) -> Result<ExternalResults, YamlError> {
    yaml::parse(text.as_bytes(), place)
}

macro_rules! boards {
    ($($id:literal),* $(,)?) => {
        [$((
            concat!("leaderboard/history/", $id, ".yaml"),
            include_str!(concat!("../../../leaderboard/history/", $id, ".yaml")),
        )),*]
    };
}

const SHIPPED: [(&str, &str); 15] = boards![
    "dawnbench-cifar10",
    "myrtle",
    "hlb-cifar10",
    "airbench",
    "hiverge",
    "fulcrum",
    "airbench-95-96",
    "cifar10-accuracy",
    "cifar100-speedrun",
    "fastai-imagenette-128",
    "fastai-imagenette-192",
    "fastai-imagenette-256",
    "hlb-imagenette-notebooks",
    "hlb-imagenette-schedules",
    "hlb-imagenette-ablation",
];

/// The boards that are compiled in, those of one task side by side.
pub fn shipped() -> Vec<ExternalResults> {
    let read = |(place, text): &(&str, &str)| parse(text, place).expect("a shipped board is valid; a test reads them");
    SHIPPED.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOARD: &str = "id: a\ntitle: A\nabout: b\nsource: c\nrows:\n- name: d\n  source: e\n";

    fn problem(more: &str) -> String {
        parse(&format!("{BOARD}{more}"), "board.yaml").expect_err(more).to_string()
    }

    #[test]
    fn what_is_not_said_is_absent_and_stays_so_when_written_again() {
        let board = parse(BOARD, "board.yaml").unwrap();
        let text = yaml::emit(&board).unwrap();
        assert!(!text.contains("null") && !text.contains('0'), "{text}");
        assert_eq!(parse(&text, "again").unwrap(), board);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let cases = [
            ("  seconds: 0\n", "0 is not above 0"),
            ("  seconds: -1\n", "-1 is not above 0"),
            ("  seconds: .inf\n", "is not a finite number"),
            ("  usd: 0.0\n", "leave out what is not known"),
            ("  accuracy_percent: 100.5\n", "100.5 is not a percentage"),
            ("  accuracy_percent: 94.2\n  max_accuracy_percent: 94.1\n", "`d` has a highest accuracy"),
            ("  epochs: 0\n", "0 is not above 0"),
            ("  date: 2019-1-5\n", "`2019-1-5` is not a day"),
            ("  date: 2019-02-30\n", "`2019-02-30` is not a day"),
            ("  qualifier: '<'\n", "`d` qualifies seconds that it does not have"),
            ("  qualifier: about\n", "about"),
            ("  seconds: 3\n  seconds_up_to: 2\n", "runs backwards"),
            ("  seconds_up_to: 2\n", "without a lower one"),
            ("  second: 2\n", "second"),
            ("track: cifar-9\n", "there is no track `cifar-9`"),
            ("target_percent: 940\n", "940 is not a percentage"),
        ];
        for (more, said) in cases {
            let problem = problem(more);
            assert!(problem.contains(said) && problem.contains("board.yaml"), "{more}: {problem}");
        }
        assert!(
            parse("id: a\ntitle: A\nabout: b\nsource: c\nrows: []\n", "b").unwrap_err().to_string().contains("0 rows")
        );
    }
}
