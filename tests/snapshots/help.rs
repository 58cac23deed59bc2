//! The help of the program and of each of its commands, which are found in the help itself.

use crate::snapshots::Snapshots;
use crate::support::context::{Context, answer};

#[test]
fn every_command_explains_itself() {
    let (context, mut snapshots) = (Context::new(), Snapshots::of("help"));
    let mut open = vec![Vec::<String>::new()];
    while let Some(command) = open.pop() {
        let mut program = context.command();
        program.env("COLUMNS", "100").args(&command).arg("--help");
        let help = answer(&program.output().unwrap());
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{command:?}");
        open.extend(commands(&help.stdout).map(|name| [command.clone(), vec![name]].concat()));
        let name = ["hlb-bench".to_owned()].into_iter().chain(command).collect::<Vec<_>>().join("-");
        snapshots.check(&name, &help.stdout, &context);
    }
    assert!(snapshots.seen.len() > 20, "{:?}", snapshots.seen);
    snapshots.finish();
}

/// The names that a help lists under `Commands:`.
fn commands(help: &str) -> impl Iterator<Item = String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned)
}
