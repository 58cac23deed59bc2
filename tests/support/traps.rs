//! What a stranger may leave where a file is expected, and a program that must neither hang nor eat all memory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::context::{Answer, answer};

/// What is in a file that nobody but its owner should see.
const SECRET: &str = "hunter2";

/// Words for each trap.
pub(crate) const TRAPS: [&str; 6] =
    ["a link to /dev/zero", "a pipe", "100 MB", "a folder", "a link to a secret", "a link to a pipe"];

/// Puts the trap in the place of a file.
pub(crate) fn set(trap: &str, path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir(path);
    let aside = |name: &str| path.with_file_name(name).parent().unwrap().join("../..").join(name);
    match trap {
        "a link to /dev/zero" => symlink("/dev/zero", path).unwrap(),
        "a pipe" => pipe(path),
        "100 MB" => fs::File::create(path).unwrap().set_len(100_000_000).unwrap(),
        "a folder" => fs::create_dir(path).unwrap(),
        "a link to a secret" => {
            fs::write(aside("secret"), SECRET).unwrap();
            symlink(fs::canonicalize(aside("secret")).unwrap(), path).unwrap();
        }
        _ => {
            let _ = fs::remove_file(aside("pipe"));
            pipe(&aside("pipe"));
            symlink(fs::canonicalize(aside("pipe")).unwrap(), path).unwrap();
        }
    }
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Runs the program with 20 seconds and 1 GB of addresses, and refuses an end by either.
pub(crate) fn confined(command: &Command) -> Answer {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 1000000; exec timeout 20 \"$@\"", "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for (name, _) in command.get_envs().filter(|(_, value)| value.is_none()) {
        shell.env_remove(name);
    }
    command.get_current_dir().into_iter().for_each(|folder| {
        shell.current_dir(folder);
    });
    let answer = answer(&shell.output().unwrap());
    assert!(matches!(answer.code, Some(0..=2)), "{:?}: {}", answer.code, answer.stderr);
    for said in [&answer.stdout, &answer.stderr] {
        assert!(!said.contains(SECRET) && !said.contains("panicked"), "{said}");
    }
    answer
}
