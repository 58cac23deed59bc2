//! Builds of the board: the same bytes however they are made, every entry verified in each build, and differences named.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hlb_board::{Build, Built, SiteOptions, Workers};

use crate::support::context::{Answer, Context, answer};
use crate::support::fixture::{Fixture, Hand, Spec};

/// A folder with submissions, and the program.
struct Stage {
    context: Context,
    fixture: Fixture,
}

impl Stage {
    fn new() -> Self {
        let context = Context::new();
        let fixture = Fixture::at(context.root());
        Self { context, fixture }
    }

    /// With two good entries, one of them reproduced.
    fn of_two() -> Self {
        let stage = Self::new();
        let folder = stage.fixture.file(&Spec::named("first"));
        stage.fixture.file_reproduction(&folder, "again", &Spec { hand: Hand::Runner, ..Spec::named("first") });
        stage.fixture.file(&Spec { runs: Spec::runs(10, 2.7, 16), ..Spec::named("second") });
        stage
    }

    fn build(&self) -> Answer {
        self.context.run(["leaderboard", "--out", "site"])
    }

    fn site(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.context.path("site"))
    }
}

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for item in fs::read_dir(next).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Changes a byte and leaves length and time of modification as they were.
fn touch_a_byte(file: &Path) {
    let modified = fs::metadata(file).unwrap().modified().unwrap();
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
    fs::File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
}

