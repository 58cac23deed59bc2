//! Entries that were touched: whatever byte or figure is changed, `verify` says which and fails.

use std::fs;
use std::path::{Path, PathBuf};

use hlb_board::read_signers;
use hlb_core::artifact::{sha256_hex, write_atomic};
use hlb_core::units::DeviceKind;
use hlb_core::yaml;
use hlb_machine::price::{Price, Table};
use hlb_recipe::Recipe;
use hlb_result::signing::AllowedSigners;
use hlb_result::{EntryError, ReferenceFacts, ResultFile, Trust, check_entry};

use crate::support::context::Context;
use crate::support::fixture::{Fixture, Hand, Spec};

fn signers(fixture: &Fixture) -> AllowedSigners {
    read_signers(&fixture.submissions().join("allowed_signers")).unwrap()
}

fn problem(fixture: &Fixture, folder: &Path) -> String {
    let checked: Result<_, EntryError> = check_entry(folder, &signers(fixture), Fixture::now());
    checked.expect_err("the entry was touched").fault.to_string()
}

/// Changes a result, writes it canonically and signs it again: what a cheat with a listed key would do.
fn cheat(fixture: &Fixture, folder: &Path, change: impl FnOnce(&mut ResultFile)) -> String {
    let path = folder.join("result.yaml");
    let mut result: ResultFile = yaml::parse(&fs::read(&path).unwrap(), "result.yaml").unwrap();
    change(&mut result);
    write_atomic(&path, yaml::emit(&result).unwrap().as_bytes()).unwrap();
    fixture.sign(folder, Hand::Submitter);
    problem(fixture, folder)
}

/// Changes the run log and states its new digest in a result that is signed again.
fn cheat_log(change: impl Fn(&str) -> String) -> String {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let path = folder.join("session.jsonl");
    let before = fs::read_to_string(&path).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "the cheat changed nothing");
    write_atomic(&path, after.as_bytes()).unwrap();
    cheat(&fixture, &folder, |result| {
        result.log.sha256 = sha256_hex(after.as_bytes());
        result.log.bytes = after.len() as u64;
    })
}

#[test]
fn an_honest_entry_is_verified() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let entry = check_entry(&folder, &signers(&fixture), Fixture::now()).unwrap();
    assert!(matches!(entry.trust, Trust::SelfReported(ref signer) if signer.principal == "ada@example"));
}

#[test]
fn a_runners_signature_is_another_level() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec { hand: Hand::Runner, ..Spec::named("executed") });
    let entry = check_entry(&folder, &signers(&fixture), Fixture::now()).unwrap();
    assert_eq!((entry.trust.level(), entry.trust.as_str()), (2, "run by the runner"));
}

/// Every 97th byte of every file, and the first and the last.
#[test]
fn any_flipped_byte_is_seen_and_its_file_is_named() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    for name in ["result.yaml", "result.yaml.sig", "variant.yaml", "recipe.yaml", "session.jsonl"] {
        let path = folder.join(name);
        let honest = fs::read(&path).unwrap();
        for index in (0..honest.len()).step_by(97).chain([honest.len() - 1]) {
            let mut touched = honest.clone();
            touched[index] ^= 1;
            write_atomic(&path, &touched).unwrap();
            let said = problem(&fixture, &folder);
            // A changed result no longer fits its signature, so that is the file named.
            let named = if name == "result.yaml" { "result.yaml.sig" } else { name };
            assert!(said.contains(named), "{name} byte {index}: {said}");
        }
        write_atomic(&path, &honest).unwrap();
    }
    assert!(check_entry(&folder, &signers(&fixture), Fixture::now()).is_ok());
}

