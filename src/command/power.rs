//! `hlb-bench power`: how many runs a claimed gain needs, before they are paid for. Estimates, never part of a result.

use std::path::Path;

use serde::Serialize;

use crate::cli::Power;
use crate::clock;
use crate::command::Answer;
use crate::command::compare::percent;
use crate::command::verify::signers;
use crate::hint::{Context as _, Failure, Result, bail};
use crate::leaderboard::{self, SIGNERS_FILE, read_signers};
use crate::price::{Price, cost};
use crate::printer::answer;
use crate::result::{Entry, check_entry};
use crate::stats::{self, mean_and_deviation, runs_needed};
use crate::track::{self, Track};
use crate::units::human_seconds;
use crate::variant;

/// How often a true gain should show.
const WANTED_CHANCE: f64 = 0.9;
/// The most runs that a session may have.
const MOST_RUNS: u32 = 500;
/// Gains in the table where none is asked about.
const GAINS: [f64; 5] = [0.005, 0.01, 0.02, 0.05, 0.1];

/// Runs the command.
pub(super) fn power(arguments: &Power) -> Result<Answer> {
    let track = track::by_id(&arguments.track)?;
    let source = Source::of(arguments, &track)?;
    let outlook = Outlook::of(arguments, &track, source);
    if arguments.json {
        answer(&serde_json::to_string(&outlook)?);
    } else {
        outlook.describe().iter().for_each(|line| answer(line));
    }
    Ok(Answer::Done)
}

/// What is said. Its JSON is the answer to programs.
#[derive(Debug, Serialize)]
struct Outlook {
    track: String,
    /// Level of the two-sided test.
    p_below: f64,
    /// How often a true gain should show, 0 to 1.
    wanted_chance: f64,
    /// The most runs that were looked at.
    most_runs: u32,
    /// Runs that the track asks for before a row can be ranked.
    runs_to_rank: u32,
    source: SourceFacts,
    gains: Vec<Prospect>,
    /// What the runs asked about can show.
    with_runs: Option<WithRuns>,
}

/// Where the times are from.
#[derive(Debug, Serialize)]
struct SourceFacts {
    /// The entry or session; `null` where a noise was assumed.
    entry: Option<String>,
    variant: Option<String>,
    hardware_class: Option<String>,
    runs: Option<u32>,
    /// Standard deviation of the logarithms of its times; `null` where fewer than two runs reached.
    noise: Option<f64>,
    /// Mean seconds of training and evaluation of one run; `null` where nothing was measured.
    seconds_per_run: Option<f64>,
    price_usd_per_hour: Option<f64>,
}

/// What it takes to show one gain.
#[derive(Debug, Serialize)]
struct Prospect {
    gain: f64,
    /// Runs of each recipe; `null` where not even `most_runs` are enough.
    runs_needed: Option<u32>,
    /// What so many runs of both recipes take.
    bill: Option<Bill>,
    /// The chance that the runs asked about tell it apart.
    chance: Option<f64>,
}

/// What the runs asked about can show.
#[derive(Debug, Serialize)]
struct WithRuns {
    runs: u32,
    /// The least gain that they show as often as wanted; `null` where they show none.
    least_gain: Option<f64>,
    bill: Option<Bill>,
}

/// Machine time and cost of runs of both recipes, without the start of the programs and the preparation of data.
#[derive(Debug, Clone, Copy, Serialize)]
struct Bill {
    machine_seconds: f64,
    cost_usd: Option<f64>,
}

/// Times that runs are simulated from.
struct Source {
    times: Vec<Option<f64>>,
    facts: SourceFacts,
    price: Option<Price>,
}

impl Source {
    fn of(arguments: &Power, track: &Track) -> Result<Self> {
        let source = match (arguments.noise, &arguments.entry) {
            (Some(noise), _) => Self::assumed(noise),
            (None, Some(folder)) => Self::measured(&named(folder, track)?),
            (None, None) => Self::measured(&best(&arguments.submissions, track)?),
        };
        if source.facts.noise.is_none() {
            bail!(
                "fewer than two runs of it reached the target, so nothing is known of how uneven times are; name another with --entry, or assume a --noise"
            );
        }
        Ok(source)
    }