#[test]
fn hundreds_of_entries_give_the_same_bytes_however_they_are_built() {
    let stage = Stage::new();
    stage.fixture.file_many(200);
    let first = stage.build();
    assert!(first.code == Some(0) && first.stderr.contains("200 entries, 0 rejected"), "{}", first.stderr);
    let site = stage.site();
    assert!(site.len() > 200 * 6, "{} files", site.len());
    assert!(site.keys().all(|path| !path.to_string_lossy().contains("draft")), "no file is left half written");
    assert_eq!((stage.build().code, stage.site() == site), (Some(0), true), "over the first");
    for threads in ["1", "2", "7"] {
        let out = format!("with-{threads}");
        let again = stage.context.run(["leaderboard", "--out", &out, "--threads", threads]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(files(&stage.context.path(&out)) == site, "{threads} threads");
    }
    // The last made is listed first, or somewhere else.
    for (path, bytes) in files(&stage.fixture.submissions()).into_iter().rev() {
        stage.context.write(&Path::new("reversed").join(path).to_string_lossy(), bytes);
    }
    let reversed = stage.context.run(["leaderboard", "--submissions", "reversed", "--out", "other"]);
    assert_eq!(reversed.code, Some(0), "{}", reversed.stderr);
    assert!(files(&stage.context.path("other")) == site, "in another order of making");
}

#[test]
fn a_byte_touched_anywhere_is_found_by_the_next_build() {
    let stage = Stage::of_two();
    assert_eq!(stage.build().code, Some(0));
    let site = stage.site();
    let all = files(&stage.fixture.submissions());
    let of_entries: Vec<_> = all.iter().filter(|(path, _)| path.starts_with("shapes")).collect();
    assert_eq!(of_entries.len(), 15, "two entries and a reproduction");
    for (path, bytes) in of_entries {
        let (file, name) = (stage.fixture.submissions().join(path), path.display());
        touch_a_byte(&file);
        let found = stage.build();
        assert_eq!(found.code, Some(1), "{name}: {}", found.stderr);
        assert!(found.stderr.contains("rejected shapes/") && found.stderr.contains("1 entries, 1 rejected"), "{name}");
        assert!(stage.site() != site, "{name}");
        fs::write(&file, bytes).unwrap();
        let good = stage.build();
        assert!(good.code == Some(0) && stage.site() == site, "{name}: {}", good.stderr);
    }
    // Nor can a file be added, or the signer's line be taken away.
    let stranger = stage.context.write("submissions/shapes/2026-11-26-first/notes.txt", "mine");
    assert_eq!(stage.build().code, Some(1));
    fs::remove_file(stranger).unwrap();
    assert_eq!(stage.build().code, Some(0));
    stage.context.write("submissions/allowed_signers", "");
    let unsigned = stage.build();
    assert!(unsigned.code == Some(1) && unsigned.stderr.contains("0 entries, 2 rejected"), "{}", unsigned.stderr);
}

#[test]
fn a_site_that_was_touched_is_repaired_by_the_next_build() {
    let stage = Stage::of_two();
    assert_eq!(stage.build().code, Some(0));
    let site = stage.site();
    for path in site.keys() {
        let file = stage.context.path("site").join(path);
        touch_a_byte(&file);
        let repaired = stage.build();
        assert_eq!(repaired.code, Some(0), "{}: {}", path.display(), repaired.stderr);
        assert!(stage.site() == site, "{}", path.display());
        fs::remove_file(&file).unwrap();
        // Without the marker the folder is somebody else's.
        let expected = if path.ends_with(".hlb-bench-site") { Some(2) } else { Some(0) };
        assert_eq!(stage.build().code, expected, "{}", path.display());
        if expected == Some(2) {
            fs::write(&file, &site[path]).unwrap();
        }
        assert!(stage.site() == site, "{}", path.display());
    }
}

#[test]
fn a_key_that_expired_since_the_last_build_is_no_longer_accepted() {
    let stage = Stage::of_two();
    let signers = stage.fixture.submissions().join("allowed_signers");
    let text = fs::read_to_string(&signers).unwrap();
    fs::write(&signers, text.replace(" ssh-ed25519", ",valid-before=\"20270101Z\" ssh-ed25519")).unwrap();
    let build = Build {
        submissions: stage.fixture.submissions(),
        options: SiteOptions::default(),
        out: stage.context.path("site"),
        workers: Workers::all(),
    };
    let at = |text: &str| build.run(text.parse().unwrap()).unwrap();
    let counts = |built: &Built| (built.entries, built.rejected.len());
    assert_eq!(counts(&at("2026-11-30T00:00:00Z")), (2, 0));
    assert_eq!(counts(&at("2027-01-02T00:00:00Z")), (0, 2));
    assert_eq!(counts(&at("2026-11-30T00:00:00Z")), (2, 0));
}

#[test]
fn the_flags_of_the_former_cache_are_accepted_and_have_no_effect() {
    let stage = Stage::of_two();
    assert_eq!(stage.build().code, Some(0));
    let site = stage.site();
    for flags in [&["--no-cache"][..], &["--cache", "cache"]] {
        let answer = stage.context.run([&["leaderboard", "--out", "site"], flags].concat());
        assert!(answer.code == Some(0) && answer.stderr.contains("have no effect"), "{}", answer.stderr);
        assert!(stage.site() == site && !stage.context.path("cache").exists());
    }
}

#[test]
fn check_names_what_is_not_current_and_writes_nothing() {
    let stage = Stage::of_two();
    let check = || stage.context.run(["leaderboard", "--out", "site", "--check"]);
    let absent = check();
    assert_eq!(absent.code, Some(1), "{}", absent.stderr);
    assert!(absent.stdout.contains("missing index.html\n") && !stage.context.path("site").exists());
    assert_eq!(stage.build().code, Some(0));
    stage.context.write("site/CNAME", "bench.example.org");
    let current = check();
    assert_eq!((current.code, current.stdout.as_str()), (Some(0), ""), "{}", current.stderr);
    let entry = "entries/shapes/2026-11-26-first";
    fs::remove_file(stage.context.path("site/icon.svg")).unwrap();
    touch_a_byte(&stage.context.path(&format!("site/{entry}/session.jsonl")));
    touch_a_byte(&stage.context.path("site/index.html"));
    stage.context.write(&format!("site/{entry}/extra.html"), "not ours");
    let before = stage.site();
    let found = check();
    assert_eq!(found.code, Some(1), "{}", found.stderr);
    let expected =
        format!("missing icon.svg\nextra {entry}/extra.html\ndiffers {entry}/session.jsonl\ndiffers index.html\n");
    assert_eq!(found.stdout, expected);
    assert!(stage.site() == before, "nothing is written");
    assert!(found.stderr.contains("1 missing, 1 extra, 2 differ"), "{}", found.stderr);
    fs::remove_file(stage.context.path(&format!("site/{entry}/extra.html"))).unwrap();
    assert_eq!((stage.build().code, check().code), (Some(0), Some(0)));
    fs::remove_dir_all(stage.fixture.submissions().join("shapes/2026-11-26-second")).unwrap();
    let gone = check();
    assert!(gone.stdout.contains("extra entries/shapes/2026-11-26-second/index.html\n"), "{}", gone.stdout);
    assert!(gone.stdout.contains("differs .hlb-bench-site\n"), "{}", gone.stdout);
    stage.context.write("theirs/thesis.tex", "precious");
    assert_eq!(stage.context.run(["leaderboard", "--out", "theirs", "--check"]).code, Some(2));
}

#[test]
fn the_page_is_opened_in_the_browser_that_was_named() {
    let stage = Stage::of_two();
    let script = |name: &str, text: &str| {
        let path = stage.context.write(name, format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let fails = script("fails", "exit 3");
    let opens = script("bin/xdg-open", &format!("echo \"$1\" >> '{}'", stage.context.path("opened").display()));
    let run = |browser: Option<&str>, path: &Path| {
        let mut command = stage.context.command();
        command.args(["leaderboard", "--out", "site", "--open"]).env("PATH", path);
        command.env_remove("BROWSER");
        if let Some(browser) = browser {
            command.env("BROWSER", browser);
        }
        answer(&command.output().unwrap())
    };
    let (with, without) = (stage.context.path("bin"), stage.context.path("nothing"));
    let both = format!("{}:{}", fails.display(), opens.display());
    for (browser, path) in [(Some(both.as_str()), &without), (None, &with), (Some("no-such-browser"), &with)] {
        let _ = fs::remove_file(stage.context.path("opened"));
        let answer = run(browser, path);
        assert_eq!(answer.code, Some(0), "{browser:?}: {}", answer.stderr);
        let opened = fs::read_to_string(stage.context.path("opened")).unwrap();
        let page = fs::canonicalize(stage.context.path("site/index.html")).unwrap();
        assert_eq!(fs::canonicalize(opened.trim_end()).unwrap(), page, "{browser:?}");
    }
    let none = run(Some(fails.to_str().unwrap()), &without);
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    assert!(none.stderr.contains("error: no browser opens") && none.stderr.contains("hint: the page is built"));
    assert!(stage.context.path("site/index.html").exists());
}

#[test]
fn a_build_that_fails_halfway_lists_nothing_without_a_page() {
    let stage = Stage::new();
    stage.fixture.file(&Spec::named("first"));
    assert_eq!(stage.build().code, Some(0));
    let index = fs::read(stage.context.path("site/index.html")).unwrap();
    stage.fixture.file(&Spec { runs: Spec::runs(10, 2.7, 16), ..Spec::named("second") });
    let in_the_way = stage.context.path("site/entries/shapes/2026-11-26-second/index.html");
    fs::create_dir_all(&in_the_way).unwrap();
    let failed = stage.build();
    assert_eq!(failed.code, Some(2), "{}", failed.stderr);
    assert_eq!(fs::read(stage.context.path("site/index.html")).unwrap(), index);
    fs::remove_dir(in_the_way).unwrap();
    assert_eq!(stage.build().code, Some(0));
    assert!(fs::read_to_string(stage.context.path("site/index.html")).unwrap().contains("2 entries"));
}

/// The folder of a study's report, two folders below its study file.
fn study(stage: &Stage) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("studies");
    let folder = stage.context.path("studies/reports/mine");
    fs::create_dir_all(&folder).unwrap();
    for file in ["index.html", "report.md", "runs.csv", "runs.jsonl"] {
        fs::copy(shipped.join("reports/ablation-shapes").join(file), folder.join(file)).unwrap();
    }
    fs::copy(shipped.join("ablation.yaml"), stage.context.path("studies/ablation.yaml")).unwrap();
    folder
}

#[test]
fn reports_of_studies_are_linked_and_lead_back() {
    let stage = Stage::of_two();
    let folder = study(&stage);
    fs::write(folder.join("notes.txt"), "of no report").unwrap();
    assert_eq!(stage.build().code, Some(0));
    let read = |path: &str| fs::read_to_string(stage.context.path("site").join(path)).unwrap().replace("&#x2f;", "/");
    assert!(read("index.html").contains("href=\"studies/mine/index.html\""));
    let again = stage.context.run([
        "study",
        "studies/ablation.yaml",
        "--track",
        "shapes",
        "--out",
        "studies/reports/mine",
        "--report-only",
    ]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let (own, page) = (fs::read_to_string(folder.join("index.html")).unwrap(), read("studies/mine/index.html"));
    assert!(page.contains("href=\"../../index.html\"") && !own.contains("../../index.html"));
    assert_eq!(
        read("studies/mine/report.md"),
        fs::read_to_string(folder.join("report.md")).unwrap().replace("&#x2f;", "/")
    );
    assert!(read("studies/mine/runs.csv").starts_with("variant,"), "{}", read("studies/mine/runs.csv"));
    assert!(!stage.context.path("site/studies/mine/notes.txt").exists());
    assert_eq!(stage.context.run(["leaderboard", "--out", "site", "--check"]).code, Some(0));
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(stage.build().code, Some(0));
    assert!(!stage.context.path("site/studies").exists() && !read("index.html").contains("studies/mine"));
}

#[test]
fn nothing_that_lies_next_to_the_records_of_a_study_is_published() {
    let stage = Stage::of_two();
    let folder = study(&stage);
    assert_eq!(stage.build().code, Some(0));
    let honest = files(&stage.context.path("site/studies"));
    let page = fs::read_to_string(folder.join("index.html")).unwrap();
    let evil = "<meta http-equiv=\"refresh\" content=\"0;url=https://evil.example/\"><base href=\"https://evil.example/\">\
                <script src=\"https://evil.example/x.js\"></script><a href=\"https://evil.example/\">log in</a>";
    for strange in [evil.to_owned(), page.replacen("<title>", &format!("{evil}<title>"), 1), page.clone() + evil] {
        fs::write(folder.join("index.html"), &strange).unwrap();
        fs::write(folder.join("report.md"), evil).unwrap();
        fs::write(folder.join("runs.csv"), evil).unwrap();
        let built = stage.build();
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        assert_eq!(files(&stage.context.path("site/studies")), honest);
    }
}

#[test]
fn what_a_stranger_says_in_records_is_text() {
    let stage = Stage::of_two();
    let records = study(&stage).join("runs.jsonl");
    let text = fs::read_to_string(&records).unwrap();
    let evil = "<base href='https://evil.example/'>[log in](https://evil.example/)\\u202e";
    fs::write(&records, text.replacen("2x AMD EPYC", evil, 1)).unwrap();
    let built = stage.build();
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    for (name, bytes) in files(&stage.context.path("site/studies")) {
        // In Markdown, a backslash takes the power of what follows.
        let text = String::from_utf8(bytes).unwrap().replace("\\<base", "");
        assert!(
            !text.contains("<base") && !text.contains(" [log in]") && !text.contains('\u{202e}'),
            "{}",
            name.display()
        );
    }
}

#[test]
fn a_report_without_its_records_or_its_study_is_refused() {
    let stage = Stage::of_two();
    let folder = study(&stage);
    let refused = |words: &str| {
        let refused = stage.build();
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let named = refused.stderr.contains("the report in `studies/reports/mine` cannot be made again");
        assert!(named && refused.stderr.contains(words) && refused.stderr.contains("hint: "), "{}", refused.stderr);
    };
    let records = fs::read(folder.join("runs.jsonl")).unwrap();
    fs::write(folder.join("runs.jsonl"), String::from_utf8(records.clone()).unwrap().replace("\"run\":2", "\"run\":1"))
        .unwrap();
    refused("is there twice");
    fs::remove_file(folder.join("runs.jsonl")).unwrap();
    refused("there are no records");
    fs::write(folder.join("runs.jsonl"), records).unwrap();
    let study = stage.context.path("studies/ablation.yaml");
    let text = fs::read_to_string(&study).unwrap();
    fs::write(&study, text.replacen("\nruns: ", "\nrnus: ", 1)).unwrap();
    refused("ablation.yaml:");
    fs::rename(&study, stage.context.path("aside.yaml")).unwrap();
    symlink(stage.context.path("aside.yaml"), &study).unwrap();
    refused("ablation.yaml` is a symbolic link");
    fs::remove_file(&study).unwrap();
    refused("no study file");
    fs::write(&study, text).unwrap();
    assert_eq!(stage.build().code, Some(0));
    fs::rename(&folder, stage.context.path("elsewhere")).unwrap();
    symlink(stage.context.path("elsewhere"), &folder).unwrap();
    refused("it is a symbolic link");
}

#[test]
fn a_session_to_come_is_not_ranked_until_its_day() {
    let stage = Stage::of_two();
    let spec = Spec {
        started_at: "2031-01-05T08:00:00Z".to_owned(),
        folder: "2031-01-05-early".to_owned(),
        runs: Spec::runs(10, 2.0, 16),
        reference_epoch_seconds: Some(2.5),
        ..Spec::named("early")
    };
    stage.fixture.file(&spec);
    let plan = Build {
        submissions: stage.fixture.submissions(),
        options: SiteOptions::default(),
        out: stage.context.path("site"),
        workers: Workers::all(),
    };
    let at = |now: &str| {
        plan.run(now.parse().unwrap()).unwrap();
        let feed = fs::read_to_string(stage.context.path("site/feed.xml")).unwrap();
        let index = fs::read_to_string(stage.context.path("site/index.html")).unwrap();
        (index.contains("which is in the future"), feed.contains("2031-01-05"))
    };
    assert_eq!(at("2027-12-31T00:00:00Z"), (true, false));
    assert_eq!(at("2031-01-04T08:00:00Z"), (false, true), "clocks may be wrong by a day");
}

#[test]
fn the_front_page_shows_the_best_of_each_class_and_says_of_how_many() {
    let stage = Stage::new();
    stage.fixture.file_many(600);
    assert_eq!(stage.build().code, Some(0));
    let read = |path: &str| fs::read_to_string(stage.context.path("site").join(path)).unwrap();
    let (index, track) = (read("index.html"), read("tracks/shapes/index.html"));
    assert!(index.contains("25 of 30 entries") && index.contains("25 of 270 entries"), "{index}");
    assert!(track.contains(">30 entries; reference: ") && !track.contains("25 of"));
    let last = |page: &str| page.matches("idea-").count() + page.matches("class=\"entry").count();
    assert_eq!(last(&index), 100, "two tracks, ranked and not");
    assert_eq!(last(&track), 300);
}

#[test]
fn a_watched_board_is_built_again_when_an_entry_changes() {
    let stage = Stage::of_two();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    command.current_dir(stage.context.root()).args(["leaderboard", "--out", "site", "--watch"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let index = stage.context.path("site/index.html");
    let shows = |words: &str| {
        (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            fs::read_to_string(&index).is_ok_and(|page| page.contains(words))
        })
    };
    assert!(shows("2 entries"));
    let log = stage.fixture.submissions().join("shapes/2026-11-26-second/session.jsonl");
    let good = fs::read(&log).unwrap();
    fs::write(&log, &good[..good.len() / 2]).unwrap();
    assert!(shows("has SHA-256"), "an entry in the middle of an edit is listed");
    let signers = stage.fixture.submissions().join("allowed_signers");
    let list = fs::read(&signers).unwrap();
    fs::write(&signers, "nonsense\n").unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    fs::write(&signers, list).unwrap();
    fs::write(&log, good).unwrap();
    stage.fixture.file(&Spec { runs: Spec::runs(10, 2.9, 16), ..Spec::named("third") });
    assert!(shows("3 entries"), "a list of signers that cannot be read does not end it");
    study(&stage);
    assert!(shows("studies&#x2f;mine"), "reports of studies are watched, too");
    let file = stage.context.path("studies/ablation.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().find(|line| line.starts_with("title: ")).unwrap();
    fs::write(&file, text.replacen(line, "title: another title", 1)).unwrap();
    assert!(shows("another title"), "and so are study files");
    let done = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
    let ended = answer(&child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "site/index.html\n", "the page is named once");
    assert!(ended.stderr.contains("rejected shapes/2026-11-26-second"), "{}", ended.stderr);
    assert!(ended.stderr.contains("error: "), "the bad list is said: {}", ended.stderr);
}
