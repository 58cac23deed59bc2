//! The rules of measurement inside the trainer program: what is timed, when accuracy is taken, how a run ends.
//!
//! It owns the clock and no tensors. See `docs/reference/rules.md`.

use crate::run_log::{Arm, Epoch, Event, Outcome, RunStart, RunStop, WarmupRun, range};
use crate::trainer::{TrainError, Trainer};
use hlb_core::clock::{Clock, Phase, RunClock};
use hlb_core::seed::Seed;
use hlb_core::units::{Accuracy, Target};
use hlb_recipe::Length;

/// What every run of a recipe has in common.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Its steps, epoch by epoch; accuracy is taken after each epoch.
    pub length: Length,
    /// Accuracy to reach.
    pub target: Target,
    /// End at the first crossing.
    pub stop_at_target: bool,
}

/// Where events go. An error ends the session, since a run that is not logged cannot be verified.
pub(crate) type Emit<'a> = &'a mut dyn FnMut(Event) -> Result<(), TrainError>;

/// The warmup run of a recipe, untimed in every run's account.
pub fn warm_up(
    arm: Arm,
    seed: Seed,
    (trainer, clock): (&mut dyn Trainer, &dyn Clock),
    emit: Emit,
) -> Result<(), TrainError> {
    let before = clock.now();
    let shortcuts = trainer.warm_up(seed)?;
    trainer.synchronize();
    let seconds = clock.now().saturating_sub(before).as_secs_f64();
    emit(Event::WarmupRun(WarmupRun { arm, seconds, shortcuts }))
}

/// One run from a fresh model to the end of its schedule.
pub fn run(
    start: RunStart,
    plan: &Plan,
    (trainer, clock): (&mut dyn Trainer, &dyn Clock),
    emit: Emit,
) -> Result<(), TrainError> {
    let begin = clock.now();
    let mut accounts = RunClock::new(clock);
    accounts.timed(Phase::Log, || emit(Event::RunStart(start)))?;
    accounts.timed(Phase::Setup, || {
        trainer.reset(start.seed)?;
        trainer.synchronize();
        Ok(())
    })?;
    let outcome = train(start.run, plan, trainer, &mut accounts, emit)?;
    let wall_seconds = clock.now().saturating_sub(begin).as_secs_f64();
    let (run, phases) = (start.run, accounts.seconds());
    emit(Event::RunStop(RunStop { run, outcome, reason: None, phases, wall_seconds, library_clock_seconds: None }))
}

fn train(
    number: u32,
    plan: &Plan,
    trainer: &mut dyn Trainer,
    accounts: &mut RunClock,
    emit: Emit,
) -> Result<Outcome, TrainError> {
    let mut outcome = Outcome::Missed;
    for epoch in 1..=plan.length.epochs {
        let step = plan.length.steps_after(epoch);
        let loss = accounts.timed(Phase::Train, || {
            let loss = trainer.train_until(step)?;
            trainer.synchronize();
            Ok(loss)
        })?;
        if range::loss(loss).is_err() {
            return Ok(Outcome::Diverged);
        }
        let accuracy = accounts.timed(Phase::Evaluate, || evaluate(trainer))?;
        let seconds = accounts.seconds();
        let event = Event::Epoch(Epoch {
            run: number,
            epoch,
            step,
            loss,
            accuracy,
            train_seconds: seconds.train_seconds,
            evaluate_seconds: seconds.evaluate_seconds,
        });
        accounts.timed(Phase::Log, || emit(event))?;
        if plan.target.is_met_by(accuracy) {
            outcome = Outcome::Reached;
            if plan.stop_at_target {
                break;
            }
        }
    }
    Ok(outcome)
}

