//! The main job on the real libtorch, from a variant to a page: small, but nothing of it is simulated.

use std::process::{Command, Stdio};

use crate::support::archive::{MadeArchive, cifar, imagenette};
use crate::support::context::{Answer, Context, VARIANT, answer};
use crate::support::trainer::real_trainer;

/// One epoch of a narrow network: seconds, and far from the target.
const SMALL: &str = "epochs: 1\nbatch_size: 512\nblocks: {widths: [8, 8]}\naverage: null\nevaluate: {weights: trained, mirror: false}\n";

fn submit(context: &Context, more: &[&str]) -> Answer {
    context.write("v.yaml", format!("{VARIANT}{SMALL}"));
    let arguments = ["submit", "v.yaml", "--runs", "2", "--key", "key", "--site", "site"];
    let mut command = context.command();
    answer(&command.args(arguments).args(more).output().unwrap())
}

#[test]
fn a_variant_is_trained_signed_filed_verified_and_shown() {
    if real_trainer().is_none() {
        return;
    }
    let context = Context::new();
    assert_eq!(context.run(["keygen", "key"]).code, Some(0));
    let submitted = submit(&context, &["--principal", "ada@github", "--price", "aws/p3.2xlarge"]);
    // One epoch does not reach the target: the entry is filed all the same, and the exit code says so.
    assert_eq!(submitted.code, Some(1), "{}", submitted.stderr);
    assert!(submitted.stderr.contains("0 of 2 runs reached 94.50 %"), "{}", submitted.stderr);
    assert!(submitted.stderr.contains("run 2/2 epoch 1/1: loss "), "{}", submitted.stderr);
    let entry = submitted.stdout.lines().next().unwrap().strip_prefix("entry ").unwrap();
    assert!(entry.starts_with("submissions/shapes/") && entry.ends_with("-tiny"), "{entry}");
    assert!(context.path("site/index.html").is_file());
    assert_eq!(context.run(["verify"]).code, Some(0));
    stock_openssh_agrees(&context, entry);
    let result = std::fs::read_to_string(context.path(entry).join("result.yaml")).unwrap();
    for stated in ["libtorch:\n  version: \"2.11.0", "outcome: \"missed\"", "usd_per_hour: 3.06", "clocks_agree: true"]
    {
        assert!(result.contains(stated), "{stated}: {result}");
    }
    assert!(!context.files().iter().any(|file| file.starts_with("sessions/")), "the session was filed, not copied");
    // The same variant on the same day is another entry, and the key is known by now.
    let again = submit(&context, &[]);
    assert!(again.stdout.contains("-tiny-2\n"), "{}{}", again.stdout, again.stderr);
    assert_eq!(context.run(["leaderboard", "--out", "site"]).code, Some(0));
}

fn stock_openssh_agrees(context: &Context, entry: &str) {
    let signature = format!("{entry}/result.yaml.sig");
    let arguments =
        ["-Y", "verify", "-f", "submissions/allowed_signers", "-I", "ada@github", "-n", "result.v1@hlb-bench", "-s"];
    let mut command = Command::new("ssh-keygen");
    let result = std::fs::File::open(context.path(entry).join("result.yaml")).unwrap();
    command.args(arguments).arg(signature).current_dir(context.root()).stdin(Stdio::from(result));
    match command.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI installs ssh-keygen: {error}");
            println!("skipped stock_openssh_agrees: ssh-keygen: {error}");
        }
    }
}