    /// Twenty times at evenly spaced quantiles of a log-normal distribution; only their spread matters.
    fn assumed(noise: f64) -> Self {
        /// Standard normal quantiles of 21/40, 23/40 ... 39/40, as SciPy's `norm.ppf` gives them.
        const SCORES: [f64; 10] = [0.0627, 0.1891, 0.3186, 0.4538, 0.5978, 0.7554, 0.9346, 1.1503, 1.4395, 1.96];
        let scores: Vec<f64> = SCORES.into_iter().flat_map(|score| [-score, score]).collect();
        let deviation = mean_and_deviation(&scores).1.unwrap_or(1.0);
        let times = scores.iter().map(|score| Some((noise * score / deviation).exp())).collect();
        let facts = SourceFacts {
            entry: None,
            variant: None,
            hardware_class: None,
            runs: None,
            noise: Some(noise),
            seconds_per_run: None,
            price_usd_per_hour: None,
        };
        Self { times, facts, price: None }
    }

    fn measured(entry: &Entry) -> Self {
        let (result, runs) = (&entry.result, &entry.result.derived.runs);
        let times: Vec<Option<f64>> = runs.iter().map(|run| run.time_to_accuracy_seconds).collect();
        let logarithms: Vec<f64> = times.iter().flatten().map(|time| time.ln()).collect();
        let lasted: Vec<f64> = runs.iter().map(|run| run.train_seconds + run.evaluate_seconds).collect();
        let facts = SourceFacts {
            entry: Some(entry.folder.display().to_string()),
            variant: Some(result.variant.name.to_string()),
            hardware_class: Some(result.machine.class(&result.session.device)),
            runs: Some(result.derived.summary.runs),
            noise: mean_and_deviation(&logarithms).1,
            seconds_per_run: mean_and_deviation(&lasted).0,
            price_usd_per_hour: result.price.as_ref().map(|price| price.usd_per_hour),
        };
        Self { times, facts, price: result.price.clone() }
    }

    /// What `runs` runs of each of two recipes take, if both take as long as the one that was measured.
    fn bill(&self, runs: u32) -> Option<Bill> {
        let machine_seconds = 2.0 * f64::from(runs) * self.facts.seconds_per_run?;
        let cost_usd = self.price.as_ref().map(|price| cost(machine_seconds, price).prorated_usd);
        Some(Bill { machine_seconds, cost_usd })
    }

    fn prospect(&self, gain: f64, runs: Option<u32>) -> Prospect {
        let needed = runs_needed(&self.times, gain, WANTED_CHANCE, MOST_RUNS);
        Prospect {
            gain,
            runs_needed: needed,
            bill: needed.and_then(|needed| self.bill(needed)),
            chance: runs.map(|runs| stats::power(&self.times, gain, runs)),
        }
    }

    /// The least gain that `runs` runs show as often as wanted, found by bisection to a hundredth of a percent.
    fn least_gain(&self, runs: u32) -> Option<f64> {
        let is_enough = |gain| stats::power(&self.times, gain, runs) >= WANTED_CHANCE;
        let (mut too_small, mut enough) = (0.0, 0.99);
        if !is_enough(enough) {
            return None;
        }
        while enough - too_small > 1e-4 {
            let middle = f64::midpoint(too_small, enough);
            *(if is_enough(middle) { &mut enough } else { &mut too_small }) = middle;
        }
        Some(enough)
    }
}

/// The entry or session that was named.
fn named(folder: &Path, track: &Track) -> Result<Entry> {
    let entry = check_entry(folder, &signers(folder, None)?, clock::calendar())?;
    if entry.result.track.as_str() != track.id {
        bail!("{} is for track `{}`, not for `{}`", folder.display(), entry.result.track, track.id);
    }
    Ok(entry)
}

