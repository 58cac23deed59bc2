//! The main job on the real libtorch, from a variant to a page: small, but nothing of it is simulated.

use std::process::{Command, Stdio};

use crate::context::{Answer, Context, VARIANT, answer};

/// One epoch of a narrow network: seconds, and far from the target.
const SMALL: &str = "epochs: 1\nbatch_size: 512\nblocks: {widths: [8, 8]}\naverage: null\nevaluate: {weights: trained, mirror: false}\n";

fn submit(context: &Context, more: &[&str]) -> Answer {
    context.write("v.yaml", format!("{VARIANT}{SMALL}"));
    let arguments = ["submit", "v.yaml", "--runs", "2", "--key", "key", "--site", "site"];
    let mut command = context.command();
    command.env("HLB_BENCH_TRAINER", env!("CARGO_BIN_EXE_hlb-bench-trainer"));
    answer(&command.args(arguments).args(more).output().unwrap())
}

#[test]
fn a_variant_is_trained_signed_filed_verified_and_shown() {
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