#[test]
fn a_figure_that_does_not_follow_from_the_log_is_rejected_though_signed() {
    type Cheat = fn(&mut ResultFile);
    let cheats: [(&str, Cheat); 16] = [
        ("derived.summary.time_to_accuracy_seconds.median", |r| {
            r.derived.summary.time_to_accuracy_seconds.median = Some(0.1);
        }),
        ("derived.summary.reached", |r| r.derived.summary.reached -= 1),
        ("derived.summary.p_mean_over_target", |r| r.derived.summary.p_mean_over_target = Some(0.5)),
        ("derived.runs[0].sustained", |r| r.derived.runs[0].sustained = Some(false)),
        ("derived.runs[9]", |r| drop(r.derived.runs.pop())),
        ("derived.phases.clocks_agree", |r| r.derived.phases.clocks_agree = false),
        ("session.nonce", |r| r.session.nonce = "00".repeat(16).parse().unwrap()),
        ("session.runs", |r| r.session.runs = 9),
        ("session.device", |r| r.session.device = DeviceKind::Cuda),
        ("libtorch.version", |r| r.libtorch.version = "3.0".parse().unwrap()),
        ("target.correct", |r| r.target.correct -= 1),
        ("recipe in `extends`", |r| r.variant.base_recipe_sha256 = sha256_hex(b"another")),
        ("price.usd_per_hour", |r| r.price = Some(Price { usd_per_hour: -1.0, ..crate::support::fixture::price(1.0) })),
        ("price.instance", |r| {
            r.price = Table::shipped()
                .find("aws/p3.2xlarge", "2026-11-22")
                .ok()
                .map(|row| Price { usd_per_hour: 0.01, ..row });
        }),
        ("log.bytes", |r| r.log.bytes += 1),
        ("rules_version", |r| r.rules_version = "0.9".to_owned()),
    ];
    for (key, change) in cheats {
        let fixture = Fixture::new();
        let folder = fixture.file(&Spec::named("honest"));
        let said = cheat(&fixture, &folder, change);
        assert!(said.contains(key), "{key}: {said}");
    }
}

#[test]
fn a_reference_that_only_result_or_log_has_is_named_by_its_digest() {
    let made_up = ReferenceFacts { name: "hlb-shapes".to_owned(), recipe_sha256: sha256_hex(b"a reference") };
    let paired = Spec { reference_epoch_seconds: Some(2.0), ..Spec::named("paired") };
    for (spec, stated) in [(paired, None), (Spec::named("single"), Some(made_up))] {
        let fixture = Fixture::new();
        let folder = fixture.file(&spec);
        let mut digests = [None, None];
        let said = cheat(&fixture, &folder, |result| {
            let logged = std::mem::replace(&mut result.reference, stated);
            digests = [result.reference.as_ref(), logged.as_ref()].map(|facts| facts.map(|facts| facts.recipe_sha256));
        });
        let [stated, logged] = digests.map(|digest| digest.map_or("null".to_owned(), |digest| digest.to_string()));
        assert_eq!(said, format!("`reference.recipe_sha256` is {stated}, the run log gives {logged}"));
    }
}

#[test]
fn a_log_that_does_not_add_up_is_rejected_though_signed() {
    let replace = |from: &'static str, to: &'static str| move |log: &str| log.replacen(from, to, 1);
    assert!(cheat_log(replace("\"epoch\":2", "\"epoch\":3")).contains("out of order"));
    assert!(cheat_log(replace("\"run\":2,\"seed\":\"", "\"run\":2,\"seed\":\"0")).contains("line"));
    assert!(
        cheat_log(replace("\"outcome\":\"reached\"", "\"outcome\":\"missed\""))
            .contains("does not follow from the epochs")
    );
    assert!(
        cheat_log(|log| log
            .lines()
            .filter(|line| !line.contains("\"run\":10,"))
            .fold(String::new(), |all, line| all + line + "\n"))
        .contains("of 10 runs are there")
    );
    assert!(
        cheat_log(|log| log
            .lines()
            .rev()
            .skip(1)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .fold(String::new(), |all, line| all + line + "\n"))
        .contains("session_stop")
    );
    assert!(cheat_log(|log| format!("{log}{}\n", log.lines().last().unwrap())).contains("after `session_stop`"));
}

/// A recipe out of its bounds would divide by zero if it were believed.
#[test]
fn a_recipe_out_of_its_bounds_is_rejected_and_not_followed() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let path = folder.join("recipe.yaml");
    let recipe = fs::read_to_string(&path).unwrap().replace("batch_size: 128", "batch_size: 0");
    write_atomic(&path, recipe.as_bytes()).unwrap();
    let said = cheat(&fixture, &folder, |result| result.variant.recipe_sha256 = sha256_hex(recipe.as_bytes()));
    assert_eq!(said, "`recipe.yaml`: `batch_size`: is 0, has to be 8 to 8192");
}

