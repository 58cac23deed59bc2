//! What a step asks of libtorch: never a value back, which would make a GPU wait, and about as many calls as are listed here, since
//! each takes microseconds to begin.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::path::Path;
use std::process::Command;

use hlb_core::seed::Seed;
use hlb_protocol::trainer::Trainer as _;
use hlb_recipe::{Recipe, variant};
use libloading::os::unix::{Library, RTLD_NOW};
use tch::Kind;

use crate::tiny;

/// Updates that are counted, after a first one.
const STEPS: u64 = 3;

/// The recipe, and the calls of a step as counted when this was written. oneDNN makes some more or fewer on another processor.
const CALLS: [(&str, u64); 3] = [("hlb-shapes", 776), ("airbench94", 707), ("airbench94-muon", 1236)];

/// Calls that bring a number from the device.
const WAITING: [&str; 3] = ["aten::_local_scalar_dense", "aten::item", "aten::nonzero"];

/// The counter; `None`, said aloud, where there is no C++ compiler.
fn counter(test: &str) -> Option<Library> {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("audit.so");
    let include = Path::new(env!("LIBTORCH_LIB")).join("../include");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torch/audit.cpp");
    let mut compiler = Command::new("g++");
    compiler
        .args(["-std=c++17", "-O1", "-shared", "-fPIC", "-w", "-I"])
        .arg(include)
        .arg("-o")
        .arg(&library)
        .arg(source);
    let Ok(output) = compiler.output() else {
        assert!(std::env::var_os("CI").is_none(), "CI has a C++ compiler");
        println!("skipped {test}: there is no C++ compiler `g++`");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    #[expect(unsafe_code, reason = "the counter is loaded beside libtorch")]
    // SAFETY: it has no constructors.
    let loaded = unsafe { Library::open(Some(&library), RTLD_NOW) };
    Some(loaded.unwrap())
}

/// What `work` calls in this thread, by name.
fn counted(counter: &Library, work: impl FnOnce()) -> BTreeMap<String, u64> {
    #[expect(unsafe_code, reason = "the counter's functions are called by their symbols")]
    // SAFETY: the signatures are those of `audit.cpp`; the text lives until the thread's next call.
    let text = unsafe {
        counter.get::<extern "C" fn()>(b"audit_begin").unwrap()();
        work();
        CStr::from_ptr(counter.get::<extern "C" fn() -> *const c_char>(b"audit_end").unwrap()()).to_str().unwrap()
    };
    let pairs = text.lines().map(|line| line.rsplit_once(' ').unwrap());
    pairs.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect()
}

fn small(name: &str) -> Recipe {
    let mut recipe = variant::shipped(name).unwrap();
    (recipe.batch_size, recipe.augment.crop) = (8, 16);
    for width in &mut recipe.blocks.widths {
        *width = 16;
    }
    recipe
}

#[test]
fn a_step_never_waits_for_the_device_and_makes_no_more_calls_than_listed() {
    tch::set_num_threads(1);
    let test = "a_step_never_waits_for_the_device_and_makes_no_more_calls_than_listed";
    let Some(counter) = counter(test) else { return };
    for (name, most) in CALLS {
        let mut trainer = tiny::trainer(&small(name), Kind::Float);
        trainer.reset(Seed::from_number(3)).unwrap();
        trainer.train_until(1).unwrap();
        let calls = counted(&counter, || {
            trainer.train_until(1 + STEPS).unwrap();
        });
        // One reading of the epoch's loss, which asks for it by two names.
        for waiting in WAITING {
            assert!(calls.get(waiting).copied().unwrap_or(0) <= 1, "{name}: {waiting} in {calls:#?}");
        }
        let a_step = calls.values().sum::<u64>().div_ceil(STEPS);
        assert!(
            a_step * 10 <= most * 11 && a_step * 10 >= most * 8,
            "{name}: {a_step} calls a step, {most} are listed: {calls:#?}"
        );
    }
}
