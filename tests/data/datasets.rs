//! `hlb-bench data` on archives in the published layouts, good and bad, as a user types it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use hlb_data::{Resize, count_duplicates};

use crate::support::archive::{MadeArchive, Numbers, cifar, gzip, imagenette, jpeg, tar_gz};
use crate::support::context::{Answer, Context};
use crate::support::server::Server;
use crate::support::traps::{confined, set};

const FOLDER: &str = "home/hlb-bench/made-imagenette";

/// A context that has fetched the made Imagenette from its archive.
fn fetched() -> Context {
    let context = Context::new();
    imagenette(3, 2).write(&context);
    let answer = fetch(&context, "made-imagenette.yaml", "imagenette2-160.tgz");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    context
}

fn fetch(context: &Context, manifest: &str, from: &str) -> Answer {
    context.run(["data", "fetch", "--manifest", manifest, "--from", from])
}

fn verify(context: &Context) -> Answer {
    context.run(["data", "verify", "--manifest", "made-imagenette.yaml"])
}

#[test]
fn an_archive_is_unpacked_listed_and_verified() {
    let context = fetched();
    let answer = verify(&context);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stdout.starts_with("made-imagenette: verified in "), "{}", answer.stdout);
    let folder = context.path(FOLDER);
    let list = fs::read_to_string(folder.join("imagenette2-160.files.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["files"], &lines[0]["dataset"]), (51, &50.into(), &"made-imagenette".into()));
    assert_eq!(lines[0]["duplicates"], serde_json::json!({"train": 0, "evaluation": 0, "overlap": 0}));
    // The archive begins with the last class and the evaluation split; the list does not.
    assert_eq!(lines[1]["path"], "imagenette2-160/train/n01440764/n01440764_0.JPEG");
    assert_eq!((&lines[31]["split"], &lines[31]["label"]), (&"evaluation".into(), &0.into()));
    assert!(!folder.join("imagenette2-160/noisy_imagenette.csv").exists(), "strays stay in the archive");
    assert_eq!(fs::read_dir(context.path("home/hlb-bench")).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn a_missing_extra_altered_or_mislabeled_file_is_named() {
    let context = fetched();
    let root = context.path(FOLDER).join("imagenette2-160");
    let [tench, springer] = ["train/n01440764/n01440764_1.JPEG", "val/n02102040/n02102040_0.JPEG"];
    let said = |what: &dyn Fn()| {
        what();
        let answer = verify(&context);
        assert_eq!(answer.code, Some(1), "{}", answer.stderr);
        assert!(answer.stderr.contains("hint: run `hlb-bench data fetch --manifest FILE`"), "{}", answer.stderr);
        answer.stderr
    };
    let kept = fs::read(root.join(tench)).unwrap();
    let restored = || context.write(&format!("{FOLDER}/imagenette2-160/{tench}"), &kept);
    let altered = said(&|| {
        let mut bytes = kept.clone();
        bytes[100] ^= 1;
        context.write(&format!("{FOLDER}/imagenette2-160/{tench}"), bytes);
    });
    assert!(altered.contains(&format!("`imagenette2-160/{tench}` has other bytes")), "{altered}");
    let missing = said(&|| fs::remove_file(root.join(tench)).unwrap());
    assert!(missing.contains(&format!("`imagenette2-160/{tench}` is missing")), "{missing}");
    restored();
    let extra = said(&|| {
        let bytes = jpeg(40, 30, 1, &mut Numbers::new(3));
        context.write(&format!("{FOLDER}/imagenette2-160/train/n01440764/more.JPEG"), bytes);
    });
    assert!(extra.contains("`imagenette2-160/train/n01440764/more.JPEG` does not belong to it"), "{extra}");
    fs::remove_file(root.join("train/n01440764/more.JPEG")).unwrap();
    let mislabeled = said(&|| {
        let springer = fs::read(root.join(springer)).unwrap();
        context.write(&format!("{FOLDER}/imagenette2-160/{tench}"), springer);
    });
    let expected = format!("`imagenette2-160/{tench}` is mislabeled: it is `imagenette2-160/{springer}`");
    assert!(mislabeled.contains(&expected), "{mislabeled}");
    let prepared = context.run(["data", "prepare", "imagenette-64", "--manifest", "made-imagenette.yaml"]);
    assert_eq!(prepared.code, Some(2));
    assert!(prepared.stderr.contains(tench) && prepared.stderr.contains("has SHA-256"), "{}", prepared.stderr);
    restored();
    assert_eq!(verify(&context).code, Some(0));
    fs::remove_file(root.join(tench)).unwrap();
    symlink(context.path("imagenette2-160.tgz"), root.join(tench)).unwrap();
    assert!(said(&|| {}).contains("has other bytes"), "a link to another file");
}

#[test]
fn the_list_and_an_image_may_be_links_and_what_is_no_file_is_refused() {
    let context = fetched();
    let folder = context.path(FOLDER);
    let tench = folder.join("imagenette2-160/train/n01440764/n01440764_1.JPEG");
    let list = folder.join("imagenette2-160.files.jsonl");
    for (file, aside) in [(&tench, "tench"), (&list, "list")] {
        fs::rename(file, context.path(aside)).unwrap();
        symlink(context.path(aside), file).unwrap();
    }
    let confined = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
        command.current_dir(context.root()).env("HOME", context.path("home"));
        command.env("XDG_DATA_HOME", context.path("home")).env_remove("HLB_BENCH_DATA").env_remove("HLB_BENCH_CACHE");
        confined(command.arg("data").args(arguments).args(["--manifest", "made-imagenette.yaml"]))
    };
    for trap in ["a pipe", "a link to /dev/zero"] {
        set(trap, &tench);
        let verified = confined(&["verify"]);
        assert!(verified.code == Some(1) && verified.stderr.contains("1.JPEG` has other bytes"), "{}", verified.stderr);
        let prepared = confined(&["prepare", "imagenette-64"]);
        assert!(prepared.code == Some(2) && prepared.stderr.contains("not a regular file"), "{}", prepared.stderr);
    }
    fs::remove_file(&tench).unwrap();
    symlink(context.path("tench"), &tench).unwrap();
    for arguments in [&["verify"][..], &["prepare", "imagenette-64"]] {
        let answer = confined(arguments);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    }
}

#[test]
fn a_damaged_folder_is_fetched_again_and_moved_aside() {
    let context = fetched();
    context.write(&format!("{FOLDER}/imagenette2-160/train/n01440764/n01440764_1.JPEG"), "");
    let again = fetch(&context, "made-imagenette.yaml", "imagenette2-160.tgz");
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(
        again.stderr.contains("it is now") && again.stderr.contains("made-imagenette.damaged-1"),
        "{}",
        again.stderr
    );
    assert_eq!(verify(&context).code, Some(0));
    assert!(context.path(&format!("{FOLDER}.damaged-1/imagenette2-160/train")).is_dir(), "nothing is lost");
}

#[test]
fn an_unpacked_folder_is_taken_with_its_list_and_refused_without() {
    let context = fetched();
    let unpacked = context.path(FOLDER);
    fs::rename(&unpacked, context.path("unpacked")).unwrap();
    for from in ["unpacked", "unpacked/imagenette2-160"] {
        let answer = fetch(&context, "made-imagenette.yaml", from);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        assert_eq!(verify(&context).code, Some(0));
        fs::remove_dir_all(&unpacked).unwrap();
    }
    let list = context.path("unpacked/imagenette2-160.files.jsonl");
    let text = fs::read_to_string(&list).unwrap();
    context.write("unpacked/imagenette2-160.files.jsonl", text.replacen("\"label\":0", "\"label\":1", 1));
    let forged = fetch(&context, "made-imagenette.yaml", "unpacked");
    assert!(forged.stderr.contains("a split or label that its folder does not stand for"), "{}", forged.stderr);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(1, 2);
    context.write("unpacked/imagenette2-160.files.jsonl", lines.join("\n"));
    let swapped = fetch(&context, "made-imagenette.yaml", "unpacked");
    assert!(swapped.stderr.contains("is not in its order"), "{}", swapped.stderr);
    let most = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["bytes"] = u64::MAX.into();
        line.to_string()
    };
    let most: Vec<String> = text.lines().map(most).collect();
    context.write("unpacked/imagenette2-160.files.jsonl", most.join("\n"));
    let large = fetch(&context, "made-imagenette.yaml", "unpacked");
    assert!(large.stderr.contains("18446744073709551615 bytes, over the limit of 67108864"), "{}", large.stderr);
    fs::remove_file(&list).unwrap();
    let refused = fetch(&context, "made-imagenette.yaml", "unpacked/imagenette2-160");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("has no imagenette2-160.files.jsonl next to it"), "{}", refused.stderr);
    assert!(!unpacked.exists());
}