fn evaluate(trainer: &mut dyn Trainer) -> Result<Accuracy, TrainError> {
    let accuracy = trainer.evaluate()?;
    trainer.synchronize();
    Ok(accuracy)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::run_log::{Shortcut, ShortcutName};

    const TARGET: Target = Target { correct: 90, of: 100 };
    const START: RunStart = RunStart { arm: Arm::Variant, run: 1, seed: Seed::from_number(1) };

    const GRAPH: Shortcut = Shortcut { name: ShortcutName::CudaGraph, refused: None };

    /// A clock that tests advance.
    #[derive(Debug, Default)]
    struct ManualClock(Cell<Duration>);

    impl ManualClock {
        fn advance(&self, by: Duration) {
            self.0.set(self.0.get() + by);
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Duration {
            self.0.get()
        }
    }

    /// Moves a manual clock and notes the order of calls. It simulates the order of events, not learning.
    struct Simulated {
        clock: Rc<ManualClock>,
        accuracies: Vec<u32>,
        evaluated: usize,
        evaluation: Duration,
        loss: f64,
        calls: Vec<String>,
    }

    impl Simulated {
        fn new(accuracies: &[u32]) -> Self {
            Self {
                clock: Rc::default(),
                accuracies: accuracies.to_vec(),
                evaluated: 0,
                evaluation: Duration::from_secs(100),
                loss: 1.0,
                calls: Vec::new(),
            }
        }

        fn call(&mut self, name: &str, takes: Duration) {
            self.calls.push(name.to_owned());
            self.clock.advance(takes);
        }
    }

    impl Trainer for Simulated {
        fn reset(&mut self, _: Seed) -> Result<(), TrainError> {
            self.call("reset", Duration::from_secs(7));
            Ok(())
        }

        fn train_until(&mut self, step: u64) -> Result<f64, TrainError> {
            self.call(&format!("train_until {step}"), Duration::from_secs(10));
            Ok(self.loss)
        }

        fn evaluate(&mut self) -> Result<Accuracy, TrainError> {
            self.call("evaluate", self.evaluation);
            self.evaluated += 1;
            Ok(Accuracy { correct: self.accuracies[self.evaluated - 1], total: 100 })
        }

        fn synchronize(&mut self) {
            self.call("synchronize", Duration::from_secs(1));
        }

        fn warm_up(&mut self, _: Seed) -> Result<Vec<Shortcut>, TrainError> {
            self.call("warm_up", Duration::from_secs(3));
            Ok(vec![GRAPH])
        }

        fn fingerprint(&self) -> crate::trainer::Fingerprint {
            Vec::new()
        }
    }

    fn run_of(trainer: &mut Simulated, stop_at_target: bool) -> Vec<Event> {
        let epochs = u32::try_from(trainer.accuracies.len()).expect("few");
        let length = Length { epochs, steps_per_epoch: 5, last_epoch_steps: None };
        let plan = Plan { length, target: TARGET, stop_at_target };
        let clock = Rc::clone(&trainer.clock);
        let mut events = Vec::new();
        let mut emit = |event| {
            events.push(event);
            Ok(())
        };
        run(START, &plan, (trainer, &*clock), &mut emit).expect("the simulated trainer never fails");
        events
    }

    fn stop(events: &[Event]) -> &RunStop {
        let Some(Event::RunStop(stop)) = events.last() else { panic!("a run ends with run_stop: {events:?}") };
        stop
    }

    fn train_seconds(events: &[Event]) -> Vec<f64> {
        let seconds = |event: &Event| if let Event::Epoch(epoch) = event { Some(epoch.train_seconds) } else { None };
        events.iter().filter_map(seconds).collect()
    }

    #[test]
    fn the_device_is_synchronized_inside_every_timed_part() {
        let mut trainer = Simulated::new(&[50, 95]);
        run_of(&mut trainer, false);
        let expected = [
            "reset",
            "synchronize",
            "train_until 5",
            "synchronize",
            "evaluate",
            "synchronize",
            "train_until 10",
            "synchronize",
            "evaluate",
            "synchronize",
        ];
        assert_eq!(trainer.calls, expected);
    }

    #[test]
    fn evaluation_and_setup_are_not_timed() {
        let mut trainer = Simulated::new(&[50, 95]);
        let events = run_of(&mut trainer, false);
        assert_eq!(train_seconds(&events), [11.0, 22.0]);
        let phases = stop(&events).phases;
        assert!((phases.setup_seconds - 8.0).abs() < 1e-9);
        assert!((phases.evaluate_seconds - 202.0).abs() < 1e-9);
        assert!((stop(&events).wall_seconds - 232.0).abs() < 1e-9);
    }

    #[test]
    fn a_run_goes_on_after_its_first_crossing_unless_told_to_stop() {
        let accuracies = [50, 95, 80];
        assert_eq!(train_seconds(&run_of(&mut Simulated::new(&accuracies), false)).len(), 3);
        let stopped = run_of(&mut Simulated::new(&accuracies), true);
        assert_eq!(train_seconds(&stopped).len(), 2);
        assert_eq!(stop(&stopped).outcome, Outcome::Reached);
    }

    #[test]
    fn a_loss_that_is_not_a_number_ends_the_run_as_diverged() {
        let mut trainer = Simulated::new(&[95, 95]);
        trainer.loss = f64::NAN;
        let events = run_of(&mut trainer, false);
        assert_eq!(stop(&events).outcome, Outcome::Diverged);
        assert_eq!(train_seconds(&events), [0.0; 0]);
    }

    #[test]
    fn the_warmup_run_is_told_apart_and_waits_for_the_device() {
        let mut trainer = Simulated::new(&[]);
        let clock = Rc::clone(&trainer.clock);
        let mut events = Vec::new();
        let mut emit = |event| {
            events.push(event);
            Ok(())
        };
        warm_up(Arm::Reference, START.seed, (&mut trainer, &*clock), &mut emit).expect("never fails");
        let expected = WarmupRun { arm: Arm::Reference, seconds: 4.0, shortcuts: vec![GRAPH] };
        assert_eq!(events, [Event::WarmupRun(expected)]);
        assert_eq!(trainer.calls, ["warm_up", "synchronize"]);
    }

    #[test]
    fn an_event_that_cannot_be_written_ends_the_session() {
        let mut trainer = Simulated::new(&[95]);
        let clock = Rc::clone(&trainer.clock);
        let length = Length { epochs: 1, steps_per_epoch: 1, last_epoch_steps: None };
        let plan = Plan { length, target: TARGET, stop_at_target: false };
        let mut emit = |_| Err(TrainError("disk full".to_owned()));
        let ended = run(START, &plan, (&mut trainer, &*clock), &mut emit);
        assert_eq!(ended.expect_err("must fail").to_string(), "disk full");
        assert!(trainer.calls.is_empty());
    }

    proptest! {
        #[test]
        fn reached_if_and_only_if_some_evaluation_meets_the_target(accuracies in prop::collection::vec(0_u32..=100, 1..8)) {
            let outcome = stop(&run_of(&mut Simulated::new(&accuracies), false)).outcome;
            prop_assert_eq!(outcome == Outcome::Reached, accuracies.iter().any(|correct| *correct >= 90));
        }

        #[test]
        fn the_cost_of_evaluation_changes_no_timed_second(seconds in 0_u64..1000) {
            let mut trainer = Simulated::new(&[50, 95]);
            trainer.evaluation = Duration::from_secs(seconds);
            prop_assert_eq!(train_seconds(&run_of(&mut trainer, false)), vec![11.0, 22.0]);
        }
    }
}