#[test]
fn an_entry_cannot_bring_signers_of_its_own() {
    let (board, stranger) = (Fixture::new(), Fixture::new());
    board.file(&Spec::named("honest"));
    let track = board.submissions().join("shapes");
    let folder = stranger.file(&Spec::named("forged"));
    let copy = track.join(folder.file_name().unwrap());
    fs::create_dir(&copy).unwrap();
    for item in fs::read_dir(&folder).unwrap() {
        let path = item.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    fs::copy(stranger.submissions().join("allowed_signers"), track.join("allowed_signers")).unwrap();
    let answer = Context::new().run(["verify", copy.to_str().unwrap()]);
    assert_eq!(answer.code, Some(1), "{}", answer.stdout);
    assert!(answer.stdout.starts_with("REJECTED"), "{}", answer.stdout);
}

/// What is asked about is what is checked, whatever good entry hides inside it or next to it.
#[test]
fn a_good_entry_inside_a_bad_one_vouches_for_nothing() {
    let fixture = Fixture::new();
    let good = fixture.file(&Spec::named("good"));
    let bad = fixture.file(&Spec::named("bad"));
    fs::remove_file(bad.join("result.yaml.sig")).unwrap();
    fs::rename(&good, bad.join("inside")).unwrap();
    let answer = Context::new().run(["verify", bad.to_str().unwrap()]);
    assert_eq!(answer.code, Some(1), "{}", answer.stdout);
    fs::create_dir(fixture.submissions().join("shapes/2026-11-22-empty")).unwrap();
    let answer = Context::new().run(["verify", fixture.submissions().join("shapes").to_str().unwrap()]);
    assert!(answer.stdout.contains("2026-11-22-empty: holds no `result.yaml`"), "{}", answer.stdout);
}

#[test]
fn an_entry_under_another_name_is_rejected() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    fs::rename(&folder, folder.parent().unwrap().join("0-mine")).unwrap();
    let board = fixture.board();
    assert!(board.rejected[0].reason.contains("has to be named 2026-11-26-honest"), "{:?}", board.rejected);
}

#[test]
fn files_that_do_not_belong_are_rejected() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    write_atomic(&folder.join("notes.txt"), b"hello").unwrap();
    assert_eq!(problem(&fixture, &folder), "`notes.txt` does not belong to an entry");
    fs::remove_file(folder.join("notes.txt")).unwrap();
    let log = folder.join("session.jsonl");
    let elsewhere = fixture.sibling("elsewhere.jsonl");
    fs::copy(&log, &elsewhere).unwrap();
    fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &log).unwrap();
    assert!(problem(&fixture, &folder).contains("session.jsonl"));
}

#[test]
fn a_link_is_no_entry_and_no_part_of_one() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let elsewhere = fixture.sibling("elsewhere");
    let fails = || {
        let board = fixture.board();
        assert_eq!(board.entry_count(), 0);
        let reasons: Vec<String> = board.rejected.into_iter().map(|rejected| rejected.reason).collect();
        assert!(
            !reasons.is_empty() && reasons.iter().all(|reason| reason.contains("links are not followed")),
            "{reasons:?}"
        );
    };
    let linked = |path: &Path| {
        fs::rename(path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path).unwrap();
        fails();
        for spelled in [folder.clone(), folder.join(""), folder.join(".")] {
            let verified = Context::new().run(["verify".as_ref(), spelled.as_os_str()]);
            // Whoever names a way through a link means it; the entry itself and what is in it have to be there.
            assert!(verified.code == Some(1) || !path.starts_with(&folder), "{spelled:?}: {}", verified.stdout);
        }
        fs::remove_file(path).unwrap();
        fs::rename(&elsewhere, path).unwrap();
        assert_eq!(fixture.board().entry_count(), 1);
    };
    linked(&folder);
    linked(folder.parent().unwrap());
    linked(&folder.join("result.yaml.sig"));
    fixture.file_reproduction(&folder, "2026-11-27-00ff00ff", &Spec { hand: Hand::Runner, ..Spec::named("honest") });
    linked(&folder.join("reproductions"));
    linked(&folder.join("reproductions/2026-11-27-00ff00ff"));
    linked(&folder.join("reproductions/2026-11-27-00ff00ff/recipe.yaml"));
    std::os::unix::fs::symlink("nowhere", folder.join("recipe.yml")).unwrap();
    fails();
}

#[test]
fn a_result_that_is_not_canonical_is_rejected_though_signed() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let path = folder.join("result.yaml");
    let text = fs::read_to_string(&path).unwrap() + "# a comment\n";
    write_atomic(&path, text.as_bytes()).unwrap();
    fixture.sign(&folder, Hand::Submitter);
    assert_eq!(problem(&fixture, &folder), "`result.yaml` is not in canonical form");
}

#[test]
fn a_session_entered_twice_is_a_copy() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let copy = folder.parent().unwrap().join("2026-11-26-honest-2");
    fs::create_dir(&copy).unwrap();
    for item in fs::read_dir(&folder).unwrap() {
        let path = item.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let board = fixture.board();
    // Which of them was first is nothing that they can prove.
    assert_eq!((board.entry_count(), board.rejected.len()), (0, 2));
    let names = ["shapes/2026-11-26-honest-2", "shapes/2026-11-26-honest"];
    for (rejected, other) in board.rejected.iter().zip(names) {
        let expected = format!("the nonce of its session is also that of {other}, and only one can be genuine");
        assert_eq!(rejected.reason, expected);
    }
}