#[test]
fn several_places_are_tried_in_turn() {
    let context = Context::new();
    imagenette(1, 1).write(&context);
    context.write("wrong.tgz", "<html>");
    let answer = context.run([
        "data",
        "fetch",
        "--manifest",
        "made-imagenette.yaml",
        "--from",
        "nowhere",
        "--from",
        "wrong.tgz",
        "--from",
        "imagenette2-160.tgz",
    ]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("trying wrong.tgz") && answer.stderr.contains("trying imagenette2"),
        "{}",
        answer.stderr
    );
}

#[test]
fn the_next_place_is_tried_after_a_folder_whose_files_are_wrong() {
    let (context, made) = (Context::new(), cifar(20));
    made.write(&context);
    let manifest = format!("{}.yaml", made.id);
    let good = fetch(&context, &manifest, made.file);
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    let home = context.path("home/hlb-bench").join(made.id);
    Command::new("cp").arg("-r").arg(&home).arg(context.path("wrong")).status().unwrap();
    let batch = context.path("wrong/cifar-10-batches-bin/test_batch.bin");
    let mut bytes = fs::read(&batch).unwrap();
    bytes[100] ^= 1;
    fs::write(&batch, bytes).unwrap();
    fs::remove_dir_all(&home).unwrap();
    let answer = context.run(["data", "fetch", "--manifest", &manifest, "--from", "wrong", "--from", made.file]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stderr.contains("wrong/cifar-10-batches-bin/test_batch.bin has SHA-256"), "{}", answer.stderr);
}