#[test]
fn a_board_that_cannot_be_written_is_refused_before_training() {
    if real_trainer().is_none() {
        return;
    }
    let context = Context::new();
    assert_eq!(context.run(["keygen", "key"]).code, Some(0));
    let refused = submit(&context, &["--principal", "ada@github", "--submissions", "v.yaml"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("the folder v.yaml cannot be made; name another with --submissions"),
        "{}",
        refused.stderr
    );
    let refused = submit(&context, &["--principal", "Not A Name"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(!context.path("sessions").exists());
}

/// Two epochs of a narrow network on a made data set: what is shown is the way, not the accuracy.
fn submit_on(context: &Context, made: &MadeArchive, reference: &str) -> Answer {
    let (archive, manifest) = made.write(context);
    let fetched = context.run([
        "data".as_ref(),
        "fetch".as_ref(),
        "--manifest".as_ref(),
        manifest.as_os_str(),
        "--from".as_ref(),
        archive.as_os_str(),
    ]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
    let header = format!("name: made\nauthors: [Ada Lovelace]\ndescription: on made data\nextends: {reference}\n");
    let small = "epochs: 2\nbatch_size: 64\nstem: {images: 64, width: 8}\nblocks: {widths: [8, 16]}\naverage: null\n";
    context.write("made.yaml", format!("{header}{small}"));
    assert_eq!(context.run(["keygen", "key"]).code, Some(0));
    let mut command = context.command();
    command.args(["submit", "made.yaml", "--runs", "2", "--key", "key", "--site", "site", "--principal", "ada@github"]);
    answer(&command.arg("--manifest").arg(manifest).output().unwrap())
}

/// The entry of a session on a data set of one's own: verified, on the page, and saying in each place what it is.
fn shown_as_made(context: &Context, submitted: &Answer, track: &str, made: &MadeArchive) {
    assert!(matches!(submitted.code, Some(0 | 1)), "{}", submitted.stderr);
    let warning = format!("`{}` is not the track's published data set; this session is never ranked", made.id);
    assert!(submitted.stderr.contains(&warning), "{}", submitted.stderr);
    let entry = submitted.stdout.lines().next().unwrap().strip_prefix("entry ").unwrap();
    assert!(entry.starts_with(&format!("submissions/{track}/")), "{entry}");
    let result = std::fs::read_to_string(context.path(entry).join("result.yaml")).unwrap();
    assert!(result.contains(&format!("id: \"{}\"\n  published: false", made.id)), "{result}");
    let verified = context.run(["verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    let page = std::fs::read_to_string(context.path("site/index.html")).unwrap();
    let reason = format!("it was trained on `{}`, a data set of its authors, not on the published one", made.id);
    assert!(page.contains(&reason), "{page}");
    // The manifest belongs to the entry: without it, or with another, nothing can be checked.
    let manifest = context.path(entry).join("dataset.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert_eq!(text, made.manifest);
    context.write(&format!("{entry}/dataset.yaml"), text.replace("made by a test", "as published"));
    let fault = || {
        let answer = context.run(["verify"]);
        assert_eq!(answer.code, Some(1));
        answer.stdout + &answer.stderr
    };
    assert!(fault().contains("`data set manifest` has SHA-256"), "{}", fault());
    std::fs::remove_file(&manifest).unwrap();
    assert!(fault().contains("`dataset.published` is `false`"), "{}", fault());
    context.write(&format!("{entry}/dataset.yaml"), text);
}

#[test]
fn imagenette_64_is_trained_from_an_archive_of_the_real_layout() {
    if real_trainer().is_none() {
        return;
    }
    let (context, made) = (Context::new(), imagenette(24, 6));
    let submitted = submit_on(&context, &made, "hlb-imagenette");
    shown_as_made(&context, &submitted, "imagenette-64", &made);
    let files = context.files();
    let entry = files.iter().find(|file| file.ends_with("result.yaml") && file.starts_with("submissions")).unwrap();
    let result = std::fs::read_to_string(context.path(entry)).unwrap();
    assert!(result.contains("resize:\n    kind: \"squash\"\n    side: 64\n"), "{result}");
    assert!(result.contains("target:\n  correct: 90\n  of: 100\n"), "{result}");
    // A session on the published data set cannot be claimed by rewriting one word.
    let claimed = result.replace("published: false", "published: true");
    context.write(entry, claimed);
    assert_eq!(context.run(["verify"]).code, Some(1));
}

#[test]
fn cifar10_is_trained_from_an_archive_of_the_real_layout() {
    if real_trainer().is_none() {
        return;
    }
    let (context, made) = (Context::new(), cifar(60));
    let submitted = submit_on(&context, &made, "hlb-cifar10");
    shown_as_made(&context, &submitted, "cifar10", &made);
}

#[test]
fn imagenette_128_forbids_what_its_rules_forbid() {
    let context = Context::new();
    let (_, manifest) = imagenette(24, 6).write(&context);
    let refused = |change: &str| {
        let header =
            "name: mine\nauthors: [Ada]\ndescription: forbidden\nextends: hlb-imagenette-128\nbatch_size: 64\n";
        context.write("v.yaml", format!("{header}{change}\n"));
        let answer = context.run(["run".as_ref(), "v.yaml".as_ref(), "--manifest".as_ref(), manifest.as_os_str()]);
        assert_eq!(answer.code, Some(2));
        answer.stderr
    };
    let mirror = refused("evaluate: {mirror: true}");
    assert!(mirror.contains("v.yaml:6:") && mirror.contains("forbids test-time augmentation"), "{mirror}");
    let crop = refused("augment: {crop: 96}");
    assert!(crop.contains("forbids evaluation larger than training: images of 128 pixels are evaluated"), "{crop}");
}
