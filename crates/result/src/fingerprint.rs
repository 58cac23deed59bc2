//! What no two runs of different seeds have in common, and what stays of it when a copied run is stretched, shifted, or
//! changed in one epoch.
//!
//! Whole runs are easily made to differ, so small groups of epochs are compared. A group is chosen large enough that two
//! honest runs do not share one by chance on a board of ten thousand runs: its figures vary from seed to seed by a thousandth
//! or more, and the times of epochs by a ten-thousandth on the quietest GPU.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use hlb_core::artifact::sha256_hex;
use hlb_core::rules::MIN_CURVE_EPOCHS;
use hlb_protocol::run_log::{Arm, Epoch, LoggedRun};

/// Something that only runs of one seed, or only one run, can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// What it is, for people.
    pub(super) what: &'static str,
    /// What is compared.
    pub(super) key: String,
    /// Whether training a seed again may give it again; times never repeat.
    pub(super) follows_from_seed: bool,
}

/// Something that only one session can have; shown as what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it is, for people.
    pub(super) what: &'static str,
    /// The run that has it; `None` if it is of the session.
    pub(super) run: Option<(Arm, u32)>,
    /// What is compared.
    pub key: String,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        self.run.map_or(Ok(()), |(arm, run)| write!(f, " of {arm} {run}"))
    }
}

/// Marks of a run. A loss that was summed in half precision takes few values, so that it is compared with the accuracies only.
pub(super) fn of_run(run: &LoggedRun, half_loss: bool) -> Vec<Mark> {
    let mut found = of_times(run);
    let telling = telling(&run.epochs);
    if !half_loss {
        found.extend(of_losses(&telling));
    }
    let curve = |epoch: &&Epoch| format!("{} {:.4e}", epoch.accuracy.correct, epoch.loss);
    let curve: Vec<String> = telling.iter().map(curve).collect();
    found.extend(marks(
        ("the series of accuracies and losses", true),
        &curve,
        &groups(curve.len(), MIN_CURVE_EPOCHS, &[(2, 1)]),
    ));
    found
}

/// Epochs whose loss says which run it is: a network that no longer learns repeats its loss.
fn telling(epochs: &[Epoch]) -> Vec<&Epoch> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for epoch in epochs {
        *times.entry(ten_digits(epoch.loss)).or_default() += 1;
    }
    epochs.iter().filter(|epoch| times.get(&ten_digits(epoch.loss)) == Some(&1)).collect()
}

fn ten_digits(value: f64) -> String {
    format!("{value:.9e}")
}

/// Pairs of losses; one loss alone is a sum of few enough single-precision numbers to repeat by chance.
fn of_losses(epochs: &[&Epoch]) -> Vec<Mark> {
    // A mean over thousands of images has more digits than that.
    let is_full = |loss: f64| format!("{loss:.6}").parse() != Ok(loss);
    let full: Vec<&&Epoch> = epochs.iter().filter(|epoch| is_full(epoch.loss)).collect();
    let what = ("the series of losses", true);
    if let [only] = full[..] {
        let alone = format!("{} {}", ten_digits(only.loss), only.accuracy.correct);
        return marks(what, &[alone], &[vec![0]]);
    }
    let losses: Vec<String> = full.iter().map(|epoch| ten_digits(epoch.loss)).collect();
    marks(what, &losses, &groups(losses.len(), 2, &[(1, 1)]))
}

/// Durations of epochs: all to the last digit, their ratios, which a factor keeps, and their differences, which a constant keeps.
fn of_times(run: &LoggedRun) -> Vec<Mark> {
    let totals: Vec<f64> = run.epochs.iter().map(|epoch| epoch.train_seconds).collect();
    let before = std::iter::once(0.0).chain(totals.iter().copied());
    let durations: Vec<f64> = totals.iter().zip(before).map(|(total, before)| total - before).collect();
    let exact: String = totals.iter().fold(String::new(), |mut text, total| {
        let _ = write!(text, "{total:e} ");
        text
    });
    let mut found = match &run.epochs[..] {
        [] => Vec::new(),
        // One time alone is few digits.
        [only] => marks(("every time", false), &[format!("{exact}{}", only.accuracy.correct)], &[vec![0]]),
        _ => marks(("every time", false), &[exact], &[vec![0]]),
    };
    // Fewer epochs have fewer ratios, of which more digits are compared.
    let (size, digits) = match durations.len() {
        0..3 => return found,
        3 => (3, 8),
        4 => (4, 7),
        _ => (5, 7),
    };
    for group in groups(durations.len(), size, &[(1, 2), (2, 2), (3, 2), (4, 2)]) {
        let successive = || group.iter().zip(&group[1..]).map(|(first, next)| (durations[*first], durations[*next]));
        let ratios: Vec<String> = successive().map(|(first, next)| format!("{:.*}", digits, next / first)).collect();
        found.extend(marks(("the series of ratios of times", false), &ratios, &[(0..ratios.len()).collect()]));
        let steps: Vec<String> = successive().map(|(first, next)| format!("{:.8}", next - first)).collect();
        if size == 5 {
            found.extend(marks(("the series of differences of times", false), &steps, &[(0..steps.len()).collect()]));
        }
    }
    found
}