#[test]
fn two_fetches_at_once_bring_it_once_and_spoil_nothing() {
    let context = Context::new();
    imagenette(8, 4).write(&context);
    let arguments = ["data", "fetch", "--manifest", "made-imagenette.yaml", "--from", "imagenette2-160.tgz"];
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..4).map(|_| scope.spawn(|| context.run(arguments))).collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    }
    let names: Vec<_> =
        fs::read_dir(context.path("home/hlb-bench")).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("damaged")), "{names:?}");
    assert_eq!(names, ["made-imagenette"], "the data set, and no lock or staging");
}

#[test]
fn a_superseded_archive_is_recognized_and_named() {
    let context = Context::new();
    let (new, old) = (imagenette(2, 1), imagenette(1, 1));
    let mistaken = format!(
        "confirmed: true, mistaken_for: [{{bytes: {}, sha256: \"{}\", is: \"the archive from before the re-pack\"}}]}}",
        old.bytes.len(),
        hlb_core::artifact::sha256_hex(&old.bytes)
    );
    context.write("made.yaml", new.manifest.replace("confirmed: true}", &mistaken));
    context.write("old.tgz", &old.bytes);
    let refused = fetch(&context, "made.yaml", "old.tgz");
    assert_eq!(refused.code, Some(2));
    let expected = "old.tgz is not the archive of `made-imagenette`: this is the archive from before the re-pack";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    context.write("other.tgz", gzip(b"nothing anybody knows"));
    let refused = fetch(&context, "made.yaml", "other.tgz");
    assert!(refused.stderr.contains("other.tgz has SHA-256 "), "{}", refused.stderr);
    assert_eq!(fs::read_dir(context.path("home/hlb-bench")).unwrap().count(), 0, "nothing is left");
}

