//! Run logs of strangers: an error, or a log from which every figure can be derived; never a panic.
#![no_main]

use std::sync::LazyLock;

use hlb_data::task::Ground;
use hlb_machine::Machine;
use hlb_recipe::Recipe;
use hlb_result::{Basis, derive};
use hlb_protocol::run_log::RunLog;
use hlb_data::track;
use libfuzzer_sys::fuzz_target;

static AROUND: LazyLock<(Machine, Ground, Recipe)> = LazyLock::new(|| {
    let ground = Ground::published(track::by_id("shapes").expect("shipped"));
    let recipe = ground.reference();
    (Machine::read(), ground, recipe)
});

fuzz_target!(|data: &[u8]| {
    let Ok(log) = RunLog::parse_unfinished(data) else { return };
    let (machine, ground, recipe) = &*AROUND;
    let _ = derive(Basis { log: &log, machine, recipe, shapes: ground.shapes, price: None });
});
