//! Run logs of strangers: an error, or a log from which every figure can be derived; never a panic.
#![no_main]

use std::sync::LazyLock;

use hlb_data::task::Task;
use hlb_data::track;
use hlb_machine::Machine;
use hlb_protocol::run_log::RunLog;
use hlb_recipe::Recipe;
use hlb_result::{Basis, derive};
use libfuzzer_sys::fuzz_target;

static AROUND: LazyLock<(Machine, Task, Recipe)> = LazyLock::new(|| {
    let task = Task::published(track::by_id("shapes").expect("shipped"));
    let recipe = task.reference();
    (Machine::read(), task, recipe)
});

fuzz_target!(|data: &[u8]| {
    let Ok(log) = RunLog::parse_unfinished(data) else { return };
    let (machine, task, recipe) = &*AROUND;
    let _ = derive(Basis { log: &log, machine, recipe, shapes: task.shapes, price: None });
});