/// The publisher's addresses served other archives once: their lengths and digests are known.
#[test]
fn shipped_manifests_know_the_archives_they_are_mistaken_for() {
    let known = |id: &str, bytes: u64| {
        let manifest = hlb_data::by_id(id).unwrap();
        let archive = manifest.archive().unwrap();
        archive.mistaken_for.iter().find(|other| other.bytes == bytes).unwrap().is.clone()
    };
    assert!(known("imagenette2-160", 98_948_031).contains("from before it was re-packed"));
    assert!(known("imagenette2-160", 98_752_094).contains("first Imagenette"));
    assert!(known("imagenette2", 1_556_495_367).contains("first Imagenette"));
    assert!(known("imagewoof2-320", 328_288_506).contains("from before it was re-packed"));
    assert!(known("cifar-10-binary", 170_498_071).contains("Python"));
}

#[test]
fn an_unconfirmed_data_set_is_listed_as_such_and_refused() {
    let context = Context::new();
    let listed = context.run(["data", "list"]).stdout;
    let line = listed.lines().find(|line| line.starts_with("imagewoof2-160 ")).unwrap();
    assert!(line.contains("unconfirmed: refused by default"), "{line}");
    assert_eq!(listed.lines().count(), 10, "{listed}");
    let refused = context.run(["data", "fetch", "imagewoof2-160", "--from", "nowhere.tgz"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("no second source confirms") && refused.stderr.contains("--accept-unconfirmed"));
    let accepted = context.run(["data", "fetch", "imagewoof2-160", "--accept-unconfirmed", "--from", "nowhere.tgz"]);
    assert!(accepted.stderr.contains("nowhere.tgz") && accepted.code == Some(2), "{}", accepted.stderr);
}

#[test]
fn a_class_with_an_image_too_few_is_named() {
    let context = Context::new();
    let made = imagenette(3, 2);
    let fewer: Vec<_> =
        made.members.iter().filter(|(path, _)| !path.ends_with("val/n03028079/n03028079_1.JPEG")).cloned().collect();
    refused_archive(&context, &made, &tar_gz(&fewer), "`imagenette2-160/val/n03028079` holds 1 images, expected 2");
}

/// The digest in the manifest is right and the archive is not what it should be.
fn refused_archive(context: &Context, made: &MadeArchive, bytes: &[u8], expected: &str) {
    let right = [made.bytes.len().to_string(), hlb_core::artifact::sha256_hex(&made.bytes).to_string()];
    let wrong = [bytes.len().to_string(), hlb_core::artifact::sha256_hex(bytes).to_string()];
    let manifest = made.manifest.replace(&right[0], &wrong[0]).replace(&right[1], &wrong[1]);
    context.write("m.yaml", manifest);
    context.write("a.tgz", bytes);
    let before = context.files();
    let refused = fetch(context, "m.yaml", "a.tgz");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    assert_eq!(context.files(), before, "nothing outside was touched");
    assert_eq!(fs::read_dir(context.path("home/hlb-bench")).unwrap().count(), 0, "nothing half is left");
}

#[test]
fn a_hostile_archive_is_refused_whole() {
    let context = Context::new();
    let made = imagenette(1, 1);
    let mut members = made.members.clone();
    members.push(members[5].clone());
    refused_archive(&context, &made, &tar_gz(&members), &members[5].0);
    let mut cut = made.bytes.clone();
    cut.truncate(cut.len() - 30);
    refused_archive(&context, &made, &cut, "a.tgz");
    refused_archive(&context, &made, b"<!doctype html>", "a.tgz");
}

#[test]
fn cifar_is_taken_from_its_archive_or_its_files_and_a_wrong_byte_is_named() {
    let context = Context::new();
    let made = cifar(20);
    made.write(&context);
    let verify = |context: &Context| context.run(["data", "verify", "--manifest", "made-cifar.yaml"]);
    assert_eq!(fetch(&context, "made-cifar.yaml", "cifar-10-binary.tar.gz").code, Some(0));
    assert_eq!(verify(&context).code, Some(0));
    let folder = context.path("home/hlb-bench/made-cifar");
    fs::rename(&folder, context.path("unpacked")).unwrap();
    for from in ["unpacked", "unpacked/cifar-10-batches-bin"] {
        assert_eq!(fetch(&context, "made-cifar.yaml", from).code, Some(0));
        fs::remove_dir_all(&folder).unwrap();
    }
    let wrong = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut bytes = made.members[2].1.clone();
        change(&mut bytes);
        context.write("unpacked/cifar-10-batches-bin/data_batch_2.bin", bytes);
        let refused = fetch(&context, "made-cifar.yaml", "unpacked");
        assert!(refused.stderr.contains("data_batch_2.bin") && refused.stderr.contains(expected), "{}", refused.stderr);
        assert!(!folder.exists());
    };
    wrong(&|bytes| bytes[70] ^= 1, "has SHA-256");
    wrong(&|bytes| bytes.truncate(3073 * 19), "58387");
    wrong(&|bytes| bytes.push(0), "61461");
    wrong(&|bytes| bytes[3073] = 10, "label 10");
}

