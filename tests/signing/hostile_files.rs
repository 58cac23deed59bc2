//! Files of a stranger's tree that are no files, or names that are more than names: refused at once, in one visible line.

use std::fs;
use std::path::Path;
use std::process::Command;

use hlb_core::text::is_hidden;

use crate::support::context::{Answer, Context, answer};
use crate::support::fixture::{Fixture, Spec};
use crate::support::simulated::Stage;
use crate::support::traps::{TRAPS, confined, set};

fn program(context: &Context, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    command.current_dir(context.root()).env("HOME", context.path("home")).args(arguments);
    command
}

/// A board with one good entry.
fn board() -> (Context, String) {
    let context = Context::new();
    let folder = Fixture::at(context.root()).file(&Spec::named("first"));
    let entry = folder.strip_prefix(context.root()).unwrap().to_str().unwrap().to_owned();
    (context, entry)
}

#[test]
fn a_trap_in_a_board_is_refused_and_never_followed() {
    let (context, entry) = board();
    let of_entry = ["result.yaml", "result.yaml.sig", "session.jsonl", "variant.yaml", "recipe.yaml"];
    let places = of_entry.map(|name| format!("{entry}/{name}"));
    for place in places.iter().map(String::as_str).chain(["submissions/allowed_signers", "submissions/withdrawn.yaml"])
    {
        let path = context.path(place);
        let honest = fs::read(&path).ok();
        for trap in TRAPS {
            set(trap, &path);
            let verified = confined(&program(&context, &["verify", "submissions"]));
            let built = confined(&program(&context, &["leaderboard", "--out", "site"]));
            let said = [verified.stdout, verified.stderr, built.stdout, built.stderr].concat();
            let refused = [verified.code, built.code].iter().any(|code| *code != Some(0));
            let word = [
                "not a regular file",
                "neither a file nor a folder",
                "over the limit",
                "does not end with a result",
                "holds no",
            ];
            assert!(refused && word.iter().any(|word| said.contains(word)), "{place}, {trap}: {said}");
        }
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir(&path);
        if let Some(bytes) = honest {
            fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(context.run(["verify", "submissions"]).code, Some(0));
}

#[test]
fn a_list_of_signers_that_the_user_names_may_be_a_link_but_no_pipe() {
    let (context, entry) = board();
    let list = context.path("submissions/allowed_signers");
    std::os::unix::fs::symlink(&list, context.path("list")).unwrap();
    let good = confined(&program(&context, &["verify", &entry, "--signers", "list"]));
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    fs::remove_file(context.path("list")).unwrap();
    fs::create_dir(context.path("a")).unwrap();
    for trap in ["a link to /dev/zero", "a pipe", "a link to a pipe", "100 MB", "a folder"] {
        let path = context.path("submissions/shapes/list");
        set(trap, &path);
        let refused = confined(&program(&context, &["verify", &entry, "--signers", path.to_str().unwrap()]));
        assert_eq!(refused.code, Some(2), "{trap}: {}", refused.stdout);
    }
}

#[test]
fn a_trap_in_a_session_to_resume_is_passed_over() {
    let stage = Stage::small();
    let begun = stage.run("run", "sessions", &["--runs", "1"]);
    assert_eq!(begun.code, Some(0), "{}", begun.stderr);
    let folder = stage.folder("sessions").unwrap();
    for name in ["session.jsonl", "variant.yaml"] {
        let honest = fs::read(folder.join(name)).unwrap();
        for trap in TRAPS {
            set(trap, &folder.join(name));
            let refused = confined(&stage.command("run", "sessions", &["--runs", "1", "--resume"]));
            assert!(refused.stderr.contains("there is no unfinished session"), "{name}, {trap}: {}", refused.stderr);
        }
        let _ = fs::remove_file(folder.join(name));
        fs::write(folder.join(name), honest).unwrap();
    }
}

#[test]
fn a_trap_in_the_place_of_a_studys_records_is_refused() {
    let context = Context::new();
    fs::create_dir_all(context.path("a/out")).unwrap();
    let study = concat!(env!("CARGO_MANIFEST_DIR"), "/studies/ablation.yaml");
    for trap in TRAPS {
        set(trap, &context.path("a/out/runs.jsonl"));
        let refused =
            confined(&program(&context, &["study", study, "--track", "shapes", "--out", "a/out", "--report-only"]));
        assert_eq!(refused.code, Some(2), "{trap}: {}", refused.stderr);
    }
}

/// A name that would do more than be read: a workflow command on a line of its own, another direction, no width, a cursor,
/// a space that is a letter.
const NAME: &str = "x\n::error::pwned\u{202e}a\u{200b}b\u{9b}31mc\u{3164}d\u{1b}]0;t\u{7}\r\u{85}e";

fn is_plain(answer: &Answer) {
    for said in [&answer.stdout, &answer.stderr] {
        assert!(!said.chars().any(|letter| is_hidden(letter) && letter != '\n'), "{said:?}");
        assert!(!said.lines().any(|line| line.starts_with("::error")), "{said}");
    }
}

/// What each command says of an entry in this folder.
fn all_said(context: &Context, board: &str, folder: &str, name: &str) -> Vec<Answer> {
    let signers = ["--signers", "submissions/allowed_signers"];
    let said = [
        &["verify", board][..],
        &["verify", board, signers[0], signers[1]],
        &["verify", "--markdown", board],
        &["verify", "--json", board],
        &["verify", &format!("{name}/none")],
        &["verify", folder, "--signers", name],
        &["power", "--track", "shapes", "--entry", folder, "--gain", "60%"],
        &["power", "--track", "cifar10", "--entry", folder],
        &["power", "--track", "shapes", "--submissions", name],
        &["compare", folder, folder],
        &["compare", folder, folder, "--json"],
        &["export", "csv", folder],
        &["export", "mllog", folder, "--run", "1"],
        &["reproduce", name],
        &["leaderboard", "--submissions", board, "--out", name],
        &["leaderboard", "--submissions", name],
        &["run", folder],
        &["keygen", &format!("{name}/none/key")],
        &["data", "verify", "--manifest", name],
        &["import", "dawnbench", name],
        &[name],
        &["verify", &format!("--{name}")],
        &["run", "variant.yaml", "--runs", name],
        &["run", "variant.yaml", "--device", name],
    ];
    said.iter().map(|arguments| context.run(*arguments)).collect()
}

#[test]
fn the_name_of_a_folder_stays_in_its_line_and_hides_nothing() {
    let (context, entry) = board();
    let folder = context.path(&format!("board/shapes/{NAME}"));
    fs::create_dir_all(&folder).unwrap();
    for item in fs::read_dir(context.path(&entry)).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), folder.join(item.file_name())).unwrap();
    }
    fs::copy(context.path("submissions/allowed_signers"), context.path("board/allowed_signers")).unwrap();
    let said = all_said(&context, "board", folder.to_str().unwrap(), NAME);
    said.iter().for_each(is_plain);
    let lines: Vec<usize> = said[..4].iter().map(|answer| answer.stdout.lines().count()).collect();
    assert_eq!(lines, [1, 1, 3, 1]);
    assert!(said[1].stdout.starts_with("VERIFIED board"), "{}", said[1].stdout);
    serde_json::from_str::<serde_json::Value>(&said[3].stdout).unwrap();
    assert!(said[6].stdout.contains("shapes/x\\n::error"), "{}", said[6].stderr);
}

#[test]
fn what_the_user_names_may_be_a_link_to_a_file() {
    let context = Context::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let link = |name: &str, to: &Path| std::os::unix::fs::symlink(to, context.path(name)).unwrap();
    context.write("a/variant.yaml", "name: v\nauthors: [a]\ndescription: d\nextends: hlb-shapes\n");
    link("variant", &context.path("a/variant.yaml"));
    link("study", &root.join("studies/ablation.yaml"));
    let manifest = include_str!("../../datasets/imagewoof2-160.yaml").replace("id: imagewoof2-160", "id: mine");
    context.write("a/manifest.yaml", manifest);
    link("manifest", &context.path("a/manifest.yaml"));
    let cases: [(&[&str], &str); 3] = [
        (&["recipe", "show", "variant"], ""),
        (&["study", "study", "--track", "shapes", "--out", "a/out", "--report-only"], "there are no records"),
        (&["data", "verify", "--manifest", "manifest"], "data set `mine` is not on this machine"),
    ];
    for (arguments, expected) in cases {
        let answer = answer(&program(&context, arguments).output().unwrap());
        assert!(answer.stderr.contains(expected), "{}", answer.stderr);
        assert!(!answer.stderr.contains("symbolic link"), "{}", answer.stderr);
    }
}