#[test]
fn the_program_says_what_is_wrong_and_exits_with_1() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let context = Context::new();
    let verify = || context.run(["verify", fixture.submissions().to_str().unwrap()]);
    let good = verify();
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    assert!(good.stdout.starts_with("VERIFIED ") && good.stdout.contains("ada@example"), "{}", good.stdout);
    let log = fs::read_to_string(folder.join("session.jsonl")).unwrap();
    write_atomic(&folder.join("session.jsonl"), log.replacen("\"loss\":", "\"loss\": ", 1).as_bytes()).unwrap();
    let bad = verify();
    assert_eq!(bad.code, Some(1));
    assert!(bad.stdout.starts_with("REJECTED ") && bad.stdout.contains("session.jsonl"), "{}", bad.stdout);
    assert!(bad.stderr.contains("hint: "), "{}", bad.stderr);
    fs::remove_file(folder.join("result.yaml.sig")).unwrap();
    write_atomic(&folder.join("session.jsonl"), log.as_bytes()).unwrap();
    let unsigned = verify();
    assert_eq!(unsigned.code, Some(1));
    assert!(unsigned.stdout.starts_with("UNSIGNED"), "{}", unsigned.stdout);
}

/// Cells of a line of the table, without the empty ones outside.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn a_table_in_markdown_holds_what_strangers_wrote_in_its_cells() {
    let fixture = Fixture::new();
    fixture.file(&Spec::named("good"));
    fixture.file(&Spec { hand: Hand::Nobody, ..Spec::named("nobodys") });
    let hostile = "x|y`<img src=x onerror=alert(1)>`\n| a | **verified** |";
    let folder = fixture.file(&Spec { folder: hostile.to_owned(), ..Spec::named("odd") });
    fs::File::create(folder.join("<td>|`**bold**`\n\u{1b}[31m")).unwrap();
    let submissions = fixture.submissions();
    let answer = Context::new().run(["verify".as_ref(), "--markdown".as_ref(), submissions.as_os_str()]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{}", answer.stdout);
    assert_eq!(cells(lines[0])[1], "verdict");
    let row = |name: &str| cells(lines.iter().find(|line| line.contains(name)).unwrap());
    let good = row("/2026-11-26-good");
    assert_eq!(good[1..4], ["verified", "self-reported", "ada&#64;example"]);
    assert!(good[4].ends_with(" s") && good[5].is_empty(), "{good:?}");
    assert_eq!(row("/2026-11-26-nobodys")[1..4], ["**unsigned**", "unsigned", ""]);
    let odd = row("onerror");
    assert_eq!((odd.len(), odd[1]), (6, "**rejected**"));
    assert!(odd[5].contains("does not belong to an entry"), "{odd:?}");
    assert!(!answer.stdout.contains(['<', '>', '`', '\u{1b}']), "{}", answer.stdout);
    let both = Context::new().run(["verify", "--markdown", "--json"]);
    assert_eq!(both.code, Some(2), "{}", both.stderr);
}

/// Keys, order, numbers and quotes of what is signed may never change.
#[test]
fn every_committed_result_and_recipe_is_written_again_to_the_same_bytes() {
    let submissions = Path::new(env!("CARGO_MANIFEST_DIR")).join("submissions");
    let mut count = 0;
    for (name, path) in committed(&submissions) {
        let bytes = fs::read(&path).unwrap();
        let again = match name.as_str() {
            "result.yaml" => yaml::emit(&yaml::parse::<ResultFile>(&bytes, "result.yaml").unwrap()),
            "recipe.yaml" => yaml::emit(&yaml::parse::<Recipe>(&bytes, "recipe.yaml").unwrap()),
            _ => continue,
        };
        assert!(again.unwrap().as_bytes() == bytes, "{}", path.display());
        count += 1;
    }
    assert!(count >= 12, "{count}");
}

/// The files below a folder with their names.
fn committed(folder: &Path) -> Vec<(String, PathBuf)> {
    let below = |path: PathBuf| {
        if path.is_dir() {
            return committed(&path);
        }
        vec![(path.file_name().unwrap().to_string_lossy().into_owned(), path)]
    };
    fs::read_dir(folder).unwrap().flat_map(|item| below(item.unwrap().path())).collect()
}