/// What is trained on has one digest, whatever the order of the files and the number of threads.
#[test]
fn prepared_arrays_are_the_same_from_every_order_and_come_back_from_the_cache() {
    let context = Context::new();
    let made = imagenette(4, 2);
    made.write(&context);
    let mut reversed = made.members.clone();
    reversed.reverse();
    let other = tar_gz(&reversed);
    let manifest = made.manifest.replace(&made.bytes.len().to_string(), &other.len().to_string()).replace(
        &hlb_core::artifact::sha256_hex(&made.bytes).to_string(),
        &hlb_core::artifact::sha256_hex(&other).to_string(),
    );
    context.write("reversed/imagenette2-160.tgz", other);
    context.write("reversed/m.yaml", manifest.replace("made-imagenette", "made-reversed"));
    let digest = |manifest: &str, from: &str, cache: &str| {
        let home = context.path(cache);
        let fetched = context.run(["data", "fetch", "--manifest", manifest, "--from", from]);
        assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
        let mut command = context.command();
        command.env("HLB_BENCH_CACHE", &home);
        let run = command.args(["data", "prepare", "imagenette-64", "--manifest", manifest]).output().unwrap();
        let run = crate::support::context::answer(&run);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(fs::read_dir(home).unwrap().count(), 2, "the arrays and their label");
        run.stdout.lines().find_map(|line| line.strip_prefix("content ")).unwrap().to_owned()
    };
    let first = digest("made-imagenette.yaml", "imagenette2-160.tgz", "cache");
    assert_eq!(digest("reversed/m.yaml", "reversed", "cache-2"), first);
    // From the cache alone: the folder is gone.
    fs::remove_dir_all(context.path(FOLDER)).unwrap();
    let prepare = || {
        let mut command = context.command();
        command.env("HLB_BENCH_CACHE", context.path("cache"));
        let arguments = ["data", "prepare", "imagenette-64", "--manifest", "made-imagenette.yaml"];
        crate::support::context::answer(&command.args(arguments).output().unwrap())
    };
    assert!(prepare().stdout.contains(&first));
    let arrays = fs::read_dir(context.path("cache")).unwrap().map(|item| item.unwrap().path());
    let arrays =
        arrays.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "arrays")).unwrap();
    let mut bytes = fs::read(&arrays).unwrap();
    bytes[1000] ^= 1;
    context.write(arrays.strip_prefix(context.root()).unwrap().to_str().unwrap(), bytes);
    let damaged = prepare();
    assert_eq!(damaged.code, Some(2), "the folder is gone");
    assert!(
        damaged.stderr.contains("are damaged") && damaged.stderr.contains("they are made again"),
        "{}",
        damaged.stderr
    );
    fetch(&context, "made-imagenette.yaml", "imagenette2-160.tgz");
    assert!(prepare().stdout.contains(&first), "rebuilt to the same bytes");
    assert!(!prepare().stderr.contains("damaged"));
}