/// The first row of the track's reference on the board: ranked ones stand first, fastest hardware and fastest first.
fn best(submissions: &Path, track: &Track) -> Result<Entry> {
    let nothing = || {
        format!(
            "there is no entry of the reference of `{}` in {}; name another entry with --entry, a folder of entries with --submissions, or assume how uneven times are, such as --noise 2%",
            track.id,
            submissions.display()
        )
    };
    if !submissions.is_dir() {
        return Err(Failure::new(nothing()));
    }
    let signers = read_signers(&submissions.join(SIGNERS_FILE))?;
    let board = leaderboard::read(submissions, &signers, clock::calendar())?;
    let reference = variant::shipped(&track.reference).as_ref().map(variant::digest);
    let rows = board.tracks.into_iter().filter(|ranked| ranked.track.id == track.id).flat_map(|ranked| ranked.rows);
    let mut of_reference = rows.filter(|row| Some(row.entry.result.variant.recipe_sha256) == reference);
    Ok(of_reference.next().with_context(nothing)?.entry)
}

impl Outlook {
    fn of(arguments: &Power, track: &Track, source: Source) -> Self {
        let gains = arguments.gain.map_or_else(|| GAINS.to_vec(), |gain| vec![gain]);
        let with_runs = |runs| WithRuns { runs, least_gain: source.least_gain(runs), bill: source.bill(runs) };
        Self {
            track: track.id.clone(),
            p_below: 0.01,
            wanted_chance: WANTED_CHANCE,
            most_runs: MOST_RUNS,
            runs_to_rank: track.runs_to_rank,
            gains: gains.into_iter().map(|gain| source.prospect(gain, arguments.runs)).collect(),
            with_runs: arguments.runs.map(with_runs),
            source: source.facts,
        }
    }

    /// The answer to people.
    fn describe(&self) -> Vec<String> {
        let mut lines = vec![self.source.describe()];
        lines.push(
            "to tell a true gain apart at p < 0.01, nine times out of ten, each of the two recipes needs".to_owned(),
        );
        lines.extend(self.gains.iter().map(|prospect| prospect.describe(self.with_runs.as_ref())));
        lines.extend(self.with_runs.as_ref().map(WithRuns::describe));
        lines.push(format!("a ranked row on `{}` needs at least {} runs", self.track, self.runs_to_rank));
        lines
    }
}

impl SourceFacts {
    fn describe(&self) -> String {
        let noise = self.noise.map_or_else(|| "unknown".to_owned(), percent);
        match (&self.entry, &self.hardware_class, self.runs) {
            (Some(entry), Some(class), Some(runs)) => {
                format!("times differ from run to run by {noise}, as in the {runs} runs of {entry} on {class}")
            }
            _ => format!("times are taken to differ from run to run by {noise}"),
        }
    }
}

impl Prospect {
    fn describe(&self, with_runs: Option<&WithRuns>) -> String {
        let gain = percent(self.gain);
        let needed = self
            .runs_needed
            .map_or_else(|| format!("more than {MOST_RUNS} runs"), |runs| format!("{runs} runs{}", billed(self.bill)));
        let chance = self.chance.zip(with_runs).map_or_else(String::new, |(chance, with)| {
            format!("; {} runs show it with a chance of {:.0} %", with.runs, 100.0 * chance)
        });
        format!("  {gain:>7}: {needed}{chance}")
    }
}

impl WithRuns {
    fn describe(&self) -> String {
        let runs = self.runs;
        match self.least_gain {
            Some(gain) => {
                format!("{runs} runs each{} show gains of {} and more", billed(self.bill), percent(gain))
            }
            None => format!("{runs} runs each show no gain so surely; five are the least that ever can"),
        }
    }
}

/// What runs of both recipes take, in brackets.
fn billed(bill: Option<Bill>) -> String {
    let Some(Bill { machine_seconds, cost_usd }) = bill else { return String::new() };
    let cost = cost_usd.map_or_else(String::new, |usd| format!(", {usd:.4} US dollars"));
    format!(" ({} of machine time for both{cost})", human_seconds(machine_seconds))
}