/// Groups of `size` of so many epochs: neighbors, and for each of `gaps` those that have so many others between them after
/// the first few, since one changed epoch would else be in every group of a short run.
fn groups(length: usize, size: usize, gaps: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let with_gap = |first: usize, (after, skipped): (usize, usize)| -> Vec<usize> {
        (first..first + size).map(|index| if index < first + after { index } else { index + skipped }).collect()
    };
    let shapes = std::iter::once((size, 0)).chain(gaps.iter().copied());
    let all = shapes.flat_map(|shape| (0..length).map(move |first| with_gap(first, shape)));
    all.filter(|group| group.last().is_some_and(|last| *last < length)).collect()
}

fn marks((what, follows_from_seed): (&'static str, bool), values: &[String], groups: &[Vec<usize>]) -> Vec<Mark> {
    let mark = |group: &Vec<usize>| {
        let values: Vec<&str> = group.iter().map(|index| values[*index].as_str()).collect();
        let digest = sha256_hex(format!("{what}: {}", values.join(", ")).as_bytes()).to_string();
        Mark { what, key: digest[..KEY_DIGITS].to_owned(), follows_from_seed }
    };
    groups.iter().map(mark).collect()
}

/// Digits of a digest that tell millions of marks apart, which a board keeps in memory.
const KEY_DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hlb_core::seed;
    use hlb_core::units::Accuracy;
    use proptest::prelude::*;

    use super::*;

    /// What one honest run measures: losses, accuracies and durations that vary as little as they do on a quiet GPU.
    fn honest(number: u32, epochs: u32) -> LoggedRun {
        let seed = seed::derive(sha256_hex(b"recipe"), "nonce", number);
        let share = |what: &str, epoch: u32| {
            let digest = sha256_hex(format!("{number} {what} {epoch}").as_bytes()).to_string();
            f64::from(u32::from_str_radix(&digest[..8], 16).expect("hexadecimal")) / f64::from(u32::MAX) - 0.5
        };
        let mut seconds = 0.0;
        let epoch = |epoch: u32| {
            seconds += 0.3 * (1.0 + 1e-4 * share("time", epoch));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand images")]
            let correct = (9000.0 + 20.0 * f64::from(epoch) + 60.0 * share("accuracy", epoch)) as u32;
            Epoch {
                run: number,
                epoch,
                step: u64::from(epoch),
                loss: 2.0 / f64::from(epoch) * (1.0 + 0.005 * share("loss", epoch)),
                accuracy: Accuracy { correct, total: 10_000 },
                // To the nanosecond, as clocks have it.
                train_seconds: (seconds * 1e9).round() / 1e9,
                evaluate_seconds: f64::from(epoch),
            }
        };
        let epochs: Vec<Epoch> = (1..=epochs).map(epoch).collect();
        LoggedRun {
            arm: Arm::Variant,
            run: number,
            seed,
            segment: 0,
            began_at_seconds: 0.0,
            epochs_at_seconds: epochs.iter().map(|epoch| f64::from(epoch.epoch)).collect(),
            epochs,
            stop: None,
            is_cut_off: false,
            supervised_seconds: 0.0,
        }
    }

    fn keys(run: &LoggedRun) -> BTreeSet<String> {
        of_run(run, false).into_iter().map(|mark| mark.key).collect()
    }

    /// What two runs have in common, for people.
    fn shared(one: &LoggedRun, other: &LoggedRun) -> BTreeSet<&'static str> {
        let keys = keys(other);
        of_run(one, false).into_iter().filter(|mark| keys.contains(&mark.key)).map(|mark| mark.what).collect()
    }

    fn changed(run: &LoggedRun, mut change: impl FnMut(usize, &mut Epoch)) -> LoggedRun {
        let mut other = run.clone();
        other.epochs.iter_mut().enumerate().for_each(|(index, epoch)| change(index, epoch));
        other
    }

    /// Nothing but the times of the run is left.
    fn with_other_learning(run: &LoggedRun) -> LoggedRun {
        let own = honest(run.run + 100_000, u32::try_from(run.epochs.len()).expect("few"));
        changed(run, |index, epoch| (epoch.loss, epoch.accuracy) = (own.epochs[index].loss, own.epochs[index].accuracy))
    }

    /// Nothing but what the run learned is left.
    fn with_other_times(run: &LoggedRun) -> LoggedRun {
        let own = honest(run.run + 100_000, u32::try_from(run.epochs.len()).expect("few"));
        changed(run, |index, epoch| epoch.train_seconds = own.epochs[index].train_seconds)
    }

    #[test]
    fn honest_runs_share_nothing() {
        for epochs in [1, 2, 3, 4, 5, 8, 12] {
            let mut seen = BTreeSet::new();
            for number in 0..300 {
                for key in keys(&honest(number, epochs)) {
                    assert!(seen.insert(key), "run {number} of {epochs} epochs");
                }
            }
        }
    }

    #[test]
    fn a_factor_a_constant_and_a_few_nanoseconds_hide_no_copy() {
        type Change = fn(usize, &mut Epoch);
        let changes: [(&str, Change); 6] = [
            ("the series of ratios of times", |_, epoch| epoch.train_seconds *= 0.9),
            ("the series of ratios of times", |_, epoch| epoch.train_seconds *= 30.0),
            ("the series of ratios of times", |_, epoch| {
                epoch.train_seconds = (epoch.train_seconds * 1.04e9).round() / 1e9;
            }),
            ("the series of ratios of times", |_, epoch| epoch.train_seconds += 3e-9),
            ("the series of ratios of times", |_, epoch| epoch.train_seconds += 0.01),
            ("the series of differences of times", |_, epoch| epoch.train_seconds += 0.001 * f64::from(epoch.epoch)),
        ];
        for epochs in [6, 7, 8, 20] {
            let found: Vec<_> = (0..20).map(|number| honest(number, epochs)).collect();
            for (what, change) in changes {
                let copies = found.iter().map(|run| (run, with_other_learning(&changed(run, change))));
                let seen = copies.filter(|(run, copy)| shared(run, copy).contains(what)).count();
                assert!(seen >= 10, "{what} of {epochs} epochs: {seen}");
            }
        }
    }

    #[test]
    fn one_changed_epoch_hides_no_copy() {
        for at in 0..7 {
            let run = honest(1, 7);
            let slower = changed(&run, |index, epoch| {
                epoch.train_seconds = 0.9 * epoch.train_seconds + if index == at { 0.005 } else { 0.0 };
            });
            assert!(shared(&run, &with_other_learning(&slower)).contains("the series of ratios of times"), "{at}");
            let other = changed(&run, |index, epoch| epoch.loss *= if index == at { 1.001 } else { 1.0 });
            assert!(shared(&run, &with_other_times(&other)).contains("the series of losses"), "{at}");
            let other = changed(&run, |index, epoch| {
                epoch.loss *= 1.0 + 1e-8;
                epoch.accuracy.correct += u32::from(index == at);
            });
            assert!(shared(&run, &with_other_times(&other)).contains("the series of accuracies and losses"), "{at}");
        }
    }

    /// One time is few digits, so that the accuracy has to be the same, too.
    #[test]
    fn the_times_of_one_epoch_tell_with_its_accuracy_and_of_more_alone() {
        for epochs in 1..4 {
            let run = honest(1, epochs);
            let other = changed(&with_other_learning(&run), |_, epoch| epoch.accuracy.correct += 1);
            let same = changed(&other, |index, epoch| epoch.accuracy = run.epochs[index].accuracy);
            assert!(shared(&run, &same).contains("every time"), "{epochs}");
            assert_eq!(shared(&run, &other).contains("every time"), epochs > 1, "{epochs}");
        }
    }

    #[test]
    fn a_network_that_does_not_learn_has_no_marks_of_learning() {
        let dead = |number| changed(&honest(number, 8), |_, epoch| epoch.loss = std::f64::consts::LN_10);
        assert_eq!(shared(&dead(1), &dead(2)), BTreeSet::new());
    }

    #[test]
    fn losses_summed_in_half_precision_are_no_mark_by_themselves() {
        let whole =
            |number| changed(&honest(number, 8), |_, epoch| epoch.loss = (epoch.loss * 50_000.0).round() / 50_000.0);
        let mut seen = BTreeMap::new();
        for number in 0..300 {
            for Mark { what, key, .. } in of_run(&whole(number), true) {
                let other = *seen.entry(key).or_insert(number);
                assert_eq!(other, number, "{what}");
            }
        }
    }

    proptest! {
        #[test]
        fn groups_are_within_the_run(length in 0_usize..40, size in 1_usize..6) {
            for group in groups(length, size, &[(1, 1), (2, 2)]) {
                prop_assert_eq!(group.len(), size);
                prop_assert!(group.windows(2).all(|pair| pair[0] < pair[1]) && group[size - 1] < length);
            }
        }
    }
}