#[test]
fn a_file_that_is_no_image_is_named() {
    let context = Context::new();
    let mut made = imagenette(1, 1);
    let (path, bytes) = &mut made.members[7];
    bytes.truncate(200);
    let (path, bytes) = (path.clone(), tar_gz(&made.members));
    let manifest = made.manifest.replace(&made.bytes.len().to_string(), &bytes.len().to_string()).replace(
        &hlb_core::artifact::sha256_hex(&made.bytes).to_string(),
        &hlb_core::artifact::sha256_hex(&bytes).to_string(),
    );
    context.write("m.yaml", manifest);
    context.write("a.tgz", bytes);
    assert_eq!(fetch(&context, "m.yaml", "a.tgz").code, Some(0), "the bytes are the archive's");
    let refused = context.run(["data", "prepare", "imagenette-64", "--manifest", "m.yaml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains(&path), "{}", refused.stderr);
}

/// The figures pinned in the manifests are counted, not believed.
#[test]
fn known_contents_are_what_they_say() {
    let mut counted = 0;
    for manifest in hlb_data::all() {
        let Some(known) = manifest.content(None) else { continue };
        let prepared = match hlb_data::prepare(&manifest, None, None, &()) {
            Ok(prepared) => prepared,
            Err(missing) => {
                assert!(std::env::var_os("CI").is_none(), "CI installs it: {missing}");
                println!("skipped known_contents_are_what_they_say for {}: {missing}", manifest.id);
                continue;
            }
        };
        assert_eq!(prepared.content_sha256, known.sha256, "{}", manifest.id);
        assert_eq!(count_duplicates(&prepared.arrays), known.duplicates, "{}", manifest.id);
        counted += 1;
    }
    assert!(counted > 0);
}

#[test]
fn prepared_arrays_are_listed_and_pruned() {
    let context = fetched();
    let prepare = ["data", "prepare", "imagenette-64", "--manifest", "made-imagenette.yaml"];
    assert_eq!(context.run(prepare).code, Some(0));
    let listed = context.run(["data", "list"]).stdout;
    let resize = Resize::Squash { side: 64 }.to_string();
    assert!(listed.lines().last().unwrap().contains(&format!("made-imagenette, preprocessed: {resize} (")), "{listed}");
    let pruned = context.run(["data", "prune"]);
    assert!(pruned.stdout.contains("of preprocessed arrays"), "{}", pruned.stdout);
    assert!(!context.run(["data", "list"]).stdout.contains("prepared"));
    assert!(Path::new(&context.path(FOLDER)).is_dir(), "the data set itself stays");
}

/// The servers of the publishers answered with these lengths once.
#[test]
fn a_superseded_archive_is_named_by_its_length_before_it_is_downloaded() {
    let context = Context::new();
    let server =
        Server::scripted(vec![crate::support::server::Answer::bare("200 OK", "").header("Content-Length", "98948031")]);
    let url = server.url("/imagenette2-160.tgz");
    let refused = context.run(["data", "fetch", "imagenette2-160", "--from", &url]);
    assert_eq!(refused.code, Some(2));
    let expected = "is not the archive of `imagenette2-160`: by its length, this is the imagenette2-160 archive from before it was re-packed";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn a_mirror_serves_a_whole_data_set_and_a_web_page_is_none() {
    let context = Context::new();
    let made = imagenette(2, 1);
    made.write(&context);
    let page = Server::scripted(vec![crate::support::server::Answer::new("200 OK", "<!doctype html><p>log in</p>")]);
    let refused = fetch(&context, "made-imagenette.yaml", &page.url("/imagenette2-160.tgz"));
    assert_eq!(refused.code, Some(2));
    let server = Server::of(&made.bytes);
    let (page, mirror) = (page.url("/gone/imagenette2-160.tgz"), server.url("/mirror"));
    let answer =
        context.run(["data", "fetch", "--manifest", "made-imagenette.yaml", "--from", &page, "--from", &mirror]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(server.requests().last().unwrap().path, "/mirror/imagenette2-160.tgz");
    assert_eq!(verify(&context).code, Some(0));
    assert_eq!(fs::read_dir(context.path("home/hlb-bench")).unwrap().count(), 1, "the download is unpacked and gone");
}

#[test]
fn processes_that_prepare_at_once_do_no_harm() {
    let context = fetched();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
        command
            .current_dir(context.root())
            .env("HOME", context.path("home"))
            .env("XDG_DATA_HOME", context.path("home"));
        command.env("HLB_BENCH_CACHE", context.path("cache")).env_remove("HLB_BENCH_DATA");
        command.args(["data", "prepare", "imagenette-64", "--manifest", "made-imagenette.yaml"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..4).map(|_| start()).collect();
    let answers: Vec<Answer> =
        running.into_iter().map(|child| crate::support::context::answer(&child.wait_with_output().unwrap())).collect();
    for answer in &answers {
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
        assert_eq!(answer.stdout, answers[0].stdout);
    }
    assert_eq!(fs::read_dir(context.path("cache")).unwrap().count(), 2, "one pair of files, and no draft");
}

/// A file system of 300 kB in a mount namespace of the command's own, where the system lets us have one.
#[test]
fn a_disk_that_fills_leaves_nothing_half() {
    let context = Context::new();
    imagenette(3, 2).write(&context);
    fs::create_dir(context.path("small")).unwrap();
    let script = "mount -t tmpfs -o size=300k none small && HLB_BENCH_DATA=small \"$0\" data fetch --manifest \
        made-imagenette.yaml --from imagenette2-160.tgz; status=$?; ls -A small; exit $status";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_hlb-bench")]).current_dir(context.root());
    let answer = crate::support::context::answer(&command.output().unwrap());
    if answer.stderr.contains("unshare failed") || answer.stderr.contains("mount:") {
        println!("skipped a_disk_that_fills_leaves_nothing_half: {}", answer.stderr.trim());
        return;
    }
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(answer.stderr.contains("No space left on device"), "{}", answer.stderr);
    assert!(answer.stderr.contains("hint: free some space on the disk"), "{}", answer.stderr);
    assert_eq!(answer.stdout, "", "nothing half is left");
}

/// One processor instead of all, and libjpeg without its vector instructions: another machine in two respects.
#[test]
fn another_machine_prepares_the_same_bytes() {
    let context = fetched();
    let prepare = |wrapper: &[&str], cache: &str| {
        let mut command = Command::new("env");
        command
            .current_dir(context.root())
            .env("HOME", context.path("home"))
            .env("XDG_DATA_HOME", context.path("home"));
        command.env("HLB_BENCH_CACHE", context.path(cache)).env_remove("HLB_BENCH_DATA").args(wrapper);
        command.args([env!("CARGO_BIN_EXE_hlb-bench"), "data", "prepare", "imagenette-64"]);
        crate::support::context::answer(&command.args(["--manifest", "made-imagenette.yaml"]).output().unwrap())
    };
    let here = prepare(&["taskset", "-c", "0-1023"], "here");
    assert_eq!(here.code, Some(0), "{}", here.stderr);
    assert_eq!(prepare(&["JSIMD_FORCENONE=1", "taskset", "-c", "0"], "there").stdout, here.stdout);
}
